package barrier

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
)

// Activator runs Coordinators over a store.
type Activator struct {
	Store    store.Store
	Instance string           // named in the record as coordinator
	Now      func() time.Time // the wall clock, for records only
	Wait     time.Duration    // for acknowledgements; 0 means 30 s
}

// Change is what is to be activated.
type Change struct {
	Document layout.Document
	Base     layout.Pointer // the active pointer that the change was made from
	Version  int64          // stored, not active
	Tables   []string       // whose placement changes; at least one
	By       string
	Comment  string
	// Check, if there is one, is asked when every instance holds the tables. Its error is why nothing was changed.
	Check func(context.Context) error
}

// NotActivated says why a change was not made. Nothing has changed then.
type NotActivated struct {
	Document layout.Document
	Outcome  Outcome
	Missing  []string // the instances that did not acknowledge
	Alive    []string // those of Missing that live
	Tables   []string // that were to be held
	Other    *Prepare // the barrier that stood in the way
}

// Error implements error.
func (e *NotActivated) Error() string {
	switch {
	case e.Outcome == Busy && e.Other != nil:
		return fmt.Sprintf("%s: a placement change to version %d by %s is under way", e.Document, e.Other.Version, e.Other.By)
	case e.Outcome == Conflict:
		return fmt.Sprintf("%s: another change came first", e.Document)
	case len(e.Missing) > 0:
		return fmt.Sprintf("%s: the placement change was given up: %s", e.Document, strings.Join(e.missing(), "; "))
	}
	return fmt.Sprintf("%s: the placement change was given up", e.Document)
}

// missing tells apart who has not let go of the tables and who is not there.
func (e *NotActivated) missing() []string {
	var out []string
	var gone []string
	for _, name := range e.Missing {
		switch {
		case slices.Contains(e.Alive, name):
			out = append(out, fmt.Sprintf("%s lives, but did not let go of tables %s in time: an open transaction or a statement uses them there "+
				"(SHOW PROCESSLIST), or it is stuck", name, strings.Join(e.Tables, ", ")))
		case name == coordinatorCheck:
			out = append(out, "whether the tables have rows was not told in time")
		default:
			gone = append(gone, name)
		}
	}
	if len(gone) > 0 {
		out = append(out, fmt.Sprintf("no answer in time from %s, whose lease has ended (an instance that is gone for good must be evicted: heddle mesh evict NAME)",
			strings.Join(gone, ", ")))
	}
	return out
}

// ErrSuperseded is a change that ended unseen, followed by another: History knows whether it was made.
var ErrSuperseded = errors.New("the placement change ended while the store was away, and others followed")

// Activate makes the change, or returns a *NotActivated. Any other error leaves the outcome to the store: the instances
// finish or abort it. It takes at most twice Wait and some store timeouts.
func (a *Activator) Activate(ctx context.Context, ch Change) (layout.Pointer, error) {
	if len(ch.Tables) == 0 {
		return layout.Pointer{}, fmt.Errorf("activate %s version %d: no tables", ch.Document, ch.Version)
	}
	want := Prepare{ID: rand.Text(), Version: ch.Version, Base: ch.Base.Serial, Tables: ch.Tables, Coordinator: a.Instance,
		By: ch.By, Comment: ch.Comment, Time: a.Now().UTC(), Wait: a.wait(), Checked: ch.Check != nil}
	return a.run(ctx, ch.Document, Begin(want), want, ch.Check)
}

// Resolve ends the barrier that stands: it finishes it if everybody acknowledged, and aborts it otherwise. Anyone may
// call it, at any time.
func (a *Activator) Resolve(ctx context.Context, doc layout.Document) error {
	v, err := a.look(ctx, doc, "")
	if err != nil || v.Prepare == nil {
		return err
	}
	_, err = a.run(ctx, doc, Resolve(*v.Prepare), *v.Prepare, nil)
	var not *NotActivated
	if errors.As(err, &not) {
		return nil
	}
	return err
}

func (a *Activator) wait() time.Duration {
	if a.Wait <= 0 {
		return 30 * time.Second
	}
	return a.Wait
}

