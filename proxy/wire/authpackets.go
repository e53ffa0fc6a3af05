package wire

// AuthSwitch is a server's request to go on with another authentication plug-in.
// Source: MySQL "Protocol::AuthSwitchRequest".
type AuthSwitch struct {
	Plugin string
	Salt   []byte // without the NUL that ends it on the wire; parsed: aliases the packet
}

func (*AuthSwitch) fromServer() {}

// AppendPayload appends the packet.
func (a *AuthSwitch) AppendPayload(b []byte, _ Capability) []byte {
	b = appendCString(append(b, 0xfe), a.Plugin)
	return append(append(b, a.Salt...), 0)
}

// ParseAuthSwitch decodes a packet that begins with 0xfe during authentication. One byte alone is the request of
// servers before 5.5 for the password hash of 3.23, which is malformed here.
func ParseAuthSwitch(p []byte) (*AuthSwitch, error) {
	c := cursor{p: p}
	if c.u8() != 0xfe || c.empty() {
		return nil, malformed("authentication switch")
	}
	a := &AuthSwitch{Plugin: string(c.cstring())}
	salt := c.rest()
	if n := len(salt); n > 0 && salt[n-1] == 0 {
		salt = salt[:n-1]
	}
	a.Salt = salt
	return a, c.err("authentication switch")
}

// AuthMoreData is what a server's authentication plug-in says in between.
// Source: MySQL "Protocol::AuthMoreData".
type AuthMoreData struct {
	Data []byte // parsed: aliases the packet
}

// The one-byte messages of caching_sha2_password.
// Source: MySQL "Caching_sha2_password information".
const (
	Sha2RequestKey byte = 0x02 // client: send the RSA key
	Sha2FastOK     byte = 0x03 // server: the digest matched, an OK follows
	Sha2FullAuth   byte = 0x04 // server: send the password itself
)

func (*AuthMoreData) fromServer() {}

// AppendPayload appends the packet.
func (a *AuthMoreData) AppendPayload(b []byte, _ Capability) []byte {
	return append(append(b, 0x01), a.Data...)
}

// ParseAuthMoreData decodes a packet that begins with 0x01 during authentication.
func ParseAuthMoreData(p []byte) (AuthMoreData, error) {
	if len(p) == 0 || p[0] != 0x01 {
		return AuthMoreData{}, malformed("authentication data")
	}
	return AuthMoreData{Data: p[1:]}, nil
}

// AuthResponse is what a client's authentication plug-in answers to an AuthSwitch or AuthMoreData: bare bytes.
type AuthResponse []byte

func (AuthResponse) fromClient() {}

// AppendPayload appends the packet.
func (a AuthResponse) AppendPayload(b []byte, _ Capability) []byte { return append(b, a...) }
