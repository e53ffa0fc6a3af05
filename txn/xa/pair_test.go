//go:build !race

package xa

import (
	"fmt"
	"os"
	"testing"
)

// meeting is how two transactions of two branches come to share two servers.
type meeting struct {
	crossed bool // the second one's home is where the first one's branch is
	pooled  bool // the second one is of the same process, and gets the connections that the first one gives back
	waits   bool // both write the same rows: the second one's statements wait until the first one has ended there
	frail   bool // faults and a recoverer come to the second one, too, while it has numbers of the first one's
	calm    bool // nobody recovers anything yet: nothing has died or restarted
}

// pair is a state of two transactions on the same servers. What is one's is in its world. What is both's comes to both: restarts of servers, the death of a
// process, which ends what it was recovering of the other's too, numbers of connections, and one recoverer at a time.
type pair struct {
	meeting
	ws        [2]*world
	heirs     [2]int  // which part of the second one has the number of the first one's part; -1: none
	restarted [2]bool // servers, since the first one began there
	restarts  int     // that may still come
	begun     bool    // the second one
	harm      string
	ended     map[string]bool // worlds that were seen to come to their end
}

func newPair(m meeting, f flaw, b faults) *pair {
	p := &pair{meeting: m, heirs: [2]int{-1, -1}, restarts: b.restart, ended: map[string]bool{}}
	p.ws[0] = newWorld(both(2), 1, f)
	p.ws[0].budget, p.ws[0].budget.restart = b, 0
	if !m.pooled && !m.waits {
		p.begin()
	}
	return p
}

// seat is the server of a part of the second one.
func (p *pair) seat(part int) int {
	if p.crossed {
		return 1 - part
	}
	return part
}

// ready reports whether the second one can begin: it has its connections, and its rows.
func (p *pair) ready() bool {
	first := p.ws[0]
	if p.begun || p.pooled && (first.dead || first.owner.phase != over) {
		return false
	}
	for i := range first.parts {
		if t := first.branches[i].trx; p.waits && t != trxCommitted && t != trxRolledBack {
			return false
		}
	}
	return true
}

// begin has the second one begin, and commit. A number that is free since a restart is given anew, but not while a PREPARE from before it is under way.
func (p *pair) begin() {
	first := p.ws[0].clone()
	second := newWorld(both(2), 1, first.flaw)
	second.budget = first.budget
	if p.pooled && !p.frail {
		second.recs, second.budget = nil, faults{die: first.budget.die}
	}
	p.begun, p.ws, first.followed = true, [2]*world{first, second}, true
	preparing := false
	for i := range first.parts {
		s := &first.branches[i]
		preparing = preparing || s.orphan == Prepare || s.request.op == Prepare && !s.request.done
	}
	for part := range second.parts {
		at := p.seat(part)
		s := &first.branches[at]
		switch {
		case p.pooled && !s.broken && s.conn == connOpen:
			p.heirs[at], s.conn, s.broken = part, connGone, true
			if first.parts[at].Home {
				first.near(p.restarted)
			}
			if s.trx == trxActive || s.trx == trxPrepared {
				p.harm = fmt.Sprintf("the connection of part %d is given back in its transaction", at)
			}
		case p.restarted[at] && s.conn == connGone && !preparing:
			p.heirs[at] = part
		}
	}
}

// near notes the branches that are prepared while home's connection is given back. A recoverer that is at one of them has let it be for longer than ages need to
// differ; what a server that was restarted has brought back, rolled back before, is what DESIGN.md says cannot be told apart.
func (w *world) near(restarted [2]bool) {
	for i := range w.parts {
		w.branches[i].near = w.branches[i].trx == trxPrepared && !restarted[i] && (len(w.recs) == 0 || w.recs[0].at != i)
	}
}

// follow tells the first one what has become of its connections' numbers.
func (p *pair) follow() {
	if p.heirs == [2]int{-1, -1} {
		return
	}
	p.ws[0] = p.ws[0].clone()
	for at, part := range p.heirs {
		if part < 0 {
			continue
		}
		s, of := &p.ws[0].branches[at], &p.ws[1].branches[part]
		switch active := of.trx == trxActive || of.trx == trxPrepared; {
		case s.struck:
			p.harm = fmt.Sprintf("who recovers the first one has ended the connection of the second one's part %d", part)
		case of.conn == connGone:
			s.heir, p.heirs[at] = noHeir, -1
		case active:
			s.heir = busyHeir
		default:
			s.heir = idleHeir
		}
	}
}

func (p *pair) key() string {
	b := []byte{byte(p.heirs[0] + 1), byte(p.heirs[1] + 1), byte(p.restarts), 0}
	for at, r := range p.restarted {
		if r {
			b[3] |= 1 << at
		}
	}
	key := string(b) + p.ws[0].key()
	if p.ws[1] != nil {
		key += p.ws[1].key()
	}
	return key
}

func (p *pair) hurtBy() string {
	for i, w := range p.ws {
		if w != nil && w.harm != "" {
			return fmt.Sprintf("transaction %d: %s", i+1, w.harm)
		}
	}
	return p.harm
}

// ends has each one come to its end while the other one stands still.
func (p *pair) ends() string {
	for i, w := range p.ws {
		if w == nil {
			continue
		}
		key := w.key()
		if p.ended[key] {
			continue
		}
		p.ended[key] = true
		if harm := w.ends(); harm != "" {
			return fmt.Sprintf("transaction %d: %s", i+1, harm)
		}
	}
	return ""
}

