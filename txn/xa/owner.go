package xa

// Part is one branch of a transaction that is about to end.
type Part struct {
	Home  bool // opened by BEGIN and so the one that can decide: the first
	Wrote bool
}

// Op is what an owner has done with a branch.
type Op uint8

// The actions of an owner. All of one batch are performed at the same time.
const (
	None    Op = iota
	Check      // end the work of a branch that has only read, keeping its locks: it answers only where its server still has it
	Prepare    // mark, end and prepare the branch, in one packet that stops at the first error
	Decide     // write the decision and commit with it, in one packet that stops at the first error; the home branch's
	Sole       // commit the only branch that wrote
	Ask        // have the log say what is decided; if nothing is, that it is aborted. On a connection that is not the branch's
	Deliver    // commit a prepared branch
	Close      // end a branch that has only read
	Undo       // roll a branch back, however far it is
	Drop       // close the branch's connection for good. Nobody answers
	Rescue     // recover a branch whose commit was not answered, for as long as the client can be kept waiting
	Tell       // tell the client the Result. Nobody answers
)

// String names the action.
func (o Op) String() string {
	return [...]string{"none", "check", "prepare", "decide", "sole", "ask", "deliver", "close", "undo", "drop", "rescue", "tell"}[o]
}

// Reply is how an action ended.
type Reply uint8

// The replies to an owner's actions.
const (
	OK          Reply = iota // done
	Refused                  // the server answered with an error; the connection lives
	Lost                     // the connection ended: done, not done, or still to be done
	Unsent                   // the connection had ended before: not done
	Fenced                   // to Decide: somebody else has decided. Nothing is committed
	IsCommitted              // to Ask
	IsAborted                // to Ask
	IsForced                 // to Ask: an operator has had the other branches committed, without home's part
	Unreached                // to Ask: the log does not answer. To Rescue: not delivered in time
)

// String names the reply.
func (r Reply) String() string {
	return [...]string{"ok", "refused", "lost", "unsent", "fenced", "committed", "aborted", "forced", "unreached"}[r]
}

// Action is something to be done, on a part where it concerns one.
type Action struct {
	Op   Op
	Part int
}

// Result is what a client is told of its COMMIT or ROLLBACK.
type Result uint8

// The results.
const (
	Open        Result = iota // not told yet
	Committed                 // on all servers; of Undelivered branches as soon as their servers let it
	RolledBack                // on all servers, or as soon as they let it
	InDoubt                   // nobody here can tell: what the log says, or will say, holds for all
	Forced                    // by an operator: on all servers but home, where it is rolled back
	SoleUnknown               // the one branch that wrote was lost in its COMMIT, as it can be on one server
)

// Owner is the machine of whoever began a transaction, from COMMIT or ROLLBACK to its end.
type Owner struct {
	parts   []part
	phase   phase
	pending int // actions that are not answered
	home    int // index of the home part; -1: there is none
	result  Result
	failed  int // the part whose reply turned the commit into a rollback; -1: none did
	doubt   int // the sole part, where the server has refused its commit and has yet to roll back; -1: none
}

type part struct {
	Part
	doing Op   // what is not answered yet
	gone  bool // its connection is closed or lost, or nothing is left to do on it
	ended bool // it is rolled back, and its connection lives: it can be dropped yet
	bad   bool // the reply to the phase's action was not OK
	late  bool // decided, and not known to be delivered
	open  bool // its prepare was sent, and it is not known to be rolled back: it may be prepared yet
}

type phase uint8

const (
	working phase = iota
	reading       // nothing was written: all branches are closed
	checking
	preparing
	deciding
	doubting // the decision's reply is lost: the home branch is got rid of before the log is asked
	asking
	committing
	delivering
	rescuing
	undoing
	over
)

