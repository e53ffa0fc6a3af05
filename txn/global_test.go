package txn

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// spread begins a transaction over data sources a, b …, which wrote as said: w, r, or - where nobody has said.
func spread(t *testing.T, o Options, wrote string) (*Txn, []*fakeBranch) {
	t.Helper()
	s := NewShards()
	m := NewManager(Config{Cluster: 1, Shards: s})
	m.epoch = 3
	x := m.Begin(o)
	var branches []*fakeBranch
	for i, w := range wrote {
		b := &fakeBranch{name: string(rune('a' + i)), fail: map[string]error{}}
		s.Set(b.name, &txnlog.Server{DataSource: b.name, Log: xa.Log(i + 10), DB: sql.OpenDB(silent{})}, nil)
		if err := x.Enlist(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if w != '-' {
			x.Touched(b, w == 'w')
		}
		branches = append(branches, b)
	}
	for _, b := range branches {
		b.log = nil
	}
	return x, branches
}

// said is what the branches were told, with the names of the XIDs made short.
func said(branches []*fakeBranch) string {
	var out []string
	for _, b := range branches {
		out = append(out, strings.Join(b.log, "; "))
	}
	r := strings.NewReplacer("h1-0001-0000000a-000000000003-0000000001", "G", "0000000a", "A", "0000000b", "B", "0000000c", "C", ",26724", "")
	return r.Replace(strings.Join(out, " | "))
}

// TestPackets: what servers are told, for each shape of a transaction.
func TestPackets(t *testing.T) {
	const (
		mark     = "INSERT INTO heddle_mesh.txn_mark (gtrid, branch) VALUES (_binary'G',_binary'%[1]s'); XA END 'G','%[1]s-7-7'; XA PREPARE 'G','%[1]s-7-7'; XA COMMIT 'G','%[1]s-7-7'"
		released = "RELEASE SAVEPOINT `heddle txn`; "
		decide   = released + "INSERT INTO heddle_mesh.txn_decision (gtrid, verdict, parts, home) VALUES (_binary'G',_binary'C',_binary'%s',7); COMMIT"
		reads    = "XA END 'G','%[1]s-7-7'; XA COMMIT 'G','%[1]s-7-7' ONE PHASE"
	)
	for _, c := range []struct{ wrote, want string }{
		{"w", "COMMIT"},
		{"r", "COMMIT"},
		{"wr", released + "COMMIT | " + fmt.Sprintf(reads, "B")},
		{"rw", released + "COMMIT | " + fmt.Sprintf(reads, "B")},
		{"rr", "COMMIT | " + fmt.Sprintf(reads, "B")},
		{"ww", fmt.Sprintf(decide, "B") + " | " + fmt.Sprintf(mark, "B")},
		{"--", fmt.Sprintf(decide, "B") + " | " + fmt.Sprintf(mark, "B")},
		{"www", fmt.Sprintf(decide, "B,C") + " | " + fmt.Sprintf(mark, "B") + " | " + fmt.Sprintf(mark, "C")},
		{"wrw", fmt.Sprintf(decide, "C") + " | " + fmt.Sprintf(reads, "B") + " | " + fmt.Sprintf(mark, "C")},
		{"rww", fmt.Sprintf(decide, "B,C") + " | " + fmt.Sprintf(mark, "B") + " | " + fmt.Sprintf(mark, "C")},
	} {
		x, branches := spread(t, Options{}, c.wrote)
		if err := x.Commit(t.Context()); err != nil || said(branches) != c.want || x.Spread() != (len(c.wrote) > 1) {
			t.Errorf("%s: %v\n got %s\nwant %s", c.wrote, err, said(branches), c.want)
		}
		x, branches = spread(t, Options{}, c.wrote)
		if err := x.Rollback(t.Context()); err != nil || !strings.HasPrefix(said(branches), "ROLLBACK") {
			t.Errorf("%s: ROLLBACK is %s (%v)", c.wrote, said(branches), err)
		}
	}
	x, branches := spread(t, Options{ReadOnly: true}, "rr")
	if err := x.Commit(t.Context()); err != nil || x.Spread() || said(branches) != "COMMIT | COMMIT" {
		t.Errorf("READ ONLY: %s (%v)", said(branches), err)
	}
}

// silent is a server that does not answer recovery.
type silent struct{}

func (silent) Connect(context.Context) (driver.Conn, error) {
	return nil, errors.New("it does not answer")
}

func (silent) Driver() driver.Driver { return nil }

func TestXABranchBegins(t *testing.T) {
	s := NewShards()
	for i, name := range []string{"a", "b"} {
		s.Set(name, &txnlog.Server{DataSource: name, Log: xa.Log(i)}, nil)
	}
	x := NewManager(Config{Shards: s}).Begin(Options{Isolation: "SERIALIZABLE", ReadWrite: true, Snapshot: true})
	a, b := &fakeBranch{name: "a"}, &fakeBranch{name: "b"}
	err := errors.Join(x.Enlist(t.Context(), a), x.Savepoint(t.Context(), "`s`"), x.Enlist(t.Context(), b))
	if err != nil {
		t.Fatal(err)
	}
	xid := "'" + x.GTRID() + "','00000001-7-7',26724"
	b.want(t, "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SET TRANSACTION READ WRITE", "XA START "+xid,
		"SELECT 1 FROM heddle_mesh.txn_log LIMIT 1", "SAVEPOINT `s`")
	if err := errors.Join(x.RollbackTo(t.Context(), "`s`"), x.Release(t.Context(), "`s`")); err != nil {
		t.Fatal(err)
	}
	a.want(t, "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ WRITE", "SAVEPOINT `s`",
		"SAVEPOINT `heddle txn`", "ROLLBACK TO SAVEPOINT `s`", "SAVEPOINT `heddle txn`", "RELEASE SAVEPOINT `s`", "SAVEPOINT `heddle txn`")
}

// several begins a transaction of type XA on data sources at the same time; the first is home where home is not there yet.
func several(t *testing.T, x *Txn, shards *Shards, branches ...*fakeBranch) error {
	t.Helper()
	var all []Branch
	for i, b := range branches {
		shards.Set(b.name, &txnlog.Server{DataSource: b.name, Log: xa.Log(i + 10 + 10*len(x.Branches()))}, nil)
		all = append(all, b)
	}
	return x.EnlistAll(t.Context(), all)
}

// TestXABranchesBeginTogether: home and the others, each in one packet, while none of them has answered.
func TestXABranchesBeginTogether(t *testing.T) {
	shards := NewShards()
	x := NewManager(Config{Cluster: 1, Shards: shards}).Begin(Options{})
	var together sync.WaitGroup
	together.Add(3)
	var branches []*fakeBranch
	for _, name := range []string{"a", "b", "c"} {
		b := &fakeBranch{name: name}
		b.refuse = func(sql string) error {
			if strings.HasPrefix(sql, "XA START") || sql == "START TRANSACTION" {
				together.Done()
				together.Wait()
			}
			return nil
		}
		branches = append(branches, b)
	}
	if err := several(t, x, shards, branches...); err != nil || len(x.Branches()) != 3 || !x.Spread() {
		t.Fatalf("%v, %v", x.Branches(), err)
	}
	branches[0].want(t, "START TRANSACTION", "SAVEPOINT `heddle txn`")
	for _, b := range branches {
		x.Touched(b, true)
		b.log = nil
	}
	if err := x.Commit(t.Context()); err != nil || !strings.HasPrefix(branches[0].log[0], "RELEASE SAVEPOINT") || !strings.HasPrefix(branches[2].log[2], "XA PREPARE") {
		t.Errorf("%v: %v", err, branches[0].log)
	}
}

// TestOneOfSeveralXABranchesCannotBegin: it is undone, and the others are there to be rolled back. Without home there is nothing.
func TestOneOfSeveralXABranchesCannotBegin(t *testing.T) {
	refused, none := sqlerr.New(1440, "XAE08", "duplicate"), sqlerr.New(1178, "42000", "no savepoints")
	for _, c := range []struct {
		fails, statement string
		with             error
		there            string
	}{
		{"b", "XA START", refused, "a c"},
		{"a", "START TRANSACTION", refused, ""},
		{"a", "SAVEPOINT", refused, ""},
		{"a", "SAVEPOINT", none, "a b c"}, // an engine without: home is not guarded
	} {
		shards := NewShards()
		x := NewManager(Config{Cluster: 1, Shards: shards}).Begin(Options{})
		var branches []*fakeBranch
		for _, name := range []string{"a", "b", "c"} {
			b := &fakeBranch{name: name}
			b.refuse = func(sql string) error {
				if name == c.fails && strings.HasPrefix(sql, c.statement) {
					return c.with
				}
				return nil
			}
			branches = append(branches, b)
		}
		err := several(t, x, shards, branches...)
		var there []string
		for _, b := range x.Branches() {
			there = append(there, b.DataSource())
		}
		if wanted := c.there != "a b c"; (err != nil) != wanted || wanted && !errors.Is(err, c.with) || strings.Join(there, " ") != c.there || x.Spread() != (c.there != "") {
			t.Errorf("%+v: %v, on %v", c, err, there)
		}
		for _, b := range branches[1:] {
			if undone := strings.Contains(strings.Join(b.log, ";"), "XA ROLLBACK"); undone == slices.Contains(there, b.name) {
				t.Errorf("%+v: %s ran %q", c, b.name, b.log)
			}
		}
		if err := x.Rollback(t.Context()); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestStatementsAreKept: what further branches do goes with the decision, as far as it is not undone and not too much; home's does not.
func TestStatementsAreKept(t *testing.T) {
	x, branches := spread(t, Options{}, "ww")
	x.manager.cfg.KeepStatements = true
	x.manager.cfg.Shards.Server("a").Keeps = true
	ran := func(b *fakeBranch, text string, rows uint64) {
		x.Touched(b, true)
		x.Sending(b, Statement{Text: text, Settings: "a=1"})
		x.Ran(b, Effect{Rows: int64(rows)})
	}
	ran(branches[0], "UPDATE home", 1)
	ran(branches[1], "UPDATE one", 3)
	if err := x.Savepoint(t.Context(), "`s`"); err != nil {
		t.Fatal(err)
	}
	ran(branches[1], "UPDATE undone", 1)
	if err := x.RollbackTo(t.Context(), "`S`"); err != nil { // as servers compare names
		t.Fatal(err)
	}
	x.Sending(branches[1], Statement{Text: "UPDATE unanswered", Schema: "shop", Settings: "a=1", Once: "b=2", Unsafe: "no"})
	x.Sending(branches[1], Statement{Text: "UPDATE failed"})
	x.Refused(branches[1])
	x.Touched(branches[1], true) // and nobody has said with what
	ran(branches[1], strings.Repeat("x", keptBytes), 9)
	branches[0].log = nil
	if err := x.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("INSERT INTO heddle_mesh.txn_statement (gtrid, n, branch, text, changed, first_id, in_schema, settings, once, unsafe) VALUES "+
		"(_binary'G',0,_binary'B',x'%x',3,0,x'',x'%x',x'',x''),(_binary'G',1,_binary'B',x'%x',NULL,0,x'%x',NULL,x'%x',x'%x'),(_binary'G',2,_binary'B',x'',2,0,x'',x'',x'',x'')",
		"UPDATE one", "a=1", "UPDATE unanswered", "shop", "b=2", "no")
	if got := strings.Split(said(branches[:1]), "; "); len(got) != 4 || got[2] != want || got[3] != "COMMIT" {
		t.Errorf("the decision's packet is %q, want in it %s", got, want)
	}
	for _, off := range []func(x *Txn){
		func(x *Txn) { x.manager.cfg.KeepStatements = false },
		func(x *Txn) { x.manager.cfg.Shards.Server("a").Keeps = false },
	} {
		x, branches := spread(t, Options{}, "ww")
		x.manager.cfg.KeepStatements, x.manager.cfg.Shards.Server("a").Keeps = true, true
		off(x)
		ran(branches[1], "UPDATE one", 3)
		x.Sending(branches[1], Statement{Text: "UPDATE two"})
		if err := x.Commit(t.Context()); err != nil || strings.Contains(said(branches), "txn_statement") {
			t.Errorf("%v: %s", err, said(branches))
		}
	}
}

// TestAborts: what a client is told, and that no connection is kept of which it is not known that it has rolled back.
func TestAborts(t *testing.T) {
	refused, gone := sqlerr.New(1114, "HY000", "The table is full"), unsent{errors.New("gone")}
	for _, c := range []struct {
		name   string
		branch int
		fail   string // the beginning of a statement
		with   error
		dies   bool
		is     error
		lost   bool
		drops  bool
	}{
		{"a mark is refused", 1, "INSERT", refused, false, refused, false, false},
		{"a PREPARE is refused", 1, "XA PREPARE", refused, false, refused, false, false},
		{"… and its rollback", 1, "XA", refused, false, refused, false, true},
		{"a connection has gone", 1, "INSERT", gone, true, ErrLost, true, true},
		{"a connection goes", 1, "XA PREPARE", errors.New("eof"), true, ErrLost, true, true},
		{"home has gone", 0, "INSERT", gone, true, ErrLost, true, true},
	} {
		x, branches := spread(t, Options{}, "www")
		b := branches[c.branch]
		b.refuse = func(sql string) error {
			if strings.HasPrefix(sql, c.fail) {
				b.dead = b.dead || c.dies
				return c.with
			}
			return nil
		}
		err := x.Commit(t.Context())
		aborted, ok := errors.AsType[*AbortedError](err)
		if !ok || !errors.Is(err, c.is) || aborted.Lost != c.lost || aborted.DataSource != b.name || b.dead != c.drops {
			t.Errorf("%s: %v (dropped %v)", c.name, err, b.dead)
		}
		for _, other := range branches {
			if s := strings.Join(other.log, ";"); other != b && !strings.Contains(s, "ROLLBACK") || strings.Contains(s, "COMMIT") && !strings.Contains(s, "INSERT") {
				t.Errorf("%s: %s ran %s", c.name, other.name, s)
			}
		}
	}
}