// apart reports whether nothing more can come to both. From then on what becomes of each is what becomes of it alone, and needs not be interleaved with the other.
func (p *pair) apart() bool {
	return p.ws[1] != nil && p.heirs == [2]int{-1, -1} && p.restarts == 0 && p.ws[0].budget.die == 0
}

// alone forgets the other one.
func (w *world) alone() *world {
	c := w.clone()
	c.followed = false
	for i := range c.branches {
		c.branches[i].late, c.branches[i].near = false, false
	}
	return c
}

func (p *pair) successors(yield func(name string, next *pair)) {
	if p.apart() {
		for i, w := range p.ws {
			yield(fmt.Sprintf("%d goes on as 1", i+1), &pair{ws: [2]*world{w.alone()}, heirs: p.heirs, begun: true, ended: p.ended})
		}
		return
	}
	step := func(name string, do func(n *pair)) {
		n := *p
		do(&n)
		n.follow()
		yield(name, &n)
	}
	for i, w := range p.ws {
		if w == nil {
			continue
		}
		other := p.ws[1-i]
		w.successors(func(name string, next *world) {
			if name == "begin" && (p.calm || other != nil && len(other.recs) > 0 && other.recs[0].at >= 0) {
				return // the recoverer is at the other one
			}
			step(fmt.Sprintf("%d: %s", i+1, name), func(n *pair) {
				n.ws[i] = next
				if name == Read.String() && next.flaw == readOthers && other != nil {
					next.recs[0].finding = other.decision
				}
				if name == "die" && other != nil {
					n.ws[1-i], n.calm = p.died(other), false
				}
			})
		})
	}
	for at := range p.restarted {
		if p.restarts > 0 {
			step(fmt.Sprintf("restart %d", at), func(n *pair) { n.restart(at) })
		}
	}
	if p.ready() {
		step("2 begins", func(n *pair) { n.begin() })
	}
}

// died is the other one of an owner whose process has died: it had it too, or was recovering it.
func (p *pair) died(other *world) *world {
	c := other.clone()
	c.budget.die--
	if p.pooled {
		c.die()
	} else if r := &c.recs[0]; r.at >= 0 {
		if r.move != Pause && r.move != Raise {
			c.lose(r)
		}
		*r = recoverer{at: -1}
	}
	return c
}

func (p *pair) restart(at int) {
	p.restarts, p.calm = p.restarts-1, false
	p.restarted[at] = true
	p.ws[0] = p.ws[0].clone()
	p.ws[0].restart(at)
	if p.ws[1] != nil {
		p.ws[1] = p.ws[1].clone()
		p.ws[1].restart(p.seat(at))
	}
}

// TestPairs takes every step of two transactions that share servers, connections and a recoverer; of more such worlds where HEDDLE_EXPLORE is set.
func TestPairs(t *testing.T) {
	type small struct {
		meeting
		faults
	}
	worlds := []small{
		{meeting{pooled: true, frail: true}, faults{}},
		{meeting{pooled: true, crossed: true, frail: true}, faults{}},
		{meeting{pooled: true}, faults{cut: 1}},
		{meeting{pooled: true}, faults{lose: 1}},
		{meeting{pooled: true}, faults{refuse: 1}},
		{meeting{pooled: true}, faults{refuse: 1, cut: 1}},
		{meeting{pooled: true}, faults{refuse: 1, lose: 1}},
		{meeting{pooled: true}, faults{die: 1}},
		{meeting{pooled: true}, faults{restart: 1}},
		{meeting{waits: true}, faults{die: 1}},
		{meeting{waits: true, calm: true}, faults{restart: 1}},
		{meeting{calm: true}, faults{restart: 1}},
		{meeting{crossed: true, calm: true}, faults{restart: 1}},
		{meeting{crossed: true, calm: true}, faults{die: 1}},
	}
	limit := 300_000
	if os.Getenv("HEDDLE_EXPLORE") != "" {
		limit = 5_000_000
		worlds = append(worlds, []small{
			{meeting{pooled: true, crossed: true}, faults{cut: 1, lose: 1}},
			{meeting{pooled: true, frail: true}, faults{cut: 1}},
			{meeting{crossed: true, waits: true}, faults{die: 1, restart: 1}},
			{meeting{crossed: true}, faults{die: 1}},
			{meeting{crossed: true, calm: true}, faults{die: 2}},
			{meeting{crossed: true, calm: true}, faults{restart: 1, die: 1}},
		}...)
	}
	total := 0
	for _, c := range worlds {
		states, harm := explore(newPair(c.meeting, flawless, c.faults), limit)
		if harm != "" {
			t.Errorf("%+v: %s", c, harm)
		}
		t.Logf("%+v: %d states", c, states)
		total += states
	}
	t.Logf("%d states", total)
}

// TestPairsSee makes one mistake at a time that does no harm to a transaction that is alone.
func TestPairsSee(t *testing.T) {
	for f, c := range map[flaw]struct {
		meeting
		faults
	}{
		killNumbers:    {meeting{pooled: true}, faults{}},
		markGoneIsOld:  {meeting{pooled: true}, faults{refuse: 1}},
		numberIsBranch: {meeting{pooled: true}, faults{restart: 1}},
		keepHome:       {meeting{pooled: true}, faults{cut: 1}},
		readOthers:     {meeting{crossed: true}, faults{die: 1}},
	} {
		t.Run(f.String(), func(t *testing.T) {
			states, harm := explore(newPair(c.meeting, f, c.faults), 300_000)
			if harm == "" {
				t.Fatalf("no harm in %d states", states)
			}
			t.Logf("%d states: %s", states, harm)
		})
	}
}
