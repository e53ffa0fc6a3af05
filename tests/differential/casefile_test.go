package differential

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

func TestParse(t *testing.T) {
	f, err := parse("topic", []byte(`-- what it is about
--@ setup
CREATE TABLE t1 (
  id INT
);
CREATE TABLE t2 (id INT);
--@ dump t2 genid=1
--@ data
DELETE FROM t1;
--@ case the first [text found_rows]
SELECT 1; SELECT 2;
--@ expect ties=1,2 limit
SELECT a, b FROM t1 ORDER BY a, b LIMIT 3;
--@ on b
--@ bytes
SELECT '\xe9\\';
--@ case the second
--@ params int 1 | str a b
--@ params keep fetch=2 null | blob \x00
SELECT ?, ?;
--@ follows
UPDATE t1 SET id = 2;
`), false)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Setup) != 2 || len(f.Data) != 1 || len(f.Dumps) != 2 || f.Dumps[1].Expect.String() != "genid=1" {
		t.Errorf("tables: %+v", f)
	}
	first, second := f.Cases[0], f.Cases[1]
	if len(first.Modes) != 1 || !first.Opts.Caps.Has(wire.CapFoundRows) || first.Writes() || !second.Writes() {
		t.Errorf("cases: %+v %+v", first, second)
	}
	if got := first.Steps[0].SQL; got != "SELECT 1; SELECT 2" {
		t.Errorf("the first statement is %q", got)
	}
	if got := first.Steps[1].Expect; !reflect.DeepEqual(got, Expect{Ties: []int{0, 1}, Limit: true}) || first.Steps[1].On != "a" {
		t.Errorf("the second statement: %+v", first.Steps[1])
	}
	if got := first.Steps[2]; got.SQL != "SELECT '\xe9\\\\'" || got.On != "b" {
		t.Errorf("the third statement: %+v", got)
	}
	runs := second.Steps[0].Runs
	if len(runs) != 2 || !runs[1].Keep || runs[1].Fetch != 2 || len(runs[1].Params) != 2 || string(runs[0].Params[1].Value.Bytes) != "a b" {
		t.Errorf("executions: %+v", runs)
	}
	if !second.Steps[1].Follows || second.Steps[0].Follows {
		t.Errorf("follows: %+v", second.Steps)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"--@ case a\nSELECT 1", "2: the statement does not end"},
		{"--@ nonsense\n", "1: no directive"},
		{"--@ case a [nonsense]\n", "no option"},
		{"--@ case a\n--@ expect nonsense\nSELECT 1;\n", "no exception"},
		{"--@ case a\n--@ expect ties=0\nSELECT 1;\n", "no column"},
		{"--@ case a\n--@ expect ties=1\nSELECT 1;\n", "without ORDER BY"},
		{"--@ case a\n--@ expect limit\nSELECT 1;\n", "without LIMIT"},
		{"--@ case a\nSELECT 1 LIMIT 1;\n", "needs the exception limit"},
		{"--@ case a\n--@ params nope 1\nSELECT ?;\n", "no kind"},
	} {
		if _, err := parse("t", []byte(c.text), false); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %q", c.text, err, c.want)
		}
	}
}

func TestClauses(t *testing.T) {
	for _, c := range []struct {
		sql       string
		ordered   bool
		reads     bool
		unlimited string
	}{
		{"SELECT a FROM t ORDER BY a LIMIT 1, 2", true, true, "SELECT a FROM t ORDER BY a"},
		{"SELECT a FROM t LIMIT 3 FOR UPDATE", false, true, "SELECT a FROM t  FOR UPDATE"},
		{"SELECT a FROM (SELECT b FROM t ORDER BY b LIMIT 1) x", false, true, "SELECT a FROM (SELECT b FROM t ORDER BY b LIMIT 1) x"},
		{"SELECT ' ORDER BY ' /* ORDER BY */ FROM t -- ORDER BY", false, true, "SELECT ' ORDER BY ' /* ORDER BY */ FROM t -- ORDER BY"},
		{"(SELECT 1 ORDER BY 1) UNION (SELECT 2)", false, true, "(SELECT 1 ORDER BY 1) UNION (SELECT 2)"},
		{"INSERT INTO t VALUES (1)", false, false, "INSERT INTO t VALUES (1)"},
		{"/* x */ delete from t limit 1", false, false, "/* x */ delete from t"},
		{"SELECT `limit`, GROUP_CONCAT(a ORDER BY a) FROM t", false, true, "SELECT `limit`, GROUP_CONCAT(a ORDER BY a) FROM t"},
	} {
		got := clausesOf(c.sql)
		if got.ordered != c.ordered || got.reads() != c.reads || unlimited(c.sql) != c.unlimited {
			t.Errorf("%s: %+v, unlimited %q", c.sql, got, unlimited(c.sql))
		}
	}
}

