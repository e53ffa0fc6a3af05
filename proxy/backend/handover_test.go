package backend

import (
	"errors"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
)

// sent counts the statements a server has got from c so far.
func questions(tb testing.TB, c *Conn) string {
	tb.Helper()
	return one(tb, c, "SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME='QUESTIONS'")
}

const charsets = "SELECT CONCAT_WS(' ',@@character_set_client,IFNULL(@@character_set_results,'NULL'),@@character_set_connection,@@collation_connection)"

func TestApply(t *testing.T) {
	p := testPools(t, testSource("ds", sharedServer(t), Limits{MaxOpen: 1}))
	apply := func(l *Lease, s *State, need Need) {
		t.Helper()
		if err := l.Apply(t.Context(), s, need); err != nil {
			t.Fatal(err)
		}
	}
	check := func(c *Conn, sql, want string) {
		t.Helper()
		if got := one(t, c, sql); got != want {
			t.Errorf("%s: %s, want %s", sql, got, want)
		}
	}
	a, b := NewState(), NewState()
	a.SetSchema("mysql")
	a.SetVar("SQL_Mode", "'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'")
	a.SetVar("character_set_client", "latin1")
	a.SetVar("character_set_results", "NULL")
	a.SetVar("character_set_connection", "latin1")
	a.SetVar("collation_connection", "latin1_german2_ci")
	a.SetVar("time_zone", "'+03:00'")
	a.SetUserVar("X y`z", "_utf8mb4 X'C3A4'")
	a.SetUserVar("n", "17")
	a.SetLastInsertID(4711)
	b.SetSchema("information_schema")

	l := acquire(t, p, "ds", 0, nil)
	first := l.Conn()
	apply(l, a, 0)
	check(l.Conn(), charsets, "latin1 NULL latin1 latin1_german2_ci")
	check(l.Conn(), "SELECT CONCAT_WS(' ',DATABASE(),@@sql_mode,@@time_zone)", "mysql ANSI_QUOTES,NO_BACKSLASH_ESCAPES +03:00")
	check(l.Conn(), "SELECT @n", "NULL")
	apply(l, a, NeedUserVars|NeedLastInsertID)
	check(l.Conn(), "SELECT CONCAT(HEX(@`x Y``z`),'/',@n,'/',LAST_INSERT_ID())", "C3A4/17/4711")
	before := questions(t, l.Conn())
	apply(l, a, NeedUserVars)
	if after := questions(t, l.Conn()); before == after || len(after) != len(before) || after[len(after)-1] != before[len(before)-1]+1 {
		t.Errorf("an unchanged state was set again: %s, then %s statements", before, after)
	}
	l.Release()

	l = acquire(t, p, "ds", 0, nil)
	if l.Conn() != first {
		t.Fatal("not the same connection")
	}
	apply(l, b, NeedUserVars)
	check(l.Conn(), charsets, "utf8mb4 utf8mb4 utf8mb4 utf8mb4_general_ci")
	check(l.Conn(), "SELECT CONCAT_WS(' ',DATABASE(),@@sql_mode=@@global.sql_mode,@@time_zone)", "information_schema 1 SYSTEM")
	check(l.Conn(), "SELECT CONCAT_WS(',',@n,@`x y``z`)", "")
	l.Release()

	l = acquire(t, p, "ds", 0, nil)
	apply(l, a, NeedUserVars)
	check(l.Conn(), charsets, "latin1 NULL latin1 latin1_german2_ci")
	a.Reset()
	apply(l, a, NeedUserVars)
	check(l.Conn(), charsets, "utf8mb4 utf8mb4 utf8mb4 utf8mb4_general_ci")
	check(l.Conn(), "SELECT CONCAT_WS(' ',DATABASE(),IFNULL(@n,'none'))", "mysql none")
	l.Release()
}

// The connection's charset and collation set each other; whatever pair comes after whatever other, the outcome is
// that of a new connection on which only the second was set.
func TestApplyCharsetPairs(t *testing.T) {
	addr := sharedServer(t)
	p := testPools(t, testSource("ds", addr, Limits{MaxOpen: 1}))
	pairs := [][2]string{
		{"", ""}, {"latin1", ""}, {"", "latin1_bin"}, {"latin1", "latin1_general_cs"}, {"gbk", "gbk_bin"},
		{"utf8mb4", ""}, {"utf8mb4", "utf8mb4_unicode_ci"}, {"utf8mb4", "utf8mb4_general_ci"},
	}
	const ask = "SELECT CONCAT(@@character_set_connection,' ',@@collation_connection)"
	state := func(pair [2]string) *State {
		s := NewState()
		if pair[0] != "" {
			s.SetVar("character_set_connection", pair[0])
		}
		if pair[1] != "" {
			s.SetVar("collation_connection", pair[1])
		}
		return s
	}
	fresh := map[[2]string]string{}
	for _, pair := range pairs {
		c := connect(t, addr, 0, "")
		if set := c.applied.difference(nil, state(pair), 0); len(set) > 0 {
			exec1(t, c, "SET "+string(set))
		}
		fresh[pair] = one(t, c, ask)
	}
	for _, from := range pairs {
		for _, to := range pairs {
			l := acquire(t, p, "ds", 0, nil)
			for _, pair := range [][2]string{from, to} {
				if err := l.Apply(t.Context(), state(pair), 0); err != nil {
					t.Fatal(err)
				}
			}
			if got := one(t, l.Conn(), ask); got != fresh[to] {
				t.Errorf("%v after %v: %s, want %s", to, from, got, fresh[to])
			}
			l.Release()
		}
	}
}

