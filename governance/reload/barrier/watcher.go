package barrier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/heddle-mesh/heddle/governance/durable"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
)

// Traffic is the instance's statements. A hold or fence has an owner; a table is free when nobody holds or fences it.
// All but Hold return at once.
type Traffic interface {
	// Hold lets new statements on the tables wait, and returns when none is running any more, open transactions that
	// touched the tables included; how long to wait for those, and when to end them by force, is Traffic's to decide.
	// A second Hold of one owner adds nothing. After an error the tables may be held or not.
	Hold(ctx context.Context, owner, document string, tables []string) error
	// Fail makes the statements that wait for the owner, and those that come, fail instead, until Release.
	Fail(owner string)
	// Release ends the owner's hold.
	Release(owner string)
	// Fence refuses all statements on sharded tables of the document and cuts those that run; Unfence ends that.
	Fence(document string)
	Unfence(document string)
}

// Adopter is the instance's Follower.
type Adopter interface {
	// Adopt returns when the instance runs the pointer's version, or that of a later serial, and has it on its disk.
	Adopt(ctx context.Context, name string, pointer layout.Pointer) error
}

// WatcherConfig is what a Watcher needs.
type WatcherConfig struct {
	Store     store.Store
	Kind      string // layout.Rules
	Instance  string
	Offline   layout.Offline
	Traffic   Traffic
	Adopter   Adopter
	Dir       string     // of the journals; "" keeps none and is allowed only with Fence
	Activator *Activator // to end barriers whose coordinator is gone
	// Alarm is told what an operator should know; it must not block.
	Alarm func(error)
	// Grace is how long beyond its Wait a barrier may stand before this instance ends it; 0 means 5 s.
	Grace time.Duration
}

// Watcher takes part, for one instance, in the barriers of all documents of a kind. The order of an instance's start:
// Boot; register (instance.Registry), whose hooks call Joined and Lost; Run; and only then adopt and serve.
type Watcher struct {
	cfg    WatcherConfig
	events chan event
	docs   map[string]*part // owned by Boot, then by Run
	life   int              // counts losses and returns of the lease; owned by Run
	alive  bool
}

// part is the participant of one document, with what the driver knows of it.
type part struct {
	name    string
	p       *Participant
	reading bool
	dirty   bool // something changed while it was being read
	since   time.Time
	id      string // of the barrier that stands since
	ending  bool   // Resolve is under way
}

// event is what Run's loop hears from its own goroutines and from the hooks.
type event struct {
	lease *bool
	name  string
	life  int
	sight *Sight
	err   error // of reading, of the task
	task  bool
	ended bool // of Resolve
}

// NewWatcher checks the configuration.
func NewWatcher(cfg WatcherConfig) (*Watcher, error) {
	if cfg.Dir == "" && cfg.Offline != layout.Fence {
		return nil, errors.New("barrier: an instance that serves without a lease needs a directory for its journal")
	}
	if cfg.Grace <= 0 {
		cfg.Grace = 5 * time.Second
	}
	return &Watcher{cfg: cfg, events: make(chan event, 16), docs: map[string]*part{}}, nil
}

// Boot reads the journals and holds what they name, before the instance serves anything. adopted has the serial of each
// document that the instance starts with from its disk. A damaged journal is an error: nobody knows what it held.
func (w *Watcher) Boot(ctx context.Context, adopted map[string]int64) error {
	journals, err := w.readJournals()
	if err != nil {
		return err
	}
	for name := range adopted {
		if _, ok := journals[name]; !ok {
			journals[name] = Journal{}
		}
	}
	for name, j := range journals {
		if j.ID != "" {
			if err := w.cfg.Traffic.Hold(ctx, j.ID, name, j.Tables); err != nil {
				return fmt.Errorf("hold %v of %s: %w", j.Tables, name, err)
			}
			w.cfg.Alarm(fmt.Errorf("%s/%s: tables %v stay closed until the store tells how barrier %s ended", w.cfg.Kind, name, j.Tables, j.ID))
		}
		d := &part{name: name, p: Boot(w.cfg.Offline, j, adopted[name])}
		w.docs[name] = d
		w.atOnce(d, d.p.Step(Report{LeaseLost: true}))
	}
	return nil
}

// Lost tells that the lease is lost, Joined that the instance is registered (anew). Both return at once unless
// Run is far behind.
func (w *Watcher) Lost(ctx context.Context)   { w.hook(ctx, false) }
func (w *Watcher) Joined(ctx context.Context) { w.hook(ctx, true) }

func (w *Watcher) hook(ctx context.Context, alive bool) {
	select {
	case w.events <- event{lease: &alive}:
	case <-ctx.Done():
	}
}

