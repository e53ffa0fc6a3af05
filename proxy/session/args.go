package session

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/rewrite"
)

// args are a statement's arguments: the literals of its text, the parameters of an EXECUTE, and the ids that were
// generated for it. It implements rewrite.Args, numbered as the statement that they are for numbers them: where that is
// a folded one, the elements of lists beyond the second have no numbers of their own. It is valid as long as text and scan
// are.
type args struct {
	scan      *parser.Scan
	text      []byte
	params    []sqltypes.Value
	generated []sqltypes.Value // by row; NULL where the client gave one
	inline    bool             // parameters are written as literals,
	charset   string           // the client's
	folds     []parser.Fold    // of scan, where the statement is folded
}

// argsOf are the arguments that a text has for the statement.
func (st *Statement) argsOf(scan *parser.Scan, text []byte) args {
	a := args{scan: scan, text: text}
	if len(st.parsed.Folds) > 0 {
		a.folds = scan.Folds
	}
	return a
}

// Len returns the number of literals and parameters that the statement numbers.
func (a *args) Len() int { return parser.Cut(a.folds, len(a.scan.Args)) }

// Elements returns how many elements folded list i has.
func (a *args) Elements(i int) int { return a.folds[i].Count }

// arg is argument i.
func (a *args) arg(i int) (*parser.Arg, int) {
	if len(a.folds) > 0 {
		i, element := rewrite.SplitElement(i)
		i = parser.Whole(a.folds, i, element)
		return &a.scan.Args[i], i
	}
	return &a.scan.Args[i], i
}

// inlined returns the arguments for a text that cannot have parameters: they are written as literals of a client that has
// the charset.
func (a *args) inlined(charset string) *args {
	out := *a
	out.inline, out.charset = true, charset
	return &out
}

// appendLiteral writes a parameter as the client would have written it in a text. A backslash may be one, or half of a character.
func appendLiteral(b []byte, v sqltypes.Value, charset string) []byte {
	if v.Kind != sqltypes.KindString || v.Collation != 0 || !beyondASCII(v.Bytes) {
		return v.AppendSQL(b)
	}
	if bytes.IndexByte(v.Bytes, '\\') >= 0 {
		v.Kind = sqltypes.KindBinary
		return v.AppendSQL(append(append(append(b, '_'), charset...), ' '))
	}
	b = append(b, '\'')
	for _, c := range v.Bytes {
		if b = append(b, c); c == '\'' {
			b = append(b, c)
		}
	}
	return append(b, '\'')
}

// Value decodes argument i.
func (a *args) Value(i int) (sqltypes.Value, error) {
	arg, i := a.arg(i)
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
	arg, _ := a.arg(i)
	if a.inline && arg.Kind == parser.ArgParam && int(arg.Ordinal) < len(a.params) {
		return appendLiteral(b, a.params[arg.Ordinal], a.charset)
	}
	return append(b, a.text[arg.Start:arg.End]...)
}

// Param returns the ordinal of argument i among the parameters, -1 for a literal.
func (a *args) Param(i int) int {
	if arg, _ := a.arg(i); arg.Kind == parser.ArgParam && !a.inline {
		return int(arg.Ordinal)
	}
	return -1
}

// holds reports whether the statement has been given a constant that is, or begins with, a text.
func (a *args) holds(text string, begins bool) bool {
	if slices.ContainsFunc(a.params, func(v sqltypes.Value) bool { return reads(v, text, begins) }) {
		return true
	}
	for i := range a.scan.Args {
		if a.scan.Args[i].Kind == parser.ArgParam {
			continue
		}
		if v, err := a.scan.Value(i); err == nil && reads(v, text, begins) {
			return true
		}
	}
	return false
}

// is reports whether constant i is a text.
func (a *args) is(i int, text string) bool {
	if i < 0 || i >= len(a.scan.Args) {
		return false
	}
	v, err := a.Value(i)
	return err == nil && reads(v, text, false)
}

// isText reports whether constant i is a text, and no number.
func (a *args) isText(i int) bool {
	v, err := a.Value(i)
	return err == nil && v.Kind == sqltypes.KindString
}

func reads(v sqltypes.Value, text string, begins bool) bool {
	have := string(v.AppendText(nil))
	return have == text || begins && strings.HasPrefix(have, text)
}

// Generated returns the id that was generated for row i.
func (a *args) Generated(i int) sqltypes.Value {
	if i < len(a.generated) {
		return a.generated[i]
	}
	return sqltypes.NullValue
}
