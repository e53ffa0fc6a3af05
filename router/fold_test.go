package router

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
)

// checkFolded compares the plan of a folded text, run with lists of several lengths, with the plans that are made for just
// those lengths. It says what differs.
func (w *world) checkFolded(text string, env Env, params []sqltypes.Value) string {
	var b strings.Builder
	for _, n := range []int{2, 3, 9} {
		long, longParams := stretch(text, env.Mode, params, n)
		folded, whole := w.folds(long, env, longParams), w.wholes(long, env, longParams)
		if folded == "" {
			continue
		}
		w.folded++
		if folded != whole {
			fmt.Fprintf(&b, "WITH LISTS OF %d, FOLDED:\n%sAND WHOLE:\n%s", n, folded, whole)
		}
	}
	return b.String()
}

// stretch gives the folded lists of a text n elements, repeating the second.
func stretch(text string, mode parser.Mode, params []sqltypes.Value, n int) (string, []sqltypes.Value) {
	var s parser.Scan
	if err := s.Scan([]byte(text), mode); err != nil {
		return text, params
	}
	var out strings.Builder
	var values []sqltypes.Value
	at, arg := 0, 0
	copyTo := func(to int) {
		for ; arg < len(s.Args) && int(s.Args[arg].Start) < to; arg++ {
			if o := int(s.Args[arg].Ordinal); o >= 0 && o < len(params) {
				values = append(values, params[o])
			}
		}
		out.WriteString(text[at:to])
		at = to
	}
	for _, f := range s.Folds {
		copyTo(f.Second.End)
		for range n - 2 {
			at, arg = f.First.End, f.Arg+f.Width
			copyTo(f.Second.End)
		}
		at, arg = f.End, f.Arg+f.Width*f.Count
	}
	copyTo(s.End)
	return out.String(), values
}

// folds runs the plan of the folded text; "" where there is none.
func (w *world) folds(text string, env Env, params []sqltypes.Value) string {
	var s parser.Scan
	if s.Scan([]byte(text), env.Mode) != nil || len(s.Folds) == 0 {
		return ""
	}
	stmt, err := s.ParseFolded(nil)
	if err != nil {
		return err.Error()
	}
	whole, err := parser.Parse(text, env.Mode)
	if err != nil {
		return err.Error()
	}
	return w.renders(stmt, &testArgs{ownArgs: ownArgs{stmt: whole, folds: s.Folds}, params: params}, env)
}

func (w *world) wholes(text string, env Env, params []sqltypes.Value) string {
	stmt, err := parser.Parse(text, env.Mode)
	if err != nil {
		return err.Error()
	}
	return w.renders(stmt, &testArgs{ownArgs: ownArgs{stmt: stmt}, params: params}, env)
}

// renders is what the units of an execution run; "" for a statement that cannot be folded.
func (w *world) renders(stmt *parser.Statement, args *testArgs, env Env) string {
	p, _, err := w.plan(stmt, env)
	if _, ok := errors.AsType[*NotFolded](err); ok {
		w.whole++
		return ""
	}
	if err != nil {
		return err.Error() + "\n"
	}
	if err := args.generate(firstRoute(p.Root)); err != nil {
		return err.Error() + "\n"
	}
	var b strings.Builder
	units, err := (&Router{}).Route(context.Background(), firstRoute(p.Root), args)
	w.render(&b, p, args, units, err)
	return b.String()
}
