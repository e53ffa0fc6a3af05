//go:build !race

package xa

import (
	"fmt"
	"slices"
	"testing"
)

// clientFlaw is a mistake of whoever performs the moves about a client's transaction.
type clientFlaw uint8

const (
	clientFlawless  clientFlaw = iota
	holdNameless               // keep it though the name has gone
	fenceLeavesName            // abort it, and leave the name
	settleAnything             // decide it whatever is decided
	lostIsKept                 // take an unanswered word for said
	undecidedIsOver            // take what nobody has decided for aborted, and let it be decided
	keptIsAborted              // recover what is kept as if it were aborted
	lastIsFirst                // take a decision that is not the own for the own
)

func (f clientFlaw) String() string {
	return [...]string{"none", "keep it though the name has gone", "abort it and leave the name", "decide it whatever is decided", "take an unanswered word for said",
		"take what nobody has decided for aborted", "recover what is kept as if it were aborted", "take another decision for the own"}[f]
}

// told is what a client knows of its statement.
type told uint8

const (
	untold told = iota
	toldKept
	toldCommitted
	toldRolledBack
	toldNothing // in doubt, or that the transaction is not there
)

// stage is how far the owner is with XA PREPARE, or with ONE PHASE over two branches.
type stage uint8

const (
	entering stage = iota
	marking        // and preparing
	holding
	fencing // before all is rolled back
	leaving
)

// clientActor is one who works at home's rows: the owner, or a session that ends what is prepared.
type clientActor struct {
	stage   stage
	hold    Holding
	settle  Settling
	move    Move
	began   bool
	told    told
	settled bool // what it wanted was done, whatever it has heard
}

// clientWorld is a state of a client's transaction over two branches: the rows that its home has, and everybody who works at them. Each move at home is one transaction of its server's.
type clientWorld struct {
	flaw     clientFlaw
	onePhase bool
	name     bool    // the row of txn_client
	verdict  Finding // the row of txn_decision
	trx      [2]trx
	soft     [2]bool // rolled back, and not on the disk
	owner    clientActor
	enders   [2]clientActor // one wants to commit, one to roll back
	rec      recoverer
	late     []Move // lost on the way, executed some time or never: Hold, Settle of the first, Abort for that of the second, Fence; Read for the name's
	lose     int
	restart  int
	harm     string
}

func (w *clientWorld) clone() *clientWorld {
	c := *w
	c.late = slices.Clone(w.late)
	return &c
}

func (w *clientWorld) key() string {
	b := make([]byte, 0, 64)
	flags := func(all ...bool) {
		n := byte(0)
		for i, f := range all {
			if f {
				n |= 1 << i
			}
		}
		b = append(b, n)
	}
	for _, a := range []*clientActor{&w.owner, &w.enders[0], &w.enders[1]} {
		b = append(b, byte(a.stage), byte(a.move), byte(a.told), byte(a.hold.move), byte(a.hold.outcome), byte(a.settle.move), byte(a.settle.outcome))
		flags(a.began, a.settled, a.settle.sent)
	}
	r, m := &w.rec, &w.rec.machine
	b = append(b, byte(w.verdict), byte(w.trx[0]), byte(w.trx[1]), byte(w.lose), byte(w.restart), byte(r.at), byte(r.move), byte(m.move), byte(m.then), byte(m.verdict), m.amiss)
	flags(w.name, w.soft[0], w.soft[1], m.killed, m.voided)
	for _, l := range w.late {
		b = append(b, byte(l))
	}
	return string(b)
}

func (w *clientWorld) hurtBy() string { return w.harm }

// at executes a move about home's rows. who is 0 for the owner, 1 and 2 for those who end it.
func (w *clientWorld) at(m Move, who int) Finding {
	switch {
	case m == Read:
		return w.verdict
	case m == Hold && (w.name || w.flaw == holdNameless) && w.verdict == Undecided:
		if w.verdict = Kept; w.onePhase {
			w.verdict, w.name = DecidedCommit, false
		}
		w.owner.settled = true
	case m == Fence && w.verdict == Undecided:
		w.verdict, w.name = DecidedAbort, w.flaw == fenceLeavesName && w.name
	case m == Settle && (w.verdict == Kept || w.flaw == settleAnything && w.verdict != Undecided):
		w.verdict, w.name = w.enders[who-1].settle.want, false
		w.enders[who-1].settled = true
	case m != Pause:
		return Taken
	}
	return Fine
}

