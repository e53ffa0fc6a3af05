// Package reload keeps an instance at the documents that are in force: it follows the store, builds what the data plane
// uses, and swaps one pointer.
//
// It does not know what a document says: the caller's Build validates and builds it. It never serves nothing because the
// store says nothing: a version that cannot be built, a pointer that vanished, a store that was set back or is away leave
// the last good one in place, also over a restart. Its level: above governance/store and layout; the barrier that
// placement changes go through is reload/barrier.
package reload

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
)

// Document is one version of one document, with the pointer that put it in force.
type Document struct {
	Name    string
	Pointer layout.Pointer
	Version layout.Version
}

// Bytes is the document as its author wrote it.
func (d Document) Bytes() []byte { return []byte(d.Version.Text) }

// Gate closes tables while their placement is swapped; barrier.Traffic is one.
type Gate interface {
	// Hold returns when no statement is running on the tables any more; new ones wait until Release.
	Hold(ctx context.Context, owner, document string, tables []string) error
	Release(owner string)
}

// Publisher writes a key that lives as long as the instance's lease; instance.Registry is one.
type Publisher interface {
	Publish(ctx context.Context, key string, value []byte) error
}

// Config is what a Follower of T needs.
type Config[T any] struct {
	Store    store.Store
	Kind     string // layout.Rules, layout.Users …
	Instance string
	Labels   map[string]string // by which a canary may choose the instance, as its record has them
	// Build makes a T of all documents of the kind, by name, or says what is wrong. It gets an empty map when the store
	// has none. It must not keep the map.
	Build func(docs map[string]Document) (T, error)
	// Placement names the tables whose rows live elsewhere under the new version; nil if the kind has no placement.
	Placement func(was, next Document) (tables []string, err error)
	Gate      Gate // needed with Placement
	// Path is the file of the last good documents; "" keeps none.
	Path      string
	Publisher Publisher // of the status; nil: none
	// Alarm is told what an operator should know, once each time it changes; it must not block.
	Alarm func(Alarm)
	Now   func() time.Time
	// StoreWait is how long Start waits for the store before it takes the disk (0: 3 s); CheckEvery is how often all is
	// compared again and the file is dated (0: 1 min).
	StoreWait, CheckEvery time.Duration
}

// Snapshot is what the data plane uses. It is immutable.
type Snapshot[T any] struct {
	Value     T
	Documents map[string]Document // in force here; dropped ones are not in it
	Source    string              // layout.FromStore or layout.FromDisk
	Confirmed time.Time           // when the store last said so, as far as known when the snapshot was made
}

// Follower keeps a Snapshot current. Start it, then Run it.
type Follower[T any] struct {
	cfg     Config[T]
	current atomic.Pointer[Snapshot[T]]

	mu        sync.Mutex // guards what follows
	docs      map[string]Document
	adopted   map[string]time.Time
	refused   map[string]refusal
	saved     map[string]int64 // the serials that are on disk
	source    string
	confirmed time.Time
	connected bool
	told      bool          // the alarm about the store was raised
	changed   chan struct{} // closed and replaced at every change
}

// refusal is a version that could not be adopted.
type refusal struct {
	pointer layout.Pointer
	reason  Reason
	err     error
}

// New checks the configuration.
func New[T any](cfg Config[T]) (*Follower[T], error) {
	switch {
	case cfg.Store == nil || cfg.Kind == "" || cfg.Build == nil || cfg.Alarm == nil || cfg.Now == nil:
		return nil, errors.New("reload: Store, Kind, Build, Alarm and Now are needed")
	case cfg.Placement != nil && cfg.Gate == nil:
		return nil, errors.New("reload: a kind with a placement needs a Gate")
	}
	if cfg.StoreWait <= 0 {
		cfg.StoreWait = 3 * time.Second
	}
	if cfg.CheckEvery <= 0 {
		cfg.CheckEvery = time.Minute
	}
	return &Follower[T]{cfg: cfg, docs: map[string]Document{}, adopted: map[string]time.Time{}, refused: map[string]refusal{},
		saved: map[string]int64{}, changed: make(chan struct{})}, nil
}

// Current is the snapshot to use; nil before Start. It costs one atomic load.
func (f *Follower[T]) Current() *Snapshot[T] { return f.current.Load() }

// Age is for how long the store has not confirmed what runs; 0 while it is connected.
func (f *Follower[T]) Age() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.connected || f.confirmed.IsZero() {
		return 0
	}
	return f.cfg.Now().Sub(f.confirmed)
}

