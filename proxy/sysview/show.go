package sysview

import (
	"context"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/rule"
)

// show answers SHOW and DESCRIBE.
func (v *View) show(ctx context.Context, st *parser.Statement) (*Answer, error) {
	d := st.Show
	if list, ok := lists[d.What]; ok {
		return v.showList(ctx, st, list)
	}
	switch d.What {
	case "COLUMNS", "FIELDS":
		return v.showColumns(ctx, st)
	case "INDEX", "INDEXES", "KEYS":
		return v.showIndex(ctx, st)
	case "CREATE TABLE", "CREATE VIEW", "CREATE SEQUENCE":
		return v.showCreateTable(ctx, st)
	case "CREATE DATABASE":
		return v.showCreateDatabase(ctx, st)
	case "CREATE TRIGGER", "CREATE PROCEDURE", "CREATE FUNCTION", "CREATE EVENT", "CREATE PACKAGE", "CREATE PACKAGE BODY":
		return v.showCreateProgram(ctx, st)
	case "GRANTS":
		return v.showGrants(st)
	}
	return v.elsewhere(st)
}

// elsewhere passes on what is about the one server that there is, and refuses it where there are several.
func (v *View) elsewhere(st *parser.Statement) (*Answer, error) {
	if v.several() || strings.HasPrefix(st.Show.What, "CREATE ") {
		return nil, sqlerr.NotSupported("SHOW " + st.Show.What + ", over several servers")
	}
	return v.asWritten(st, v.HomeSource, v.HomeSchema), nil
}

func (v *View) asWritten(st *parser.Statement, source, schema string) *Answer {
	return &Answer{DataSource: source, Schema: schema, SQL: st.Text}
}

// shownDatabase is the database that a SHOW is about. own is false where answer is not nil: it is not a logical one.
func (v *View) shownDatabase(st *parser.Statement, named string) (d *database, answer *Answer, err error) {
	db := named
	if db == "" {
		db = v.Database
	}
	layout, own, err := v.layoutOf(db)
	if err != nil {
		return nil, nil, err
	}
	if own {
		return v.database(layout), nil, nil
	}
	source := v.HomeSource
	if layout != nil {
		source = layout.DefaultDataSource
	}
	return nil, v.asWritten(st, source, db), nil
}

// shownTable finds the table that a SHOW is about and the one that stands for it.
func (v *View) shownTable(ctx context.Context, st *parser.Statement) (d *database, node rule.Node, place catalog.Placement, answer *Answer, err error) {
	if len(st.Tables) != 1 {
		return nil, node, place, nil, sqlerr.NotSupported("SHOW " + st.Show.What + " without a table")
	}
	t := &st.Tables[0]
	d, answer, err = v.shownDatabase(st, t.Schema)
	if e := sqlerr.As(err); e != nil && e.Code == sqlerr.CodeBadDB {
		err = sqlerr.NoSuchTable(t.Schema, t.Name) // of a table, servers say this
	}
	if err != nil || answer != nil {
		return nil, node, place, answer, err
	}
	place, err = v.Servers.Place(ctx, d.name, t.Name)
	if err != nil {
		return nil, node, place, nil, err
	}
	switch place.Kind {
	case catalog.KindSharded:
		node = place.Sharded.Nodes[leadNode(d.layout, place.Sharded.Nodes)]
	case catalog.KindBroadcast:
		node = place.Broadcast.Nodes[leadNode(d.layout, place.Broadcast.Nodes)]
	default:
		node = place.Single
	}
	return d, node, place, nil, nil
}

// onTable is the statement with the actual table's name in it.
func (v *View) onTable(st *parser.Statement, d *database, node rule.Node) (*Answer, error) {
	t := &st.Tables[0]
	if t.Name != node.Table && !(ascii(t.Name) && ascii(node.Table)) && v.Mode.Charset != parser.CharsetUTF8 {
		return nil, sqlerr.NotSupported("SHOW of the sharded table " + t.Name + " under this character_set_client")
	}
	var e edits
	if t.Name != node.Table {
		e.replace(t.NameSpan, ident(node.Table))
	}
	if t.SchemaSpan.Present() {
		e.replace(t.SchemaSpan, ident(node.Schema))
	}
	return &Answer{
		DataSource: node.DataSource, Schema: node.Schema, SQL: e.apply(st.Text),
		Table: Renamed{Database: d.name, Name: t.Name, Schema: node.Schema, Actual: node.Table},
	}, nil
}

// showColumns is SHOW COLUMNS and DESCRIBE, whose rows name no table.
func (v *View) showColumns(ctx context.Context, st *parser.Statement) (*Answer, error) {
	d, node, _, answer, err := v.shownTable(ctx, st)
	if err != nil || answer != nil {
		return answer, err
	}
	return v.onTable(st, d, node)
}

// showIndex is SHOW INDEX: of a sharded table the cardinalities are added up.
func (v *View) showIndex(ctx context.Context, st *parser.Statement) (*Answer, error) {
	d, node, place, answer, err := v.shownTable(ctx, st)
	if err != nil || answer != nil {
		return answer, err
	}
	native, err := v.onTable(st, d, node)
	if err != nil {
		return nil, err
	}
	if place.Kind != catalog.KindSharded && node.Table == st.Tables[0].Name {
		return native, nil
	}
	list := list{table: "STATISTICS", special: indexColumns, probe: func(*parser.Statement, *database) string {
		return "SHOW INDEX FROM " + ident(node.Table) + " FROM " + ident(node.Schema)
	}}
	name := st.Tables[0].Name
	return v.collected(ctx, st, list, d, &name, native.Table)
}

var indexColumns = map[string]string{"Table": "TABLE_NAME", "Key_name": "INDEX_NAME", "Null": "NULLABLE", "Visible": "IS_VISIBLE"}
