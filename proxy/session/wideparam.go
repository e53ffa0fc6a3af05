package session

import (
	"fmt"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
)

// A literal is as wide as its digits, and so are the columns computed from it; a variable of SQL's EXECUTE is a BIGINT of full width,
// whatever its value. Where that shows, in what a query selects and groups by, an expression of that width stands for the
// parameter; elsewhere a literal does, which tells the shard of a key.

// wideLength is the length of a BIGINT in the definitions of columns.
const wideLength = 20

func wideKind(column *sqltypes.Column) sqltypes.Kind {
	if column.Flags&sqltypes.FlagUnsigned != 0 {
		return sqltypes.KindUint
	}
	return sqltypes.KindInt
}

// appendWide writes an integer as an expression of a BIGINT's type and length, which is never NULL.
func appendWide(b []byte, v sqltypes.Value) []byte {
	switch {
	case v.Kind == sqltypes.KindUint:
		return fmt.Appendf(b, "CAST(%020d AS UNSIGNED)", uint64(v.Int))
	case v.Int < 0:
		return fmt.Appendf(b, "%020d", v.Int) // a sign and 19 digits
	}
	return fmt.Appendf(b, "ABS(%020d)", v.Int)
}

// shownArgs are the parameters of a query whose type shows.
type shownArgs struct {
	at   map[int]bool // by where they begin in the text
	bare []int        // by column: which parameter it is, -1: none
}

func (shown *shownArgs) holds(arg *parser.Arg) bool { return shown != nil && shown.at[int(arg.Start)] }

// shownArgsOf are those of a prepared query.
func shownArgsOf(stmt *prepared) *shownArgs {
	if stmt.params == 0 {
		return nil
	}
	st, err := parser.Parse(string(stmt.text), stmt.mode)
	if err != nil || st.Kind != parser.Select {
		return nil
	}
	shown := &shownArgs{at: map[int]bool{}}
	ordinals := map[parser.Span]int{}
	for i := range st.Tokens {
		if t := &st.Tokens[i]; t.Kind == parser.Param {
			ordinals[t.Span] = len(ordinals)
			shown.at[t.Start] = isShown(st.Tokens, i)
		}
	}
	c := st.Clauses
	if c == nil || c.Inner != nil || len(c.Branches) > 0 || slices.ContainsFunc(c.List, func(item parser.Item) bool { return item.Star }) {
		return shown
	}
	for _, item := range c.List {
		n, ok := ordinals[item.Expr]
		if !ok {
			n = -1
		}
		shown.bare = append(shown.bare, n)
	}
	return shown
}

// labels are those of an execution: a column that is a parameter has the type and the length of its value, not those of a literal.
func (shown *shownArgs) labels(all []label, values []sqltypes.Value, columns []sqltypes.Column, charset string) []label {
	if shown == nil || len(all) != len(shown.bare) {
		return all
	}
	out := slices.Clone(all)
	for i, n := range shown.bare {
		if n < 0 || n >= len(columns) || values[n].IsNull() || out[i].name == "" {
			continue
		}
		switch c := &columns[n]; {
		case c.Type.IsFloat() || c.Type.IsInteger():
			out[i].instead.Length = c.Length
		case c.Type == sqltypes.LongBlob && (c.Collation == sqltypes.CollationBinary || charset == "utf8mb4"):
			out[i].instead.Type = c.Type // of the length that the text has
			out[i].instead.Wider = map[bool]uint32{true: 1, false: 4}[c.Collation == sqltypes.CollationBinary]
		}
	}
	return out
}

// bitsOrHex reports whether an expression is a literal that is a number as well as a text.
func bitsOrHex(expression string) bool {
	e := strings.ToLower(strings.TrimSpace(expression))
	return strings.HasPrefix(e, "0x") || strings.HasPrefix(e, "0b") || strings.HasPrefix(e, "b'")
}

// isShown reports whether the parameter at i stands in a select list, HAVING, GROUP BY or ORDER BY. The whole of an element of the
// last two is none: it would be a position.
func isShown(tokens []parser.Token, i int) bool {
	depth := tokens[i].Depth
	for k := i - 1; k >= 0; k-- {
		t := &tokens[k]
		switch {
		case t.Depth > depth:
		case t.Depth < depth:
			depth = t.Depth
		case t.Is("SELECT") || t.Is("HAVING"):
			return true
		case t.Is("BY"):
			begins := tokens[i-1].Is("BY") || tokens[i-1].Is(",")
			goesOn := i+1 < len(tokens) && tokens[i+1].Kind == parser.Op && !tokens[i+1].Is(",") && !tokens[i+1].Is(")")
			return !begins || goesOn
		case t.Is("FROM") || t.Is("WHERE") || t.Is("ON") || t.Is("LIMIT") || t.Is("FETCH") || t.Is("OFFSET") || t.Is("VALUES"):
			return false
		}
	}
	return false
}
