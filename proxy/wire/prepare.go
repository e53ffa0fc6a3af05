package wire

// StmtPrepare is COM_STMT_PREPARE.
type StmtPrepare struct {
	SQL []byte
}

func (*StmtPrepare) fromClient() {}

// Command is COM_STMT_PREPARE.
func (*StmtPrepare) Command() Command { return ComStmtPrepare }

// AppendPayload appends the packet, the command byte included.
func (s *StmtPrepare) AppendPayload(b []byte, _ Capability) []byte {
	return append(append(b, byte(ComStmtPrepare)), s.SQL...)
}

// PrepareOK is the first packet of the answer to COM_STMT_PREPARE. The definitions of the parameters and then those of
// the columns follow, each list ended by an EOF where there is no CapDeprecateEOF.
// Source: MySQL "COM_STMT_PREPARE_OK".
type PrepareOK struct {
	StatementID uint32
	Columns     int
	Params      int
	Warnings    uint16
	// SkipMetadata says that no definitions follow; possible under CapOptionalMetadata only.
	SkipMetadata bool
}

func (*PrepareOK) fromServer() {}

// AppendPayload appends the packet.
func (o *PrepareOK) AppendPayload(b []byte, caps Capability) []byte {
	b = appendU32(append(b, 0x00), o.StatementID)
	b = appendU16(appendU16(b, uint16(o.Columns)), uint16(o.Params))
	b = appendU16(append(b, 0), o.Warnings)
	if caps.Has(CapOptionalMetadata) {
		if o.SkipMetadata {
			return append(b, 0)
		}
		return append(b, 1)
	}
	return b
}

// ParsePrepareOK decodes the first packet of the answer to COM_STMT_PREPARE, which may be an ERR (*sqlerr.Error).
func ParsePrepareOK(p []byte, caps Capability) (PrepareOK, error) {
	if IsErr(p) {
		return PrepareOK{}, ParseErr(p)
	}
	c := cursor{p: p}
	if c.u8() != 0x00 {
		c.fail()
	}
	o := PrepareOK{StatementID: c.u32(), Columns: int(c.u16()), Params: int(c.u16())}
	c.u8()
	if !c.empty() { // servers before 5.0 end here
		o.Warnings = c.u16()
	}
	if caps.Has(CapOptionalMetadata) && !c.empty() {
		o.SkipMetadata = c.u8() == 0
	}
	return o, c.err("COM_STMT_PREPARE_OK")
}
