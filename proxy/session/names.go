package session

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/ddl"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
)

// Physical names must not reach a client: column definitions and error texts carry those of the shard.

// renamer returns what puts logical names into a relayed column definition; nil where the names are the same.
func (s *Session) renamer(p *plan.Plan, route *plan.Route, t *plan.Target) func(*wire.ColumnView) {
	if !p.Rename {
		return nil
	}
	rename := func(v *wire.ColumnView) {
		i := actualTable(route, t, string(v.Schema), string(v.OrgTable))
		if i < 0 {
			if db, ok := logicalSchema(route, t, string(v.Schema)); ok {
				v.Schema = []byte(db)
			}
			return
		}
		// The names are put into a buffer of the session's: the definition is written before the next is looked at.
		s.names = append(append(s.names[:0], route.Tables[i]...), route.Databases[i]...)
		table := s.names[:len(route.Tables[i])]
		if string(v.Table) == t.Names[i] {
			v.Table = table
		}
		v.OrgTable = table
		if len(v.Schema) > 0 {
			v.Schema = s.names[len(table):]
		}
	}
	if s.wide == nil {
		return rename
	}
	return s.wide.renaming(rename)
}

// label is what an answer's column is called, and what its definition says otherwise than that of the text that runs. An empty name
// leaves the column as it is.
type label struct {
	name    string
	instead wire.Instead
}

// relabel adds labels to what rename does; see execution.labels.
func relabel(rename func(*wire.ColumnView), labels []label) func(*wire.ColumnView) {
	if labels == nil {
		return rename
	}
	i := -1
	return func(v *wire.ColumnView) {
		if rename != nil {
			rename(v)
		}
		if i++; i < len(labels) && labels[i].name != "" {
			_ = v.Relabel(labels[i].name, labels[i].instead) // what cannot be read has been refused before
		}
	}
}

// labelled gives the columns of a stream their labels; see execution.labels.
func labelled(rows merge.RowStream, labels []label) merge.RowStream {
	if labels == nil || len(labels) != len(rows.Columns()) {
		return rows
	}
	columns := slices.Clone(rows.Columns())
	for i := range columns {
		if labels[i].name != "" {
			if columns[i].OrgName == columns[i].Name {
				columns[i].OrgName = labels[i].name
			}
			columns[i].Name = labels[i].name
			instead := &labels[i].instead
			columns[i].Flags &^= instead.Without
			columns[i].Type = cmp.Or(instead.Type, columns[i].Type)
			columns[i].Length = instead.LengthOf(columns[i].Length)
		}
	}
	return &definedRows{rows, columns}
}

// hiddenTable begins the names of derived tables that the planner puts around a statement.
const hiddenTable = "_hdl"

// logicalColumns puts logical names into decoded definitions.
func logicalColumns(columns []sqltypes.Column, s *Session, route *plan.Route, t *plan.Target) []sqltypes.Column {
	wide := s.wide
	for i := range columns {
		c := &columns[i]
		if wide == nil {
			logicalColumn(c, route, t)
			continue
		}
		for _, name := range []*string{&c.Schema, &c.Table, &c.OrgTable} {
			*name = string(wide.narrow([]byte(*name)))
		}
		logicalColumn(c, route, t)
		for _, name := range []*string{&c.Schema, &c.Table, &c.OrgTable} {
			*name = string(wide.widen([]byte(*name)))
		}
	}
	return columns
}

func logicalColumn(c *sqltypes.Column, route *plan.Route, t *plan.Target) {
	if strings.HasPrefix(c.Table, hiddenTable) {
		c.Schema, c.Table, c.OrgTable = "", "", "" // as the columns of a UNION have none
		return
	}
	at := actualTable(route, t, c.Schema, c.OrgTable)
	if at < 0 {
		if db, ok := logicalSchema(route, t, c.Schema); ok {
			c.Schema = db
		}
		return
	}
	if c.Table == t.Names[at] {
		c.Table = route.Tables[at]
	}
	c.OrgTable = route.Tables[at]
	if c.Schema != "" {
		c.Schema = route.Databases[at]
	}
}

// logicalSchema finds the database that a schema of the target belongs to: of columns of derived tables and views.
func logicalSchema(route *plan.Route, t *plan.Target, schema string) (db string, ok bool) {
	for i := range t.Schemas {
		if i < len(route.Databases) && t.Schemas[i] == schema {
			return route.Databases[i], true
		}
	}
	if schema != "" && schema == t.Schema && t.Database != "" {
		return t.Database, true // of what a stored program reads
	}
	return "", false
}

// actualTable finds which of the target's tables a shard means.
func actualTable(route *plan.Route, t *plan.Target, schema, table string) int {
	for i := range t.Names {
		if i < len(route.Databases) && t.Names[i] == table && t.Schemas[i] == schema {
			return i
		}
	}
	if schema != "" {
		return -1
	}
	for i := range t.Names { // a column of a derived table may come without its schema
		if i < len(route.Databases) && t.Names[i] == table && table != route.Tables[i] {
			return i
		}
	}
	return -1
}

// logicalError puts logical names into a shard's error.
func (s *Session) logicalError(e *sqlerr.Error, route *plan.Route, t *plan.Target) *sqlerr.Error {
	msg := s.shownText(e.Msg, route, t)
	if msg == e.Msg {
		return e
	}
	return sqlerr.New(e.Code, e.State, msg)
}

