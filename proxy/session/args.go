package session

import (
	"fmt"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
)

// args are a statement's arguments: the literals of its text, the parameters of an EXECUTE, and the ids that were
// generated for it. It implements rewrite.Args. It is valid as long as text and scan are.
type args struct {
	scan      *parser.Scan
	text      []byte
	params    []sqltypes.Value
	generated []sqltypes.Value // by row; NULL where the client gave one
	inline    bool             // parameters are written as literals
}

// Len returns the number of literals and parameters.
func (a *args) Len() int { return len(a.scan.Args) }

// inlined returns the arguments for a text that cannot have parameters: they are written as literals.
func (a *args) inlined() *args {
	out := *a
	out.inline = true
	return &out
}

// Value decodes argument i.
func (a *args) Value(i int) (sqltypes.Value, error) {
	arg := &a.scan.Args[i]
	if arg.Kind != parser.ArgParam {
		return a.scan.Value(i)
	}
	if int(arg.Ordinal) >= len(a.params) {
		return sqltypes.Value{}, fmt.Errorf("session: parameter %d of %d is not bound", arg.Ordinal+1, len(a.params))
	}
	return a.params[arg.Ordinal], nil
}

// AppendText appends argument i as the client wrote it.
func (a *args) AppendText(b []byte, i int) []byte {
	arg := &a.scan.Args[i]
	if a.inline && arg.Kind == parser.ArgParam && int(arg.Ordinal) < len(a.params) {
		return a.params[arg.Ordinal].AppendSQL(b)
	}
	return append(b, a.text[arg.Start:arg.End]...)
}

// Param returns the ordinal of argument i among the parameters, -1 for a literal.
func (a *args) Param(i int) int {
	if arg := &a.scan.Args[i]; arg.Kind == parser.ArgParam && !a.inline {
		return int(arg.Ordinal)
	}
	return -1
}

// Generated returns the id that was generated for row i.
func (a *args) Generated(i int) sqltypes.Value {
	if i < len(a.generated) {
		return a.generated[i]
	}
	return sqltypes.NullValue
}
