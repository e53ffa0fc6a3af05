package differential

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// xaSession is one of two sessions, as the machine of a client's XA has it.
type xaSession struct {
	state xa.ClientState
	name  string // of its transaction
	begun bool   // it is in another transaction, of BEGIN
	// manual is autocommit off, and nothing done since.
	manual, locked bool // locked: it has locked its table
}

// xaWorld is two sessions on one database.
type xaWorld struct {
	of [2]xaSession
	// free are the names that are prepared and no session's, on MySQL.
	free [2]bool
}

// xaStep is a statement of one of them.
type xaStep struct {
	of  int
	sql string
	// what it is to the machine; plain: nothing of XA
	verb  xa.ClientVerb
	name  string
	plain bool
}

var (
	xaNames  = []string{"x", "y"}
	xaTables = [2]string{"s1", "s2"}    // each session's own: neither waits for the other
	xaKept   = [2]string{"s3", "users"} // each name's own: nor for what is prepared
)

const offAutocommit = "SET autocommit = 0"

// fits leaves out what begins a transaction where autocommit is off, and turning it off in one.
func (w xaWorld) fits(st xaStep) bool {
	me := w.of[st.of]
	return !st.plain || strings.HasPrefix(st.sql, "XA") || !me.manual && (st.sql != offAutocommit || me.state == xa.NonExisting && !me.begun && !me.locked)
}

// xaSteps are all statements that are tried: of XA, with two names, and of what else a session may be in.
func xaSteps(of int) (steps []xaStep) {
	for _, name := range xaNames {
		for verb, form := range []string{"XA START '%s'", "XA START '%s' JOIN", "XA START '%s' RESUME", "XA END '%s'", "XA END '%s' SUSPEND", "XA PREPARE '%s'", "XA COMMIT '%s'",
			"XA COMMIT '%s' ONE PHASE", "XA ROLLBACK '%s'"} {
			steps = append(steps, xaStep{of, fmt.Sprintf(form, name), xa.ClientVerb(verb), name, false})
		}
	}
	for _, sql := range []string{"XA RECOVER", "XA RECOVER FORMAT='SQL'", "BEGIN", "COMMIT", "ROLLBACK", "UPDATE %s SET v = v + 1 WHERE id = 1", "UPDATE %s SET v = v + 1",
		"SELECT id, v FROM %s ORDER BY id", "SELECT @@in_transaction", "SAVEPOINT s", "ROLLBACK TO s", "DROP TABLE IF EXISTS notes", "LOCK TABLES %s READ", "UNLOCK TABLES", offAutocommit} {
		if strings.Contains(sql, "%") {
			sql = fmt.Sprintf(sql, xaTables[of])
		}
		steps = append(steps, xaStep{of: of, sql: sql, plain: true})
	}
	return steps
}

// differs leaves out worlds in which the first session is answered as in others: of the second one's transaction it matters what its name is, and whether it
// is prepared; and the names may change places.
func (w xaWorld) differs() bool {
	me, other := w.of[0], w.of[1]
	return !other.begun && !other.locked && !other.manual && (me.state == xa.NonExisting || me.name == xaNames[0] && !me.manual) &&
		(other.state == xa.NonExisting || other.state == xa.ClientPrepared || other.state == xa.ClientActive && other.name == xaNames[0])
}

// after is what becomes of the sessions, and the number of the error that the machine expects; 0: none.
func (w xaWorld) after(st xaStep) (next xaWorld, code uint16) {
	me, other := &w.of[st.of], w.of[1-st.of]
	name := slices.Index(xaNames, st.name)
	move, state := me.state.Take(xa.ClientStatement{Verb: st.verb, Same: me.state != xa.NonExisting && me.name == st.name, Within: me.begun || me.state != xa.NonExisting, Manual: me.manual, Locked: me.locked, MySQL: lab.mysql})
	elsewhere := other.state != xa.NonExisting && other.name == st.name || w.free[name]
	switch move {
	case xa.RefuseState:
		return w, 1399
	case xa.RefuseArgument:
		return w, 1398
	case xa.CommitOther, xa.RollbackOther:
		if !w.free[name] { // or, on MariaDB, the other's connection lives
			return w, 1397
		}
		w.free[name] = false
		return w, 0
	case xa.RefuseName:
		return w, 1397
	case xa.RefuseOutside:
		return w, 1400
	case xa.OpenClient:
		if elsewhere {
			return w, 1440
		}
		me.name = st.name
	case xa.KeepClient:
		w.free[name] = state == xa.NonExisting
	}
	if me.state = state; state == xa.NonExisting {
		me.name = ""
	}
	return w, 0
}

