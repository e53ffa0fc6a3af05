package mesh

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness/otlp"
)

// phasesOf writes a statement's phases and their steps in a line, those of a phase sorted, and gives the one transaction that all of them name.
func phasesOf(t *testing.T, root *otlp.Span) (line, gtrid string) {
	t.Helper()
	gtrid = attribute(root, "heddle.transaction")
	var phases []string
	for _, p := range root.Below {
		name, is := strings.CutPrefix(p.Name, "transaction ")
		if !is {
			continue
		}
		var steps []string
		for _, s := range p.Below {
			steps = append(steps, s.Name+" "+attribute(s, "heddle.outcome"))
			if attribute(s, "heddle.transaction") != gtrid || attribute(s, "heddle.phase") != name || !strings.HasSuffix(s.Name, " "+attribute(s, "heddle.data_source")) ||
				s.StartTimeUnixNano < p.StartTimeUnixNano || s.EndTimeUnixNano > p.EndTimeUnixNano {
				t.Errorf("below %s: %v", p.Name, s)
			}
		}
		slices.Sort(steps)
		phases = append(phases, name+": "+strings.Join(steps, ", "))
		if attribute(p, "heddle.transaction") != gtrid || attribute(p, "heddle.phase") != name || p.StartTimeUnixNano < root.StartTimeUnixNano || p.EndTimeUnixNano > root.EndTimeUnixNano {
			t.Errorf("below the statement: %v", p)
		}
	}
	return strings.Join(phases, "; "), gtrid
}

// A statement that ends a transaction over several data sources has its phases below it, and the slow log names the transaction. One on a single
// data source has neither.
func TestTransactionTraces(t *testing.T) {
	t.Parallel()
	r, err := otlp.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	slow := filepath.Join(t.TempDir(), "slow.json")
	l := newLab(t, env.Etcd.Endpoint())
	db := l.open(l.start("traced", "", "tracing.endpoint", r.Addr(), "slow_log.file", slow, "slow_log.threshold", "1us", "slow_log.rate", "0"))
	l.create(db)
	both := func(from int) string {
		return fmt.Sprintf("INSERT INTO t (id, n) VALUES (%d,1),(%d,1),(%d,1),(%d,1),(%d,1),(%d,1)", from, from+1, from+2, from+3, from+4, from+5)
	}
	const committed = "prepare: prepare FURTHER ok; decide: decide HOME ok; deliver: deliver FURTHER ok"
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var names []string
	for i, c := range []struct {
		before []string
		traced string
		want   string
	}{
		{nil, both(100), committed},
		{[]string{"BEGIN", both(200)}, "COMMIT", committed},
		{[]string{"BEGIN", both(300)}, "BEGIN", committed},
		{[]string{"BEGIN", both(400)}, "ROLLBACK", "abort: undo ds_0 ok, undo ds_1 ok"},
		{[]string{"BEGIN", "INSERT INTO t (id, n) VALUES (500,1)"}, "COMMIT", ""},
		{[]string{"XA START 'one'", both(600), "XA END 'one'"}, "XA PREPARE 'one'", "prepare: enter HOME ok, prepare ds_0 ok, prepare ds_1 ok; decide: hold HOME ok"},
		{nil, "XA COMMIT 'one'", "decide: settle HOME ok; deliver: deliver ds_0 ok, deliver ds_1 ok"},
		{[]string{"XA START 'two'", both(700), "XA END 'two'"}, "XA COMMIT 'two' ONE PHASE",
			"prepare: enter HOME ok, prepare ds_0 ok, prepare ds_1 ok; decide: hold HOME ok; deliver: deliver ds_0 ok, deliver ds_1 ok"},
	} {
		id := fmt.Sprintf("5bd66ef5095369c7b0d1f8f4bd3371%02x", i)
		for _, text := range append(c.before, c.traced+" /*traceparent='00-"+id+"-c532cb4098ac3dd2-01'*/") {
			if _, err := conn.ExecContext(t.Context(), text); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		}
		var root *otlp.Span
		eventually(t, 20*time.Second, "the trace of "+c.traced, func() bool { // its statement ends last
			roots, _ := r.Trace(id)
			root = named(roots)["statement"]
			return root != nil
		})
		got, gtrid := phasesOf(t, root)
		home, further := "ds_0", "ds_1"
		if strings.Contains(got, "decide ds_1") || strings.Contains(got, "hold ds_1") || strings.Contains(got, "settle ds_1") {
			home, further = further, home
		}
		if want := strings.NewReplacer("HOME", home, "FURTHER", further).Replace(c.want); got != want || (gtrid == "") != (want == "") {
			t.Errorf("%s of %q:\n got %q\nwant %q", c.traced, gtrid, got, want)
		}
		if gtrid != "" {
			names = append(names, gtrid)
		}
	}
	if names[4] != names[5] {
		t.Errorf("XA PREPARE is of %s, and XA COMMIT of %s", names[4], names[5])
	}
	if got := slowNames(t, slow); !slices.Equal(got, names) {
		t.Errorf("the slow log names %q, want %q", got, names)
	}
}

// slowNames are the transactions of the slow log's lines that have one.
func slowNames(t *testing.T, path string) (names []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var x struct{ Transaction string }
		if err := json.Unmarshal([]byte(line), &x); err != nil {
			t.Fatal(err)
		}
		if x.Transaction != "" {
			names = append(names, x.Transaction)
		}
	}
	return names
}
