package wire

import (
	"encoding/binary"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
)

// CursorFlags are the flags of COM_STMT_EXECUTE.
type CursorFlags byte

// Flags of COM_STMT_EXECUTE. Source: MySQL "enum_cursor_type".
const (
	CursorReadOnly       CursorFlags = 1
	CursorForUpdate      CursorFlags = 2
	CursorScrollable     CursorFlags = 4
	ParamCountAvailable  CursorFlags = 8 // the number of parameters is sent: query attributes may follow them
	executeHead                      = 9 // statement id, flags, iterations
	executeWhat                      = "mysqld_stmt_execute"
	executeIterationsOne             = 1
)

// StmtExecute is COM_STMT_EXECUTE.
// Source: MySQL "COM_STMT_EXECUTE".
type StmtExecute struct {
	StatementID uint32
	Flags       CursorFlags
	Params      []Param
	Attrs       []Param // query attributes; sent under CapQueryAttributes only

	// Types are, after a parse, the declarations in force, which the caller keeps with the statement and hands to the
	// next parse: a client sends them with the first execution and may leave them off later. TypesSent says that this
	// packet carried them. They include the query attributes'.
	Types     []ParamType
	TypesSent bool

	// LongData tells, for building, which parameters went ahead by COM_STMT_SEND_LONG_DATA; nil: none.
	LongData func(i int) bool
}

func (*StmtExecute) fromClient() {}

// Command is COM_STMT_EXECUTE.
func (*StmtExecute) Command() Command { return ComStmtExecute }

// AppendPayload appends the packet, the command byte and the parameters' types included.
func (e *StmtExecute) AppendPayload(b []byte, caps Capability) []byte {
	attrs := caps.Has(CapQueryAttributes)
	flags := e.Flags &^ ParamCountAvailable
	if attrs && len(e.Attrs) > 0 {
		flags |= ParamCountAvailable
	}
	b = append(b, byte(ComStmtExecute))
	b = appendU32(b, e.StatementID)
	b = append(b, byte(flags))
	b = appendU32(b, executeIterationsOne)
	if len(e.Params) == 0 && flags&ParamCountAvailable == 0 {
		return b
	}
	params := e.Params
	if attrs {
		if len(e.Attrs) > 0 {
			params = append(params[:len(params):len(params)], e.Attrs...)
		}
		b = AppendLenenc(b, uint64(len(params)))
	}
	return appendParamBlock(b, params, attrs, e.LongData)
}

// ExecuteTarget is the statement id in what follows the command byte of COM_STMT_EXECUTE, which has to be known
// before the rest can be decoded.
func ExecuteTarget(p []byte) (id uint32, err error) {
	if len(p) < executeHead {
		return 0, malformed("COM_STMT_EXECUTE")
	}
	return binary.LittleEndian.Uint32(p), nil
}

// ParseStmtExecute decodes what follows the command byte. params is the number of the statement's parameters, bound
// the Types of its last execution, longData what COM_STMT_SEND_LONG_DATA brought for a parameter (nil: nothing).
// String values alias p.
func ParseStmtExecute(p []byte, caps Capability, params int, bound []ParamType, longData func(i int) ([]byte, bool)) (*StmtExecute, error) {
	if len(p) < executeHead {
		return nil, malformed("COM_STMT_EXECUTE")
	}
	c := cursor{p: p}
	e := &StmtExecute{StatementID: c.u32(), Flags: CursorFlags(c.u8()), Types: bound}
	c.u32() // iterations: always 1
	attrs := caps.Has(CapQueryAttributes)
	count := params
	if params == 0 && !(attrs && e.Flags&ParamCountAvailable != 0) {
		return e, nil
	}
	if attrs {
		sent := c.lenenc()
		if sent < uint64(params) || sent > maxParams || c.bad {
			return nil, sqlerr.WrongArguments(executeWhat)
		}
		if count = int(sent); count == 0 {
			return e, nil
		}
	}
	block := paramBlock{count: count, named: attrs, bound: bound, longData: longData, what: executeWhat}
	all, types, sent, err := block.parse(&c)
	if err != nil {
		return nil, err
	}
	e.Params, e.Attrs, e.Types, e.TypesSent = all[:params:params], all[params:], types, sent
	return e, nil
}
