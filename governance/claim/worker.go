package claim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
)

// MaxWorker is the largest worker id; the same as router/keygen's.
const MaxWorker = 1023

// window is how far ahead of the clock the use of a worker id is noted on the disk, and so how long a clean stop blocks
// it for others and a crash for the instance itself.
const window = 10 * time.Second

// WorkersConfig is what Workers needs.
type WorkersConfig struct {
	Store    store.Store
	Instance string
	// Path is the file with which an instance proves, after a restart, that a claim is its own, and that tells up to which
	// moment it was used. "" claims a new id at every start. No two processes may have the file at once.
	Path    string
	Now     func() time.Time // the wall clock that the generator uses
	Problem func(error)      // told when a claim cannot be made or renewed; must not block
}

// record is a claim in the store: from From up to, not including, Until the worker id is the instance's alone. Both are
// times of the generator that uses it: an id carries its time, so that no two holders need clocks that agree.
type record struct {
	Instance string    `json:"instance"`
	Proof    string    `json:"proof"`
	From     time.Time `json:"from"`
	Until    time.Time `json:"until"`
}

// Workers holds one worker id for the instance; it implements router/keygen.WorkerIDs. Run it; its first act is to claim.
type Workers struct {
	cfg  WorkersConfig
	kick chan struct{}           // capacity 1: the window is used up
	now  atomic.Pointer[granted] // what Worker answers from

	mu    sync.Mutex // guards what follows; held over store operations, never by Worker
	disk  memory
	held  *holding
	given time.Time // the furthest end that Worker may have returned
	why   error     // why nothing is held
}

// granted is immutable.
type granted struct {
	id          uint16
	from, until time.Time // the window's end
	end         time.Time // the claim's end
	begins      time.Time // of the store's claims
	why         error
}

// holding is the claim as this process knows it.
type holding struct {
	id    uint16
	rec   record
	kv    store.KV // as last written or read
	epoch epoch
	// hold: the claim must not be extended before. It is set when the store turns out to be another than the one in
	// which the claim was made: somebody may have claimed what follows in the one that is gone.
	hold time.Time
}

// NewWorkers reads the file; one that cannot be read is an error, because it may tell of ids that were used.
func NewWorkers(cfg WorkersConfig) (*Workers, error) {
	if cfg.Store == nil || cfg.Instance == "" || cfg.Now == nil || cfg.Problem == nil {
		return nil, errors.New("claim: Store, Instance, Now and Problem are needed")
	}
	disk, err := readMemory(cfg.Path)
	if err != nil {
		return nil, err
	}
	w := &Workers{cfg: cfg, kick: make(chan struct{}, 1), disk: disk}
	w.now.Store(&granted{why: errors.New("no worker id is claimed yet")})
	return w, nil
}

// Worker implements router/keygen.WorkerIDs: from memory, without waiting. The id may be used for times from now up to,
// not including, until, and not after Run has returned.
func (w *Workers) Worker() (id uint16, until time.Time, err error) {
	g := w.now.Load()
	now := w.cfg.Now()
	switch {
	case g.why != nil:
		return 0, time.Time{}, g.why
	case now.Before(g.begins):
		return 0, time.Time{}, errors.New(NotBefore(g.begins))
	case now.Before(g.from):
		return 0, time.Time{}, fmt.Errorf("worker id %d can be used from %s on, because of ids that may have been generated before",
			g.id, g.from.Format(time.RFC3339))
	case !now.Before(g.until):
		select {
		case w.kick <- struct{}{}:
		default:
		}
		return 0, time.Time{}, fmt.Errorf("the claim of worker id %d ended at %s", g.id, g.until.Format(time.RFC3339))
	}
	return g.id, g.until, nil
}

// unclaimed says why there is still no worker id.
func (w *Workers) unclaimed(why error) {
	if g := w.now.Load(); g.why != nil {
		w.now.CompareAndSwap(g, &granted{why: fmt.Errorf("no worker id is claimed yet: %w", why)})
	}
}

