package wire

// StmtSendLongData is COM_STMT_SEND_LONG_DATA: a piece of one parameter, ahead of the execution. There is no answer.
type StmtSendLongData struct {
	StatementID uint32
	Param       uint16
	Data        []byte // parsed: aliases the packet
}

func (*StmtSendLongData) fromClient() {}

// Command is COM_STMT_SEND_LONG_DATA.
func (*StmtSendLongData) Command() Command { return ComStmtSendLongData }

// AppendPayload appends the packet, the command byte included.
func (s *StmtSendLongData) AppendPayload(b []byte, _ Capability) []byte {
	b = appendU32(append(b, byte(ComStmtSendLongData)), s.StatementID)
	return append(appendU16(b, s.Param), s.Data...)
}

// ParseStmtSendLongData decodes what follows the command byte.
func ParseStmtSendLongData(p []byte) (StmtSendLongData, error) {
	c := cursor{p: p}
	s := StmtSendLongData{StatementID: c.u32(), Param: c.u16(), Data: c.rest()}
	return s, c.err("COM_STMT_SEND_LONG_DATA")
}

// StmtFetch is COM_STMT_FETCH: the next rows of a cursor.
type StmtFetch struct {
	StatementID uint32
	Rows        uint32
}

func (*StmtFetch) fromClient() {}

// Command is COM_STMT_FETCH.
func (*StmtFetch) Command() Command { return ComStmtFetch }

// AppendPayload appends the packet, the command byte included.
func (s *StmtFetch) AppendPayload(b []byte, _ Capability) []byte {
	return appendU32(appendU32(append(b, byte(ComStmtFetch)), s.StatementID), s.Rows)
}

// ParseStmtFetch decodes what follows the command byte.
func ParseStmtFetch(p []byte) (StmtFetch, error) {
	c := cursor{p: p}
	s := StmtFetch{StatementID: c.u32(), Rows: c.u32()}
	return s, c.err("COM_STMT_FETCH")
}

// StmtReset is COM_STMT_RESET: drops long data and the cursor. The value is the statement's id.
type StmtReset uint32

func (StmtReset) fromClient() {}

// Command is COM_STMT_RESET.
func (StmtReset) Command() Command { return ComStmtReset }

// AppendPayload appends the packet, the command byte included.
func (s StmtReset) AppendPayload(b []byte, _ Capability) []byte {
	return appendU32(append(b, byte(ComStmtReset)), uint32(s))
}

// StmtClose is COM_STMT_CLOSE. There is no answer. The value is the statement's id.
type StmtClose uint32

func (StmtClose) fromClient() {}

// Command is COM_STMT_CLOSE.
func (StmtClose) Command() Command { return ComStmtClose }

// AppendPayload appends the packet, the command byte included.
func (s StmtClose) AppendPayload(b []byte, _ Capability) []byte {
	return appendU32(append(b, byte(ComStmtClose)), uint32(s))
}

// ParseStmtID decodes what follows the command byte of COM_STMT_RESET and COM_STMT_CLOSE.
func ParseStmtID(p []byte) (uint32, error) {
	c := cursor{p: p}
	id := c.u32()
	return id, c.err("statement id")
}
