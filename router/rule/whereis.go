package rule

import (
	"fmt"
	"strings"

	"github.com/heddle-mesh/heddle/router/sharding"
)

// shownPlaces bounds what WhereIs lists.
const shownPlaces = 16

// WhereIs tells people where the layout has the rows of a table, or, of AllUnlisted, of those that it does not name.
func (l *Layout) WhereIs(table string) string {
	for _, t := range l.Tables {
		if t.Name == table {
			return t.whereIs()
		}
	}
	for _, t := range l.Broadcast {
		if t.Name == table {
			return "broadcast, on " + places(t.Nodes)
		}
	}
	for _, t := range l.Single {
		if t.Name == table {
			return "single, on " + places([]Node{t.Node})
		}
	}
	ds := l.DataSource(l.DefaultDataSource)
	if ds == nil {
		return "named nowhere"
	}
	return fmt.Sprintf("not named: single, by default on %s at %s", l.SingleNode(ds.Name, "").place(), ds.Address)
}

func (t *ShardedTable) whereIs() string {
	how := fmt.Sprintf("sharded by (%s), %s, on ", strings.Join(t.Key, ", "), typed(t.Algorithm.Type, t.Algorithm.Properties))
	if t.Slots == nil {
		return how + places(t.Nodes)
	}
	var runs []string
	for first := 0; first < sharding.SlotCount; {
		last := first
		for last+1 < sharding.SlotCount && t.Slots[last+1] == t.Slots[first] {
			last++
		}
		runs = append(runs, fmt.Sprintf("%s (slots %d-%d)", t.Nodes[t.Slots[first]].place(), first, last))
		first = last + 1
	}
	return how + shortened(runs)
}

func places(nodes []Node) string {
	out := make([]string, len(nodes))
	for i, n := range nodes {
		out[i] = n.place()
	}
	return shortened(out)
}

func (n Node) place() string {
	if n.Table == "" {
		return n.DataSource + "." + n.Schema
	}
	return n.DataSource + "." + n.Schema + "." + n.Table
}

func shortened(list []string) string {
	if len(list) > shownPlaces {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:shownPlaces], ", "), len(list)-shownPlaces)
	}
	return strings.Join(list, ", ")
}

// MovedSlots tells people which slots of a table placed by hash_slot under both layouts have their rows elsewhere under
// new; nil where it is not placed so under both.
func MovedSlots(old, new *Layout, table string) []string {
	was, now := slotNodes(old, table), slotNodes(new, table)
	if was == nil || now == nil {
		return nil
	}
	out := []string{}
	for first := 0; first < sharding.SlotCount; {
		last := first
		for last+1 < sharding.SlotCount && was[last+1] == was[first] && now[last+1] == now[first] {
			last++
		}
		if was[first] != now[first] {
			out = append(out, fmt.Sprintf("slots %d-%d: %s -> %s", first, last, was[first], now[first]))
		}
		first = last + 1
	}
	return out
}

// slotNodes are the places of a table's slots; nil if the layout does not place it by slots.
func slotNodes(l *Layout, table string) []string {
	for _, t := range l.Tables {
		if t.Name != table || t.Slots == nil {
			continue
		}
		out := make([]string, sharding.SlotCount)
		for s, i := range t.Slots {
			out[s] = t.Nodes[i].place()
		}
		return out
	}
	return nil
}
