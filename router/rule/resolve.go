package rule

import (
	"fmt"
	"maps"
	"strings"

	"github.com/heddle-mesh/heddle/router/keygen"
	"github.com/heddle-mesh/heddle/router/sharding"
)

// Resolve validates the document and fills in and writes out what it leaves to defaults. The error is Problems.
func (d *Document) Resolve() (*Layout, error) {
	if err := Validate(d).Err(); err != nil {
		return nil, err
	}
	return d.layout(), nil
}

// layout resolves what can be resolved; of an invalid document some parts may be missing.
func (d *Document) layout() *Layout {
	l := &Layout{Database: d.Database, DefaultDataSource: d.defaultDataSource()}
	for _, ds := range d.DataSources {
		l.DataSources = append(l.DataSources, d.fill(ds))
	}
	groups := map[string]int{}
	for i, g := range d.Binding {
		l.Binding = append(l.Binding, append([]string(nil), g...))
		for _, t := range g {
			groups[t] = i + 1
		}
	}
	for i := range d.Tables {
		if t, err := d.shardedTable(l, &d.Tables[i]); err == nil {
			t.Group = groups[t.Name]
			l.Tables = append(l.Tables, t)
		}
	}
	for _, name := range d.Broadcast {
		b := &BroadcastTable{Name: name}
		for _, ds := range l.DataSources {
			b.Nodes = append(b.Nodes, Node{Shard: ds.Name, DataSource: ds.Name, Schema: ds.Schema, Table: name})
		}
		l.Broadcast = append(l.Broadcast, b)
	}
	for _, s := range d.Single {
		for _, name := range s.Tables {
			l.Single = append(l.Single, &SingleTable{Name: name, Node: l.SingleNode(s.DataSource, name)})
		}
	}
	return l
}

func (d *Document) defaultDataSource() string {
	if d.Defaults.DataSource == "" && len(d.DataSources) > 0 {
		return d.DataSources[0].Name
	}
	return d.Defaults.DataSource
}

// fill gives a data source its defaults.
func (d *Document) fill(ds DataSource) DataSource {
	if ds.Schema == "" {
		ds.Schema = d.Database
	}
	if ds.User == "" {
		ds.User = d.Defaults.User
		if ds.Password == "" {
			ds.Password = d.Defaults.Password
		}
	}
	ds.Replicas = append([]Replica(nil), ds.Replicas...)
	if len(ds.Replicas) > 0 {
		ds.Splitting = d.Splitting
	}
	for i := range ds.Replicas {
		ds.Replicas[i].Weight = max(ds.Replicas[i].Weight, 1)
	}
	return ds
}

// shards are the declared shards, or one per data source that has slots, in the order of the slots.
func (d *Document) shards() []Shard {
	if len(d.Shards) > 0 {
		return d.Shards
	}
	var out []Shard
	for _, a := range d.Slots {
		out = append(out, Shard{Name: a.Shard, DataSource: a.Shard})
	}
	return out
}

func (d *Document) shardedTable(l *Layout, t *Table) (*ShardedTable, error) {
	nodes, err := d.nodesOf(l, t)
	if err != nil {
		return nil, err
	}
	out := &ShardedTable{
		Name:                 t.Name,
		Key:                  append([]string(nil), t.Key...),
		KeyTypes:             append([]string(nil), t.KeyTypes...),
		Algorithm:            d.algorithmOf(t),
		Nodes:                nodes,
		Generate:             d.generatorOf(t),
		UniquePerShard:       t.UniquePerShard,
		ForeignKeysUnchecked: t.ForeignKeysUnchecked,
	}
	if out.Algorithm.Type == sharding.Default {
		if l.slots == nil {
			l.slots = d.slotTable()
		}
		out.Slots = l.slots
	}
	return out, nil
}

// algorithmOf is the table's algorithm, or the default one: hash_slot where slots are declared.
func (d *Document) algorithmOf(t *Table) AlgorithmSpec {
	spec := t.Algorithm
	if spec == nil {
		spec = d.Defaults.Algorithm
	}
	if spec == nil {
		spec = &AlgorithmSpec{Type: sharding.DefaultWithoutSlots}
		if len(d.Slots) > 0 {
			spec = &AlgorithmSpec{Type: sharding.Default}
		}
	}
	return AlgorithmSpec{Type: spec.Type, Properties: maps.Clone(spec.Properties)}
}

