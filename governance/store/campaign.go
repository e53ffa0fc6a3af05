package store

import (
	"context"
	"fmt"
)

// Term is a won campaign: the key is held under the lease until the lease ends or the term is resigned.
type Term struct {
	store Store
	// KV is the key as it was won. Unchanged(KV) in a transaction is the fence: the write fails if the term is over.
	KV    KV
	Lease *Lease
}

// Campaign waits until key is absent and takes it, with value, under the lease. It is a lock and an election in one:
// who holds the key leads. It is not fair. It returns ErrLeaseLost when the lease ends while it waits.
func Campaign(ctx context.Context, s Store, lease *Lease, key string, value []byte) (*Term, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for {
		kv, won, err := tryTake(ctx, s, lease, key, value)
		if err != nil {
			return nil, fmt.Errorf("campaign for %s: %w", key, err)
		}
		if won {
			return &Term{store: s, KV: kv, Lease: lease}, nil
		}
		if err := awaitAbsent(ctx, s, lease, key); err != nil {
			return nil, fmt.Errorf("campaign for %s: %w", key, err)
		}
	}
}

// Resign gives the key back.
func (t *Term) Resign(ctx context.Context) error {
	if _, err := t.store.Txn(ctx, []Cond{Unchanged(t.KV)}, []Op{Delete(t.KV.Key)}); err != nil {
		return fmt.Errorf("resign %s: %w", t.KV.Key, err)
	}
	return nil
}

// tryTake creates the key, or finds that it is already ours: an earlier attempt may have had an unknown outcome.
func tryTake(ctx context.Context, s Store, lease *Lease, key string, value []byte) (KV, bool, error) {
	res, err := s.Txn(ctx, []Cond{Absent(key)}, []Op{PutLeased(key, value, lease.ID())})
	if err != nil {
		return KV{}, false, err
	}
	if res.OK {
		return KV{Key: key, Value: value, Created: res.Revision, Modified: res.Revision, Lease: lease.ID()}, true, nil
	}
	kv, err := s.Get(ctx, key)
	if err != nil {
		return KV{}, false, ignoreNotFound(err)
	}
	return kv, kv.Lease == lease.ID(), nil
}

func ignoreNotFound(err error) error {
	if IsNotFound(err) {
		return nil
	}
	return err
}

func awaitAbsent(ctx context.Context, s Store, lease *Lease, key string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	updates := s.Watch(ctx, key, 0)
	for {
		select {
		case <-lease.Done():
			return lease.Err()
		case u, ok := <-updates:
			if !ok {
				if err := ctx.Err(); err != nil {
					return err
				}
				return ErrClosed
			}
			if u.Kind == Reset && !contains(u.KVs, key) || u.Kind == Change && deleted(u.Events, key) {
				return nil
			}
		}
	}
}

func contains(kvs []KV, key string) bool {
	for _, kv := range kvs {
		if kv.Key == key {
			return true
		}
	}
	return false
}

func deleted(events []Event, key string) bool {
	for _, e := range events {
		if e.KV.Key == key && e.Deleted {
			return true
		}
	}
	return false
}
