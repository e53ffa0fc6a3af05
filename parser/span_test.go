package parser

import (
	"strings"
	"testing"

	tidb "github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/format"
)

func restore(t *testing.T, n ast.Node) string {
	t.Helper()
	var b strings.Builder
	if err := n.Restore(format.NewRestoreCtx(format.DefaultRestoreFlags, &b)); err != nil {
		return ""
	}
	return b.String()
}

// reparser takes each expression's span, parses that text alone, and compares the two trees.
type reparser struct {
	t     *testing.T
	st    *Statement
	count int
}

func (v *reparser) Enter(n ast.Node) (ast.Node, bool) {
	e, ok := n.(ast.ExprNode)
	if !ok {
		return n, false
	}
	if _, ok := n.(*ast.DefaultExpr); ok {
		return n, false
	}
	s, ok := v.st.Span(e)
	if !ok {
		return n, false
	}
	text := s.In(v.st.Text)
	want := restore(v.t, n)
	if strings.Contains(text, "/*!") || strings.Contains(want, "DEFAULT") {
		return n, false
	}
	stmts, _, err := tidb.New().ParseSQL("SELECT " + text)
	if err != nil {
		v.t.Errorf("%q: span %q does not parse: %v", v.st.Text, text, err)
		return n, false
	}
	got := restore(v.t, stmts[0].(*ast.SelectStmt).Fields.Fields[0].Expr)
	if want != "" && got != want {
		v.t.Errorf("%q: span %q is %s, want %s", v.st.Text, text, got, want)
	}
	v.count++
	return n, false
}

func (v *reparser) Leave(n ast.Node) (ast.Node, bool) { return n, true }

// TestSpans checks spans and links by parsing each span again, over statements that the grammar reads.
func TestSpans(t *testing.T) {
	n := 0
	for _, text := range append(exactStatements,
		"SELECT 1+2*3-(4), a AND b OR NOT c, !d, -e, ~f, -1 FROM t WHERE (a,b) IN ((1,2)) AND x BETWEEN 1 AND 2+3 AND y NOT LIKE 'x' ESCAPE '!' AND z IS NOT TRUE",
		"SELECT CASE a WHEN 1 THEN CASE WHEN b THEN 2 END ELSE 3 END + 4, IF(a, 'x', concat('b', c)), COALESCE(NULL, 1), CAST(a AS SIGNED), CONVERT(a, CHAR)",
		"SELECT date_add(a, INTERVAL 1 DAY), date_add(a, INTERVAL 1 DAY) + INTERVAL 2 DAY, a + INTERVAL 1 DAY + 1, concat(a) , a REGEXP 'x', a RLIKE 'b' = 1",
		"SELECT EXISTS (SELECT 1), NOT EXISTS (SELECT 1), a IN (SELECT 1), a = ANY (SELECT 2), (SELECT 3) + 1, ROW(1,2) = (3,4), @a, @b := 5 + 1, @@x, @@global.y",
		"SELECT count(*), COUNT(DISTINCT a, b), sum(a + 1) + 1, a COLLATE utf8mb4_bin = 'x' COLLATE utf8mb4_bin, NOW(), current_timestamp, now(3), 'a' 'b' = 'ab'",
		"SELECT DATE'2020-01-01' = d, TIMESTAMP '2020-01-01 00:00:00' > e, _utf8mb4'x' = f, x'4142' = g, 0b01 = h, 1.5e3 = i, .5 = j, 18446744073709551615 = k",
		"SELECT a.b.c, `a`.`b`, `b c`, t . x, t.`select` FROM a.b, `a`, t WHERE b.c=1 HAVING d ORDER BY e + 1, f(1) DESC",
		"SELECT MOD(a, 2) + 1, MOD(MOD(b, 5), c), (MOD(a + 1, 2)), a % 2, a MOD 3 FROM t GROUP BY MOD(a, 2)",
		"UPDATE t SET a = DEFAULT, b = c + 1, d = (SELECT 1) WHERE 5 LIMIT 3",
	) {
		st, err := Parse(text, maria)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if st.AST == nil {
			t.Errorf("%q: %v", text, st.ParseErr)
			continue
		}
		v := &reparser{t: t, st: st}
		st.AST.Accept(v)
		n += v.count
	}
	if n < 300 {
		t.Errorf("only %d spans compared", n)
	}
}

// TestPipesAsConcat: || becomes a function in the tree, and must not borrow the span of the function before it.
func TestPipesAsConcat(t *testing.T) {
	m := maria
	m.SQLMode = PipesAsConcat
	st, err := Parse("SELECT concat(a) || b", m)
	if err != nil || st.AST == nil {
		t.Fatal(err, st)
	}
	e := st.AST.(*ast.SelectStmt).Fields.Fields[0].Expr
	if s, ok := st.Span(e); ok && s.In(st.Text) != "concat(a) || b" {
		t.Errorf("span %q", s.In(st.Text))
	}
}

