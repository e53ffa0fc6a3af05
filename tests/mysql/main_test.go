//go:build mysql

package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/tests/harness"
)

var env *harness.Env

func TestMain(m *testing.M) {
	if os.Getenv("HEDDLE_TEST_SERVER") == "" {
		fmt.Fprintln(os.Stderr, "HEDDLE_TEST_SERVER has to name MySQL's mysqld: make test-mysql")
		os.Exit(1)
	}
	os.Exit(harness.Run(m, harness.Options{Shards: 2, Setup: func(ctx context.Context, e *harness.Env) error {
		if v := e.ServerVersion(); strings.Contains(v, "MariaDB") {
			return fmt.Errorf("HEDDLE_TEST_SERVER is %s and not MySQL's", v)
		}
		return e.CreateSchema(ctx, "shop")
	}}, &env))
}

// open is a pool of a shard's own connections.
func open(t *testing.T, shard int) *sql.DB {
	t.Helper()
	db, err := env.Shards[shard].Open("shop")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func exec(t *testing.T, db harness.Asker, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		if a := ask(t, db, sql); a.Code != 0 {
			t.Fatalf("%s: %d %s", sql, a.Code, a.Message)
		}
	}
}

func ask(t *testing.T, db harness.Asker, statement string) harness.Answer {
	t.Helper()
	a, err := harness.Ask(t.Context(), db, statement)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return a
}

// text is the answer's rows, cells parted by commas and rows by semicolons, or its error.
func text(a harness.Answer) string {
	if a.Code != 0 {
		return fmt.Sprintf("%d %s", a.Code, a.Message)
	}
	var rows []string
	for _, row := range a.Rows {
		cells := make([]string, len(row))
		for i, c := range row {
			cells[i] = fmt.Sprint(c)
		}
		rows = append(rows, strings.Join(cells, ","))
	}
	return strings.Join(rows, ";")
}

// sharded is the rule document of a database over two servers. more is said of each data source.
func sharded(addr0, addr1, more string) string {
	return fmt.Sprintf(`database: shop
data_sources:
  ds_0: {address: %q%s}
  ds_1: {address: %q%s}
slots: {ds_0: 0-8191, ds_1: 8192-16383}
tables:
  accounts: {key: id}
single: {ds_0: [first], ds_1: [second]}
`, addr0, more, addr1, more)
}
