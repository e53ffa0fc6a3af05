package sharding

import (
	"strconv"
	"strings"
)

// ParseKeyType reads a column's type as information_schema.COLUMNS gives it: COLUMN_TYPE ("bigint(20) unsigned",
// "enum('a','b')") and COLLATION_NAME (empty for types without). A type that cannot be a sharding key, for want of
// one canonical text per value (FLOAT, DOUBLE) or because the format does not define it (BIT, SET, JSON, TEXT, BLOB,
// UUID, INET6 …), gives FamilyUnsupported.
func ParseKeyType(columnType, collation string, notNull bool) KeyType {
	name, args, rest := splitType(columnType)
	t := KeyType{Unsigned: strings.Contains(rest, "unsigned") || strings.Contains(rest, "zerofill"), NotNull: notNull}
	first := 0
	if len(args) > 0 {
		first, _ = strconv.Atoi(args[0])
	}
	if t.numeric(name, args, first) || t.temporal(name, first) {
		return t
	}
	switch name {
	case "char", "varchar":
		t.Family, t.Length, t.Fixed, t.Collation = FamilyString, first, name == "char", collation
		if _, ok := collationOf(collation); !ok {
			t.Family = FamilyUnsupported
		}
	case "binary", "varbinary":
		t.Family, t.Length, t.Fixed = FamilyBinary, first, name == "binary"
	case "enum":
		t.Family, t.Collation, t.Members = FamilyEnum, collation, args
		if _, ok := collationOf(collation); !ok {
			t.Family = FamilyUnsupported
		}
	default:
		t.Family = FamilyUnsupported
	}
	return t
}

// numeric sets t for a type of numbers.
func (t *KeyType) numeric(name string, args []string, first int) bool {
	widths := map[string]int{"tinyint": 1, "bool": 1, "boolean": 1, "smallint": 2, "mediumint": 3, "int": 4, "integer": 4, "bigint": 8}
	switch name {
	case "decimal", "numeric", "dec", "fixed":
		t.Family, t.Precision = FamilyDecimal, 10
		if first > 0 {
			t.Precision = first
		}
		if len(args) > 1 {
			t.Scale, _ = strconv.Atoi(args[1])
		}
	case "float", "double", "real":
		t.Family = FamilyFloat
	case "year":
		t.Family = FamilyYear
	default:
		if widths[name] == 0 {
			return false
		}
		t.Family, t.Width = FamilyInteger, widths[name]
	}
	return true
}

// temporal sets t for a type of times.
func (t *KeyType) temporal(name string, digits int) bool {
	families := map[string]Family{"date": FamilyDate, "datetime": FamilyDatetime, "timestamp": FamilyTimestamp, "time": FamilyTime}
	f, ok := families[name]
	if ok {
		t.Family, t.Scale = f, digits
	}
	return ok
}

// splitType cuts "decimal(10,2) unsigned" into its name, its arguments (unquoted) and what follows.
func splitType(s string) (name string, args []string, rest string) {
	s = strings.TrimSpace(s)
	end := strings.IndexAny(s, "( ")
	if end < 0 {
		return strings.ToLower(s), nil, ""
	}
	name, rest = strings.ToLower(s[:end]), s[end:]
	if open := strings.TrimLeft(rest, " "); strings.HasPrefix(open, "(") {
		args, rest = splitArgs(open[1:])
	}
	return name, args, strings.ToLower(rest)
}

// splitArgs reads a comma-separated list up to its closing parenthesis; a quote inside quotes is doubled.
func splitArgs(s string) (args []string, rest string) {
	var arg strings.Builder
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\'' && quoted && i+1 < len(s) && s[i+1] == '\'':
			arg.WriteByte(c)
			i++
		case c == '\'':
			quoted = !quoted
		case quoted:
			arg.WriteByte(c)
		case c == ',' || c == ')':
			args = append(args, arg.String())
			arg.Reset()
			if c == ')' {
				return args, s[i+1:]
			}
		case c != ' ':
			arg.WriteByte(c)
		}
	}
	return append(args, arg.String()), ""
}

// Compatible reports whether equal values of two key columns always have equal canonical bytes: only then do rows
// that a join on the two finds equal live on nodes of the same index, and only then is the join colocated.
func Compatible(a, b KeyType) bool {
	number := func(f Family) bool { return f == FamilyInteger || f == FamilyDecimal }
	text := func(f Family) bool { return f == FamilyString || f == FamilyEnum }
	switch {
	case number(a.Family) && number(b.Family):
		return true
	case text(a.Family) && text(b.Family):
		return sameWeights(a.Collation, b.Collation)
	case a.Family == FamilyBinary && b.Family == FamilyBinary:
		return true
	case a.Family == FamilyUnknown || a.Family == FamilyUnsupported || a.Family == FamilyFloat:
		return false
	}
	return a.Family == b.Family
}

// sameWeights reports whether two collations are one, utf8mb3 and utf8mb4 aside where the weights are the same.
func sameWeights(a, b string) bool {
	ca, okA := collationOf(a)
	cb, okB := collationOf(b)
	if !okA || !okB {
		return false
	}
	if ca.name == cb.name {
		return true
	}
	_, restA, _ := strings.Cut(ca.name, "_")
	_, restB, _ := strings.Cut(cb.name, "_")
	utf8 := strings.HasPrefix(ca.charset, "utf8mb") && strings.HasPrefix(cb.charset, "utf8mb")
	return utf8 && restA == restB && !ca.bytes
}