// ask has an actor's move executed and answered; executed and the answer lost; or lost on the way.
func (w *clientWorld) ask(who int, step func(string, func(*clientWorld))) {
	m := w.actor(who).move
	name := fmt.Sprintf("%d: %s", who, m)
	step(name, func(n *clientWorld) { n.hear(who, m, n.at(m, who)) })
	if w.lose > 0 && m != Pause {
		step(name+" unanswered", func(n *clientWorld) { n.lose--; n.at(m, who); n.hear(who, m, Away) })
		step(name+" late", func(n *clientWorld) {
			n.lose--
			if m != Read {
				n.late = append(n.late, map[bool]Move{false: m, true: Abort}[who == 2])
			}
			n.hear(who, m, Away)
		})
	}
	if m != Hold && m != Settle {
		step(fmt.Sprintf("%d gives up", who), func(n *clientWorld) { n.actor(who).told = toldNothing })
	}
}

func (w *clientWorld) actor(who int) *clientActor {
	if who == 0 {
		return &w.owner
	}
	return &w.enders[who-1]
}

func (w *clientWorld) hear(who int, m Move, f Finding) {
	a := w.actor(who)
	if who > 0 {
		if w.flaw == lastIsFirst && m == Read && f != Kept {
			f, a.settle.sent = a.settle.want, true
		}
		if a.move = a.settle.Step(m, f); a.move == Done {
			a.told = map[Finding]told{DecidedCommit: toldCommitted, DecidedAbort: toldRolledBack, Unknown: toldNothing}[a.settle.Outcome()]
		}
		return
	}
	switch {
	case w.flaw == lostIsKept && m == Hold && f == Away:
		f = Fine
	case w.flaw == undecidedIsOver && m == Read && f == Undecided:
		f = DecidedAbort
	}
	if a.move = a.hold.Step(m, f); a.move != Done {
		return
	}
	switch {
	case a.hold.Outcome() == DecidedAbort && w.flaw == undecidedIsOver:
		a.stage = leaving
	case a.hold.Outcome() == DecidedAbort:
		a.stage = fencing
	case w.onePhase:
		a.told = toldCommitted
	default:
		a.told = toldKept
	}
}

func (w *clientWorld) ownerSteps(step func(string, func(*clientWorld))) {
	o := &w.owner
	switch o.stage {
	case entering:
		step("enter", func(n *clientWorld) { n.name, n.owner.stage = true, marking })
		if w.lose > 0 {
			step("enter unanswered", func(n *clientWorld) { n.lose--; n.name, n.owner.stage = true, fencing })
			step("enter late", func(n *clientWorld) { n.lose--; n.late, n.owner.stage = append(n.late, Read), fencing })
		}
	case marking:
		for i, t := range w.trx {
			if t == trxActive {
				step("prepare", func(n *clientWorld) { n.trx[i] = trxPrepared })
			}
			if w.lose > 0 && (t == trxActive || t == trxPrepared) {
				step("a prepare fails", func(n *clientWorld) { n.lose--; n.owner.stage = fencing })
			}
		}
		if w.trx[0] != trxActive && w.trx[1] != trxActive {
			step("all answered", func(n *clientWorld) {
				if n.owner.stage = holding; n.trx[0] == trxRolledBack || n.trx[1] == trxRolledBack {
					n.owner.stage = fencing
				}
				n.owner.move = n.owner.hold.Begin()
			})
		}
	case holding:
		w.ask(0, step)
	case fencing:
		step("fence", func(n *clientWorld) { n.at(Fence, 0); n.owner.stage = leaving })
		if w.lose > 0 {
			step("fence late", func(n *clientWorld) { n.lose--; n.late, n.owner.stage = append(n.late, Fence), leaving })
		}
	case leaving:
		step("undo", func(n *clientWorld) {
			for i := range n.trx {
				n.undo(i)
			}
			n.owner.told = toldRolledBack
		})
		step("undo what answers", func(n *clientWorld) { n.undo(0); n.owner.told = toldRolledBack })
	}
}

