package router

import (
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/router/sharding"
)

// table is a logical table that the statement names, however often.
type table struct {
	db, name string
	place    catalog.Placement
	index    int                  // in planning.tables and in Target.Names
	schema   *catalog.TableSchema // nil: not known, or no such table
	system   bool                 // of information_schema and its kin
	gathered *gathered            // a temporary table, wherever the statement runs
	own      bool                 // a temporary table of the session, on one connection

	algorithm sharding.Algorithm // of sharded tables
	keys      []sharding.KeyType
}

func (t *table) sharded() bool   { return t.place.Kind == catalog.KindSharded }
func (t *table) broadcast() bool { return t.place.Kind == catalog.KindBroadcast }
func (t *table) single() bool    { return !t.sharded() && !t.broadcast() && t.gathered == nil }

// nodes lists where the table is.
func (t *table) nodes() []rule.Node {
	switch {
	case t.sharded():
		return t.place.Sharded.Nodes
	case t.broadcast():
		return t.place.Broadcast.Nodes
	}
	return []rule.Node{t.place.Single}
}

// keyIndex is the place of a column in the sharding key, -1 if it is not part of it.
func (t *table) keyIndex(column string) int {
	if !t.sharded() {
		return -1
	}
	for i, k := range t.place.Sharded.Key {
		if strings.EqualFold(k, column) {
			return i
		}
	}
	return -1
}

// column finds a column of the schema by name; -1 if the schema is not known or has none.
func (t *table) column(name string) int {
	if t.schema == nil {
		return -1
	}
	for i := range t.schema.Columns {
		if strings.EqualFold(t.schema.Columns[i].Name, name) {
			return i
		}
	}
	return -1
}

var systemSchemas = map[string]bool{"information_schema": true, "mysql": true, "performance_schema": true, "sys": true}

// resolveTables finds the logical table of every occurrence.
func (p *planning) resolveTables() error {
	p.byRef = make([]*table, len(p.stmt.Tables))
	for i := range p.stmt.Tables {
		ref := &p.stmt.Tables[i]
		if ref.CTE || ref.DeleteRef {
			continue
		}
		db := ref.Schema
		if db == "" {
			if p.byRef[i] = p.temporary(ref.Name); p.byRef[i] != nil {
				continue
			}
			db = p.env.Database
		}
		if db == "" {
			if strings.EqualFold(ref.Name, "dual") {
				continue
			}
			return sqlerr.NoDatabase()
		}
		t, err := p.table(db, ref.Name)
		if err != nil {
			return err
		}
		p.byRef[i] = t
	}
	return p.missing()
}

// knownDatabase reports whether a document names a database: a MySQL server says of a table in no database that there is none.
func (p *planning) knownDatabase(db string) bool {
	_, ok := p.snap.Database(db)
	return ok
}

// table finds or adds a logical table.
func (p *planning) table(db, name string) (*table, error) {
	for _, t := range p.tables {
		if p.sameName(t.db, db) && p.sameName(t.name, name) {
			return t, nil
		}
	}
	t := &table{db: db, name: name, index: len(p.tables)}
	if p.ownTemporary(t) {
		p.tables = append(p.tables, t)
		return t, nil
	}
	if systemSchemas[strings.ToLower(db)] {
		if _, own := p.snap.Database(db); !own || p.passThrough(db) {
			t.system = true
			t.place.Kind = catalog.KindSingle
			t.place.Single = rule.Node{DataSource: p.defaultDataSource(), Schema: db, Table: name}
			p.tables = append(p.tables, t)
			return t, nil
		}
	}
	place, ok := p.snap.Place(db, name)
	if !ok && !p.env.Mode.Flavour.MariaDB && !p.knownDatabase(db) {
		return nil, sqlerr.UnknownDatabase(db)
	}
	if !ok {
		return nil, sqlerr.NoSuchTable(db, name)
	}
	if len(place.Conflict) > 0 {
		return nil, sqlerr.NotSupported("the table " + db + "." + name + ", which is on the data sources " + strings.Join(place.Conflict, " and "))
	}
	t.place = place
	if place.Virtual && !p.readsVirtual(name) {
		l := place.Layout
		t.place = catalog.Placement{Kind: catalog.KindSingle, Layout: l, Single: l.SingleNode(l.DefaultDataSource, name)}
	}
	p.tables = append(p.tables, t)
	return t, p.lookUp(t)
}

