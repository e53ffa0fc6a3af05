package sqlgen

import (
	"fmt"
	"strings"
)

// Schema stands in a rendered text for the name of the schema that has the tables.
const Schema = "\x04"

// one reads a single table, whose columns are called by a name of some length.
func (g *Generator) one(q *query, s *scope, t table) {
	q.from = t.name
	prefix := ""
	switch n := g.r.IntN(100); {
	case n < 8:
		prefix = t.name + "."
	case n < 14:
		q.from, prefix = Schema+"."+t.name, t.name+"."
	case n < 20:
		prefix = Schema + "." + t.name + "."
	case n < 28:
		q.from, prefix = t.name+" AS z", "z."
	case n < 31:
		q.from = Schema + "." + t.name
	}
	s.add(t, prefix)
}

// labels gives names to what is selected, some of which are columns' too. Those are of use only where columns are qualified.
func (g *Generator) labels(q *query, s *scope) {
	if !g.chance(25) || len(q.items) > 0 && q.items[0].text == "*" {
		return
	}
	for i := range q.items {
		switch n := g.r.IntN(10); {
		case n < 5:
			q.items[i].label = fmt.Sprintf("l%d", i)
		case n < 6:
			q.items[i].label = fmt.Sprintf("`é%d`", i)
		case n < 7:
			q.items[i].label = fmt.Sprintf("'l %d'", i)
			q.items[i].apart = true
		case n < 9 && len(q.joins) == 0 && qualified(s.columns[0].name):
			q.items[i].label = bare(pick(g, s.columns).name)
			q.items[i].apart = true
		}
	}
}

func qualified(name string) bool { return strings.Contains(name, ".") }

// bare is a column's own name.
func bare(name string) string { return name[strings.LastIndex(name, ".")+1:] }
