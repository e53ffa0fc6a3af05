package barrier

import (
	"fmt"
	"slices"

	"github.com/heddle-mesh/heddle/governance/layout"
)

// Journal is what an instance keeps on its disk from before it acknowledges until after it has adopted the outcome: an
// instance that restarts while the store is away knows from it which tables it must not serve.
type Journal struct {
	ID     string   `json:"id"` // "": nothing is held
	Tables []string `json:"tables,omitempty"`
}

// Sight is what a participant reads: the prepare record first, then the pointer. In the other order a flip between
// the two would look like an abort.
type Sight struct {
	Prepare *Prepare
	Pointer *layout.Pointer // nil: there is none, which is an alarm and never an outcome
}

// Report is what a Participant is told. Exactly one field is set; Done and Failed answer the last Task.
type Report struct {
	Saw       *Sight
	LeaseLost bool
	LeaseBack bool // registered anew: what was seen before does not count
	Done      bool
	Failed    bool // not done, or not known to be
}

// TaskKind is what a participant's driver is to do. Release, FenceHeld, FenceAll and Unfence do not wait and cannot fail:
// the driver does them at once, before it reports anything else. Carried out late, after a lease was lost and another
// had, they would undo a newer fence.
type TaskKind uint8

// The kinds of Task.
const (
	Nothing      TaskKind = iota
	Hold                  // new statements on Tables wait; done when none is running any more, transactions included
	WriteJournal          // Journal durably on disk
	WriteAck              // in the store, if the prepare record of ID still stands; failed if it does not
	Adopt                 // run the version of Pointer, or one of a later serial, and have it durably on disk
	ClearJournal          // on disk
	Release               // what Hold of ID held; statements run under what was adopted
	FenceHeld             // statements that wait for ID fail from now on, until Release
	FenceAll              // no statement on any sharded table, until Unfence; cuts those that run
	Unfence
)

// Task is one thing to do.
type Task struct {
	Kind    TaskKind
	ID      string
	Tables  []string
	Pointer layout.Pointer
}

// Participant is one instance's part in the barriers of one document. At most one Task is out at a time. Its invariants:
//
//	WriteAck follows only Hold done and WriteJournal done, for the same barrier.
//	Release follows only Adopt done of a pointer that was read after the barrier's record was seen gone.
//	Without a lease in mode Fence, everything is fenced until a pointer read under the new lease is adopted.
type Participant struct {
	offline layout.Offline
	alive   bool
	saw     *Sight

	held      Journal // what Hold holds, done or under way
	drained   bool
	dirty     bool // the journal on disk may hold something
	journaled bool // it holds held
	acked     bool
	tellFence bool // FenceHeld is due while there is no lease
	fencedAll bool
	adopted   int64 // serial

	out Task // the task that is out
}

// Boot makes the participant of an instance that starts, with what its journal says; adopted is the serial of the version
// that it starts with, 0 for none. The driver has held the journal's tables before. The first report must be
// LeaseLost: an instance starts without a lease.
func Boot(offline layout.Offline, j Journal, adopted int64) *Participant {
	held := j.ID != ""
	return &Participant{offline: offline, held: j, adopted: adopted, drained: held, dirty: held, journaled: held}
}

// Fenced tells whether everything is fenced.
func (p *Participant) Fenced() bool { return p.fencedAll }

// Step takes one report and returns what to do next. While a task is out, anything but its answer returns Nothing.
func (p *Participant) Step(r Report) Task {
	switch {
	case r.Saw != nil:
		p.saw = r.Saw
	case r.LeaseLost:
		p.alive, p.saw = false, nil
		p.tellFence = p.held.ID != ""
	case r.LeaseBack:
		p.alive, p.saw = true, nil
	case r.Done:
		p.done()
	case r.Failed:
		p.failed()
	default:
		panic("barrier: empty report")
	}
	if p.out.Kind != Nothing {
		return Task{}
	}
	p.out = p.next()
	p.dirty = p.dirty || p.out.Kind == WriteJournal
	return p.out
}

// next looks at the state alone, so that a crash or a failure anywhere leads to the same path.
func (p *Participant) next() Task {
	switch {
	case p.offline == layout.Fence && !p.alive && !p.fencedAll:
		return Task{Kind: FenceAll}
	case p.tellFence && !p.alive && p.held.ID != "" && p.drained:
		return Task{Kind: FenceHeld, ID: p.held.ID, Tables: p.held.Tables}
	case p.saw == nil:
		return Task{}
	}
	prepare := p.saw.Prepare
	switch {
	case p.held.ID != "" && (prepare == nil || prepare.ID != p.held.ID):
		return p.finish()
	case prepare != nil && !p.drained:
		p.held = Journal{ID: prepare.ID, Tables: slices.Clone(prepare.Tables)}
		return Task{Kind: Hold, ID: prepare.ID, Tables: p.held.Tables}
	case prepare != nil && !p.journaled:
		return Task{Kind: WriteJournal, ID: p.held.ID, Tables: p.held.Tables}
	case prepare != nil && !p.acked:
		return Task{Kind: WriteAck, ID: p.held.ID}
	case p.fencedAll && p.alive && p.saw.Pointer != nil:
		if p.adopted < p.saw.Pointer.Serial {
			return Task{Kind: Adopt, Pointer: *p.saw.Pointer}
		}
		return Task{Kind: Unfence}
	}
	return Task{}
}

// finish leaves the barrier that is held and whose record is gone.
func (p *Participant) finish() Task {
	switch {
	case p.saw.Pointer == nil:
		return Task{} // a pointer that vanished is no outcome
	case p.adopted < p.saw.Pointer.Serial:
		return Task{Kind: Adopt, Pointer: *p.saw.Pointer}
	case p.dirty:
		return Task{Kind: ClearJournal, ID: p.held.ID}
	}
	return Task{Kind: Release, ID: p.held.ID, Tables: p.held.Tables}
}

func (p *Participant) done() {
	t := p.out
	p.out = Task{}
	switch t.Kind {
	case Hold:
		p.drained = true
	case WriteJournal:
		p.journaled = true
	case WriteAck:
		p.acked = true
	case Adopt:
		p.adopted = max(p.adopted, t.Pointer.Serial)
	case ClearJournal:
		p.dirty, p.journaled = false, false
	case Release:
		p.held, p.drained, p.acked, p.tellFence = Journal{}, false, false, false
	case FenceHeld:
		p.tellFence = false
	case FenceAll:
		p.fencedAll = true
	case Unfence:
		p.fencedAll = false
	default:
		panic(fmt.Sprintf("barrier: done without a task, holding %q", p.held.ID))
	}
}

// failed forgets the task, and what was seen, so that it is tried again on a fresh sight. A change of the gate cannot
// fail.
func (p *Participant) failed() {
	switch p.out.Kind {
	case Release, FenceHeld, FenceAll, Unfence:
		panic("barrier: a change of the gate cannot fail")
	}
	p.out, p.saw = Task{}, nil
}
