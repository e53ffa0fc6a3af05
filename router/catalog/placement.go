package catalog

import "github.com/heddle-mesh/heddle/router/rule"

// TableKind says how a table is placed.
type TableKind uint8

// The kinds of tables.
const (
	// KindUnknown: no rule names it and nobody found it yet; it is single in the database's default data source.
	KindUnknown TableKind = iota
	KindSingle
	KindSharded
	KindBroadcast
)

// String names the kind as EXPLAIN prints it.
func (k TableKind) String() string {
	return [...]string{"unlisted", "single", "sharded", "broadcast"}[k]
}

// Placement is where a table is. One of Sharded, Broadcast and Single is set, by Kind; Single for KindUnknown too.
type Placement struct {
	Kind      TableKind
	Layout    *rule.Layout
	Sharded   *rule.ShardedTable
	Broadcast *rule.BroadcastTable
	Single    rule.Node
	Unlisted  bool // no rule names it

	// Virtual: servers make the table's rows up from its name. It stands like a broadcast table on all data sources that have
	// such tables, and in no rule.
	Virtual bool

	// Conflict lists the data sources that all hold an unlisted table of this name, where there are several: which
	// one is meant cannot be known, and a statement that names the table is an error that names them.
	Conflict []string
}
