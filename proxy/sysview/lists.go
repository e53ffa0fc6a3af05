package sysview

import (
	"context"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
)

// list is a SHOW whose rows are those of a table of information_schema under other labels.
type list struct {
	table   string
	special map[string]string // label → column, where the column is not the label in upper case
	like    string            // the column that LIKE is about; "": the first
	exactly bool              // LIKE takes names of schemas and tables as they are
	fixed   string            // a condition that the SHOW itself stands for
	all     bool              // rows of all databases
	system  bool              // and of information_schema
	// probe is a text that yields the definitions of the columns, and no row with a condition behind it.
	probe func(st *parser.Statement, d *database) string
}

var lists = map[string]list{
	"TABLES": {table: "TABLES", probe: ofSchema, exactly: true},
	"TABLE STATUS": {table: "TABLES", probe: ofSchema, exactly: true, special: map[string]string{
		"Name": "TABLE_NAME", "Rows": "TABLE_ROWS", "Collation": "TABLE_COLLATION", "Comment": "TABLE_COMMENT",
	}},
	"TRIGGERS": {table: "TRIGGERS", probe: ofSchema, exactly: true, like: "EVENT_OBJECT_TABLE", special: map[string]string{
		"Trigger": "TRIGGER_NAME", "Event": "EVENT_MANIPULATION", "Table": "EVENT_OBJECT_TABLE",
		"Statement": "ACTION_STATEMENT", "Timing": "ACTION_TIMING",
	}},
	"EVENTS": {table: "EVENTS", probe: ofSchema, like: "EVENT_NAME", special: map[string]string{
		"Db": "EVENT_SCHEMA", "Name": "EVENT_NAME", "Type": "EVENT_TYPE",
	}},
	"DATABASES":        {table: "SCHEMATA", exactly: true, all: true, system: true, probe: everywhere, special: map[string]string{"Database": "SCHEMA_NAME"}},
	"PROCEDURE STATUS": routines("PROCEDURE"), "FUNCTION STATUS": routines("FUNCTION"),
	"PACKAGE STATUS": routines("PACKAGE"), "PACKAGE BODY STATUS": routines("PACKAGE BODY"),
}

func routines(kind string) list {
	return list{
		table: "ROUTINES", all: true, like: "ROUTINE_NAME", fixed: "`ROUTINE_TYPE` = '" + kind + "'", probe: everywhere,
		special: map[string]string{
			"Db": "ROUTINE_SCHEMA", "Schema": "ROUTINE_SCHEMA", "Name": "ROUTINE_NAME", "Type": "ROUTINE_TYPE",
			"Modified": "LAST_ALTERED", "Comment": "ROUTINE_COMMENT",
		},
	}
}

// Exactly is a column of names of schemas or tables as LIKE compares it in a SHOW: letters of either case are one only where files
// are.
func Exactly(column string, of *catalog.Snapshot) string {
	if of.FoldsCase() {
		return column
	}
	return "CONVERT(" + column + " USING utf8mb4) COLLATE utf8mb4_bin"
}

// ofSchema asks the database's own home for the definitions.
func ofSchema(st *parser.Statement, d *database) string {
	full := ""
	if st.Show.Full {
		full = "FULL "
	}
	return "SHOW " + full + st.Show.What + " FROM " + ident(d.home().schema)
}

func everywhere(st *parser.Statement, _ *database) string {
	return "SHOW " + st.Show.What
}

// none is a condition that no row meets. Where it sees that, MySQL describes the columns as for a preparation, and otherwise when it
// has to look.
func (v *View) none(st *parser.Statement, l list) string {
	if where := st.Show.Where; l.all && where.Present() && !v.Mode.Flavour.MariaDB && !v.Preparing {
		return " " + where.Span.In(st.Text) // it may look by a key
	}
	if v.Mode.Flavour.MariaDB || v.Preparing {
		return " WHERE 1 = 0"
	}
	return " WHERE RAND() < 0"
}

// showList answers a list.
func (v *View) showList(ctx context.Context, st *parser.Statement, l list) (*Answer, error) {
	if st.Show.Extended {
		return nil, sqlerr.NotSupported("SHOW EXTENDED " + st.Show.What)
	}
	if l.all {
		return v.collected(ctx, st, l, nil, nil, Renamed{})
	}
	d, answer, err := v.shownDatabase(st, st.Show.DB)
	if err != nil || answer != nil {
		return answer, err
	}
	return v.collected(ctx, st, l, d, nil, Renamed{})
}

