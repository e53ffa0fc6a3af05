package rpc

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// A server that answers 500, or not at all, is passed over; one that a caller did not wait for is not.
func TestFailingServersArePassedOver(t *testing.T) {
	good := backend(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "good") })
	for what, h := range map[string]http.HandlerFunc{
		"status 503":           func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
		"ended the connection": func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) },
	} {
		bad := backend(t, h)
		addr, srv, _ := proxy(t, testSettings, fmt.Sprintf(`
clusters: {web: {endpoints: [%q, %q], health: {eject: {failures: 2, for: 1h, longest: 1h}}}}
routes: [{to: web}]`, bad, good))
		wrong := 0
		for range 20 {
			if status, _ := get(t, "http://"+addr+"/"); status != 200 {
				wrong++
			}
		}
		v := srv.Clusters()["web"].Views()[0]
		if wrong != 2 || v.State != "suspect" || !strings.Contains(v.Why, "2 calls failed in a row") || !strings.Contains(v.Why, what) {
			t.Errorf("%d of 20 calls failed, and the server is %+v", wrong, v)
		}
	}
	release := make(chan struct{})
	slow := backend(t, func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	addr, srv, _ := proxy(t, testSettings, fmt.Sprintf("clusters: {web: {endpoints: [%q, %q], health: {eject: {failures: 1}}}}\nroutes: [{to: web}]", slow, mute(t)))
	for range 4 {
		say(t, addr, "GET / HTTP/1.1\r\nhost: x\r\n"+TimeoutHeader+": 20\r\n\r\n")
	}
	for _, v := range srv.Clusters()["web"].Views() {
		if v.State != "up" {
			t.Errorf("a server that nobody waited for is %+v", v)
		}
	}
}

// mute is a server that accepts and says nothing.
func mute(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// Where the breaker of the only server is open, calls are refused at once with the reason.
func TestBreakerRefusesAtOnce(t *testing.T) {
	addr, _, w := proxy(t, testSettings, fmt.Sprintf(`
clusters: {web: {endpoints: [%q], breaker: {failures: 100, calls: 3, window: 1h, open: 1h}}}
routes: [{to: web}]`, backend(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })))
	for range 3 {
		if status, _ := get(t, "http://"+addr+"/"); status != 500 {
			t.Errorf("before it opens: %d", status)
		}
	}
	if status, body := get(t, "http://"+addr+"/"); status != 503 || !strings.Contains(body, "breaker is open: 3 of 3 failed") {
		t.Errorf("while it is open: %d %q", status, body)
	}
	w.told(t, "the call is given to nobody", func(d *Done) bool { return d.Status == 503 && d.Endpoint == "" })
}
