// Package bolttest makes frames of SOFA Bolt, and serves them, for tests of what reads and relays them. Level: sidecar/rpc.
package bolttest

import (
	"encoding/binary"
	"net"

	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt"
	"github.com/heddle-mesh/heddle/sidecar/rpc/mux/muxtest"
)

// Message is what a frame says. The zero value is an answer of version 1.
type Message struct {
	Two, Checked bool // version 2, with a checksum
	Type         byte
	Heartbeat    bool
	ID           uint32
	Timeout      int32
	Status       bolt.Status
	Class        string
	Header       []byte
	Content      []byte
}

// Append writes the frame.
func (m Message) Append(out []byte) []byte {
	from := len(out)
	if m.Two {
		out = append(out, bolt.V2, 1)
		if m.Checked {
			out[from+1] = 2
		}
	} else {
		out = append(out, bolt.V1)
	}
	command := byte(1)
	switch {
	case m.Heartbeat:
		command = 0
	case m.Type == bolt.Answer:
		command = 2
	}
	out = append(out, m.Type, 0, command, 1)
	out = binary.BigEndian.AppendUint32(out, m.ID)
	out = append(out, 1)
	if m.Two {
		out = append(out, 0)
		if m.Checked {
			out[len(out)-1] = 1
		}
	}
	if m.Type == bolt.Answer {
		out = binary.BigEndian.AppendUint16(out, uint16(m.Status))
	} else {
		out = binary.BigEndian.AppendUint32(out, uint32(m.Timeout))
	}
	out = binary.BigEndian.AppendUint16(out, uint16(len(m.Class)))
	out = binary.BigEndian.AppendUint16(out, uint16(len(m.Header)))
	out = binary.BigEndian.AppendUint32(out, uint32(len(m.Content)))
	out = append(append(append(out, m.Class...), m.Header...), m.Content...)
	if m.Two && m.Checked {
		out = append(out, 0, 0, 0, 0)
	}
	bolt.Frame(out[from:]).Seal()
	return out
}

// Map is a header.
func Map(pairs ...string) (header []byte) {
	for i := 0; i+1 < len(pairs); i += 2 {
		header = bolt.AppendPair(header, pairs[i], pairs[i+1])
	}
	return header
}

// Serve has answer answer each frame of each connection, as muxtest's does.
func Serve(l net.Listener, answer func(out []byte, f bolt.Frame) []byte) {
	muxtest.Serve(l, bolt.Split, answer)
}

// Echo answers a request with its header and its content, as the same version; nothing to what wants no answer.
func Echo(out []byte, f bolt.Frame) []byte {
	if f.Heartbeat() {
		return f.AppendAnswer(out, bolt.Success)
	}
	if f.Type() != bolt.Request {
		return out
	}
	return Message{Two: f[0] == bolt.V2, Checked: f.Checked(), ID: f.ID(), Class: string(f.Class()), Header: f.Header(), Content: f.Content()}.Append(out)
}
