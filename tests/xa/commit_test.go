package xa

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/txn"
)

var lastTransfer int64

// transfer begins a transaction of one row on each of the shards given, in their order; wrote says which of them it writes.
func transfer(t testing.TB, m *txn.Manager, o txn.Options, on []int, wrote ...bool) (x *txn.Txn, branches []*branch, id int64) {
	t.Helper()
	lastTransfer++
	x, id = m.Begin(o), lastTransfer
	for i, shard := range on {
		b := connect(t, shard)
		if o.Implicit {
			b.run(t, "SET autocommit=0")
		}
		if err := x.Enlist(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		branches = append(branches, b)
		if len(wrote) > 0 && !wrote[i] {
			b.run(t, "SELECT bal FROM bank.acc WHERE id = 1 FOR UPDATE")
			x.Touched(b, false)
			continue
		}
		b.run(t, fmt.Sprintf("INSERT INTO bank.ledger VALUES (%d, %d)", id, i))
		x.Touched(b, true)
	}
	return x, branches, id
}

// there are the shards that have a transfer.
func there(t testing.TB, id int64) (on []int) {
	t.Helper()
	for i := range env.Shards {
		if ask(t, i, "SELECT 1 FROM bank.ledger WHERE t = "+strconv.FormatInt(id, 10)) != "" {
			on = append(on, i)
		}
	}
	return on
}

// TestCommit: every way in which branches can have written, over one to three shards, commits and rolls back whole.
func TestCommit(t *testing.T) {
	m := manager(nil)
	for n := 1; n <= 3; n++ {
		for bits := range 1 << n {
			on, wrote, written := []int{}, []bool{}, []int{}
			for i := range n {
				on, wrote = append(on, i), append(wrote, bits>>i&1 == 1)
				if wrote[i] {
					written = append(written, i)
				}
			}
			x, _, id := transfer(t, m, txn.Options{}, on, wrote...)
			if err := x.Commit(t.Context()); err != nil || len(x.Undelivered()) > 0 {
				t.Errorf("%v: %v, undelivered %v", wrote, err, x.Undelivered())
			}
			if got := there(t, id); !slices.Equal(got, written) {
				t.Errorf("%v: committed on %v", wrote, got)
			}
			x, _, id = transfer(t, m, txn.Options{}, on, wrote...)
			if err := x.Rollback(t.Context()); err != nil {
				t.Errorf("%v: %v", wrote, err)
			}
			if got := there(t, id); len(got) > 0 {
				t.Errorf("%v: rolled back, and there on %v", wrote, got)
			}
		}
	}
	clean(t)
}

// TestBegin: each characteristic of a transaction holds in its XA branches too.
func TestBegin(t *testing.T) {
	for _, o := range []txn.Options{
		{Implicit: true}, {Isolation: "SERIALIZABLE"}, {Isolation: "READ COMMITTED", ReadWrite: true}, {Implicit: true, Isolation: "SERIALIZABLE"},
	} {
		x, b, id := transfer(t, manager(nil), o, []int{0, 1, 2})
		if o.Isolation == "SERIALIZABLE" { // a read locks: nobody else can write what it has seen
			b[2].run(t, "SELECT bal FROM bank.acc WHERE id = 7")
			other := connect(t, 2)
			other.run(t, "SET innodb_lock_wait_timeout=0")
			if e := sqlerr.As(other.Exec(t.Context(), "UPDATE bank.acc SET bal = bal WHERE id = 7")); e == nil || e.Code != 1205 {
				t.Errorf("%+v: what a branch has read can be written: %v", o, e)
			}
		}
		if err := x.Commit(t.Context()); err != nil || len(there(t, id)) != 3 {
			t.Errorf("%+v: %v, there on %v", o, err, there(t, id))
		}
	}
	x, b, _ := transfer(t, manager(nil), txn.Options{Snapshot: true}, []int{0, 1})
	connect(t, 1).run(t, "UPDATE bank.acc SET bal = 555 WHERE id = 50")
	if got := b[1].query(t, "SELECT bal FROM bank.acc WHERE id = 50"); got != 100 {
		t.Errorf("a branch WITH CONSISTENT SNAPSHOT sees %d, which was written after", got)
	}
	if err := x.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	connect(t, 1).run(t, "UPDATE bank.acc SET bal = 100 WHERE id = 50")
	clean(t)
}

func TestSavepoints(t *testing.T) {
	x, b, id := transfer(t, manager(nil), txn.Options{}, []int{0, 1})
	ctx := t.Context()
	if err := x.Savepoint(ctx, "`s`"); err != nil {
		t.Fatal(err)
	}
	c := connect(t, 2)
	if err := x.Enlist(ctx, c); err != nil {
		t.Fatal(err)
	}
	c.run(t, fmt.Sprintf("INSERT INTO bank.ledger VALUES (%d, 2)", id))
	b[1].run(t, fmt.Sprintf("UPDATE bank.ledger SET delta = 77 WHERE t = %d", id))
	if err := errors.Join(x.RollbackTo(ctx, "`s`"), x.Commit(ctx)); err != nil {
		t.Fatal(err)
	}
	if on := there(t, id); !slices.Equal(on, []int{0, 1}) || ask(t, 1, fmt.Sprintf("SELECT delta FROM bank.ledger WHERE t = %d", id)) != "1" {
		t.Errorf("ROLLBACK TO left it on %v", on)
	}
	clean(t)
}

// deadlocked is a transaction over two shards whose branch on the second is a deadlock's victim.
func deadlocked(t *testing.T) (x *txn.Txn, b []*branch, id int64) {
	t.Helper()
	ctx := t.Context()
	x, b, id = transfer(t, manager(nil), txn.Options{}, []int{0, 1})
	b[1].run(t, "UPDATE bank.acc SET bal = bal + 1 WHERE id = 1")
	other := connect(t, 1)
	other.run(t, "BEGIN")
	other.run(t, "UPDATE bank.acc FORCE INDEX (PRIMARY) SET bal = bal + 1 WHERE id BETWEEN 2 AND 90") // it has done more, and is spared
	waits := make(chan error, 1)
	go func() { waits <- other.Exec(ctx, "UPDATE bank.acc SET bal = bal + 1 WHERE id = 1") }()
	for ask(t, 1, "SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'") == "0" {
		<-time.After(120 * time.Millisecond) // a server that is asked more often shows an old list
	}
	err := b[1].Exec(ctx, "UPDATE bank.acc SET bal = bal + 1 WHERE id = 2")
	if e := sqlerr.As(err); e == nil || e.Code != sqlerr.CodeDeadlock {
		t.Fatalf("no deadlock: %v", err)
	}
	if err := errors.Join(<-waits, other.Exec(ctx, "ROLLBACK")); err != nil {
		t.Error(err)
	}
	return x, b, id
}

// TestVictim: a branch that was a deadlock's victim, one that is in the way of a lock, and one whose server ends its connection: all
// is rolled back.
func TestVictim(t *testing.T) {
	ctx := t.Context()
	x, b, id := deadlocked(t)
	if err := x.Rollback(ctx); err != nil {
		t.Error(err)
	}
	if on := there(t, id); len(on) > 0 || !b[1].Alive() {
		t.Errorf("there on %v", on)
	}

	// Servers, MySQL's too, set a savepoint in what is left of a victim. That makes no transaction of it: what it had done is not committed.
	x, b, id = deadlocked(t)
	b[1].run(t, "SAVEPOINT s")
	if aborted, ok := errors.AsType[*txn.AbortedError](x.Commit(ctx)); !ok || aborted.Lost || aborted.DataSource != b[1].name || len(there(t, id)) > 0 {
		t.Errorf("a victim with a savepoint: %v, there on %v", aborted, there(t, id))
	}

	x, b, id = transfer(t, manager(nil), txn.Options{}, []int{0, 1, 2})
	if _, err := control[2].ExecContext(ctx, fmt.Sprintf("KILL %d", b[2].id)); err != nil {
		t.Fatal(err)
	}
	aborted, ok := errors.AsType[*txn.AbortedError](x.Commit(ctx))
	if !ok || !aborted.Lost || !errors.Is(aborted, txn.ErrLost) || aborted.DataSource != b[2].name || len(there(t, id)) > 0 {
		t.Errorf("%v, there on %v", aborted, there(t, id))
	}
	clean(t)
}

// TestHomeEndedUnnoticed: where home's transaction has ended behind Heddle's back, nothing is committed: what it had locked is not locked any more, what it had written not there. That
// is so where home has only read, where it is the only one that has written, and where it decides.
func TestHomeEndedUnnoticed(t *testing.T) {
	for _, wrote := range [][]bool{{false, true}, {true, false}, {true, true}, {false, true, true}} {
		x, branches, id := transfer(t, manager(nil), txn.Options{}, []int{0, 1, 2}[:len(wrote)], wrote...)
		branches[0].run(t, "ROLLBACK")
		err := x.Commit(t.Context())
		if aborted, ok := errors.AsType[*txn.AbortedError](err); !ok || !aborted.OfGuard() || aborted.DataSource != env.Shards[0].Name() {
			t.Errorf("%v: a COMMIT when home has lost what it did: %v", wrote, err)
		}
		if got := there(t, id); len(got) > 0 {
			t.Errorf("%v: it is there on %v", wrote, got)
		}
		for _, b := range branches {
			b.Discard()
		}
	}
	clean(t)
}

// TestHomeIsElsewhere: where home's transaction has ended unnoticed, nothing is decided on its connection.
func TestHomeIsElsewhere(t *testing.T) {
	x, b, id := transfer(t, manager(nil), txn.Options{}, []int{0, 1})
	if err := errors.Join(x.Savepoint(t.Context(), "`s`"), x.RollbackTo(t.Context(), "`s`"), x.Release(t.Context(), "`s`")); err != nil {
		t.Fatal(err)
	}
	b[0].run(t, "ROLLBACK")
	aborted, ok := errors.AsType[*txn.AbortedError](x.Commit(t.Context()))
	if !ok || aborted.DataSource != b[0].name || len(there(t, id)) > 0 {
		t.Errorf("%v, on %v", aborted, there(t, id))
	}
	if ask(t, 0, "SELECT verdict FROM heddle_mesh.txn_decision WHERE gtrid = '"+x.GTRID()+"'") != "A" {
		t.Error("it is not decided that it is aborted")
	}
	clean(t)
}

// TestOneShardIsLeftAlone: a transaction that stays on one shard is, to its server, the one that it is in mode LOCAL.
func TestOneShardIsLeftAlone(t *testing.T) {
	for _, s := range []string{"SET GLOBAL log_output = 'TABLE'", "SET GLOBAL general_log = 1"} {
		if _, err := control[0].ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	saw := func(x *txn.Txn) (statements string) {
		b := connect(t, 0)
		if err := x.Enlist(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		b.run(t, "UPDATE bank.acc SET bal = bal + 0 WHERE id = 3")
		x.Touched(b, true)
		if err := x.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		return ask(t, 0, fmt.Sprintf("SELECT GROUP_CONCAT(argument ORDER BY event_time SEPARATOR '|') FROM mysql.general_log WHERE thread_id = %d AND command_type = 'Query'", b.id))
	}
	local, xa := saw(txn.New(txn.Options{})), saw(manager(nil).Begin(txn.Options{}))
	if local != xa || !strings.Contains(xa, "START TRANSACTION|UPDATE") {
		t.Errorf("LOCAL: %s\nXA:    %s", local, xa)
	}
	if _, err := control[0].ExecContext(t.Context(), "SET GLOBAL general_log = 0"); err != nil {
		t.Fatal(err)
	}
}

// TestFsyncs: N shards that are written cost 2N-1 waits for a disk, one costs one. MySQL waits three times for a branch: 3N-2. Shards that are only read,
// with locks, cost none, however many they are.
func TestFsyncs(t *testing.T) {
	const times = 40
	count := func() (n int) {
		for i := range env.Shards {
			v, err := strconv.Atoi(ask(t, i, "SELECT VARIABLE_VALUE FROM "+by("information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'INNODB_DATA_FSYNCS'", "performance_schema.global_status WHERE VARIABLE_NAME = 'Innodb_os_log_fsyncs'")))
			if err != nil {
				t.Fatal(err)
			}
			n += v
		}
		return n
	}
	m := manager(nil)
	for _, c := range []struct {
		on    []int
		wrote []bool
	}{
		{[]int{0}, []bool{true}}, {[]int{0, 1}, []bool{true, true}}, {[]int{0, 1, 2}, []bool{true, true, true}},
		{[]int{0, 1}, []bool{true, false}}, {[]int{0, 1, 2}, []bool{true, false, false}}, {[]int{0, 1, 2}, []bool{false, true, false}},
		{[]int{0, 1, 2}, []bool{true, true, false}}, {[]int{0, 1, 2}, []bool{false, false, false}},
	} {
		n := 0
		for _, wrote := range c.wrote {
			if wrote {
				n++
			}
		}
		want, textbook := max(0, 2*n-1), 2*len(c.on)+1
		if onMySQL {
			want, textbook = max(0, 3*n-2), 3*len(c.on)+1
		}
		waits := make([]int, times) // of each; a server also waits for its disk now and then by itself
		for i := range waits {
			x, _, _ := transfer(t, m, txn.Options{}, c.on, c.wrote...)
			before := count()
			if err := x.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			waits[i] = count() - before
		}
		slices.Sort(waits)
		t.Logf("%d shards, %d written: %d fsyncs, where each is prepared %d", len(c.on), n, waits[times/2], textbook)
		if waits[0] != want || waits[times/2] != want {
			t.Errorf("%d shards, written %v: %d fsyncs, want %d", len(c.on), c.wrote, waits, want)
		}
	}
	clean(t)
}
