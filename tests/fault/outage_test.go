package fault

import (
	"fmt"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// The server of one database is away: what does not need it goes on, and operators are told.
func TestOneDatabaseAway(t *testing.T) {
	link := harness.NewRelay(t, env.Shards[0].Addr())
	admin, err := harness.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	document := func(database, source, addr string) string {
		return fmt.Sprintf("database: %s\ndefaults: {user: root}\ndata_sources:\n  %s: {address: %q, schema: shop}\n", database, source, addr)
	}
	h := env.Heddle(t, harness.HeddleOptions{
		Rules: []string{document("away", "ds_away", link.Addr()), document("shop", "ds_here", env.Shards[1].Addr()),
			"defaults: {user: root}\ndata_sources:\n  ds_rest: {address: \"" + link.Addr() + "\"}\n"},
		Users: "users: {root: {}}",
		Set:   map[string]string{"admin.address": admin, "pool.connect_timeout": "3s", "pool.wait_timeout": "2s"},
	})
	link.Refuse(true)
	link.Cut()
	for _, database := range []string{"", "shop", "away"} {
		c, err := h.Open(t, "root", "", database).Conn(t.Context())
		if err != nil {
			t.Fatalf("in %q: %v", database, err)
		}
		defer c.Close()
		for _, query := range []string{"SELECT 1", "SET NAMES utf8mb4", "SET autocommit = 1", "SELECT @@version_comment LIMIT 1", "SHOW DATABASES", "SHOW VARIABLES LIKE 'auto%'",
			"SELECT CONNECTION_ID()", "SHOW DATABASES LIKE 'sh%'", "SELECT NOW() + INTERVAL 1 DAY", "SHOW WARNINGS"} {
			if got := firstCell(t.Context(), c, query); len(got) == 4 && got != "shop" && got[0] >= '1' && got[0] <= '9' {
				t.Errorf("in %q, %s: error %s", database, query, got)
			}
		}
		for _, step := range [][2]string{{"SHOW DATABASES LIKE 'sh%'", "shop"}, {"SHOW COUNT(*) WARNINGS", "1"}} { // of the schemas that pass through
			if got := firstCell(t.Context(), c, step[0]); got != step[1] {
				t.Errorf("in %q, %s: %s, want %s", database, step[0], got, step[1])
			}
		}
		want := map[string]string{"": "1046", "shop": "1146", "away": "1429"}[database]
		// A connection that has just been used is taken to be alive once.
		eventually(t, "a table in "+database+": "+want, func() bool { return firstCell(t.Context(), c, "SELECT * FROM nowhere") == want })
	}
	says := func(text string) bool { return strings.Contains(h.Log(), text) }
	eventually(t, "the log tells of the outage", func() bool { return says("a data source is down\t{\"data_source\": \"ds_away\"") })
	if code, body := get(t, admin, "/readyz"); code != 200 || !strings.Contains(body, "data source ds_away is down") {
		t.Errorf("/readyz: %d, %q", code, body)
	}
	link.Refuse(false)
	eventually(t, "the log tells of the end", func() bool { return says("a data source is back\t{\"data_source\": \"ds_away\"") })
	if n := strings.Count(h.Log(), "a data source is down\t{\"data_source\": \"ds_away\""); n != 1 {
		t.Errorf("told %d times", n)
	}
}
