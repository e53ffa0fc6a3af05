package session

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router"
)

// What types a statement's expressions have is known of its parameters at an execution only: a plan that depends on types
// is made for those of the execution. The plan of the preparation serves to describe the statement.

// typesParams reports whether the plan hangs on what types the parameters have.
func (st *Statement) typesParams() bool { return st.typed && st.plan != nil && st.params }

// defines reports whether argument i is a parameter that may have a say in the types that a plan depends on. What a column
// is set to has the column's.
func defines(parsed *parser.Statement, i int) bool {
	a, c := &parsed.Args[i], parsed.Clauses
	if a.Kind != parser.ArgParam || limits(parsed, i) {
		return false
	}
	return c == nil || parsed.Kind != parser.Update || int(a.Start) < c.Set.Start || int(a.End) > c.Set.End
}

// limits reports whether argument i stands in a LIMIT, of whichever query: nothing but a number can.
func limits(parsed *parser.Statement, i int) bool {
	at := slices.IndexFunc(parsed.Tokens, func(t parser.Token) bool { return t.Arg == i })
	if at < 1 {
		return false
	}
	before := parsed.Tokens[at-1]
	if before.Is(",") && at >= 3 {
		before = parsed.Tokens[at-3] // LIMIT ?, ?
	}
	return before.Is("LIMIT") || before.Is("OFFSET") || before.Is("EXAMINED") || before.Is("FIRST") || before.Is("NEXT")
}

// definesParams reports whether a parameter of the statement does.
func definesParams(parsed *parser.Statement) bool {
	return slices.ContainsFunc(parsed.Defining(), func(i int) bool { return defines(parsed, i) })
}

// given are router.Facts.Given of an execution; nil where its plan does not depend on them.
func (x *execution) given(parsed *parser.Statement) []string {
	if !x.st.typesParams() || len(x.params) == 0 {
		return nil
	}
	out := make([]string, len(parsed.Args))
	for _, i := range parsed.Defining() {
		if n := int(parsed.Args[i].Ordinal); defines(parsed, i) && n < len(x.params) {
			out[i] = standIn(&x.params[n])
		}
	}
	return out
}

// planTyped gives an execution the plan for the types of its parameters.
func (s *Session) planTyped(ctx context.Context, x *execution) error {
	if len(x.params) == 0 || !x.st.typesParams() {
		return nil
	}
	key := append(s.baseKeyOf(x.args.text), keyTypes)
	for i := range x.params {
		key = append(key, byte(x.params[i].Value.Kind))
		key = binary.AppendUvarint(key, uint64(sizeClass(&x.params[i])))
		if v := &x.params[i].Value; v.Kind == sqltypes.KindDecimal {
			key = binary.AppendUvarint(key, uint64(bytes.IndexByte(v.Bytes, '.')+1))
		}
	}
	s.key = key
	if st := s.fetch(); st != nil {
		x.st, x.plan = st, st.plan
		if len(st.parsed.Folds) == 0 {
			x.args.folds = nil
		}
		return nil
	}
	key = bytes.Clone(key) // planning may look other texts up
	if err := s.planAgain(ctx, x, false); err != nil {
		return err
	}
	s.srv.Cache.Put(key, x.st)
	return nil
}

// numbersOf says which parameters a server takes for numbers. MySQL keeps to that where it is then given a text; of a statement in
// pieces each has such a parameter as the text that it is.
func (s *Session) numbersOf(params []sqltypes.Column) (out []bool) {
	if s.srv.Flavour.MariaDB {
		return nil
	}
	for i := range params {
		if t := params[i].Type; t.IsInteger() || t.IsDecimal() || t.IsFloat() {
			if out == nil {
				out = make([]bool, len(params))
			}
			out[i] = true
		}
	}
	return out
}

// textForNumber refuses an execution over several shards whose answer is computed from a text that one server would make a number of.
func (p *prepared) textForNumber(x *execution) error {
	if p.numbers == nil || !x.st.typesParams() {
		return nil
	}
	for _, i := range x.st.parsed.Defining() {
		n := int(x.st.parsed.Args[i].Ordinal)
		if !defines(x.st.parsed, i) || n >= len(x.params) || n >= len(p.numbers) || !p.numbers[n] {
			continue
		}
		if k := x.params[n].Value.Kind; k == sqltypes.KindString || k == sqltypes.KindBinary {
			return sqlerr.NotSupported("a text for a parameter that MySQL has taken for a number, in what is computed over several shards")
		}
	}
	return nil
}

// baseKeyOf is baseKey for a text that stands in the key as it is.
func (s *Session) baseKeyOf(text []byte) []byte {
	key := append(append(s.key[:0], s.keyPrefix...), s.hinted...)
	var locked byte
	if s.locked != nil {
		locked = 1
	}
	return append(append(key, 0, locked, parser.Marker), text...)
}

// keyTypes follows a text in a key in front of the kinds of parameters.
const keyTypes = 0xfc

// sizeClass is what of a parameter's length a plan depends on: a plan for texts of one length does for shorter ones.
func sizeClass(p *wire.Param) int {
	n := len(p.Value.Bytes)
	switch p.Value.Kind {
	case sqltypes.KindString, sqltypes.KindBinary:
		if n <= 1<<16 {
			return max(16, 1<<bits.Len(uint(max(n, 1)-1)))
		}
		return n
	case sqltypes.KindDecimal, sqltypes.KindDatetime, sqltypes.KindTime:
		return n
	}
	return 0
}

// standIn is an expression of the type that a parameter has for a server, whatever its value. Bare integers would be integers, and the
// numbers of columns in ORDER BY.
func standIn(p *wire.Param) string {
	v := &p.Value
	switch v.Kind {
	case sqltypes.KindInt:
		return "CAST(9223372036854775807 AS SIGNED)"
	case sqltypes.KindUint:
		return "CAST(18446744073709551615 AS UNSIGNED)"
	case sqltypes.KindDouble:
		return "1e0"
	case sqltypes.KindDecimal:
		digits := strings.Map(func(c rune) rune {
			switch {
			case c == '-' || c == '+':
				return -1
			case c >= '0' && c <= '9':
				return '9'
			}
			return c
		}, string(v.Bytes))
		if !strings.Contains(digits, ".") {
			digits += "."
		}
		return digits
	case sqltypes.KindString:
		return sized("", p)
	case sqltypes.KindBinary:
		return sized(router.GivenBytes, p)
	case sqltypes.KindNull:
		return "NULL"
	}
	return string(v.AppendSQL(nil))
}

// sized is a text of the length of a parameter's size class.
func sized(introducer string, p *wire.Param) string {
	return introducer + "'" + strings.Repeat("1", sizeClass(p)) + "'"
}
