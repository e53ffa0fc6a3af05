package wire

// ResultEnd is the packet after the last row, or after the last column definition where there is no CapDeprecateEOF:
// an EOF packet, or an OK with header 0xfe.
// Source: MySQL "EOF_Packet", "OK_Packet".
type ResultEnd struct{ OK }

// AppendPayload appends the packet that caps ask for.
func (e *ResultEnd) AppendPayload(b []byte, caps Capability) []byte {
	if caps.Has(CapDeprecateEOF) {
		return e.OK.append(append(b, 0xfe), caps)
	}
	return AppendEOF(b, e.Warnings, e.Status, caps)
}

// AppendEOF appends the older EOF packet. It stands after column definitions, and after parameter definitions, of
// clients without CapDeprecateEOF.
func AppendEOF(b []byte, warnings uint16, status Status, caps Capability) []byte {
	b = append(b, 0xfe)
	if !caps.Has(CapProtocol41) {
		return b
	}
	return appendU16(appendU16(b, warnings), uint16(status&^StatusSessionStateChanged))
}

// IsResultEnd reports whether p ends rows or definitions: an EOF, or an OK in its place. An ERR is neither.
func IsResultEnd(p []byte) bool { return len(p) > 0 && p[0] == 0xfe && len(p) < MaxFrame }

// ParseResultEnd decodes what IsResultEnd has recognised into o.
func ParseResultEnd(p []byte, caps Capability, o *OK) error {
	if caps.Has(CapDeprecateEOF) {
		return ParseOK(p, caps, o)
	}
	c := cursor{p: p}
	if c.u8() != 0xfe {
		return malformed("EOF packet")
	}
	*o = OK{}
	if caps.Has(CapProtocol41) {
		o.Warnings, o.Status = c.u16(), Status(c.u16())
	}
	return c.err("EOF packet")
}
