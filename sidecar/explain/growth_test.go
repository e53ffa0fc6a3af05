package explain

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/internal/cputime"
	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/rule"
)

// repeated joins n texts.
func repeated(n int, separator, format string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = strings.ReplaceAll(format, "#", fmt.Sprint(i))
	}
	return strings.Join(parts, separator)
}

// growing are statements of any length.
var growing = []struct {
	name  string
	n     int // at which planning takes some milliseconds
	write func(n int) string
}{
	{"AND terms", 1000, func(n int) string {
		return "SELECT id FROM orders WHERE " + repeated(n, " AND ", "id<>#") + " ORDER BY id"
	}},
	{"AND terms on the key", 1000, func(n int) string { return "SELECT id FROM orders WHERE " + repeated(n, " AND ", "user_id<>#") }},
	{"equalities of the key", 1000, func(n int) string { return "SELECT id FROM orders WHERE " + repeated(n, " AND ", "user_id=7") }},
	{"equalities of columns", 1000, func(n int) string {
		return "SELECT a.id FROM orders a JOIN orders b ON a.user_id = b.user_id WHERE " + repeated(n, " AND ", "a.user_id = b.user_id")
	}},
	{"OR terms", 1000, func(n int) string { return "SELECT id FROM orders WHERE " + repeated(n, " OR ", "user_id=#") }},
	{"OR of AND", 500, func(n int) string {
		return "SELECT id FROM orders WHERE " + repeated(n, " OR ", "(user_id=# AND id=#)")
	}},
	{"AND of OR", 300, func(n int) string {
		return "SELECT id FROM orders WHERE " + repeated(n, " AND ", "(user_id=1# OR user_id=2# OR id=#)")
	}},
	{"an IN list", 2000, func(n int) string {
		return "SELECT id FROM orders WHERE user_id IN (" + repeated(n, ",", "#") + ") ORDER BY id"
	}},
	{"IN lists", 100, func(n int) string {
		return "SELECT id FROM orders WHERE " + repeated(n, " AND ", "user_id IN (#,"+repeated(20, ",", "1#")+")")
	}},
	{"rows", 2000, func(n int) string { return "INSERT INTO orders (id, user_id) VALUES " + repeated(n, ",", "(#,#)") }},
	{"branches of UNION ALL", 60, func(n int) string { return repeated(n, " UNION ALL ", "(SELECT id FROM orders WHERE user_id=#)") }},
	{"branches of UNION", 30, func(n int) string { return repeated(n, " UNION ", "(SELECT id FROM orders)") + " ORDER BY 1" }},
	{"select items", 300, func(n int) string { return "SELECT " + repeated(n, ",", "id AS c#") + " FROM orders ORDER BY id" }},
	{"aggregates", 300, func(n int) string { return "SELECT " + repeated(n, ",", "SUM(id+#) AS c#") + " FROM orders" }},
	{"ORDER BY items", 200, func(n int) string { return "SELECT id FROM orders ORDER BY " + repeated(n, ",", "id+#") }},
	{"subqueries", 20, func(n int) string { return "SELECT " + repeated(n, ",", "(SELECT MAX(id) FROM orders WHERE id<#) c#") }},
	{"joins", 15, func(n int) string {
		return "SELECT t.id FROM orders t " + repeated(n, " ", "JOIN orders t# ON t#.user_id=t.user_id") + " ORDER BY 1"
	}},
	{"CASE", 1000, func(n int) string {
		return "SELECT CASE " + repeated(n, " ", "WHEN user_id=# THEN #") + " END FROM orders WHERE user_id=1"
	}},
}

// nested are statements of any depth: planned, or refused, before their number of ways to be planned is felt.
var nested = []struct {
	name        string
	open, close string
	core        string
}{
	{"derived tables", "(SELECT id FROM ", ") t#", "orders"},
	{"derived tables of one shard", "(SELECT id FROM ", ") t#", "orders WHERE user_id=1"},
	{"aggregates in derived tables", "(SELECT MAX(id) id FROM ", ") t#", "orders"},
	{"scalar subqueries", "orders WHERE id = (SELECT MAX(id) FROM ", ")", "orders"},
	{"IN subqueries", "orders WHERE id IN (SELECT id FROM ", ")", "orders"},
	{"correlated EXISTS", "orders t# WHERE EXISTS (SELECT 1 FROM ", ")", "orders"},
	{"joins in joins", "orders t# JOIN (", ") ON TRUE", "orders"},
}

func layout(t testing.TB) Input {
	doc, problems := rule.Parse([]byte(rules))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	l, err := doc.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	schema := "CREATE TABLE orders (id BIGINT, user_id BIGINT NOT NULL, note VARCHAR(20), PRIMARY KEY (user_id, id));"
	return Input{Layouts: []*rule.Layout{l}, Schema: schema}
}

// planned is the least CPU time of some plannings: on a busy machine the time on the clock says little.
func planned(t testing.TB, in Input, sql string, times int) time.Duration {
	least := time.Hour
	for range times {
		took, err := planOnce(t, in, sql)
		if err != nil && sqlerr.As(err) == nil {
			t.Fatal(err)
		}
		least = min(least, took)
	}
	return least
}