func TestApplyKeepsFlagDefaults(t *testing.T) {
	p := testPools(t, testSource("ds", sharedServer(t), Limits{MaxOpen: 1}))
	l := acquire(t, p, "ds", FlagIgnoreSpace|FlagInteractive, nil)
	defer l.Release()
	const ask = "SELECT CONCAT(@@sql_mode,' ',@@wait_timeout)"
	want := one(t, l.Conn(), ask)
	s := NewState()
	s.SetVar("sql_mode", "''")
	s.SetVar("wait_timeout", "77")
	for range 2 {
		if err := l.Apply(t.Context(), s, 0); err != nil {
			t.Fatal(err)
		}
		s.Reset()
	}
	if got := one(t, l.Conn(), ask); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestApplyRefused(t *testing.T) {
	p := testPools(t, testSource("ds", sharedServer(t), Limits{MaxOpen: 1}))
	for what, tc := range map[string]struct {
		code uint16
		set  func(*State)
	}{
		"schema":   {sqlerr.CodeBadDB, func(s *State) { s.SetSchema("no_such") }},
		"variable": {sqlerr.CodeUnknownSystemVar, func(s *State) { s.SetVar("no_such", "1") }},
	} {
		l := acquire(t, p, "ds", 0, nil)
		c := l.Conn()
		s := NewState()
		tc.set(s)
		err := l.Apply(t.Context(), s, 0)
		if e := sqlerr.As(err); e == nil || e.Code != tc.code {
			t.Errorf("%s: %v", what, err)
		}
		l.Release()
		if !c.Broken() {
			t.Errorf("%s: a connection of unknown state was kept", what)
		}
	}
}

func TestApplyOnDeadConnection(t *testing.T) {
	p := testPools(t, testSource("ds", sharedServer(t), Limits{}))
	l := acquire(t, p, "ds", 0, nil)
	defer l.Destroy()
	l.Interrupt()
	s := NewState()
	s.SetSchema("mysql")
	if err := l.Apply(t.Context(), s, 0); !SafeToRetry(err) || !errors.Is(err, ErrBroken) {
		t.Errorf("%v", err)
	}
}

// What statements of the session itself change is noticed, by session tracking or by Adopt.
func TestTracking(t *testing.T) {
	p := testPools(t, testSource("ds", sharedServer(t), Limits{MaxOpen: 1}))
	l := acquire(t, p, "ds", 0, nil)
	exec1(t, l.Conn(), "USE information_schema")
	exec1(t, l.Conn(), "SET autocommit=0, character_set_client=latin1, time_zone='+01:00'")
	if l.Conn().Schema() != "information_schema" {
		t.Errorf("schema %q", l.Conn().Schema())
	}
	l.Release()
	l = acquire(t, p, "ds", 0, nil)
	s := NewState()
	s.SetSchema("mysql")
	if err := l.Apply(t.Context(), s, 0); err != nil {
		t.Fatal(err)
	}
	if got := one(t, l.Conn(), "SELECT CONCAT_WS(' ',@@autocommit+0,@@character_set_client,@@time_zone,DATABASE())"); got != "1 utf8mb4 SYSTEM mysql" {
		t.Errorf("another session's settings: %s", got)
	}
	exec1(t, l.Conn(), "SET sql_select_limit=5")
	s.SetVar("sql_select_limit", "5")
	l.Adopt(s, 0)
	l.Release()
	l = acquire(t, p, "ds", 0, nil)
	defer l.Release()
	if err := l.Apply(t.Context(), NewState(), 0); err != nil {
		t.Fatal(err)
	}
	if got := one(t, l.Conn(), "SELECT @@sql_select_limit=@@global.sql_select_limit"); got != "1" {
		t.Error("an adopted variable was not set back")
	}
}

func TestDroppedSchemaIsNoticed(t *testing.T) {
	p := testPools(t, testSource("ds", sharedServer(t), Limits{MaxOpen: 1}))
	l := acquire(t, p, "ds", 0, nil)
	defer l.Release()
	s := NewState()
	exec1(t, l.Conn(), "CREATE DATABASE shortlived")
	s.SetSchema("shortlived")
	for range 2 {
		if err := l.Apply(t.Context(), s, 0); err != nil {
			t.Fatal(err)
		}
		if got := one(t, l.Conn(), "SELECT DATABASE()"); got != "shortlived" {
			t.Errorf("in %s", got)
		}
		exec1(t, l.Conn(), "DROP DATABASE shortlived")
		exec1(t, l.Conn(), "CREATE DATABASE shortlived")
	}
	exec1(t, l.Conn(), "DROP DATABASE shortlived")
}

func TestStickyVariableCondemns(t *testing.T) {
	p := testPools(t, testSource("ds", sharedServer(t), Limits{MaxOpen: 1}))
	l := acquire(t, p, "ds", 0, nil)
	c := l.Conn()
	s := NewState()
	s.SetVar("rand_seed1", "5")
	if err := l.Apply(t.Context(), s, 0); err != nil {
		t.Fatal(err)
	}
	l.Release()
	if !c.Broken() {
		t.Error("kept")
	}
}

func TestDifference(t *testing.T) {
	a := applied{vars: map[string]string{"b": "1", "gone": "2", "same": "3"}, user: map[string]string{"u": "1"}}
	s := NewState()
	s.SetVar("B", "2")
	s.SetVar("same", "3")
	s.SetVar("a", "'x'")
	s.SetVar("session_track_system_variables", "'*'") // which connections keep their own of
	s.SetUserVar("V", "2")
	for _, tc := range []struct {
		need Need
		want string
	}{
		{0, "a='x',b=2,gone=DEFAULT"},
		{NeedUserVars, "a='x',b=2,gone=DEFAULT,@`u`=x'',@`u`=NULL,@`v`=2"},
	} {
		if got := string(a.difference(nil, s, tc.need)); got != tc.want {
			t.Errorf("%s, want %s", got, tc.want)
		}
	}
	a.adopt(s, NeedUserVars)
	if got := a.difference(nil, s, NeedUserVars); len(got) > 0 || !a.has(s, NeedUserVars) || a.has(s, NeedLastInsertID) {
		t.Errorf("after it: %s", got)
	}
	s.SetVar("b", "2")
	if !a.has(s, 0) {
		t.Error("setting the same again is no change")
	}
	if other := NewState(); a.has(other, 0) {
		t.Error("another state is not this one")
	}
}

func TestSameValue(t *testing.T) {
	for _, tc := range []struct {
		literal, value string
		want           bool
	}{
		{"latin1", "latin1", true}, {"'latin1'", "latin1", true}, {"LATIN1", "latin1", true}, {"1", "ON", true},
		{"0", "OFF", true}, {"true", "ON", true}, {"0", "ON", false}, {"'+01:00'", "+02:00", false}, {"'", "", false},
	} {
		if got := sameValue(tc.literal, tc.value); got != tc.want {
			t.Errorf("sameValue(%s, %s) = %t", tc.literal, tc.value, got)
		}
	}
}

func TestLargeUserVariablesAreNotKept(t *testing.T) {
	p := testPools(t, testSource("ds", sharedServer(t), Limits{MaxOpen: 1}))
	l := acquire(t, p, "ds", 0, nil)
	c := l.Conn()
	s := NewState()
	s.SetUserVar("v", "'"+strings.Repeat("x", maxUserVarBytes)+"'")
	if err := l.Apply(t.Context(), s, NeedUserVars); err != nil {
		t.Fatal(err)
	}
	l.Release()
	if !c.Broken() {
		t.Error("kept")
	}
}

// given are the ids that a statement gives.
type given uint64

func (g given) MayGive(id uint64) bool { return uint64(g) == id }

func TestLastInsertIDIsHandedOverWhereItMayBeGiven(t *testing.T) {
	l := acquire(t, testPools(t, testSource("ds", sharedServer(t), Limits{MaxOpen: 1})), "ds", 0, nil)
	defer l.Release()
	first, second := NewState(), NewState()
	first.SetLastInsertID(7)
	steps := []struct {
		st    *State
		gives given
		need  Need
		want  string
	}{
		{first, 0, NeedLastInsertID | KeepsLastInsertID, "7"},
		{second, 8, NeedDistinctID, "7"}, // it is none of those that are given
		{second, 7, KeepsLastInsertID, "7"},
		{second, 8, NeedDistinctID, "0"}, // what the statement before the last has left is not known
		{first, 0, NeedLastInsertID | KeepsLastInsertID, "7"},
		{second, 7, NeedDistinctID, "0"},
	}
	for i, step := range steps {
		step.st.SetGives(step.gives)
		if err := l.Apply(t.Context(), step.st, step.need); err != nil {
			t.Fatal(err)
		}
		_, rows, err := l.Conn().QueryRows(t.Context(), "SELECT LAST_INSERT_ID()")
		if err != nil || string(rows[0][0]) != step.want {
			t.Errorf("step %d: %s, %v; want %s", i+1, rows[0][0], err, step.want)
		}
	}
}
