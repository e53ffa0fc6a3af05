//go:build !race

package xa

import (
	"fmt"
	"slices"
)

// The model: servers as real ones behave (the statements of each are in DESIGN.md, "What servers do"), one owner, and
// recoverers, all of whose steps can be interleaved.

const maxParts = 4

// conn is how far the server is with the connection that has a branch.
type conn uint8

const (
	connOpen     conn = iota
	connClosing       // going down, still listed
	connUnlisted      // out of the process list, the transaction not yet let go
	connGone
)

// trx is a branch's transaction in its server.
type trx uint8

const (
	trxActive trx = iota
	trxPrepared
	trxZombie // prepared, locked, listed nowhere
	trxCommitted
	trxRolledBack
)

// flaw is a mistake of whoever performs the actions, which the explorer must find.
type flaw uint8

const (
	flawless flaw = iota
	decideEarly
	refusedIsPrepared
	plainCommit
	fenceIgnored
	lostIsAborted
	resetForDrop
	noFence
	notaIsDone
	noDetach
	oneLook
	listOnly
	forgetAborts
	notSoleIsSole
	forcedIsAborted
	noRead
	// Of these no transaction knows that is alone:
	killNumbers
	markGoneIsOld
	numberIsBranch
	keepHome
	readOthers
)

func (f flaw) String() string {
	return [...]string{"none", "decide before all are prepared", "a refused prepare is taken for prepared", "commit without the decision",
		"decide over somebody's decision", "a lost decision is taken for aborted", "reset a prepared connection in place of closing it",
		"skip the fence", "take NOTA for committed, and forget the decision", "finish without detaching", "look once", "look at the process list only",
		"forget that it is aborted while the owner can still decide", "commit two writers as if each were the only one",
		"take what an operator has forced for aborted", "commit without reading the decision", "end whatever connection has a branch's number",
		"take a connection for a branch's whose mark is gone", "take whoever has a branch's number for the branch's connection for ever",
		"give home's connection back while a branch may yet be prepared", "read another transaction's decision"}[f]
}

// request is one that an owner has under way, on the branch's connection or, Ask and Rescue, on another.
type request struct {
	op    Op
	done  bool // executed; the reply is under way
	reply Reply
}

type branchState struct {
	conn    conn
	trx     trx
	broken  bool // the owner's side of the connection has ended
	holds   bool // home: the decision's row is inserted and not committed
	soft    bool // rolled back from prepared, and not on the server's disk yet
	request request
	orphan  Op // sent before the connection broke; the server may still come to it

	heir   heir // another transaction's connection that has the number now
	late   bool // the mark was written when that one's transaction had begun
	near   bool // the mark was young when home's connection was given to that one: their ages do not tell them apart
	struck bool // somebody has ended it
}

// heir is what has the number of a branch's connection when that is the branch's no more.
type heir uint8

const (
	noHeir   heir = iota
	idleHeir      // it is in no transaction
	busyHeir
)

type recoverer struct {
	at      int  // the part; -1: idle
	aged    bool // its last look has shown the branch's mark, and how old that is
	machine Recovery
	move    Move
	done    bool
	finding Finding
	voided  bool
	last    Finding // of the last Commit or Abort
}

type stray struct {
	move Move
	part int
}

// world is a state of everything. budget is how many faults may still come.
type world struct {
	parts    []Part
	flaw     flaw
	branches [maxParts]branchState
	decision Finding // at home: Undecided, DecidedCommit, DecidedAbort
	swept    bool    // the decision to commit has been deleted
	forced   bool    // an operator has written it
	owner    *Owner
	dead     bool
	followed bool // another transaction has begun since
	recs     []recoverer
	strays   []stray
	budget   faults
	harm     string
}

func newWorld(parts []Part, recoverers int, f flaw) *world {
	w := &world{parts: parts, flaw: f, owner: NewOwner(parts), decision: Undecided}
	for range recoverers {
		w.recs = append(w.recs, recoverer{at: -1})
	}
	if f == notSoleIsSole {
		lie := slices.Clone(parts)
		for i := range lie {
			lie[i].Wrote = i == 0
		}
		w.owner = NewOwner(lie)
	}
	w.perform(w.owner.Commit())
	return w
}

func (w *world) clone() *world {
	c := *w
	o := *w.owner
	o.parts = slices.Clone(w.owner.parts)
	c.owner = &o
	c.recs = slices.Clone(w.recs)
	c.strays = slices.Clone(w.strays)
	return &c
}

