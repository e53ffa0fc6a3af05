package observe

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/sidecar/rpc"
)

func TestTapFilter(t *testing.T) {
	d := &rpc.Done{Route: "api", Cluster: "shop", Endpoint: "10.0.0.1:80", Method: "GET", Path: "/orders/7", Status: 503, Took: 20 * time.Millisecond, Identity: "spiffe://mesh/a"}
	for query, admits := range map[string]bool{
		"": true, "route=api": true, "route=other": false, "cluster=shop&endpoint=10.0.0.1:80": true, "cluster=shop&endpoint=10.0.0.2:80": false,
		"path=/orders": true, "path=/orders/8": false, "status=503": true, "status=5xx": true, "status=failed": true, "status=404": false, "status=2xx": false,
		"slower=20ms": true, "slower=21ms": false, "identity=spiffe://mesh/a": true, "method=POST": false,
	} {
		r := httptest.NewRequest(http.MethodGet, "/mesh/tap?"+query, nil)
		f, err := readTapFilter(r.URL.Query())
		if err != nil {
			t.Fatal(query, err)
		}
		if f.admits(d) != admits {
			t.Errorf("%q admits the call: %v", query, !admits)
		}
		back, err := readTapFilter(f.Query())
		if err != nil || *back != *f {
			t.Errorf("%q is %+v, and then %+v, %v", query, f, back, err)
		}
	}
	for _, query := range []string{"status=5", "status=5x0", "status=abc", "slower=soon", "colour=red"} {
		if _, err := readTapFilter(httptest.NewRequest(http.MethodGet, "/mesh/tap?"+query, nil).URL.Query()); err == nil {
			t.Errorf("%q is no filter", query)
		}
	}
	if silent := (&TapFilter{Status: "failed"}); !silent.admits(&rpc.Done{}) || silent.admits(&rpc.Done{Status: 404}) {
		t.Error("failed are those of 5xx, and those whose client was told nothing")
	}
}

// A reader that does not read holds up no call: what it misses is counted, and it is told.
func TestTapDoesNotWait(t *testing.T) {
	c := newCalls()
	srv := httptest.NewServer(http.HandlerFunc(c.taps.serve))
	defer srv.Close()
	defer c.taps.end()
	res, err := http.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	one := (*c.taps.all.Load())[0]
	const first = 4 * tapRoom
	for range first {
		c.Call(&rpc.Done{Route: "r", Cluster: "c", Status: 200})
	}
	for one.missed.Load() == 0 { // the socket's buffers take much
		c.Call(&rpc.Done{Route: "r", Cluster: "c", Status: 200, Path: "/a-long-path-that-fills-the-buffers-of-sockets-soon"})
	}
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		var told Tapped
		if err := json.Unmarshal(lines.Bytes(), &told); err != nil {
			t.Fatal(err)
		}
		if told.Missed > 0 {
			return
		}
	}
	t.Fatal("nobody was told of what was missed", lines.Err())
}

func TestTapsAreFew(t *testing.T) {
	c := newCalls()
	srv := httptest.NewServer(http.HandlerFunc(c.taps.serve))
	defer srv.Close()
	for range mostTaps {
		res, err := http.Get(srv.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
	}
	res, err := http.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _ = res.Body.Close(); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one too many is answered %d", res.StatusCode)
	}
	c.taps.end()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); c.taps.all.Load() != nil; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("they are told nothing more, and stay")
		}
	}
}
