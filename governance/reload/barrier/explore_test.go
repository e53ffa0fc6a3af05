//go:build !race

package barrier

import (
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/heddle-mesh/heddle/governance/layout"
)

// The exploration runs the two machines in a small world, takes every step that the world allows from every state it
// reaches, and checks every state: no two instances serve the table under different placements. A step is one
// operation of the store, one write to a disk, one change of the traffic; a crash may fall between any two.

type world struct {
	// the store
	pointer    layout.Pointer
	prepare    *Prepare
	prepareRev int64
	acks       [3]byte   // by barrier, a bit for each instance
	members    [3]Member // by instance
	membership int64
	rev        int64
	// the processes
	coords []*coord
	insts  []*inst
	// what may still go wrong
	crashes int // of processes, of disks, of answers
	losses  int // of leases
	flaw    string
}

type coord struct {
	c       Coordinator
	next    Action // to be performed
	begun   bool   // false: an operator may still start it
	over    bool
	resolve bool // it takes what stands in the store
}

type inst struct {
	name    string
	offline layout.Offline
	// the process
	up      bool
	online  bool // it has the lease
	reading *Prepare
	half    bool           // it has read the prepare record, not yet the pointer
	pointer layout.Pointer // of the flaw
	p       Participant
	task    Task
	serving bool  // it has a version and takes statements
	held    bool  // Hold done: nothing runs on the table
	fenced  bool  // FenceAll done
	running int64 // version
	serial  int64
	// the disk
	journal     Journal
	disk        int64
	diskSerial  int64
	diskPresent bool
}

// step is one thing that can happen next.
type step struct {
	who  byte // 'a', 'b', 'c': an instance; '0', '1': a coordinator
	what string
	kind int // of the action or task
	do   func(*world)
}

func (w *world) clone() *world {
	c := *w
	coords, insts := make([]coord, len(w.coords)), make([]inst, len(w.insts))
	c.coords, c.insts = make([]*coord, len(w.coords)), make([]*inst, len(w.insts))
	for n, x := range w.coords {
		coords[n] = *x
		c.coords[n] = &coords[n]
	}
	for n, x := range w.insts {
		insts[n] = *x
		c.insts[n] = &insts[n]
	}
	return &c
}

// key names the state. A revision counts only as far as a coordinator compares it with what it saw.
func (w *world) key() uint64 {
	b := make([]byte, 0, 256)
	flag := func(conds ...bool) {
		for _, c := range conds {
			if c {
				b = append(b, 1)
			} else {
				b = append(b, 0)
			}
		}
	}
	b = append(b, byte(w.pointer.Version), byte(w.pointer.Serial), byte(w.crashes), byte(w.losses))
	b = append(b, w.pointer.Barrier+"|"+id(w.prepare)...)
	for _, c := range w.coords {
		b = append(b, byte(c.next.Kind), byte(c.next.View.Pointer.Serial))
		b = append(b, c.c.want.ID...)
		flag(c.begun, c.over, c.c.started, c.c.writing, c.c.expired, c.next.View.Membership == w.membership, c.next.View.PrepareRev == w.prepareRev)
	}
	b = append(b, w.acks[:]...)
	for n, i := range w.insts {
		m := w.members[n]
		q := &i.p
		flag(i.up, i.online, i.half, i.serving, i.held, i.fenced, i.diskPresent, m.Alive,
			q.alive, q.drained, q.dirty, q.journaled, q.acked, q.tellFence, q.fencedAll, q.saw != nil)
		b = append(b, byte(i.running), byte(i.serial), byte(i.disk), byte(i.diskSerial), byte(i.task.Kind), byte(i.task.Pointer.Serial),
			byte(q.adopted), byte(i.pointer.Serial), byte(q.out.Kind), byte(q.out.Pointer.Serial))
		b = append(b, id(i.reading)+"|"+i.journal.ID+"|"+q.held.ID+"|"+i.task.ID+"|"...)
		if q.saw != nil {
			b = append(append(b, id(q.saw.Prepare)...), byte(q.saw.Pointer.Serial))
		}
	}
	return xxhash.Sum64(b)
}

// serves tells whether statements on the table can run at the instance now.
func (i *inst) serves() bool { return i.up && i.serving && !i.held && !i.fenced }

