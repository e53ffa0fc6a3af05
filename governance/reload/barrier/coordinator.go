package barrier

import "fmt"

// Outcome is how a barrier ended for who coordinated it.
type Outcome uint8

// The outcomes.
const (
	Flipped    Outcome = iota + 1 // the version is active
	Aborted                       // it is not; Missing did not acknowledge in time, or someone else aborted
	Busy                          // another barrier on the same document stands
	Conflict                      // the pointer was moved since the change was made
	Superseded                    // it ended, and the pointer was moved again since: the journal of moves knows
)

// Event is what a Coordinator is told. Exactly one field is set.
type Event struct {
	Looked  *View // the store, read afresh
	Expired bool  // the bounded wait is over
	Wrote   bool  // the last write's conditions held
	Refused bool  // they did not: nothing was written
	Unknown bool  // the last write's outcome is not known
}

// ActionKind is what a driver is to do.
type ActionKind uint8

// The kinds of action of a Coordinator.
const (
	Look         ActionKind = iota + 1 // read the store now
	Await                              // look again when acknowledgements or instances change, or at expiry
	WritePrepare                       // if no prepare stands and the pointer is as in View
	WriteFlip                          // pointer to the version and prepare deleted, if membership, pointer and prepare are as in View
	WriteAbort                         // prepare deleted, if it is as in View
	End                                // Outcome, with Missing or Other
)

// Action is one thing to do.
type Action struct {
	Kind    ActionKind
	View    View // of the writes: their conditions
	Outcome Outcome
	Missing []string // instances that did not acknowledge
	Other   *Prepare // of Busy
}

// Coordinator brings one barrier to its end. It keeps nothing that matters: another Coordinator for the same id, made
// from the store alone, decides the same (Resolve). Its invariant:
//
//	WriteFlip follows only a View in which every required member acknowledged *this* prepare, and is conditional
//	on that View.
type Coordinator struct {
	want Prepare
	// started: the prepare was written, or may have been. It is never written twice under one id: acknowledgements of
	// the first time, given by instances that have released since, would count for the second.
	started bool
	writing bool // the last action was WritePrepare
	expired bool
	missing []string
}

// Begin makes the coordinator of a new barrier. Its first event is Looked.
func Begin(want Prepare) *Coordinator { return &Coordinator{want: want} }

// Resolve makes a coordinator of a barrier that stands in the store, after its own is thought to be dead.
func Resolve(found Prepare) *Coordinator {
	return &Coordinator{want: found, started: true, expired: true}
}

// Step takes one event and returns the one action that follows.
func (c *Coordinator) Step(e Event) Action {
	wrote := c.writing
	c.writing = false
	switch {
	case e.Expired:
		c.expired = true
		return Action{Kind: Look}
	case e.Refused:
		c.started = c.started && !wrote
		return Action{Kind: Look}
	case e.Wrote, e.Unknown:
		return Action{Kind: Look}
	case e.Looked != nil:
		return c.looked(*e.Looked)
	}
	panic(fmt.Sprintf("barrier: empty event for %s", c.want.ID))
}

func (c *Coordinator) looked(v View) Action {
	switch {
	case v.Prepare != nil && v.Prepare.ID == c.want.ID:
		c.started = true
		return c.decide(v)
	case v.PointerRev != 0 && v.Pointer.Barrier == c.want.ID:
		return Action{Kind: End, Outcome: Flipped}
	case c.started && v.Pointer.Serial != c.want.Base:
		return Action{Kind: End, Outcome: Superseded}
	case c.started:
		return Action{Kind: End, Outcome: Aborted, Missing: c.missing}
	case v.Prepare != nil:
		return Action{Kind: End, Outcome: Busy, Other: v.Prepare}
	case v.PointerRev == 0 || v.Pointer.Serial != c.want.Base:
		return Action{Kind: End, Outcome: Conflict}
	case c.expired:
		return Action{Kind: End, Outcome: Aborted}
	}
	c.started, c.writing = true, true
	return Action{Kind: WritePrepare, View: v}
}

// decide is the rule that depends on the store alone.
func (c *Coordinator) decide(v View) Action {
	missing := v.missing()
	switch {
	case v.PointerRev == 0 || v.Pointer.Serial != v.Prepare.Base:
		return Action{Kind: WriteAbort, View: v} // a wiped or restored store, or an operator's hand
	case len(missing) == 0:
		return Action{Kind: WriteFlip, View: v}
	case c.expired:
		c.missing = missing
		return Action{Kind: WriteAbort, View: v, Missing: missing}
	}
	return Action{Kind: Await, View: v, Missing: missing}
}
