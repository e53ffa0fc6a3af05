package mesh

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// foreseen is what a dry run says of rows, as programs read it.
type foreseen struct {
	Rows []struct {
		Table       string `json:"table"`
		DataSource  string `json:"data_source"`
		Rows, Wrong int64
		Misplaced   int64    `json:"misplaced"`
		Sampled     bool     `json:"sampled"`
		Examples    []string `json:"examples"`
	} `json:"rows"`
	Places []struct {
		Table string   `json:"table"`
		Slots []string `json:"slots"`
	} `json:"places"`
	Statements []struct {
		Statement, Before, After string
	} `json:"statements"`
	Compared int      `json:"statements_compared"`
	ByValue  []string `json:"statements_by_value"`
	Refused  string   `json:"refused"`
}

func (l *lab) foresee(code int, args ...string) foreseen {
	l.t.Helper()
	got, out := l.rulesCommand(append([]string{"apply", "--dry-run", "-o", "json", "--pace", "0"}, args...)...)
	if got != code {
		l.t.Errorf("%v: exit code %d, not %d\n%s", args, got, code, out)
	}
	if i := strings.Index(out, "\nheddle: "); i >= 0 {
		out = out[:i]
	}
	var all []foreseen
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != 1 {
		l.t.Fatalf("%v: %s", err, out)
	}
	return all[0]
}

// TestDryRunCountsRows: the count of rows that a change would leave on the wrong shard is that of the rows that a table of the
// new rules does not find, for each algorithm and kind of key, by SQL and by reading keys.
func TestDryRunCountsRows(t *testing.T) {
	t.Parallel()
	l := newLab(t, env.Etcd.Endpoint())
	cases := []struct{ name, columns, key, values, was, next string }{
		{"slots", "k BIGINT, n INT, PRIMARY KEY (k)", "k", "%d", "hash_slot", "hash_slot"},
		{"modulo", "a INT, k BIGINT, b VARCHAR(10), PRIMARY KEY (b, k, a)", "k", "%d", "hash_mod", "{type: mod}"},
		{"words", "k VARCHAR(20) COLLATE utf8mb4_general_ci, n INT AUTO_INCREMENT PRIMARY KEY", "k", "'Wört%d '", "hash_mod", "hash_slot"},
		{"remainder", "k BIGINT, n INT", "k", "%d", "{type: mod}", "hash_mod"},
		{"ranges", "k BIGINT PRIMARY KEY", "k", "%d", "{type: mod}", "{type: range, bounds: [300]}"},
		{"days", "k DATETIME, n INT AUTO_INCREMENT PRIMARY KEY", "k", "DATE_ADD('2026-01-01', INTERVAL %d HOUR)", "hash_mod", "{type: interval, start: 2026-01-01, unit: month, outside: clamp}"},
		{"stamps", "k TIMESTAMP, n INT AUTO_INCREMENT PRIMARY KEY", "k", "DATE_ADD('2026-01-01', INTERVAL %d HOUR)", "hash_mod", "hash_slot"},
		{"pairs", "k INT, j VARBINARY(8), PRIMARY KEY (j, k)", "[k, j]", "%[1]d, 'x%[1]d'", "hash_mod", "hash_slot"},
		{"digits", "k DECIMAL(10,2), PRIMARY KEY (k)", "k", "%d.50", "hash_mod", "hash_slot"},
	}
	const rows = 700
	rules := func(next bool) string {
		var b strings.Builder
		for _, c := range cases {
			algorithm := c.was
			if next {
				algorithm = c.next
			}
			fmt.Fprintf(&b, "  %s: {key: %s, algorithm: %s, unique: per_shard}\n", c.name, c.key, algorithm)
		}
		if next {
			return strings.Replace(l.rulesBy("ds_0: 0-4095, 9000-16383\n  ds_1: 4096-8999", b.String()), "  t: {key: id, generate: id}\n", "", 1)
		}
		return strings.Replace(l.rules(b.String()), "  t: {key: id, generate: id}\n", "", 1)
	}
	l.apply(strings.Replace(l.rules(""), "  t: {key: id, generate: id}\n", "  x: {key: id}\n", 1))
	l.apply(rules(false))
	db, err := l.open(l.start("a", "")).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()                                                  // its statements' errors are looked at
	if _, err := db.ExecContext(t.Context(), "SET time_zone = '+00:00'"); err != nil { // else nobody knows where a TIMESTAMP is
		t.Fatal(err)
	}
	for _, c := range cases {
		if _, err := db.ExecContext(t.Context(), "CREATE TABLE "+c.name+" ("+c.columns+")"); err != nil {
			t.Fatal(err)
		}
		columns := strings.Trim(c.key, "[]")
		if c.name == "modulo" {
			columns, c.values = "k, a, b", "%[1]d, 1, 'b%[1]d'"
		}
		values := make([]string, rows)
		for i := range rows {
			values[i] = "(" + fmt.Sprintf(c.values, i) + ")"
		}
		if _, err := db.ExecContext(t.Context(), "INSERT INTO "+c.name+" ("+columns+") VALUES "+strings.Join(values, ", ")); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
	}
	path := l.file(rules(true))
	seen := l.foresee(5, "-f", path)
	found, wrong := map[string]int64{}, map[string]int64{}
	for _, r := range seen.Rows {
		found[r.Table] += r.Rows
		wrong[r.Table] += r.Misplaced
		if r.Misplaced > 0 && len(r.Examples) == 0 {
			t.Errorf("%s on %s: no key is shown", r.Table, r.DataSource)
		}
	}
	for _, c := range cases {
		if found[c.name] != rows {
			t.Errorf("%s: %d rows were looked at", c.name, found[c.name])
		}
		if wrong[c.name] == 0 || wrong[c.name] == rows {
			t.Errorf("%s: %d rows are misplaced: the case tells nothing", c.name, wrong[c.name])
		}
	}
	sampled := l.foresee(5, "-f", path, "--sample", "50")
	for _, r := range sampled.Rows {
		if !r.Sampled || r.Rows > 60 || r.Rows < 20 {
			t.Errorf("a sample of %s on %s: %+v", r.Table, r.DataSource, r)
		}
	}
	if code, out := l.rulesCommand("apply", "-f", path); code != 5 || !strings.Contains(out, "would be looked for elsewhere") || !strings.Contains(out, "--force-placement") {
		t.Errorf("apply: %d %s", code, out)
	}

	// By the new rules a row is found by its key where it is: the others are those that were counted.
	l.must(0, []string{"version 4 is in force"}, "apply", "--force-placement", "-f", path)
	l.runs(4, adoptWithin, "a")
	for _, c := range cases {
		lost := int64(0)
		for i := range rows {
			where := "k = " + fmt.Sprintf(c.values, i)
			if c.name == "pairs" {
				where = fmt.Sprintf("k = %[1]d AND j = 'x%[1]d'", i)
			}
			if c.name == "days" || c.name == "stamps" {
				if err := db.QueryRowContext(t.Context(), "SELECT "+fmt.Sprintf(c.values, i)).Scan(&where); err != nil {
					t.Fatal(err)
				}
				where = "k = '" + where + "'"
			}
			var n int64
			if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+c.name+" WHERE "+where).Scan(&n); err != nil {
				t.Fatalf("%s WHERE %s: %v", c.name, where, err)
			}
			lost += 1 - n
		}
		if lost != wrong[c.name] {
			t.Errorf("%s: %d rows are not found, and %d were counted", c.name, lost, wrong[c.name])
		}
	}
}