func (w *clientWorld) undo(i int) {
	if t := w.trx[i]; t == trxActive || t == trxPrepared {
		w.trx[i], w.soft[i] = trxRolledBack, t == trxPrepared
	}
}

func (w *clientWorld) successors(yield func(string, *clientWorld)) {
	step := func(name string, do func(n *clientWorld)) {
		n := w.clone()
		do(n)
		n.invariant()
		yield(name, n)
	}
	if w.owner.told == untold {
		w.ownerSteps(step)
		step("the owner dies", func(n *clientWorld) { n.owner.told = toldNothing })
	}
	for i := range w.enders {
		switch e := &w.enders[i]; {
		case !e.began && w.name && w.verdict == Kept:
			step(fmt.Sprintf("%d begins", i+1), func(n *clientWorld) {
				n.enders[i].began = true
				n.enders[i].move = n.enders[i].settle.Begin(i == 0)
			})
		case e.began && e.told == untold:
			w.ask(i+1, step)
		}
	}
	w.recovers(step)
	w.besides(step)
}

func (w *clientWorld) recovers(step func(string, func(*clientWorld))) {
	r := &w.rec
	if r.at < 0 {
		for i, t := range w.trx {
			if t == trxPrepared {
				step("recover", func(n *clientWorld) { n.rec = recoverer{at: i}; n.rec.move = n.rec.machine.Begin() })
			}
		}
		return
	}
	step("recover: "+r.move.String(), func(n *clientWorld) { n.recover() })
}

// recover performs a recoverer's move. Branches' connections are gone: who has them is the worlds' of Heddle's own transactions.
func (w *clientWorld) recover() {
	r, f := &w.rec, Fine
	switch r.move {
	case Read, Fence:
		if f = w.at(r.move, 0); f == Kept && w.flaw == keptIsAborted {
			f = DecidedAbort
		}
	case Commit, Abort:
		switch {
		case w.trx[r.at] != trxPrepared:
			f = Unknown
		case r.move == Commit:
			w.trx[r.at] = trxCommitted
		default:
			w.undo(r.at)
		}
	case Inspect:
		f = map[trx]Finding{trxActive: Unmarked, trxPrepared: Listed, trxCommitted: Marked, trxRolledBack: Unmarked}[w.trx[r.at]]
	}
	if r.move = r.machine.Step(r.move, f); r.move == Done {
		*r = recoverer{at: -1}
	} else if r.move == Raise {
		w.hurt("an alarm of %s", r.machine.Trouble())
	}
}

// besides are messages that come late, servers, and sweeps, which wait for nothing but what is in the rows.
func (w *clientWorld) besides(step func(string, func(*clientWorld))) {
	for i, m := range w.late {
		step("late "+m.String(), func(n *clientWorld) { n.late = slices.Delete(n.late, i, i+1); n.comes(m) })
	}
	for i, t := range w.trx {
		if t == trxActive && (w.owner.told != untold || w.owner.stage >= fencing) {
			step("a connection ends", func(n *clientWorld) { n.trx[i] = trxRolledBack })
			step("a late prepare", func(n *clientWorld) { n.trx[i] = trxPrepared })
		}
		if w.restart > 0 {
			step("restart", func(n *clientWorld) { n.restart--; n.restarts(i) })
		}
	}
	if w.name && w.verdict != Kept {
		step("sweep the name", func(n *clientWorld) { n.sweepName() })
	}
	asking := w.owner.told == untold && w.owner.stage == holding
	if w.verdict == DecidedAbort || w.verdict == DecidedCommit && w.trx == [2]trx{trxCommitted, trxCommitted} && !asking {
		step("sweep the decision", func(n *clientWorld) { n.verdict = Undecided })
	}
}

func (w *clientWorld) comes(m Move) {
	switch m {
	case Read:
		w.name = true
	case Settle:
		w.at(Settle, 1)
	case Abort:
		w.at(Settle, 2)
	default:
		w.at(m, 0)
	}
}

func (w *clientWorld) restarts(i int) {
	switch {
	case w.trx[i] == trxActive:
		w.trx[i] = trxRolledBack
	case w.soft[i]:
		w.trx[i], w.soft[i] = trxPrepared, false
	}
}

