package sysview

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// question is what is asked of a table of information_schema.
type question struct {
	name    string // of the table, upper case
	about   table
	columns []sqltypes.Column // all that the server's version of it has
	wanted  []int             // of columns, in their order: what the statement names
	filter  filter
	planned bool // the text is planned again, by a grammar that knows no VALUES in a union
}

// open reads what columns a table of information_schema has on the servers.
func (v *View) open(ctx context.Context, name string, about table) (*question, error) {
	name = strings.ToUpper(name)
	columns, _, err := v.Servers.Rows(ctx, v.HomeSource, v.HomeSchema, "SELECT * FROM information_schema."+ident(name)+" LIMIT 0")
	if err != nil {
		return nil, err
	}
	q := &question{name: name, about: about, columns: columns}
	if about.name != "" && q.index(about.name) < 0 || len(about.schemas) > 0 && q.index(about.schemas[0]) < 0 {
		return nil, sqlerr.NotSupported("information_schema." + name + " of this version of the server")
	}
	return q, nil
}

// index finds a column; -1.
func (q *question) index(name string) int {
	return slices.IndexFunc(q.columns, func(c sqltypes.Column) bool { return strings.EqualFold(c.Name, name) })
}

// want adds columns by name.
func (q *question) want(names ...string) {
	for _, name := range names {
		if i := q.index(name); i >= 0 && !slices.Contains(q.wanted, i) {
			q.wanted = append(q.wanted, i)
		}
	}
	slices.Sort(q.wanted)
}

func (q *question) wants(names []string) bool {
	return slices.ContainsFunc(q.wanted, func(i int) bool { return has(names, q.columns[i].Name) })
}

// prepare adds the columns that the proxy needs itself.
func (q *question) prepare() (adds bool) {
	q.want(q.about.schemas[0])
	q.want(q.about.each...)
	if q.about.name != "" {
		q.want(q.about.name)
	}
	for _, ref := range q.about.refs {
		if q.wants(ref[:]) {
			q.want(ref[0], ref[1])
		}
	}
	if q.wants([]string{"AVG_ROW_LENGTH"}) && has(q.about.sum, "TABLE_ROWS") {
		q.want("DATA_LENGTH", "TABLE_ROWS")
	}
	adds = q.wants(q.about.sum) || q.wants(q.about.max)
	if adds {
		q.want(q.about.per...)
	}
	return adds
}

// at is the place of a wanted column in the rows; -1.
func (q *question) at(name string) int {
	return slices.IndexFunc(q.wanted, func(i int) bool { return strings.EqualFold(q.columns[i].Name, name) })
}

// gather collects the rows of the logical databases, in logical names and in the order in which a server lists them.
func (v *View) gather(ctx context.Context, q *question) ([]sqltypes.Row, error) {
	g := &gathering{view: v, q: q, adds: q.prepare(), found: map[string]sqltypes.Row{}, owner: map[string]*place{}}
	if q.about.scope == nobody {
		return nil, nil
	}
	for _, d := range v.databases(q.filter.database) {
		for _, p := range d.placesOf(q.about.scope) {
			if err := g.read(ctx, d, p); err != nil {
				return nil, err
			}
		}
	}
	if err := g.passThrough(ctx); err != nil {
		return nil, err
	}
	g.finish()
	return g.rows, nil
}

// gathering is the collecting of one table's rows.
type gathering struct {
	view  *View
	q     *question
	adds  bool
	rows  []sqltypes.Row
	more  []addend
	found map[string]sqltypes.Row // by database, table and row key: where further shards are added
	owner map[string]*place       // of unlisted tables, by database and name: the first place that has it counts
}

// addend is a row of a further shard.
type addend struct {
	key string
	row sqltypes.Row
}

func (g *gathering) read(ctx context.Context, d *database, p *place) error {
	where, ok := g.condition(d, p)
	if !ok {
		return nil
	}
	_, rows, err := g.view.Servers.Rows(ctx, p.source, "", g.text(where))
	if err != nil {
		return err
	}
	schemaAt, nameAt := g.q.at(g.q.about.schemas[0]), g.q.at(g.q.about.name)
	for _, row := range rows {
		if g.view.fold(string(row[schemaAt])) != g.view.fold(p.schema) {
			continue // the server's comparison took another schema for the same
		}
		if g.q.about.name == "" {
			if !g.firstOf(d, p, row) {
				continue
			}
			g.translate(d, p, row, "", "")
			g.rows = append(g.rows, row)
			continue
		}
		physical := string(row[nameAt])
		a := g.view.find(d, p, physical)
		if !g.counts(d, p, physical, a) {
			continue
		}
		g.translate(d, p, row, physical, a.name)
		key := g.key(row)
		if a.part == further {
			g.more = append(g.more, addend{key, row})
			continue
		}
		g.rows = append(g.rows, row)
		g.found[key] = row
	}
	return nil
}

// firstOf reports whether a row is of the first place that keeps its stored program.
func (g *gathering) firstOf(d *database, p *place, row sqltypes.Row) bool {
	if len(g.q.about.each) == 0 {
		return true
	}
	id := d.name
	for _, name := range g.q.about.each {
		if i := g.q.at(name); i >= 0 {
			id += "\x00" + strings.ToLower(string(row[i]))
		}
	}
	if first, ok := g.owner[id]; ok {
		return first == p
	}
	g.owner[id] = p
	return true
}

// counts reports whether a physical table's rows are part of the answer.
func (g *gathering) counts(d *database, p *place, physical string, a actual) bool {
	switch a.part {
	case shown:
		if _, listed := p.tables[g.view.fold(physical)]; listed {
			return true
		}
		id := d.name + "\x00" + g.view.fold(physical)
		if first, ok := g.owner[id]; ok && first != p {
			return false
		}
		g.owner[id] = p
		return true
	case further:
		return g.adds
	}
	return false
}

// key identifies a row over the shards.
func (g *gathering) key(row sqltypes.Row) string {
	if !g.adds {
		return ""
	}
	var b strings.Builder
	for _, name := range append([]string{g.q.about.schemas[0], g.q.about.name}, g.q.about.per...) {
		if i := g.q.at(name); i >= 0 {
			b.Write(row[i])
		}
		b.WriteByte(0)
	}
	return b.String()
}

// finish adds up the shards and puts the rows into the order of a server's listing.
func (g *gathering) finish() {
	for _, a := range g.more {
		if row := g.found[a.key]; row != nil {
			g.add(row, a.row)
		}
	}
	if g.adds {
		g.averages()
	}
	schemaAt, nameAt := g.q.at(g.q.about.schemas[0]), g.q.at(g.q.about.name)
	slices.SortStableFunc(g.rows, func(a, b sqltypes.Row) int {
		n := bytes.Compare(a[schemaAt], b[schemaAt])
		for _, name := range g.q.about.each {
			if i := g.q.at(name); n == 0 && i >= 0 {
				n = strings.Compare(strings.ToLower(string(a[i])), strings.ToLower(string(b[i])))
			}
		}
		if n != 0 || nameAt < 0 {
			return n
		}
		return bytes.Compare(a[nameAt], b[nameAt])
	})
}
