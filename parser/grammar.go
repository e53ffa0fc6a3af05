package parser

import (
	"errors"
	"fmt"
	"strconv"
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

// grammar asks the grammar library for the tree, links it with the arguments, and lets it confirm the tables.
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
	c := st.canonical(r, at, nil, Span{})
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
	st.Exact = st.confirm(r, at)
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
// they were quoted, strings in one form. at maps its offsets back to tokens.
type canon struct {
	text string
	at   map[int]int
}

// canonical writes the tokens from start on. The identifiers of tags are replaced. What the grammar lacks and the
// tree is not needed for is left out: INTO, RETURNING, the row alias of INSERT; and the span leave.
func (st *Statement) canonical(r *reader, start int, tags map[int]string, leave Span) canon {
	cut := append(st.cuts(), leave)
	var b strings.Builder
	b.Grow(len(st.Text) + 16)
	c := canon{at: make(map[int]int, len(st.Tokens))}
	doneArg := -1
	for i := start; i < len(st.Tokens); i++ {
		t := st.Tokens[i]
		if inCut(cut, t.Span) || t.Arg >= 0 && t.Arg == doneArg {
			continue
		}
		if i > start && t.Start != st.Tokens[i-1].End {
			b.WriteByte(' ')
		}
		from := i
		if t.Arg >= 0 {
			doneArg = t.Arg
			if st.writeArg(&b, c.at, i) {
				continue
			}
		}
		c.at[b.Len()] = from
		st.writeToken(&b, r, i, tags)
	}
	c.text = b.String()
	return c
}

// writeArg writes a string argument: introducer left out, adjacent parts joined. It says no to other arguments.
func (st *Statement) writeArg(b *strings.Builder, at map[int]int, i int) bool {
	a := st.Args[st.Tokens[i].Arg]
	switch a.Kind {
	case ArgString:
		v, err := st.Value(st.Tokens[i].Arg)
		s := string(v.Bytes)
		if err != nil || len(s) > maxGrammarLiteral {
			s = "?" // the tree is for the statement's shape; values are read from the arguments
		}
		at[b.Len()] = i
		writeString(b, st.Mode.Charset.utf8(s))
	case ArgDate, ArgTime, ArgTimestamp:
		at[b.Len()] = i
		b.WriteString(st.Text[a.Start:a.End])
	case ArgHex, ArgBit:
		at[b.Len()] = i
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

func (st *Statement) writeToken(b *strings.Builder, r *reader, i int, tags map[int]string) {
	t := st.Tokens[i]
	if tag, ok := tags[i]; ok {
		b.WriteString(tag)
		return
	}
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

// confirm parses once more with every table occurrence and qualifier under a name of its own, and looks where the
// tree has them: then no occurrence is missed, and none is something else.
func (st *Statement) confirm(r *reader, at int) bool {
	tags := map[int]string{}
	for _, t := range st.Tables {
		tags[t.tok] = "heddle_t_" + strconv.Itoa(t.tok)
	}
	for _, q := range st.Qualifiers {
		tags[q.tok] = "heddle_q_" + strconv.Itoa(q.tok)
	}
	if len(tags) == 0 {
		v := &occurrences{tables: map[string]int{}, quals: map[string]int{}}
		st.AST.Accept(v)
		return len(v.tables) == 0
	}
	node, err := parseGrammar(st.canonical(r, at, tags, st.plainRows(r)).text, st.Mode)
	if err != nil {
		return false
	}
	v := &occurrences{tables: map[string]int{}, quals: map[string]int{}}
	node.Accept(v)
	for _, t := range st.Tables {
		if v.tables[tags[t.tok]] != 1 {
			return false
		}
		delete(v.tables, tags[t.tok])
	}
	for _, q := range st.Qualifiers {
		if v.quals[tags[q.tok]] < 1 {
			return false
		}
		delete(v.quals, tags[q.tok])
	}
	for _, a := range st.deleteAliases {
		delete(v.tables, a)
	}
	return len(v.tables) == 0 && st.noQualifierLeft(r, v.quals)
}

// plainRows is the span of an INSERT's rows behind the first, if no row holds a name: reading them once is enough.
func (st *Statement) plainRows(r *reader) Span {
	c := st.Clauses
	if c == nil || len(c.Rows) < 2 {
		return Span{}
	}
	from, to := c.Rows[0].End, c.Rows[len(c.Rows)-1].End
	for i, t := range st.Tokens {
		if t.Start >= from && t.End <= to && (t.Kind == Quoted || t.Kind == Word && !r.any(i, "NULL", "DEFAULT", "TRUE", "FALSE") && t.Arg < 0) {
			return Span{}
		}
	}
	return Span{from, to}
}

// noQualifierLeft reports whether each qualifier that was not tagged is an alias, a derived table or a WITH table.
func (st *Statement) noQualifierLeft(r *reader, left map[string]int) bool {
	other, lower := map[string]bool{}, map[string]bool{}
	for name := range left {
		lower[strings.ToLower(name)] = true
	}
	for _, b := range r.blocks {
		for _, t := range b.tables {
			if t.alias != "" {
				other[strings.ToLower(t.alias)] = true
			} else if !t.stored {
				other[strings.ToLower(t.name)] = true
			}
		}
	}
	for _, t := range st.Tables {
		if name := strings.ToLower(t.Name); lower[name] && !other[name] {
			return false
		}
	}
	return true
}

// occurrences collects the table names and column qualifiers of a tree.
type occurrences struct {
	tables, quals map[string]int
}

// Enter implements ast.Visitor.
func (v *occurrences) Enter(n ast.Node) (ast.Node, bool) {
	switch x := n.(type) {
	case *ast.TableName:
		v.tables[x.Name.O]++
	case *ast.ColumnName:
		if x.Table.O != "" {
			v.quals[x.Table.O]++
		}
	case *ast.SelectField:
		if x.WildCard != nil && x.WildCard.Table.O != "" {
			v.quals[x.WildCard.Table.O]++
		}
	}
	return n, false
}

// Leave implements ast.Visitor.
func (v *occurrences) Leave(n ast.Node) (ast.Node, bool) { return n, true }