func (w *world) key() string {
	b := make([]byte, 0, 160)
	flag := func(f bool) {
		if f {
			b = append(b, 1)
		} else {
			b = append(b, 0)
		}
	}
	for i := range w.parts {
		s := &w.branches[i]
		b = append(b, byte(s.conn), byte(s.trx), byte(s.request.op), byte(s.request.reply), byte(s.orphan))
		flag(s.broken)
		flag(s.holds)
		flag(s.request.done)
		flag(s.soft)
		flag(s.late)
		flag(s.near)
		b = append(b, byte(s.heir))
	}
	b = append(b, byte(w.decision))
	flag(w.swept)
	flag(w.forced)
	flag(w.dead)
	if o := w.owner; !w.dead {
		b = append(b, byte(o.phase), byte(o.pending), byte(o.failed), byte(o.doubt), byte(o.result))
		for i := range o.parts {
			p := &o.parts[i]
			b = append(b, byte(p.doing))
			flag(p.gone)
			flag(p.ended)
			flag(p.bad)
			flag(p.late)
			flag(p.open)
		}
	}
	b = append(b, byte(w.owner.result))
	for i := range w.recs {
		r := &w.recs[i]
		m := &r.machine
		b = append(b, byte(r.at), byte(r.move), byte(r.finding), byte(r.last), byte(m.move), byte(m.then), byte(m.verdict), m.amiss)
		flag(r.done)
		flag(r.aged)
		flag(m.killed)
		flag(m.voided)
	}
	b = append(b, byte(w.budget.cut), byte(w.budget.restart), byte(w.budget.die), byte(w.budget.refuse), byte(w.budget.lose), byte(w.budget.force))
	for _, s := range w.strays {
		b = append(b, byte(s.move), byte(s.part))
	}
	return string(b)
}

// perform sends what the owner's machine asks for.
func (w *world) perform(acts []Action) {
	for _, a := range acts {
		s := &w.branches[a.Part]
		switch a.Op {
		case Tell:
			w.told()
			continue
		case Drop:
			if w.flaw == keepHome && w.parts[a.Part].Home && w.owner.phase == over {
				continue
			}
			if w.flaw == resetForDrop && !s.broken && s.conn == connOpen {
				w.reset(s)
			}
			w.breakOff(a.Part)
			continue
		}
		s.request = request{op: a.Op}
		if s.broken && a.Op != Ask && a.Op != Rescue {
			s.request.done, s.request.reply = true, Unsent
		}
	}
	if w.flaw == decideEarly {
		for _, a := range acts {
			if a.Op == Prepare {
				s := &w.branches[a.Part]
				s.orphan, s.request = Prepare, request{op: Prepare, done: true, reply: OK}
			}
		}
	}
}

func (w *world) reset(s *branchState) {
	switch s.trx {
	case trxPrepared:
		s.trx = trxZombie
	case trxActive:
		s.trx, s.holds = trxRolledBack, false
	}
}

// breakOff ends the owner's side of a connection: what was sent may still be executed.
func (w *world) breakOff(at int) {
	s := &w.branches[at]
	if s.broken {
		return
	}
	s.broken = true
	if r := &s.request; r.op != None && r.op != Ask && r.op != Rescue {
		if !r.done && s.orphan == None {
			s.orphan = r.op
		}
		r.done, r.reply = true, Lost
	}
}

// told checks the client's answer at the moment when it is given; invariant checks it for ever after.
func (w *world) told() { w.invariant() }

// wrote reports whether what a part did matters.
func (w *world) wrote(i int) bool { return w.parts[i].Wrote }

// invariant notes harm: half a transaction, a zombie, an answer that is not true.
func (w *world) invariant() {
	committed, rolledBack, homeless := -1, -1, false
	for i := range w.parts {
		s := &w.branches[i]
		if !w.wrote(i) {
			continue
		}
		switch s.trx {
		case trxCommitted:
			committed = i
		case trxRolledBack:
			if rolledBack = i; w.forced && w.parts[i].Home {
				rolledBack = -1 // which is what the operator takes the blame for
				homeless = true
			}
		case trxZombie:
			w.hurt("part %d is a zombie", i)
		}
	}
	if committed >= 0 && rolledBack >= 0 {
		w.hurt("part %d is committed and part %d rolled back", committed, rolledBack)
	}
	switch w.owner.result {
	case Committed:
		if rolledBack >= 0 {
			w.hurt("told committed, and part %d is rolled back", rolledBack)
		}
		if homeless {
			w.hurt("told committed, and home's part is rolled back")
		}
	case Forced:
		if !w.forced || w.branches[0].trx == trxCommitted {
			w.hurt("told that an operator has committed it without home")
		}
	case RolledBack:
		if committed >= 0 {
			w.hurt("told rolled back, and part %d is committed", committed)
		}
	}
	for i := range w.recs {
		if r := &w.recs[i]; r.move == Raise {
			w.hurt("an alarm of %s, and nothing has happened", r.machine.Trouble())
		}
	}
}

