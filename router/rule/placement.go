package rule

import (
	"reflect"
	"slices"

	"github.com/heddle-mesh/heddle/router/sharding"
)

// AllUnlisted stands in PlacementChanges for every table that the documents do not name.
const AllUnlisted = "*"

// PlacementChanges names the tables whose rows would live elsewhere under new than under old: such a change is
// activated behind a barrier, never by a plain swap. Sorted; tables that only new names are among them, those that only old
// names if they were elsewhere than an unlisted table is by default, and AllUnlisted is among them when the default data source is another. A data source is
// taken for the same one as long as its name and schema stay: a new address is the same data elsewhere, unless under old
// it was the address of another data source. See Intruders.
func PlacementChanges(old, new *Layout) []string {
	if old == nil || new == nil {
		return nil
	}
	return changes(old, new, Intruders(old, new))
}

// NamedPlacementChanges is PlacementChanges without a look at addresses: what changes by the names of data sources and
// schemas. It compares layouts between which others were in force: an address that a data source had left by then was free
// for another.
func NamedPlacementChanges(old, new *Layout) []string {
	if old == nil || new == nil {
		return nil
	}
	return changes(old, new, nil)
}

func changes(old, new *Layout, intruders map[string]string) []string {
	a, b, pairs := placesOf(old, nil), placesOf(new, intruders), slotPairs{}
	var changed []string
	for name := range a {
		if _, both := b[name]; !both {
			b[name] = unlisted(new, name, intruders)
		}
	}
	for name, place := range b {
		// A table that old does not name was served from wherever it was found, which the layout does not say.
		if before, both := a[name]; !both || !pairs.same(before, place) {
			changed = append(changed, name)
		}
	}
	// Tables that no rule names are found by asking all data sources: any of them may be where an intruder is.
	if len(intruders) > 0 || !reflect.DeepEqual(unlisted(old, "", nil), unlisted(new, "", nil)) {
		changed = append(changed, AllUnlisted)
	}
	slices.Sort(changed)
	return changed
}

// place is everything that decides where a table's rows are. Node names do not.
type place struct {
	kind      string
	nodes     []Node
	key       []string
	algorithm AlgorithmSpec
	slots     *sharding.SlotTable // under hash_slot: shards may be renumbered without a row moving
}

// slotPairs are, of two tables of slots, the pairs of nodes that a slot has under the one and under the other. Tables of a
// document share one table of slots, so that it is gone through once and not for each of ten thousand.
type slotPairs map[[2]*sharding.SlotTable][][2]uint16

func (p slotPairs) of(a, b *sharding.SlotTable) [][2]uint16 {
	key := [2]*sharding.SlotTable{a, b}
	if known, ok := p[key]; ok {
		return known
	}
	seen := map[[2]uint16]bool{}
	out := [][2]uint16{}
	for s := range a {
		if pair := [2]uint16{a[s], b[s]}; !seen[pair] {
			seen[pair] = true
			out = append(out, pair)
		}
	}
	p[key] = out
	return out
}

// same reports whether rows have the same place under both.
func (p slotPairs) same(a, b place) bool {
	if a.slots == nil || b.slots == nil {
		return reflect.DeepEqual(a, b)
	}
	for _, pair := range p.of(a.slots, b.slots) {
		if a.nodes[pair[0]] != b.nodes[pair[1]] {
			return false
		}
	}
	return a.kind == b.kind && slices.Equal(a.key, b.key) && reflect.DeepEqual(a.algorithm, b.algorithm)
}

// Intruders are the data sources whose new address is one at which the old layout has another data source, or a replica of
// another, with the name of that one: what answers there is not the intruder's data.
func Intruders(old, new *Layout) map[string]string {
	out := map[string]string{}
	for i := range new.DataSources {
		is := &new.DataSources[i]
		was := old.DataSource(is.Name)
		if was == nil || was.Address == is.Address || hasReplica(was, is.Address) {
			continue
		}
		for j := range old.DataSources {
			other := &old.DataSources[j]
			if other.Name != is.Name && (other.Address == is.Address || hasReplica(other, is.Address)) {
				out[is.Name] = other.Name
			}
		}
	}
	return out
}

func hasReplica(ds *DataSource, address string) bool {
	return slices.ContainsFunc(ds.Replicas, func(r Replica) bool { return r.Address == address })
}

func placesOf(l *Layout, intruders map[string]string) map[string]place {
	out := map[string]place{}
	for _, t := range l.Tables {
		p := place{kind: "sharded", nodes: anonymous(t.Nodes, intruders), key: t.Key, algorithm: t.Algorithm, slots: t.Slots}
		if len(p.algorithm.Properties) == 0 {
			p.algorithm.Properties = nil
		}
		out[t.Name] = p
	}
	for _, t := range l.Broadcast {
		out[t.Name] = place{kind: "broadcast", nodes: anonymous(t.Nodes, intruders)}
	}
	for _, t := range l.Single {
		out[t.Name] = place{kind: "single", nodes: anonymous([]Node{t.Node}, intruders)}
	}
	return out
}

// unlisted is the place of a table that a layout does not name.
func unlisted(l *Layout, name string, intruders map[string]string) place {
	return place{kind: "single", nodes: anonymous([]Node{l.SingleNode(l.DefaultDataSource, name)}, intruders)}
}

func anonymous(nodes []Node, intruders map[string]string) []Node {
	out := slices.Clone(nodes)
	for i := range out {
		out[i].Shard = ""
		if other := intruders[out[i].DataSource]; other != "" {
			out[i].DataSource += " at the address of " + other // nobody's name
		}
	}
	return out
}
