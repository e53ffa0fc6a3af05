package session

import (
	"slices"
	"unicode/utf8"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
)

// A text that SQL's EXECUTE is given keeps the collation of the variable or literal; one of another charset than the connection's is
// converted and has the connection's. A literal in the text that runs in its place has that of the connection, or behind an introducer
// its charset's own; where the value's is a third one, it must not be the text that decides how it compares.

// collationOther stands for a collation that no literal has.
const collationOther = uint16(0xffff)

// withCollations adds, for each expression, what a literal has to be that compares as it does.
func withCollations(expressions []string) []string {
	out := slices.Clone(expressions)
	for _, e := range expressions {
		out = append(out, "IF(CHARSET("+e+") <> @@character_set_connection, 'c', "+
			"CASE COLLATION("+e+") WHEN @@collation_connection THEN 'c' WHEN COLLATION(_utf8mb4'') THEN 'u' ELSE 'o' END)")
	}
	return out
}

// collate has a text written so that it compares as the value does, of which like tells.
func (s *Session) collate(v *sqltypes.Value, like []byte) {
	if v.Kind != sqltypes.KindString {
		return
	}
	ascii := !slices.ContainsFunc(v.Bytes, func(c byte) bool { return c >= utf8.RuneSelf })
	switch {
	case string(like) == "c" && (ascii || s.clientCharset() == "utf8mb4"):
		v.Collation = 0
	case string(like) == "o":
		v.Collation = collationOther
	}
}

// readsCollations refuses texts of a collation that no literal has, but where they meet a column, whose collation counts. They are
// written in the charset they have been read in.
func readsCollations(stmt *prepared, values []sqltypes.Value) error {
	other := func(v sqltypes.Value) bool { return v.Kind == sqltypes.KindString && v.Collation == collationOther }
	if !slices.ContainsFunc(values, other) {
		return nil
	}
	st, err := parser.Parse(string(stmt.text), stmt.mode)
	if err != nil {
		return nil // which running it says
	}
	param := 0
	for i := range st.Tokens {
		if st.Tokens[i].Kind != parser.Param {
			continue
		}
		if param < len(values) && other(values[param]) && !meetsColumn(st, i) {
			return sqlerr.NotSupported("EXECUTE … USING a text whose collation is neither the connection's nor utf8mb4's own, where it is not compared with or stored in a column")
		}
		param++
	}
	for i := range values {
		if other(values[i]) {
			values[i].Collation = sqltypes.CollationUTF8MB4
		}
	}
	return nil
}

// meetsColumn reports whether the parameter at i is compared with a column, or stored in one, and nothing else.
func meetsColumn(st *parser.Statement, i int) bool {
	at := func(k int) *parser.Token {
		if k < 0 || k >= len(st.Tokens) {
			return &parser.Token{}
		}
		return &st.Tokens[k]
	}
	ends := i+1 >= len(st.Tokens) || at(i+1).Kind == parser.Word || at(i+1).Is(",") || at(i+1).Is(")")
	if !ends {
		return false
	}
	before := func(k int) bool { return at(k).Ident() && !at(k).Is("NOT") || at(k).Is("NOT") && at(k-1).Ident() }
	switch prev := at(i - 1); {
	case comparesOrAssigns[prev.Word] || prev.Is("LIKE") || prev.Is("BETWEEN"):
		return before(i - 2)
	case prev.Is("AND") && at(i-3).Is("BETWEEN"):
		return before(i - 4)
	case prev.Is("(") || prev.Is(","):
		k := i - 1
		for k > 0 && at(k).Depth >= st.Tokens[i].Depth {
			k--
		}
		if at(k - 1).Is("IN") {
			return before(k - 2)
		}
		return (st.Kind == parser.Insert || st.Kind == parser.Replace) && (at(k-1).Is("VALUES") || at(k-1).Is("VALUE") || at(k-1).Is(","))
	}
	return false
}

// comparesOrAssigns are the operators that compare, and assign.
var comparesOrAssigns = wordSet("= < > <= >= <> != <=> :=")
