package sysview

import (
	"strings"

	"github.com/heddle-mesh/heddle/router/rule"
)

// database is a logical database with the schemas that hold its parts.
type database struct {
	name   string
	layout *rule.Layout
	places []*place
	listed map[string]bool // logical names of the rules, folded
}

// place is one schema of a data source.
type place struct {
	source, schema string
	unlisted       bool // tables that no rule names are found here
	tables         map[string]actual
	whole          bool // of a pass-through database: everything is as it is
}

// actual is what a physical table is.
type actual struct {
	name string // logical
	part part
}

// part says how a physical table counts.
type part uint8

const (
	shown   part = iota // it stands for the logical table
	further             // another shard of one that is shown: its rows count too
	copied              // another copy of a broadcast table
	hidden              // no logical table
)

// fold prepares a name of a table or schema for comparison.
func (v *View) fold(name string) string {
	if v.Snapshot.FoldsCase() {
		return strings.ToLower(name)
	}
	return name
}

// databases lists what the account sees, the logical ones in the documents' order. of limits them; nil: all.
func (v *View) databases(of func(name string) bool) []*database {
	var out []*database
	for _, l := range v.Snapshot.Layouts() {
		if l.Database != "" && v.mayUse(l.Database) && (of == nil || of(l.Database)) {
			out = append(out, v.database(l))
		}
	}
	return out
}

// database indexes a layout.
func (v *View) database(l *rule.Layout) *database {
	d := &database{name: l.Database, layout: l, listed: map[string]bool{}}
	for i := range l.DataSources {
		d.at(l.DataSources[i].Name, l.DataSources[i].Schema).unlisted = true
	}
	for _, t := range l.Tables {
		d.listed[v.fold(t.Name)] = true
		lead := leadNode(l, t.Nodes)
		for i, n := range t.Nodes {
			p := further
			if i == lead {
				p = shown
			}
			d.at(n.DataSource, n.Schema).tables[v.fold(n.Table)] = actual{t.Name, p}
		}
	}
	for _, t := range l.Broadcast {
		d.listed[v.fold(t.Name)] = true
		lead := leadNode(l, t.Nodes)
		for i, n := range t.Nodes {
			p := copied
			if i == lead {
				p = shown
			}
			d.at(n.DataSource, n.Schema).tables[v.fold(n.Table)] = actual{t.Name, p}
		}
	}
	for _, t := range l.Single {
		d.listed[v.fold(t.Name)] = true
		d.at(t.Node.DataSource, t.Node.Schema).tables[v.fold(t.Node.Table)] = actual{t.Name, shown}
	}
	return d
}

// leadNode is the node that stands for a table: one of the default data source, else the first.
func leadNode(l *rule.Layout, nodes []rule.Node) int {
	for i := range nodes {
		if nodes[i].DataSource == l.DefaultDataSource {
			return i
		}
	}
	return 0
}

func (d *database) at(source, schema string) *place {
	for _, p := range d.places {
		if p.source == source && p.schema == schema {
			return p
		}
	}
	p := &place{source: source, schema: schema, tables: map[string]actual{}}
	d.places = append(d.places, p)
	return p
}

// placesOf are the places whose rows count, the home first where stored programs are asked for.
func (d *database) placesOf(of scope) []*place {
	switch of {
	case ofDatabase:
		return []*place{d.home()}
	case ofPrograms:
		out := []*place{d.home()}
		for _, p := range d.places {
			if p.unlisted && p != out[0] {
				out = append(out, p)
			}
		}
		return out
	}
	return d.places
}

// home is where a database keeps what belongs to no table, its own properties.
func (d *database) home() *place {
	for _, p := range d.places {
		if p.source == d.layout.DefaultDataSource && p.unlisted {
			return p
		}
	}
	return d.places[0]
}

// find says what a physical table of a place is.
func (v *View) find(d *database, p *place, table string) actual {
	if a, ok := p.tables[v.fold(table)]; ok {
		return a
	}
	if !p.unlisted || d.listed[v.fold(table)] {
		return actual{part: hidden}
	}
	return actual{table, shown}
}

// logicalSchema is the logical database that a schema of a data source is a part of; "": none.
func (v *View) logicalSchema(d *database, source, schema string) *database {
	if d.has(v, source, schema) {
		return d
	}
	for _, l := range v.Snapshot.Layouts() {
		if l.Database == "" || l == d.layout {
			continue
		}
		if other := v.database(l); other.has(v, source, schema) {
			return other
		}
	}
	return nil
}

func (d *database) has(v *View, source, schema string) bool {
	return d.placeOf(v, source, schema) != nil
}

func (d *database) placeOf(v *View, source, schema string) *place {
	for _, p := range d.places {
		if p.source == source && v.fold(p.schema) == v.fold(schema) {
			return p
		}
	}
	return nil
}

// logicalTable puts a physical table's name, as one of source has it, into logical ones. Names that belong to nobody
// stay as they are.
func (v *View) logicalTable(d *database, source, schema, table string) (db, name string) {
	owner := v.logicalSchema(d, source, schema)
	if owner == nil {
		return schema, table
	}
	if table == "" {
		return owner.name, ""
	}
	if a, ok := owner.placeOf(v, source, schema).tables[v.fold(table)]; ok {
		return owner.name, a.name
	}
	return owner.name, table
}
