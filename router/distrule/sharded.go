package distrule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser/distsql"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/router/sharding"
)

// sharded makes a table of a document.
func (c *change) sharded(asked *distsql.Table) (t rule.Table, err error) {
	t.Name = asked.Name
	if asked.Automatic() {
		err = c.automatic(&t, asked)
	} else {
		err = c.standard(&t, asked)
	}
	if err != nil {
		return t, err
	}
	if asked.Audited {
		c.note("AUDIT_STRATEGY of %s is passed over: nothing refuses statements without a key", t.Name)
	}
	t.Generate, err = generated(&t, asked.Generate)
	return t, err
}

// noEqual refuses what Heddle has not.
func noEqual(table, format string, args ...any) error {
	return sqlerr.NotSupported(fmt.Sprintf(format, args...) + ", of the sharding table rule " + table)
}

// automatic lays tables out as ShardingSphere does: t_0, t_1 … over the storage units in turn. hash_slot is Heddle's own.
func (c *change) automatic(t *rule.Table, asked *distsql.Table) error {
	units, err := c.units(asked)
	if err != nil {
		return err
	}
	t.Key = asked.Columns
	if asked.Type.Name == "hash_slot" {
		return c.slots(t, units)
	}
	count := 0
	if t.Algorithm, count, err = c.algorithm(t.Name, asked.Type); err != nil {
		return err
	}
	if len(t.Key) != 1 {
		return noEqual(t.Name, "%d sharding columns with an automatic algorithm", len(t.Key))
	}
	t.Nodes = Spread(t.Name, units, count)
	return nil
}

func (c *change) units(asked *distsql.Table) ([]string, error) {
	names, err := rule.ExpandNodes(asked.Units)
	if err != nil {
		return nil, sqlerr.RuleRefused("the storage units of " + asked.Name + ": " + err.Error())
	}
	for _, name := range names {
		if c.source(name) < 0 {
			return nil, sqlerr.RuleRefused("there is no storage unit " + name)
		}
	}
	return names, nil
}

// slots places a table by hash slot. The first such table has the slots dealt out over its storage units.
func (c *change) slots(t *rule.Table, units []string) error {
	t.Algorithm = &rule.AlgorithmSpec{Type: "hash_slot"}
	if len(c.d.Slots) > 0 {
		have := map[string]bool{}
		for _, s := range c.d.Slots {
			name := s.Shard
			if i := slices.IndexFunc(c.d.Shards, func(sh rule.Shard) bool { return sh.Name == name }); i >= 0 {
				name = c.d.Shards[i].DataSource
			}
			have[name] = true
		}
		for _, name := range units {
			if !have[name] {
				return sqlerr.RuleRefused("the storage unit " + name + " has no slots, which the document has dealt out")
			}
		}
		if len(have) != len(units) {
			return sqlerr.RuleRefused("slots are on other storage units than those of " + t.Name + ": all tables by hash_slot share them")
		}
		return nil
	}
	for i, name := range units {
		first, next := i*sharding.SlotCount/len(units), (i+1)*sharding.SlotCount/len(units)
		c.d.Slots = append(c.d.Slots, rule.SlotAssignment{Shard: name, Ranges: []rule.SlotRange{{First: first, Last: next - 1}}})
	}
	c.note("the slots are dealt out over %s", strings.Join(units, ", "))
	return nil
}

// algorithm is an automatic one, and how many tables it has.
func (c *change) algorithm(table string, typ distsql.Type) (a *rule.AlgorithmSpec, count int, err error) {
	if typ.Name == "mod" || typ.Name == "hash_mod" {
		for _, p := range typ.Properties {
			if p.Key != "sharding-count" {
				return nil, 0, noEqual(table, "the property %s of %s", p.Key, typ.Name)
			}
		}
	}
	a, count, err = Automatic(table, typ.Name, func(key string) string { text, _ := typ.Get(key); return text })
	switch {
	case err != nil:
		return nil, 0, sqlerr.RuleRefused(err.Error())
	case a == nil:
		return nil, 0, noEqual(table, "the automatic algorithm %s (there are mod, hash_mod, boundary_range, volume_range, auto_interval and Heddle's hash_slot)", typ.Name)
	case typ.Name == "hash_mod":
		c.note("hash_mod of %s is by CRC32: rows that ShardingSphere has placed by Java's hashCode() lie elsewhere", table)
	}
	return a, count, nil
}