// exactStatements are statements whose tables and qualifiers the grammar must confirm.
var exactStatements = []string{
	"SELECT a FROM t", "SELECT t.a FROM db.t", "SELECT db.t.a FROM db.t", "SELECT * FROM t1, t2 AS x JOIN t3 y ON x.a = y.a AND t1.b = 5",
	"SELECT t1.* FROM t1 NATURAL JOIN t2 LEFT OUTER JOIN t3 USING (a) RIGHT JOIN (t4 CROSS JOIN t5) ON t4.a = t5.a",
	"SELECT (SELECT MAX(t2.b) FROM t2 WHERE t2.a = t1.a) FROM t1 WHERE EXISTS (SELECT 1 FROM t3 WHERE t3.a = t1.a AND t3.b IN (SELECT b FROM t1 t9 WHERE t9.a = t3.a))",
	"SELECT count FROM count WHERE count.count = 1", "SELECT `t`.`a` FROM `t`", "SELECT T.A FROM t", "SELECT t.t FROM t AS t", "SELECT t.t FROM t",
	"SELECT a FROM t PARTITION (p0, p1) AS x WHERE x.a=1", "SELECT a FROM t USE INDEX (i) IGNORE INDEX FOR JOIN (j), u FORCE INDEX FOR ORDER BY (k) WHERE u.a = t.a",
	"SELECT a FROM t STRAIGHT_JOIN u ON t.a=u.a", "SELECT user.name FROM user WHERE user.id = 1", "SELECT date FROM date", "SELECT t.a AS t FROM t ORDER BY t.a",
	"SELECT a FROM t UNION SELECT b FROM u UNION ALL SELECT t.c FROM v AS t", "(SELECT a FROM t) UNION (SELECT a FROM u LIMIT 1) ORDER BY a",
	"SELECT * FROM (SELECT t.a FROM t UNION SELECT u.a FROM u) d WHERE d.a = 1", "SELECT * FROM (SELECT 1 AS a) t, t t2 WHERE t.a = t2.a",
	"WITH c AS (SELECT a FROM t) SELECT c.a, t.a FROM c JOIN t ON c.a = t.a", "WITH t AS (SELECT t.a FROM t) SELECT t.a FROM t",
	"WITH a AS (SELECT 1 x), b AS (SELECT x FROM a) SELECT b.x FROM b, (SELECT * FROM a) c", "SELECT EXTRACT(YEAR FROM t.d), TRIM(BOTH 'x' FROM t.s), SUBSTRING(t.s FROM 1 FOR 2) FROM t",
	"SELECT SUM(t.a) OVER (PARTITION BY t.b ORDER BY t.c) FROM t", "SELECT a FROM t FOR UPDATE", "SELECT a FROM t LOCK IN SHARE MODE",
	"SELECT a FROM t GROUP BY t.a HAVING COUNT(t.b) > 1 ORDER BY MAX(t.c) DESC LIMIT 1, 2", "SELECT DISTINCT t.a FROM t", "SELECT 1", "SELECT 1 FROM dual",
	"SELECT a FROM t1 WHERE (t1.a, t1.b) IN (SELECT t2.a, t2.b FROM t2)", "SELECT CASE WHEN t.a THEN t.b ELSE t.c END FROM t", "SELECT t.a FROM t LIMIT ?",
	"INSERT INTO t VALUES (1)", "INSERT INTO t (a, t.b) VALUES (1, 2)", "INSERT INTO db.t SET a = 1", "INSERT INTO t SELECT * FROM t", "INSERT INTO t (a) SELECT x.a FROM t x ON DUPLICATE KEY UPDATE t.a = x.a",
	"INSERT INTO t (a) VALUES ((SELECT MAX(u.a) FROM u))", "REPLACE INTO t (a) VALUES (1)", "INSERT t VALUES (1) ON DUPLICATE KEY UPDATE a = t.a + VALUES(a)",
	"UPDATE t SET a = 1", "UPDATE t SET t.a = t.b WHERE t.c = 1", "UPDATE t, u SET t.a = u.a WHERE t.b = u.b", "UPDATE t JOIN (SELECT a FROM u) x ON t.a = x.a SET t.b = 1", "UPDATE db.t AS x SET x.a = 1 ORDER BY x.b LIMIT 5",
	"DELETE FROM t", "DELETE FROM t WHERE t.a = 1 ORDER BY a LIMIT 1", "DELETE t FROM t JOIN u ON t.a = u.a", "DELETE FROM t USING t, u WHERE t.a = u.a", "DELETE x FROM t x WHERE x.a IN (SELECT u.a FROM u)",
	"CREATE TABLE t (a INT)", "CREATE TABLE t AS SELECT * FROM u", "CREATE TABLE t LIKE u", "DROP TABLE t, u", "TRUNCATE t", "ALTER TABLE t ADD INDEX (a)", "CREATE INDEX i ON t (a)", "RENAME TABLE t TO u",
	"CREATE VIEW v AS SELECT t.a FROM t", "DROP VIEW v", "SET @a = (SELECT MAX(t.a) FROM t)", "DO (SELECT 1 FROM t)", "SHOW CREATE TABLE t", "DESCRIBE t",
	"SELECT/* c */a/*!50000 , t.b */FROM/**/t", "SELECT a FROM t -- x\n WHERE t.a = 1 # y", "select a from t where t.a='x''y' and t.b=\"z\"",
}

func TestExact(t *testing.T) {
	for _, text := range exactStatements {
		st, err := Parse(text, maria)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if st.AST == nil {
			t.Errorf("%q: %v", text, st.ParseErr)
		} else if !confirmed(t, st) {
			t.Errorf("%q is not confirmed: %+v %+v", text, st.Tables, st.Qualifiers)
		}
	}
}
