package session

import (
	"cmp"
	"context"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
)

// The planner's reasons to keep a connection that can be seen to go.
const (
	getLockPin   = "GET_LOCK"
	temporaryPin = "temporary table"
)

// maxPossessions is how many names are followed. A session that takes more keeps its connection.
const maxPossessions = 4096

// possessions are what a connection is pinned for, as far as its statements tell names: never fewer than there are,
// unless it is vague. A pin whose possessions are vague stays until the session ends or is reset.
type possessions struct {
	names map[string]bool
	vague bool
}

func (p *possessions) add(name string) {
	if len(p.names) == maxPossessions && !p.names[name] {
		p.vague = true
		return
	}
	if p.names == nil {
		p.names = map[string]bool{}
	}
	p.names[name] = true
}

// gone reports whether nothing is left.
func (p *possessions) gone() bool { return len(p.names) == 0 && !p.vague }

// followPins keeps the connection for what the statement has left on it, or lets go of it when the last of that has gone.
func (s *Session) followPins(ctx context.Context, x *execution, h *held) {
	st, pin := x.st.parsed, x.plan.Pin
	if pin != "" && pin != assignedPin && pin != getLockPin {
		s.pinned(h, pin)
	}
	if st.Uses.Has(parser.UseLock) {
		s.followLocks(ctx, x, h)
	}
	switch st.Kind {
	case parser.CreateTemporaryTable:
		s.eachChanged(st, h.temporary.add)
		if st.DDL != nil && st.DDL.Select.Present() && s.txn != nil {
			s.indelible = true // a server keeps the rows whatever becomes of the transaction, and warns of that
		}
	case parser.DropTemporaryTable, parser.DropTable: // as it succeeded, none of these names is a temporary table's any more
		s.eachChanged(st, func(name string) { delete(h.temporary.names, name) })
		if h.temporary.gone() {
			h.unpin(temporaryPin)
		}
	}
}

// eachChanged calls f for each table that a statement makes or drops.
func (s *Session) eachChanged(st *parser.Statement, f func(name string)) {
	for i := range st.Tables {
		t := &st.Tables[i]
		if t.Role != parser.RoleDDL {
			continue
		}
		db := t.Schema
		if db == "" {
			db = s.db
		}
		f(db + "." + t.Name)
	}
}

// temporaryOf is a temporary table of the session that a statement names; "": there is none. One that a program has made is not known.
func (s *Session) temporaryOf(st *parser.Statement) string {
	for _, h := range s.held {
		if len(h.temporary.names) == 0 {
			continue
		}
		for i := range st.Tables {
			t := &st.Tables[i]
			if db := cmp.Or(t.Schema, s.db); h.temporary.names[db+"."+t.Name] {
				return t.Name
			}
		}
	}
	return ""
}

// besideOthers is the error of a temporary table in a statement whose other tables, or whose parts, run where it is not.
func besideOthers(name string) error {
	return sqlerr.NotSupported("the temporary table " + name + " in a statement that runs in parts or over several shards")
}

// mayMeet refuses a statement that names a temporary table and does not run where that is: elsewhere another table may have its
// name. What is for more than its server is planned anew, unless that has just been done.
func (s *Session) mayMeet(ctx context.Context, x *execution) error {
	name := s.temporaryOf(x.st.parsed)
	if x.plan == nil || name == "" && x.st.turn == 0 || name != "" && straight(x.plan) && x.st.turn == 0 {
		return nil
	}
	if x.st.turn != s.turn {
		if err := s.planAgain(ctx, x, false); err != nil {
			return err
		}
	}
	if name == "" || straight(x.plan) || s.reachesTemporaries(x.plan.Root) {
		return nil
	}
	return besideOthers(name)
}

// obscure notes that a statement may give temporary tables other names, or make some that it does not name.
func (s *Session) obscure(kind parser.Kind) {
	switch kind {
	case parser.AlterTable, parser.RenameTable, parser.Call, parser.Compound, parser.ExecuteImmediate:
		for _, h := range s.held {
			h.temporary.vague = h.temporary.vague || h.pinnedBy(temporaryPin)
		}
	}
}

