package parser

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	tidb "github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/charset"
	"github.com/pingcap/tidb/pkg/parser/mysql"
)

// Beyond these the grammar library is not asked: its tree and its recursion grow with the text.
const (
	maxGrammarText   = 8 << 20 // after long literals were cut
	maxGrammarTokens = 500_000
	maxGrammarDepth  = 300

	// A literal longer than this many bytes is shown to the grammar as a short one.
	maxGrammarLiteral = 4 << 10
)

// parsers keeps grammar parsers between uses: one takes 20 KB, and none may be used by two goroutines.
var parsers = sync.Pool{New: func() any { return tidb.New() }}

// errTooLarge is ParseErr of a statement that the grammar library is not asked about.
var errTooLarge = errors.New("the statement is too large or too deep for the grammar")

// grammar asks the grammar library for the tree and links it with the arguments.
func (st *Statement) grammar(r *reader, at int) {
	if at >= len(st.Tokens) {
		return
	}
	if st.Kind == Compound || r.programBody() {
		st.ParseErr = errors.New("the grammar does not read stored programs")
		return
	}
	if len(st.Tokens) > maxGrammarTokens || st.deep() {
		st.ParseErr = errTooLarge
		return
	}
	c := st.canonical(r, at)
	if len(c.text) > maxGrammarText {
		st.ParseErr = errTooLarge
		return
	}
	node, err := parseGrammar(c.text, st.Mode)
	if err != nil {
		st.ParseErr = err
		return
	}
	st.AST = node
	st.link.build(st, node, c)
}

func (st *Statement) deep() bool {
	for _, t := range st.Tokens {
		if t.Depth > maxGrammarDepth {
			return true
		}
	}
	return false
}

// parseGrammar runs the grammar library. A panic inside of it is an error like any other: the tokens still tell
// what the statement is about.
func parseGrammar(text string, mode Mode) (node ast.StmtNode, err error) {
	p := parsers.Get().(*tidb.Parser)
	defer func() {
		if e := recover(); e != nil { // the parser is not put back
			node, err = nil, fmt.Errorf("grammar: panic: %v", e)
			return
		}
		parsers.Put(p)
	}()
	p.Reset()
	p.SetStrictDoubleTypeCheck(false)
	p.SetMariaDB(mode.Flavour.MariaDB)
	p.SetSQLMode(grammarMode(mode.SQLMode))
	stmts, _, err := p.ParseSQL(text)
	if err != nil {
		return nil, fmt.Errorf("grammar: %w", err)
	}
	if len(stmts) != 1 {
		return nil, fmt.Errorf("grammar: %d statements", len(stmts))
	}
	return stmts[0], nil
}

// grammarMode keeps the modes that matter for the canonical text: its quotes and escapes are always the same.
func grammarMode(m SQLMode) mysql.SQLMode {
	var out mysql.SQLMode
	for _, x := range []struct {
		m SQLMode
		g mysql.SQLMode
	}{{PipesAsConcat, mysql.ModePipesAsConcat}, {HighNotPrecedence, mysql.ModeHighNotPrecedence},
		{IgnoreSpace, mysql.ModeIgnoreSpace}, {RealAsFloat, mysql.ModeRealAsFloat}} {
		if m.Has(x.m) {
			out |= x.g
		}
	}
	return out
}

// canon is the text for the grammar, written anew from the tokens: without comments, identifiers in backticks where
// they were quoted, strings in one form.
type canon struct {
	text string
	at   offsets
}

// offsets tell which token stands at an offset of the canonical text. They are in order, and a list is half of what a map of
// as many would be to make.
type offsets []offset

type offset struct{ at, token int32 }

func (o *offsets) add(at, token int) { *o = append(*o, offset{int32(at), int32(token)}) }

func (o offsets) token(at int) (int, bool) {
	i, ok := slices.BinarySearchFunc(o, at, func(x offset, at int) int { return int(x.at) - at })
	if !ok {
		return 0, false
	}
	return int(o[i].token), true
}

// canonical writes the tokens from start on. What the grammar lacks and the tree is not needed for is left out: INTO,
// RETURNING, the row alias of INSERT.
func (st *Statement) canonical(r *reader, start int) canon {
	cut := st.cuts()
	var b strings.Builder
	b.Grow(len(st.Text) + 16)
	c := canon{at: make(offsets, 0, len(st.Tokens)-start)}
	doneArg := -1
	for i := start; i < len(st.Tokens); i++ {
		t := st.Tokens[i]
		if inCut(cut, t.Span) || t.Arg >= 0 && t.Arg == doneArg {
			continue
		}
		if i > start && t.Start != st.Tokens[i-1].End {
			b.WriteByte(' ')
		}
		if t.Arg >= 0 {
			doneArg = t.Arg
			if st.writeArg(&b, &c.at, i) {
				continue
			}
		}
		c.at.add(b.Len(), i)
		st.writeToken(&b, r, i)
	}
	c.text = b.String()
	return c
}

