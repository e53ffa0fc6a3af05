package router

import (
	"fmt"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
)

// oracleCollations are the ids that the oracle uses.
var oracleCollations = map[uint16]string{
	45: "utf8mb4_general_ci", 46: "utf8mb4_bin", 63: "binary", 224: "utf8mb4_unicode_ci", 8: "latin1_swedish_ci",
	2306: "utf8mb4_uca1400_ai_ci", 2308: "utf8mb4_uca1400_as_cs", 1070: "utf8mb4_nopad_bin", 2310: "utf8mb4_uca1400_nopad_as_cs", 34: "cp1250_czech_cs",
}

// describe is a stand-in for a server that describes a SELECT: it knows columns, and the result types of the
// functions that the golden files use.
func (w *world) describe(sql string, env Env) ([]sqltypes.Column, error) {
	stmt, err := parser.Parse(sql, w.mode)
	if err != nil {
		return nil, err
	}
	c := stmt.Clauses
	if c == nil {
		return nil, nil
	}
	if len(c.Branches) > 0 {
		c = c.Branches[0]
	}
	var out []sqltypes.Column
	for _, item := range c.List {
		if item.Star {
			out = append(out, w.star(stmt, item, env)...)
			continue
		}
		col := w.typeOf(stmt, item.Expr, env)
		if item.Alias != "" {
			col.Name = item.Alias
		}
		out = append(out, col)
	}
	return out, nil
}

// tablesOf are the schemas that a draft's FROM clause names, with their aliases.
func (w *world) tablesOf(stmt *parser.Statement, env Env) (schemas []catalog.TableSchema, aliases, physical []string) {
	for _, ref := range stmt.Tables {
		name := ref.Alias
		for key, s := range w.schemas {
			db, table, _ := strings.Cut(key, ".")
			logical := ref.Name
			if i := strings.LastIndexByte(logical, '_'); i > 0 && strings.Trim(logical[i+1:], "0123456789") == "" {
				logical = logical[:i]
			}
			if db == env.Database && (table == logical || table == ref.Name) {
				if name == "" {
					name = table
				}
				schemas, aliases, physical = append(schemas, s), append(aliases, name), append(physical, ref.Name)
				break
			}
		}
	}
	return schemas, aliases, physical
}

func (w *world) star(stmt *parser.Statement, item parser.Item, env Env) []sqltypes.Column {
	var out []sqltypes.Column
	text := item.Expr.In(stmt.Text)
	schemas, aliases, physical := w.tablesOf(stmt, env)
	for i, s := range schemas {
		if q, _, ok := strings.Cut(text, "."); ok && strings.Trim(q, "`") != aliases[i] {
			continue
		}
		for j := range s.Columns {
			col := columnOf(&s.Columns[j])
			col.Table, col.OrgTable = aliases[i], physical[i]
			out = append(out, col)
		}
	}
	return out
}

// typeOf guesses an expression's type from its text.
func (w *world) typeOf(stmt *parser.Statement, span parser.Span, env Env) sqltypes.Column {
	text := span.In(stmt.Text)
	upper := strings.ToUpper(text)
	number := sqltypes.Column{Name: text, Type: sqltypes.LongLong, Length: 21, Collation: 63}
	switch {
	case strings.HasPrefix(upper, "COUNT("):
		return number
	case strings.HasPrefix(upper, "SUM("), strings.HasPrefix(upper, "AVG("):
		return sqltypes.Column{Name: text, Type: sqltypes.NewDecimal, Length: 32, Collation: 63, Decimals: 4}
	case strings.HasPrefix(upper, "STDDEV"), strings.HasPrefix(upper, "RAND("):
		return sqltypes.Column{Name: text, Type: sqltypes.Double, Length: 23, Collation: 63}
	case strings.HasPrefix(upper, "GROUP_CONCAT("):
		return sqltypes.Column{Name: text, Type: sqltypes.Blob, Length: 1 << 20, Collation: 45}
	}
	for _, f := range []string{"MIN(", "MAX(", "UPPER(", "CONCAT(", "("} {
		if strings.HasPrefix(upper, f) && strings.HasSuffix(text, ")") {
			col := w.column(stmt, text[len(f):len(text)-1], env)
			col.Name = text
			return col
		}
	}
	if i := strings.Index(upper, " COLLATE "); i > 0 {
		col := w.column(stmt, text[:i], env)
		for id, name := range oracleCollations {
			if name == strings.TrimSpace(text[i+9:]) {
				col.Collation = id
			}
		}
		return col
	}
	return w.column(stmt, text, env)
}

// column finds a column by name; anything else is a number.
func (w *world) column(stmt *parser.Statement, text string, env Env) sqltypes.Column {
	parts := strings.Split(text, ".")
	name := strings.Trim(strings.TrimSpace(parts[len(parts)-1]), "`")
	schemas, aliases, physical := w.tablesOf(stmt, env)
	for i, s := range schemas {
		if len(parts) > 1 && strings.Trim(parts[len(parts)-2], "`") != aliases[i] {
			continue
		}
		if c := s.Column(name); c != nil {
			col := columnOf(c)
			col.Table, col.OrgTable = aliases[i], physical[i]
			return col
		}
	}
	return sqltypes.Column{Name: text, Type: sqltypes.LongLong, Length: 21, Collation: 63}
}

func columnOf(c *catalog.Column) sqltypes.Column {
	col := sqltypes.Column{Name: c.Name, OrgName: c.Name, Type: sqltypes.LongLong, Length: 21, Collation: 63}
	for id, name := range oracleCollations {
		if name == c.Collation {
			col.Collation = id
		}
	}
	switch c.DataType {
	case "varchar", "char":
		col.Type = sqltypes.VarString
		var n uint32
		_, _ = fmt.Sscanf(c.Type[strings.IndexByte(c.Type, '(')+1:], "%d", &n)
		col.Length = n * 4
	case "text":
		col.Type, col.Length = sqltypes.Blob, 65535
	case "decimal":
		col.Type, col.Decimals = sqltypes.NewDecimal, 2
	case "float":
		col.Type = sqltypes.Float
	case "datetime":
		col.Type, col.Length = sqltypes.Datetime, 19
	case "enum":
		col.Type, col.Flags, col.Length = sqltypes.String, sqltypes.FlagEnum, 40
	case "uuid":
		col.Type, col.Extended, col.Length = sqltypes.String, []byte("\x00\x04uuid"), 36
	}
	return col
}
