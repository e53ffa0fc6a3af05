package wire

// OK is the packet that ends a command, or, with header 0xfe, the rows of a result under CapDeprecateEOF. The older
// EOF packet reads into it too.
// Source: MySQL "OK_Packet"; MariaDB "OK_Packet".
type OK struct {
	AffectedRows uint64
	LastInsertID uint64
	Status       Status
	Warnings     uint16
	Info         []byte // for people; parsed: aliases the packet
	// Track is what changed in the session, encoded; see SessionChanges. It is sent if it is not empty and
	// CapSessionTrack is set, with StatusSessionStateChanged. Parsed: aliases the packet.
	Track []byte
}

func (*OK) fromServer() {}

// AppendPayload appends an OK packet with header 0x00.
func (o *OK) AppendPayload(b []byte, caps Capability) []byte { return o.append(append(b, 0x00), caps) }

func (o *OK) append(b []byte, caps Capability) []byte {
	b = AppendLenenc(AppendLenenc(b, o.AffectedRows), o.LastInsertID)
	track := caps.Has(CapSessionTrack) && len(o.Track) > 0
	status := o.Status &^ StatusSessionStateChanged
	if track {
		status |= StatusSessionStateChanged
	}
	switch {
	case caps.Has(CapProtocol41):
		b = appendU16(appendU16(b, uint16(status)), o.Warnings)
	case caps.Has(CapTransactions):
		b = appendU16(b, uint16(status))
	}
	// The manual has the text run to the packet's end without CapSessionTrack; servers write its length all the
	// same, and clients expect it.
	if track || len(o.Info) > 0 {
		b = AppendLenencString(b, o.Info)
	}
	if track {
		b = AppendLenencString(b, o.Track)
	}
	return b
}

// IsOK reports whether p, the first packet of an answer, is an OK.
func IsOK(p []byte) bool { return len(p) > 0 && p[0] == 0x00 }

// ParseOK decodes an OK packet with either header into o.
func ParseOK(p []byte, caps Capability, o *OK) error {
	c := cursor{p: p}
	if h := c.u8(); h != 0x00 && h != 0xfe {
		return malformed("OK packet")
	}
	*o = OK{AffectedRows: c.lenenc(), LastInsertID: c.lenenc()}
	switch {
	case caps.Has(CapProtocol41):
		o.Status, o.Warnings = Status(c.u16()), c.u16()
	case caps.Has(CapTransactions):
		o.Status = Status(c.u16())
	}
	switch {
	case c.empty():
	case caps.Has(CapSessionTrack):
		o.Info = c.lenencBytes()
		if o.Status.Has(StatusSessionStateChanged) && !c.empty() {
			o.Track = c.lenencBytes()
		}
	default:
		o.Info = infoText(c.rest())
	}
	return c.err("OK packet")
}

// infoText reads the text of an OK without session tracking: with its length in front as servers send it, or bare as
// the manual has it.
func infoText(p []byte) []byte {
	in := cursor{p: p}
	if s := in.lenencBytes(); !in.bad && in.empty() {
		return s
	}
	return p
}