// writeArg writes a string argument: introducer left out, adjacent parts joined. It says no to other arguments.
func (st *Statement) writeArg(b *strings.Builder, at *offsets, i int) bool {
	a := st.Args[st.Tokens[i].Arg]
	switch a.Kind {
	case ArgString:
		v, err := st.Value(st.Tokens[i].Arg)
		s := string(v.Bytes)
		if err != nil || len(s) > maxGrammarLiteral {
			s = "?" // the tree is for the statement's shape; values are read from the arguments
		}
		at.add(b.Len(), i)
		writeString(b, st.Mode.Charset.utf8(s))
	case ArgDate, ArgTime, ArgTimestamp:
		at.add(b.Len(), i)
		b.WriteString(st.Text[a.Start:a.End])
	case ArgHex, ArgBit:
		at.add(b.Len(), i)
		if a.End-a.Start > maxGrammarLiteral {
			b.WriteString("x'3f'")
			return true
		}
		b.WriteString(st.Text[int(a.Start)+int(a.Introducer) : a.End])
	default:
		return false
	}
	return true
}

func (st *Statement) writeToken(b *strings.Builder, r *reader, i int) {
	t := st.Tokens[i]
	switch t.Kind {
	case Quoted:
		writeIdent(b, r.name(i))
	case Word:
		s := t.In(st.Text)
		if u := st.Mode.Charset.utf8(s); u != s {
			writeIdent(b, u)
			return
		}
		if st.unknownCharset(i) {
			s = charset.CharsetUTF8MB4
		}
		b.WriteString(s)
		if c := st.Clauses; c != nil && inCut([]Span{c.OnDup.Span}, t.Span) && strings.EqualFold(s, "VALUE") && i+1 < len(st.Tokens) && st.Tokens[i+1].Is("(") {
			b.WriteByte('S') // MariaDB's other name for VALUES(), which the grammar lacks
		}
	case String, NString:
		s := t.In(st.Text)
		if t.Kind == NString {
			s = s[1:]
		}
		writeString(b, st.Mode.Charset.utf8(string(unquote([]byte(s[1:len(s)-1]), s[0], st.Mode))))
	case UserVar:
		b.WriteByte('@')
		writeIdent(b, r.varName(i))
	default:
		b.WriteString(t.In(st.Text))
	}
}

// unknownCharset reports whether a word is the charset of CONVERT(… USING …) or CHAR(… USING …) and one that the grammar lacks:
// which one it is matters to servers only.
func (st *Statement) unknownCharset(i int) bool {
	if i < 1 || i+1 >= len(st.Tokens) || !st.Tokens[i-1].Is("USING") || !st.Tokens[i+1].Is(")") {
		return false
	}
	_, err := charset.GetCharsetInfo(st.Tokens[i].In(st.Text))
	return err != nil
}

func writeIdent(b *strings.Builder, s string) {
	b.WriteByte('`')
	b.WriteString(strings.ReplaceAll(s, "`", "``"))
	b.WriteByte('`')
}

func writeString(b *strings.Builder, s string) {
	b.WriteByte('\'')
	for i := range len(s) {
		switch s[i] {
		case '\'', '\\':
			b.WriteByte(s[i])
		}
		b.WriteByte(s[i])
	}
	b.WriteByte('\'')
}

// cuts are the spans that the canonical text leaves out.
func (st *Statement) cuts() []Span {
	var out []Span
	var walk func(c *Clauses)
	walk = func(c *Clauses) {
		if c == nil {
			return
		}
		for _, s := range []Span{c.Into.Span, c.Returning.Span, c.RowAlias, c.Procedure.Span} {
			if s.Present() {
				out = append(out, s)
			}
		}
		for _, b := range c.Branches {
			walk(b)
		}
		walk(c.Inner)
		walk(c.Source)
	}
	walk(st.Clauses)
	return out
}

func inCut(cut []Span, s Span) bool {
	for _, c := range cut {
		if s.Start >= c.Start && s.End <= c.End {
			return true
		}
	}
	return false
}
