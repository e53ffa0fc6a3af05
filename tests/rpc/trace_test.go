package rpc

import (
	"net/http"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/tests/harness/otlp"
)

// One trace shows the call, the statement that it led to, and each of its shards.
func TestOneTraceFromTheCallToTheShards(t *testing.T) {
	collector, err := otlp.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(collector.Close)
	m := start(t, "routes: [{respond: {status: 200}}]", "tracing.endpoint", collector.Addr())
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
	const want = `GET all
  statement
    parse and plan
    shard ds_0
    shard ds_1
`
	var got strings.Builder
	eventually(t, "the spans of a call", func() bool {
		roots, n := collector.Trace(trace)
		got.Reset()
		otlp.Print(&got, roots, func(s *otlp.Span) string { return s.Name })
		return n == strings.Count(want, "\n")
	})
	if got.String() != want {
		t.Errorf("the trace is\n%s", got.String())
	}
	if _, n := collector.Trace(unsampled); n > 0 {
		t.Errorf("a call that is not sampled is traced: %d spans", n)
	}
}
