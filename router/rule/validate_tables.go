package rule

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/router/keygen"
	"github.com/heddle-mesh/heddle/router/sharding"
)

func (v *validator) tables() {
	for i := range v.doc.Tables {
		t := &v.doc.Tables[i]
		path := "tables." + t.Name
		v.identifier(path, "table", t.Name)
		v.keyColumns(path, t)
		v.placement(path, t)
		if g := v.doc.generatorOf(t); g != nil {
			if g.Column == "" {
				v.problem(path+".generate", "no column to generate is named", "write generate: id")
			}
			v.generator(path+".generate", g)
			v.generatedKey(path, t, g)
		}
	}
}

func (v *validator) keyColumns(path string, t *Table) {
	hint := v.doc.algorithmOf(t).Type == "hint"
	switch {
	case len(t.Key) == 0 && !hint:
		v.problem(path, "it has no sharding key", "write key: column; a table in one place needs no rule, one on every data source goes under broadcast")
	case len(t.Key) > 0 && hint:
		v.problem(path+".key", "a table placed by hint has no sharding key", "")
	}
	for i, k := range t.Key {
		v.identifier(path+".key", "key column", k)
		if slices.ContainsFunc(t.Key[:i], func(o string) bool { return strings.EqualFold(o, k) }) {
			v.problem(path+".key", fmt.Sprintf("column %q is named twice", k), "")
		}
	}
	if len(t.KeyTypes) > 0 && len(t.KeyTypes) != len(t.Key) {
		v.problem(path+".key_types", fmt.Sprintf("there are %d types for %d key columns", len(t.KeyTypes), len(t.Key)), "")
	}
}

// placement checks nodes and algorithm together.
func (v *validator) placement(path string, t *Table) {
	spec := v.doc.algorithmOf(t)
	at := path + ".algorithm"
	if t.Algorithm == nil {
		at = path
	}
	switch { // what is wrong elsewhere is said there
	case t.Algorithm == nil && !slices.Contains(sharding.Types(), spec.Type), len(v.doc.DataSources) == 0:
		return
	case !v.algorithmName(at, spec.Type):
		return
	}
	if spec.Type == sharding.Default && len(v.doc.Slots) == 0 {
		v.problem(at, "hash_slot needs slots, and the document has none", "write slots: {shard: 0-16383}")
		return
	}
	resolved, err := v.doc.shardedTable(v.layout, t)
	if err != nil {
		if len(t.Nodes) > 0 { // a shard's own mistake is reported where the shard is
			v.problem(path+".nodes", err.Error(), "")
		}
		if spec.Type == "inline" && len(t.Key) > 0 { // which may be wrong whatever the nodes are
			v.algorithm(at, spec.Type, (&ShardedTable{Key: t.Key, KeyTypes: t.KeyTypes, Algorithm: spec, Nodes: make([]Node, 1)}).Config(nil, sharding.Keyer{}))
		}
		return
	}
	if len(t.Key) == 0 && spec.Type != "hint" {
		return
	}
	v.algorithm(at, spec.Type, resolved.Config(nil, sharding.Keyer{}))
}

func (v *validator) algorithm(at, typ string, config sharding.Config) {
	if _, err := sharding.New(context.Background(), typ, config); err != nil {
		for _, e := range sharding.Each(err) {
			v.problem(at, e.Error(), "")
		}
	}
}

// generatedKey: the generated column may be the sharding key, if its type can hold what is generated.
func (v *validator) generatedKey(path string, t *Table, g *Generator) {
	i := slices.IndexFunc(t.Key, func(k string) bool { return strings.EqualFold(k, g.Column) })
	if i < 0 || i >= len(t.KeyTypes) || len(t.KeyTypes) != len(t.Key) {
		return
	}
	typ := parseKeyType(t.KeyTypes[i])
	integer := typ.Family == sharding.FamilyInteger
	if (g.Type == "snowflake" && (!integer || typ.Width < 8)) || (g.Type == keygen.DefaultAutoIncrement && !integer) {
		v.problem(path+".generate", fmt.Sprintf("%s cannot fill a column of type %s", g.Type, t.KeyTypes[i]), "snowflake needs BIGINT, segment an integer")
	}
}

// names: a table is declared once, in one way.
func (v *validator) names() {
	declared := map[string]string{}
	declare := func(path, name, how string) {
		v.identifier(path, "table", name)
		if other, dup := declared[name]; dup {
			v.problem(path, fmt.Sprintf("table %q is declared twice: %s and %s", name, other, how), "")
			return
		}
		declared[name] = how
	}
	for _, t := range v.doc.Tables {
		declare("tables."+t.Name, t.Name, "as sharded")
	}
	for i, name := range v.doc.Broadcast {
		declare(fmt.Sprintf("broadcast[%d]", i), name, "as broadcast")
	}
	for _, s := range v.doc.Single {
		for i, name := range s.Tables {
			declare(fmt.Sprintf("single.%s[%d]", s.DataSource, i), name, "as single on "+s.DataSource)
		}
	}
	v.overlaps()
}

// overlaps: an actual table belongs to one sharded table.
func (v *validator) overlaps() {
	type place struct{ source, table string }
	owner := map[place]string{}
	for _, t := range v.layout.Tables {
		for _, n := range t.Nodes {
			p := place{n.DataSource, n.Table}
			if other, dup := owner[p]; dup && other != t.Name {
				v.problem("tables."+t.Name, fmt.Sprintf("its table %s.%s is also one of %q", n.DataSource, n.Table, other), "")
				break
			}
			owner[p] = t.Name
		}
	}
}

func (v *validator) single() {
	for _, s := range v.doc.Single {
		v.known("single."+s.DataSource, s.DataSource)
	}
}

func (v *validator) binding() {
	byName := map[string]*ShardedTable{}
	for _, t := range v.layout.Tables {
		byName[t.Name] = t
	}
	group := map[string]int{}
	for i, names := range v.doc.Binding {
		var first *ShardedTable
		for j, name := range names {
			path := fmt.Sprintf("binding[%d][%d]", i, j)
			if other, dup := group[name]; dup {
				v.problem(path, fmt.Sprintf("table %q is in binding group %d already", name, other+1), "")
			}
			group[name] = i
			t := byName[name]
			if t == nil {
				if !slices.ContainsFunc(v.doc.Tables, func(t Table) bool { return t.Name == name }) {
					v.problem(path, fmt.Sprintf("%q is not a sharded table", name), "declare it under tables; broadcast tables need no binding")
				}
				continue
			}
			if first == nil {
				first = t
			} else if why := placedApart(first, t); why != "" {
				v.problem(path, fmt.Sprintf("tables %q and %q are placed differently: %s", first.Name, t.Name, why), "")
			}
		}
		if len(names) < 2 {
			v.problem(fmt.Sprintf("binding[%d]", i), "a binding group has at least two tables", "")
		}
	}
}
