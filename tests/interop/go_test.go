package interop

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// goTarget is one target of the checks of go-sql-driver.
type goTarget struct {
	t    *testing.T
	name string
	cfg  *mysql.Config
	big  string
	db   *sql.DB // by the driver's default: statements with arguments are prepared on the server
}

// with opens a pool of other settings.
func (g *goTarget) with(change func(*mysql.Config)) *sql.DB {
	cfg := g.cfg.Clone()
	change(cfg)
	return harness.Open(g.t, cfg)
}

func (g *goTarget) exec(statements ...string) error {
	for _, q := range statements {
		if _, err := g.db.ExecContext(g.t.Context(), q); err != nil {
			return fmt.Errorf("%.80s: %w", q, err)
		}
	}
	return nil
}

const goCreateAccounts = "CREATE TABLE accounts (id INT NOT NULL PRIMARY KEY, balance INT NOT NULL)"

func (g *goTarget) accounts() error {
	return g.exec("DROP TABLE IF EXISTS accounts", goCreateAccounts, "INSERT INTO accounts VALUES (1, 100), (2, 100), (3, 100), (4, 100)")
}

// same fails unless got is want.
func same(got, want any) error {
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("got %.200v, want %.200v", got, want)
	}
	return nil
}

// number asks for one number.
func number(ctx context.Context, on harness.Asker, query string, args ...any) (n int64, err error) {
	rows, err := on.QueryContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return 0, err
		}
	}
	return n, rows.Err()
}

// want fails unless the query gives the number.
func want(ctx context.Context, on harness.Asker, n int64, query string, args ...any) error {
	got, err := number(ctx, on, query, args...)
	if err == nil && got != n {
		err = fmt.Errorf("%s: got %d, want %d", query, got, n)
	}
	return err
}

// refused expects an error of the server.
func refused(err error, code uint16, state string) error {
	var e *mysql.MySQLError
	if !errors.As(err, &e) || e.Number != code || string(e.SQLState[:]) != state {
		return fmt.Errorf("got %v, want %d (%s)", err, code, state)
	}
	return nil
}

func TestGo(t *testing.T) {
	ca, err := os.ReadFile(lab.ca)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	if err := mysql.RegisterTLSConfig("interop", &tls.Config{RootCAs: roots, ServerName: "localhost"}); err != nil {
		t.Fatal(err)
	}
	defer mysql.DeregisterTLSConfig("interop")
	r := newRatchet(t, "go")
	for _, name := range []string{"plain", "one", "many"} {
		cfg := lab.heddle.Config("root", "", "go_"+name)
		if name == "plain" {
			cfg.Addr = env.Plain.Addr()
		}
		cfg.ParseTime, cfg.Loc = true, time.UTC
		g := &goTarget{t: t, name: name, cfg: cfg, big: "big_" + name + ".big", db: harness.Open(t, cfg)}
		for _, check := range goChecks {
			if !check.heddleOnly || name != "plain" {
				r.check(t, name+"/"+check.name, func() error { return check.run(g) })
			}
		}
	}
}

var goChecks = []struct {
	name       string
	heddleOnly bool
	run        func(*goTarget) error
}{
	{"types_prepared", false, func(g *goTarget) error { return goTypes(g, g.db) }},
	{"types_text", false, func(g *goTarget) error {
		return goTypes(g, g.with(func(c *mysql.Config) { c.InterpolateParams = true }))
	}},
	{"transactions", false, goTransactions},
	{"errors", false, goErrors},
	{"generated_keys", false, goKeys},
	{"generated_uuids", true, goUUIDs},
	{"batch", false, goBatch},
	{"multi_statements", false, goMulti},
	{"statements_reused", false, goReuse},
	{"statements_read_once", false, goReadOnce},
	{"metadata", false, goMetadata},
	{"session_variables", false, goVariables},
	{"kill_query", false, goKill},
	{"load_data_local", false, goLoadDataLocal},
	{"cancel", false, goCancel},
	{"tls", false, func(g *goTarget) error {
		return goLogin(g, "native", nativePassword, "interop")
	}},
	{"login_native", false, func(g *goTarget) error { return goLogin(g, "native", nativePassword, "") }},
	{"login_sha2", true, func(g *goTarget) error { return goLogin(g, "sha2", sha2Password, "") }},
	{"login_sha2_tls", true, func(g *goTarget) error { return goLogin(g, "sha2", sha2Password, "interop") }},
	{"fenced_account", true, goFenced},
	{"compression_and_attributes", false, goCompression},
	// The million rows pass once by each way: relayed from one shard, and merged from two.
	{"stream_text", true, func(g *goTarget) error {
		if g.name == "one" {
			return goStream(g, 0, "")
		}
		return goStream(g, 800_000, fifth)
	}},
	{"stream_ordered", true, func(g *goTarget) error {
		if g.name == "many" {
			return goStream(g, 0, " ORDER BY id")
		}
		return goStream(g, 800_000, fifth+" ORDER BY id")
	}},
	{"stream_prepared", true, func(g *goTarget) error { return goStream(g, 800_000, " WHERE id > ?", 800_000) }},
}

