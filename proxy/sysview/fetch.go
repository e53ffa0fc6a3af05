package sysview

import (
	"context"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// text is the query for the wanted columns. Their cells come as the bytes that the server holds, in the character set
// of identifiers, whatever the session's is.
func (g *gathering) text(where string) string {
	var b strings.Builder
	b.WriteString("SELECT ")
	for i, column := range g.q.wanted {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("CAST(" + ident(g.q.columns[column].Name) + " AS BINARY)")
	}
	b.WriteString(" FROM information_schema." + ident(g.q.name) + " WHERE " + where)
	return b.String()
}

// condition selects the rows of a place that can count; ok is false where none can. Equality with one name is what
// servers look up without opening every table of the schema.
func (g *gathering) condition(d *database, p *place) (where string, ok bool) {
	where = g.equals(g.q.about.schemas[0], p.schema)
	if g.q.about.name == "" {
		return where, true
	}
	var names, without []string
	for physical, a := range p.tables {
		counts := a.part == shown || a.part == further && g.adds
		switch {
		case counts && g.q.filter.named(a.name):
			names = append(names, physical)
		case !counts:
			without = append(without, physical)
		}
	}
	if g.q.filter.table != nil && p.unlisted {
		names = append(names, *g.q.filter.table)
	}
	if g.q.filter.table != nil || !p.unlisted {
		slices.Sort(names)
		names = slices.Compact(names)
		if len(names) == 0 {
			return "", false
		}
		return where + " AND " + g.among(names), true
	}
	if len(without) > 0 {
		slices.Sort(without)
		where += " AND NOT " + g.among(without)
	}
	return where, true
}

func (g *gathering) equals(column, value string) string {
	return ident(column) + " = " + g.view.literal([]byte(value))
}

func (g *gathering) among(names []string) string {
	if len(names) == 1 {
		return g.equals(g.q.about.name, names[0])
	}
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = g.view.literal([]byte(name))
	}
	return ident(g.q.about.name) + " IN (" + strings.Join(list, ", ") + ")"
}

// passThrough collects the rows of the schemas that a document without a database name lets through, where there is
// one: those that no logical database hides.
func (g *gathering) passThrough(ctx context.Context) error {
	for _, l := range g.view.Snapshot.Layouts() {
		if l.Database != "" {
			continue
		}
		where := ident(g.q.about.schemas[0]) + " <> " + g.view.literal([]byte(informationSchema))
		if f := g.q.filter.schema; f != nil {
			where = g.equals(g.q.about.schemas[0], *f)
		}
		if f := g.q.filter.table; f != nil && g.q.about.name != "" {
			where += " AND " + g.equals(g.q.about.name, *f)
		}
		_, rows, err := g.view.Servers.Rows(ctx, l.DefaultDataSource, "", g.text(where))
		if err != nil {
			return err
		}
		at := g.q.at(g.q.about.schemas[0])
		g.rows = append(g.rows, slices.DeleteFunc(rows, func(row sqltypes.Row) bool { return !g.passes(string(row[at])) })...)
	}
	return nil
}

// passes reports whether a schema of the pass-through server is seen as it is.
func (g *gathering) passes(schema string) bool {
	if isInformationSchema(schema) || !g.view.mayUse(schema) {
		return false
	}
	l, ok := g.view.Snapshot.Database(schema)
	return ok && l.Database == ""
}
