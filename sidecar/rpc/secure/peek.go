package secure

import (
	"bytes"
	"net"
)

// Peeked is a connection of which the first bytes have been read already.
type Peeked struct {
	net.Conn
	First []byte
}

// Peek waits for the first bytes of a connection and returns them, and whether it begins as TLS does: with a
// handshake's record (RFC 8446, section 5.1), which is no letter.
func Peek(c net.Conn) (first []byte, isTLS bool, err error) {
	var room [64]byte // many may wait here for what never comes
	n, err := c.Read(room[:])
	if n == 0 {
		return nil, false, err
	}
	return bytes.Clone(room[:n]), room[0] == 22, nil
}

// Read reads what has been peeked at first.
func (p *Peeked) Read(b []byte) (int, error) {
	if len(p.First) == 0 {
		return p.Conn.Read(b)
	}
	n := copy(b, p.First)
	p.First = p.First[n:]
	if len(p.First) == 0 {
		p.First = nil
	}
	return n, nil
}

// CloseWrite tells the other end that nothing follows, where the connection can.
func (p *Peeked) CloseWrite() error {
	if half, ok := p.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return p.Conn.Close()
}
