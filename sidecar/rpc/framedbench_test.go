package rpc

import (
	"net"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt"
	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt/bolttest"
	"github.com/heddle-mesh/heddle/sidecar/rpc/dubbo"
	"github.com/heddle-mesh/heddle/sidecar/rpc/dubbo/dubbotest"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// windowed has 64 requests at a time go through a proxy, on one connection, and waits for the answers to all of them.
func windowed(b *testing.B, serve func(net.Listener), routes string, question []byte, answer int) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go serve(l)
	d, err := route.Parse([]byte("clusters: {stock: {" + routes + ", endpoints: [\"" + l.Addr().String() + "\"]}}\nroutes: [{path: {prefix: /stock}, to: stock, timeout: 1m}]"))
	if err != nil {
		b.Fatal(err)
	}
	s, err := New(route.Compile(d), testSettings, nobody{}, nil, zap.NewNop())
	if err != nil {
		b.Fatal(err)
	}
	in, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = s.Serve(in, testListener) }()
	c, err := net.Dial("tcp", in.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close(); _ = s.Shutdown(b.Context()) })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	const window = 64
	var all []byte
	for range window {
		all = append(all, question...)
	}
	p := make([]byte, 64<<10)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(all); err != nil {
			b.Fatal(err)
		}
		for left := window * answer; left > 0; {
			n, err := c.Read(p)
			if err != nil {
				b.Fatal(err)
			}
			left -= n
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/window, "ns/call")
}

func BenchmarkBolt(b *testing.B) {
	m := bolttest.Message{Type: bolt.Request, ID: 7, Timeout: 60_000, Class: "com.shop.Ask", Header: bolttest.Map("sofa_head_target_service", "stock", "sofa_head_method_name", "ask"), Content: make([]byte, 100)}
	answer := bolt.Frame(m.Append(nil)).AppendAnswer(nil, bolt.Success)
	windowed(b, func(l net.Listener) {
		bolttest.Serve(l, func(out []byte, f bolt.Frame) []byte { return f.AppendAnswer(out, bolt.Success) })
	}, "protocol: bolt", m.Append(nil), len(answer))
}

func BenchmarkDubbo(b *testing.B) {
	q := dubbotest.Call{ID: 7, Path: "stock", Version: "1.0.0", Method: "ask", Types: "[B", Arguments: append([]byte{'B', 0, 100}, make([]byte, 100)...),
		Attachments: dubbotest.Map("path", "stock", "interface", "stock", "version", "1.0.0", "timeout", "60000")}
	windowed(b, func(l net.Listener) {
		dubbotest.Serve(l, func(out []byte, f dubbo.Frame) []byte {
			return dubbotest.Frame(out, dubbo.Hessian2, dubbo.OK, f.ID(), []byte{0x92})
		})
	}, "protocol: dubbo", q.Append(nil), 17)
}
