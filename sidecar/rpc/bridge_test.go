package rpc

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/heddle-mesh/heddle/sidecar/rpc/http1"
)

// duplex is one end of a connection of which each direction ends by itself.
type duplex struct {
	net.Conn // what comes
	out      net.Conn
}

func (d duplex) Write(b []byte) (int, error) { return d.out.Write(b) }
func (d duplex) CloseWrite() error           { return d.out.Close() }
func (d duplex) Close() error                { _ = d.out.Close(); return d.Conn.Close() }
func (d duplex) SetDeadline(t time.Time) error {
	_ = d.out.SetDeadline(t)
	return d.Conn.SetDeadline(t)
}
func (d duplex) SetWriteDeadline(t time.Time) error { return d.out.SetWriteDeadline(t) }

func duplexes() (a, b duplex) {
	r1, w1 := net.Pipe()
	r2, w2 := net.Pipe()
	return duplex{r1, w2}, duplex{r2, w1}
}

// bridged passes on between two ends, one hour of silence long. ended has what came of it.
func bridged() (client, server duplex, ended chan error) {
	client, near := duplexes()
	far, server := duplexes()
	s := &Server{}
	s.settings.Store(&Settings{Silence: time.Minute})
	ended = make(chan error, 1)
	go func() {
		ended <- (&call{server: s}).bridge(http1.NewConn(near), http1.NewConn(far), time.Hour)
		_ = near.Close()
		_ = far.Close()
	}()
	return client, server, ended
}

// passes has text go from one end to the other.
func passes(t *testing.T, from io.Writer, to io.Reader, text string) {
	t.Helper()
	sent := make(chan error, 1)
	go func() { _, err := io.WriteString(from, text); sent <- err }()
	got := make([]byte, len(text))
	if _, err := io.ReadFull(to, got); err != nil || string(got) != text || <-sent != nil {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestSilenceEndsBothDirections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server, ended := bridged()
		began := time.Now()
		for range 3 { // either direction keeps both
			time.Sleep(50 * time.Minute)
			passes(t, client, server, "asked")
			time.Sleep(50 * time.Minute)
			passes(t, server, client, "answered")
		}
		for _, end := range []duplex{client, server} {
			if n, err := end.Read(make([]byte, 1)); n > 0 || err == nil {
				t.Errorf("%d bytes, %v", n, err)
			}
		}
		if err := <-ended; err == nil || !strings.Contains(err.Error(), "neither end sent anything for 1h0m0s") {
			t.Error(err)
		}
		if took := time.Since(began); took != 6*time.Hour {
			t.Errorf("they lasted for %v", took)
		}
	})
}

func TestHalfEndedConnectionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server, ended := bridged()
		passes(t, client, server, "all that there is")
		if err := client.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if _, err := server.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the server is not told: %v", err)
		}
		for range 3 {
			time.Sleep(50 * time.Second)
			passes(t, server, client, "an answer that comes slowly")
		}
		began := time.Now()
		if err := <-ended; err == nil || !strings.Contains(err.Error(), "neither end sent anything for 1m0s") {
			t.Error(err)
		}
		if took := time.Since(began); took != time.Minute {
			t.Errorf("it waited for %v", took)
		}
		_ = client.Close()
		_ = server.Close()
	})
}

func TestConnectionThatEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server, ended := bridged()
		passes(t, server, client, "hello")
		_ = client.CloseWrite()
		_ = server.CloseWrite()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Hour) // nothing is left that goes off
		_ = client.Close()
		_ = server.Close()
	})
}

// The bound is the cluster's, and how long connections last is not how long calls take.
func TestSilentConnectionOfACluster(t *testing.T) {
	server := greeter(t)
	settings := testSettings
	settings.Protocols = map[string][]string{testListener: {"tcp"}}
	addr, _, w := proxy(t, settings, fmt.Sprintf("clusters: {any: {protocol: tcp, idle_timeout: 300ms, endpoints: [%q]}}\nroutes: [{to: any}]\n", server))
	c := dial(t, addr)
	r := bufio.NewReader(c)
	began := time.Now()
	if line, err := r.ReadString('\n'); err != nil || line != "hello\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if rest, err := io.ReadAll(r); len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
	silent := time.Since(began)
	if d := w.nth(t, 1); d.Status != 200 || !strings.Contains(d.Why, "neither end sent anything for 300ms") || d.Took < 300*time.Millisecond ||
		d.Counted() != d.Connected || d.Connected <= 0 || d.Took-d.Connected < 300*time.Millisecond {
		t.Errorf("after %v: %+v", silent, d)
	}
}