func (a *Activator) run(ctx context.Context, doc layout.Document, c *Coordinator, want Prepare, check func(context.Context) error) (layout.Pointer, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*want.Wait+10*time.Second)
	defer cancel()
	changes := a.Store.Watch(ctx, layout.Barriers, 0)
	expiry := time.NewTimer(want.Wait)
	defer expiry.Stop()
	action := Action{Kind: Look}
	var forbidden error // what the check said
	for {
		if err := ctx.Err(); err != nil {
			return layout.Pointer{}, fmt.Errorf("placement change of %s: %w", doc, err)
		}
		var event Event
		switch action.Kind {
		case End:
			pointer, err := a.end(ctx, doc, action, want.Tables)
			if forbidden != nil && action.Outcome == Aborted {
				err = forbidden
			}
			return pointer, err
		case Await:
			if check != nil && slices.Equal(action.Missing, []string{coordinatorCheck}) {
				if forbidden = check(ctx); forbidden != nil {
					event.Expired = true // it is given up
					break
				}
				check = nil
				event = a.allow(ctx, doc, want.ID, action.View)
				break
			}
			event = await(ctx, changes, expiry.C)
			if event.Expired {
				break
			}
			fallthrough
		case Look:
			v, err := a.look(ctx, doc, want.ID)
			if err != nil {
				if err := pause(ctx, err); err != nil {
					return layout.Pointer{}, fmt.Errorf("placement change of %s: %w", doc, err)
				}
				continue
			}
			event.Looked = &v
		default:
			event = a.write(ctx, doc, action, want)
		}
		action = c.Step(event)
	}
}

// allow is the coordinator's acknowledgement.
func (a *Activator) allow(ctx context.Context, doc layout.Document, id string, v View) Event {
	conds := []store.Cond{{Key: doc.Prepare(), Modified: v.PrepareRev}}
	res, err := a.Store.Txn(ctx, conds, []store.Op{store.Put(doc.Ack(id, coordinatorCheck), nil)})
	switch {
	case err != nil:
		return Event{Unknown: true}
	case res.OK:
		return Event{Wrote: true}
	}
	return Event{Refused: true}
}

// await returns when something changed, after a while, or with Expired.
func await(ctx context.Context, changes <-chan store.Update, expiry <-chan time.Time) Event {
	again := time.NewTimer(250 * time.Millisecond) // leases that end do not show below the watched prefix
	defer again.Stop()
	select {
	case <-ctx.Done():
	case <-expiry:
		return Event{Expired: true}
	case <-changes:
	case <-again.C:
	}
	return Event{}
}

// pause waits before the store is asked again; it returns the reason when there is no time left.
func pause(ctx context.Context, reason error) error {
	t := time.NewTimer(200 * time.Millisecond)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return reason
	case <-t.C:
		return nil
	}
}

func (a *Activator) end(ctx context.Context, doc layout.Document, action Action, tables []string) (layout.Pointer, error) {
	switch action.Outcome {
	case Flipped:
		kv, err := a.Store.Get(ctx, doc.Active())
		if err != nil {
			return layout.Pointer{}, fmt.Errorf("read the pointer of %s after its placement change: %w", doc, err)
		}
		return layout.DecodePointer(kv.Value)
	case Superseded:
		return layout.Pointer{}, fmt.Errorf("%s: %w", doc, ErrSuperseded)
	}
	not := &NotActivated{Document: doc, Outcome: action.Outcome, Missing: action.Missing, Tables: tables, Other: action.Other}
	if len(not.Missing) > 0 {
		alive, err := names(ctx, a.Store, layout.Instances)
		if err != nil {
			return layout.Pointer{}, errors.Join(not, err)
		}
		not.Alive = slices.DeleteFunc(slices.Clone(not.Missing), func(name string) bool { return !alive[name] })
	}
	return layout.Pointer{}, not
}

