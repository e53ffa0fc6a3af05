package sysview

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// output is a column of a derived table: which wanted column it is, and its name there.
type output struct {
	at    int // in wanted
	label string
}

// outputs are the wanted columns under their own names.
func (q *question) outputs() []output {
	out := make([]output, len(q.wanted))
	for i, column := range q.wanted {
		out[i] = output{i, q.columns[column].Name}
	}
	return out
}

// inline writes rows as a derived table. Its first branch reads the table itself, so that types and collations are
// exactly its own; it has the rows of information_schema where system is set and they can be wanted.
func (v *View) inline(q *question, out []output, rows []sqltypes.Row, system bool) (string, error) {
	var b strings.Builder
	b.WriteString("(SELECT ")
	for i, o := range out {
		if i > 0 {
			b.WriteString(", ")
		}
		name := q.columns[q.wanted[o.at]].Name
		b.WriteString(ident(name))
		if name != o.label {
			b.WriteString(" AS " + ident(o.label))
		}
	}
	b.WriteString(" FROM information_schema." + ident(q.name) + " WHERE ")
	if system && len(q.about.schemas) > 0 && q.filter.database(informationSchema) {
		b.WriteString(ident(q.about.schemas[0]) + " = '" + informationSchema + "'")
	} else {
		b.WriteString("1 = 0")
	}
	if err := v.values(&b, q, out, rows, v.cell); err != nil {
		return "", err
	}
	b.WriteByte(')')
	return b.String(), nil
}

// maxBranches bounds the rows for servers that know no row constructor and take a SELECT for each.
const maxBranches = 1000

// values writes the rows behind the first branch.
func (v *View) values(b *strings.Builder, q *question, out []output, rows []sqltypes.Row, cell func([]byte, *sqltypes.Column) string) error {
	head, row, end := " UNION ALL VALUES ", "(", ")"
	separator := ", "
	switch f := v.Mode.Flavour; {
	case q.planned:
		head, row, end, separator = " UNION ALL ", "SELECT ", "", " UNION ALL "
		if len(rows) > maxBranches {
			return tooMany(q)
		}
	case f.MariaDB:
	case f.Version >= 80019:
		row = "ROW("
	default:
		head, row, end, separator = " UNION ALL ", "SELECT ", "", " UNION ALL "
		if len(rows) > maxBranches {
			return tooMany(q)
		}
	}
	for i, r := range rows {
		if i == 0 {
			b.WriteString(head)
		} else {
			b.WriteString(separator)
		}
		b.WriteString(row)
		for k, o := range out {
			if k > 0 {
				b.WriteByte(',')
			}
			b.WriteString(cell(r[o.at], &q.columns[q.wanted[o.at]]))
		}
		b.WriteString(end)
		if b.Len() > v.MaxText {
			return tooMany(q)
		}
	}
	return nil
}

func tooMany(q *question) error {
	if strings.HasPrefix(q.name, Heddle+".") {
		return sqlerr.NotSupported("a question about so many rows of " + q.name)
	}
	return sqlerr.NotSupported("a question about so many rows of information_schema." + q.name + "; ask for one table_schema and table_name")
}

// cell writes a value so that it has its column's type and reads the same under any sql_mode and character set.
func (v *View) cell(value []byte, column *sqltypes.Column) string {
	switch {
	case value == nil:
		return "NULL"
	case column.Type.IsInteger() && number(value):
		if column.Unsigned() {
			return "CAST(" + string(value) + " AS UNSIGNED)"
		}
		return "CAST(" + string(value) + " AS SIGNED)"
	case column.Type.IsDecimal() && number(value):
		return string(value)
	case column.Type == sqltypes.Datetime || column.Type == sqltypes.Timestamp:
		return "CAST(" + v.literal(value) + " AS DATETIME" + fraction(value) + ")"
	case column.Type == sqltypes.JSON:
		return "CAST(" + v.literal(value) + " AS JSON)"
	}
	return v.literal(value)
}

// fraction is the precision of a time's text.
func fraction(value []byte) string {
	if _, digits, ok := strings.Cut(string(value), "."); ok {
		return "(" + strconv.Itoa(len(digits)) + ")"
	}
	return ""
}

func number(value []byte) bool {
	return len(value) > 0 && strings.Trim(string(value), "0123456789.-") == ""
}

// literal writes a text in the character set of identifiers. MySQL warns of that one's name: where ASCII says it, it is
// asked to read ASCII, which it takes into any other.
func (v *View) literal(value []byte) string {
	for _, c := range value {
		if c < ' ' || c > '~' || c == '\'' || c == '\\' {
			return "_" + v.charset() + " X'" + hex.EncodeToString(value) + "'"
		}
	}
	if !v.Mode.Flavour.MariaDB {
		return "_ascii'" + string(value) + "'"
	}
	return "_" + v.charset() + "'" + string(value) + "'"
}