// check is the safety that all this is for.
func (w *world) check() error {
	var first *inst
	for _, i := range w.insts {
		switch {
		case !i.serves():
		case first == nil:
			first = i
		case first.running != i.running:
			return fmt.Errorf("the table is served under version %d at %s and under %d at %s", first.running, first.name, i.running, i.name)
		}
	}
	return nil
}

func (w *world) view(id string) View {
	v := View{Membership: w.membership, Pointer: w.pointer, PointerRev: 1, Prepare: w.prepare, PrepareRev: w.prepareRev}
	for n := range w.insts {
		m := w.members[n]
		m.Acked = w.acks[barrierIndex(id)]&(1<<n) != 0
		v.Members = append(v.Members, m)
	}
	return v
}

func (w *world) steps() []step {
	var out []step
	for n, c := range w.coords {
		out = append(out, w.coordSteps(n, c)...)
	}
	for n, i := range w.insts {
		out = append(out, w.instSteps(n, i)...)
	}
	return out
}

func (w *world) coordSteps(n int, c *coord) []step {
	var out []step
	add := func(what string, do func(*world, *coord)) {
		out = append(out, step{byte('0' + n), what, int(c.next.Kind), func(w *world) { do(w, w.coords[n]) }})
	}
	switch {
	case c.over:
	case !c.begun && c.resolve && w.prepare == nil:
	case !c.begun:
		add("begins", func(w *world, c *coord) {
			if c.resolve {
				c.c = *Resolve(*w.prepare)
			}
			c.begun, c.next = true, Action{Kind: Look}
		})
	default:
		add("acts", func(w *world, c *coord) { w.perform(c, true) })
		if w.crashes > 0 {
			add("acts, no answer", func(w *world, c *coord) { w.crashes--; w.perform(c, false) })
			add("crashes", func(w *world, c *coord) { c.over = true; w.crashes-- })
		}
		if c.next.Kind == Await && !c.c.expired {
			add("has waited enough", func(w *world, c *coord) { c.next = c.c.Step(Event{Expired: true}) })
		}
	}
	return out
}

// perform does the coordinator's action as the driver does it: one transaction on conditions.
func (w *world) perform(c *coord, answered bool) {
	v := c.next.View
	same := w.prepare != nil && v.PrepareRev == w.prepareRev
	event := Event{Refused: true}
	switch c.next.Kind {
	case Look, Await:
		view := w.view(c.c.want.ID)
		event = Event{Looked: &view}
	case WritePrepare:
		if w.prepare == nil && w.pointer.Serial == v.Pointer.Serial {
			p := c.c.want
			w.rev++
			w.prepare, w.prepareRev, event = &p, w.rev, Event{Wrote: true}
		}
	case WriteFlip:
		if same && w.membership == v.Membership && w.pointer.Serial == v.Pointer.Serial {
			w.pointer = layout.Pointer{Version: v.Prepare.Version, Serial: w.pointer.Serial + 1, Barrier: v.Prepare.ID}
			w.prepare, event = nil, Event{Wrote: true}
		}
	case WriteAbort:
		if same {
			w.prepare, event = nil, Event{Wrote: true}
		}
	case End:
		c.over = true
		return
	}
	if !answered && event.Looked == nil {
		event = Event{Unknown: true}
	}
	c.next = c.c.Step(event)
}

