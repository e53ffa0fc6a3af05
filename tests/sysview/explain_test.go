package sysview

import (
	"regexp"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/tests/differential"
)

// took is a time in a measured plan.
var took = regexp.MustCompile(`ms=\d+\.\d{3}`)

// explained are statements, one after the other on a connection of the layout a4, with the plan that each answers; "" for
// those that answer anything but an error.
var explained = []struct{ sql, want string }{
	{"EXPLAIN FORMAT=HEDDLE SELECT name FROM users ORDER BY name LIMIT 2", `
project columns=0
 └── limit count=$0
      └── merge-sort key=[name]
           └── route scatter  key=id  tables=[users]
flags:   rename
units:    ds_0.hxphys_a4_shop_0   ds_1.hxphys_a4_shop_1   ds_2.hxphys_a4_shop_2   ds_3.hxphys_a4_shop_3
`},
	{"EXPLAIN FORMAT=HEDDLE UPDATE users SET name = 'x' WHERE id = 1", `
update
 └── route equal-unique  key=id  tables=[users]  where==$1
flags:   write rename
units:    ds_2.hxphys_a4_shop_2
`},
	{"EXPLAIN FORMAT=HEDDLE INSERT INTO users (id) VALUES (1),(2)", `
insert
 └── route multi-equal  key=id  tables=[users]  rows=$0,$1
flags:   write rename
units:    ds_2.hxphys_a4_shop_2   ds_3.hxphys_a4_shop_3
`},
	{"EXPLAIN FORMAT=HEDDLE DROP TABLE users", `
ddl table=shop.users
 └── route scatter  tables=[users]
flags:   write implicit-commit rename
units:    ds_0.hxphys_a4_shop_0   ds_1.hxphys_a4_shop_1   ds_2.hxphys_a4_shop_2   ds_3.hxphys_a4_shop_3
`},
	{"EXPLAIN FORMAT=HEDDLE SELECT * FROM settings", `
route unsharded  tables=[settings]
flags:   rename
note:    shop.settings is not in the rules: taken for a single table of ds_0
units:    ds_0.hxphys_a4_shop_0
`},
	{"EXPLAIN FORMAT=HEDDLE SET @a = 1", "\nroute local\n"},
	{"ANALYZE FORMAT=HEDDLE SELECT name, COUNT(*) FROM users WHERE id IN (1,2,3) GROUP BY name", `
aggregate stream key=[name] output=[first(name), count(COUNT(*))]   rows=3 ms=#
 └── merge-sort key=[name]   rows=3 ms=#
      └── route in  key=id  tables=[users]  where=in*{$0 $1 $2}
flags:   rename
unit:    ds_0.hxphys_a4_shop_0   rows=1 bytes=10 ms=#
unit:    ds_2.hxphys_a4_shop_2   rows=1 bytes=10 ms=#
unit:    ds_3.hxphys_a4_shop_3   rows=1 bytes=10 ms=#
`},
	{"ANALYZE FORMAT=HEDDLE SELECT name FROM users WHERE id = 1", `
route equal-unique  key=id  tables=[users]  where==$0   rows=1 ms=#
flags:   rename
unit:    ds_2.hxphys_a4_shop_2   rows=1 bytes=3 ms=#
`},
	{"BEGIN", ""},
	{"ANALYZE FORMAT=HEDDLE INSERT INTO users (id, name) VALUES (101,'x'),(102,'y'),(103,'z')", `
insert
 └── route multi-equal  key=id  tables=[users]  rows=$0,$2,$4
flags:   write rename
unit:    ds_0.hxphys_a4_shop_0   rows=1 bytes=0 ms=#
unit:    ds_2.hxphys_a4_shop_2   rows=1 bytes=0 ms=#
unit:    ds_3.hxphys_a4_shop_3   rows=1 bytes=0 ms=#
`},
	{"ROLLBACK", ""},
	{"ANALYZE FORMAT=HEDDLE UPDATE users SET born = NULL WHERE id > 100 ORDER BY id LIMIT 2", ""},
	{"ANALYZE FORMAT=HEDDLE DELETE FROM users WHERE id IN (101,102,103,104)", ""},
}

func TestExplain(t *testing.T) {
	clients := lab.heddle["a4"].Clients(differential.ConnOptions{Schema: differential.Schema})
	defer clients.Close()
	for _, c := range explained {
		answers, err := clients.Play(t.Context(), &differential.Step{SQL: c.sql, On: "a"}, differential.Text)
		if err != nil {
			t.Fatal(err)
		}
		if e := answers[0].Err(); e != nil {
			t.Errorf("%s: %v", c.sql, e)
		} else if got := "\n" + planText(answers[0]); c.want != "" && got != c.want {
			t.Errorf("%s: %s\nwant %s", c.sql, got, c.want)
		}
	}
	if a := ask(t, lab.heddle["a4"], "SELECT COUNT(*) FROM users"); string(a.Results[0].Rows[0].Cells[0]) != "6" {
		t.Errorf("after the ROLLBACK there are %s users", a.Results[0].Rows[0].Cells[0])
	}
}

