package fault

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// leave has a client prepare a transaction over both shards that adds 1 to every account, and go away. Until somebody decides it, it stays.
func leave(t *testing.T, h *harness.Heddle) {
	t.Helper()
	db := h.Open(t, "root", "", "shop")
	c := conn(t, db)
	for _, step := range []string{"XA START 'left'", "UPDATE accounts SET v = v + 1", "XA END 'left'", "XA PREPARE 'left'"} {
		exec(t, c, step)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// told asks and wants an answer that has texts; it is the answer, its cells divided by tabs.
func told(t *testing.T, on harness.Asker, query string, texts ...string) string {
	t.Helper()
	got := answerTo(t.Context(), on, query)
	for _, text := range texts {
		if !strings.Contains(got, text) {
			t.Errorf("%s: %q is not in the answer:\n%s", query, text, got)
		}
	}
	return got
}

// audited are the lines of the audit log, in order.
func audited(t *testing.T, h *harness.Heddle) (lines []map[string]any) {
	t.Helper()
	log := h.Log()
	for line := range strings.SplitSeq(log[:strings.LastIndexByte(log, '\n')+1], "\n") {
		if !strings.Contains(line, `"logger":"audit"`) {
			continue
		}
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		lines = append(lines, entry)
	}
	return lines
}

// What is left is listed, shown and finished by SQL as by the command, for administrators alone; nothing is finished against the decision, and who
// wanted what is in the log, with a log.level that has no such lines too.
func TestResolveBySQL(t *testing.T) {
	h := startBank(t, map[string]string{"log.level": "error", "log.format": "json"})
	db := h.Open(t, "root", "", "shop")
	bank(t, db)
	before := count(t, db, "SELECT SUM(v) FROM accounts")
	told(t, db, "SELECT COUNT(*) FROM heddle.transactions", "0")
	leave(t, h)
	gtrid := onlyTransaction(t, h)

	says(t, h, 0, []string{gtrid, "prepared by its client ", " ago"}, "txn", "list")
	if out := says(t, h, 0, []string{gtrid + ": prepared", "the data source that decides it is ", "\nprepared by its client ", " ago"}, "txn", "show", gtrid); strings.Contains(out, "decided ") {
		t.Errorf("it is not decided:\n%s", out)
	}
	var listed []struct {
		State    string
		Decided  *float64 `json:"decided_seconds_ago"`
		Prepared float64  `json:"prepared_seconds_ago"`
	}
	if err := json.Unmarshal([]byte(says(t, h, 0, nil, "txn", "list", "-o", "json")), &listed); err != nil || len(listed) != 1 || listed[0].State != "prepared" ||
		listed[0].Decided != nil || listed[0].Prepared <= 0 {
		t.Errorf("%+v, %v", listed, err)
	}
	told(t, db, "SELECT state, decided_seconds_ago IS NULL, prepared_seconds_ago >= 0 FROM heddle.transactions", "prepared\t1\t1")
	row := told(t, db, "SELECT * FROM heddle.transactions", gtrid+"\tprepared\t", "ds_0", "ds_1")
	if got := told(t, db, "SHOW TRANSACTIONS"); got != row && stripAge(got) != stripAge(row) {
		t.Errorf("SHOW TRANSACTIONS: %q, the table: %q", got, row)
	}
	told(t, db, "SHOW TRANSACTION '"+gtrid+"'", gtrid+"\tprepared\t", "\tds_1\tprepared\t")

	keen := h.Open(t, "keen", "", "shop")
	told(t, keen, "SELECT * FROM heddle.transactions", "1142 ")
	for _, query := range []string{"SHOW TRANSACTIONS", "SHOW TRANSACTION '" + gtrid + "'", "RESOLVE TRANSACTION '" + gtrid + "' COMMIT", "RESOLVE TRANSACTION '" + gtrid + "' ROLLBACK FORCE"} {
		told(t, keen, query, "1227 ")
	}
	if lines := audited(t, h); len(lines) > 0 {
		t.Errorf("nobody has resolved anything: %v", lines)
	}

	told(t, db, "RESOLVE TRANSACTION '"+gtrid+"' COMMIT", "ds_1\tcommitted\t")
	told(t, db, "RESOLVE TRANSACTION '"+gtrid+"' ROLLBACK FORCE", "1105 ", "decided otherwise")
	told(t, db, "RESOLVE TRANSACTION '"+gtrid+"' COMMIT MENDED", "1105 ", "no branch of it is lost")
	told(t, db, "SHOW TRANSACTION '"+gtrid+"'", gtrid+"\tcommitted\t")
	told(t, db, "RESOLVE TRANSACTION 'nobody' COMMIT", "1105 ")
	told(t, db, "SELECT COUNT(*) FROM heddle.transactions", "0")
	says(t, h, 0, []string{"nothing is unfinished"}, "txn", "list")
	after := count(t, db, "SELECT SUM(v) FROM accounts")
	if accounts := count(t, db, "SELECT COUNT(*) FROM accounts"); after != before+accounts {
		t.Errorf("%d accounts had %d and have %d", accounts, before, after)
	}

	var lines []map[string]any
	eventually(t, "two lines of audit for each of four statements", func() bool {
		lines = audited(t, h)
		return len(lines) == 8
	})
	for i, want := range []struct{ gtrid, verb, outcome string }{
		{gtrid, "commit", "done"}, {gtrid, "rollback", "refused"}, {gtrid, "commit", "refused"}, {"nobody", "commit", "refused"},
	} {
		begun, ended := lines[2*i], lines[2*i+1]
		for _, line := range []map[string]any{begun, ended} {
			by, _ := line["by"].(string)
			if line["gtrid"] != want.gtrid || line["verb"] != want.verb || !strings.HasPrefix(by, "root@") || line["ts"] == nil {
				t.Errorf("line of audit %d: %v", i, line)
			}
		}
		if begun["outcome"] != nil || ended["outcome"] != want.outcome {
			t.Errorf("outcome %d is %v, want %s", i, ended["outcome"], want.outcome)
		}
	}
}

// stripAge leaves out for how long it is prepared, which goes on.
func stripAge(row string) string {
	cells := strings.Split(row, "\t")
	if len(cells) > 4 {
		cells[4] = ""
	}
	return strings.Join(cells, "\t")
}

// A data source that does not answer is named by a warning, and nothing is committed that may have a branch there.
func TestTransactionsBySQLWithServerAway(t *testing.T) {
	h := startBank(t, nil)
	db := h.Open(t, "root", "", "shop")
	bank(t, db)
	leave(t, h)
	gtrid := onlyTransaction(t, h)
	if err := env.Shards[1].Kill(); err != nil {
		t.Fatal(err)
	}
	c := conn(t, db)
	told(t, c, "SHOW TRANSACTIONS", gtrid)
	told(t, c, "SHOW WARNINGS", "ds_1: ")
	told(t, c, "RESOLVE TRANSACTION '"+gtrid+"' COMMIT", "1105 ", "branches that cannot be seen")
	if err := env.Shards[1].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	told(t, c, "RESOLVE TRANSACTION '"+gtrid+"' ROLLBACK", "ds_1\trolled back\t")
	told(t, c, "SHOW TRANSACTION '"+gtrid+"'", gtrid+"\taborted\t")
}