// planOnce is the CPU time of parsing a statement and of planning it as often as the planner asks something: without what
// finds the answers, which a proxy has from its servers.
func planOnce(t testing.TB, in Input, sql string) (took time.Duration, err error) {
	e, err := begin(in)
	if err != nil {
		t.Fatal(err)
	}
	began := cputime.Used(t)
	stmt, err := parser.Parse(sql, e.mode)
	if err != nil {
		t.Fatal(err)
	}
	for range rounds {
		_, err := e.once(t.Context(), stmt)
		took += cputime.Used(t) - began
		if err == nil || !e.learn(err) {
			return took, err
		}
		began = cputime.Used(t)
	}
	t.Fatal("planning asks without end")
	return 0, nil
}

// Planning takes a time that grows like the statement: 8 times the length may take up to 36 times as long on a busy
// machine, where a square would be 64 times, and what doubles with each element would never end.
func TestPlanningGrowsLikeTheStatement(t *testing.T) {
	in := layout(t)
	for _, c := range growing {
		t.Run(c.name, func(t *testing.T) {
			short, long := planned(t, in, c.write(c.n), 5), planned(t, in, c.write(8*c.n), 2)
			t.Logf("%d: %v, %d: %v, %.1f times", c.n, short, 8*c.n, long, float64(long)/float64(short))
			if long > 36*short+20*time.Millisecond {
				t.Errorf("8 times the length is planned in %.0f times the time", float64(long)/float64(short))
			}
		})
	}
}

// A statement of 60 levels is planned, or refused, in a time that is not one of doubling with each level.
func TestDeepStatementsAreBounded(t *testing.T) {
	in := layout(t)
	for _, c := range nested {
		t.Run(c.name, func(t *testing.T) {
			write := func(n int) string {
				closing := ""
				for i := n - 1; i >= 0; i-- {
					closing += strings.ReplaceAll(c.close, "#", fmt.Sprint(i))
				}
				return "SELECT id FROM " + repeated(n, "", c.open) + c.core + closing
			}
			short, long := planned(t, in, write(10), 5), planned(t, in, write(60), 1)
			t.Logf("10: %v, 60: %v", short, long)
			if long > 216*short+200*time.Millisecond { // a cube
				t.Errorf("60 levels take %v, 10 take %v", long, short)
			}
		})
	}
}

// long are statements of lengths that programs make: what planning one takes is known, and bounded.
var long = []struct{ name, sql string }{
	{"64 KiB", "SELECT id FROM orders WHERE user_id = 1 AND (" + repeated(4600, " OR ", "id=id+#") + ")"},
	{"64 KiB of items", "SELECT " + repeated(9300, ",", "id+1") + " FROM orders WHERE user_id = 1"},
	{"64 KiB of strings", "SELECT " + repeated(16000, " ", "'a'") + " FROM orders WHERE user_id = 1"},
	{"10000 AND", "SELECT id FROM orders WHERE " + repeated(10000, " AND ", "id<>#") + " ORDER BY id"},
	{"10000 OR", "SELECT id FROM orders WHERE " + repeated(10000, " OR ", "user_id=#")},
	{"10000 IN", "SELECT id FROM orders WHERE user_id IN (" + repeated(10000, ",", "#") + ")"},
	{"100 UNION", repeated(100, " UNION ALL ", "(SELECT id FROM orders WHERE user_id=#)")},
}

// longTime is what planning a long statement may take, of CPU.
const longTime = cputime.Slower * 400 * time.Millisecond

// A long statement is planned within some tens of milliseconds of CPU; the bound is for a machine on which others work, and
// for the race detector. bench/README.md has what it takes alone.
func TestLongStatementsInTime(t *testing.T) {
	in := layout(t)
	for _, c := range long {
		took := planned(t, in, c.sql, 2)
		t.Logf("%s: %v", c.name, took)
		if took > longTime {
			t.Errorf("%s: planning takes %v of CPU", c.name, took)
		}
	}
}

func BenchmarkPlan(b *testing.B) {
	in := layout(b)
	for _, c := range append([]struct{ name, sql string }{
		{"point", "SELECT note FROM orders WHERE user_id = 42"},
		{"fan-out", "SELECT id FROM orders ORDER BY id DESC LIMIT 10"},
		{"groups", "SELECT note, COUNT(*), AVG(id) FROM orders GROUP BY note ORDER BY 2 DESC LIMIT 10"},
		{"insert", "INSERT INTO orders (user_id, note) VALUES (1, 'a'), (2, 'b')"},
		{"update", "UPDATE orders SET note = 'x' WHERE user_id = 42 AND id = 7"},
		{"join", "SELECT a.id FROM orders a JOIN orders b ON a.user_id = b.user_id WHERE a.user_id = 42"},
		{"parts", "SELECT id FROM orders WHERE id > (SELECT AVG(user_id) FROM orders)"},
	}, long...) {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var took time.Duration
			for b.Loop() {
				once, err := planOnce(b, in, c.sql)
				if err != nil {
					b.Fatal(err)
				}
				took += once
			}
			b.ReportMetric(float64(took.Microseconds())/float64(b.N), "cpu-us/op")
		})
	}
}
