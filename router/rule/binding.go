package rule

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"strings"

	"github.com/heddle-mesh/heddle/router/sharding"
)

// PlacedAlike reports whether two tables place equal keys on nodes that belong together, as those of a binding group do, as
// far as the rules tell: whether their keys' types compare alike is sharding.Compatible's to say. A table without a key is
// like no other.
func PlacedAlike(a, b *ShardedTable) bool {
	return len(a.Key) > 0 && placedApart(a, b) == "" && (a.Slots == b.Slots || a.Slots != nil && b.Slots != nil && *a.Slots == *b.Slots)
}

// placedApart says why two tables do not place equal keys on nodes that belong together; empty when they do. What
// their key columns' types have to say is sharding.Compatible's, once the types are known.
func placedApart(a, b *ShardedTable) string {
	switch {
	case len(a.Key) != len(b.Key):
		return fmt.Sprintf("%d and %d key columns", len(a.Key), len(b.Key))
	case a.Algorithm.Type != b.Algorithm.Type:
		return fmt.Sprintf("by %s and by %s", a.Algorithm.Type, b.Algorithm.Type)
	case !reflect.DeepEqual(neutral(a), neutral(b)):
		return "the properties of the algorithm differ"
	case len(a.Nodes) != len(b.Nodes):
		return fmt.Sprintf("on %d and on %d nodes", len(a.Nodes), len(b.Nodes))
	}
	for i := range a.Nodes {
		if a.Nodes[i].DataSource != b.Nodes[i].DataSource {
			return fmt.Sprintf("node %d is on %q and on %q", i, a.Nodes[i].DataSource, b.Nodes[i].DataSource)
		}
	}
	for i := range a.KeyTypes {
		if i < len(b.KeyTypes) && !sharding.Compatible(parseKeyType(a.KeyTypes[i]), parseKeyType(b.KeyTypes[i])) {
			return fmt.Sprintf("equal values of %s and %s are not placed alike", a.KeyTypes[i], b.KeyTypes[i])
		}
	}
	return ""
}

var identifiers = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)

// neutral are the properties with the key columns' names replaced by their numbers in an expression, and the
// table's own name in the names that it returns.
func neutral(t *ShardedTable) sharding.Properties {
	p := maps.Clone(t.Algorithm.Properties)
	code, ok := p["expression"].(string)
	if !ok {
		if len(p) == 0 {
			return nil
		}
		return p
	}
	p["expression"] = identifiers.ReplaceAllStringFunc(code, func(id string) string {
		for i, k := range t.Key {
			if id == k {
				return fmt.Sprintf("$%d", i)
			}
		}
		return strings.ReplaceAll(id, t.Name, "$t")
	})
	return p
}

// parseKeyType reads a type as a document states it: "bigint unsigned", "varchar(36) collate utf8mb4_bin".
func parseKeyType(s string) sharding.KeyType {
	s = strings.ToLower(strings.TrimSpace(s))
	typ, collation, _ := strings.Cut(s, " collate ")
	return sharding.ParseKeyType(typ, strings.TrimSpace(collation), true)
}

// Config is what the table's algorithm is built from: with the key columns' types as the schema has them, or, where
// types is nil, as the document states them, unknown where it does not.
func (t *ShardedTable) Config(types []sharding.KeyType, keyer sharding.Keyer) sharding.Config {
	cfg := sharding.Config{Properties: t.Algorithm.Properties, Nodes: len(t.Nodes), Slots: t.Slots, Keyer: keyer}
	for _, n := range t.Nodes {
		cfg.NodeNames = append(cfg.NodeNames, n.DataSource+"."+n.Table)
	}
	for i, k := range t.Key {
		c := sharding.KeyColumn{Name: k}
		switch {
		case i < len(types):
			c.Type = types[i]
		case types == nil && len(t.KeyTypes) == len(t.Key):
			c.Type = parseKeyType(t.KeyTypes[i])
		}
		cfg.Columns = append(cfg.Columns, c)
	}
	return cfg
}
