package mesh

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/governance/admin"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
)

// adoptWithin is how soon every instance runs what was applied: within a second, with room for a busy machine.
const adoptWithin = 3 * time.Second

func TestAdoptUnderLoad(t *testing.T) {
	l := newLab(t, env.Etcd.Endpoint())
	a, b := l.start("a", ""), l.start("b", "")
	onA, onB := l.open(a), l.open(b)
	l.create(onA)
	stop := l.load(onA, onB)
	began := time.Now()
	v := l.apply(strings.Replace(l.rules(""), "  ds_0: {", "  ds_0: {pool: {max: 20}, ", 1))
	l.runs(v, adoptWithin, "a", "b")
	t.Logf("version %d adopted by both %v after the call", v, time.Since(began))

	// A new table goes through the barrier, with all others served meanwhile.
	began = time.Now()
	v = l.apply(l.rules("  fresh: {key: id}\n"))
	l.runs(v, adoptWithin, "a", "b")
	t.Logf("version %d, with a new table, adopted by both %v after the call", v, time.Since(began))
	if _, err := onB.ExecContext(t.Context(), "CREATE TABLE fresh (id BIGINT PRIMARY KEY)"); err != nil {
		t.Error(err)
	}
	if _, err := onA.ExecContext(t.Context(), "INSERT INTO fresh VALUES (1), (2), (3), (4), (5)"); err != nil {
		t.Error(err)
	}

	v = l.apply(l.rules("broadcast: [flags]\n"))
	l.runs(v, adoptWithin, "a", "b")
	if n := stop(); n == 0 {
		t.Error("no statement ran meanwhile")
	} else {
		t.Logf("%d rounds of statements ran meanwhile", n)
	}
}

func TestUsersAreAdopted(t *testing.T) {
	l := newLab(t, env.Etcd.Endpoint())
	h := l.start("a", "")
	if err := h.Open(t, "guest", "", l.database).PingContext(t.Context()); err == nil {
		t.Fatal("an account that is not there could log in")
	}
	if _, err := l.admin.Users.Apply(t.Context(), admin.Application{Name: layout.Mesh, Document: []byte("users: {root: {}, guest: {}}\n"), Author: "test", Base: 1}); err != nil {
		t.Fatal(err)
	}
	db := h.Open(t, "guest", "", l.database)
	eventually(t, 2*time.Second, "the new account can log in", func() bool { return db.PingContext(t.Context()) == nil })
}

func TestInvalidAtTheDoor(t *testing.T) {
	l := newLab(t, env.Etcd.Endpoint())
	bad := l.rules("  u: {key: id, kye: 1}\n")
	_, err := l.admin.Rules.Apply(t.Context(), admin.Application{Name: l.database, Document: []byte(bad), Author: "test", Base: admin.AnyBase})
	var invalid *admin.Invalid
	if !errors.As(err, &invalid) || !strings.Contains(err.Error(), `unknown key "kye"`) {
		t.Fatalf("%v", err)
	}
	h, err := l.admin.Rules.History(t.Context(), l.database)
	if err != nil || len(h.Versions) != 1 || h.Active != 1 {
		t.Fatalf("%+v, %v", h, err)
	}
}

// put writes a version and the pointer to it past the door.
func (l *lab) put(version int64, text string) {
	l.t.Helper()
	active, err := l.admin.Rules.Get(l.t.Context(), l.database)
	if err != nil {
		l.t.Fatal(err)
	}
	doc := layout.Document{Kind: layout.Rules, Name: l.database}
	record, err1 := layout.Version{Number: version, Author: "nobody", Time: time.Now(), Text: text}.Encode()
	pointer, err2 := active.Pointer.Next(version, layout.Applied, "nobody", "", time.Now()).Encode()
	if err := errors.Join(err1, err2, store.Write(l.t.Context(), l.store, store.Put(doc.Version(version), record), store.Put(doc.Active(), pointer))); err != nil {
		l.t.Fatal(err)
	}
}

