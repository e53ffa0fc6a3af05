package wire

import "github.com/heddle-mesh/heddle/internal/sqlerr"

// loginHead is the fixed part of a login, and all of an SSLRequest, bytes.
const loginHead = 32

// Login is the client's answer to the greeting (HandshakeResponse41).
// Source: MySQL "Protocol::HandshakeResponse41"; MariaDB "Client Handshake Response".
type Login struct {
	Capabilities Capability
	MaxPacket    uint32 // bytes
	Collation    byte   // low byte: clients cannot ask for an id over 255 here
	User         string
	Auth         []byte // first answer of the authentication plug-in; parsed: aliases the packet
	Database     string
	AuthPlugin   string
	Attrs        []Attr
	ZstdLevel    byte
}

func (*Login) fromClient() {}

// AppendPayload appends the packet by l.Capabilities; caps is not used: they become the agreed ones through it.
func (l *Login) AppendPayload(b []byte, _ Capability) []byte {
	caps := l.Capabilities
	b = appendLoginHead(b, caps, l.MaxPacket, l.Collation)
	b = appendCString(b, l.User)
	switch {
	case caps.Has(CapPluginAuthLenenc):
		b = AppendLenencString(b, l.Auth)
	case caps.Has(CapSecureConnection):
		b = append(append(b, byte(len(l.Auth))), l.Auth...)
	default:
		b = appendCString(b, l.Auth)
	}
	if caps.Has(CapConnectWithDB) {
		b = appendCString(b, l.Database)
	}
	if caps.Has(CapPluginAuth) {
		b = appendCString(b, l.AuthPlugin)
	}
	if caps.Has(CapConnectAttrs) {
		b = appendAttrs(b, l.Attrs)
	}
	if caps.Has(CapZstd) {
		b = append(b, l.ZstdLevel)
	}
	return b
}

func appendLoginHead(b []byte, caps Capability, maxPacket uint32, collation byte) []byte {
	b = appendU32(b, uint32(caps))
	b = appendU32(b, maxPacket)
	b = append(b, collation)
	b = append(b, make([]byte, 19)...)
	if caps.Has(CapLongPassword) {
		return append(b, 0, 0, 0, 0)
	}
	return appendU32(b, uint32(caps>>32))
}

// ParseLogin decodes a client's first packet. A client that does not speak the 4.1 protocol gets sqlerr.BadHandshake.
func ParseLogin(p []byte) (*Login, error) {
	if len(p) < loginHead {
		return nil, sqlerr.BadHandshake()
	}
	c := cursor{p: p}
	l := parseLoginHead(&c)
	if !l.Capabilities.Has(CapProtocol41) {
		return nil, sqlerr.BadHandshake()
	}
	l.User = string(c.cstring())
	switch {
	case l.Capabilities.Has(CapPluginAuthLenenc):
		l.Auth = c.lenencBytes()
	case l.Capabilities.Has(CapSecureConnection):
		l.Auth = c.take(int(c.u8()))
	default:
		l.Auth = c.cstringOrRest()
	}
	// Clients exist that set the flag of a field and end the packet before it.
	if l.Capabilities.Has(CapConnectWithDB) && !c.empty() {
		l.Database = string(c.cstringOrRest())
	}
	if l.Capabilities.Has(CapPluginAuth) && !c.empty() {
		l.AuthPlugin = string(c.cstringOrRest())
	}
	if l.Capabilities.Has(CapConnectAttrs) && !c.empty() {
		l.Attrs = parseAttrs(&c)
	}
	if l.Capabilities.Has(CapZstd) && !c.empty() {
		l.ZstdLevel = c.u8()
	}
	if c.bad {
		return nil, sqlerr.BadHandshake()
	}
	return l, nil
}

func parseLoginHead(c *cursor) *Login {
	l := &Login{Capabilities: Capability(c.u32()), MaxPacket: c.u32(), Collation: c.u8()}
	c.take(19)
	if extended := c.u32(); !l.Capabilities.Has(CapLongPassword) {
		l.Capabilities |= Capability(extended) << 32
	}
	return l
}

// SSLRequest is what a client sends instead of its Login to have the connection encrypted first.
type SSLRequest struct {
	Capabilities Capability // with CapSSL
	MaxPacket    uint32
	Collation    byte
}

func (*SSLRequest) fromClient() {}

// AppendPayload appends the packet.
func (r *SSLRequest) AppendPayload(b []byte, _ Capability) []byte {
	return appendLoginHead(b, r.Capabilities, r.MaxPacket, r.Collation)
}

// ParseSSLRequest decodes a client's first packet if it asks for encryption; ok is false if it is a login (or
// nonsense, as ParseLogin will say).
func ParseSSLRequest(p []byte) (r *SSLRequest, ok bool) {
	if len(p) != loginHead {
		return nil, false
	}
	c := cursor{p: p}
	l := parseLoginHead(&c)
	if !l.Capabilities.Has(CapSSL | CapProtocol41) {
		return nil, false
	}
	return &SSLRequest{Capabilities: l.Capabilities, MaxPacket: l.MaxPacket, Collation: l.Collation}, true
}