func (w *world) hurtBy() string { return w.harm }

// ends comes to its end with the servers' having come to what they were sent, and without.
func (w *world) ends() string {
	for _, orphans := range []bool{true, false} {
		end := w.clone()
		if end.settle(orphans); end.harm != "" {
			return end.harm
		}
	}
	return ""
}

func (w *world) hurt(format string, args ...any) {
	if w.harm == "" {
		w.harm = fmt.Sprintf(format, args...)
	}
}

// execute has a server come to an owner's request. It reports whether it did: a question whose answer is locked waits.
func (w *world) execute(at int, op Op, refuse bool) (reply Reply, did bool) {
	s := &w.branches[at]
	if refuse {
		return Refused, true
	}
	switch op {
	case Check:
	case Prepare:
		if s.trx != trxActive {
			return Refused, true
		}
		s.trx, s.late = trxPrepared, w.followed
	case Decide:
		return w.decide(s)
	case Sole:
		if s.trx == trxActive {
			s.trx = trxCommitted
		}
	case Deliver:
		if s.trx != trxPrepared {
			return Refused, true
		}
		s.trx = trxCommitted
	case Close:
		if s.trx == trxActive {
			s.trx = trxCommitted
		}
	case Undo:
		if s.trx == trxActive || s.trx == trxPrepared {
			s.soft = s.trx == trxPrepared
			s.trx, s.holds = trxRolledBack, false
		}
	case Ask:
		return w.ask(s)
	case Rescue:
		if s.trx == trxCommitted {
			return OK, true
		}
		return Unreached, true
	}
	return OK, true
}

// decide is the packet of two statements: first the row, and when it is in, the COMMIT.
func (w *world) decide(s *branchState) (Reply, bool) {
	if s.trx != trxActive {
		return Refused, true
	}
	if w.flaw == plainCommit {
		s.trx = trxCommitted
		return OK, true
	}
	if s.holds {
		s.trx, s.holds, w.decision = trxCommitted, false, DecidedCommit
		return OK, true
	}
	if w.decision != Undecided {
		if w.flaw == fenceIgnored {
			s.trx = trxCommitted
			return OK, true
		}
		return Fenced, true
	}
	s.holds = true
	return OK, false
}

func (w *world) ask(s *branchState) (Reply, bool) {
	switch {
	case s.holds:
		return OK, false
	case w.swept: // an answer this late is not taken
		return Unreached, true
	case w.decision == DecidedCommit && w.forced:
		return IsForced, true
	case w.decision == DecidedCommit:
		return IsCommitted, true
	}
	w.decision = DecidedAbort
	return IsAborted, true
}

// answer gives the owner the reply that is under way.
func (w *world) answer(at int) {
	s := &w.branches[at]
	a, reply := Action{Op: s.request.op, Part: at}, s.request.reply
	s.request = request{}
	switch {
	case w.flaw == lostIsAborted && a.Op == Decide && reply == Lost:
		reply = Unsent
	case w.flaw == refusedIsPrepared && a.Op == Prepare && reply == Refused:
		reply = OK
	case w.flaw == forcedIsAborted && reply == IsForced:
		reply = IsAborted
	}
	w.perform(w.owner.Step(a, reply))
	if acts := w.owner.Step(a, reply); w.branches[at].request.op != a.Op && acts != nil {
		w.hurt("a reply that came twice was taken twice: %s", a.Op)
	}
}

// down takes a connection down by one step.
func (w *world) down(at int) {
	s := &w.branches[at]
	s.conn++
	s.orphan = None
	if s.conn == connGone && s.trx == trxActive {
		s.trx, s.holds = trxRolledBack, false
	}
	if r := &s.request; !s.broken && r.op != None && r.op != Ask && r.op != Rescue {
		r.done, r.reply = true, Lost
	}
	s.broken = true
}

func (w *world) restart(at int) {
	s := &w.branches[at]
	w.breakOff(at)
	s.conn, s.orphan, s.holds = connGone, None, false
	switch {
	case s.trx == trxActive:
		s.trx = trxRolledBack
	case s.trx == trxZombie, s.soft:
		s.trx = trxPrepared
	}
	s.soft = false
	for i := range w.recs {
		if r := &w.recs[i]; r.at == at && !r.done && r.move != Pause && r.move != Read && r.move != Fence {
			r.done, r.finding = true, Away
		}
	}
}
