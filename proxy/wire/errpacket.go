package wire

import "github.com/heddle-mesh/heddle/internal/sqlerr"

// Err is an ERR packet.
// Source: MySQL "ERR_Packet".
type Err struct{ *sqlerr.Error }

func (Err) fromServer() {}

// AppendPayload appends the packet. Before the client's login is read (caps without CapProtocol41) it has no SQLSTATE.
func (e Err) AppendPayload(b []byte, caps Capability) []byte {
	return AppendErr(b, e.Error, caps.Has(CapProtocol41))
}

// maxErrText is the length at which servers cut a message, bytes.
const maxErrText = 511

// AppendErr appends an ERR packet, with the SQLSTATE or without. The text is cut at the length at which servers do.
func AppendErr(b []byte, e *sqlerr.Error, withState bool) []byte {
	b = appendU16(append(b, 0xff), e.Code)
	if withState {
		state := e.State
		if len(state) != 5 {
			state = "HY000"
		}
		b = append(append(b, '#'), state...)
	}
	return append(b, cutText(e.Msg, maxErrText)...)
}

// cutText cuts s to at most n bytes without splitting a UTF-8 character.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}

// IsErr reports whether p is an ERR packet: no row and no other answer begins with 0xff.
func IsErr(p []byte) bool { return len(p) > 0 && p[0] == 0xff }

// ParseErr decodes an ERR packet, with or without SQLSTATE, into *sqlerr.Error; if it cannot, it returns a malformed
// packet's error, which is one too. It never returns nil.
func ParseErr(p []byte) *sqlerr.Error {
	c := cursor{p: p}
	if c.u8() != 0xff {
		return sqlerr.Malformed("ERR packet")
	}
	code := c.u16()
	state := "HY000"
	if len(c.p) >= 6 && c.p[0] == '#' {
		state = string(c.p[1:6])
		c.take(6)
	}
	if c.bad {
		return sqlerr.Malformed("ERR packet")
	}
	return sqlerr.New(code, state, string(c.rest()))
}