// Load reads the last good documents from the disk, so that Serials and a first snapshot are known before the store is
// asked. Start calls it if it was not called. A damaged file is an alarm, not an error.
func (f *Follower[T]) Load() {
	if f.cfg.Path == "" || f.Current() != nil {
		return
	}
	kept, err := readDisk(f.cfg.Path, f.cfg.Kind)
	if err == nil && kept == nil {
		return
	}
	if err == nil {
		var value T
		if value, err = f.build(kept.Documents); err == nil {
			f.mu.Lock()
			f.docs, f.source, f.confirmed = kept.Documents, layout.FromDisk, kept.Confirmed
			for name, d := range kept.Documents {
				f.saved[name], f.adopted[name] = d.Pointer.Serial, kept.Saved
			}
			f.mu.Unlock()
			f.publish(value)
			return
		}
	}
	f.cfg.Alarm(Alarm{Document: layout.Document{Kind: f.cfg.Kind}, Reason: DiskDamaged,
		Err: fmt.Errorf("the last good documents cannot be used: %w", err)})
}

// Serials are the serials of what runs, by document; of what Load found, before Start.
func (f *Follower[T]) Serials() map[string]int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[string]int64{}
	for name, d := range f.docs {
		out[name] = d.Pointer.Serial
	}
	return out
}

// ErrNoCopy is a start that has nothing to run: the store is away, and nothing was remembered. Run goes on trying.
var ErrNoCopy = errors.New("there is no last good copy")

// Start returns when there is something to run: from the store, or from the disk if the store is away, which is an alarm
// that says how old it is. With neither it is an error.
func (f *Follower[T]) Start(ctx context.Context) error {
	f.Load()
	err := f.firstListing(ctx)
	switch {
	case f.Current() == nil && err == nil:
		return fmt.Errorf("start with %s documents: none of those in force can be used", f.cfg.Kind)
	case f.Current() == nil:
		return fmt.Errorf("start with %s documents: %w, and %w", f.cfg.Kind, ErrNoCopy, err)
	case err != nil:
		f.disconnected(err)
	}
	return ctx.Err()
}

func (f *Follower[T]) firstListing(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, f.cfg.StoreWait)
	defer cancel()
	var err error
	for {
		again := f.compare(ctx)
		if again == nil {
			return nil
		}
		if err == nil || ctx.Err() == nil {
			err = again // and not that time is up
		}
		t := time.NewTimer(100 * time.Millisecond)
		select {
		case <-ctx.Done():
			t.Stop()
			return err
		case <-t.C:
		}
	}
}

// Run follows the store until ctx is done.
func (f *Follower[T]) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	updates := f.cfg.Store.Watch(ctx, layout.ActivePrefix(f.cfg.Kind), 0)
	tick := time.NewTicker(f.cfg.CheckEvery)
	defer tick.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			if err = f.compare(ctx); err == nil {
				f.save()
			}
		case u, ok := <-updates:
			switch {
			case !ok && ctx.Err() == nil:
				return fmt.Errorf("follow %s documents: %w", f.cfg.Kind, store.ErrClosed)
			case !ok:
				return ctx.Err()
			case u.Kind == store.Lost:
				err = u.Err
			default:
				err = f.compare(ctx)
			}
		}
		if err != nil && ctx.Err() == nil {
			f.disconnected(err)
		}
	}
}

// Adopt implements barrier.Adopter.
func (f *Follower[T]) Adopt(ctx context.Context, name string, pointer layout.Pointer) error {
	for {
		f.mu.Lock()
		changed := f.changed
		runs, saved := f.docs[name].Pointer.Serial, f.saved[name]
		no, isRefused := f.refused[name]
		f.mu.Unlock()
		switch {
		case runs >= pointer.Serial && (f.cfg.Path == "" || saved >= pointer.Serial):
			return nil
		case isRefused && no.pointer.Serial >= pointer.Serial:
			return fmt.Errorf("adopt version %d of %s: %w", no.pointer.For(f.cfg.Instance, f.cfg.Labels), name, no.err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("adopt version %d of %s: %w", pointer.Version, name, ctx.Err())
		case <-changed:
		}
	}
}

// Forget removes the last good file: for an instance that leaves the mesh for good, before it leaves.
func (f *Follower[T]) Forget() error { return removeDisk(f.cfg.Path) }
