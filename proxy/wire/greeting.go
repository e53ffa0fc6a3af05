package wire

import "strings"

// SaltSize is the length of the random bytes that passwords are mixed with.
const SaltSize = 20

// Greeting is the server's first packet, protocol version 10.
// Source: MySQL "Protocol::HandshakeV10"; MariaDB "Initial Handshake Packet".
type Greeting struct {
	ServerVersion string // as sent; MariaDB before 11 writes "5.5.5-" in front of its own
	ConnectionID  uint32
	Salt          []byte // SaltSize bytes without NUL; parsed: aliases the packet
	Capabilities  Capability
	Collation     byte // the low byte of the server's default collation
	Status        Status
	AuthPlugin    string
}

func (*Greeting) fromServer() {}

// AppendPayload appends the packet. caps is not used: nothing has been agreed on yet.
func (g *Greeting) AppendPayload(b []byte, _ Capability) []byte {
	b = append(b, 10)
	b = appendCString(b, g.ServerVersion)
	b = appendU32(b, g.ConnectionID)
	var salt [SaltSize]byte
	copy(salt[:], g.Salt)
	b = append(append(b, salt[:8]...), 0)
	b = appendU16(b, uint16(g.Capabilities))
	b = append(b, g.Collation)
	b = appendU16(b, uint16(g.Status))
	b = appendU16(b, uint16(g.Capabilities>>16))
	if g.Capabilities.Has(CapPluginAuth) {
		b = append(b, SaltSize+1)
	} else {
		b = append(b, 0)
	}
	b = append(b, 0, 0, 0, 0, 0, 0)
	if g.Capabilities.Has(CapLongPassword) {
		b = append(b, 0, 0, 0, 0)
	} else {
		b = appendU32(b, uint32(g.Capabilities>>32))
	}
	b = append(append(b, salt[8:]...), 0)
	if g.Capabilities.Has(CapPluginAuth) {
		b = appendCString(b, g.AuthPlugin)
	}
	return b
}

// ParseGreeting decodes a server's first packet. An ERR there (too many connections, host blocked) is returned as
// *sqlerr.Error; a protocol version other than 10 is malformed.
func ParseGreeting(p []byte) (*Greeting, error) {
	if IsErr(p) {
		return nil, ParseErr(p)
	}
	c := cursor{p: p}
	if v := c.u8(); v != 10 && !c.bad {
		return nil, malformed("greeting of another protocol version")
	}
	g := &Greeting{ServerVersion: string(c.cstring()), ConnectionID: c.u32()}
	salt := append(make([]byte, 0, SaltSize), c.take(8)...)
	c.u8()
	caps := Capability(c.u16())
	if c.bad || c.empty() {
		g.Capabilities, g.Salt = caps, salt
		return g, c.err("greeting")
	}
	g.Collation, g.Status = c.u8(), Status(c.u16())
	caps |= Capability(c.u16()) << 16
	saltLen := int(c.u8())
	c.take(6)
	extended := c.u32()
	if !caps.Has(CapLongPassword) {
		caps |= Capability(extended) << 32
	}
	if caps.Has(CapSecureConnection) {
		part := c.take(min(max(13, saltLen-8), len(c.p)))
		salt = append(salt, part[:min(len(part), SaltSize-8)]...)
	}
	if caps.Has(CapPluginAuth) {
		g.AuthPlugin = string(c.cstringOrRest())
	}
	g.Capabilities, g.Salt = caps, salt
	return g, c.err("greeting")
}

// MariaDB reports whether the server is a MariaDB.
func (g *Greeting) MariaDB() bool {
	return !g.Capabilities.Has(CapLongPassword) || strings.Contains(g.ServerVersion, "MariaDB")
}

// Version is ServerVersion without the prefix that MariaDB before 11 sends for the sake of old replicas.
func (g *Greeting) Version() string {
	if v, ok := strings.CutPrefix(g.ServerVersion, "5.5.5-"); ok && strings.Contains(v, "MariaDB") {
		return v
	}
	return g.ServerVersion
}
