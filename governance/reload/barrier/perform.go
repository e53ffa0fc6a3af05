package barrier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/heddle-mesh/heddle/governance/durable"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
)

// atOnce does the tasks that do not wait, and returns the first that does.
func (w *Watcher) atOnce(d *part, t Task) Task {
	for {
		switch t.Kind {
		case Release:
			w.cfg.Traffic.Release(t.ID)
		case FenceHeld:
			w.cfg.Traffic.Fail(t.ID)
		case FenceAll:
			w.cfg.Traffic.Fence(d.name)
		case Unfence:
			w.cfg.Traffic.Unfence(d.name)
		default:
			return t
		}
		t = d.p.Step(Report{Done: true})
	}
}

// perform does what is at once, and starts the rest.
func (w *Watcher) perform(work starter, d *part, t Task) {
	if t = w.atOnce(d, t); t.Kind == Nothing {
		return
	}
	work(event{name: d.name, task: true}, func(ctx context.Context, e *event) {
		e.err = w.do(ctx, d.name, t)
		if e.err != nil {
			_ = pause(ctx, e.err) // not as fast as the machine can
		}
	})
}

// do carries out one task that waits.
func (w *Watcher) do(ctx context.Context, name string, t Task) error {
	switch t.Kind {
	case Hold:
		return w.cfg.Traffic.Hold(ctx, t.ID, name, t.Tables)
	case WriteJournal:
		return w.writeJournal(name, Journal{ID: t.ID, Tables: t.Tables})
	case ClearJournal:
		return w.writeJournal(name, Journal{})
	case WriteAck:
		return w.ack(ctx, name, t.ID)
	case Adopt:
		return w.cfg.Adopter.Adopt(ctx, name, t.Pointer)
	}
	panic(fmt.Sprintf("barrier: task %d does not wait", t.Kind))
}

func (w *Watcher) writeJournal(name string, j Journal) error {
	if w.cfg.Dir == "" {
		return nil
	}
	doc := layout.Document{Kind: w.cfg.Kind, Name: name}
	path := filepath.Join(w.cfg.Dir, "barrier-"+w.cfg.Kind+"-"+filepath.Base(doc.Active()))
	if j.ID == "" {
		return durable.Remove(path)
	}
	data, err := json.Marshal(onDisk{Document: name, Journal: j})
	if err != nil {
		return fmt.Errorf("encode the journal of %s: %w", doc, err)
	}
	return durable.Write(path, data)
}

// ack acknowledges the barrier if it still stands. An acknowledgement that is there already is fine.
func (w *Watcher) ack(ctx context.Context, name, id string) error {
	doc := layout.Document{Kind: w.cfg.Kind, Name: name}
	kv, err := store.GetOrZero(ctx, w.cfg.Store, doc.Prepare())
	if err != nil {
		return fmt.Errorf("acknowledge barrier %s: %w", id, err)
	}
	if kv.Modified == 0 {
		return fmt.Errorf("acknowledge barrier %s: it is gone", id)
	}
	p, err := DecodePrepare(kv.Value)
	if err != nil {
		return fmt.Errorf("acknowledge barrier %s: %w", id, err)
	}
	if p.ID != id {
		return fmt.Errorf("acknowledge barrier %s: %s stands instead", id, p.ID)
	}
	res, err := w.cfg.Store.Txn(ctx, []store.Cond{store.Unchanged(kv)}, []store.Op{store.Put(doc.Ack(id, w.cfg.Instance), nil)})
	if err == nil && !res.OK {
		err = errors.New("it is gone")
	}
	if err != nil {
		return fmt.Errorf("acknowledge barrier %s: %w", id, err)
	}
	return nil
}

// read looks at the store: the prepare record first, then the pointer (see Sight). One reading at a time.
func (w *Watcher) read(work starter, d *part) {
	if d.reading {
		d.dirty = true
		return
	}
	if !w.alive {
		return // the machine does not act on sights without a lease; Joined reads
	}
	d.reading, d.dirty = true, false
	work(event{name: d.name, life: w.life}, func(ctx context.Context, e *event) {
		if e.sight, e.err = w.sight(ctx, layout.Document{Kind: w.cfg.Kind, Name: d.name}); e.err != nil {
			_ = pause(ctx, e.err)
		}
	})
}

func (w *Watcher) sight(ctx context.Context, doc layout.Document) (*Sight, error) {
	var s Sight
	prepare, err := store.GetOrZero(ctx, w.cfg.Store, doc.Prepare())
	if err != nil {
		return nil, err
	}
	if prepare.Modified != 0 {
		p, err := DecodePrepare(prepare.Value)
		if err != nil {
			return nil, err
		}
		s.Prepare = &p
	}
	pointer, err := store.GetOrZero(ctx, w.cfg.Store, doc.Active())
	if err != nil || pointer.Modified == 0 {
		return &s, err
	}
	p, err := layout.DecodePointer(pointer.Value)
	if err != nil {
		return nil, err
	}
	s.Pointer = &p
	return &s, nil
}

// starter runs a function in a goroutine of Run's, which then sends the event that the function completed.
type starter func(e event, do func(context.Context, *event))

// newStarter makes a starter and the function that waits for all it started.
func newStarter(ctx context.Context, events chan<- event) (starter, func()) {
	var wg sync.WaitGroup
	start := func(e event, do func(context.Context, *event)) {
		wg.Go(func() {
			do(ctx, &e)
			select {
			case events <- e:
			case <-ctx.Done():
			}
		})
	}
	return start, wg.Wait
}
