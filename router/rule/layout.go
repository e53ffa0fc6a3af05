package rule

import (
	"slices"

	"github.com/heddle-mesh/heddle/router/sharding"
)

// Layout is a resolved document: defaults filled in, patterns expanded. It is immutable; share it freely.
type Layout struct {
	Database          string // empty: pass-through
	DefaultDataSource string
	DataSources       []DataSource // declared order: the lowest index wins when several fail. Schema and User are filled in
	Tables            []*ShardedTable
	Broadcast         []*BroadcastTable
	Single            []*SingleTable // only those the document states
	Binding           [][]string

	slots *sharding.SlotTable // one for all tables by hash_slot: it is 32 KiB
}

// ShardedTable is a table whose rows are spread over Nodes by the value of Key.
type ShardedTable struct {
	Name      string
	Key       []string
	KeyTypes  []string // as in the document, empty where it does not say
	Algorithm AlgorithmSpec
	Nodes     []Node              // a sharding.Algorithm's answers are indexes into it
	Slots     *sharding.SlotTable // slot → index into Nodes; nil unless the algorithm is hash_slot
	Generate  *Generator          // Type filled in; nil: none

	// Group numbers the binding group, from 1: tables of one group have the same number of nodes, node i of each
	// on one data source, and place equal keys on equal indexes. 0: bound to nothing.
	Group int

	UniquePerShard       bool
	ForeignKeysUnchecked bool
}

// Node is an actual table.
type Node struct {
	Shard      string // the shard's name; for tables with nodes of their own, a name made from them
	DataSource string
	Schema     string
	Table      string // physical name
}

// BroadcastTable is a table with a full copy on each of Nodes.
type BroadcastTable struct {
	Name  string
	Nodes []Node // one per data source, in declared order
}

// SingleTable is an unsharded table.
type SingleTable struct {
	Name string
	Node Node
}

// SingleNode is the place of an unsharded table on a data source.
func (l *Layout) SingleNode(dataSource, table string) Node {
	n := Node{DataSource: dataSource, Schema: l.Database, Table: table}
	if ds := l.DataSource(dataSource); ds != nil {
		n.Schema = ds.Schema
	}
	return n
}

// DataSource finds a data source by name; nil when the layout has none of that name.
func (l *Layout) DataSource(name string) *DataSource {
	for i := range l.DataSources {
		if l.DataSources[i].Name == name {
			return &l.DataSources[i]
		}
	}
	return nil
}

// Spread reports whether rows of the database are at more than one place.
func (l *Layout) Spread() bool {
	if len(l.DataSources) > 1 {
		return true
	}
	return slices.ContainsFunc(l.Tables, func(t *ShardedTable) bool { return len(t.Nodes) > 1 })
}