// ownTemporary makes t the session's temporary table of its name, if there is one.
func (p *planning) ownTemporary(t *table) bool {
	l, ok := p.snap.Database(t.db)
	if !ok {
		return false
	}
	for i := range p.env.Temporary {
		of := &p.env.Temporary[i]
		if !p.sameName(of.Schema.Database, t.db) || !p.sameName(of.Schema.Name, t.name) {
			continue
		}
		t.own, t.schema = true, of.Schema
		t.place = catalog.Placement{Kind: catalog.KindSingle, Layout: l, Single: l.SingleNode(of.DataSource, t.name)}
		return true
	}
	return false
}

// readsVirtual reports whether the statement does no more than read a table that servers make up. All else is an error, or
// nothing, by what any one server has to say of it.
func (p *planning) readsVirtual(name string) bool {
	if p.stmt.Kind == parser.LockTables {
		return true
	}
	if !aliasKinds[p.stmt.Kind] || p.stmt.Kind == parser.CreateTable || p.stmt.Kind == parser.CreateTemporaryTable {
		return false
	}
	for i := range p.stmt.Tables {
		if ref := &p.stmt.Tables[i]; p.sameName(ref.Name, name) && ref.Role != parser.RoleRead && ref.Role != parser.RoleUpdate {
			return false
		}
	}
	return true
}

// lookUp attaches the schema and, for sharded tables, the algorithm. Tables whose place depends on what the servers
// have, and all sharded ones, have to be known; others are asked for only when planning needs them.
func (p *planning) lookUp(t *table) error {
	schema, known := p.snap.Table(t.db, t.name)
	t.schema = schema
	if !known {
		unlisted := t.place.Kind == catalog.KindUnknown && len(t.place.Layout.DataSources) > 1
		if t.sharded() || unlisted {
			p.need(t)
		}
		return nil
	}
	if t.sharded() && schema != nil {
		return p.attachAlgorithm(t)
	}
	return nil
}

// attachAlgorithm gives a sharded table its key types and its algorithm.
func (p *planning) attachAlgorithm(t *table) error {
	if err := p.driftOfKey(t); err != nil {
		return err
	}
	for _, k := range t.place.Sharded.Key {
		i := t.column(k)
		if i < 0 {
			return sqlerr.UnknownColumn(k, "sharding key")
		}
		t.keys = append(t.keys, t.schema.Columns[i].Key)
	}
	a, err := p.algorithm(t)
	if t.algorithm = a; err != nil || len(t.schema.ForeignKeys) == 0 || !p.readsOrWrites() {
		return err
	}
	for _, f := range catalog.KeyActions(p.snap, t.place.Sharded, t.place.Layout, t.schema) {
		return p.refuse("a statement on a sharded table whose rows may not be where their keys are: " + f.String())
	}
	return nil
}

// readsOrWrites reports whether the statement is about rows, not about definitions alone.
func (p *planning) readsOrWrites() bool {
	for i := range p.stmt.Tables {
		switch p.stmt.Tables[i].Role {
		case parser.RoleRead, parser.RoleInsert, parser.RoleUpdate, parser.RoleDelete:
			return true
		}
	}
	return false
}

// need records a table whose schema has to be loaded; missing reports them.
func (p *planning) need(t *table) {
	name := Name{Database: t.db, Table: t.name}
	for _, n := range p.needed {
		if n == name {
			return
		}
	}
	p.needed = append(p.needed, name)
}

// missing is the question for all schemas that turned out to be needed, or nil.
func (p *planning) missing() error {
	if len(p.needed) == 0 {
		return nil
	}
	return &NeedTables{Names: p.needed}
}

// requireSchema asks for the table's schema if nobody looked at it yet. The schema may still be nil: no such table.
func (p *planning) requireSchema(t *table) error {
	if t.schema != nil || t.system {
		return nil
	}
	if _, known := p.snap.Table(t.db, t.name); known {
		return nil
	}
	p.need(t)
	return p.missing()
}

func (p *planning) sameName(a, b string) bool {
	return a == b || p.snap.FoldsCase() && strings.EqualFold(a, b)
}

func (p *planning) passThrough(db string) bool {
	l, ok := p.snap.Database(db)
	return ok && l.Database == ""
}

// defaultDataSource is where statements without tables run: that of the connection's database, else of the first document.
func (p *planning) defaultDataSource() string {
	if l := p.defaultLayout(); l != nil {
		return l.DefaultDataSource
	}
	return ""
}

func (p *planning) defaultLayout() *rule.Layout {
	if p.env.Database != "" {
		if l, ok := p.snap.Database(p.env.Database); ok {
			return l
		}
	}
	if all := p.snap.Layouts(); len(all) > 0 {
		return all[0]
	}
	return nil
}