// standard is a rule with actual tables and two strategies.
func (c *change) standard(t *rule.Table, asked *distsql.Table) error {
	t.Nodes = asked.Nodes
	nodes, err := rule.ExpandNodes(asked.Nodes)
	if err != nil {
		return sqlerr.RuleRefused("the actual tables of " + t.Name + ": " + err.Error())
	}
	for _, n := range nodes {
		unit, table, ok := strings.Cut(n, ".")
		if !ok || table == "" || c.source(unit) < 0 {
			return sqlerr.RuleRefused("the actual table " + n + " of " + t.Name + " names no storage unit")
		}
	}
	var parts [2]string
	for i, s := range []*distsql.Strategy{asked.Database, asked.Table} {
		if parts[i], err = part(t, s, nodes, i); err != nil {
			return err
		}
	}
	if len(t.Key) == 0 {
		return noEqual(t.Name, "two strategies without a column")
	}
	t.Algorithm = Inline(parts[0], parts[1])
	return nil
}

// part is the expression for a half of an actual table's name, the data source's or the table's.
func part(t *rule.Table, s *distsql.Strategy, nodes []string, half int) (string, error) {
	what := [2]string{"DATABASE_STRATEGY", "TABLE_STRATEGY"}[half]
	if s == nil || s.Kind == "none" {
		e, same := Common(nodes, half)
		if !same {
			return "", noEqual(t.Name, "actual tables that no %s tells apart", what)
		}
		return e, nil
	}
	switch {
	case s.Named != "":
		return "", noEqual(t.Name, "the algorithm %s by its name: the rule document keeps no algorithms beside its tables, so TYPE(…) says it", s.Named)
	case s.Kind != "standard" && s.Kind != "complex":
		return "", noEqual(t.Name, "a %s of the type %q (for hints the rule document has the algorithm hint)", what, s.Kind)
	case s.Type.Name != "inline" && s.Type.Name != "complex_inline":
		return "", noEqual(t.Name, "%s over a %s (there is inline; automatic rules have more)", s.Type.Name, what)
	}
	for _, column := range s.Columns {
		if !slices.Contains(t.Key, column) {
			t.Key = append(t.Key, column)
		}
	}
	text, _ := s.Type.Get("algorithm-expression")
	e, why := Expression(text, s.Columns)
	if why != "" {
		return "", noEqual(t.Name, "the expression %q, which %s", text, why)
	}
	return e, nil
}

// generated is the column that is filled.
func generated(t *rule.Table, g *distsql.Generate) (*rule.Generator, error) {
	if g == nil {
		return nil, nil
	}
	if g.Named != "" {
		return nil, noEqual(t.Name, "the key generator %s by its name: TYPE(…) says it", g.Named)
	}
	out := &rule.Generator{Column: g.Column, Type: g.Type.Name}
	switch g.Type.Name {
	case "", "snowflake", "segment", "uuid":
	default:
		return nil, noEqual(t.Name, "the key generator %s (there are snowflake, segment and uuid)", g.Type.Name)
	}
	for _, p := range g.Type.Properties {
		switch key := strings.ToLower(p.Key); {
		case g.Type.Name == "snowflake" && key == "max-tolerate-time-difference-milliseconds":
			if _, err := strconv.Atoi(p.Value); err != nil {
				return nil, sqlerr.RuleRefused(fmt.Sprintf("the property %s of %s: %q is no whole number", p.Key, t.Name, p.Value))
			}
			out.Properties = sharding.Properties{"max_wait": p.Value + "ms"}
		default:
			return nil, noEqual(t.Name, "the property %s of the key generator %s", p.Key, g.Type.Name)
		}
	}
	return out, nil
}
