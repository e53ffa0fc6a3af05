package wire

import "bytes"

// Bare is a command that is its byte alone: ComPing, ComQuit, ComStatistics, ComResetConnection, ComDebug.
type Bare Command

func (Bare) fromClient() {}

// Command is b itself.
func (b Bare) Command() Command { return Command(b) }

// AppendPayload appends the command byte.
func (b Bare) AppendPayload(dst []byte, _ Capability) []byte { return append(dst, byte(b)) }

// InitDB is COM_INIT_DB: the value is the new default database.
type InitDB string

func (InitDB) fromClient() {}

// Command is COM_INIT_DB.
func (InitDB) Command() Command { return ComInitDB }

// AppendPayload appends the packet, the command byte included.
func (d InitDB) AppendPayload(b []byte, _ Capability) []byte {
	return append(append(b, byte(ComInitDB)), d...)
}

// FieldList is COM_FIELD_LIST: column definitions of a table.
type FieldList struct{ Table, Wildcard string }

func (*FieldList) fromClient() {}

// Command is COM_FIELD_LIST.
func (*FieldList) Command() Command { return ComFieldList }

// AppendPayload appends the packet, the command byte included.
func (f *FieldList) AppendPayload(b []byte, _ Capability) []byte {
	return append(appendCString(append(b, byte(ComFieldList)), f.Table), f.Wildcard...)
}

// ParseFieldList decodes what follows the command byte.
func ParseFieldList(p []byte) (FieldList, error) {
	c := cursor{p: p}
	f := FieldList{Table: string(c.cstring())}
	f.Wildcard = string(bytes.TrimRight(c.rest(), "\x00"))
	return f, c.err("COM_FIELD_LIST")
}

// ProcessKill is COM_PROCESS_KILL: the value is a connection id.
type ProcessKill uint32

func (ProcessKill) fromClient() {}

// Command is COM_PROCESS_KILL.
func (ProcessKill) Command() Command { return ComProcessKill }

// AppendPayload appends the packet, the command byte included.
func (k ProcessKill) AppendPayload(b []byte, _ Capability) []byte {
	return appendU32(append(b, byte(ComProcessKill)), uint32(k))
}

// ParseProcessKill decodes what follows the command byte.
func ParseProcessKill(p []byte) (ProcessKill, error) {
	c := cursor{p: p}
	id := ProcessKill(c.u32())
	return id, c.err("COM_PROCESS_KILL")
}

// SetOption is COM_SET_OPTION. It is answered by an EOF, not by an OK.
type SetOption uint16

// Values of SetOption.
const (
	MultiStatementsOn  SetOption = 0
	MultiStatementsOff SetOption = 1
)

func (SetOption) fromClient() {}

// Command is COM_SET_OPTION.
func (SetOption) Command() Command { return ComSetOption }

// AppendPayload appends the packet, the command byte included.
func (o SetOption) AppendPayload(b []byte, _ Capability) []byte {
	return appendU16(append(b, byte(ComSetOption)), uint16(o))
}

// ParseSetOption decodes what follows the command byte.
func ParseSetOption(p []byte) (SetOption, error) {
	c := cursor{p: p}
	o := SetOption(c.u16())
	return o, c.err("COM_SET_OPTION")
}

// Statistics is the answer to COM_STATISTICS: a bare text.
type Statistics string

func (Statistics) fromServer() {}

// AppendPayload appends the packet.
func (s Statistics) AppendPayload(b []byte, _ Capability) []byte { return append(b, s...) }