// behind waits until an instance says why it does not run what is in force.
func (l *lab) behind(why string) {
	l.t.Helper()
	eventually(l.t, 5*time.Second, "a status that says "+why, func() bool {
		for _, i := range l.status() {
			if strings.Contains(i.Behind[l.database], why) {
				return true
			}
		}
		return false
	})
}

func TestInvalidInTheStore(t *testing.T) {
	l := newLab(t, env.Etcd.Endpoint())
	h := l.start("a", "")
	db := l.open(h)
	l.create(db)
	l.put(7, "database: "+l.database+"\ntables: {t: {kye: 1}}\n")
	l.behind("invalid version")
	if err := round(t.Context(), db, 1); err != nil {
		t.Errorf("with an invalid version in the store: %v", err)
	}
	if log := h.Log(); !strings.Contains(log, "invalid version") || !strings.Contains(log, "alarm") {
		t.Errorf("no alarm in the log:\n%s", log)
	}
	l.runs(l.apply(strings.Replace(l.rules(""), "  ds_0: {", "  ds_0: {pool: {max: 20}, ", 1)), 5*time.Second, "a")

	// Rules that move rows without a barrier are no better.
	l.put(20, l.rulesBy("ds_1: 0-8191\n  ds_0: 8192-16383", ""))
	l.behind("plain placement")
	if err := round(t.Context(), db, 2); err != nil {
		t.Errorf("with a plain change of placement in the store: %v", err)
	}
}

func TestPointerVanished(t *testing.T) {
	l := newLab(t, env.Etcd.Endpoint())
	h := l.start("a", "")
	db := l.open(h)
	l.create(db)
	doc := layout.Document{Kind: layout.Rules, Name: l.database}
	if err := store.Write(t.Context(), l.store, store.Delete(doc.Active())); err != nil {
		t.Fatal(err)
	}
	l.behind("pointer vanished")
	if err := round(t.Context(), db, 1); err != nil {
		t.Errorf("without a pointer: %v", err)
	}
	if !strings.Contains(h.Log(), "pointer vanished") {
		t.Error("no alarm in the log")
	}
}

func TestConflictOfTwoAppliers(t *testing.T) {
	l := newLab(t, env.Etcd.Endpoint())
	errs := make([]error, 2)
	var both sync.WaitGroup
	for i := range errs {
		a := l.administration(time.Second)
		both.Go(func() {
			text := l.rules("broadcast: [" + string(rune('x'+i)) + "]\n")
			_, errs[i] = a.Rules.Apply(t.Context(), admin.Application{Name: l.database, Document: []byte(text), Author: "test", Base: 1})
		})
	}
	both.Wait()
	failed := errors.Join(errs...)
	if errs[0] == nil == (errs[1] == nil) {
		t.Fatalf("one of two should have been made: %v", errs)
	}
	_, err := l.admin.Rules.Apply(t.Context(), admin.Application{Name: l.database, Document: []byte(l.rules("")), Author: "test", Base: 1})
	var conflict *admin.Conflict
	if !errors.As(err, &conflict) || conflict.Active.Version <= 1 {
		t.Fatalf("%v, then %v", failed, err)
	}
}

func TestRollback(t *testing.T) {
	l := newLab(t, env.Etcd.Endpoint())
	l.start("a", "")
	v := l.apply(strings.Replace(l.rules(""), "  ds_0: {", "  ds_0: {pool: {max: 20}, ", 1))
	l.runs(v, 5*time.Second, "a")
	if _, err := l.admin.Rules.Rollback(t.Context(), l.database, 1, "test", "", v); err != nil {
		t.Fatal(err)
	}
	l.runs(1, 5*time.Second, "a")
	v = l.apply(l.rules("  fresh: {key: id}\n"))
	if _, err := l.admin.Rules.Rollback(t.Context(), l.database, 1, "test", "", v); !errors.Is(err, admin.ErrPlacement) {
		t.Fatalf("a change of placement was rolled back: %v", err)
	}
	l.runs(v, 5*time.Second, "a")
}
