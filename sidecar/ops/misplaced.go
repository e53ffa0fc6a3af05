package ops

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/router/sharding"
)

// Look looks for rows that a change of placement would leave where the new rules do not look for them. What one server can
// tell by SQL, it tells; for the other algorithms the keys are read. A table is looked through in pieces by its primary key.
type Look struct {
	Before, After *rule.Layout
	Pools         *backend.Pools // of the data sources of both
	Weigher       sharding.Weigher
	Sample        int     // of each actual table only so many rows; 0: all
	Pace          float64 // after each piece it rests as much longer than the piece took; 0: never
	First         bool    // stop at the first row that is found
	Progress      func(Progress)
}

// Unaskable says why no look at tables can tell what a change of placement would lose: because all tables that no rule names would be
// elsewhere, or a data source where another one was, which onto lists.
func Unaskable(before, after *rule.Layout, tables []string) (onto []string, unaskable bool) {
	for name, other := range rule.Intruders(before, after) {
		onto = append(onto, fmt.Sprintf("%s would be at the address of %s", name, other))
	}
	slices.Sort(onto)
	return onto, len(onto) > 0 || slices.Contains(tables, rule.AllUnlisted)
}

// Progress is how far the look at one actual table has come.
type Progress struct {
	Table, DataSource string
	Rows, Of          int64 // Of is the server's guess
}

// Misplaced is what was found of one actual table.
type Misplaced struct {
	Table      string   `json:"table"` // logical
	DataSource string   `json:"data_source"`
	Schema     string   `json:"schema"`
	Actual     string   `json:"actual_table"`
	Rows       int64    `json:"rows"`      // looked at
	Wrong      int64    `json:"misplaced"` // of those
	Sampled    bool     `json:"sampled,omitempty"`
	Why        string   `json:"why,omitempty"`      // where it is not the key that says it
	Examples   []string `json:"examples,omitempty"` // keys, and where they would be looked for
}

// pieceRows is how many rows are looked at in one statement.
const pieceRows = 10000

// wholeRows bounds a table without a primary key to go by, which is looked at in one piece.
const wholeRows = 200000

// Run looks at the tables, which are those of a change of placement. Actual tables that are nowhere yet are left out.
func (l *Look) Run(ctx context.Context, tables []string) ([]Misplaced, error) {
	var out []Misplaced
	open := map[string]*backend.Lease{} // by data source: there may be thousands of tables
	defer func() {
		for _, lease := range open {
			lease.Destroy()
		}
	}()
	for _, table := range tables {
		if table == rule.AllUnlisted {
			continue
		}
		for _, n := range l.nodes(table) {
			if open[n.DataSource] == nil {
				lease, err := neutral(ctx, l.Pools, n.DataSource)
				if err != nil {
					return out, fmt.Errorf("look for rows of %s on %s: %w", table, n.DataSource, err)
				}
				open[n.DataSource] = lease
			}
			found, there, err := l.at(ctx, open[n.DataSource].Conn(), table, n)
			if err != nil {
				return out, fmt.Errorf("look for rows of %s on %s: %w", table, n.DataSource, err)
			}
			if there {
				out = append(out, found)
			}
			if l.First && found.Wrong > 0 {
				return out, nil
			}
		}
	}
	return out, nil
}

// nodes are all places where rows of a table may lie: where either layout has it, and where it may have been found while
// no rule named it.
func (l *Look) nodes(table string) []rule.Node {
	all := nodesOf(l.Before, table)
	if all == nil {
		for _, ds := range l.Before.DataSources {
			all = append(all, l.Before.SingleNode(ds.Name, table))
		}
	}
	for _, n := range nodesOf(l.After, table) {
		if !slices.ContainsFunc(all, func(o rule.Node) bool { return same(n, o) }) {
			all = append(all, n)
		}
	}
	return all
}

// nodesOf are the actual tables of a table that a layout names; nil: it does not.
func nodesOf(l *rule.Layout, table string) []rule.Node {
	for _, t := range l.Tables {
		if t.Name == table {
			return slices.Clone(t.Nodes)
		}
	}
	for _, t := range l.Broadcast {
		if t.Name == table {
			return slices.Clone(t.Nodes)
		}
	}
	for _, t := range l.Single {
		if t.Name == table {
			return []rule.Node{t.Node}
		}
	}
	return nil
}

func same(a, b rule.Node) bool {
	return a.DataSource == b.DataSource && a.Schema == b.Schema && a.Table == b.Table
}

// at looks at one actual table.
func (l *Look) at(ctx context.Context, conn *backend.Conn, table string, n rule.Node) (Misplaced, bool, error) {
	out := Misplaced{Table: table, DataSource: n.DataSource, Schema: n.Schema, Actual: n.Table, Sampled: l.Sample > 0}
	schema, there, err := schemaOf(ctx, conn, n)
	if err != nil || !there {
		return out, false, err
	}
	judge, err := l.judge(ctx, table, n, schema)
	if err != nil {
		return out, true, err
	}
	out.Why = judge.why
	w := &walk{Look: l, conn: conn, node: n, judge: judge, out: &out, pages: pageColumns(schema)}
	return out, true, w.run(ctx)
}