// look reads a View: the prepare record first, then those who have to acknowledge it, then their acknowledgements. An
// instance that joins after the record was written, sees it.
func (a *Activator) look(ctx context.Context, doc layout.Document, id string) (View, error) {
	var v View
	prepare, err := store.GetOrZero(ctx, a.Store, doc.Prepare())
	if err != nil {
		return v, err
	}
	if prepare.Modified != 0 {
		p, err := DecodePrepare(prepare.Value)
		if err != nil {
			return v, err
		}
		v.Prepare, v.PrepareRev = &p, prepare.Modified
		id = p.ID
	}
	membership, err := store.GetOrZero(ctx, a.Store, layout.Membership)
	if err != nil {
		return v, err
	}
	v.Membership = membership.Modified
	if v.Members, err = a.members(ctx, doc, id, v.Prepare != nil && v.Prepare.Checked); err != nil {
		return v, err
	}
	pointer, err := store.GetOrZero(ctx, a.Store, doc.Active())
	if err != nil || pointer.Modified == 0 {
		return v, err
	}
	v.PointerRev = pointer.Modified
	v.Pointer, err = layout.DecodePointer(pointer.Value)
	return v, err
}

func (a *Activator) members(ctx context.Context, doc layout.Document, id string, checked bool) ([]Member, error) {
	members, err := a.Store.List(ctx, layout.Members)
	if err != nil {
		return nil, err
	}
	alive, err := names(ctx, a.Store, layout.Instances)
	if err != nil {
		return nil, err
	}
	acked := map[string]bool{}
	if id != "" {
		if acked, err = names(ctx, a.Store, doc.Acks()+id+"/"); err != nil {
			return nil, err
		}
	}
	var out []Member
	for _, kv := range members.KVs {
		m, err := layout.DecodeMember(kv.Value)
		if err != nil {
			return nil, err
		}
		out = append(out, Member{Name: m.Name, Alive: alive[m.Name], Offline: m.Offline, Acked: acked[m.Name]})
	}
	if checked {
		out = append(out, Member{Name: coordinatorCheck, Alive: true, Acked: acked[coordinatorCheck]})
	}
	return out, nil
}

// names are the instances named by the keys below a prefix.
func names(ctx context.Context, s store.Store, prefix string) (map[string]bool, error) {
	l, err := s.List(ctx, prefix)
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, kv := range l.KVs {
		name, err := layout.InstanceName(kv.Key)
		if err != nil {
			return nil, err
		}
		out[name] = true
	}
	return out, nil
}

func (a *Activator) write(ctx context.Context, doc layout.Document, action Action, want Prepare) Event {
	conds, ops, err := a.transaction(doc, action, want)
	if err != nil {
		return Event{Refused: true}
	}
	res, err := a.Store.Txn(ctx, conds, ops)
	switch {
	case err != nil:
		return Event{Unknown: true}
	case res.OK:
		return Event{Wrote: true}
	}
	return Event{Refused: true}
}

// transaction is what a write does and on which conditions.
func (a *Activator) transaction(doc layout.Document, action Action, want Prepare) ([]store.Cond, []store.Op, error) {
	v := action.View
	pointer := store.Cond{Key: doc.Active(), Modified: v.PointerRev}
	if action.Kind == WritePrepare {
		data, err := want.Encode()
		return []store.Cond{store.Absent(doc.Prepare()), pointer}, []store.Op{store.Put(doc.Prepare(), data)}, err
	}
	prepare := store.Cond{Key: doc.Prepare(), Modified: v.PrepareRev}
	clear := []store.Op{store.Delete(doc.Prepare()), store.DeletePrefix(doc.Acks())}
	if action.Kind == WriteAbort {
		return []store.Cond{prepare}, clear, nil
	}
	next := v.Pointer.Next(v.Prepare.Version, layout.Placed, v.Prepare.By, v.Prepare.Comment, a.Now())
	next.Barrier = v.Prepare.ID
	data, err := next.Encode()
	conds := []store.Cond{prepare, pointer, {Key: layout.Membership, Modified: v.Membership}}
	return conds, append(clear, store.Put(doc.Active(), data), store.Put(doc.Move(next.Serial), data)), err
}
