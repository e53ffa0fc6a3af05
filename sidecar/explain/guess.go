package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router"
	"github.com/heddle-mesh/heddle/router/catalog"
)

// guess stands in for a server's answer to a draft: columns have the types that are known of them, counts are whole
// numbers, and any other expression is taken for one. What the server would be asked is noted.
func (e *explanation) guess(need *router.NeedColumns) {
	note := fmt.Sprintf("%s, schema %s, would be asked for the columns of: %s", need.Target.DataSource, need.Target.Schema, need.SQL)
	e.asked = append(e.asked, note)
	if e.facts.Columns == nil {
		e.facts.Columns, e.facts.Collations = map[string][]sqltypes.Column{}, map[uint16]string{}
	}
	var columns []sqltypes.Column
	if draft, err := parser.Parse(need.SQL, e.mode); err == nil && draft.Clauses != nil {
		g := guessing{e, draft, e.tablesOf(draft, need)}
		c := draft.Clauses
		if len(c.Branches) > 0 {
			c = c.Branches[0]
		}
		for _, item := range c.List {
			columns = append(columns, g.item(item)...)
		}
	}
	e.facts.Columns[need.Key] = columns
}

// guessing is one draft.
type guessing struct {
	*explanation
	draft  *parser.Statement
	tables []guessedTable
}

// guessedTable is a table of a draft, under the name that its columns have there.
type guessedTable struct {
	name   string
	schema *catalog.TableSchema
}

// tablesOf are the tables of a draft that are known, in order. A draft has the names of the target.
func (e *explanation) tablesOf(draft *parser.Statement, need *router.NeedColumns) []guessedTable {
	var out []guessedTable
	for i := range draft.Tables {
		ref := &draft.Tables[i]
		database, table, name := e.in.Database, ref.Name, ref.Alias
		if need.Route != nil {
			if at := slices.Index(need.Target.Names, ref.Name); at >= 0 && at < len(need.Route.Tables) {
				database, table = need.Route.Databases[at], need.Route.Tables[at]
			}
		}
		if name == "" {
			name = ref.Name
		}
		if schema, ok := e.snap.Table(database, table); ok && schema != nil {
			out = append(out, guessedTable{name, schema})
		}
	}
	return out
}

func (g *guessing) item(item parser.Item) []sqltypes.Column {
	text := strings.TrimSpace(item.Expr.In(g.draft.Text))
	qualifier, name := "", text
	if i := strings.LastIndexByte(text, '.'); i >= 0 {
		qualifier, name = text[:i], text[i+1:]
	}
	qualifier, name = strings.Trim(qualifier[strings.LastIndexByte(qualifier, '.')+1:], "`"), strings.Trim(name, "`")
	var out []sqltypes.Column
	for _, t := range g.tables {
		if qualifier != "" && !strings.EqualFold(qualifier, t.name) {
			continue
		}
		for i := range t.schema.Columns {
			c := &t.schema.Columns[i]
			if item.Star && !c.Invisible || strings.EqualFold(c.Name, name) {
				col := g.column(c)
				col.Table, col.OrgTable = t.name, t.schema.Name
				out = append(out, col)
			}
		}
	}
	switch {
	case item.Star:
		return out
	case len(out) == 0:
		if !strings.HasPrefix(strings.ToUpper(text), "COUNT(") {
			g.assumed = append(g.assumed, text+" is a whole number")
		}
		out = []sqltypes.Column{{Name: text, Type: sqltypes.LongLong, Length: 21, Collation: sqltypes.CollationBinary}}
	}
	if item.Alias != "" {
		out[0].Name = item.Alias
	}
	return out[:1]
}

// kinds are the protocol's types of SQL's.
var kinds = map[string]sqltypes.Type{
	"tinyint": sqltypes.Tiny, "smallint": sqltypes.Short, "mediumint": sqltypes.Int24, "int": sqltypes.Long, "integer": sqltypes.Long,
	"bigint": sqltypes.LongLong, "float": sqltypes.Float, "double": sqltypes.Double, "decimal": sqltypes.NewDecimal, "numeric": sqltypes.NewDecimal,
	"date": sqltypes.Date, "datetime": sqltypes.Datetime, "timestamp": sqltypes.Timestamp, "time": sqltypes.Time, "year": sqltypes.Year,
	"char": sqltypes.String, "varchar": sqltypes.VarString, "binary": sqltypes.String, "varbinary": sqltypes.VarString, "bit": sqltypes.Bit,
	"enum": sqltypes.String, "set": sqltypes.String,
}

// column describes a column as a server would, as far as planning looks.
func (g *guessing) column(c *catalog.Column) sqltypes.Column {
	col := sqltypes.Column{Name: c.Name, OrgName: c.Name, Type: sqltypes.Blob, Length: 255, Collation: sqltypes.CollationBinary}
	if t, ok := kinds[c.DataType]; ok {
		col.Type = t
	}
	switch c.DataType {
	case "enum":
		col.Flags |= sqltypes.FlagEnum
	case "set":
		col.Flags |= sqltypes.FlagSet
	}
	if strings.Contains(c.Type, "unsigned") {
		col.Flags |= sqltypes.FlagUnsigned
	}
	if c.Collation != "" {
		flavour := wire.MySQL
		if g.mode.Flavour.MariaDB {
			flavour = wire.MariaDB
		}
		if known, ok := wire.CollationByName(c.Collation, flavour); ok {
			col.Collation = known.ID
			g.facts.Collations[known.ID] = c.Collation
		}
	}
	return col
}