// Run claims, renews, and gives the rest of the claim back when ctx is done: then nothing may be generated any more.
func (w *Workers) Run(ctx context.Context) error {
	renewed := time.Time{}
	epochs := w.cfg.Store.Watch(ctx, layout.Epoch, 0) // somebody may vouch for the mesh
	for {
		started := time.Now()
		due := renewed.IsZero() || time.Since(renewed) >= For/8
		if err := w.turn(ctx, due); err != nil {
			if ctx.Err() == nil {
				w.cfg.Problem(err)
				w.unclaimed(err)
			}
		} else if due {
			renewed = started
		}
		t := time.NewTimer(window / 3)
		select {
		case <-ctx.Done():
			t.Stop()
			w.release()
			return ctx.Err()
		case <-t.C:
		case <-w.kick:
			t.Stop()
		case _, more := <-epochs:
			t.Stop()
			if !more {
				epochs = nil
			}
		}
	}
}

// turn does what is due, and moves the window in any case.
func (w *Workers) turn(ctx context.Context, due bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var err error
	now := w.cfg.Now()
	if w.held != nil && !now.Before(w.held.rec.Until) {
		due = true
	}
	switch {
	case w.held != nil && now.Before(w.held.rec.From):
		err = w.reconsider(ctx, now)
	case w.held != nil && due:
		err = w.renew(ctx, now)
	}
	if w.held == nil {
		w.why = w.claim(ctx, now)
		err = errors.Join(err, w.why)
	}
	return errors.Join(err, w.open(now))
}

// Claim claims at once, instead of in Run: for a start that wants to be ready.
func (w *Workers) Claim(ctx context.Context) error { return w.turn(ctx, true) }

// open moves the window: on the disk first, then for Worker.
func (w *Workers) open(now time.Time) error {
	if w.held == nil {
		why := fmt.Errorf("no worker id: %w", w.why)
		w.now.Store(&granted{why: why})
		return nil
	}
	h := w.held
	until := minTime(ceil(now.Add(window)), h.rec.Until)
	if until.Before(w.given) {
		until = minTime(w.given, h.rec.Until) // the clock stepped back; what was given stays given
	}
	if err := w.disk.mark(w.cfg.Path, h.id, until); err != nil {
		return err // the window stays where it was, and ends
	}
	w.given = until
	g := granted{id: h.id, from: h.rec.From, until: until, end: h.rec.Until}
	if begins := h.epoch.usable(); !h.rec.From.Before(begins) {
		g.begins = begins
	}
	w.now.Store(&g)
	return nil
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// release lets others have the id once the window has passed.
func (w *Workers) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now.Store(&granted{why: errors.New("the worker id was given back")})
	if w.held == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	rec := w.held.rec
	rec.Until = minTime(rec.Until, w.given)
	if err := w.write(ctx, w.held, rec); err != nil {
		w.cfg.Problem(fmt.Errorf("give worker id %d back (it ends by itself at %s): %w", w.held.id, w.held.rec.Until.Format(time.RFC3339), err))
	}
	w.held = nil
}

var errMoved = errors.New("the record was changed by somebody else")

// write replaces the record of the holding, if it and the epoch are as known.
func (w *Workers) write(ctx context.Context, h *holding, rec record) error {
	data, err := json.Marshal(rec)
	if err != nil {
		return fmt.Errorf("encode worker id %d: %w", h.id, err)
	}
	e, same, err := readEpoch(ctx, w.cfg.Store, w.cfg.Now(), w.cfg.Instance)
	if err != nil {
		return err
	}
	if e != h.epoch {
		return errMoved
	}
	res, err := w.cfg.Store.Txn(ctx, []store.Cond{same, store.Unchanged(h.kv)}, []store.Op{store.Put(layout.Worker(h.id), data)})
	if err != nil {
		return err
	}
	if !res.OK {
		return errMoved
	}
	h.rec, h.kv = rec, store.KV{Key: layout.Worker(h.id), Value: data, Modified: res.Revision}
	return nil
}