// generatorOf is the table's generator with its type; the default's properties go with the default's type only.
func (d *Document) generatorOf(t *Table) *Generator {
	if t.Generate == nil {
		return nil
	}
	g := Generator{Column: t.Generate.Column, Type: t.Generate.Type, Properties: maps.Clone(t.Generate.Properties)}
	if g.Type == "" {
		g.Type = keygen.Default
		if def := d.Defaults.Generator; def != nil && def.Type != "" {
			g.Type = def.Type
			if g.Properties == nil {
				g.Properties = maps.Clone(def.Properties)
			}
		}
	}
	return &g
}

// nodesOf lists a table's actual tables: those of its patterns, or one per shard.
func (d *Document) nodesOf(l *Layout, t *Table) ([]Node, error) {
	shards := d.shards()
	if len(t.Nodes) > 0 {
		return d.patternNodes(l, t, shards)
	}
	if len(shards) == 0 {
		for _, ds := range d.DataSources {
			shards = append(shards, Shard{Name: ds.Name, DataSource: ds.Name})
		}
	}
	var nodes []Node
	for _, s := range shards {
		ds := l.DataSource(s.DataSource)
		if ds == nil {
			return nil, fmt.Errorf("shard %q is on an unknown data source %q", s.Name, s.DataSource)
		}
		table := t.Name
		if s.Suffix != nil {
			table = fmt.Sprintf("%s_%d", t.Name, *s.Suffix)
		}
		nodes = append(nodes, Node{Shard: s.Name, DataSource: ds.Name, Schema: ds.Schema, Table: table})
	}
	return nodes, nil
}

// patternNodes writes out the patterns. A name without a data source is in the default one.
func (d *Document) patternNodes(l *Layout, t *Table, shards []Shard) ([]Node, error) {
	var nodes []Node
	seen := map[Node]bool{}
	for _, p := range t.Nodes {
		names, err := expandPattern(p)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			source, table, ok := strings.Cut(name, ".")
			if !ok {
				source, table = l.DefaultDataSource, name
			}
			ds := l.DataSource(source)
			if ds == nil {
				return nil, fmt.Errorf("%q is on an unknown data source %q", name, source)
			}
			n := Node{DataSource: source, Schema: ds.Schema, Table: table}
			if seen[n] {
				return nil, fmt.Errorf("%q is listed twice", name)
			}
			if table == "" || len(nodes) == maxNodes {
				return nil, fmt.Errorf("%q is no list of tables", p)
			}
			seen[n] = true
			nodes = append(nodes, n)
		}
	}
	if d.algorithmOf(t).Type == sharding.Default {
		return nodes, nameByShards(nodes, shards)
	}
	for i := range nodes {
		nodes[i].Shard = nodes[i].DataSource + "." + nodes[i].Table
	}
	return nodes, nil
}

// nameByShards gives nodes the names of the shards: under hash_slot the i-th is the i-th shard's.
func nameByShards(nodes []Node, shards []Shard) error {
	if len(nodes) != len(shards) {
		return fmt.Errorf("hash_slot needs a table for each of the %d shards, and there are %d", len(shards), len(nodes))
	}
	for i, s := range shards {
		if nodes[i].DataSource != s.DataSource {
			return fmt.Errorf("%q is on %q, and shard %q is on %q", nodes[i].Table, nodes[i].DataSource, s.Name, s.DataSource)
		}
		nodes[i].Shard = s.Name
	}
	return nil
}

// slotTable maps slots to the indexes of shards. Slots that nobody has are on 0: Validate does not let them be.
func (d *Document) slotTable() *sharding.SlotTable {
	index := map[string]uint16{}
	for i, s := range d.shards() {
		index[s.Name] = uint16(i)
	}
	t := &sharding.SlotTable{}
	for _, a := range d.Slots {
		shard := index[a.Shard]
		for _, r := range a.Ranges {
			for s := max(r.First, 0); s <= min(r.Last, sharding.SlotCount-1); s++ {
				t[s] = shard
			}
		}
	}
	return t
}
