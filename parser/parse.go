package parser

import (
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// Parse reads the first statement of text. It fails only for a text that cannot be cut into tokens (a *TextError)
// or holds nothing at all; what the grammar library lacks is classified by its tokens. A text of comments alone has
// the Kind Empty.
func Parse(text string, mode Mode) (*Statement, error) { return parse(text, mode, false, nil) }

// ParseWithin is Parse where there is room for what it makes.
func ParseWithin(text string, mode Mode, room Room) (*Statement, error) {
	return parse(text, mode, false, room)
}

// Room is asked for bytes before they are taken. Its error, which says that they are not there, is that of who asks.
type Room func(bytes int64) error

// parse is Parse, of a text whose lists are folded or one whose are not.
func parse(text string, mode Mode, folded bool, room Room) (*Statement, error) {
	st, err := tokenize(text, mode, folded, room)
	if err != nil {
		return nil, err
	}
	if len(st.Tokens) == 0 {
		if strings.TrimSpace(st.Text) == "" {
			return nil, sqlerr.EmptyQuery()
		}
		st.Kind = Empty
		return st, nil
	}
	if err := analyse(st); err != nil {
		return nil, err
	}
	return st, nil
}

// Beyond these a statement is refused: servers give up at 3,200 open parentheses, and looking names up must end.
const (
	maxDepth = 3200
	maxWork  = 50_000_000
)

// analyse fills in a Statement from its tokens, and asks the grammar last.
func analyse(st *Statement) error {
	r := &reader{st: st, t: st.Tokens}
	for _, t := range st.Tokens {
		if t.Depth > maxDepth {
			return &TextError{t.Start, "too many parentheses inside each other"}
		}
	}
	at := r.prefix()
	r.classify(at)
	r.clauses(at)
	r.scopes(at)
	r.tables(at)
	r.uses(at)
	r.details(at)
	if r.work > maxWork {
		return &TextError{0, "too many tables and qualified names in one statement"}
	}
	if st.Kind != Explain && st.Kind != Analyze {
		st.grammar(r, at)
	}
	return nil
}

// tokenize cuts the first statement of text into tokens.
func tokenize(text string, mode Mode, folded bool, room Room) (*Statement, error) {
	s := Scan{Room: room}
	b := []byte(text)
	scan := s.ScanWhole
	if folded {
		scan = s.Scan
	}
	if err := scan(b, mode); err != nil {
		return nil, err
	}
	if room != nil {
		if err := room(weight(s.Tokens, len(text))); err != nil {
			return nil, err
		}
	}
	st := &Statement{Text: text[:s.End], raw: b[:s.End:s.End], Mode: mode, Args: s.Args, Params: s.Params, Folds: s.Folds, group: s.group}
	st.Tokens = make([]Token, 0, s.Tokens)
	upper := upperOf(st.Text, s.Tokens)
	var comments []Span
	l := lexer{p: b[:s.End], mode: mode, comments: &comments}
	depth, arg := 0, 0
	for {
		err := l.next()
		if err != nil || l.kind == End { // an executable comment that the ';' left open is no error of this statement
			break
		}
		t := Token{Span: Span{l.start, l.end}, Kind: l.kind, Depth: depth, Arg: -1, Exec: l.exec}
		for arg < len(s.Args) && int(s.Args[arg].End) <= l.start {
			arg++
		}
		if arg < len(s.Args) && l.start >= int(s.Args[arg].Start) {
			t.Arg = arg
		}
		st.Executable = st.Executable || l.exec
		st.push(t, upper, l.dotted, &depth)
	}
	st.pairs()
	st.hints(comments)
	return st, nil
}

// weight is about what a Statement with so many tokens holds, and what making it holds for a while.
func weight(tokens, text int) int64 {
	each := 120
	if tokens <= maxGrammarTokens {
		each = 600 // with the syntax tree
	}
	return int64(tokens*each + 2*text)
}

// upperOf is the text in upper case, for the words to be cut from: one allocation in the place of one a word. It is "" where
// letters have other lengths in upper case, and where most of the text is no words.
func upperOf(text string, tokens int) string {
	if len(text) > 64*tokens {
		return ""
	}
	for i := range len(text) {
		if text[i] >= 0x80 {
			return ""
		}
	}
	return strings.ToUpper(text)
}

// push adds a token, its word in upper case; upper is as upperOf gives it.
func (st *Statement) push(t Token, upper string, dotted bool, depth *int) {
	switch {
	case t.Kind == Word && !dotted && upper != "":
		t.Word = upper[t.Start:t.End]
	case t.Kind == Word && !dotted:
		t.Word = strings.ToUpper(st.Text[t.Start:t.End])
	case t.Kind == Op:
		t.Word = st.Text[t.Start:t.End]
		switch t.Word {
		case "(":
			*depth++
		case ")":
			*depth = max(*depth-1, 0)
			t.Depth = *depth
		}
	}
	st.Tokens = append(st.Tokens, t)
}

// pairs finds the partner of each parenthesis.
func (st *Statement) pairs() {
	st.match = make([]int32, len(st.Tokens))
	st.encl = make([]int32, len(st.Tokens))
	var open []int
	for i, t := range st.Tokens {
		st.encl[i] = -1
		if n := len(open); n > 0 && !t.Is(")") {
			st.encl[i] = int32(open[n-1])
		} else if n > 1 {
			st.encl[i] = int32(open[n-2])
		}
		if t.Is("(") {
			open = append(open, i)
			st.match[i] = int32(len(st.Tokens))
		} else if t.Is(")") {
			st.match[i] = -1
			if n := len(open); n > 0 {
				st.match[i], st.match[open[n-1]] = int32(open[n-1]), int32(i)
				open = open[:n-1]
			}
		}
	}
}

// Value decodes argument i; of a parameter it is an error. The bytes may be the statement's own: they must not be
// changed.
func (st *Statement) Value(i int) (sqltypes.Value, error) {
	return decode(st.raw, st.Args[i], st.Mode)
}

// SameArg reports whether arguments i and j are equal in every text of this statement's key: the same argument, or
// two equally written literals of which the later stands in or behind GROUP BY, HAVING or ORDER BY. Only such
// equalities may shape a plan.
func (st *Statement) SameArg(i, j int) bool {
	if i > j {
		i, j = j, i
	}
	if i == j {
		return true
	}
	if st.group < 0 || j < st.group || len(st.Args) > maxSame {
		return false
	}
	f := firstSame(st.Text, st.Args, st.Folds, j)
	return f >= 0 && (f == i || i >= st.group && firstSame(st.Text, st.Args, st.Folds, i) == f)
}
