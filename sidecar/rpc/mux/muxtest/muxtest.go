// Package muxtest serves protocols of messages, for tests of what relays them. Level: sidecar/rpc.
package muxtest

import (
	"net"
	"sync"

	"github.com/heddle-mesh/heddle/sidecar/rpc/mux"
)

// Longest is how long a message may be.
const Longest = 64 << 20

// Serve has answer answer each message of each connection, in a goroutine of the connection's, until l is closed; what it returns
// is written together with what answers the messages that came along.
func Serve[F ~[]byte](l net.Listener, split mux.Split[F], answer func(out []byte, f F) []byte) {
	var mu sync.Mutex
	conns := map[net.Conn]bool{}
	for {
		c, err := l.Accept()
		if err != nil {
			mu.Lock()
			defer mu.Unlock()
			for c := range conns {
				_ = c.Close() // its end is the test's
			}
			return
		}
		mu.Lock()
		conns[c] = true
		mu.Unlock()
		go func() {
			_ = serve(c, split, answer) // however it ends
			_ = c.Close()
		}()
	}
}

func serve[F ~[]byte](c net.Conn, split mux.Split[F], answer func(out []byte, f F) []byte) error {
	r := mux.NewReader(c, split, Longest, nil)
	defer r.Release()
	var out []byte
	for {
		f, err := r.Next()
		if err != nil {
			return err
		}
		if f != nil {
			out = answer(out, f)
			continue
		}
		if len(out) > 0 {
			if _, err := c.Write(out); err != nil {
				return err
			}
			out = out[:0]
		}
		if err := r.More(); err != nil {
			return err
		}
	}
}
