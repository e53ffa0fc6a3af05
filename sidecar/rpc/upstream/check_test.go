package upstream

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt"
	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt/bolttest"
	"github.com/heddle-mesh/heddle/sidecar/rpc/dubbo"
	"github.com/heddle-mesh/heddle/sidecar/rpc/dubbo/dubbotest"
	"github.com/heddle-mesh/heddle/sidecar/rpc/mux/muxtest"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
	"github.com/heddle-mesh/heddle/sidecar/rpc/xprotocol"
)

// A server of a protocol of frames is checked by what it says to a heartbeat.
func TestHeartbeats(t *testing.T) {
	type serve func(net.Listener)
	ofBolt := func(answer func(out []byte, f bolt.Frame) []byte) serve {
		return func(l net.Listener) { bolttest.Serve(l, answer) }
	}
	ofDubbo := func(answer func(out []byte, f dubbo.Frame) []byte) serve {
		return func(l net.Listener) { dubbotest.Serve(l, answer) }
	}
	described, problems := xprotocol.Compile("x-stock", xprotocol.Rule{Magic: "ca", Head: 8, Lengths: []xprotocol.Length{{At: 7, Width: 1, Of: "body"}}, ID: xprotocol.Field{At: 3, Width: 4},
		Kind:   xprotocol.Kind{At: 1, Width: 1, Request: []uint64{1}, Answer: []uint64{2}, Heartbeat: []uint64{3}, HeartbeatAnswer: []uint64{4}},
		Status: xprotocol.Status{At: 2, Width: 1, Failed: 1}})
	if described == nil {
		t.Fatal(problems)
	}
	ofDescribed := func(answer func(out []byte, id uint64) []byte) serve {
		return func(l net.Listener) {
			muxtest.Serve(l, described.Split, func(out []byte, f []byte) []byte {
				if described.Kind(f) != xprotocol.Heartbeat {
					return out
				}
				return answer(out, described.ID(f))
			})
		}
	}
	for what, c := range map[string]struct {
		protocol string
		serve    serve
		wrong    string
	}{
		"well":          {route.Bolt, ofBolt(bolttest.Echo), ""},
		"a status":      {route.Bolt, ofBolt(func(out []byte, f bolt.Frame) []byte { return f.AppendAnswer(out, bolt.Busy) }), "answered with status 4"},
		"another frame": {route.Bolt, ofBolt(func(out []byte, f bolt.Frame) []byte { return bolttest.Message{ID: f.ID()}.Append(out) }), "is none"},
		"no frame":      {route.Bolt, ofBolt(func(out []byte, _ bolt.Frame) []byte { return append(out, "HTTP/1.1 400 Bad Request\r\n\r\n"...) }), "none of Bolt"},
		"nothing":       {route.Bolt, ofBolt(func(out []byte, _ bolt.Frame) []byte { return out }), "no answer"},

		"Dubbo, well":          {route.Dubbo, ofDubbo(dubbotest.Echo), ""},
		"Dubbo, its own first": {route.Dubbo, ofDubbo(func(out []byte, f dubbo.Frame) []byte { return f.AppendBeat(dubbo.AppendHeartbeat(out, 9)) }), ""},
		"Dubbo, a status":      {route.Dubbo, ofDubbo(func(out []byte, f dubbo.Frame) []byte { return dubbotest.Frame(out, 0x22, 80, f.ID(), []byte("N")) }), "answered with status 80"},
		"Dubbo, another frame": {route.Dubbo, ofDubbo(func(out []byte, f dubbo.Frame) []byte { return dubbotest.Frame(out, 2, dubbo.OK, f.ID(), []byte("N")) }), "is none"},
		"Dubbo, no frame":      {route.Dubbo, ofDubbo(func(out []byte, _ dubbo.Frame) []byte { return append(out, "HTTP/1.1 400 Bad Request\r\n\r\n"...) }), "no frame of Dubbo"},
		"Dubbo, it ends":       {route.Dubbo, ofDubbo(func(out []byte, f dubbo.Frame) []byte { return f.AppendBeat(dubbo.AppendReadOnly(out)) }), "takes no more calls"},

		"described, well": {described.Name, ofDescribed(described.AppendBeat), ""},
		"described, a status": {described.Name, ofDescribed(func(out []byte, id uint64) []byte {
			b := described.AppendBeat(nil, id)
			b[2] = 9
			return append(out, b...)
		}), "a status that counts as 500"},
		"described, another":       {described.Name, ofDescribed(func(out []byte, id uint64) []byte { return described.AppendFailure(out, id, 404) }), "is none"},
		"described, its own first": {described.Name, ofDescribed(func(out []byte, id uint64) []byte { return described.AppendBeat(described.AppendHeartbeat(out, 9), id) }), ""},
		"described, no frame":      {described.Name, ofDescribed(func(out []byte, _ uint64) []byte { return append(out, "HTTP/1.1 400 Bad Request\r\n\r\n"...) }), "no frame of x-stock"},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			c.serve(l)
		}()
		e := &Endpoint{Address: l.Addr().String()}
		cluster := &Cluster{Protocol: c.protocol}
		if c.protocol == described.Name {
			cluster.Described = described
		}
		e.cluster.Store(cluster)
		k := (route.Check{Timeout: 30 * time.Second}).WithDefaults()
		if what == "nothing" {
			k.Timeout = 20 * time.Millisecond
		}
		err = e.ask(t.Context(), nil, &k)
		for what == "nothing" && err != nil && !strings.Contains(err.Error(), c.wrong) && k.Timeout < time.Minute {
			k.Timeout *= 2 // a busy machine has not come to ask in that time
			err = e.ask(t.Context(), nil, &k)
		}
		if c.wrong == "" && err != nil || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%s: %v", what, err)
		}
		_ = l.Close()
		<-ended
	}
}
