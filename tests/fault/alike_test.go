package fault

import (
	"database/sql"
	"fmt"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// setGlobal changes settings of a shard for the sessions that begin from now on, until the end of the test.
func setGlobal(t *testing.T, shard *sql.DB, settings map[string]string) {
	t.Helper()
	for name, value := range settings {
		var was string
		if err := shard.QueryRowContext(t.Context(), "SELECT @@global."+name).Scan(&was); err != nil {
			t.Fatal(err)
		}
		exec(t, shard, "SET GLOBAL "+name+" = "+value)
		t.Cleanup(func() {
			if _, err := shard.Exec("SET GLOBAL "+name+" = ?", was); err != nil {
				if _, err := shard.Exec("SET GLOBAL " + name + " = " + was); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// The shards are set differently. Sessions have the settings of the first on both, after a SET name = DEFAULT too, and the
// log says what was made alike.
func TestServersSetDifferently(t *testing.T) {
	on := shards(t)
	setGlobal(t, on[0], map[string]string{"group_concat_max_len": "20", "div_precision_increment": "7"})
	setGlobal(t, on[1], map[string]string{
		"sql_mode": "'ANSI_QUOTES,PIPES_AS_CONCAT'", "time_zone": "'+07:00'", "default_week_format": "3",
		"lc_time_names": "'fr_FR'", by("tx_isolation", "transaction_isolation"): "'READ-UNCOMMITTED'", "autocommit": "0", "foreign_key_checks": "0",
		"innodb_flush_log_at_trx_commit": "2",
	})
	h, db := startHeddle(t, addrs()...)
	c := conn(t, db)
	ask := func() []string {
		t.Helper()
		rows, err := c.QueryContext(t.Context(), `SELECT id, CONCAT_WS('|', @@sql_mode, @@time_zone, @@`+by("tx_isolation", "transaction_isolation")+`, @@group_concat_max_len,
			@@foreign_key_checks, "a" || "b", DATE_FORMAT(FROM_UNIXTIME(86400 * 200), '%M %H'), WEEK('2026-01-01'), 1 / 3) FROM accounts ORDER BY id`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		seen := map[string]bool{}
		var list []string
		for rows.Next() {
			var id int
			var text string
			if err := rows.Scan(&id, &text); err != nil {
				t.Fatal(err)
			}
			if !seen[text] {
				seen[text], list = true, append(list, text)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return list
	}
	for _, set := range []string{"", "SET sql_mode = DEFAULT, time_zone = DEFAULT, group_concat_max_len = DEFAULT", "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE"} {
		if set != "" {
			exec(t, c, set)
		}
		if got := ask(); len(got) != 1 || !strings.Contains(got[0], "|SYSTEM|") || !strings.HasSuffix(got[0], "|20|ON|0|July 00|0|0.3333333") {
			t.Errorf("after %q the shards answer %q", set, got)
		}
	}
	var word string
	if err := c.QueryRowContext(t.Context(), "SELECT GROUP_CONCAT(REPEAT('x', 15) ORDER BY id) FROM accounts").Scan(&word); err != nil || len(word) != 20 {
		t.Errorf("GROUP_CONCAT over both gives %d bytes, %v; want 20", len(word), err)
	}
	exec(t, c, "UPDATE accounts SET v = v + 1") // commits on the shard without autocommit too
	if total := sum(t, db); total != 4040 {
		t.Errorf("the sum is %d, want 4040", total)
	}
	log := h.Log()
	for _, want := range []string{"sql_mode: ds_0 has", "time_zone: ds_0 has", "no session can change it", "innodb_flush_log_at_trx_commit: ds_0 has"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %q", want)
		}
	}
}

// `heddle check --online` says the same without serving.
func TestCheckOnline(t *testing.T) {
	on := shards(t)
	setGlobal(t, on[1], map[string]string{"default_week_format": "3", "innodb_flush_log_at_trx_commit": "2"})
	h, _ := startWithoutRows(t, addrs()...)
	binary, err := env.Binary()
	if err != nil {
		t.Fatal(err)
	}
	check := func() string {
		out, err := osexec.Command(binary, "check", "--online", "--config", filepath.Join(h.Dir, "heddle.yaml")).CombinedOutput()
		return fmt.Sprintf("%s%v", out, err)
	}
	out := check()
	for _, want := range []string{"ds_0 answers: " + strings.SplitAfter(env.ServerVersion(), ".")[0], "ds_1 answers", "made alike:    default_week_format", "stays apart:   innodb_flush_log", "<nil>"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	if err := env.Shards[1].Kill(); err != nil {
		t.Fatal(err)
	}
	if out := check(); !strings.Contains(out, "exit status") || !strings.Contains(out, "ds_1") {
		t.Errorf("with a server down:\n%s", out)
	}
	if err := env.Shards[1].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A shard that comes later than the process gets the settings as well, and is compared then.
func TestLateServerIsMadeAlike(t *testing.T) {
	on := shards(t)
	exec(t, on[1], "SET GLOBAL sql_mode = DEFAULT")
	if err := env.Shards[1].Kill(); err != nil {
		t.Fatal(err)
	}
	h, db := startWithoutRows(t, addrs()...)
	if err := env.Shards[1].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	setGlobal(t, on[1], map[string]string{"default_week_format": "3", "innodb_flush_log_at_trx_commit": "2"})
	fill(t, db)
	rows, err := db.QueryContext(t.Context(), "SELECT DISTINCT WEEK('2026-01-01') FROM accounts")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		n++
	}
	if err := rows.Err(); err != nil || n != 1 {
		t.Errorf("%d weeks, %v", n, err)
	}
	eventually(t, "the late shard is compared", func() bool {
		return strings.Contains(h.Log(), "innodb_flush_log_at_trx_commit: ds_0 has")
	})
}
