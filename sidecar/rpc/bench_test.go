package rpc

import (
	"io"
	"net"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

const (
	benchCall   = "GET /orders/7?x=1 HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"
	benchAnswer = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
)

// answering answers every call alike, without a look at it.
func answering(tb testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				p := make([]byte, 4096)
				for {
					if _, err := c.Read(p); err != nil {
						return
					}
					if _, err := io.WriteString(c, benchAnswer); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

type nobody struct{}

func (nobody) Call(*Done)               {}
func (nobody) Connections(int)          {}
func (nobody) Fault(_, _, _ string)     {}
func (nobody) Barred(_, _, _, _ string) {}
func (nobody) Handshake(error)          {}
func (nobody) Mirrored(_, _, _ string)  {}

// calling returns what makes one call over a kept connection, through a proxy.
func calling(tb testing.TB) func() {
	d, err := route.Parse([]byte("clusters: {web: {endpoints: [\"" + answering(tb) + "\"]}}\nroutes: [{path: {exact: /}, respond: {status: 200}}, {path: {prefix: /orders}, to: web}]"))
	if err != nil {
		tb.Fatal(err)
	}
	s, err := New(route.Compile(d), testSettings, nobody{}, nil, zap.NewNop())
	if err != nil {
		tb.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	go func() { _ = s.Serve(l, testListener) }()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close(); _ = s.Shutdown(tb.Context()) })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	call, p := []byte(benchCall), make([]byte, 4096)
	return func() {
		if _, err := c.Write(call); err != nil {
			tb.Fatal(err)
		}
		if _, err := c.Read(p); err != nil {
			tb.Fatal(err)
		}
	}
}

func BenchmarkCall(b *testing.B) {
	call := calling(b)
	b.ReportAllocs()
	for b.Loop() {
		call()
	}
}

// A call that fits a buffer costs the allocations that its log line needs, and few beside.
func TestCallAllocations(t *testing.T) {
	call := calling(t)
	call()
	if n := testing.AllocsPerRun(500, call); n > 8 {
		t.Errorf("%v allocations a call", n)
	}
}
