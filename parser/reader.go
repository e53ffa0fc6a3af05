package parser

import "strings"

// reader walks over the tokens of a statement. Reading past the end gives the zero Token, which is no word.
type reader struct {
	st      *Statement
	t       []Token
	blocks  []block
	of      []int32 // block of each token
	ctes    []cte
	tableAt map[int]bool // tokens that are part of a table occurrence
	cteAt   map[int]bool // tokens that name a WITH table where it is defined
	written map[int]bool // user variables behind INTO
	work    int          // steps of looking names up; see maxWork
}

func (r *reader) at(i int) Token {
	if i < 0 || i >= len(r.t) {
		return Token{Arg: -1}
	}
	return r.t[i]
}

// is reports whether the words stand at i, one after the other.
func (r *reader) is(i int, words ...string) bool {
	for n, w := range words {
		if !r.at(i + n).Is(w) {
			return false
		}
	}
	return true
}

// any reports whether one of the words stands at i.
func (r *reader) any(i int, words ...string) bool {
	t := r.at(i)
	if t.Word == "" {
		return false
	}
	for _, w := range words {
		if t.Is(w) {
			return true
		}
	}
	return false
}

// skip moves over the word w if it stands at i.
func (r *reader) skip(i *int, words ...string) bool {
	if r.is(*i, words...) {
		*i += len(words)
		return true
	}
	return false
}

func (r *reader) skipAny(i *int, words ...string) {
	for r.any(*i, words...) {
		*i++
	}
}

// after is the index behind the parenthesis that closes the one at i; at other tokens the next index.
func (r *reader) after(i int) int {
	if r.at(i).Is("(") {
		return min(int(r.st.match[i])+1, len(r.t))
	}
	return i + 1
}

// span covers the tokens [i, j).
func (r *reader) span(i, j int) Span {
	if i >= j || i >= len(r.t) {
		return Span{}
	}
	return Span{r.t[i].Start, r.t[j-1].End}
}

// name is the identifier at i, unquoted and in UTF-8; also a string where names may be written so.
func (r *reader) name(i int) string {
	t := r.at(i)
	s := t.In(r.st.Text)
	switch t.Kind {
	case Word:
		return r.st.Mode.Charset.utf8(s)
	case Quoted, String:
		q := s[0]
		body := s[1 : len(s)-1]
		if t.Kind == String {
			return r.st.Mode.Charset.utf8(string(unquote([]byte(body), q, r.st.Mode)))
		}
		if strings.IndexByte(body, q) >= 0 {
			body = string(unquote([]byte(body), q, Mode{SQLMode: NoBackslashEscapes, Charset: r.st.Mode.Charset}))
		}
		return r.st.Mode.Charset.utf8(body)
	}
	return ""
}

// tableName reads [schema .] name at i, and gives the index after it; ok is false if no identifier stands there.
// A leading point (.t) is read as the server does: as no schema.
func (r *reader) tableName(i int) (ref TableRef, next int, ok bool) {
	if r.at(i).Is(".") {
		i++
	}
	t := r.at(i)
	if !t.Ident() {
		return ref, i, false
	}
	ref = TableRef{Name: r.name(i), NameSpan: t.Span, Depth: t.Depth, tok: i, schemaTok: -1}
	if r.at(i+1).Is(".") && r.at(i+2).Ident() {
		ref.Schema, ref.SchemaSpan, ref.schemaTok = ref.Name, ref.NameSpan, i
		ref.Name, ref.NameSpan, ref.tok = r.name(i+2), r.at(i+2).Span, i+2
		return ref, i + 3, true
	}
	return ref, i + 1, true
}

// add records a table occurrence.
func (r *reader) add(ref TableRef, role Role) {
	if r.tableAt[ref.tok] {
		return
	}
	r.tableAt[ref.tok] = true
	if ref.schemaTok >= 0 {
		r.tableAt[ref.schemaTok] = true
	}
	ref.Role = role
	r.st.Tables = append(r.st.Tables, ref)
}

// levelEnd is the parenthesis that closes the level of token i, or the end.
func (r *reader) levelEnd(i int) int {
	if e := r.st.encl[i]; e >= 0 {
		return int(r.st.match[e])
	}
	return len(r.t)
}

// commas cuts [i, j) at the commas of its own depth.
func (r *reader) commas(i, j int) [][2]int {
	var out [][2]int
	from := i
	for k := i; k < j; k = r.after(k) {
		if r.t[k].Is(",") {
			out = append(out, [2]int{from, k})
			from = k + 1
		}
	}
	return append(out, [2]int{from, j})
}
