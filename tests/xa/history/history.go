// Package history checks what clients have seen of lists to which each value is appended once: whether some order of their
// transactions, one after the other, explains it. The last state of a list says in which order its values were appended; what a
// transaction has read says between which of them it stands; a circle of such sayings is what no order explains (after
// Elle, Kingsbury and Alvaro 2020). It is not a search, and takes time that grows with the history only. Level: tests.
package history

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// State is what a client knows of its transaction.
type State uint8

// The states.
const (
	Unknown   State = iota // the answer to COMMIT was lost
	Committed              // acknowledged
	Aborted                // told so, or COMMIT was never sent
)

// Op is one step of a transaction on a list.
type Op struct {
	Key    int
	Append int64   // not 0: what is appended
	Read   []int64 // where nothing is: what was read
}

// Txn is one transaction.
type Txn struct {
	State        State
	Began, Ended time.Time // as its client has seen it
	Ops          []Op
}

// Kind says why one transaction comes before another.
type Kind uint8

// The kinds.
const (
	WW   Kind = iota // the other overwrites what it wrote
	WR               // the other has read what it wrote
	RW               // the other overwrites what it has read
	Time             // it had ended when the other began
)

type edge struct {
	to   int
	kind Kind
}

// checker is the work at one history.
type checker struct {
	final  map[int][]int64
	txns   []Txn
	writer map[int64]int
	there  map[int64]bool // values of the last state
	edges  [][]edge
	said   []string
}

// Check returns what is wrong with a history whose lists are final at the end.
func Check(final map[int][]int64, txns []Txn) []string {
	c := &checker{final: final, txns: txns, writer: map[int64]int{}, there: map[int64]bool{}}
	c.values()
	c.lists()
	c.whole()
	c.edges = make([][]edge, len(txns))
	c.order()
	c.reads()
	c.times()
	c.circles()
	return c.said
}

func (c *checker) say(format string, args ...any) {
	c.said = append(c.said, fmt.Sprintf(format, args...))
}

func (c *checker) values() {
	for i, t := range c.txns {
		for _, op := range t.Ops {
			if op.Append == 0 {
				continue
			}
			if _, twice := c.writer[op.Append]; twice {
				c.say("value %d is appended twice: the history is no history", op.Append)
			}
			c.writer[op.Append] = i
		}
	}
}

func (c *checker) lists() {
	for key, list := range c.final {
		for _, v := range list {
			if _, known := c.writer[v]; !known {
				c.say("list %d has %d, which nobody appended", key, v)
			}
			if c.there[v] {
				c.say("list %d has %d, which is there already", key, v)
			}
			c.there[v] = true
		}
	}
}

// whole: of each transaction everything is there or nothing, as its client was told.
func (c *checker) whole() {
	for i, t := range c.txns {
		there, of := 0, 0
		for _, op := range t.Ops {
			if op.Append != 0 {
				of++
				if c.there[op.Append] {
					there++
				}
			}
		}
		switch {
		case there > 0 && there < of:
			c.say("half: %d of %d appends of transaction %d are there", there, of, i)
		case t.State == Committed && there < of:
			c.say("lost: transaction %d was acknowledged", i)
		case t.State == Aborted && there > 0:
			c.say("aborted: transaction %d is there", i)
		}
	}
}

// took reports whether a transaction has taken place. One that has only read, and of which the answer was lost, has shown nothing.
func (c *checker) took(i int) bool {
	if c.txns[i].State == Committed {
		return true
	}
	return slices.ContainsFunc(c.txns[i].Ops, func(op Op) bool { return op.Append != 0 && c.there[op.Append] })
}

func (c *checker) link(from, to int, kind Kind) {
	if from != to {
		c.edges[from] = append(c.edges[from], edge{to, kind})
	}
}

// order: the values of a list were appended one after the other.
func (c *checker) order() {
	for _, list := range c.final {
		for i := 1; i < len(list); i++ {
			from, ok := c.writer[list[i-1]]
			to, ok2 := c.writer[list[i]]
			if ok && ok2 {
				c.link(from, to, WW)
			}
		}
	}
}

// reads: what was read is the list as it once was, with the reader's own values at its end.
func (c *checker) reads() {
	for i, t := range c.txns {
		if t.State != Committed {
			continue
		}
		own := map[int][]int64{}
		for _, op := range t.Ops {
			if op.Append != 0 {
				own[op.Key] = append(own[op.Key], op.Append)
				continue
			}
			c.read(i, op, own[op.Key])
		}
	}
}

