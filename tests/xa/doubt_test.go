package xa

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// TestInDoubtSinceItIsPrepared: a process that sees a branch for the first time knows for how long it has been prepared.
func TestInDoubtSinceItIsPrepared(t *testing.T) {
	x, branches, _ := transfer(t, manager(func(_ context.Context, at string) error {
		if at == "deliver.before" {
			return errors.New("dies")
		}
		return nil
	}), txn.Options{}, []int{0, 1})
	if err := x.Commit(t.Context()); !errors.Is(err, txn.ErrDied) {
		t.Fatal(err)
	}
	discard(branches)
	const age = 2 * time.Second
	server := shards.Server(env.Shards[1].Name())
	for began, is := time.Now(), time.Duration(0); is < age; <-time.After(50 * time.Millisecond) {
		prepared, _, err := server.Prepared(t.Context())
		if err != nil || len(prepared) != 1 || time.Since(began) > 20*time.Second {
			t.Fatalf("prepared: %v, of age %v, %v", prepared, is, err)
		}
		ages, err := server.Ages(t.Context(), prepared)
		if err != nil {
			t.Fatal(err)
		}
		is = ages[prepared[0].GTRID]
	}
	r := txn.NewRecoverer(txn.RecoveryConfig{Cluster: cluster, Shards: shards, Unknown: time.Hour, Living: time.Hour})
	began := time.Now()
	for range 2 { // most are over by the second look
		if _, err := r.Scan(t.Context(), env.Shards[1].Name()); err != nil {
			t.Fatal(err)
		}
	}
	if n, oldest := r.InDoubt(env.Shards[1].Name()); n != 1 || oldest < age+time.Since(began) {
		t.Errorf("%d branches in doubt for %v", n, oldest)
	}
	recoverAll(t, recoverer(t, nil))
	clean(t)
}

// TestWhatClientsKeepIsNotInDoubt: what a client has prepared has the age of nothing that recovery should have finished, until its client has decided.
func TestWhatClientsKeepIsNotInDoubt(t *testing.T) {
	name := xa.ClientXID{Format: 1, GTRID: "kept", BQual: "b"}
	x, all, id := clients(t, manager(nil), name)
	if err := x.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	discard(all)
	r := recoverer(t, nil)
	for range 2 {
		recoverAll(t, r)
	}
	for _, s := range env.Shards {
		if n, oldest := r.InDoubt(s.Name()); n != 1 || oldest != 0 {
			t.Errorf("%s: %d branches, in doubt for %v", s.Name(), n, oldest)
		}
	}
	if _, err := ends(t, name, true); err != nil {
		t.Error(err)
	}
	if got := there(t, id); len(got) != everywhere(true) {
		t.Errorf("it is there on %v", got)
	}
	clean(t)
}
