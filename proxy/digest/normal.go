package digest

import (
	"bytes"

	"github.com/heddle-mesh/heddle/parser"
)

// maxText is how much of a text is kept, bytes. Shapes that differ only behind it are one.
const maxText = 4 << 10

// appendNormal writes a statement's text without its values: each literal as '?', comments left out, one space between
// tokens where one makes it readable, a list of values as "...", further rows of VALUES left out. Whatever is a literal by the tokenizer goes,
// bodies of programs and passwords included: the text may be shown to who may not see data.
func appendNormal(b []byte, st *parser.Statement) []byte {
	from := len(b)
	for i := range st.Tokens {
		t := &st.Tokens[i]
		if t.Kind == parser.End {
			break
		}
		if len(b)-from > maxText {
			return append(b[:from+maxText], "…"...)
		}
		if i > 0 && spaced(st, i) {
			b = append(b, ' ')
		}
		if isValue(t.Kind) {
			b = append(b, '?')
			continue
		}
		b = append(b, t.In(st.Text)...)
		if t.Is(")") {
			b = folded(b, from)
		}
	}
	return b
}

func isValue(k parser.TokenKind) bool { return k >= parser.Int && k <= parser.Param }

// spaced says whether a space stands before a token. Between a name and its parenthesis it is the text's own: it changes
// what some functions are.
func spaced(st *parser.Statement, i int) bool {
	t, before := &st.Tokens[i], &st.Tokens[i-1]
	switch {
	case t.Is(",") || t.Is(")") || t.Is(".") || t.Is(";"):
		return false
	case before.Is("(") || before.Is(".") || before.Kind == parser.SysVar:
		return false
	case t.Is("("):
		return t.Start > before.End || before.Kind == parser.Op
	}
	return true
}

// folded shortens what has just been closed: "(?, ?, ?)" to "(...)", and ", (...)" behind the same is dropped.
func folded(b []byte, from int) []byte {
	open := bytes.LastIndexByte(b[from:], '(')
	if open < 0 {
		return b
	}
	open += from
	inside := b[open+1 : len(b)-1]
	if len(inside) > 1 && onlyValues(inside) {
		b = append(b[:open+1], "...)"...)
	}
	last, before := b[open:], b[:open]
	if string(last) == "(...)" || string(last) == "(?)" {
		if before, ok := bytes.CutSuffix(before, []byte(", ")); ok && bytes.HasSuffix(before, last) {
			return before
		}
	}
	return b
}

// onlyValues reports whether a text is "?, ?, …".
func onlyValues(b []byte) bool {
	for i, c := range b {
		if c != "?, "[i%3] {
			return false
		}
	}
	return len(b)%3 == 1
}