func TestWithoutTypes(t *testing.T) {
	run, err := parseExecution("int 1 | str ab | null")
	if err != nil {
		t.Fatal(err)
	}
	whole := (&wire.StmtExecute{StatementID: 7, Params: run.Params}).AppendPayload(nil, 0)
	types := []wire.ParamType{run.Params[0].ParamType, run.Params[1].ParamType, run.Params[2].ParamType}
	got, err := wire.ParseStmtExecute(withoutTypes(whole, 3)[1:], 0, 3, types, nil)
	if err != nil || got.TypesSent || got.Params[0].Value.Int != 1 || string(got.Params[1].Value.Bytes) != "ab" || !got.Params[2].Value.IsNull() {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestUnsupported(t *testing.T) {
	path := filepath.Join(t.TempDir(), "unsupported.txt")
	if err := os.WriteFile(path, []byte("# head\n\n[a4 b4] topic: no joins: never\n\tSELECT a\n\tFROM t\n\n[a1] topic: not this\n\tSELECT 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := ReadUnsupported(path)
	if err != nil {
		t.Fatal(err)
	}
	refusedWith := func(text string) *Answer {
		return &Answer{Results: []Result{{Err: sqlerr.New(refusal, "42000", text)}}}
	}
	for _, c := range []struct {
		layout, sql   string
		plain, heddle *Answer
		refused       bool
		problem       string
	}{
		{"a4", "SELECT a\nFROM t", &Answer{}, refusedWith("no joins: never"), true, ""},
		{"a4", "SELECT a\nFROM t", &Answer{}, refusedWith("another"), true, "unsupported.txt has"},
		{"a1", "SELECT a\nFROM t", &Answer{}, refusedWith("no joins: never"), true, "does not list it"},
		{"b4", "SELECT a\nFROM t", &Answer{}, &Answer{}, false, "it works"},
		{"b4", "SELECT 1", &Answer{}, &Answer{}, false, ""},
		{"b4", "SELECT 1", refusedWith("the server's own"), refusedWith("x"), false, ""},
	} {
		refused, problem := list.Judge(c.layout, "topic", c.sql, c.plain, c.heddle)
		if refused != c.refused || (c.problem == "") != (problem == "") || !strings.Contains(problem, c.problem) {
			t.Errorf("%s %s: %v, %q", c.layout, c.sql, refused, problem)
		}
	}
	if !list.KnowsReason("not this") || list.KnowsReason("this") {
		t.Error("reasons")
	}
	known := &File{Topic: "topic", Cases: []Case{{Steps: []Step{{SQL: "SELECT a\nFROM t"}}}}}
	if stale := list.Stale([]*File{known}); len(stale) != 1 || !strings.Contains(stale[0], "SELECT 2") {
		t.Errorf("stale: %q", stale)
	}
	if err := list.Write(path, func(layout, _ string) bool { return layout != "a1" }); err != nil {
		t.Fatal(err)
	}
	again, err := ReadUnsupported(path)
	if err != nil || !again.KnowsReason("not this") || len(again.listed) != len(list.seen)+1 {
		t.Errorf("written and read again: %v, %v", again.listed, err)
	}
}

func TestRulesOfLayouts(t *testing.T) {
	for _, l := range Layouts {
		schemas := 0
		for n := range 2 {
			schemas += len(l.Schemas(n, 2, "shop"))
		}
		if schemas != l.DataSources {
			t.Errorf("%s: %d schemas for %d data sources", l.Name, schemas, l.DataSources)
		}
		if text := l.Rules("shop", []string{"127.0.0.1:1", "127.0.0.1:2"}); strings.Contains(text, "suffix") != l.Suffixed || strings.Contains(text, "%!") {
			t.Errorf("%s: %s", l.Name, text)
		}
	}
}

// TestParseForMySQL: what a case file says in place of MariaDB's own is for MySQL's servers only.
func TestParseForMySQL(t *testing.T) {
	const text = "--@ mysql UUID => CHAR(36)\n--@ setup\nCREATE TABLE t (id UUID);\n"
	for mysql, want := range map[bool]string{false: "CREATE TABLE t (id UUID)", true: "CREATE TABLE t (id CHAR(36))"} {
		f, err := parse("t", []byte(text), mysql)
		if err != nil {
			t.Fatal(err)
		}
		if f.Setup[0] != want {
			t.Errorf("mysql=%v: %q, want %q", mysql, f.Setup[0], want)
		}
	}
}
