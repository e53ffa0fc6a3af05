package upstream

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt"
	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt/bolttest"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// A server of Bolt is checked by what it says to a heartbeat.
func TestHeartbeats(t *testing.T) {
	for what, c := range map[string]struct {
		answer func(out []byte, f bolt.Frame) []byte
		wrong  string
	}{
		"well":          {bolttest.Echo, ""},
		"a status":      {func(out []byte, f bolt.Frame) []byte { return f.AppendAnswer(out, bolt.Busy) }, "answered with status 4"},
		"another frame": {func(out []byte, f bolt.Frame) []byte { return bolttest.Message{ID: f.ID()}.Append(out) }, "is none"},
		"no frame":      {func(out []byte, _ bolt.Frame) []byte { return append(out, "HTTP/1.1 400 Bad Request\r\n\r\n"...) }, "none of Bolt"},
		"nothing":       {func(out []byte, _ bolt.Frame) []byte { return out }, "no answer"},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			bolttest.Serve(l, c.answer)
		}()
		e := &Endpoint{Address: l.Addr().String()}
		e.cluster.Store(&Cluster{Protocol: route.Bolt})
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
