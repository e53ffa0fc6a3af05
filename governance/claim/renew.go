package claim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
)

// claim takes a worker id: one of ours from before, if its noted use is over, or the first from the instance's own
// starting point that nobody holds.
func (w *Workers) claim(ctx context.Context, now time.Time) error {
	for range 10 {
		e, same, err := readEpoch(ctx, w.cfg.Store, now, w.cfg.Instance)
		if err != nil {
			return fmt.Errorf("claim a worker id: %w", err)
		}
		h, err := w.choose(ctx, e, now)
		if err != nil {
			return fmt.Errorf("claim a worker id: %w", err)
		}
		data, err := json.Marshal(h.rec)
		if err != nil {
			return fmt.Errorf("encode worker id %d: %w", h.id, err)
		}
		res, err := w.cfg.Store.Txn(ctx, []store.Cond{same, store.Unchanged(h.kv)}, []store.Op{store.Put(h.kv.Key, data)})
		if err != nil {
			return fmt.Errorf("claim worker id %d: %w", h.id, err)
		}
		if res.OK {
			h.kv = store.KV{Key: h.kv.Key, Value: data, Modified: res.Revision}
			w.held, w.given = h, time.Time{}
			return nil
		}
	}
	return errors.New("claim a worker id: too many instances claim at once")
}

// choose finds the id that can be used soonest.
func (w *Workers) choose(ctx context.Context, e epoch, now time.Time) (*holding, error) {
	l, err := w.cfg.Store.List(ctx, layout.Workers)
	if err != nil {
		return nil, err
	}
	known := map[string]store.KV{}
	for _, kv := range l.KVs {
		known[kv.Key] = kv
	}
	first := fnv.New32a()
	first.Write([]byte(w.cfg.Instance))
	var best *holding
	for i := range MaxWorker + 1 {
		id := uint16((int(first.Sum32()%(MaxWorker+1)) + i) % (MaxWorker + 1))
		kv, ok := known[layout.Worker(id)]
		if !ok {
			kv = store.KV{Key: layout.Worker(id)}
		}
		h, err := w.candidate(id, kv, e, now)
		if err != nil {
			return nil, err
		}
		if h == nil || best != nil && !h.rec.From.Before(best.rec.From) {
			continue
		}
		if best = h; !h.rec.From.After(now) {
			break
		}
	}
	if best == nil {
		return nil, fmt.Errorf("all %d are claimed", MaxWorker+1)
	}
	return best, nil
}

// candidate is the claim that could be made of one id, or nil if somebody else holds it.
func (w *Workers) candidate(id uint16, kv store.KV, e epoch, now time.Time) (*holding, error) {
	from := latest(now, e.usable(), w.disk.Marks[id])
	if kv.Modified != 0 {
		var rec record
		if err := json.Unmarshal(kv.Value, &rec); err != nil {
			return nil, fmt.Errorf("record of worker id %d: %w", id, err)
		}
		switch {
		case rec.Instance == w.cfg.Instance && rec.Proof == w.disk.proof():
			// our own, of a process that has ended: used up to the mark, which is on the disk before any use
		case now.Before(rec.Until):
			return nil, nil
		default:
			from = latest(from, rec.Until)
		}
	}
	rec := record{Instance: w.cfg.Instance, Proof: w.disk.proof(), From: from.UTC(), Until: ceil(now.Add(For))}
	return &holding{id: id, rec: rec, kv: kv, epoch: e}, nil
}

func latest(t time.Time, others ...time.Time) time.Time {
	for _, o := range others {
		if o.After(t) {
			t = o
		}
	}
	return t
}

// renew extends the claim, or finds out why it cannot: then the claim is used up to its end, or dropped at once if
// somebody else has the id.
func (w *Workers) renew(ctx context.Context, now time.Time) error {
	h := w.held
	rec := h.rec
	switch {
	case now.Before(h.hold):
		return w.republish(ctx, now) // see holding.hold
	case !now.Before(rec.Until):
		rec.From = latest(now, h.hold) // it ended meanwhile; what comes is a claim of its own
	}
	rec.Until = latest(rec.Until, ceil(now.Add(For)))
	err := w.write(ctx, h, rec)
	if errors.Is(err, errMoved) {
		return w.republish(ctx, now)
	}
	if err != nil {
		return fmt.Errorf("renew worker id %d (it ends at %s): %w", h.id, h.rec.Until.Format(time.RFC3339), err)
	}
	return nil
}

// reconsider is for a claim that begins in the future: somebody may have vouched for the mesh meanwhile.
func (w *Workers) reconsider(ctx context.Context, now time.Time) error {
	e, _, err := readEpoch(ctx, w.cfg.Store, now, w.cfg.Instance)
	if err != nil {
		return fmt.Errorf("wait for worker id %d: %w", w.held.id, err)
	}
	if e != w.held.epoch || !now.Before(w.held.rec.Until.Add(-For/2)) {
		w.held = nil
	}
	return nil
}

// republish is for a store that is not as it was left. If our record is there, by a write whose answer was lost, it is
// taken as it is. If it is gone, it is written again as it was, not extended.
func (w *Workers) republish(ctx context.Context, now time.Time) error {
	h := w.held
	e, same, err := readEpoch(ctx, w.cfg.Store, now, w.cfg.Instance)
	if err != nil {
		return fmt.Errorf("renew worker id %d: %w", h.id, err)
	}
	if e != h.epoch {
		h.epoch, h.hold = e, latest(h.hold, e.usable())
	}
	kv, err := store.GetOrZero(ctx, w.cfg.Store, layout.Worker(h.id))
	if err != nil {
		return fmt.Errorf("renew worker id %d: %w", h.id, err)
	}
	if kv.Modified == 0 {
		if !now.Before(h.rec.Until) {
			w.held = nil
			return nil
		}
		data, err := json.Marshal(h.rec)
		if err != nil {
			return fmt.Errorf("encode worker id %d: %w", h.id, err)
		}
		res, err := w.cfg.Store.Txn(ctx, []store.Cond{same, store.Unchanged(kv)}, []store.Op{store.Put(kv.Key, data)})
		if err != nil {
			return fmt.Errorf("write worker id %d again: %w", h.id, err)
		}
		h.kv = store.KV{Key: kv.Key, Value: data, Modified: res.Revision}
		return nil
	}
	var rec record
	if err := json.Unmarshal(kv.Value, &rec); err != nil {
		return fmt.Errorf("record of worker id %d: %w", h.id, err)
	}
	if rec.Instance != h.rec.Instance || rec.Proof != h.rec.Proof {
		w.held = nil
		return fmt.Errorf("worker id %d is now claimed by %s; another one is claimed", h.id, rec.Instance)
	}
	// Ours. Its end in the store may be later, by a write whose answer was lost, or earlier, in a store that was set back.
	h.kv = kv
	if rec.Until.After(h.rec.Until) && rec.From.Equal(h.rec.From) && !now.Before(h.hold) {
		h.rec.Until = rec.Until
	}
	return nil
}
