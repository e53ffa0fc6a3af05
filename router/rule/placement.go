package rule

import (
	"reflect"
	"slices"

	"github.com/heddle-mesh/heddle/router/sharding"
)

// AllUnlisted stands in PlacementChanges for every table that the documents do not name.
const AllUnlisted = "*"

// PlacementChanges names the tables whose rows would live elsewhere under new than under old: such a change is
// activated behind a barrier, never by a plain swap. Sorted; tables only one of them names are compared with where an
// unlisted table is, and AllUnlisted is among them when the default data source is another. A data source is
// taken for the same one as long as its name and schema stay: a new address is the same data elsewhere.
func PlacementChanges(old, new *Layout) []string {
	if old == nil || new == nil {
		return nil
	}
	a, b := placesOf(old), placesOf(new)
	var changed []string
	for name := range a {
		if _, both := b[name]; !both {
			b[name] = unlisted(new, name)
		}
	}
	for name, place := range b {
		before, both := a[name]
		if !both {
			before = unlisted(old, name)
		}
		if !reflect.DeepEqual(before, place) {
			changed = append(changed, name)
		}
	}
	if !reflect.DeepEqual(unlisted(old, ""), unlisted(new, "")) {
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
	slots     []Node // of each slot, under hash_slot: shards may be renumbered without a row moving
}

func placesOf(l *Layout) map[string]place {
	out := map[string]place{}
	for _, t := range l.Tables {
		p := place{kind: "sharded", nodes: anonymous(t.Nodes), key: t.Key, algorithm: t.Algorithm}
		if len(p.algorithm.Properties) == 0 {
			p.algorithm.Properties = nil
		}
		if t.Slots != nil {
			p.nodes, p.slots = nil, make([]Node, sharding.SlotCount)
			for s, i := range t.Slots {
				p.slots[s] = anonymous(t.Nodes[i : i+1])[0]
			}
		}
		out[t.Name] = p
	}
	for _, t := range l.Broadcast {
		out[t.Name] = place{kind: "broadcast", nodes: anonymous(t.Nodes)}
	}
	for _, t := range l.Single {
		out[t.Name] = place{kind: "single", nodes: anonymous([]Node{t.Node})}
	}
	return out
}

// unlisted is the place of a table that a layout does not name.
func unlisted(l *Layout, name string) place {
	return place{kind: "single", nodes: anonymous([]Node{l.SingleNode(l.DefaultDataSource, name)})}
}

func anonymous(nodes []Node) []Node {
	out := slices.Clone(nodes)
	for i := range out {
		out[i].Shard = ""
	}
	return out
}
