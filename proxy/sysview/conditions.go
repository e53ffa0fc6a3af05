package sysview

import (
	"strings"

	"github.com/heddle-mesh/heddle/parser"
)

// filterOf reads what the outermost WHERE demands of the rows of t: comparisons with one text that AND joins. A
// condition of this form holds for every row of the answer, the rows of an outer join included.
func (v *View) filterOf(st *parser.Statement, t *parser.TableRef, about table) filter {
	c := st.Clauses
	if c == nil || len(c.Branches) > 0 || !c.Where.Present() || t.Depth != 0 || st.Kind != parser.Select || len(st.CTEs) > 0 {
		return filter{}
	}
	tokens := within(st.Tokens, c.Where.Body)
	for _, k := range tokens {
		if k.Depth == 0 && (k.Is("OR") || k.Is("XOR") || k.Is("||") || k.Is("BETWEEN")) {
			return filter{}
		}
	}
	var f filter
	for len(tokens) > 0 {
		n := 0
		for n < len(tokens) && !(tokens[n].Depth == 0 && (tokens[n].Is("AND") || tokens[n].Is("&&"))) {
			n++
		}
		f.demand(st, t, about, tokens[:n])
		tokens = tokens[min(n+1, len(tokens)):]
	}
	if !v.Mode.Flavour.MariaDB || v.Snapshot.FoldsCase() || about.name == "" && !about.lookup {
		f.exactSchema, f.exactTable = false, false
	}
	return f
}

// within cuts the tokens of a span.
func within(tokens []parser.Token, span parser.Span) []parser.Token {
	from := 0
	for from < len(tokens) && tokens[from].Start < span.Start {
		from++
	}
	to := from
	for to < len(tokens) && tokens[to].End <= span.End {
		to++
	}
	return tokens[from:to]
}

// demand reads one condition: [[schema.]table.]column = text.
func (f *filter) demand(st *parser.Statement, t *parser.TableRef, about table, k []parser.Token) {
	at := 0
	var path []string
	for at < len(k) && k[at].Ident() {
		path = append(path, strings.Trim(k[at].In(st.Text), "`\""))
		if at+1 >= len(k) || !k[at+1].Is(".") {
			at++
			break
		}
		at += 2
	}
	if len(path) == 0 || at >= len(k) || !k[at].Is("=") || !qualifies(path[:len(path)-1], t) {
		return
	}
	text, ok := plainText(st.Text, k[at+1:])
	if !ok {
		return
	}
	switch column := path[len(path)-1]; {
	case has(about.schemas, column):
		f.schema, f.exactSchema = &text, strings.EqualFold(column, about.schemas[0])
	case about.name != "" && strings.EqualFold(about.name, column):
		f.table, f.exactTable = &text, true
	}
}

// qualifies reports whether a qualifier means t; none does, since a name that two tables have is an error.
func qualifies(path []string, t *parser.TableRef) bool {
	if len(path) == 0 {
		return true
	}
	name := t.Name
	if t.Alias != "" {
		name = t.Alias
	}
	return strings.EqualFold(path[len(path)-1], name)
}

// plainText reads a literal without escapes, with an introducer or a collation.
func plainText(text string, k []parser.Token) (string, bool) {
	if len(k) > 0 && k[0].Kind == parser.Word && strings.HasPrefix(k[0].Word, "_UTF8") {
		k = k[1:]
	}
	if len(k) == 3 && k[1].Is("COLLATE") {
		k = k[:1]
	}
	if len(k) != 1 || k[0].Kind != parser.String {
		return "", false
	}
	s := k[0].In(text)
	if len(s) < 2 || strings.ContainsAny(s[1:len(s)-1], `\'"`) || !ascii(s) {
		return "", false
	}
	return s[1 : len(s)-1], true
}