// logicalText puts logical names into a shard's message.
func logicalText(msg string, route *plan.Route, t *plan.Target) string {
	if route == nil || t == nil {
		return msg
	}
	if len(t.Names) > 0 && len(route.Databases) > 0 && strings.Contains(msg, plan.StoredTable) { // of the table that takes the rows
		msg = replaceName(msg, t.Schemas[0], plan.StoredTable, route.Databases[0], route.Tables[0])
	}
	for i := range t.Names {
		if i < len(route.Databases) {
			if strings.HasPrefix(msg, "Unknown table '") { // which names several, in one pair of quotes
				msg = replaceListed(msg, t.Schemas[i]+"."+t.Names[i], route.Databases[i]+"."+route.Tables[i])
			}
			msg = replaceName(msg, t.Schemas[i], t.Names[i], route.Databases[i], route.Tables[i])
		}
	}
	if t.Database != "" && t.Database != t.Schema { // what a stored program names, and the program itself
		for _, before := range []string{"'", " ", "("} {
			msg = strings.ReplaceAll(msg, before+t.Schema+".", before+t.Database+".")
		}
		for _, quote := range nameQuotes {
			msg = strings.ReplaceAll(msg, quote+t.Schema+quote+".", quote+t.Database+quote+".")
		}
	}
	if strings.Contains(msg, "heddle gather ") {
		msg = gathered.ReplaceAllString(msg, "")
	}
	return msg
}

// gathered stands before the columns of what a statement's parts have gathered, which the client has under no name of a table.
var gathered = regexp.MustCompile("(?:[`\"][^`\"]*[`\"]\\.)?[`\"]heddle gather \\d+[`\"]\\.")

// replaceListed replaces an element of the list 'a,b,c' that a message ends with.
func replaceListed(msg, old, name string) string {
	head, list, ok := strings.Cut(msg, "'")
	if !ok || !strings.HasSuffix(list, "'") {
		return msg
	}
	names := strings.Split(strings.TrimSuffix(list, "'"), ",")
	for i := range names {
		if names[i] == old {
			names[i] = name
		}
	}
	return head + "'" + strings.Join(names, ",") + "'"
}

// replaceName replaces a table's actual name in the forms in which servers print it: 'schema.table', `schema`.`table`,
// "schema"."table", 'schema.table.column', and the table alone in quotes.
func replaceName(msg, schema, table, db, name string) string {
	if schema == db && table == name {
		return msg
	}
	msg = strings.ReplaceAll(msg, "'"+schema+"."+table+"'", "'"+db+"."+name+"'")
	msg = strings.ReplaceAll(msg, "'"+schema+"."+table+".", "'"+db+"."+name+".")
	msg = strings.ReplaceAll(msg, "'"+schema+".", "'"+db+".")
	for _, quote := range nameQuotes {
		msg = strings.ReplaceAll(msg, quote+schema+quote+"."+quote+table+quote, quote+db+quote+"."+quote+name+quote)
		msg = strings.ReplaceAll(msg, quote+schema+quote+".", quote+db+quote+".")
		if table != name {
			msg = strings.ReplaceAll(msg, quote+table+quote, quote+name+quote)
			msg = strings.ReplaceAll(msg, quote+table+".", quote+name+".") // of a column's CHECK
			msg = replaceConstraints(msg, quote, table, name)
		}
	}
	if table != name {
		msg = strings.ReplaceAll(msg, "'"+table+"'", "'"+name+"'")
		msg = strings.ReplaceAll(msg, "'"+table+".", "'"+name+".")
	}
	return msg
}

// constraintQuoted are messages that name a constraint in the quotes that values have elsewhere.
var constraintQuoted = []string{"Check constraint '", "Duplicate check constraint name '", "Duplicate foreign key constraint name '"}

// replaceConstraints replaces the names of an actual table's constraints.
func replaceConstraints(msg, quote, table, name string) string {
	for _, head := range constraintQuoted {
		if quote == "`" && strings.HasPrefix(msg, head) {
			quote = "'"
		}
	}
	for from := 0; ; {
		at := strings.Index(msg[from:], quote+table+"_")
		if at < 0 {
			return msg
		}
		at += from + len(quote)
		end := strings.Index(msg[at:], quote)
		if end < 0 {
			return msg
		}
		logical := rewrite.LogicalConstraint(msg[at:at+end], table, name)
		msg = msg[:at] + logical + msg[at+end:]
		from = at + len(logical) + len(quote)
	}
}

// shownText is logicalText of a message that may name tables which the statement does not: of foreign keys.
func (s *Session) shownText(msg string, route *plan.Route, t *plan.Target) string {
	msg = logicalText(msg, route, t)
	if route == nil || t == nil || len(route.Databases) == 0 || !strings.Contains(msg, "foreign key") {
		return msg
	}
	layout, _ := s.srv.Catalogs.Current().Database(route.Databases[0])
	for actual, logical := range ddl.Renames(layout, t.DataSource, t.Schemas[0]) {
		msg = replaceName(msg, t.Schemas[0], actual, route.Databases[0], logical)
	}
	return msg
}

// homeError puts logical names into what a server says of a question of the session's own.
func (s *Session) homeError(err error) error {
	e := sqlerr.As(err)
	if e == nil {
		return err
	}
	if _, schema, none := s.home(); none == nil {
		return s.logicalError(e, &plan.Route{}, &plan.Target{Schema: schema, Database: s.db})
	}
	return err
}

// nameQuotes are those around the names that servers print as statements have them; the second in ANSI_QUOTES.
var nameQuotes = []string{"`", `"`}
