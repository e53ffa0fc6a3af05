package differential

import (
	"fmt"
	"slices"
	"testing"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// TestOneServerDescribesColumnsInSeveralWays shows on a plain server what ways.go says, and that its ways are those.
func TestOneServerDescribesColumnsInSeveralWays(t *testing.T) {
	const schema = "ways"
	if err := env.Plain.CreateSchema(t.Context(), schema); err != nil {
		t.Fatal(err)
	}
	clients := lab.plain.Clients(ConnOptions{Schema: schema})
	defer clients.Close()
	run := func(sql string, runs ...string) []*Answer {
		t.Helper()
		step, mode := &Step{SQL: sql, On: "a"}, Text
		for _, params := range runs {
			e, err := parseExecution(params)
			if err != nil {
				t.Fatal(err)
			}
			step.Runs, mode = append(step.Runs, e), Binary
		}
		answers, err := clients.Play(t.Context(), step, mode)
		if err != nil || answers[0].Err() != nil {
			t.Fatalf("%s: %v, %v", sql, err, answers[0].Err())
		}
		return answers
	}
	same := func(a, b []sqltypes.Column) bool {
		d := &differences{}
		d.columns("column", Expect{}, a, b)
		return len(d.list) == 0
	}
	run("CREATE TABLE t (id INT PRIMARY KEY, a INT, level ENUM('low','high'), KEY (a))")
	fill := func(rows int) {
		run("DELETE FROM t")
		run(fmt.Sprintf("INSERT INTO t SELECT seq, seq %% 7, 'low' FROM seq_1_to_%d", rows))
		run("ANALYZE TABLE t")
	}

	// The number of rows.
	joined := &Step{SQL: "SELECT id, a FROM t x NATURAL JOIN t y GROUP BY id", On: "a"}
	fill(3)
	few := run(joined.SQL)[0].Results[0].Columns
	fill(20)
	many := run(joined.SQL)[0].Results[0].Columns
	if same(few, many) {
		t.Errorf("the columns of %s are described alike with few and with many rows: %v", joined.SQL, few)
	}
	ways, err := waysOf(t.Context(), clients, joined)
	if err != nil {
		t.Fatal(err)
	}
	if len(ways) != 5 || !same(many, ways[0]) || !same(few, ways[1]) {
		t.Errorf("%s: with few rows %v, with many %v, ways %v", joined.SQL, few, many, ways)
	}

	// The rows of a query inside another, which make the conditions impossible, or do not.
	inner := &Step{SQL: "SELECT MAX(level) FROM t WHERE NOT EXISTS (SELECT 1 FROM t WHERE a = 1) GROUP BY level", On: "a"}
	impossible := run(inner.SQL)[0].Results[0].Columns
	if ways, err = waysOf(t.Context(), clients, inner); err != nil {
		t.Fatal(err)
	}
	run("DELETE FROM t WHERE a = 1")
	possible := run(inner.SQL)[0].Results[0].Columns
	if same(impossible, possible) || len(ways) != 7 || !same(impossible, ways[1]) || !same(possible, ways[2]) {
		t.Errorf("%s: impossible %v, possible %v, ways %v", inner.SQL, impossible, possible, ways)
	}

	// The values of two executions of one prepared statement.
	answers := run("SELECT MAX(level) FROM t WHERE id BETWEEN ? AND ? GROUP BY level", "int 1 | int 9", "int 9 | int 1")
	if a, b := answers[0].Results[0].Columns, answers[1].Results[0].Columns; same(a, b) {
		t.Errorf("two executions describe the column alike: %v", a)
	}
}

// TestOnlyWholeWaysPass: a column may be described in one way or the other, never in a mixture of both or in a third.
func TestOnlyWholeWaysPass(t *testing.T) {
	describe := func(columns ...[2]uint16) *Answer {
		a := rowsOf(len(columns))
		for i, c := range columns {
			a.Results[0].Columns[i].Flags, a.Results[0].Columns[i].Decimals = c[0], byte(c[1])
		}
		return a
	}
	expression, field := [2]uint16{2, 39}, [2]uint16{0, 0}
	plain := describe(expression, expression)
	ways := [][]sqltypes.Column{plain.Results[0].Columns, describe(field, field).Results[0].Columns}
	for _, c := range []struct {
		heddle *Answer
		want   bool
	}{
		{describe(expression, expression), true}, {describe(field, field), true}, {describe(field, expression), true},
		{describe([2]uint16{2, 0}, field), false}, {describe(field, [2]uint16{0, 39}), false}, {describe(field, [2]uint16{1, 0}), false}, {describe(field), false},
	} {
		if got := (&Comparer{}).goesAnotherWay(&Step{SQL: "SELECT 1"}, plain, c.heddle, nil, ways); got != c.want {
			t.Errorf("columns %v: %v", c.heddle.Results[0].Columns, got)
		}
	}
}

func TestJoinOrders(t *testing.T) {
	got := joinOrders("SELECT DISTINCT u.id FROM users u LEFT JOIN orders o ON o.user_id = u.id WHERE o.qty > 1 OR u.id = 2 ORDER BY o.id")
	want := []string{
		"SELECT STRAIGHT_JOIN DISTINCT u.id FROM users u, orders o WHERE o.user_id = u.id AND ( o.qty > 1 OR u.id = 2 ) ORDER BY o.id",
		"SELECT STRAIGHT_JOIN DISTINCT u.id FROM orders o, users u WHERE o.user_id = u.id AND ( o.qty > 1 OR u.id = 2 ) ORDER BY o.id",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if n := len(joinOrders("SELECT 1 FROM a JOIN b ON a.x = b.x JOIN c ON c.x = a.x LIMIT 1")); n != 6 {
		t.Errorf("three tables have %d orders", n)
	}
	if got := joinOrders("SELECT 1 FROM a WHERE x IN (SELECT y FROM b JOIN c ON b.z = c.z)"); got != nil {
		t.Errorf("%q", got)
	}
}

func TestImpossibleOrNone(t *testing.T) {
	const lists, none = "UPDATE t SET v = 1 WHERE (a, b) IN ((1, 2), (3, 4))", "Rows matched: 0  Changed: 0  Warnings: 0"
	for _, c := range []struct {
		sql  string
		d    Difference
		want bool
	}{
		{lists, Difference{"info", "", none}, true}, {lists, Difference{"info", none, ""}, true},
		{"UPDATE t SET v = 1 WHERE a IN (1, 2)", Difference{"info", "", none}, false}, {lists, Difference{"affected rows", "", none}, false},
		{lists, Difference{"info", "", "Rows matched: 1  Changed: 0  Warnings: 0"}, false}, {lists, Difference{"info", none, none}, false},
	} {
		if got := impossibleOrNone(c.sql, &c.d); got != c.want {
			t.Errorf("%s, %v: %v", c.sql, c.d, got)
		}
	}
}