func goTransactions(g *goTarget) error {
	ctx := g.t.Context()
	if err := g.accounts(); err != nil {
		return err
	}
	const sum = "SELECT SUM(balance) FROM accounts"
	step := func(tx *sql.Tx, inside int64, statements ...string) error {
		for _, q := range statements {
			if _, err := tx.ExecContext(ctx, q); err != nil {
				return fmt.Errorf("%s: %w", q, err)
			}
		}
		return want(ctx, tx, inside, sum)
	}
	tx, err := g.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	err = errors.Join(step(tx, 410, "UPDATE accounts SET balance = balance - 10 WHERE id = 1", "UPDATE accounts SET balance = balance + 20 WHERE id = 2"),
		want(ctx, g.db, 400, sum), tx.Rollback(), want(ctx, g.db, 400, sum))
	if err != nil {
		return err
	}
	if tx, err = g.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted}); err != nil {
		return err
	}
	return errors.Join(step(tx, 404, "UPDATE accounts SET balance = balance + 1"), step(tx, 101, "SAVEPOINT a", "DELETE FROM accounts WHERE id < 4"),
		step(tx, 404, "ROLLBACK TO SAVEPOINT a", "RELEASE SAVEPOINT a"), tx.Commit(), want(ctx, g.db, 404, sum))
}

func goErrors(g *goTarget) error {
	ctx := g.t.Context()
	if err := g.accounts(); err != nil {
		return err
	}
	ask := func(q string, args ...any) error { _, err := g.db.ExecContext(ctx, q, args...); return err }
	ping := func(change func(*mysql.Config)) error { return g.with(change).PingContext(ctx) }
	return errors.Join(
		refused(ask("INSERT INTO accounts VALUES (1, 1)"), 1062, "23000"),
		refused(ask("INSERT INTO accounts VALUES (?, ?)", 2, 2), 1062, "23000"),
		refused(ask("SELECT * FROM missing"), 1146, "42S02"),
		refused(ask("SELECT * FROM missing WHERE id = ?", 1), 1146, "42S02"),
		refused(ask("SELEC 1"), 1064, "42000"),
		refused(ask("SELEC ?", 1), 1064, "42000"),
		refused(ask("USE no_such_database"), 1049, "42000"),
		refused(ping(func(c *mysql.Config) { c.User, c.Passwd = "native", "wrong" }), 1045, "28000"),
		refused(ping(func(c *mysql.Config) { c.User, c.Passwd = "nobody", "x" }), 1045, "28000"),
		refused(ping(func(c *mysql.Config) { c.DBName = "no_such_database" }), 1049, "42000"),
		want(ctx, g.db, 4, "SELECT COUNT(*) FROM accounts"),
	)
}

// goKeys checks LastInsertId against what the table holds.
func goKeys(g *goTarget) error {
	ctx := g.t.Context()
	for _, table := range []string{"events", "flakes"} {
		err := g.exec("DROP TABLE IF EXISTS "+table, "CREATE TABLE "+table+" (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, what VARCHAR(20))")
		if err != nil {
			return err
		}
		insert := func(q string, args ...any) (int64, error) {
			res, err := g.db.ExecContext(ctx, "INSERT INTO "+table+" (what) VALUES "+q, args...)
			if err != nil {
				return 0, err
			}
			return res.LastInsertId()
		}
		three, err1 := insert("('a'), ('b'), ('c')")
		two, err2 := insert("(?), (?)", "d", "e")
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		for what, id := range map[string]int64{"a": three, "b": three + 1, "c": three + 2, "d": two, "e": two + 1} {
			if err := want(ctx, g.db, id, "SELECT id FROM "+table+" WHERE what = ?", what); err != nil {
				return err
			}
		}
	}
	return nil
}

func goBatch(g *goTarget) error {
	ctx := g.t.Context()
	if err := g.exec("DROP TABLE IF EXISTS batches", "CREATE TABLE batches (id INT NOT NULL PRIMARY KEY, v VARCHAR(50))"); err != nil {
		return err
	}
	q, args := "INSERT INTO batches VALUES (?, ?)", []any{0, "v0"}
	for i := 1; i < 2000; i++ {
		q, args = q+", (?, ?)", append(args, i, fmt.Sprint("v", i))
	}
	res, err := g.db.ExecContext(ctx, q, args...)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	return errors.Join(err, same(n, int64(2000)), want(ctx, g.db, 2000, "SELECT COUNT(*) FROM batches WHERE v = CONCAT('v', id)"),
		want(ctx, g.db, 1999000, "SELECT SUM(id) FROM batches"))
}

func goMulti(g *goTarget) error {
	ctx := g.t.Context()
	if err := g.accounts(); err != nil {
		return err
	}
	_, err := g.db.ExecContext(ctx, "DELETE FROM accounts WHERE id = 1; DELETE FROM accounts")
	if err := errors.Join(refused(err, 1064, "42000"), want(ctx, g.db, 4, "SELECT COUNT(*) FROM accounts")); err != nil {
		return err
	}
	multi := g.with(func(c *mysql.Config) { c.MultiStatements = true })
	rows, err := multi.QueryContext(ctx, "SELECT 7; SELECT id FROM accounts ORDER BY id; SELECT COUNT(*) FROM accounts")
	if err != nil {
		return err
	}
	defer rows.Close()
	var got [][]int
	for more := true; more; more = rows.NextResultSet() {
		var set []int
		for rows.Next() {
			var n int
			if err := rows.Scan(&n); err != nil {
				return err
			}
			set = append(set, n)
		}
		got = append(got, set)
	}
	return errors.Join(rows.Err(), same(got, [][]int{{7}, {1, 2, 3, 4}, {4}}))
}

