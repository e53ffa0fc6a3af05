package rpc

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/sidecar/rpc/mux"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// Callers say in several spellings which trace a call is of. Its server finds the call's span in all those of B3 that came, beside W3C's, whatever either
// end speaks; SkyWalking's stays as it is.
func TestSpellingsOfTraces(t *testing.T) {
	const trace, span = "5bd66ef5095369c7b0d1f8f4bd33716a", "c532cb4098ac3dd2"
	const parent, segment = "00-" + trace + "-" + span + "-01", "NTZhNWUxYzUxOWFlNGM3NmEyYjhiMTFkOTJjZWFkN2Y="
	const sw8 = "1-" + segment + "-" + segment + "-0-YQ==-YQ==-YQ==-YQ=="
	seen := make(chan http.Header, 1)
	h := func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header }
	two, _ := backend2(t, h)
	r := &traced{}
	addr, _, _ := proxyTraced(t, testSettings, fmt.Sprintf("clusters: {one: {endpoints: [%q]}, two: {protocol: http2, endpoints: [%q]}}\n"+
		"routes: [{path: {exact: /one}, to: one}, {path: {exact: /two}, to: two}]\n", backend(t, h), two), r)
	own := r.Parent()
	for _, c := range []struct {
		name   string
		sent   map[string]string
		parent string
		want   map[string]string // "": it is not there
	}{
		{"one field of B3", map[string]string{b3Header: trace + "-" + span + "-1"}, parent,
			map[string]string{parentHeader: own, b3Header: own[3:53] + "1", b3Trace: ""}},
		{"several fields of B3", map[string]string{"X-B3-TraceId": trace, "X-B3-SpanId": span, "X-B3-ParentSpanId": span, "X-B3-Sampled": "1"}, parent,
			map[string]string{parentHeader: own, b3Trace: own[3:35], b3Span: own[36:52], b3Sampled: "1", b3Above: "", b3Header: ""}},
		{"W3C's before others", map[string]string{parentHeader: parent, b3Header: "0", sw8Header: sw8}, parent,
			map[string]string{parentHeader: own, b3Header: own[3:53] + "1", sw8Header: sw8}},
		{"SkyWalking's", map[string]string{sw8Header: sw8}, "00-56a5e1c519ae4c76a2b8b11d92cead7f-f41d50d88b60e109-01",
			map[string]string{parentHeader: own, sw8Header: sw8, b3Header: ""}},
		{"what is none", map[string]string{b3Header: "nonsense"}, "", map[string]string{parentHeader: own, b3Header: own[3:53] + "1"}},
	} {
		for _, by := range []struct {
			client *http.Client
			path   string
		}{{client2(t), "/one"}, {client2(t), "/two"}, {http.DefaultClient, "/one"}, {http.DefaultClient, "/two"}} {
			q, _ := http.NewRequest("GET", "http://"+addr+by.path, nil)
			for name, value := range c.sent {
				q.Header.Set(name, value)
			}
			res, err := by.client.Do(q)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			got := <-seen
			for name, value := range c.want {
				if values := got.Values(name); value == "" && values != nil || value != "" && !slices.Equal(values, []string{value}) {
					t.Errorf("%s, to %s: the server got %s %q, not %q", c.name, by.path, name, values, value)
				}
			}
			r.mu.Lock()
			if last := r.parents[len(r.parents)-1]; last != c.parent {
				t.Errorf("%s: its caller is %q, not %q", c.name, last, c.parent)
			}
			r.mu.Unlock()
		}
	}
}

// Likewise with protocols of frames, under whatever key these have the trace.
func TestSpellingsOfTracesInFrames(t *testing.T) {
	r := &traced{}
	own := r.Parent()
	for _, c := range []struct {
		key   string
		tells bool
		want  string
	}{
		{parentHeader, true, "a=1 sw8=x traceparent=" + own + " b3=" + own[3:53] + "1"},
		{"tp", true, "a=1 sw8=x tp=" + own + " b3=" + own[3:53] + "1"},
		{"", true, "a=1 B3=old sw8=x traceparent=old"},
		{parentHeader, false, "a=1 B3=old sw8=x traceparent=old"},
	} {
		x := &framedCall{parent: c.key, tells: c.tells}
		x.trace, x.spelt, x.route = r, inB3, &route.Route{Rule: &route.Rule{}}
		var got []byte
		for _, p := range []mux.Pair{{Key: []byte("a"), Value: []byte("1")}, {Key: []byte("B3"), Value: []byte("old")}, {Key: []byte("sw8"), Value: []byte("x")}, {Key: []byte(parentHeader), Value: []byte("old")}} {
			if !x.drops(&p) {
				got = append(append(append(append(got, p.Key...), '='), p.Value...), ' ')
			}
		}
		got = x.appendOwn(got, func(out []byte, key, value string) []byte { return append(out, key+"="+value+" "...) })
		if strings.TrimSpace(string(got)) != c.want {
			t.Errorf("under %q the server gets %s", c.key, got)
		}
	}
}