func (c *checker) read(i int, op Op, own []int64) {
	list := c.final[op.Key]
	n := len(op.Read)
	if n > len(list) || !slices.Equal(op.Read, list[:n]) {
		for _, v := range op.Read {
			if w, ok := c.writer[v]; ok && !c.took(w) {
				c.say("G1a: transaction %d has read %d of list %d, which was rolled back", i, v, op.Key)
				return
			}
		}
		c.say("transaction %d has read list %d as it never was: %v of %v", i, op.Key, op.Read, list)
		return
	}
	if n < len(own) || !slices.Equal(op.Read[n-len(own):], own) {
		c.say("transaction %d does not see its own appends to list %d", i, op.Key)
		return
	}
	if n > 0 && len(own) == 0 {
		w := c.writer[op.Read[n-1]]
		c.link(w, i, WR)
		if n < len(list) && c.writer[list[n]] == w {
			c.say("G1b: transaction %d has read list %d in the middle of transaction %d", i, op.Key, w)
			return
		}
	}
	if n < len(list) {
		c.link(i, c.writer[list[n]], RW)
	}
}

// times: who had ended when another began comes before it. A chain of instants stands for the pairs of them.
func (c *checker) times() {
	var ended, began []int
	for i := range c.txns {
		if c.took(i) {
			began = append(began, i)
			if c.txns[i].State == Committed {
				ended = append(ended, i)
			}
		}
	}
	slices.SortFunc(ended, func(a, b int) int { return c.txns[a].Ended.Compare(c.txns[b].Ended) })
	slices.SortFunc(began, func(a, b int) int { return c.txns[a].Began.Compare(c.txns[b].Began) })
	instants := len(c.edges)
	for k, i := range ended {
		c.edges = append(c.edges, nil)
		c.link(i, instants+k, Time)
		if k > 0 {
			c.link(instants+k-1, instants+k, Time)
		}
	}
	k := 0
	for _, i := range began {
		for k < len(ended) && c.txns[ended[k]].Ended.Before(c.txns[i].Began) {
			k++
		}
		if k > 0 {
			c.link(instants+k-1, i, Time)
		}
	}
}

// circles names the kind of each set of transactions of which each comes before each.
func (c *checker) circles() {
	for _, set := range components(c.edges) {
		kinds := [4]int{}
		in := map[int]bool{}
		for _, i := range set {
			in[i] = true
		}
		for _, i := range set {
			for _, e := range c.edges[i] {
				if in[e.to] {
					kinds[e.kind]++
				}
			}
		}
		name := "G2"
		switch {
		case kinds[RW] == 0 && kinds[WR] == 0:
			name = "G0"
		case kinds[RW] == 0:
			name = "G1c"
		case kinds[RW] == 1:
			name = "G-single"
		}
		if kinds[Time] > 0 {
			name += " in real time"
		}
		set = slices.DeleteFunc(set, func(i int) bool { return i >= len(c.txns) })
		slices.Sort(set)
		var text strings.Builder
		for _, i := range set[:min(len(set), 4)] {
			fmt.Fprintf(&text, "; %d: %+v", i, c.txns[i].Ops)
		}
		c.say("%s: a circle of %d transactions%s", name, len(set), text.String())
	}
	slices.SortFunc(c.said, cmp.Compare)
}

// components are the sets of more than one node of which each reaches each (Tarjan, without recursion: histories are long).
func components(edges [][]edge) (out [][]int) {
	n := len(edges)
	index, low := make([]int, n), make([]int, n)
	on := make([]bool, n)
	var stack []int
	next := 1
	type frame struct{ node, at int }
	for root := range n {
		if index[root] != 0 {
			continue
		}
		work := []frame{{root, 0}}
		for len(work) > 0 {
			f := &work[len(work)-1]
			v := f.node
			if f.at == 0 {
				index[v], low[v] = next, next
				next++
				stack, on[v] = append(stack, v), true
			}
			if f.at < len(edges[v]) {
				w := edges[v][f.at].to
				f.at++
				switch {
				case index[w] == 0:
					work = append(work, frame{w, 0})
				case on[w]:
					low[v] = min(low[v], index[w])
				}
				continue
			}
			if low[v] == index[v] {
				at := slices.Index(stack, v)
				set := slices.Clone(stack[at:])
				stack = stack[:at]
				for _, w := range set {
					on[w] = false
				}
				if len(set) > 1 {
					out = append(out, set)
				}
			}
			work = work[:len(work)-1]
			if len(work) > 0 {
				parent := work[len(work)-1].node
				low[parent] = min(low[parent], low[v])
			}
		}
	}
	return out
}
