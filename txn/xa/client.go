package xa

// ClientState is how far the transaction is that a session's XA START has begun.
type ClientState uint8

// The states of a client's transaction.
const (
	NonExisting ClientState = iota
	ClientActive
	ClientIdle
	ClientPrepared
	ClientRollbackOnly // a server has ended its part: only the end is left to be told
	ClientVictim       // the same on MySQL, before the client was told otherwise than by the failed statement
)

// String is the state as a server's errors name it.
func (s ClientState) String() string {
	return [...]string{"NON-EXISTING", "ACTIVE", "IDLE", "PREPARED", "ROLLBACK ONLY", "ACTIVE"}[s]
}

// Ended is the state when a server has ended its part of the transaction.
func (s ClientState) Ended(mysql bool) ClientState {
	if mysql && (s == ClientActive || s == ClientVictim) {
		return ClientVictim
	}
	return ClientRollbackOnly
}

// ClientVerb is an XA statement that names a transaction.
type ClientVerb uint8

// The verbs.
const (
	VerbStart    ClientVerb = iota
	VerbJoin                // XA START … JOIN
	VerbResume              // XA START … RESUME
	VerbEnd                 //
	VerbSuspend             // XA END … SUSPEND, with FOR MIGRATE or without
	VerbPrepare             //
	VerbCommit              //
	VerbOnePhase            // XA COMMIT … ONE PHASE
	VerbRollback            //
)

// ClientStatement is such a statement, and what is to be known of its session.
type ClientStatement struct {
	Verb    ClientVerb
	Same    bool // it names the session's own transaction
	Unnamed bool // the first part of the name is empty
	Within  bool // the session is in a transaction, its own XA or another
	Manual  bool // the session has autocommit off
	Locked  bool // the session has locked tables
	MySQL   bool // the session is one of MySQL, whose XA PREPARE leaves it free
}

// ClientMove is what a session does about such a statement.
type ClientMove uint8

// The moves. The first four refuse it, and leave the state as it is.
const (
	RefuseState    ClientMove = iota // XAER_RMFAIL, with the name of the state
	RefuseArgument                   // XAER_INVAL
	RefuseName                       // XAER_NOTA
	RefuseOutside                    // XAER_OUTSIDE
	OpenClient                       // begin it, unless somebody has the name: ACTIVE
	ReopenClient                     // ACTIVE
	CloseClient                      // IDLE
	KeepClient                       // prepare it: PREPARED, or it is rolled back
	CommitClient                     // the session's own, as it is: it is over
	RollbackClient                   // the same
	VictimClient                     // roll it back, and say that it was: XA_RBDEADLOCK
	TellVictim                       // say that it was rolled back: XA_RBDEADLOCK
	CommitOther                      // what another session has prepared, or, on MySQL, any
	RollbackOther                    // the same
)

// String names the move.
func (m ClientMove) String() string {
	return [...]string{"XAER_RMFAIL", "XAER_INVAL", "XAER_NOTA", "XAER_OUTSIDE", "open", "reopen", "close", "keep", "commit", "roll back", "XA_RBDEADLOCK", "tell XA_RBDEADLOCK",
		"commit another's", "roll back another's"}[m]
}

// Take is what a session in a state does about a statement, and the state that it is in when it has succeeded. It answers as MariaDB does, or
// as MySQL, which differs once a transaction is prepared, in what may be said in a transaction, and of what it has rolled back itself.
func (s ClientState) Take(st ClientStatement) (ClientMove, ClientState) {
	switch st.Verb {
	case VerbStart, VerbJoin, VerbResume:
		return s.start(st)
	case VerbEnd, VerbSuspend:
		switch {
		case st.Verb == VerbSuspend:
			return RefuseArgument, s
		case s != ClientActive && !(st.MySQL && s.ended()):
			return RefuseState, s
		case !st.Same:
			return RefuseName, s
		case s != ClientActive:
			return TellVictim, ClientRollbackOnly
		}
		return CloseClient, ClientIdle
	case VerbPrepare:
		switch {
		case s != ClientIdle:
			return RefuseState, s
		case !st.Same:
			return RefuseName, s
		}
		if st.MySQL {
			return KeepClient, NonExisting
		}
		return KeepClient, ClientPrepared
	}
	if s == NonExisting || !st.Same {
		return s.other(st)
	}
	if st.MySQL && s.ended() && st.Verb != VerbRollback {
		return VictimClient, NonExisting
	}
	return s.end(st.Verb)
}

// ended reports whether a server has ended the transaction.
func (s ClientState) ended() bool { return s == ClientRollbackOnly || s == ClientVictim }

func (s ClientState) start(st ClientStatement) (ClientMove, ClientState) {
	switch {
	case st.Verb == VerbResume && s == ClientIdle && !st.Same:
		return RefuseName, s
	case st.Verb == VerbResume && s == ClientIdle:
		return ReopenClient, ClientActive
	case st.Verb != VerbStart || st.Unnamed && !st.MySQL:
		return RefuseArgument, s
	case s != NonExisting:
		return RefuseState, s
	case st.Within || st.Locked:
		return RefuseOutside, s
	}
	return OpenClient, ClientActive
}

// other is the end of a transaction that is not the session's.
func (s ClientState) other(st ClientStatement) (ClientMove, ClientState) {
	switch {
	case st.MySQL && (st.Within || s != NonExisting):
		return RefuseState, s
	case !st.MySQL && (st.Within || st.Manual || s != NonExisting):
		return RefuseOutside, s
	case st.Verb == VerbOnePhase && !st.MySQL:
		return RefuseArgument, s
	case st.Verb != VerbRollback:
		return CommitOther, s
	}
	return RollbackOther, s
}

// end is the end of the session's own.
func (s ClientState) end(verb ClientVerb) (ClientMove, ClientState) {
	switch {
	case verb == VerbRollback && (s == ClientActive || s == ClientVictim):
		return RefuseState, s
	case verb == VerbRollback:
		return RollbackClient, NonExisting
	case verb == VerbOnePhase && s == ClientPrepared:
		return RefuseArgument, s
	case verb == VerbOnePhase && s == ClientRollbackOnly:
		return VictimClient, NonExisting
	case verb == VerbCommit && s == ClientPrepared, verb == VerbOnePhase && s == ClientIdle:
		return CommitClient, NonExisting
	}
	return RefuseState, s
}
