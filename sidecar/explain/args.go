package explain

import (
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
)

// args are the arguments that a statement's own text holds. It implements rewrite.Args.
type args struct{ stmt *parser.Statement }

func (a args) Elements(int) int                    { return 0 } // nothing is folded
func (a args) Value(i int) (sqltypes.Value, error) { return a.stmt.Value(i) }
func (a args) Param(i int) int                     { return int(a.stmt.Args[i].Ordinal) }
func (a args) Generated(int) sqltypes.Value        { return sqltypes.NullValue }

// AppendText appends argument i as it was written.
func (a args) AppendText(b []byte, i int) []byte {
	arg := &a.stmt.Args[i]
	return append(b, a.stmt.Text[arg.Start:arg.End]...)
}
