package xa

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/heddle-mesh/heddle/txn"
)

// amid has an operator resolve a transaction over all shards in the middle of its owner's prepares: when the first branch is prepared, and the second has yet to be.
// before is called between, for each of the two. It is the owner's answer, the transaction, and the shard that was prepared first.
func amid(t *testing.T, commit bool, before func(x *txn.Txn, shard int, prepared bool)) (err error, x *txn.Txn, id int64, first int) {
	t.Helper()
	resolved := make(chan struct{})
	var begun atomic.Int32
	var once sync.Once
	m := txn.NewManager(txn.Config{Cluster: cluster, Shards: shards, At: func(ctx context.Context, point string) error {
		switch {
		case point == "prepare.before" && begun.Add(1) == 2:
			<-resolved
		case point == "prepare.after":
			once.Do(func() {
				defer close(resolved)
				g := x.GTRID()
				for i := 1; i < len(env.Shards); i++ {
					ours, _, err := shards.Server(env.Shards[i].Name()).Prepared(ctx)
					if err != nil {
						t.Error(err)
					}
					if len(ours) > 0 {
						first = i
					}
				}
				if _, err := shards.Resolve(ctx, g, commit, true); err != nil {
					t.Errorf("resolve: %v", err)
				}
				for i := 1; i < len(env.Shards); i++ {
					before(x, i, i == first)
				}
			})
		}
		return nil
	}})
	var branches []*branch
	x, branches, id = transfer(t, m, txn.Options{}, []int{0, 1, 2})
	err = x.Commit(t.Context())
	for _, b := range branches {
		b.Discard()
	}
	return err, x, id, first
}

// markOf takes the place of a branch's mark, so that its server refuses to prepare it.
func markOf(t *testing.T, x *txn.Txn, shard int) {
	server := shards.Server(env.Shards[shard].Name())
	if _, err := control[shard].Exec(fmt.Sprintf("INSERT INTO heddle_mesh.txn_mark (gtrid, branch) VALUES ('%s', '%s')", x.GTRID(), server.Log)); err != nil {
		t.Error(err)
	}
}

// TestResolvedWhilePreparing: an owner that an operator overtakes while it prepares tells what is true: that an operator has rolled the transaction back; or has committed it in part, and
// which is not among it. A recoverer that does so is told as before.
func TestResolvedWhilePreparing(t *testing.T) {
	nothing := func(*txn.Txn, int, bool) {}
	err, _, id, _ := amid(t, false, nothing)
	aborted, ok := errors.AsType[*txn.AbortedError](err)
	if !ok || !errors.Is(err, txn.ErrResolved) || aborted.Lost || len(there(t, id)) > 0 {
		t.Errorf("rolled back: %v, on %v", err, there(t, id))
	}

	err, _, id, first := amid(t, true, nothing)
	recoverAll(t, recoverer(t, nil))
	forced, ok := errors.AsType[*txn.ForcedError](err)
	if !ok || !slices.Equal(forced.Without, []string{env.Shards[0].Name()}) || !slices.Equal(there(t, id), []int{1, 2}) {
		t.Errorf("committed, and the other branch was prepared: %v, on %v", err, there(t, id))
	}

	err, x, id, first := amid(t, true, func(x *txn.Txn, shard int, prepared bool) {
		if !prepared {
			markOf(t, x, shard)
		}
	})
	other := 3 - first
	forced, ok = errors.AsType[*txn.ForcedError](err)
	if !ok || !slices.Equal(forced.Without, []string{env.Shards[0].Name(), env.Shards[other].Name()}) || !slices.Equal(there(t, id), []int{first}) || forced.GTRID != x.GTRID() {
		t.Errorf("committed, and the other branch could not be prepared: %v, on %v", err, there(t, id))
	}
	if late := x.Undelivered(); len(late) > 1 || len(late) == 1 && late[0].DataSource != env.Shards[first].Name() {
		t.Errorf("undelivered: %v", late)
	}

	r := recoverer(t, nil)
	m := manager(once("decide.before", func() error { _, err := r.Scan(t.Context(), env.Shards[1].Name()); return err }))
	x, branches, id := transfer(t, m, txn.Options{}, []int{0, 1})
	if err := x.Commit(t.Context()); !errors.Is(err, txn.ErrFenced) || !strings.Contains(err.Error(), "taken for dead") || len(there(t, id)) > 0 {
		t.Errorf("recovered: %v, on %v", err, there(t, id))
	}
	for _, b := range branches {
		b.Discard()
	}
	forget(t)
	clean(t)
}
