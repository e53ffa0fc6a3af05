package rpc

import (
	"context"
	"encoding/hex"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
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

// tree is the spans of a trace as names, each with those above it: "GET all > statement > shard ds_0".
func (r *receiver) tree(trace string) map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	byID := map[string]*spans.Span{}
	for _, s := range r.all {
		if hex.EncodeToString(s.TraceId) == trace {
			byID[string(s.SpanId)] = s
		}
	}
	out := map[string]bool{}
	for _, s := range byID {
		path := []string{s.Name}
		for above := byID[string(s.ParentSpanId)]; above != nil; above = byID[string(above.ParentSpanId)] {
			path = append([]string{above.Name}, path...)
		}
		out[strings.Join(path, " > ")] = true
	}
	return out
}

// One trace shows the call, the statement that it led to, and each of its shards.
func TestOneTraceFromTheCallToTheShards(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{}
	otlp := grpc.NewServer()
	collector.RegisterTraceServiceServer(otlp, r)
	var serving sync.WaitGroup
	serving.Go(func() { _ = otlp.Serve(listener) })
	t.Cleanup(func() { otlp.Stop(); serving.Wait() })

	m := start(t, "routes: [{respond: {status: 200}}]", "tracing.endpoint", listener.Addr().String())
	db := orders(t, m)
	service := server(t, func(w http.ResponseWriter, q *http.Request) {
		if _, err := db.ExecContext(q.Context(), "SELECT COUNT(*) FROM orders /*traceparent='"+q.Header.Get("traceparent")+"'*/"); err != nil {
			t.Error(err)
		}
	})
	m.write(routes(service))
	eventually(t, "the route is there", func() bool {
		res, err := http.Get("http://" + m.addr + "/")
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return len(res.Header.Get("Date")) > 0 // which only a server sends
	})
	const trace, caller, unsampled = "5bd66ef5095369c7b0d1f8f4bd33716a", "c532cb4098ac3dd2", "6bd66ef5095369c7b0d1f8f4bd33716a"
	for _, parent := range []string{"00-" + trace + "-" + caller + "-01", "00-" + unsampled + "-" + caller + "-00"} {
		q, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+m.addr+"/count", nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("traceparent", parent)
		res, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	want := []string{"GET all", "GET all > statement", "GET all > statement > parse and plan", "GET all > statement > shard ds_0", "GET all > statement > shard ds_1"}
	var got map[string]bool
	eventually(t, "the spans of a call", func() bool { got = r.tree(trace); return len(got) == len(want) })
	for _, path := range want {
		if !got[path] {
			t.Errorf("no span %s in %v", path, got)
		}
	}
	if others := r.tree(unsampled); len(others) > 0 {
		t.Errorf("a call that is not sampled is traced: %v", others)
	}
}
