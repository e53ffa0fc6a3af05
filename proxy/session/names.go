package session

import (
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router/plan"
)

// Physical names must not reach a client: column definitions and error texts carry those of the shard.

// renamer returns what puts logical names into a relayed column definition; nil where the names are the same.
func (s *Session) renamer(p *plan.Plan, route *plan.Route, t *plan.Target) func(*wire.ColumnView) {
	if !p.Rename {
		return nil
	}
	return func(v *wire.ColumnView) {
		i := actualTable(route, t, string(v.Schema), string(v.OrgTable))
		if i < 0 {
			return
		}
		if string(v.Table) == t.Names[i] {
			v.Table = []byte(route.Tables[i])
		}
		v.OrgTable = []byte(route.Tables[i])
		v.Schema = []byte(route.Databases[i])
	}
}

// logicalColumns puts logical names into decoded definitions.
func logicalColumns(columns []sqltypes.Column, s *Session, route *plan.Route, t *plan.Target) []sqltypes.Column {
	for i := range columns {
		c := &columns[i]
		at := actualTable(route, t, c.Schema, c.OrgTable)
		if at < 0 {
			continue
		}
		if c.Table == t.Names[at] {
			c.Table = route.Tables[at]
		}
		c.OrgTable, c.Schema = route.Tables[at], route.Databases[at]
	}
	return columns
}

// actualTable finds which of the target's tables a shard means.
func actualTable(route *plan.Route, t *plan.Target, schema, table string) int {
	for i := range t.Names {
		if i < len(route.Databases) && t.Names[i] == table && t.Schemas[i] == schema {
			return i
		}
	}
	return -1
}

// logicalError puts logical names into a shard's error.
func logicalError(e *sqlerr.Error, route *plan.Route, t *plan.Target) *sqlerr.Error {
	msg := e.Msg
	for i := range t.Names {
		if i >= len(route.Databases) {
			break
		}
		msg = replaceName(msg, t.Schemas[i], t.Names[i], route.Databases[i], route.Tables[i])
	}
	if msg == e.Msg {
		return e
	}
	return sqlerr.New(e.Code, e.State, msg)
}

// replaceName replaces a table's actual name in the forms in which servers print it.
func replaceName(msg, schema, table, db, name string) string {
	if schema == db && table == name {
		return msg
	}
	msg = strings.ReplaceAll(msg, "'"+schema+"."+table+"'", "'"+db+"."+name+"'")
	msg = strings.ReplaceAll(msg, "`"+schema+"`.`"+table+"`", "`"+db+"`.`"+name+"`")
	if table != name {
		msg = strings.ReplaceAll(msg, "'"+table+"'", "'"+name+"'")
		msg = strings.ReplaceAll(msg, "`"+table+"`", "`"+name+"`")
	}
	return msg
}
