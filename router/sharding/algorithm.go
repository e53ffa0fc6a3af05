package sharding

// Algorithm maps keys to nodes. Strangers may implement it; shardingtest.Conform checks the rules:
//
//  1. It is immutable and safe for concurrent use.
//  2. Locate is a function of the keys' canonical form alone: keys with Equal canonical form are on the same node,
//     today and after a restart.
//  3. Locate answers an index in [0, Nodes()), or ErrNoNode (wrapped or not) when no node takes such a row.
//     Any other error means that the key cannot be used at all; a caller sends to every node or refuses.
//  4. Prune answers a superset: every node that Locate gives for any row that meets the conditions is in it.
//     When it cannot tell it answers All(Nodes()).
//  5. Sets are sorted and without duplicates.
//  6. Neither keeps nor changes its arguments.
//  7. A factory refuses an unknown property, naming it and the ones it knows.
type Algorithm interface {
	// Nodes is the number of nodes it was built for.
	Nodes() int
	// Locate is the node of the row with these key values: one per key column, in the declared order.
	Locate(key []Key) (int, error)
	// Prune is called by Route when the conditions are more than points: one Cond per key column.
	Prune(conds []Cond) Set
}

// Cond is what a statement says of one key column. The zero Cond says nothing.
type Cond struct {
	// Points: the column equals one of them; an empty, non-nil list can be met by no row.
	Points []Key
	// Lo and Hi bound the column where they are not nil. They never hold NULL and never include NULL rows.
	Lo, Hi *Bound
}

// Bound is one end of a range.
type Bound struct {
	Key       Key
	Inclusive bool
}

// Free reports whether c says nothing.
func (c Cond) Free() bool { return c.Points == nil && c.Lo == nil && c.Hi == nil }

// maxTuples bounds the product of the points of several columns: beyond it every node is a fair answer.
const maxTuples = 1 << 14

// maxSpan is how many integers of a closed range are tried one by one.
const maxSpan = 64

// Route is the set of nodes that can hold rows meeting all of conds, one per key column. It never leaves out a
// node that holds one; an impossible condition gives the empty set.
func Route(a Algorithm, conds []Cond) Set {
	points := make([][]Key, len(conds))
	tuples, product := 1, true
	for i, c := range conds {
		if p, ok := c.list(); ok {
			if len(p) == 0 {
				return Set{}
			}
			points[i], tuples = p, min(tuples*len(p), maxTuples+1)
			continue
		}
		product = false
	}
	if !product || tuples > maxTuples || len(conds) == 0 {
		return a.Prune(conds)
	}
	var b setBuilder
	key := make([]Key, len(conds))
	if !locateAll(a, points, key, 0, &b) {
		return All(a.Nodes())
	}
	return b.set(a.Nodes())
}

// locateAll walks the product of points; false when a key cannot be placed.
func locateAll(a Algorithm, points [][]Key, key []Key, i int, b *setBuilder) bool {
	if i < len(points) {
		for _, k := range points[i] {
			key[i] = k
			if !locateAll(a, points, key, i+1, b) {
				return false
			}
		}
		return true
	}
	n, err := a.Locate(key)
	switch {
	case err == nil:
		b.add(n)
	case !IsNoNode(err):
		return false
	}
	return true
}

// list gives the points of c, those of a short closed range of integers included.
func (c Cond) list() ([]Key, bool) {
	if c.Points == nil {
		if c.Lo == nil || c.Hi == nil {
			return nil, false
		}
		return integersBetween(*c.Lo, *c.Hi)
	}
	if c.Lo == nil && c.Hi == nil {
		return c.Points, true
	}
	kept := make([]Key, 0, len(c.Points))
	for _, k := range c.Points {
		if c.within(k) {
			kept = append(kept, k)
		}
	}
	return kept, true
}

// within reports whether k lies between c's bounds; NULL never does.
func (c Cond) within(k Key) bool {
	if k.Null {
		return false
	}
	if c.Lo != nil {
		if d := k.Compare(c.Lo.Key); d < 0 || d == 0 && !c.Lo.Inclusive {
			return false
		}
	}
	if c.Hi != nil {
		if d := k.Compare(c.Hi.Key); d > 0 || d == 0 && !c.Hi.Inclusive {
			return false
		}
	}
	return true
}
