package rewrite

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
)

// Render appends the text of t for one unit to dst. keep has for each list of the template the indexes of the items
// that the unit keeps; a nil keep, or a nil entry, keeps all. The result's SQL is dst grown; Params is fresh.
func Render(dst []byte, t *Template, names Names, keep [][]int32, args Args) (Rendered, error) {
	r := Rendered{SQL: dst}
	err := r.Append(t, names, keep, args)
	return r, err
}

// Append renders into r, behind what is there: a caller that renders unit after unit keeps its buffers by
// cutting them to length zero in between.
func (r *Rendered) Append(t *Template, names Names, keep [][]int32, args Args) error {
	if t.Params > cap(r.Params)-len(r.Params) {
		grown := make([]int32, len(r.Params), len(r.Params)+t.Params)
		copy(grown, r.Params)
		r.Params = grown
	}
	w := renderer{out: r, template: t, names: names, keep: keep, args: args}
	return w.pieces(t.Pieces)
}

// renderer carries what the pieces of one rendering share.
type renderer struct {
	out      *Rendered
	template *Template
	names    Names
	keep     [][]int32
	args     Args
	element  int // of the folded list under way
}

func (w *renderer) pieces(pieces []Piece) error {
	for i := range pieces {
		if err := w.piece(&pieces[i]); err != nil {
			return err
		}
	}
	return nil
}

func (w *renderer) piece(p *Piece) error {
	out := w.out
	switch p.Op {
	case Text:
		out.SQL = append(out.SQL, p.Text...)
	case Arg:
		w.arg(p.N)
	case Label:
		start := len(out.SQL)
		out.SQL = w.args.AppendText(out.SQL, p.N)
		if label := out.SQL[start:]; bytes.IndexByte(label, '`') >= 0 {
			out.SQL = append(out.SQL[:start], parser.Charset(p.M).DoubleBackticks(string(label))...)
		}
	case Repeat:
		return w.elements(p.Item, p.Text, w.args.Elements(p.N))
	case Value:
		v, err := w.args.Value(Element(p.N, w.element))
		if err != nil {
			return fmt.Errorf("argument %d: %w", p.N, err)
		}
		out.SQL = v.AppendSQL(out.SQL)
	case Table:
		out.SQL = AppendName(out.SQL, w.names.Tables[p.N])
	case Schema:
		out.SQL = AppendName(out.SQL, w.names.Schemas[p.N])
	case Gathered:
		if p.N < len(w.names.Gathered) {
			out.SQL = append(out.SQL, w.names.Gathered[p.N]...)
			return nil
		}
		out.SQL = AppendName(out.SQL, p.Text)
	case Constraint:
		name, _ := ActualConstraint(p.Text, w.names.Tables[p.N], p.Logical)
		out.SQL = AppendName(out.SQL, name)
	case ListItems:
		return w.list(p.N)
	case Total:
		total, err := total(w.args, p.N, p.M)
		if err != nil {
			return err
		}
		out.SQL = strconv.AppendUint(out.SQL, total, 10)
	case Generated:
		id := w.args.Generated(p.N + w.element)
		if id.IsNull() && p.M >= 0 {
			w.arg(p.M)
			return nil
		}
		out.SQL = id.AppendSQL(out.SQL)
	}
	return nil
}

// arg renders argument n as the client wrote it.
func (w *renderer) arg(n int) {
	n = Element(n, w.element)
	w.out.SQL = w.args.AppendText(w.out.SQL, n)
	if param := w.args.Param(n); param >= 0 {
		w.out.Params = append(w.out.Params, int32(param))
	}
}

// list renders the kept items of list n.
func (w *renderer) list(n int) error {
	list := &w.template.Lists[n]
	all := n >= len(w.keep) || w.keep[n] == nil
	if list.Folded > 0 && all {
		return w.elements(list.Items[0], list.Separator, w.args.Elements(list.Folded-1))
	}
	if all {
		for i, item := range list.Items {
			if i > 0 {
				w.out.SQL = append(w.out.SQL, list.Separator...)
			}
			if err := w.pieces(item); err != nil {
				return err
			}
		}
		return nil
	}
	for i, kept := range w.keep[n] {
		if i > 0 {
			w.out.SQL = append(w.out.SQL, list.Separator...)
		}
		item := int(kept)
		if list.Folded > 0 {
			item, w.element = 0, int(kept)
		}
		if err := w.pieces(list.Items[item]); err != nil {
			return err
		}
	}
	w.element = 0
	return nil
}

// elements renders all elements of a folded list.
func (w *renderer) elements(item []Piece, separator string, n int) error {
	for w.element = 0; w.element < n; w.element++ {
		if w.element > 0 {
			w.out.SQL = append(w.out.SQL, separator...)
		}
		if err := w.pieces(item); err != nil {
			return err
		}
	}
	w.element = 0
	return nil
}

// total adds the offset and the count of a LIMIT, each -1 where the clause lacks it. Like a server it reads a
// missing count as all rows, and a sum beyond 64 bits is all rows as well.
func total(args Args, offset, count int) (uint64, error) {
	sum := ^uint64(0)
	if count >= 0 {
		n, err := LimitValue(args, count)
		if err != nil {
			return 0, err
		}
		sum = n
	}
	if offset < 0 {
		return sum, nil
	}
	n, err := LimitValue(args, offset)
	if err != nil {
		return 0, err
	}
	if sum+n < sum {
		return ^uint64(0), nil
	}
	return sum + n, nil
}

// LimitValue reads argument i as a row count. What a LIMIT clause cannot take is the client's error.
func LimitValue(args Args, i int) (uint64, error) {
	v, err := args.Value(i)
	if err != nil {
		return 0, fmt.Errorf("limit argument %d: %w", i, err)
	}
	switch v.Kind {
	case sqltypes.KindNull:
		return 0, nil // as a server reads a NULL parameter
	case sqltypes.KindInt:
		if v.Int >= 0 {
			return uint64(v.Int), nil
		}
	case sqltypes.KindUint:
		return uint64(v.Int), nil
	default:
		return 0, sqlerr.NotSupported("a LIMIT that is no whole number over several shards")
	}
	return 0, sqlerr.WrongArguments("LIMIT")
}

// AppendName appends name as a quoted identifier. Backticks quote in every sql_mode.
func AppendName(b []byte, name string) []byte {
	b = append(b, '`')
	for i := 0; i < len(name); i++ {
		if name[i] == '`' {
			b = append(b, '`')
		}
		b = append(b, name[i])
	}
	return append(b, '`')
}