// Run follows the store until ctx is done, and waits for what it started.
func (w *Watcher) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	work, wait := newStarter(ctx, w.events)
	defer wait()
	defer cancel()
	prepares := w.cfg.Store.Watch(ctx, layout.Barriers+w.cfg.Kind+"/", 0)
	pointers := w.cfg.Store.Watch(ctx, layout.ActivePrefix(w.cfg.Kind), 0)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case u := <-prepares:
			w.changed(work, u)
		case u := <-pointers:
			w.changed(work, u)
		case e := <-w.events:
			w.handle(work, e)
		case <-tick.C:
			w.endOverdue(work)
		}
	}
	return ctx.Err()
}

// changed has the documents read again that an update names, and after a Reset all of them.
func (w *Watcher) changed(work starter, u store.Update) {
	touched := map[string]bool{}
	for _, kv := range u.KVs {
		touched[nameIn(w.cfg.Kind, kv.Key)] = true
	}
	for _, e := range u.Events {
		touched[nameIn(w.cfg.Kind, e.KV.Key)] = true
	}
	if u.Kind == store.Reset || u.Kind == store.Regained {
		for name := range w.docs {
			touched[name] = true
		}
	}
	delete(touched, "")
	for name := range touched {
		d, ok := w.docs[name]
		if !ok {
			d = &part{name: name, p: Boot(w.cfg.Offline, Journal{}, 0)}
			w.docs[name] = d
			w.perform(work, d, d.p.Step(Report{LeaseLost: true}))
			if w.alive {
				w.perform(work, d, d.p.Step(Report{LeaseBack: true}))
			}
		}
		w.read(work, d)
	}
}

// nameIn is the document that a key's change concerns, or "": acknowledgements are the coordinator's business.
func nameIn(kind, key string) string {
	name, ok := layout.NameIn(kind, key)
	if !ok {
		return ""
	}
	return name
}

func (w *Watcher) handle(work starter, e event) {
	if e.lease != nil {
		w.life++
		w.alive = *e.lease
		for _, d := range w.docs {
			w.perform(work, d, d.p.Step(Report{LeaseLost: !w.alive, LeaseBack: w.alive}))
			w.read(work, d)
		}
		return
	}
	d := w.docs[e.name]
	switch {
	case e.ended:
		d.ending = false
		if e.err != nil {
			w.cfg.Alarm(fmt.Errorf("end an overdue barrier of %s/%s: %w", w.cfg.Kind, e.name, e.err))
		}
	case e.task:
		w.answered(work, d, e.err)
	default:
		w.sighted(work, d, e)
	}
}

// answered reports a task's end. A failed one is tried again on a fresh sight.
func (w *Watcher) answered(work starter, d *part, err error) {
	failed := err != nil
	if failed {
		w.cfg.Alarm(fmt.Errorf("placement change of %s/%s: %w", w.cfg.Kind, d.name, err))
	}
	w.perform(work, d, d.p.Step(Report{Done: !failed, Failed: failed}))
	if failed {
		w.read(work, d)
	}
}

func (w *Watcher) sighted(work starter, d *part, e event) {
	d.reading = false
	stale := e.life != w.life || d.dirty
	d.dirty = false
	if e.err != nil || stale {
		w.read(work, d) // of an earlier life, or overtaken
		return
	}
	if id := standing(e.sight); id != d.id {
		d.id, d.since = id, time.Now()
	}
	w.perform(work, d, d.p.Step(Report{Saw: e.sight}))
}

func standing(s *Sight) string {
	if s.Prepare == nil {
		return ""
	}
	return s.Prepare.ID
}

// endOverdue has barriers ended whose coordinator seems to be gone.
func (w *Watcher) endOverdue(work starter) {
	for _, d := range w.docs {
		if d.id == "" || d.ending || d.p.saw == nil || d.p.saw.Prepare == nil || w.cfg.Activator == nil {
			continue
		}
		if time.Since(d.since) > d.p.saw.Prepare.Wait+w.cfg.Grace {
			d.ending = true
			doc := layout.Document{Kind: w.cfg.Kind, Name: d.name}
			work(event{name: d.name, ended: true}, func(ctx context.Context, e *event) {
				e.err = w.cfg.Activator.Resolve(ctx, doc)
			})
		}
	}
}

// readJournals reads what is in the directory.
func (w *Watcher) readJournals() (map[string]Journal, error) {
	out := map[string]Journal{}
	if w.cfg.Dir == "" {
		return out, nil
	}
	files, err := filepath.Glob(filepath.Join(w.cfg.Dir, "barrier-"+w.cfg.Kind+"-*"))
	if err != nil {
		return nil, fmt.Errorf("journals of placement changes: %w", err)
	}
	for _, file := range files {
		name, j, err := readJournal(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("journal of a placement change: %w", err)
		}
		out[name] = j
	}
	return out, nil
}

// onDisk is a Journal with the name of its document.
type onDisk struct {
	Document string `json:"document"`
	Journal
}

func readJournal(file string) (string, Journal, error) {
	data, err := durable.Read(file)
	if err != nil {
		return "", Journal{}, err
	}
	var j onDisk
	if err := json.Unmarshal(data, &j); err != nil {
		return "", Journal{}, fmt.Errorf("%s: %w", file, err)
	}
	return j.Document, j.Journal, nil
}
