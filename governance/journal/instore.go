package journal

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
)

// InStore is the journal of a mesh, in its store. instance is who writes.
func InStore(s store.Store, instance string, now func() time.Time) *Journal {
	return open(storeKeeper{s}, instance, now)
}

type storeKeeper struct{ store store.Store }

func (k storeKeeper) read(ctx context.Context, id string) (record, error) {
	kv, err := k.store.Get(ctx, layout.DDL+id)
	if store.IsNotFound(err) {
		return record{}, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	return fromKV(kv), err
}

func fromKV(kv store.KV) record {
	return record{id: strings.TrimPrefix(kv.Key, layout.DDL), data: kv.Value, version: strconv.FormatInt(kv.Modified, 10)}
}

func (k storeKeeper) all(ctx context.Context) ([]record, error) {
	l, err := k.store.List(ctx, layout.DDL)
	if err != nil {
		return nil, err
	}
	out := make([]record, len(l.KVs))
	for i, kv := range l.KVs {
		out[i] = fromKV(kv)
	}
	return out, nil
}

func (k storeKeeper) write(ctx context.Context, r record) error {
	cond := store.Absent(layout.DDL + r.id)
	if r.version != "" {
		var err error
		if cond.Modified, err = strconv.ParseInt(r.version, 10, 64); err != nil {
			return err
		}
	}
	res, err := k.store.Txn(ctx, []store.Cond{cond}, []store.Op{store.Put(layout.DDL+r.id, r.data)})
	if err == nil && !res.OK {
		return errChanged
	}
	return err
}

func (k storeKeeper) remove(ctx context.Context, ids []string) error {
	for part := range slices.Chunk(ids, store.MaxOps) {
		ops := make([]store.Op, len(part))
		for i, id := range part {
			ops[i] = store.Delete(layout.DDL + id)
		}
		if err := store.Write(ctx, k.store, ops...); err != nil {
			return err
		}
	}
	return nil
}
