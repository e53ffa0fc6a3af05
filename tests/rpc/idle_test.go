package rpc

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"testing"

	"golang.org/x/net/http2"

	"github.com/heddle-mesh/heddle/internal/certs"
	"github.com/heddle-mesh/heddle/internal/certs/certstest"
)

// heap is how many bytes the process holds, once what nothing holds has been collected.
func (m *mesh) heap() float64 {
	m.t.Helper()
	for range 3 { // pools forget what nobody has taken from one collection to the next
		get(m.t, "http://"+m.admin+"/debug/pprof/heap?gc=1")
	}
	_, metrics := get(m.t, "http://"+m.admin+"/metrics")
	found := regexp.MustCompile(`(?m)^go_memstats_heap_alloc_bytes (\S+)$`).FindStringSubmatch(metrics)
	if found == nil {
		m.t.Fatal("the process does not say what it holds")
	}
	bytes, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		m.t.Fatal(err)
	}
	return bytes
}

// ask1 makes a call of HTTP/1.1, and ask2 one of HTTP/2, on a connection that stays.
func ask1(c net.Conn) error {
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nhost: x\r\n\r\n"); err != nil {
		return err
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err == nil {
		_, err = io.Copy(io.Discard, res.Body)
	}
	return err
}

func ask2(c net.Conn) error {
	f := http2.NewFramer(c, c)
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		return err
	}
	if err := f.WriteSettings(); err != nil {
		return err
	}
	get := []byte{0x82, 0x86, 0x84, 0x41, 1, 'x'} // GET http / x, by the tables of HPACK
	if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndStream: true, EndHeaders: true, BlockFragment: get}); err != nil {
		return err
	}
	for {
		frame, err := f.ReadFrame()
		if err != nil || frame.Header().StreamID == 1 && frame.Header().Flags.Has(http2.FlagDataEndStream) {
			return err
		}
	}
}

// Connections that nothing is done on hold no buffers, whatever they have carried. What the library has of TLS comes on top.
func TestIdleConnectionsHoldLittle(t *testing.T) {
	a := certstest.New(t)
	cert, key := a.Issue(t, "proxy", certstest.Leaf{Name: "127.0.0.1"})
	roots, err := certs.Authorities(a.File)
	if err != nil {
		t.Fatal(err)
	}
	m := start(t, routes(server(t, says("a"))), "rpc.tls.cert", cert, "rpc.tls.key", key, "rpc.idle_timeout", "10m", "rpc.log", "none")
	for _, c := range []struct {
		name string
		tls  *tls.Config
		ask  func(net.Conn) error
		most float64 // bytes each
	}{
		{"nothing has come", nil, func(net.Conn) error { return nil }, 8 << 10},
		{"HTTP/1", nil, ask1, 8 << 10},
		{"HTTP/2", nil, ask2, 12 << 10},
		{"HTTP/1 by TLS", &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", NextProtos: []string{"http/1.1"}}, ask1, 16 << 10},
		{"HTTP/2 by TLS", &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", NextProtos: []string{"h2"}}, ask2, 20 << 10},
	} {
		open := func() net.Conn {
			conn, err := net.Dial("tcp", m.addr)
			if err == nil && c.tls != nil {
				conn = tls.Client(conn, c.tls)
			}
			if err == nil {
				err = c.ask(conn)
			}
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			return conn
		}
		first := open() // has all be made that is there once
		defer first.Close()
		before := m.heap()
		const connections = 400
		for range connections {
			defer open().Close()
		}
		eventually(t, fmt.Sprintf("%s: each of %d connections holds less than %.0f bytes", c.name, connections, c.most), func() bool {
			return m.heap()-before < connections*c.most
		})
		t.Logf("%s: %.0f bytes each", c.name, (m.heap()-before)/connections)
	}
}
