package backend

import (
	"strconv"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

func TestPrepareCache(t *testing.T) {
	c := connect(t, sharedServer(t), 0, "mysql") // keeps three
	count := func() string {
		return one(t, c, "SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME='COM_STMT_CLOSE'")
	}
	prepare := func(sql string) *Stmt {
		t.Helper()
		s, err := c.Prepare(t.Context(), sql)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	a := prepare("SELECT user, ? FROM user WHERE host = ?")
	if len(a.Params) != 2 || len(a.Columns) != 2 || !strings.EqualFold(a.Columns[0].Name, "user") {
		t.Errorf("definitions %v %v", a.Params, a.Columns)
	}
	if prepare("SELECT user, ? FROM user WHERE host = ?") != a {
		t.Error("not cached")
	}
	prepare("SELECT 1")
	prepare("SELECT 2")
	if prepare("SELECT user, ? FROM user WHERE host = ?") != a { // now 1 is the oldest
		t.Error("not cached")
	}
	prepare("SELECT 3")
	if got := count(); got != "1" {
		t.Errorf("%s statements closed, want 1", got)
	}
	if prepare("SELECT user, ? FROM user WHERE host = ?") != a {
		t.Error("the wrong one was dropped")
	}
	own, err := c.PrepareOwn(t.Context(), "DO ?")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		prepare("SELECT 10+" + strconv.Itoa(i))
	}
	c.CloseStmt(own)
	if got := count(); got != "7" { // 1, then 1+5 of the cache: a 2 3 10 11, and own
		t.Errorf("%s statements closed, want 7", got)
	}
	if _, err := c.Prepare(t.Context(), "SELECT FROM"); sqlerr.As(err) == nil || c.Busy() || c.Broken() {
		t.Errorf("bad statement: %v", err)
	}
}

// A text prepares to something else in another schema and under another dialect.
func TestPrepareKey(t *testing.T) {
	p := testPools(t, testSource("ds", sharedServer(t), Limits{}))
	l := acquire(t, p, "ds", 0, nil)
	defer l.Release()
	c := l.Conn()
	ids := map[uint32]string{}
	st := NewState()
	step := func(what string) {
		t.Helper()
		if err := l.Apply(t.Context(), st, 0); err != nil {
			t.Fatal(err)
		}
		s, err := c.Prepare(t.Context(), `SELECT "a"`)
		if err != nil {
			// under ANSI_QUOTES it is a column
			if e := sqlerr.As(err); e == nil || e.Code != sqlerr.CodeBadField {
				t.Fatal(err)
			}
			return
		}
		if other, ok := ids[s.ID]; ok {
			t.Errorf("%s shares a statement with %s", what, other)
		}
		ids[s.ID] = what
	}
	step("start")
	st.SetSchema("mysql")
	step("schema")
	st.SetVar("sql_mode", "'ANSI_QUOTES'")
	step("sql_mode")
	st.UnsetVar("sql_mode")
	st.SetVar("character_set_connection", "latin1")
	st.SetVar("collation_connection", "latin1_swedish_ci")
	step("collation")
	if len(ids) != 3 {
		t.Errorf("%d statements", len(ids))
	}
}

func TestStmtCacheBytes(t *testing.T) {
	var k stmtCache
	k.init(100, 1000)
	for i := range 10 {
		k.put(&Stmt{ID: uint32(i), key: stmtKey{sql: strconv.Itoa(i)}, Columns: make([]sqltypes.Column, 1)})
		if k.bytes > 1000 || k.bytes != len(k.byKey)*k.newest.size {
			t.Fatalf("%d bytes, %d statements", k.bytes, len(k.byKey))
		}
	}
	big := &Stmt{ID: 99, key: stmtKey{sql: "big"}, Columns: make([]sqltypes.Column, 100)}
	k.put(big)
	if len(k.byKey) != 1 || k.get(big.key) != big || len(k.closing) != 10 {
		t.Errorf("%d kept, %d closing", len(k.byKey), len(k.closing))
	}
	k.remove(big)
	if k.newest != nil || k.oldest != nil || k.bytes != 0 || k.remove(big) {
		t.Error("not empty")
	}
}
