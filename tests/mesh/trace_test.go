package mesh

import (
	"context"
	"encoding/hex"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// receiver is a collector of traces.
type receiver struct {
	collector.UnimplementedTraceServiceServer
	mu  sync.Mutex // guards all
	all []*spans.Span
}

func (r *receiver) Export(_ context.Context, req *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, resource := range req.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			r.all = append(r.all, scope.Spans...)
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// of are the spans of a trace, by name.
func (r *receiver) of(trace string) map[string]*spans.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string]*spans.Span{}
	for _, s := range r.all {
		if hex.EncodeToString(s.TraceId) == trace {
			out[s.Name] = s
		}
	}
	return out
}

func attribute(s *spans.Span, name string) string {
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
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{}
	server := grpc.NewServer()
	collector.RegisterTraceServiceServer(server, r)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() { server.Stop(); serving.Wait() })

	l := newLab(t, env.Etcd.Endpoint())
	db := l.open(l.start("traced", "", "tracing.endpoint", listener.Addr().String()))
	l.create(db)
	execAll(t, db, "INSERT INTO t (id, n) VALUES (1,10),(2,20),(3,30),(4,40),(5,50),(6,60)")

	shard := harness.Open(t, &mysql.Config{User: "root", Net: "tcp", Addr: env.Shards[0].Addr(), AllowNativePasswords: true})
	execAll(t, shard, "SET GLOBAL log_output = 'TABLE'", "SET GLOBAL general_log = 1")
	defer execAll(t, shard, "SET GLOBAL general_log = 0")

	const trace, parent, unsampled = "5bd66ef5095369c7b0d1f8f4bd33716a", "c532cb4098ac3dd2", "6bd66ef5095369c7b0d1f8f4bd33716a"
	query(t, db, "SELECT id FROM t WHERE n > 7 ORDER BY n /*route='%2Fx',traceparent='00-"+trace+"-"+parent+"-01'*/")
	query(t, db, "SELECT id FROM t WHERE n > 8 ORDER BY n /*traceparent='00-"+unsampled+"-"+parent+"-00'*/")
	query(t, db, "SELECT id FROM t WHERE n > 9 ORDER BY n")
	var got map[string]*spans.Span
	eventually(t, 20*time.Second, "the spans of a statement", func() bool {
		got = r.of(trace)
		return len(got) == 4
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
	if others := r.of(unsampled); len(others) != 0 {
		t.Errorf("a statement that is not sampled is traced: %v", others)
	}
	r.mu.Lock()
	if len(r.all) != 4 {
		t.Errorf("%d spans, of statements without a caller too", len(r.all))
	}
	r.mu.Unlock()
	want := "/*route='%2Fx',traceparent='00-" + trace + "-" + hex.EncodeToString(got["shard ds_0"].SpanId) + "-01'*/ SELECT"
	var seen int
	if err := shard.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM mysql.general_log WHERE argument LIKE CONCAT(?, '%')", strings.ReplaceAll(want, "%", `\%`)).Scan(&seen); err != nil || seen != 1 {
		t.Errorf("the server has seen %q %d times: %v", want, seen, err)
	}
}