// plainAfter is the same for what is not of XA, as far as it has to do with it.
func (w xaWorld) plainAfter(st xaStep) (next xaWorld) {
	me := &w.of[st.of]
	if me.state != xa.NonExisting || me.manual {
		return w
	}
	switch {
	case st.sql == "BEGIN":
		me.begun, me.locked = true, false
	case strings.HasPrefix(st.sql, "LOCK"):
		me.begun, me.locked = false, true
	case st.sql == "COMMIT", st.sql == "ROLLBACK", strings.HasPrefix(st.sql, "DROP") && !me.locked:
		me.begun = false
	case st.sql == "UNLOCK TABLES":
		me.locked = false
	case st.sql == offAutocommit:
		me.manual = true
	}
	return w
}

// xaWays are the worlds that statements lead to, each with the shortest way; the sessions write when their transactions have begun: all of the shards, or one.
func xaWays(depth int, one bool) map[xaWorld][]xaStep {
	ways := map[xaWorld][]xaStep{{}: nil}
	layer := []xaWorld{{}}
	for range depth {
		var next []xaWorld
		for _, w := range layer {
			for of := range w.of {
				for _, st := range xaSteps(of) {
					if !w.fits(st) {
						continue
					}
					way := append(slices.Clone(ways[w]), st)
					to := w.plainAfter(st)
					if !st.plain {
						var code uint16
						if to, code = w.after(st); code != 0 {
							continue
						}
					}
					if _, known := ways[to]; known {
						continue
					}
					if to.of[of].state == xa.ClientActive && w.of[of].state == xa.NonExisting {
						way = append(way, xaWrite(of, st.name, one))
					}
					ways[to] = way
					next = append(next, to)
				}
			}
		}
		layer = next
	}
	return ways
}

// xaWrite is what a session writes when its transaction has begun: all of the rows, or one.
func xaWrite(of int, name string, one bool) xaStep {
	sql := "UPDATE " + xaKept[slices.Index(xaNames, name)] + " SET v = v + 1"
	if one {
		sql += " WHERE id = 1"
	}
	return xaStep{of: of, sql: sql, plain: true}
}

const xaRows = " VALUES (1,1),(2,2),(3,3),(4,4),(5,5),(6,6),(7,7),(8,8)"

// TestClientXAStates: in every state that two sessions can come to by XA statements of two names, and by BEGIN, each statement that one of them can say is
// answered as by one server, and as the machine says (package xa), over one shard and over several; and so is what it leads to.
func TestClientXAStates(t *testing.T) {
	for _, layout := range []string{"a4", "b4"} {
		if lab.heddles[layout] == nil {
			continue
		}
		t.Run(layout, func(t *testing.T) {
			for _, s := range []Side{lab.plain, side(layout)} {
				prime := []string{"DROP TABLE IF EXISTS notes"}
				for _, table := range slices.Concat(xaTables[:], xaKept[:]) {
					prime = append(prime, "DROP TABLE IF EXISTS "+table, "CREATE TABLE "+table+" (id BIGINT NOT NULL PRIMARY KEY, v INT)", "INSERT INTO "+table+xaRows)
				}
				if err := s.primeIn(t.Context(), Schema, prime); err != nil {
					t.Fatal(err)
				}
			}
			defer func() { // other topics list what is there
				for _, s := range []Side{lab.plain, side(layout)} {
					if err := s.primeIn(context.WithoutCancel(t.Context()), Schema, []string{"DROP TABLE s1, s2, s3, users"}); err != nil {
						t.Error(err)
					}
				}
			}()
			tried := 0
			for _, one := range []bool{true, false} {
				for w, way := range xaWays(7, one) {
					if !w.differs() || one && w.of[1].state != xa.NonExisting {
						continue
					}
					tried += tryXA(t, layout, w, way)
					if t.Failed() {
						return
					}
				}
			}
			t.Logf("%d statements in all states", tried)
		})
	}
}

