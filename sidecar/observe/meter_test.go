package observe

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/internal/cputime"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/digest"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// metered is a Meter as a process has it, and an execution of a statement that is kept.
func metered(tb testing.TB) (*Meter, *digest.Execution) {
	st, err := parser.Parse("SELECT c FROM t WHERE name='secret'", parser.Mode{Flavour: parser.Flavour{MariaDB: true, Version: 101100}})
	if err != nil {
		tb.Fatal(err)
	}
	m := newMeter()
	m.Digests, m.Slow = digest.New(1<<20), NewSlowLog(zap.NewNop())
	return m, &digest.Execution{
		Cell: new(atomic.Pointer[digest.Entry]), Parsed: st, Schema: "shop", Opcode: digest.Single, Began: time.Now(),
		Took: 300 * time.Microsecond, Shards: 1, Shipped: 1, Returned: 1, Bytes: 200,
		Connection: 7, User: "ann", Host: "here", Text: []byte(st.Text),
	}
}

func statement(m *Meter, x *digest.Execution) {
	m.Statement(parser.Select)
	m.Took(x.Took)
	m.Ended(x)
}

func TestMeterDoesNotAllocate(t *testing.T) {
	m, x := metered(t)
	if n := testing.AllocsPerRun(1000, func() { statement(m, x) }); n != 0 {
		t.Errorf("%v allocations a statement", n)
	}
}

// TestMeterTakesLittle holds metrics and digests at 0.3 µs of processor time a statement.
func TestMeterTakesLittle(t *testing.T) {
	const statements = 100_000
	bound := 300 * time.Nanosecond
	if cputime.Slower > 1 { // the race detector weighs most on atomic operations, of which this is made
		bound = cputime.Slower * time.Microsecond
	}
	m, x := metered(t)
	took := cputime.Least(t, statements*bound, func() {
		for range statements {
			statement(m, x)
		}
	}) / statements
	t.Logf("%v a statement", took)
	if took >= bound {
		t.Errorf("a statement takes %v of processor time, want less than %v", took, bound)
	}
}

// BenchmarkMeter is all that metrics and digests do for a statement. The processor's time tells it on a machine that is not quiet too.
func BenchmarkMeter(b *testing.B) {
	m, x := metered(b)
	b.ReportAllocs()
	before := cputime.Used(b)
	for b.Loop() {
		statement(m, x)
	}
	b.ReportMetric(float64(cputime.Used(b)-before)/float64(b.N), "cpu-ns/op")
}

func lines(t *testing.T, path string) (out []map[string]any) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var line map[string]any
		if err := json.Unmarshal(s.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v", s.Text(), err)
		}
		out = append(out, line)
	}
	return out
}

func TestSlowLog(t *testing.T) {
	m, x := metered(t)
	path := filepath.Join(t.TempDir(), "slow.json")
	set := func(s SlowSettings) {
		t.Helper()
		s.File = path
		if err := m.Slow.Set(s); err != nil {
			t.Fatal(err)
		}
	}
	m.Ended(x) // nothing is logged
	set(SlowSettings{Threshold: time.Millisecond, Rate: 3})
	m.Ended(x) // too fast
	x.Took, x.Planning, x.Code, x.Pins, x.TraceID = time.Second, time.Millisecond, 1205, "ds_0 in transaction", "abc"
	x.Began, x.Transaction = time.Unix(1000, 0), xa.GTRID{Cluster: 1, Log: 10, Epoch: 3, Seq: 1}
	for range 5 {
		m.Ended(x)
	}
	got := lines(t, path)
	if len(got) != 3 || m.Slow.seen.Load() != 5 || m.Slow.unlogged.Load() != 2 {
		t.Fatalf("%d lines, %d seen, %d unlogged", len(got), m.Slow.seen.Load(), m.Slow.unlogged.Load())
	}
	for field, want := range map[string]any{
		"user": "ann", "host": "here", "database": "shop", "text": "SELECT c FROM t WHERE name = ?", "took": 1.0, "planning": .001, "shards": 1.0,
		"rows_shipped": 1.0, "rows_returned": 1.0, "bytes": 200.0, "error": 1205.0, "pins": "ds_0 in transaction", "trace_id": "abc",
		"transaction": "h1-0001-0000000a-000000000003-0000000001",
		"opcode":      "single", "connection": 7.0, "digest": m.Digests.List()[0].Digest,
	} {
		if got[0][field] != want {
			t.Errorf("%s is %v, not %v", field, got[0][field], want)
		}
	}
	if text, _ := os.ReadFile(path); strings.Contains(string(text), "secret") {
		t.Errorf("a value is in the log: %s", text)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	x.Began = time.Unix(2000, 0)
	set(SlowSettings{Threshold: time.Millisecond, Full: true})
	m.Ended(x)
	if got := lines(t, path); len(got) != 1 || got[0]["statement"] != string(x.Text) {
		t.Errorf("after the file was moved away: %v", got)
	}
	if err := m.Slow.Set(SlowSettings{Threshold: 1, File: filepath.Join(path, "no")}); err == nil {
		t.Error("a file that cannot be opened is accepted")
	}
	if err := m.Slow.Close(); err != nil {
		t.Fatal(err)
	}
	m.Ended(x)
	if got := lines(t, path); len(got) != 1 {
		t.Errorf("after the end: %v", got)
	}
}