// TestPlacementOfEmptyTables: tables without rows, and those whose rows are where the new rules look for them, are placed
// anew without force; a dry run says which statements go elsewhere.
func TestPlacementOfEmptyTables(t *testing.T) {
	t.Parallel()
	l := newLab(t, env.Etcd.Endpoint())
	db := l.open(l.start("a", ""))
	l.create(db)
	path := l.file(l.swapped())
	statements := filepath.Join(t.TempDir(), "statements.sql")
	if err := os.WriteFile(statements, []byte("SELECT n FROM t WHERE id = 7;\nSELECT COUNT(*) FROM t;\n-- nothing\n;SELECT 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	seen := l.foresee(0, "-f", path, "--statements", statements)
	if len(seen.Places) != 1 || len(seen.Places[0].Slots) != 2 || !strings.Contains(seen.Places[0].Slots[0], "slots 0-8191: ds_0.") {
		t.Errorf("%+v", seen.Places)
	}
	if seen.Compared != 3 || len(seen.Statements) == 0 || seen.Statements[0].Statement != "SELECT n FROM t WHERE id = 7" || seen.Statements[0].Before == seen.Statements[0].After {
		t.Errorf("%d compared, %+v", seen.Compared, seen.Statements)
	}
	l.must(0, []string{"version 2 is in force"}, "apply", "-f", path)
	l.runs(2, adoptWithin, "a")
	if _, err := db.ExecContext(t.Context(), "INSERT INTO t (n) VALUES (1), (2), (3), (4), (5), (6), (7), (8)"); err != nil {
		t.Fatal(err)
	}
	back := l.file(l.rules(""))
	l.must(5, []string{"t has rows on ds_", "would be looked for elsewhere (id = "}, "apply", "-f", back)
	l.must(5, nil, "apply", "--dry-run", "-f", back)
	if err := l.exchange(t.Context()); err != nil { // somebody has moved them
		t.Fatal(err)
	}
	l.must(0, []string{"version 3 is in force"}, "apply", "-f", back)
}

// TestDryRunOfWhatRan: a dry run compares what instances have run lately, without the values, and leaves nothing in the mesh that instances
// would take for one of them.
func TestDryRunOfWhatRan(t *testing.T) {
	t.Parallel()
	l := newLab(t, env.Etcd.Endpoint())
	a, b := l.start("a", ""), l.start("b", "")
	here, _ := one(t, l.open(a))
	l.create(l.open(b))
	for _, text := range []string{"SELECT n FROM t WHERE id = 7", "SELECT n FROM t WHERE id = 8", "SELECT n FROM t WHERE n IN (1, 2, 3)", "SELECT 1 + 1"} {
		says(t, l.open(b), text, 0, "")
	}
	if _, err := here.ExecContext(t.Context(), "SELECT MAX(n) FROM t WHERE id = 9"); err != nil {
		t.Fatal(err)
	}
	byNumber := strings.Replace(l.rules(""), "t: {key: id, generate: id}", "t: {key: n, generate: id}", 1)
	seen := l.foresee(0, "-f", l.file(byNumber), "--seen")
	found := map[string]bool{}
	for _, s := range seen.Statements {
		if found[s.Statement] || s.Before == s.After || strings.ContainsAny(s.Statement, "789") {
			t.Errorf("%+v", s)
		}
		found[s.Statement] = true
	}
	if !found["SELECT n FROM t WHERE id = ?"] || !found["SELECT n FROM t WHERE n IN (?, ?)"] || !found["SELECT MAX(n) FROM t WHERE id = ?"] || found["SELECT ? + ?"] || seen.Compared < 4 {
		t.Errorf("%d compared, %+v", seen.Compared, seen.Statements)
	}
	moved := l.foresee(0, "-f", l.file(l.rulesBy("ds_0: 0-4095\n  ds_1: 4096-16383", "")), "--seen") // the plans stay, and rows are elsewhere
	if !slices.Contains(moved.ByValue, "SELECT n FROM t WHERE id = ?") || slices.Contains(moved.ByValue, "SELECT n FROM t WHERE n IN (?, ?)") ||
		slices.Contains(moved.ByValue, "SELECT ? + ?") || len(moved.Statements) > 0 {
		t.Errorf("by their values: %q; %+v", moved.ByValue, moved.Statements)
	}
	if code, out := l.rulesCommand("apply", "--dry-run", "--seen", "-f", l.file(l.rulesBy("ds_0: 0-4095\n  ds_1: 4096-16383", ""))); code != 0 ||
		!strings.Contains(out, "would go to another shard for some values of the sharding key") || !strings.Contains(out, "    SELECT n FROM t WHERE id = ?\n") {
		t.Errorf("%d %s", code, out)
	}
	if _, warnings := listed(t, here, "SHOW PROCESSLIST"); warnings != "" {
		t.Errorf("after the visit: %s", warnings)
	}
}

// TestFirstDocumentOverRows: before its first document a database may have rows already, as one that another proxy has
// served: those that the document would not find are counted, and it is refused.
func TestFirstDocumentOverRows(t *testing.T) {
	t.Parallel()
	l := newLab(t, env.Etcd.Endpoint())
	other := l.database + "_b"
	if err := env.CreateSchema(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	for i, shard := range env.Shards {
		if err := direct(shard.Config(other), fmt.Sprintf("CREATE TABLE old_%d (id BIGINT PRIMARY KEY)", i),
			fmt.Sprintf("INSERT INTO old_%d VALUES (%d), (%d), (%d)", i, i, i+2, i+4)); err != nil {
			t.Fatal(err)
		}
	}
	text := func(expression string, address string) string {
		return fmt.Sprintf("database: %s\ndefaults: {user: root}\ndata_sources:\n  ds_0: {address: %q}\n  ds_1: {address: %q}\ntables:\n"+
			"  old: {key: id, algorithm: {type: inline, expression: %q}, nodes: [ds_0.old_0, ds_1.old_1]}\n", other, env.Shards[0].Addr(), address, expression)
	}
	wrong, right := l.file(text("1 - id % 2", env.Shards[1].Addr())), l.file(text("id % 2", env.Shards[1].Addr()))
	seen := l.foresee(5, "-f", wrong)
	if len(seen.Rows) != 2 || seen.Rows[0].Misplaced != 3 || seen.Rows[1].Misplaced != 3 {
		t.Errorf("%+v", seen.Rows)
	}
	l.must(5, []string{"old has rows on ds_0 that would be looked for elsewhere"}, "apply", "-f", wrong)
	if seen := l.foresee(0, "-f", right); len(seen.Rows) != 2 || seen.Rows[0].Rows != 3 || seen.Rows[0].Misplaced != 0 {
		t.Errorf("%+v", seen.Rows)
	}
	l.must(0, []string{"version 1 is in force"}, "apply", "-f", right)
	l.must(0, []string{"version 2 is in force"}, "drop", other, "--force-placement")
	away := strings.ReplaceAll(text("id % 2", "127.0.0.1:1"), "ds_", "dx_") // names are the mesh's
	l.must(0, []string{"warning: rules/" + other, "could not be asked", "version 3 is in force"}, "apply", "-f", l.file(away))
}
