package rpc

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A client that leaves ends the call that waits for its answer; one that only has nothing more to send does not.
func TestClientsThatLeave(t *testing.T) {
	t.Run("to HTTP/1", func(t *testing.T) {
		clientsLeave(t, func(h http.HandlerFunc) string { return to(backend(t, h)) })
	})
	t.Run("to HTTP/2", func(t *testing.T) {
		clientsLeave(t, func(h http.HandlerFunc) string { addr, _ := backend2(t, h); return to2(addr) })
	})
}

func clientsLeave(t *testing.T, document func(http.HandlerFunc) string) {
	t.Helper()
	begun, over, release := make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{})
	routes := document(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		begun <- struct{}{}
		select {
		case <-r.Context().Done():
			over <- struct{}{}
		case <-release:
			_, _ = io.WriteString(w, "late")
		}
	})
	addr, srv, w := proxy(t, testSettings, routes)
	call := func(head string) net.Conn {
		c := dial(t, addr)
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		if _, err := io.WriteString(c, head); err != nil {
			t.Fatal(err)
		}
		<-begun
		return c
	}
	for what, leave := range map[string]func(net.Conn){
		"closes": func(c net.Conn) { _ = c.Close() },
		"resets": func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); _ = c.Close() },
	} {
		for _, head := range []string{
			"GET / HTTP/1.1\r\nhost: x\r\n\r\n", "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbody",
			"GET /1 HTTP/1.1\r\nhost: x\r\n\r\nGET /2 HTTP/1.1\r\nhost: x\r\n\r\n",
		} {
			c := call(head)
			leave(c)
			select {
			case <-over:
			case <-time.After(30 * time.Second): // the call's time is twice that
				t.Fatalf("a client %s, and its call goes on: %q", what, head)
			}
		}
	}
	eventually(t, "the calls are told of", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.calls) == 6 })
	for i := range w.calls {
		if d := &w.calls[i]; d.Why != "the client has left" || d.Status != 0 {
			t.Errorf("told %+v", d)
		}
	}
	if v := srv.Clusters()["web"].Views()[0]; v.State != "up" {
		t.Errorf("the server is %+v", v)
	}

	c := call("GET / HTTP/1.1\r\nhost: x\r\n\r\n")
	_ = c.(*net.TCPConn).CloseWrite()
	in := bufio.NewReader(c)
	if line, err := in.ReadString('\n'); line != "HTTP/1.1 102 Processing\r\n" {
		t.Errorf("a client that has ended its side is asked %q, %v", line, err)
	}
	close(release)
	rest, err := io.ReadAll(in)
	if err != nil || !strings.HasPrefix(string(rest), "\r\nHTTP/1.1 200 ") || !strings.HasSuffix(string(rest), "late") {
		t.Errorf("it is answered %q, %v", rest, err)
	}
}