func (w *clientWorld) sweepName() {
	if w.verdict == Undecided {
		w.at(Fence, 0)
		return
	}
	w.name = false
}

func (w *clientWorld) hurt(format string, args ...any) {
	if w.harm == "" {
		w.harm = fmt.Sprintf(format, args...)
	}
}

func (w *clientWorld) invariant() {
	committed, rolledBack := slices.Contains(w.trx[:], trxCommitted), slices.Contains(w.trx[:], trxRolledBack)
	toldOf := func(t told) bool { return w.owner.told == t || w.enders[0].told == t || w.enders[1].told == t }
	switch {
	case committed && rolledBack:
		w.hurt("half of it is committed")
	case toldOf(toldCommitted) && rolledBack:
		w.hurt("told committed, and it is rolled back")
	case toldOf(toldRolledBack) && committed:
		w.hurt("told rolled back, and it is committed")
	case w.owner.told == toldKept && rolledBack && !w.enders[1].settled:
		w.hurt("told prepared, and nobody has had it rolled back")
	case w.owner.told == toldKept && committed && !w.enders[0].settled:
		w.hurt("told prepared, and nobody has had it committed")
	}
}

// ends has everybody stop, with what is under way executed and without: what is left is kept as a whole, or over.
func (w *clientWorld) ends() string {
	for _, late := range []bool{true, false} {
		n := w.clone()
		if n.owner.told == untold {
			n.owner.told = toldNothing
		}
		for ; late && len(n.late) > 0; n.late = n.late[1:] {
			n.comes(n.late[0])
		}
		for i, t := range n.trx {
			if t == trxActive {
				n.trx[i] = trxRolledBack
			}
		}
		for n.name && n.verdict != Kept {
			n.sweepName()
		}
		n.rec = recoverer{at: -1}
		for i := range n.trx {
			for n.rec, n.rec.move = (recoverer{at: i}), n.rec.machine.Begin(); n.trx[i] == trxPrepared && n.rec.at >= 0 && n.harm == "" && n.verdict != Kept; {
				if n.rec.move == NoMove {
					n.rec.move = n.rec.machine.Begin()
				}
				n.recover()
			}
		}
		n.invariant()
		whole := n.trx == [2]trx{trxPrepared, trxPrepared}
		switch {
		case n.harm != "":
			return n.harm
		case n.verdict == Kept && !(whole && n.name) && n.flaw != keptIsAborted:
			return "it is kept, and not whole, or nameless"
		case n.verdict != Kept && (slices.Contains(n.trx[:], trxPrepared) || n.name):
			return "something is left of it"
		case n.owner.told == toldKept && n.verdict != Kept && !n.enders[0].settled && !n.enders[1].settled:
			return "told prepared, and it is not kept"
		}
	}
	return ""
}

func newClientWorld(f clientFlaw, onePhase bool, lose, restart int) *clientWorld {
	return &clientWorld{flaw: f, onePhase: onePhase, verdict: Undecided, rec: recoverer{at: -1}, lose: lose, restart: restart}
}

// TestClientPaths takes every step of XA PREPARE, or ONE PHASE, of sessions that commit and roll back what is prepared, a recoverer and sweeps, with lost, late and unanswered messages.
func TestClientPaths(t *testing.T) {
	for _, onePhase := range []bool{false, true} {
		for _, c := range [][2]int{{2, 0}, {1, 1}} {
			states, harm := explore(newClientWorld(clientFlawless, onePhase, c[0], c[1]), 1_000_000)
			if harm != "" {
				t.Errorf("one phase %v, %v: %s", onePhase, c, harm)
			}
			t.Logf("one phase %v, %d lost, %d restarts: %d states", onePhase, c[0], c[1], states)
		}
	}
}

// TestClientPathsSee makes one mistake at a time.
func TestClientPathsSee(t *testing.T) {
	for f := holdNameless; f <= lastIsFirst; f++ {
		t.Run(f.String(), func(t *testing.T) {
			states, harm := explore(newClientWorld(f, false, 2, 0), 1_000_000)
			if harm == "" {
				t.Fatalf("no harm in %d states", states)
			}
			t.Logf("%d states: %s", states, harm)
		})
	}
}
