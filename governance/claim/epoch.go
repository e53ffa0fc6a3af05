// Package claim is what instances claim in the store so that generated keys are never given twice: worker ids for a
// time, and ranges of sequences for ever.
//
// It generates nothing: router/keygen does, over the two interfaces that Workers and Sequences implement. Its
// level: above governance/store and layout. DESIGN.md says why a claim is safe, also over a store that was wiped.
package claim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
)

const (
	// For is how long a worker id is claimed, and how long it can be used by an instance that the store lost. It is a
	// constant of the mesh: whoever meets an empty store has to know how long the claims were that it forgot.
	For = 4 * time.Hour
	// Skew is how far the clocks of two instances may differ when a store is replaced by an empty one. Nothing else
	// here depends on clocks agreeing.
	Skew = 15 * time.Minute
)

// epoch is since when this store knows about claims. What was claimed in a store before it, is forgotten but not over.
type epoch struct {
	Created time.Time `json:"created"`
	// Fresh: somebody vouches that no claim of an earlier time is in use.
	Fresh bool   `json:"fresh"`
	By    string `json:"by"`
}

// usable is when claims can be used whose earlier holders, if any, were forgotten.
func (e epoch) usable() time.Time {
	if e.Fresh {
		return time.Time{}
	}
	return ceil(e.Created.Add(For + Skew))
}

// Fresh vouches that no instance uses a worker id or a range that this store does not know of: for a mesh that never ran
// before, or whose instances were all stopped since the store was lost. Without it, an empty store makes everybody
// wait For+Skew before ids are generated again. by is written down.
func Fresh(ctx context.Context, s store.Store, now time.Time, by string) error {
	kv, err := store.GetOrZero(ctx, s, layout.Epoch)
	if err != nil {
		return fmt.Errorf("vouch for a fresh mesh: %w", err)
	}
	_, ok, err := writeEpoch(ctx, s, kv, epoch{Created: now.UTC(), Fresh: true, By: by})
	if err == nil && !ok {
		err = errors.New("somebody else did something similar at the same time")
	}
	if err != nil {
		return fmt.Errorf("vouch for a fresh mesh: %w", err)
	}
	return nil
}

// Restored says that the store was set back to a backup: claims made since the backup are forgotten, and everybody
// waits For+Skew before new ones are used.
func Restored(ctx context.Context, s store.Store, now time.Time, by string) error {
	kv, err := store.GetOrZero(ctx, s, layout.Epoch)
	if err == nil {
		_, _, err = writeEpoch(ctx, s, kv, epoch{Created: now.UTC(), By: by})
	}
	if err != nil {
		return fmt.Errorf("note a restored store: %w", err)
	}
	return nil
}

// Begins tells from when on claims can be made whose earlier holders, if any, were forgotten, as far as the store says at
// now; zero: they can be. A store without an epoch begins one when the first instance starts, or now.
func Begins(ctx context.Context, s store.Store, now time.Time) (time.Time, error) {
	kv, err := store.GetOrZero(ctx, s, layout.Epoch)
	if err != nil {
		return time.Time{}, fmt.Errorf("epoch of claims: %w", err)
	}
	e := epoch{Created: now}
	if kv.Modified != 0 {
		if err := json.Unmarshal(kv.Value, &e); err != nil {
			return time.Time{}, fmt.Errorf("epoch of claims: %w", err)
		}
	}
	if from := e.usable(); now.Before(from) {
		return from, nil
	}
	return time.Time{}, nil
}

// NotBefore says to an operator why ids have to wait, and what to do.
func NotBefore(from time.Time) string {
	return fmt.Sprintf("the store may have lost what instances claimed before: no new claims of ids before %s, unless an operator vouches "+
		"by 'heddle mesh init' that no instance has served with an earlier store and runs still", from.Format(time.RFC3339))
}

func writeEpoch(ctx context.Context, s store.Store, was store.KV, e epoch) (store.KV, bool, error) {
	data, err := json.Marshal(e)
	if err != nil {
		return was, false, fmt.Errorf("encode the epoch: %w", err)
	}
	res, err := s.Txn(ctx, []store.Cond{store.Unchanged(was)}, []store.Op{store.Put(layout.Epoch, data)})
	return store.KV{Key: layout.Epoch, Value: data, Modified: res.Revision}, res.OK, err
}

// readEpoch returns the epoch and the condition that it still stands; it begins one in an empty store.
func readEpoch(ctx context.Context, s store.Store, now time.Time, by string) (epoch, store.Cond, error) {
	for {
		kv, err := store.GetOrZero(ctx, s, layout.Epoch)
		if err != nil {
			return epoch{}, store.Cond{}, err
		}
		if kv.Modified == 0 {
			next, ok, err := writeEpoch(ctx, s, kv, epoch{Created: now.UTC(), By: by})
			if err != nil {
				return epoch{}, store.Cond{}, err
			}
			if !ok {
				continue
			}
			kv = next
		}
		var e epoch
		if err := json.Unmarshal(kv.Value, &e); err != nil {
			return epoch{}, store.Cond{}, fmt.Errorf("epoch of claims: %w", err)
		}
		return e, store.Unchanged(kv), nil
	}
}

// ceil is t on the next whole second. Claims begin and end there, so that no tick of a generator belongs to two.
func ceil(t time.Time) time.Time {
	c := t.UTC().Truncate(time.Second)
	if c.Before(t) {
		c = c.Add(time.Second)
	}
	return c
}
