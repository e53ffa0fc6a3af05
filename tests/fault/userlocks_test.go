package fault

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// Locks by name are those of one server, in whichever database of whichever server a session is.
func TestUserLocksAreOfTheWholeInstance(t *testing.T) {
	document := func(database, source, addr string) string {
		return fmt.Sprintf("database: %s\ndefaults: {user: root}\ndata_sources:\n  %s: {address: %q, schema: shop}\n", database, source, addr)
	}
	h := env.Heddle(t, harness.HeddleOptions{
		Rules: []string{document("shop", "ds_0", env.Shards[0].Addr()), document("plainy", "other", env.Shards[1].Addr()),
			"defaults: {user: root}\ndata_sources:\n  rest: {address: \"" + env.Shards[1].Addr() + "\"}\n"},
		Users: "users: {root: {}}",
	})
	open := func(database string) *sql.Conn {
		c, err := h.Open(t, "root", "", database).Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	k, l, m := open("shop"), open("plainy"), open("mysql")
	exec(t, k, "CREATE TABLE IF NOT EXISTS here (id INT PRIMARY KEY)")
	exec(t, l, "CREATE TABLE IF NOT EXISTS there (id INT PRIMARY KEY)")
	for _, c := range []struct {
		on        *sql.Conn
		sql, want string
	}{
		{k, "SELECT GET_LOCK('m', 0)", "1"},
		{l, "SELECT GET_LOCK('m', 0)", "0"},
		{m, "SELECT GET_LOCK('m', 0)", "0"},
		{m, "SELECT IS_FREE_LOCK('m')", "0"},
		{l, "SELECT RELEASE_LOCK('m')", "0"},
		{k, "USE plainy", ""},
		{k, "SELECT RELEASE_LOCK('m')", "1"},
		{m, "SELECT GET_LOCK(CONCAT(DATABASE(), '.m'), 0)", "1"},
		{k, "SELECT IS_FREE_LOCK('mysql.m')", "0"},
		{m, "SELECT RELEASE_ALL_LOCKS()", "1"},
		{l, "BEGIN", ""},
		{l, "INSERT INTO there VALUES (1)", ""},
		{l, "SELECT GET_LOCK('m', 0)", "1"},
		{l, "ROLLBACK", ""},
		{k, "SELECT GET_LOCK('m', 0)", "0"},
		{l, "SELECT RELEASE_LOCK('m') FROM there", "1235"},
		{l, "INSERT INTO there SELECT RELEASE_LOCK('m')", "1235"},
		{l, "SELECT COUNT(*) FROM there", "0"},
		{l, "DO RELEASE_LOCK('m')", ""},
		{k, "SELECT GET_LOCK('m', 0) FROM (SELECT 1) d", "1"},
		{k, "USE shop", ""},
		{k, "SELECT RELEASE_ALL_LOCKS() + COUNT(*) FROM here", "1"},
		{l, "SET @got = GET_LOCK('m', 0)", ""},
		{l, "SELECT @got", "1"},
		{k, "SELECT GET_LOCK('m', 0)", "0"},
	} {
		if got := firstCell(t.Context(), c.on, c.sql); got != c.want {
			t.Errorf("%s: %s, want %s", c.sql, got, c.want)
		}
	}
	exec(t, k, "DROP TABLE shop.here")
	exec(t, l, "DROP TABLE there")
}

// firstCell is the first cell of an answer, or the number of an error.
func firstCell(ctx context.Context, on *sql.Conn, query string) string {
	rows, err := on.QueryContext(ctx, query)
	if err == nil {
		defer rows.Close()
		var cell sql.NullString
		if rows.Next() {
			err = rows.Scan(&cell)
		}
		if err == nil {
			err = rows.Err()
		}
		if err == nil {
			return cell.String
		}
	}
	if n := code(err); n != 0 {
		return fmt.Sprint(n)
	}
	return err.Error()
}