// judge says of rows of one actual table whether they are misplaced there: by a condition of SQL, or by their keys.
type judge struct {
	wrong   string                                // SQL that is 1 for a misplaced row; "" where keys have to be read
	keys    []string                              // key columns
	types   []sharding.KeyType                    // of theirs
	locate  func(key []sharding.Key) (int, error) // nil where there is no algorithm
	here    int                                   // this table among the nodes; -1: it is none of them
	targets []rule.Node
	keyer   sharding.Keyer
	why     string
}

const (
	allWrong = "1"
	noWrong  = "0"
)

// judge finds out how rows of a table that lie at n are judged.
func (l *Look) judge(ctx context.Context, table string, n rule.Node, schema *tableSchema) (*judge, error) {
	for _, t := range l.After.Tables {
		if t.Name == table {
			return l.judgeSharded(ctx, t, n, schema)
		}
	}
	was := l.copies(table)
	for _, t := range l.After.Broadcast {
		if t.Name != table {
			continue
		}
		missing := slices.ContainsFunc(t.Nodes, func(c rule.Node) bool {
			return !slices.ContainsFunc(was, func(o rule.Node) bool { return same(c, o) })
		})
		if !missing || len(t.Nodes) == 1 && same(t.Nodes[0], n) {
			return &judge{wrong: noWrong}, nil
		}
		return &judge{wrong: allWrong, why: "every data source is to have a full copy, and nothing makes them"}, nil
	}
	place := l.After.SingleNode(l.After.DefaultDataSource, table)
	for _, t := range l.After.Single {
		if t.Name == table {
			place = t.Node
		}
	}
	if same(place, n) || slices.ContainsFunc(was, func(o rule.Node) bool { return same(place, o) }) {
		return &judge{wrong: noWrong}, nil
	}
	return &judge{wrong: allWrong, why: "the table is to be on " + place.DataSource + " alone"}, nil
}

// copies are the nodes of a broadcast table of before.
func (l *Look) copies(table string) []rule.Node {
	for _, t := range l.Before.Broadcast {
		if t.Name == table {
			return t.Nodes
		}
	}
	return nil
}

func (l *Look) judgeSharded(ctx context.Context, t *rule.ShardedTable, n rule.Node, schema *tableSchema) (*judge, error) {
	j := &judge{targets: t.Nodes, here: slices.IndexFunc(t.Nodes, func(o rule.Node) bool { return same(o, n) })}
	switch {
	case len(t.Key) == 0:
		j.wrong, j.why = allWrong, "where a row belongs that is placed by a hint, only the statements know"
		return j, nil
	case j.here < 0:
		j.wrong, j.why = allWrong, "this table is none of the new rules'"
		return j, nil
	}
	for _, k := range t.Key {
		c := schema.Column(k)
		if c == nil {
			return nil, fmt.Errorf("it has no column %s, which is to be the sharding key", k)
		}
		j.keys, j.types = append(j.keys, c.Name), append(j.types, c.Key)
	}
	j.keyer = sharding.Keyer{Charset: "utf8mb4", Zone: time.UTC, Weigher: l.Weigher, ExactText: true}
	algorithm, err := sharding.New(ctx, t.Algorithm.Type, t.Config(j.types, j.keyer))
	if err != nil {
		return nil, err
	}
	j.locate = algorithm.Locate
	if hash, ok := sharding.HashExpression(quotedAll(j.keys), j.types); ok {
		switch t.Algorithm.Type {
		case "hash_slot":
			j.wrong = notInSlots(hash, t.Slots, j.here)
		case "hash_mod":
			j.wrong = fmt.Sprintf("(%s %% %d <> %d)", hash, len(t.Nodes), j.here)
		}
	}
	return j, nil
}

// notInSlots is 1 for rows whose slot another node has.
func notInSlots(hash string, slots *sharding.SlotTable, node int) string {
	cond := fmt.Sprintf("(%s %% %d", hash, sharding.SlotCount)
	var ranges []string
	for first := 0; first < sharding.SlotCount; first++ {
		if int(slots[first]) != node {
			continue
		}
		last := first
		for last+1 < sharding.SlotCount && int(slots[last+1]) == node {
			last++
		}
		ranges = append(ranges, fmt.Sprintf("%s BETWEEN %d AND %d)", cond, first, last))
		first = last
	}
	if len(ranges) == 0 {
		return allWrong
	}
	return "NOT (" + joined(ranges, " OR ") + ")"
}

// where is the node of a row's key values, -1 where no shard takes it.
func (j *judge) where(ctx context.Context, values [][]byte) (int, error) {
	key := make([]sharding.Key, len(values))
	for i, v := range values {
		k, err := j.keyer.ForStore(ctx, keyValue(v, j.types[i]), j.types[i])
		if err != nil {
			return 0, fmt.Errorf("the key %s = %.64q: %w", j.keys[i], v, err)
		}
		key[i] = k
	}
	node, err := j.locate(key)
	if errors.Is(err, sharding.ErrNoNode) {
		return -1, nil
	}
	return node, err
}
