package xa

// Holding is the machine that says that all branches of a client's transaction are prepared, when they are, and finds out what became of that where it is not
// answered. Its moves are Hold, Read, Fence, Pause and Done.
type Holding struct {
	move    Move // that is not answered
	outcome Finding
}

// Begin is the first move.
func (h *Holding) Begin() Move { return h.to(Hold) }

// Outcome is what has come of it, at Done: Kept, by this one's word or, if others have committed it since, as it was; or DecidedAbort.
func (h *Holding) Outcome() Finding { return h.outcome }

// Step takes the finding of a move. One that nobody waits for is ignored.
func (h *Holding) Step(m Move, f Finding) Move {
	switch {
	case m != h.move || m == NoMove || m == Done:
		return NoMove
	case m == Hold && f == Fine, m == Read && (f == Kept || f == DecidedCommit):
		return h.done(Kept)
	case m == Hold && f == Taken, m == Read && f == DecidedAbort, m == Fence && f == Fine:
		return h.done(DecidedAbort)
	case m == Read && f == Undecided: // lest it is done yet
		return h.to(Fence)
	case m == Hold, m == Pause:
		return h.to(Read)
	}
	return h.to(Pause)
}

func (h *Holding) done(f Finding) Move {
	h.outcome = f
	return h.to(Done)
}

func (h *Holding) to(m Move) Move {
	h.move = m
	return m
}

// Settling is the machine of whoever decides a transaction that a client has prepared, any number of them at once. Its moves are Settle, Read, Pause and Done.
type Settling struct {
	move    Move // that is not answered
	want    Finding
	sent    bool // an attempt was not answered: the decision that is found may be this one's
	outcome Finding
}

// Begin is the first move of XA COMMIT or XA ROLLBACK.
func (s *Settling) Begin(commit bool) Move {
	s.want = DecidedAbort
	if commit {
		s.want = DecidedCommit
	}
	return s.to(Settle)
}

// Outcome is what has come of it, at Done: DecidedCommit or DecidedAbort, as was wanted; or Unknown: it was not prepared any more.
func (s *Settling) Outcome() Finding { return s.outcome }

// Step takes the finding of a move. One that nobody waits for is ignored.
func (s *Settling) Step(m Move, f Finding) Move {
	switch {
	case m != s.move || m == NoMove || m == Done:
		return NoMove
	case m == Settle && f == Fine, m == Read && f == s.want && s.sent:
		return s.done(s.want)
	case m == Settle && f == Taken:
		return s.to(Read)
	case m == Read && f != Kept && f != Away:
		return s.done(Unknown)
	case m == Pause:
		return s.to(Settle)
	}
	s.sent = s.sent || m == Settle && f == Away
	return s.to(Pause)
}

func (s *Settling) done(f Finding) Move {
	s.outcome = f
	return s.to(Done)
}

func (s *Settling) to(m Move) Move {
	s.move = m
	return m
}