// tryXA goes to a world and has the first session say each statement there; what changes the world is gone back from.
func tryXA(t *testing.T, layout string, w xaWorld, way []xaStep) (tried int) {
	t.Helper()
	opts := ConnOptions{Schema: Schema}
	r := &xaRun{t: t, plain: lab.plain.Clients(opts), heddle: side(layout).Clients(opts), comparer: &Comparer{Spread: true}}
	defer r.close()
	r.walk(way)
	for _, st := range xaSteps(0) {
		if !w.fits(st) {
			continue
		}
		next, code := w.plainAfter(st), uint16(0)
		if !st.plain {
			next, code = w.after(st)
		}
		got := r.say(st)
		tried++
		if !st.plain && codeOf(got) != code {
			t.Errorf("%s: answered %d, and the machine says %d", r, codeOf(got), code)
		}
		if t.Failed() {
			return tried
		}
		if next != w {
			r.leave(next)
			r.walk(way)
		}
	}
	r.leave(w)
	r.compare()
	return tried
}

func codeOf(e *sqlerr.Error) uint16 {
	if e == nil {
		return 0
	}
	return e.Code
}

// xaRun is a walk over both sides.
type xaRun struct {
	t             *testing.T
	plain, heddle *Clients
	comparer      *Comparer
	path          []xaStep
}

func (r *xaRun) close() {
	r.plain.Close()
	r.heddle.Close()
}

// String is what was said, for a failure.
func (r *xaRun) String() string {
	var b strings.Builder
	for _, st := range r.path {
		fmt.Fprintf(&b, "%c: %s; ", 'a'+st.of, st.sql)
	}
	return b.String()
}

func (r *xaRun) walk(way []xaStep) {
	r.t.Helper()
	r.path = nil
	for _, st := range way {
		r.say(st)
	}
}

// say puts a statement to both sides and compares the answers.
func (r *xaRun) say(st xaStep) *sqlerr.Error {
	r.t.Helper()
	r.path = append(r.path, st)
	step := &Step{SQL: st.sql, On: string(rune('a' + st.of))}
	want, err := r.plain.Play(r.t.Context(), step, Text)
	if err != nil {
		r.t.Fatalf("%s: plain server: %v", r, err)
	}
	got, err := r.heddle.Play(r.t.Context(), step, Text)
	if err != nil {
		r.t.Fatalf("%s: heddle: %v", r, err)
	}
	for i := range want {
		for _, d := range r.comparer.Compare(step, want[i], got[i], nil) {
			r.t.Errorf("%s: %s", r, d)
		}
	}
	return want[len(want)-1].Err()
}

// leave ends all that the sessions have begun.
func (r *xaRun) leave(w xaWorld) {
	r.t.Helper()
	for of, s := range w.of {
		if s.state == xa.ClientActive {
			r.say(xaStep{of: of, sql: "XA END '" + s.name + "'"})
		}
		if s.state != xa.NonExisting {
			r.say(xaStep{of: of, sql: "XA ROLLBACK '" + s.name + "'"})
		}
		for end, needed := range map[string]bool{"ROLLBACK": s.begun, "UNLOCK TABLES": s.locked, "SET autocommit = 1": s.manual} {
			if needed {
				r.say(xaStep{of: of, sql: end})
			}
		}
	}
	for i, free := range w.free {
		if free {
			r.say(xaStep{sql: "XA ROLLBACK '" + xaNames[i] + "'"})
		}
	}
}

// compare compares what is there.
func (r *xaRun) compare() {
	r.t.Helper()
	for _, table := range slices.Concat(xaTables[:], xaKept[:]) {
		r.say(xaStep{sql: "SELECT id, v FROM " + table + " ORDER BY id"})
	}
}