// lockUnit is where a statement on user locks runs: where the session has its locks, else where its plan says. The two differ
// when the documents have changed since it took them.
func (s *Session) lockUnit(unit *plan.RouteUnit) *plan.RouteUnit {
	h := s.lockHolder()
	if h == nil || h.dataSource == unit.Target.DataSource {
		return unit
	}
	at, there := *unit, *unit.Target
	there.DataSource, there.Schema = h.dataSource, ""
	at.Target = &there
	return &at
}

// lockHolder is the connection that has the session's user locks; nil: there is none.
func (s *Session) lockHolder() *held {
	for _, h := range s.held {
		if h.pinnedBy(getLockPin) {
			return h
		}
	}
	return nil
}

// lockPlace is where a SET takes user locks.
func (s *Session) lockPlace() string {
	if h := s.lockHolder(); h != nil {
		return h.dataSource
	}
	return s.srv.Catalogs.Current().LockSource()
}

// followLocks notes which locks the connection may have, and asks the server when a statement may have released some:
// whether it has, and how many times each was taken, only the server knows.
func (s *Session) followLocks(ctx context.Context, x *execution, h *held) {
	taken, released, ok := lockCalls(x)
	if !ok {
		h.locks.vague = true
	}
	for _, name := range taken {
		h.locks.add(name)
	}
	if !h.locks.gone() {
		s.pinned(h, getLockPin)
	}
	if !released || h.locks.vague || len(h.locks.names) == 0 {
		return
	}
	var names, questions []string
	for name := range h.locks.names {
		names = append(names, name)
		questions = append(questions, "IS_USED_LOCK('"+name+"') <=> CONNECTION_ID()")
	}
	_, row, err := oneRow(ctx, h, questions...)
	if err != nil {
		return // it stays pinned; a connection that is lost is seen by settle
	}
	for i, cell := range row {
		if string(cell) == "0" {
			delete(h.locks.names, names[i])
		}
	}
	if h.locks.gone() {
		h.unpin(getLockPin)
	}
}

// lockCalls reads which locks a statement may take, and whether it may release some; ok is false where its text does not
// tell.
func lockCalls(x *execution) (taken []string, released, ok bool) {
	st := x.st.parsed
	if st.Kind != parser.Select && st.Kind != parser.Do || x.plan == nil || x.plan.Program != nil || st.Uses.Has(parser.UseUnknownFunction|parser.UseWordCall) {
		return nil, false, false
	}
	calls := 0
	for i := range st.Tokens {
		t := st.Tokens[i:]
		if len(t) < 2 || !t[1].Is("(") || t[0].Kind != parser.Word {
			continue
		}
		switch t[0].Word {
		case "IS_FREE_LOCK":
			calls++
		case "RELEASE_LOCK", "RELEASE_ALL_LOCKS":
			calls++
			released = true
		case "GET_LOCK":
			calls++
			if len(t) < 4 || t[2].Arg < 0 || !t[3].Is(",") {
				return nil, false, false
			}
			v, err := x.args.Value(t[2].Arg)
			if err != nil || !plainName(&v) {
				return nil, false, false
			}
			taken = append(taken, string(v.Bytes))
		}
	}
	for _, at := range st.Uses.At {
		if at.Use == parser.UseLock {
			calls--
		}
	}
	return taken, released, calls == 0
}

// plainName reports whether a value is a lock's name that reads the same whatever the charset and the mode.
func plainName(v *sqltypes.Value) bool {
	if v.Kind != sqltypes.KindString || len(v.Bytes) == 0 || len(v.Bytes) > 64 {
		return false
	}
	return strings.IndexFunc(string(v.Bytes), func(r rune) bool { return r <= ' ' || r > '~' || r == '\'' || r == '\\' }) < 0
}
