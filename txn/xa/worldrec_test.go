//go:build !race

package xa

// begin has a recoverer take up a branch that XA RECOVER lists.
func (w *world) begin(r *recoverer, at int) {
	*r = recoverer{at: at}
	r.move = r.machine.Begin()
}

// sight is how a server shows the connections.
type sight uint8

const (
	plain   sight = iota
	old           // a picture of the transactions of before
	patient       // whoever has the number and is in no transaction as old as the branch was waited for, and is taken for a stranger
)

// recover has a server come to a recoverer's question.
func (w *world) recover(r *recoverer, as sight) {
	if r.move == Look || r.move == Again {
		t := w.branches[r.at].trx
		r.aged = t == trxPrepared || t == trxZombie || t == trxCommitted
	}
	r.done, r.finding = true, w.effect(r.move, r.at, r.aged, as)
	switch {
	case r.move == Commit || r.move == Abort:
		r.last = r.finding
	case w.flaw == notaIsDone && r.move == Inspect && r.last == Unknown && r.machine.Committed():
		r.finding, w.decision = Marked, Undecided
	}
}

// effect is what a move does and finds. aged: whoever makes it knows how old the branch is.
func (w *world) effect(m Move, at int, aged bool, as sight) Finding {
	s := &w.branches[at]
	home := &w.branches[0]
	switch m {
	case Read:
		if w.flaw == noRead {
			return DecidedCommit
		}
		return w.decision
	case Fence:
		switch {
		case w.flaw == noFence:
			return Fine
		case home.holds:
			return Busy
		case w.decision != Undecided:
			return Taken
		}
		w.decision = DecidedAbort
	case Look, Again:
		return w.look(s, m, as)
	case Kill:
		w.kill(at, at, aged)
	case Commit, Abort:
		if m == Abort && aged {
			w.kill(0, at, aged)
		}
		return w.finishFrom(s, m)
	case Inspect:
		switch s.trx {
		case trxPrepared:
			return Listed
		case trxZombie:
			return Held
		case trxCommitted:
			return Marked
		}
		return Unmarked
	}
	return Fine
}

// look: the process list is true at once; the list of transactions may be of before this one was there, but not twice.
func (w *world) look(s *branchState, m Move, as sight) Finding {
	listed := s.conn == connOpen || s.conn == connClosing
	has := s.conn != connGone && (s.trx == trxActive || s.trx == trxPrepared)
	switch {
	case w.flaw == noDetach, w.flaw == oneLook && m == Again, w.flaw == notaIsDone && s.conn == connOpen:
		return Fine
	case w.flaw == listOnly:
		has = false
	}
	if s.heir != noHeir {
		listed, has = true, s.heir == busyHeir && (s.late || w.flaw == markGoneIsOld && s.trx == trxRolledBack)
	}
	if has && (m == Again || as != old) || listed && (as != patient || w.flaw == numberIsBranch) {
		return Attached
	}
	return Fine
}

// finishFrom is XA COMMIT or XA ROLLBACK from a connection that is not the branch's.
func (w *world) finishFrom(s *branchState, m Move) Finding {
	switch {
	case s.trx != trxPrepared || s.conn == connOpen:
		return Unknown
	case s.conn != connGone && w.flaw == notaIsDone: // luck, so that NOTA alone is judged
		return Unknown
	case s.conn != connGone:
		s.trx = trxZombie
	case m == Commit:
		s.trx = trxCommitted
	default:
		s.trx, s.soft = trxRolledBack, true
	}
	return Fine
}

// kill ends the connection of a part, if it is in a transaction as old as the mark of the branch of, in one step.
func (w *world) kill(at, of int, aged bool) {
	s := &w.branches[at]
	switch blind := w.flaw == killNumbers || w.flaw == markGoneIsOld && !aged; {
	case s.heir != noHeir:
		s.struck = blind || aged && s.heir == busyHeir && (w.branches[of].late || at != of && w.branches[of].near)
	case s.conn == connOpen && (blind || s.trx == trxActive || s.trx == trxPrepared):
		w.down(at)
	}
}

// proceed gives a recoverer what it has found.
func (w *world) proceed(r *recoverer) {
	r.done = false
	r.move = r.machine.Step(r.move, r.finding)
	if r.move == Done {
		*r = recoverer{at: -1}
	}
}

// lose loses a recoverer's question or its answer; the question may be executed yet.
func (w *world) lose(r *recoverer) {
	if !r.done {
		w.strays = append(w.strays, stray{r.move, r.at})
	}
	r.done, r.finding = true, Away
}

func (w *world) executeStray(i int) {
	s := w.strays[i]
	w.strays = append(w.strays[:i:i], w.strays[i+1:]...)
	w.effect(s.move, s.part, true, plain)
}

// successors are the states that one step leads to.
func (w *world) successors(yield func(name string, next *world)) {
	step := func(name string, do func(n *world)) {
		n := w.clone()
		do(n)
		n.invariant()
		yield(name, n)
	}
	w.ownerSteps(step)
	w.serverSteps(step)
	for i := range w.recs {
		w.recovererSteps(i, step)
	}
	for i := range w.strays {
		step("stray", func(n *world) { n.executeStray(i) })
	}
	w.sweeps(step)
	w.operator(step)
}