// goReuse runs prepared statements over DDL and over connections.
func goReuse(g *goTarget) error {
	ctx := g.t.Context()
	if err := g.accounts(); err != nil {
		return err
	}
	s, err := g.db.PrepareContext(ctx, "SELECT * FROM accounts WHERE id = ?")
	if err != nil {
		return err
	}
	defer s.Close()
	for round, columns := range []int{2, 3} {
		for id := 1; id <= 4; id++ {
			rows, err := s.QueryContext(ctx, id)
			if err != nil {
				return fmt.Errorf("round %d: %w", round, err)
			}
			names, err := rows.Columns()
			found := rows.Next()
			if err := errors.Join(err, rows.Err(), rows.Close(), same(len(names), columns), same(found, true)); err != nil {
				return fmt.Errorf("round %d: %w", round, err)
			}
		}
		if round == 0 {
			if err := g.exec("ALTER TABLE accounts ADD COLUMN note VARCHAR(10)"); err != nil {
				return err
			}
		}
	}
	return nil
}

// goReadOnce executes prepared statements under another sql_mode and in another database than they were prepared in.
func goReadOnce(g *goTarget) error {
	ctx := g.t.Context()
	if err := g.accounts(); err != nil {
		return err
	}
	conn, err := g.with(func(*mysql.Config) {}).Conn(ctx) // which stays in another database
	if err != nil {
		return err
	}
	defer conn.Close()
	set := func(q string) error { _, err := conn.ExecContext(ctx, q); return err }
	one := func(s *sql.Stmt, want int64, args ...any) error {
		var got int64
		return errors.Join(s.QueryRowContext(ctx, args...).Scan(&got), same(got, want))
	}
	if err := set("SET sql_mode = 'ANSI_QUOTES'"); err != nil {
		return err
	}
	quoted, err1 := conn.PrepareContext(ctx, `SELECT "id" FROM accounts WHERE "id" = ?`)
	merged, err2 := conn.PrepareContext(ctx, `SELECT SUM("id") + ? FROM accounts`)
	if err := errors.Join(err1, err2, one(quoted, 2, 2), one(merged, 11, 1), set("SET sql_mode = ''")); err != nil {
		return err
	}
	text, err := conn.PrepareContext(ctx, `SELECT LENGTH("id") + ? FROM accounts WHERE id = 1`)
	return errors.Join(err, one(quoted, 3, 3), one(merged, 12, 2), one(text, 3, 1),
		set("USE information_schema"), one(quoted, 4, 4), one(merged, 10, 0),
		set("SET sql_mode = 'ANSI_QUOTES'"), one(text, 3, 1), one(quoted, 1, 1), one(merged, 11, 1))
}

// goUUIDs has Heddle generate the keys of rows that are spread by them: of version 7, in the order of the rows, and where they are
// looked for.
func goUUIDs(g *goTarget) error {
	if g.name != "many" {
		return nil // a table of one server has none
	}
	ctx := g.t.Context()
	for table, form := range map[string]string{"tokens": "CHAR(36) CHARACTER SET ascii", "blobs": "BINARY(16)"} {
		if err := g.exec("DROP TABLE IF EXISTS "+table, "CREATE TABLE "+table+" (id "+form+" NOT NULL PRIMARY KEY, n INT)"); err != nil {
			return err
		}
		res, err := g.db.ExecContext(ctx, "INSERT INTO "+table+" (n) VALUES (1), (2), (3)")
		if err != nil {
			return err
		}
		none, err1 := res.LastInsertId()
		_, err2 := g.db.ExecContext(ctx, "INSERT INTO "+table+" (id, n) VALUES (NULL, ?), (DEFAULT, ?)", 4, 5)
		if err := errors.Join(err1, err2, same(none, int64(0))); err != nil {
			return err
		}
		hex := "REPLACE(IF(LENGTH(id) = 16, LOWER(HEX(id)), id), '-', '')"
		a, err := harness.Ask(ctx, g.db, "SELECT n FROM "+table+" WHERE "+hex+" REGEXP '^[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$' ORDER BY id")
		if err := errors.Join(err, same(fmt.Sprint(a.Rows), "[[1] [2] [3] [4] [5]]")); err != nil {
			return err
		}
		for n := 1; n <= 5; n++ {
			var id []byte
			err := g.db.QueryRowContext(ctx, "SELECT id FROM "+table+" WHERE n = ?", n).Scan(&id)
			if err := errors.Join(err, want(ctx, g.db, int64(n), "SELECT n FROM "+table+" WHERE id = ?", id)); err != nil {
				return err
			}
		}
	}
	return nil
}
