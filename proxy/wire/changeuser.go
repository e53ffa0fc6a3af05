package wire

// ChangeUser is COM_CHANGE_USER: a new login on an open connection.
// Source: MySQL "COM_CHANGE_USER".
type ChangeUser struct {
	User       string
	Auth       []byte // at most 255 bytes; parsed: aliases the packet
	Database   string
	Collation  uint16 // 0: not sent
	AuthPlugin string
	Attrs      []Attr
}

func (*ChangeUser) fromClient() {}

// Command is COM_CHANGE_USER.
func (*ChangeUser) Command() Command { return ComChangeUser }

// AppendPayload appends the packet, the command byte included.
func (u *ChangeUser) AppendPayload(b []byte, caps Capability) []byte {
	b = append(b, byte(ComChangeUser))
	b = appendCString(b, u.User)
	if caps.Has(CapSecureConnection) {
		b = append(append(b, byte(len(u.Auth))), u.Auth...)
	} else {
		b = appendCString(b, u.Auth)
	}
	b = appendCString(b, u.Database)
	b = appendU16(b, u.Collation)
	if caps.Has(CapPluginAuth) {
		b = appendCString(b, u.AuthPlugin)
	}
	if caps.Has(CapConnectAttrs) {
		b = appendAttrs(b, u.Attrs)
	}
	return b
}

// ParseChangeUser decodes what follows the command byte.
func ParseChangeUser(p []byte, caps Capability) (*ChangeUser, error) {
	c := cursor{p: p}
	u := &ChangeUser{User: string(c.cstring())}
	if caps.Has(CapSecureConnection) {
		u.Auth = c.take(int(c.u8()))
	} else {
		u.Auth = c.cstring()
	}
	u.Database = string(c.cstring())
	if !c.empty() {
		u.Collation = c.u16()
	}
	if caps.Has(CapPluginAuth) && !c.empty() {
		u.AuthPlugin = string(c.cstringOrRest())
	}
	if caps.Has(CapConnectAttrs) && !c.empty() {
		u.Attrs = parseAttrs(&c)
	}
	return u, c.err("COM_CHANGE_USER")
}
