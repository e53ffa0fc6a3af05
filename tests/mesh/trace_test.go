package mesh

import (
	"encoding/hex"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/heddle-mesh/heddle/tests/harness"
	"github.com/heddle-mesh/heddle/tests/harness/otlp"
)

// named are the spans of a trace, by name.
func named(roots []*otlp.Span) map[string]*otlp.Span {
	out := map[string]*otlp.Span{}
	for _, s := range roots {
		out[s.Name] = s
		maps.Copy(out, named(s.Below))
	}
	return out
}

func attribute(s *otlp.Span, name string) string {
	for _, a := range s.Attributes {
		if a.Key == name {
			return a.Value.GetStringValue()
		}
	}
	return ""
}

// A statement of a traced caller is a trace: the caller's span above it, its shards below, and their servers see which.
func TestTraces(t *testing.T) {
	t.Parallel()
	r, err := otlp.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)

	l := newLab(t, env.Etcd.Endpoint())
	db := l.open(l.start("traced", "", "tracing.endpoint", r.Addr()))
	l.create(db)
	execAll(t, db, "INSERT INTO t (id, n) VALUES (1,10),(2,20),(3,30),(4,40),(5,50),(6,60)")

	shard := harness.Open(t, &mysql.Config{User: "root", Net: "tcp", Addr: env.Shards[0].Addr(), AllowNativePasswords: true})
	execAll(t, shard, "SET GLOBAL log_output = 'TABLE'", "SET GLOBAL general_log = 1")
	defer execAll(t, shard, "SET GLOBAL general_log = 0")

	const trace, parent, unsampled = "5bd66ef5095369c7b0d1f8f4bd33716a", "c532cb4098ac3dd2", "6bd66ef5095369c7b0d1f8f4bd33716a"
	query(t, db, "SELECT id FROM t WHERE n > 7 ORDER BY n /*route='%2Fx',traceparent='00-"+trace+"-"+parent+"-01'*/")
	query(t, db, "SELECT id FROM t WHERE n > 8 ORDER BY n /*traceparent='00-"+unsampled+"-"+parent+"-00'*/")
	query(t, db, "SELECT id FROM t WHERE n > 9 ORDER BY n")
	var got map[string]*otlp.Span
	eventually(t, 20*time.Second, "the spans of a statement", func() bool {
		roots, n := r.Trace(trace)
		got = named(roots)
		return n == 4
	})
	root := got["statement"]
	if root == nil || hex.EncodeToString(root.ParentSpanId) != parent || attribute(root, "heddle.opcode") != "scatter" ||
		attribute(root, "db.query.text") != "SELECT id FROM t WHERE n > ? ORDER BY n" || attribute(root, "db.namespace") != l.database {
		t.Fatalf("the statement: %v", root)
	}
	for _, name := range []string{"parse and plan", "shard ds_0", "shard ds_1"} {
		s := got[name]
		if s == nil || string(s.ParentSpanId) != string(root.SpanId) || s.StartTimeUnixNano < root.StartTimeUnixNano || s.EndTimeUnixNano > root.EndTimeUnixNano || s.EndTimeUnixNano < s.StartTimeUnixNano {
			t.Errorf("%s: %v", name, s)
		}
	}
	if _, n := r.Trace(unsampled); n != 0 {
		t.Errorf("a statement that is not sampled is traced: %d spans", n)
	}
	if n := r.Spans(); n != 4 {
		t.Errorf("%d spans, of statements without a caller too", n)
	}
	want := "/*route='%2Fx',traceparent='00-" + trace + "-" + hex.EncodeToString(got["shard ds_0"].SpanId) + "-01'*/ SELECT"
	var seen int
	if err := shard.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM mysql.general_log WHERE argument LIKE CONCAT(?, '%')", strings.ReplaceAll(want, "%", `\%`)).Scan(&seen); err != nil || seen != 1 {
		t.Errorf("the server has seen %q %d times: %v", want, seen, err)
	}
}
