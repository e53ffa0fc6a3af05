package sharding

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"
)

// inline places a row by an expression over the key columns, whose names are its variables. Properties:
//
//	expression  "user_id % 4", or "id % 2 == 0 ? 'ds_0.t' : 'ds_1.t'": the node's index from 0, or its name
//
// Integer and YEAR columns are integers in it (beyond int64 they are refused), dates and times ISO text, byte strings
// and text under a _bin collation text without trailing spaces. Text of other collations is refused: values that the
// server finds equal would be told apart, and so is text beyond ASCII. Functions: abs, int, len, min, max, floor, ceil, round, string, hasPrefix,
// hasSuffix, indexOf, lastIndexOf, split. There is no clock and no chance in it.
type inline struct {
	nodes   int
	columns []string
	names   map[string]int
	program *vm.Program
}

var inlineFunctions = []string{"abs", "int", "len", "min", "max", "floor", "ceil", "round", "string", "hasPrefix",
	"hasSuffix", "indexOf", "lastIndexOf", "split"}

func newInline(_ context.Context, cfg Config) (Algorithm, error) {
	wrong := errors.Join(cfg.Properties.known("expression"), checkColumns(cfg, 1, maxKeyColumns, FamilyInteger, FamilyYear, FamilyString,
		FamilyBinary, FamilyDate, FamilyDatetime, FamilyTimestamp, FamilyTime))
	code, err := cfg.Properties.text("expression", "")
	if err == nil && code == "" {
		err = errors.New("it needs the property \"expression\"")
	}
	if err != nil {
		return nil, errors.Join(wrong, err)
	}
	a := &inline{nodes: cfg.Nodes, names: map[string]int{}}
	env := types.Map{}
	for _, c := range cfg.Columns {
		if f := c.Type.Family; f == FamilyString {
			if known, ok := collationOf(c.Type.Collation); !ok || !known.bytes {
				wrong = errors.Join(wrong, fmt.Errorf("column %s has the collation %s: an expression needs one that ends in _bin", c.Name, c.Type.Collation))
			}
		}
		a.columns = append(a.columns, c.Name)
		env[c.Name] = expressionType(c.Type.Family)
	}
	for i, n := range cfg.NodeNames {
		a.names[n] = i
	}
	options := []expr.Option{expr.Env(env), expr.DisableAllBuiltins()}
	for _, f := range inlineFunctions {
		options = append(options, expr.EnableBuiltin(f))
	}
	if a.program, err = expr.Compile(code, options...); err != nil {
		message, _, _ := strings.Cut(err.Error(), "\n") // the rest draws a caret
		wrong = errors.Join(wrong, fmt.Errorf("expression: %s", message))
	}
	if wrong != nil {
		return nil, wrong
	}
	return a, nil
}

// expressionType is the type that a column has in the expression.
func expressionType(f Family) types.Type {
	switch f {
	case FamilyUnknown:
		return types.Any
	case FamilyInteger, FamilyYear:
		return types.Int
	}
	return types.String
}

// Nodes implements Algorithm.
func (a *inline) Nodes() int { return a.nodes }

// Locate implements Algorithm.
func (a *inline) Locate(key []Key) (int, error) {
	env := make(map[string]any, len(key))
	for i, k := range key {
		v, err := variable(k)
		if err != nil {
			return 0, fmt.Errorf("inline: column %s: %w", a.columns[i], err)
		}
		env[a.columns[i]] = v
	}
	out, err := vm.Run(a.program, env)
	if err != nil {
		return 0, fmt.Errorf("inline: %w", err)
	}
	switch v := out.(type) {
	case int:
		if v >= 0 && v < a.nodes {
			return v, nil
		}
	case string:
		if i, ok := a.names[v]; ok {
			return i, nil
		}
	}
	return 0, fmt.Errorf("inline: the expression gives %v, which is neither a node's index (0 to %d) nor its name", out, a.nodes-1)
}

func variable(k Key) (any, error) {
	if k.Null {
		return nil, errors.New("NULL has no value in an expression")
	}
	if slices.Contains([]Family{FamilyInteger, FamilyYear}, k.Family) {
		i, ok := k.Int()
		if !ok {
			return nil, fmt.Errorf("%s is beyond the integers of expressions", k.Canon)
		}
		return int(i), nil
	}
	if k.Family == FamilyString && bytes.ContainsFunc(k.Text, func(r rune) bool { return r >= 0x80 }) {
		return nil, errors.New("text beyond ASCII has no one form in an expression")
	}
	return string(k.Text), nil
}

// Prune implements Algorithm: an expression keeps no order.
func (a *inline) Prune([]Cond) Set { return All(a.nodes) }