// operator forces what is prepared, and not decided: its owner has died, or stands still before its decision. What the client was told to be rolled back is
// his to answer for.
func (w *world) operator(step func(string, func(*world))) {
	if w.budget.force == 0 || w.owner.result == RolledBack || w.decision != Undecided || w.swept || w.branches[0].trx == trxCommitted || w.branches[0].holds || !w.dead && w.owner.phase < deciding {
		return
	}
	for i := 1; i < len(w.parts); i++ {
		if w.wrote(i) && w.branches[i].trx != trxPrepared {
			return
		}
	}
	step("force", func(n *world) { n.budget.force--; n.decision, n.forced = DecidedCommit, true })
}

func (w *world) ownerSteps(step func(string, func(*world))) {
	for i := range w.parts {
		s := &w.branches[i]
		r := s.request
		if w.dead || r.op == None {
			continue
		}
		if r.done {
			step("answer", func(n *world) { n.answer(i) })
			continue
		}
		if s.conn == connOpen || r.op == Ask || r.op == Rescue {
			step("execute "+r.op.String(), func(n *world) { n.come(i, r.op, false) })
		}
		if w.budget.refuse > 0 && s.conn == connOpen && (r.op == Prepare || r.op == Check || r.op == Sole || r.op == Decide) {
			step("refuse", func(n *world) { n.budget.refuse--; n.come(i, r.op, true) })
		}
		if w.budget.lose > 0 && (r.op == Ask || r.op == Rescue) {
			step("unreached", func(n *world) {
				n.budget.lose--
				n.branches[i].request.done, n.branches[i].request.reply = true, Unreached
			})
		}
	}
	if !w.dead && w.budget.die > 0 && w.owner.result == Open {
		step("die", func(n *world) { n.budget.die--; n.die() })
	}
}

func (w *world) come(at int, op Op, refuse bool) {
	if reply, did := w.execute(at, op, refuse); did {
		w.branches[at].request.done, w.branches[at].request.reply = true, reply
	}
}

func (w *world) die() {
	for i := range w.parts {
		w.breakOff(i)
		w.branches[i].request = request{}
	}
	w.dead = true
}

func (w *world) serverSteps(step func(string, func(*world))) {
	for i := range w.parts {
		s := &w.branches[i]
		if s.orphan != None && s.conn == connOpen {
			step("orphan", func(n *world) {
				if _, did := n.execute(i, s.orphan, false); did {
					n.branches[i].orphan = None
				}
			})
		}
		if s.conn != connGone && (s.broken || s.conn != connOpen) {
			step("down", func(n *world) { n.down(i) })
		}
		if w.budget.cut > 0 && !s.broken {
			step("cut", func(n *world) { n.budget.cut--; n.breakOff(i) })
		}
		if w.budget.restart > 0 {
			step("restart", func(n *world) { n.budget.restart--; n.restart(i) })
		}
	}
}

func (w *world) recovererSteps(i int, step func(string, func(*world))) {
	r := &w.recs[i]
	if r.at < 0 {
		for p := 1; p < len(w.parts); p++ {
			if w.branches[p].trx == trxPrepared {
				step("begin", func(n *world) { n.begin(&n.recs[i], p) })
			}
		}
		return
	}
	if r.done {
		step("proceed", func(n *world) { n.proceed(&n.recs[i]) })
	} else {
		step(r.move.String(), func(n *world) { n.recover(&n.recs[i], plain) })
		if r.move == Look {
			step("lie", func(n *world) { n.recover(&n.recs[i], old) })
		}
		if r.move == Look || r.move == Again {
			step("patient look", func(n *world) { n.recover(&n.recs[i], patient) })
		}
	}
	if w.budget.lose > 0 && r.move != Pause {
		step("lose", func(n *world) { n.budget.lose--; n.lose(&n.recs[i]) })
	}
}

// sweeps delete decisions: to commit when all marks are there and nobody can be asking, to abort when nobody can decide.
func (w *world) sweeps(step func(string, func(*world))) {
	switch w.decision {
	case DecidedCommit:
		for i := range w.recs {
			if w.recs[i].at >= 0 {
				return
			}
		}
		for i := 1; i < len(w.parts); i++ {
			if w.wrote(i) && w.branches[i].trx != trxCommitted {
				return
			}
		}
		step("sweep", func(n *world) { n.decision, n.swept = Undecided, true })
	case DecidedAbort:
		if w.branches[0].conn == connGone || w.flaw == forgetAborts {
			step("forget", func(n *world) { n.decision = Undecided })
		}
	}
}

// settle ends all without further faults, the owner dead: connections go down, recoverers finish what is listed. It notes
// harm if something stays.
func (w *world) settle(orphansFirst bool) {
	w.die()
	for i := range w.parts {
		for orphansFirst && w.branches[i].orphan != None && w.branches[i].conn == connOpen {
			if _, did := w.execute(i, w.branches[i].orphan, false); did {
				w.branches[i].orphan = None
			}
		}
		for w.branches[i].conn != connGone {
			w.down(i)
		}
	}
	for len(w.strays) > 0 {
		w.executeStray(0)
	}
	r := recoverer{at: -1}
	w.recs = nil
	for i := 1; i < len(w.parts); i++ {
		if w.branches[i].trx != trxPrepared {
			continue
		}
		w.begin(&r, i)
		for n := 0; r.at >= 0 && r.move != Raise && n < 100; n++ {
			w.recover(&r, map[bool]sight{true: patient}[n > 20])
			w.proceed(&r)
		}
		if r.at >= 0 {
			w.hurt("part %d is not recovered: %s", i, r.move)
		}
	}
	w.invariant()
	for i := range w.parts {
		if t := w.branches[i].trx; w.wrote(i) && t != trxCommitted && t != trxRolledBack {
			w.hurt("part %d stays open", i)
		}
	}
}
