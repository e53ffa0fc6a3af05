package session

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
)

// A text that SQL's EXECUTE is given keeps the collation of the variable or literal; one of another charset than the connection's is
// converted and has the connection's. A literal in the text that runs in its place has that of the connection, or behind an introducer
// its charset's own; where the value's is a third one, it must not be the text that decides how it compares.

// collationOther stands for a collation that no literal has.
const collationOther = uint16(0xffff)

// withCollations adds, for each expression, what a literal has to be that compares as it does.
func withCollations(expressions []string) []string {
	out := slices.Clone(expressions)
	for _, e := range expressions {
		out = append(out, "IF(CHARSET("+e+") <> @@character_set_connection, 'c', "+
			"CASE COLLATION("+e+") WHEN @@collation_connection THEN 'c' WHEN COLLATION(_utf8mb4'') THEN 'u' ELSE 'o' END)")
	}
	return out
}

// collate has a text written so that it compares as the value does, of which like tells. It reports whether that has to be in the
// client's charset, which it is not in.
func (s *Session) collate(v *sqltypes.Value, like []byte) bool {
	if v.Kind != sqltypes.KindString {
		return false
	}
	ascii := !beyondASCII(v.Bytes)
	switch {
	case string(like) == "c" && (ascii || s.clientCharset() == "utf8mb4"):
		v.Collation = 0
	case string(like) == "o":
		v.Collation = collationOther
	}
	return string(like) == "c" && v.Collation != 0
}

// asClientWrites has texts in the client's charset, in which a literal has the connection's collation. A backslash makes an introducer
// necessary, whose collation is the charset's own.
func (s *Session) asClientWrites(ctx context.Context, texts []*sqltypes.Value) error {
	if len(texts) == 0 {
		return nil
	}
	charset := s.clientCharset()
	expressions := []string{"IF(COLLATION(_" + charset + "'') = @@collation_connection, 1, 0)"}
	for _, v := range texts {
		text := fmt.Sprintf("_utf8mb4 x'%x'", v.Bytes)
		there := "CONVERT(" + text + " USING " + charset + ")"
		expressions = append(expressions, "IF(CAST(CONVERT("+there+" USING utf8mb4) AS BINARY) = CAST("+text+" AS BINARY), HEX("+there+"), NULL)")
	}
	answers, _, err := s.evaluate(ctx, expressions...)
	if err != nil {
		return err
	}
	own := string(answers[0].AppendText(nil)) == "1"
	for i, v := range texts {
		written, err := hex.DecodeString(string(answers[i+1].AppendText(nil)))
		if answers[i+1].IsNull() || err != nil || !own && bytes.IndexByte(written, '\\') >= 0 {
			v.Collation = collationOther
			continue
		}
		v.Bytes, v.Collation = written, 0
	}
	return nil
}

// readsCollations refuses texts of a collation that no literal has, but where they meet a column, whose collation counts. They are
// written in the charset they have been read in.
func readsCollations(stmt *prepared, values []sqltypes.Value) error {
	other := func(v sqltypes.Value) bool { return v.Kind == sqltypes.KindString && v.Collation == collationOther }
	if !slices.ContainsFunc(values, other) {
		return nil
	}
	st, err := parser.Parse(string(stmt.text), stmt.mode)
	if err != nil {
		return nil // which running it says
	}
	param := 0
	for i := range st.Tokens {
		if st.Tokens[i].Kind != parser.Param {
			continue
		}
		if param < len(values) && other(values[param]) && !meetsColumn(st, i) {
			return sqlerr.NotSupported("EXECUTE … USING a text whose collation is neither the connection's nor utf8mb4's own, where it is not compared with or stored in a column")
		}
		param++
	}
	for i := range values {
		if other(values[i]) {
			values[i].Collation = sqltypes.CollationUTF8MB4
		}
	}
	return nil
}

// meetsColumn reports whether the parameter at i is compared with a column, or stored in one, and nothing else.
func meetsColumn(st *parser.Statement, i int) bool {
	at := func(k int) *parser.Token {
		if k < 0 || k >= len(st.Tokens) {
			return &parser.Token{}
		}
		return &st.Tokens[k]
	}
	ends := i+1 >= len(st.Tokens) || at(i+1).Kind == parser.Word || at(i+1).Is(",") || at(i+1).Is(")")
	if !ends {
		return false
	}
	before := func(k int) bool { return at(k).Ident() && !at(k).Is("NOT") || at(k).Is("NOT") && at(k-1).Ident() }
	switch prev := at(i - 1); {
	case comparesOrAssigns[prev.Word] || prev.Is("LIKE") || prev.Is("BETWEEN"):
		return before(i - 2)
	case prev.Is("AND") && at(i-3).Is("BETWEEN"):
		return before(i - 4)
	case prev.Is("(") || prev.Is(","):
		k := i - 1
		for k > 0 && at(k).Depth >= st.Tokens[i].Depth {
			k--
		}
		if at(k - 1).Is("IN") {
			return before(k - 2)
		}
		return (st.Kind == parser.Insert || st.Kind == parser.Replace) && (at(k-1).Is("VALUES") || at(k-1).Is("VALUE") || at(k-1).Is(","))
	}
	return false
}

// comparesOrAssigns are the operators that compare, and assign.
var comparesOrAssigns = wordSet("= < > <= >= <> != <=> :=")
