// Package dubbotest makes frames of Dubbo, and serves them, for tests of what reads and relays them. Level: sidecar/rpc.
package dubbotest

import (
	"encoding/binary"
	"net"

	"github.com/heddle-mesh/heddle/sidecar/rpc/dubbo"
	"github.com/heddle-mesh/heddle/sidecar/rpc/mux/muxtest"
)

// Call is what a request says. The zero value of what is text is "".
type Call struct {
	ID                    uint64
	Oneway                bool
	Path, Version, Method string
	Types                 string // of the parameters
	Arguments             []byte // in Hessian 2
	Attachments           []byte // as Map makes them; nil: null
}

// Append writes the frame.
func (c Call) Append(out []byte) []byte {
	flags := byte(0xc0 | dubbo.Hessian2)
	if c.Oneway {
		flags = 0x80 | dubbo.Hessian2
	}
	var body []byte
	for _, s := range []string{"2.0.2", c.Path, c.Version, c.Method, c.Types} {
		body = Text(body, s)
	}
	body = append(body, c.Arguments...)
	if c.Attachments == nil {
		body = append(body, 'N')
	}
	return Frame(out, flags, 0, c.ID, append(body, c.Attachments...))
}

// Frame writes a frame with that head and body.
func Frame(out []byte, flags byte, s dubbo.Status, id uint64, body []byte) []byte {
	out = append(out, 0xda, 0xbb, flags, byte(s))
	out = binary.BigEndian.AppendUint64(out, id)
	return append(binary.BigEndian.AppendUint32(out, uint32(len(body))), body...)
}

// Text writes a string of less than 1,024 characters of ASCII.
func Text(out []byte, s string) []byte {
	if len(s) < 32 {
		out = append(out, byte(len(s)))
	} else {
		out = append(out, 0x30+byte(len(s)>>8), byte(len(s)))
	}
	return append(out, s...)
}

// Map writes keys and values that are texts.
func Map(pairs ...string) []byte {
	out := []byte{'H'}
	for _, s := range pairs {
		out = Text(out, s)
	}
	return append(out, 'Z')
}

// Serve has answer answer each frame of each connection, as bolttest's does.
func Serve(l net.Listener, answer func(out []byte, f dubbo.Frame) []byte) {
	muxtest.Serve(l, dubbo.Split, answer)
}

// Echo answers a call with what it was asked, and a heartbeat; nothing to what wants no answer.
func Echo(out []byte, f dubbo.Frame) []byte {
	if !f.Request() || !f.TwoWay() {
		return out
	}
	if f.Event() {
		return f.AppendBeat(out)
	}
	return Frame(out, dubbo.Hessian2, dubbo.OK, f.ID(), f.Body())
}
