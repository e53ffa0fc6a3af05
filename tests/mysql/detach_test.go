//go:build mysql

package mysql

import (
	"strings"
	"testing"
)

// Recovery ends no connection of a server whose prepared branches are no connection's. So there is none that prepares otherwise: a client cannot have it so, and
// connections of a server that had it so when they were opened have it right.
func TestConnectionsDetachWhatTheyPrepare(t *testing.T) {
	for shard := range env.Shards {
		server := open(t, shard)
		exec(t, server, "SET GLOBAL xa_detach_on_prepare = OFF")
		defer exec(t, server, "SET GLOBAL xa_detach_on_prepare = ON")
	}
	db := start(t).Open(t, "root", "", "shop")
	db.SetMaxOpenConns(1)
	exec(t, db, "DROP TABLE IF EXISTS accounts", "CREATE TABLE accounts (id INT PRIMARY KEY, n INT)", "INSERT INTO accounts VALUES (1,0),(2,0),(3,0),(4,0),(5,0),(6,0),(7,0),(8,0)")
	has := func() string { return text(ask(t, db, "SELECT SUM(@@SESSION.xa_detach_on_prepare) FROM accounts")) }
	if got := has(); got != "8" {
		t.Errorf("connections that were opened while the servers had it off have it on for %s rows of 8", got)
	}
	for _, set := range []string{"SET SESSION xa_detach_on_prepare = OFF", "SET @@xa_detach_on_prepare = DEFAULT", "SET @a = 1, xa_detach_on_prepare = 0"} {
		if got := text(ask(t, db, set)); !strings.HasPrefix(got, "1235 ") {
			t.Errorf("%s: %s", set, got)
		}
	}
	if got := has(); got != "8" {
		t.Errorf("afterwards it is on for %s rows of 8", got)
	}
}
