package xa

// Move is what a recoverer does about one branch.
type Move uint8

// The moves of a recoverer. Each is answered by a Finding, but Raise and Done, which end the machine.
const (
	NoMove  Move = iota
	Read         // read the decision: DecidedCommit, DecidedAbort, Undecided, Kept, Away
	Fence        // decide that it is aborted, if nothing is decided: Fine, Taken, Busy, Away
	Look         // see whether the branch's connection is listed, or has a transaction: Attached, Fine, Away
	Again        // Look, so long after the last one that the server has no old picture to show
	Kill         // end the branch's connection: Fine, Away
	Commit       // XA COMMIT: Fine, Unknown, Voided, Declined, Away
	Abort        // XA ROLLBACK: the same
	Inspect      // read the branch's mark with its lock, and XA RECOVER: Marked, Unmarked, Held, Listed, Away
	Pause        // wait, longer each time: Fine
	Raise        // tell the operators of the Trouble: only they, or a restart of the server, can help
	Done         // nothing is left to do
	Hold         // of who prepares for a client: say that all branches are prepared, if its name is there still: Fine, Taken, Busy, Away
	Settle       // of who ends that: put the decision in its place: Fine, Taken, Busy, Away
)

// String names the move.
func (m Move) String() string {
	return [...]string{"no move", "read", "fence", "look", "again", "kill", "commit", "abort", "inspect", "pause", "raise", "done", "hold",
		"settle"}[m]
}

// Finding is what came of a move.
type Finding uint8

// The findings.
const (
	Fine          Finding = iota
	DecidedCommit         // Read
	DecidedAbort          // Read
	Undecided             // Read
	Kept                  // Read: for a client to decide, who has prepared it
	Taken                 // Fence: somebody has decided
	Busy                  // Fence: somebody is deciding
	Attached              // Look, Again: a connection has the branch still
	Unknown               // Commit, Abort: XAER_NOTA, which says neither that it is done nor that it is not
	Voided                // Commit, Abort: XA_RB…: the server had rolled it back by itself
	Declined              // Commit, Abort: any other error
	Marked                // Inspect: the mark is committed, and so is the branch
	Unmarked              // Inspect: nobody has the mark, and XA RECOVER does not have the branch
	Held                  // Inspect: a transaction that has not ended has the mark, and XA RECOVER does not have the branch
	Listed                // Inspect: XA RECOVER has the branch
	Away                  // the server does not answer
)

// String names the finding.
func (f Finding) String() string {
	return [...]string{"fine", "decided: commit", "decided: abort", "undecided", "kept", "taken", "busy", "attached", "unknown", "voided",
		"declined", "marked", "unmarked", "held", "listed", "away"}[f]
}

// Trouble is why a branch cannot be finished.
type Trouble uint8

// The troubles.
const (
	NoTrouble Trouble = iota
	Zombie            // the server has the branch's locks and does not list it: a restart brings it back prepared
	Missing           // decided to commit, and the server has neither the branch nor its mark: it was lost, say by a failover
	Heuristic         // the branch did what was not decided: somebody else ended it
)

// String names the trouble.
func (t Trouble) String() string { return [...]string{"none", "ZOMBIE", "LOST", "HEURISTIC"}[t] }

// inspections is how often in a row a branch has to be found amiss before it is told: who commits it at that very moment
// shows for an instant what a zombie shows for ever.
const inspections = 4

// Recovery is the machine of one recoverer for one branch. Any number of them, and the owner, may be at the branch at once.
type Recovery struct {
	move    Move // that is not answered
	then    Move // behind a Pause
	verdict Finding
	killed  bool
	voided  bool
	amiss   uint8 // inspections in a row that found neither the branch nor its end
	trouble Trouble
}

// Begin is the first move for a branch that XA RECOVER lists.
func (r *Recovery) Begin() Move { return r.to(Read) }

// Suspect is the first move for a branch that is decided to commit and whose mark is not there.
func (r *Recovery) Suspect() Move {
	r.verdict = DecidedCommit
	return r.to(Inspect)
}

// Deliver is the first move for a branch of which it is known that it is decided to commit: nothing is read, and nothing fenced.
func (r *Recovery) Deliver() Move {
	r.verdict = DecidedCommit
	return r.to(Look)
}

// Committed reports what was decided, if a decision was found or written.
func (r *Recovery) Committed() bool { return r.verdict == DecidedCommit }

// Trouble is what Raise is about.
func (r *Recovery) Trouble() Trouble { return r.trouble }

// Step takes the finding of a move. One that nobody waits for is ignored.
func (r *Recovery) Step(m Move, f Finding) Move {
	if m != r.move || m == NoMove {
		return NoMove
	}
	switch m {
	case Read:
		return r.read(f)
	case Fence:
		return r.fenced(f)
	case Look, Again:
		return r.looked(m, f)
	case Kill:
		r.killed = true
		return r.pause(Look)
	case Commit, Abort:
		r.voided = f == Voided
		if f == Declined || f == Away {
			return r.pause(Look)
		}
		return r.to(Inspect)
	case Inspect:
		return r.inspected(f)
	case Pause:
		return r.to(r.then)
	}
	return NoMove
}

func (r *Recovery) read(f Finding) Move {
	switch f {
	case DecidedCommit, DecidedAbort:
		r.verdict = f
		return r.to(Look)
	case Undecided:
		return r.to(Fence)
	}
	return r.pause(Read)
}

func (r *Recovery) fenced(f Finding) Move {
	if f == Fine {
		r.verdict = DecidedAbort
		return r.to(Look)
	}
	return r.pause(Read)
}

// looked sees to it that nobody ends a branch whose connection has it: XA COMMIT in the moment in which a server takes a
// connection down is answered OK and leaves a zombie.
func (r *Recovery) looked(m Move, f Finding) Move {
	switch {
	case f == Away:
		return r.pause(Look)
	case f == Attached && r.killed:
		r.killed = false // should it not have heard
		return r.pause(Look)
	case f == Attached:
		return r.to(Kill)
	case m == Look:
		return r.to(Again)
	case r.verdict == DecidedCommit:
		return r.to(Commit)
	}
	return r.to(Abort)
}

// inspected believes nothing but the mark.
func (r *Recovery) inspected(f Finding) Move {
	commit := r.verdict == DecidedCommit
	switch {
	case f == Away:
		return r.pause(Inspect)
	case f == Listed:
		r.amiss = 0
		return r.pause(Look)
	case f == Marked && commit, f == Unmarked && !commit:
		return r.to(Done)
	}
	if r.amiss++; r.amiss < inspections {
		return r.pause(Inspect)
	}
	switch {
	case f == Held:
		r.trouble = Zombie
	case f == Marked || r.voided:
		r.trouble = Heuristic
	default:
		r.trouble = Missing
	}
	return r.to(Raise)
}

func (r *Recovery) pause(then Move) Move {
	r.then = then
	return r.to(Pause)
}

func (r *Recovery) to(m Move) Move {
	r.move = m
	return m
}