// NewOwner returns the machine of a transaction with these branches, at most one of them home.
func NewOwner(parts []Part) *Owner {
	o := &Owner{home: -1, failed: -1, doubt: -1}
	for i, p := range parts {
		o.parts = append(o.parts, part{Part: p})
		if p.Home {
			o.home = i
		}
	}
	return o
}

// Result is what the client was told, Open before.
func (o *Owner) Result() Result { return o.result }

// Failed is the part whose reply turned the COMMIT into a rollback, or left it in doubt; -1: none did.
func (o *Owner) Failed() int { return o.failed }

// Undelivered are the parts that are committed by decision, and of which it is not known that their servers have done it.
func (o *Owner) Undelivered() (parts []int) {
	for i := range o.parts {
		if o.parts[i].late {
			parts = append(parts, i)
		}
	}
	return parts
}

// Commit begins the commit.
func (o *Owner) Commit() []Action {
	if o.phase != working {
		return nil
	}
	switch wrote := o.count(func(p *part) bool { return p.Wrote }); {
	case wrote == 0:
		return o.finish(reading)
	case wrote == 1:
		o.phase = checking
		if acts := o.each(Check, func(p *part) bool { return !p.Wrote }); len(acts) > 0 {
			return acts
		}
		return o.sole()
	default:
		o.phase = preparing
		acts := o.each(Check, func(p *part) bool { return !p.Wrote && !p.Home })
		return append(acts, o.each(Prepare, func(p *part) bool { return p.Wrote && !p.Home })...)
	}
}

// Rollback begins the rollback.
func (o *Owner) Rollback() []Action {
	if o.phase != working {
		return nil
	}
	return o.abort()
}

// Step takes the reply to an action. A reply that nobody waits for is ignored.
func (o *Owner) Step(a Action, r Reply) []Action {
	if a.Part < 0 || a.Part >= len(o.parts) || o.parts[a.Part].doing != a.Op || a.Op == None {
		return nil
	}
	p := &o.parts[a.Part]
	p.doing, p.bad = None, r != OK
	p.ended = p.ended || a.Op == Undo && r == OK
	p.open = a.Op == Prepare && r != Unsent || p.open && !(a.Op == Undo && r == OK)
	o.pending--
	var acts []Action
	if r == Lost || r == Unsent || a.Op == Undo && r != OK {
		acts = o.drop(a.Part)
	}
	if r != OK && o.failed < 0 && o.phase < committing && r != IsCommitted {
		o.failed = a.Part
	}
	switch o.phase {
	case deciding:
		return append(acts, o.decided(a.Part, r)...)
	case asking:
		return append(acts, o.asked(r)...)
	case committing:
		return append(acts, o.soleDone(a.Part, r)...)
	case delivering, rescuing:
		p.late = p.late && r != OK
	case undoing:
		if a.Part == o.doubt && r != OK {
			o.result = SoleUnknown
		}
	}
	if r == Refused && (a.Op == Deliver || a.Op == Close) {
		acts = append(acts, o.drop(a.Part)...)
	}
	if o.pending > 0 {
		return acts
	}
	return append(acts, o.next()...)
}

// next is the phase behind one of which all actions are answered.
func (o *Owner) next() []Action {
	switch o.phase {
	case checking, preparing:
		if o.count(func(p *part) bool { return p.bad }) > 0 {
			return o.abort()
		}
		if o.phase == checking {
			return o.sole()
		}
		o.phase = deciding
		return o.do(Decide, o.home)
	case doubting:
		o.phase = asking
		return o.do(Ask, o.home)
	case delivering:
		o.phase = rescuing
		if acts := o.each(Rescue, func(p *part) bool { return p.late }); len(acts) > 0 {
			return acts
		}
	case undoing:
		if o.result == SoleUnknown {
			return o.tell(SoleUnknown)
		}
		return append(o.leave(), o.tell(RolledBack)...)
	case reading:
		if o.failed >= 0 {
			return o.tell(RolledBack)
		}
	}
	return o.tell(Committed)
}