// planText are the lines of a plan, its times masked.
func planText(a *differential.Answer) string {
	var b strings.Builder
	for _, row := range a.Results[0].Rows {
		b.Write(row.Cells[0])
		b.WriteByte('\n')
	}
	return took.ReplaceAllString(b.String(), "ms=#")
}

// A prepared EXPLAIN says where its parameters lead.
func TestExplainParameters(t *testing.T) {
	number := func(n int64) wire.Param {
		return wire.Param{ParamType: wire.ParamType{Type: sqltypes.LongLong}, Value: sqltypes.IntValue(n)}
	}
	for _, c := range []struct{ words, want string }{
		{"EXPLAIN", "units:    ds_2.hxphys_a4_shop_2\n"},
		{"ANALYZE", "unit:    ds_2.hxphys_a4_shop_2   rows=1 bytes=4 ms=#\n"},
	} {
		step := &differential.Step{SQL: c.words + " FORMAT=HEDDLE SELECT id, name FROM users WHERE id = ?", On: "a", Runs: []differential.Execution{{Params: []wire.Param{number(1)}}}}
		clients := lab.heddle["a4"].Clients(differential.ConnOptions{Schema: differential.Schema})
		answers, err := clients.Play(t.Context(), step, differential.Binary)
		clients.Close()
		if err != nil || answers[0].Err() != nil {
			t.Fatal(err, answers[0].Err())
		}
		if got := planText(answers[0]); !strings.HasSuffix(got, c.want) {
			t.Errorf("%s: %s, want %s", step.SQL, got, c.want)
		}
	}
}

// A write that ANALYZE runs is atomic as any other: one shard refuses its row, and none of the others' stays.
func TestAnalyzeIsAtomic(t *testing.T) {
	for layout, side := range lab.heddle {
		e := ask(t, side, "ANALYZE FORMAT=HEDDLE INSERT INTO users (id) VALUES (201),(202),(203),(204),(1)").Err()
		if e == nil || e.Code != 1062 {
			t.Errorf("%s: %v, want 1062", layout, e)
		}
		if a := ask(t, side, "SELECT COUNT(*) FROM users WHERE id > 200"); string(a.Results[0].Rows[0].Cells[0]) != "0" {
			t.Errorf("%s: %s rows of it stayed", layout, a.Results[0].Rows[0].Cells[0])
		}
	}
}

// A plain EXPLAIN over several shards is the first one's, and a note names the plan; on one shard it is a server's.
func TestExplainNote(t *testing.T) {
	for layout, side := range lab.heddle {
		a := ask(t, side, "EXPLAIN SELECT name FROM users ORDER BY name")
		if a.Err() != nil || len(a.Results[0].Rows) != 1 || len(a.Warnings) != 1 {
			t.Fatalf("%s: %+v", layout, a)
		}
		if w := a.Warnings[0]; w.Level != "Note" || w.Code != "1003" || !strings.Contains(w.Message, "merge-sort key=[name]") || !strings.Contains(w.Message, "ds_1") {
			t.Errorf("%s: %+v", layout, w)
		}
		if a := ask(t, side, "EXPLAIN SELECT name FROM users WHERE id = 1"); len(a.Warnings) != 0 {
			t.Errorf("%s: %+v", layout, a.Warnings)
		}
	}
}

// What leaves something behind in the session is not analyzed.
func TestAnalyzeRefuses(t *testing.T) {
	for sql, says := range map[string]string{
		"ANALYZE FORMAT=HEDDLE DROP TABLE users":                                     "DROP TABLE",
		"ANALYZE FORMAT=HEDDLE SELECT @a := id FROM users WHERE id = 1":              "changes the session",
		"ANALYZE FORMAT=HEDDLE INSERT INTO users (id, name) VALUES (9, ROW_COUNT())": "values of the session",
		"ANALYZE FORMAT=HEDDLE SET @a = 1":                                           "the proxy itself",
	} {
		if e := ask(t, lab.heddle["a4"], sql).Err(); e == nil || e.Code != 1235 || !strings.Contains(e.Msg, says) {
			t.Errorf("%s: %v, want 1235 with %q", sql, e, says)
		}
	}
}
