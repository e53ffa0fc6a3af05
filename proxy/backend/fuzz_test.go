package backend

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/proxy/wire/wiretest"
)

// FuzzServer has a server say anything at all to a login, a statement, and a preparation: they must end, without
// panic, and never report success of a statement that had no answer.
func FuzzServer(f *testing.F) {
	packet := func(seq byte, p []byte) []byte {
		return append([]byte{byte(len(p)), byte(len(p) >> 8), byte(len(p) >> 16), seq}, p...)
	}
	greet := packet(0, greeting(wire.AuthCachingSha2, wiretest.ServerCaps).AppendPayload(nil, 0))
	ok := packet(2, (&wire.OK{Status: wire.StatusAutocommit}).AppendPayload(nil, wiretest.ServerCaps))
	f.Add(greet)
	f.Add(append(append(greet[:len(greet):len(greet)], packet(2, []byte{1, wire.Sha2FastOK})...), ok...))
	in := append(greet[:len(greet):len(greet)], ok...)
	f.Add(append(in[:len(in):len(in)], packet(1, []byte{0xff, 0x28, 4, '#', '4', '2', '0', '0', '0', 'x'})...))
	f.Add(append(in[:len(in):len(in)], packet(1, []byte{3})...))
	f.Add(append(in[:len(in):len(in)], packet(1, []byte{0xfb, 'f'})...))
	f.Add(append(append(in[:len(in):len(in)], ok...), packet(1, []byte{0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0})...))
	f.Fuzz(func(t *testing.T, said []byte) {
		ds := testSource("ds", "x:1", Limits{ConnectTimeout: 5 * time.Second})
		ds.Limits = ds.Limits.withDefaults()
		d := newDialer(wire.NewPool(0), func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() {
				go func() { _, _ = io.Copy(io.Discard, theirs) }() // ends with the connection
				_, _ = theirs.Write(said)
				_ = theirs.Close()
			}()
			return ours, nil
		}, zeroReader{})
		c, err := d.connect(context.Background(), &ds, 0, "")
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		if _, _, err := c.QueryRows(context.Background(), "SELECT 1"); err == nil && c.Busy() {
			t.Error("an answer without an end")
		}
		if s, err := c.Prepare(context.Background(), "SELECT 1"); err == nil && s == nil {
			t.Error("neither statement nor error")
		}
	})
}