// decided takes the reply to the decision. Where it is not plain, the home branch must be gone before the log is asked: it may
// hold the decision's row, and the question would wait for it.
func (o *Owner) decided(at int, r Reply) []Action {
	switch r {
	case OK:
		o.parts[at].gone = true
		return o.deliver()
	case Unsent:
		return o.abort()
	case Refused, Fenced: // it is aborted, or an operator has committed it
		o.phase = doubting
		return o.do(Undo, at)
	default:
		o.phase = asking
		return o.do(Ask, at)
	}
}

func (o *Owner) asked(r Reply) []Action {
	switch r {
	case IsCommitted:
		o.failed = -1
		return o.deliver()
	case IsAborted:
		return o.abort()
	}
	told := InDoubt
	if r == IsForced { // whoever forces has recovery deliver
		told = Forced
		for i := range o.parts {
			o.parts[i].late = o.parts[i].Wrote && i != o.home
		}
	}
	var acts []Action
	for i := range o.parts {
		acts = append(acts, o.drop(i)...)
	}
	return append(acts, o.tell(told)...)
}

// sole commits the one branch that wrote: as on one server, without a decision.
func (o *Owner) sole() []Action {
	o.phase = committing
	for i := range o.parts {
		if o.parts[i].Wrote {
			return o.do(Sole, i)
		}
	}
	return nil
}

func (o *Owner) soleDone(at int, r Reply) []Action {
	switch r {
	case OK:
		o.parts[at].gone = true
		return o.finish(delivering)
	case Lost:
		o.result = SoleUnknown
	case Refused:
		o.doubt = at
	}
	if o.failed < 0 {
		o.failed = at
	}
	return o.abort()
}

// deliver commits what is prepared, and ends what has only read.
func (o *Owner) deliver() []Action {
	o.phase = delivering
	for i := range o.parts {
		p := &o.parts[i]
		p.late = p.Wrote && !p.Home
	}
	acts := o.each(Deliver, func(p *part) bool { return p.late })
	return append(acts, o.each(Close, func(p *part) bool { return !p.late })...)
}

// leave closes home's connection where a branch may be prepared yet: whoever recovers that ends the connection that the branch names as home's, and would
// end whatever transaction has got it since.
func (o *Owner) leave() []Action {
	if o.home < 0 || o.count(func(p *part) bool { return p.open }) == 0 {
		return nil
	}
	return o.drop(o.home)
}

// finish ends branches of which none has anything to lose.
func (o *Owner) finish(as phase) []Action {
	o.phase = as
	if acts := o.each(Close, func(*part) bool { return true }); len(acts) > 0 {
		return acts
	}
	return o.tell(Committed)
}

func (o *Owner) abort() []Action {
	o.phase = undoing
	if acts := o.each(Undo, func(*part) bool { return true }); len(acts) > 0 {
		return acts
	}
	return o.next()
}

func (o *Owner) tell(r Result) []Action {
	o.phase, o.result = over, r
	return []Action{{Op: Tell}}
}

// do has one action performed, whatever has become of the part's connection.
func (o *Owner) do(op Op, at int) []Action {
	o.parts[at].doing = op
	o.pending++
	return []Action{{Op: op, Part: at}}
}

// each has an action performed on the parts that are wanted and that still have a connection; Rescue needs none.
func (o *Owner) each(op Op, want func(*part) bool) (acts []Action) {
	for i := range o.parts {
		if p := &o.parts[i]; want(p) && (!p.gone && !p.ended || op == Rescue) {
			acts = append(acts, o.do(op, i)...)
		}
	}
	return acts
}

func (o *Owner) drop(at int) []Action {
	if o.parts[at].gone {
		return nil
	}
	o.parts[at].gone = true
	return []Action{{Op: Drop, Part: at}}
}

func (o *Owner) count(want func(*part) bool) (n int) {
	for i := range o.parts {
		if want(&o.parts[i]) {
			n++
		}
	}
	return n
}