// collected gathers the rows of a list, of one database or of all, and has a server apply LIKE and WHERE to them.
func (v *View) collected(ctx context.Context, st *parser.Statement, l list, d *database, of *string, t Renamed) (*Answer, error) {
	a := &Answer{DataSource: v.HomeSource, Schema: v.HomeSchema, Table: t}
	if d != nil {
		home := d.home()
		a.DataSource, a.Schema = home.source, home.schema
	}
	columns, _, err := v.Servers.Rows(ctx, a.DataSource, a.Schema, l.probe(st, d)+v.none(st, l))
	if err != nil {
		return nil, err
	}
	about, _ := v.known(l.table)
	q, err := v.open(ctx, l.table, about)
	if err != nil {
		return nil, err
	}
	sources, err := l.sources(q, columns)
	if err != nil {
		return nil, err
	}
	a.Columns = v.labelled(columns, st)
	q.want(append(slices.Clone(sources), l.like, "ROUTINE_TYPE")...)
	if q.filter.table = of; d != nil {
		q.filter.schema = &d.name
	}
	rows, err := v.gather(ctx, q)
	if err != nil {
		return nil, err
	}
	a.SQL, err = v.listSQL(st, l, q, a.Columns, sources, v.exactly(q, d, of, rows))
	return a, err
}

// exactly keeps the rows of the database and table that are meant: a filter lets more through.
func (v *View) exactly(q *question, d *database, of *string, rows []sqltypes.Row) []sqltypes.Row {
	schemaAt, nameAt := q.at(q.about.schemas[0]), q.at(q.about.name)
	return slices.DeleteFunc(rows, func(row sqltypes.Row) bool {
		return d != nil && string(row[schemaAt]) != d.name ||
			of != nil && v.fold(string(row[nameAt])) != v.fold(*of)
	})
}

// labelled puts the logical database and the pattern into the first label.
func (v *View) labelled(columns []sqltypes.Column, st *parser.Statement) []sqltypes.Column {
	d := st.Show
	if d.What != "TABLES" && d.What != "DATABASES" || len(columns) == 0 {
		return columns
	}
	if d.What == "TABLES" {
		name := d.DB
		if name == "" {
			name = v.Database
		}
		columns[0].Name = "Tables_in_" + name
	}
	if d.Like.Present() {
		columns[0].Name += " (" + pattern(d.Like.In(st.Text), v.Mode.SQLMode.Has(parser.NoBackslashEscapes)) + ")"
	}
	// MySQL names a column of its own query so.
	if strings.HasPrefix(columns[0].OrgName, "Tables_in_") || columns[0].OrgName == "Database" && !v.Preparing {
		columns[0].OrgName = columns[0].Name
	}
	return columns
}

// pattern is the value of a pattern's literal. In patterns a backslash before % and _ is not taken off.
func pattern(literal string, raw bool) string {
	if len(literal) < 2 {
		return literal
	}
	quote := literal[:1]
	inner := strings.ReplaceAll(literal[1:len(literal)-1], quote+quote, quote)
	if raw {
		return inner
	}
	var b strings.Builder
	for i := 0; i < len(inner); i++ {
		if inner[i] == '\\' && i+1 < len(inner) {
			if i++; inner[i] == '%' || inner[i] == '_' {
				b.WriteByte('\\')
			}
		}
		b.WriteByte(inner[i])
	}
	return b.String()
}

// sources are the columns of information_schema behind the labels.
func (l list) sources(q *question, columns []sqltypes.Column) ([]string, error) {
	out := make([]string, len(columns))
	for i := range columns {
		label := columns[i].Name
		column, ok := l.special[label]
		switch {
		case ok:
		case strings.HasPrefix(label, "Tables_in_"):
			column = "TABLE_NAME"
		default:
			column = strings.ToUpper(strings.ReplaceAll(label, " ", "_"))
		}
		if q.index(column) < 0 {
			return nil, sqlerr.NotSupported("SHOW of this version's column " + label)
		}
		out[i] = column
	}
	return out, nil
}

// listSQL is the query over the collected rows. Its conditions may use the labels and the columns' own names.
func (v *View) listSQL(st *parser.Statement, l list, q *question, columns []sqltypes.Column, sources []string, rows []sqltypes.Row) (string, error) {
	var out []output
	var labels []string
	taken := map[string]bool{}
	for i := range columns {
		label := columns[i].Name
		out = append(out, output{q.at(sources[i]), label})
		taken[strings.ToUpper(label)] = true
		labels = append(labels, ident(label))
	}
	for _, o := range q.outputs() {
		if !taken[strings.ToUpper(o.label)] {
			out = append(out, o)
		}
	}
	derived, err := v.inline(q, out, rows, l.system)
	if err != nil {
		return "", err
	}
	var where []string
	if l.fixed != "" {
		where = append(where, l.fixed)
	}
	d := st.Show
	switch {
	case d.Like.Present() && pattern(d.Like.In(st.Text), true) != "": // servers take an empty pattern for none
		on := labels[0]
		if l.like != "" {
			on = ident(out[slices.IndexFunc(out, func(o output) bool { return strings.EqualFold(q.columns[q.wanted[o.at]].Name, l.like) })].label)
		}
		if l.exactly {
			on = Exactly(on, v.Snapshot)
		}
		where = append(where, on+" LIKE "+d.Like.In(st.Text))
	case d.Where.Present():
		where = append(where, "("+d.Where.Body.In(st.Text)+")")
	}
	sql := "SELECT " + strings.Join(labels, ", ") + " FROM " + derived + " AS " + ident(q.name)
	if len(where) > 0 {
		sql += " WHERE " + strings.Join(where, " AND ")
	}
	return sql, nil
}