func (w *world) instSteps(n int, i *inst) []step {
	var out []step
	add := func(what string, do func(*world, *inst)) {
		out = append(out, step{i.name[0], what, int(i.task.Kind), func(w *world) { do(w, w.insts[n]) }})
	}
	knows := !i.online && (i.offline == layout.Serve || i.fenced)
	if w.members[n].Alive && (!i.up || knows || w.flaw == "the store ends a lease first") {
		add("lease expires in the store", func(w *world, i *inst) { w.members[n].Alive = false })
	}
	if !i.up {
		add("starts", (*world).boot)
		return out
	}
	if w.crashes > 0 {
		add("crashes", func(w *world, i *inst) {
			w.crashes--
			*i = inst{name: i.name, offline: i.offline, journal: i.journal, disk: i.disk, diskSerial: i.diskSerial, diskPresent: i.diskPresent}
		})
	}
	switch {
	case i.task.Kind != Nothing:
		add("does its task", (*world).carryOut)
		if i.task.Kind != Hold && w.crashes > 0 {
			add("fails in its task", func(w *world, i *inst) { w.crashes--; i.tell(Report{Failed: true}) })
		}
	case i.online && !i.half:
		add("reads the prepare record", func(w *world, i *inst) {
			i.reading, i.half = w.prepare, true
			if w.flaw == "pointer read first" {
				i.pointer = w.pointer
			}
		})
	case i.online && i.half:
		add("reads the pointer", (*world).see)
	}
	if i.online && w.losses > 0 {
		add("loses its lease", func(w *world, i *inst) {
			w.losses--
			i.online, i.half = false, false
			i.tell(Report{LeaseLost: true})
		})
	}
	if !i.online {
		add("joins", func(w *world, i *inst) {
			w.members[n] = Member{Name: i.name, Alive: true, Offline: i.offline}
			w.rev++
			w.membership = w.rev
			i.online, i.half = true, false
			i.tell(Report{LeaseBack: true})
		})
	}
	return out
}

// boot starts a process from its disk: it holds what the journal says, and serves the last good version, if it has one,
// before it has reached the store (in mode Fence behind the fence).
func (w *world) boot(i *inst) {
	i.up, i.held = true, i.journal.ID != ""
	i.p = *Boot(i.offline, i.journal, i.diskSerial)
	if i.diskPresent {
		i.running, i.serial = i.disk, i.diskSerial
	}
	i.tell(Report{LeaseLost: true})
	i.serving = i.diskPresent && (i.offline == layout.Serve || i.fenced)
}

// see is the second half of a reading. An instance without a version adopts what it reads before it serves, as the
// follower does at its start.
func (w *world) see(i *inst) {
	pointer := w.pointer
	if w.flaw == "pointer read first" {
		pointer = i.pointer
	}
	sight := Sight{Prepare: i.reading, Pointer: &pointer}
	if w.flaw == "pointer read first" {
		sight.Prepare = w.prepare
	}
	i.half = false
	if same := i.p.saw != nil && id(i.p.saw.Prepare) == id(sight.Prepare) && i.p.saw.Pointer.Serial == pointer.Serial; same {
		return
	}
	i.tell(Report{Saw: &sight})
	if !i.serving && (sight.Prepare == nil || i.held) {
		i.adopt(pointer)
		i.serving = true
	}
}

// tell reports, and performs at once what the driver performs at once.
func (i *inst) tell(r Report) {
	t := i.p.Step(r)
	if r.Done || r.Failed {
		i.task = Task{}
	}
	switch t.Kind {
	case Nothing:
		return
	case FenceAll:
		i.fenced = true
	case Unfence:
		i.fenced = false
	case Release:
		i.held = false
	case FenceHeld:
	default:
		i.task = t
		return
	}
	i.tell(Report{Done: true})
}

func (i *inst) adopt(p layout.Pointer) {
	if p.Serial >= i.serial {
		i.running, i.serial = p.Version, p.Serial
		i.disk, i.diskSerial, i.diskPresent = p.Version, p.Serial, true
	}
}

func (w *world) carryOut(i *inst) {
	done := true
	switch i.task.Kind {
	case Hold:
		i.held = true
	case WriteJournal:
		if w.flaw != "no journal" {
			i.journal = Journal{ID: i.task.ID}
		}
	case WriteAck:
		if done = i.online && w.prepare != nil && w.prepare.ID == i.task.ID; done {
			w.acks[barrierIndex(i.task.ID)] |= 1 << (i.name[0] - 'a')
		}
	case Adopt:
		i.adopt(i.task.Pointer)
	case ClearJournal:
		i.journal = Journal{}
	}
	i.tell(Report{Done: done, Failed: !done})
}

func id(p *Prepare) string {
	if p == nil {
		return "-"
	}
	return p.ID
}

// barrierIndex: the ids are X, Y, Z; a coordinator that has none yet has none acknowledged.
func barrierIndex(id string) int {
	if id == "" {
		return 2
	}
	return int(id[0] - 'X')
}
