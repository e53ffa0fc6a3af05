package parser

import (
	"bytes"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// Marker is the byte that stands in a key for a literal; the literal's ArgKind follows it. A NUL of the text itself
// (in a comment, for instance) is written as Marker and zero.
const Marker = 0

// maxSame bounds how many arguments are compared with each other for the equalities in a key.
const maxSame = 255

// Scan is one pass over a statement's text. A value can be used again and again: once its buffers have grown,
// a scan allocates nothing.
//
// Equal keys of equal modes mean: the same text but for the values of literals, with every literal of the same
// kind, and the same equalities among the literals of GROUP BY, HAVING and ORDER BY and those before them.
// Of lists that fold (see Fold) they may also differ in the number of elements, when there are at least two.
// Case, spaces, comments and hints are kept. Kept as text are the literals that are no values: positions
// (ORDER BY 2), string aliases, and all in the body of a stored program.
type Scan struct {
	Key      []byte // the fingerprint; valid until the next Scan
	Args     []Arg  // literals and parameters, in order; valid until the next Scan
	Folds    []Fold // lists of which Key does not tell the length, in order; valid until the next Scan
	Params   int    // how many Args are parameters
	Next     int    // offset of the next statement, -1 if there is none
	Comment  int    // where comments begin that alone follow the ';': servers answer them as a statement; -1 if there are none
	End      int    // where this statement ends: the offset of its ';', or len(text)
	Compound bool   // holds the body of a stored program, ';' included
	Empty    bool   // nothing but comments and spaces
	Tokens   int    // how many it has

	// Room is asked before the arguments of a long text take more than what statements usually have, bytes in all; its error is
	// the scan's. Nil: there is room for any.
	Room Room

	mode  Mode
	lex   lexer
	text  []byte
	full  error // of Room
	chunk int   // start of the text not yet in Key
	group int   // index of the first argument in or after a grouping clause, -1
	body  body  // tracker of compound statements

	whole   bool // nothing folds
	insert  bool // INSERT or REPLACE
	cond    bool // behind WHERE or ON
	folding folding

	prev     prevToken
	last     int    // 1: the previous token closed the last Args as a string; 2: it was a string kept as text
	lastKey  int    // len(Key) before the last argument
	lastFrom int    // chunk before the last argument
	epoch    int    // of the last argument's start
	depth    int    // open parentheses
	by       uint64 // bit d: at depth d a list after ORDER BY or GROUP BY is going on
	item     bool   // at the start of an element of such a list
}

// prevToken is what the scan remembers of the token before.
type prevToken struct {
	kind       TokenKind
	start, end int
	epoch      int
	dotted     bool
	before     TokenKind // the kind and, for a word, the text before that
	bs, be     int
}

// argSize is about what an Arg weighs, bytes.
const argSize = 16

// Weight estimates the bytes that the scan keeps, its text included.
func (s *Scan) Weight() int {
	return cap(s.Key) + cap(s.Args)*argSize + len(s.text)
}

// Scan reads the first statement of text. text must not change while the Scan is used. The error is a
// *TextError: a server would answer 1064.
func (s *Scan) Scan(text []byte, mode Mode) error {
	s.whole = false
	return s.scan(text, mode)
}

// ScanWhole is Scan with a key that tells all lists' lengths.
func (s *Scan) ScanWhole(text []byte, mode Mode) error {
	s.whole = true
	return s.scan(text, mode)
}

func (s *Scan) scan(text []byte, mode Mode) error {
	s.reset(text, mode)
	for {
		if err := s.lex.next(); err != nil {
			return err
		}
		l := &s.lex
		if s.folding.list != noList {
			s.element()
		}
		switch l.kind {
		case End:
			s.finish(len(text))
			s.Next = -1
			return nil
		case Word:
			s.word()
		case Op:
			c := text[l.start]
			if c == ';' && !s.body.open() {
				s.finish(l.start)
				return s.findNext()
			}
			s.op(c)
		case Int, Decimal, Float, Hex, HexStr, Bit, BitStr, String, NString, Param:
			if s.literal(); s.full != nil {
				return s.full
			}
		default:
			s.item, s.last = false, 0
			s.body.other()
		}
		s.remember()
	}
}

// reset sets the fields one by one: a composite literal would be built apart and copied.
func (s *Scan) reset(text []byte, mode Mode) {
	s.Key, s.Args, s.Folds = s.Key[:0], s.Args[:0], s.Folds[:0]
	s.insert, s.cond, s.folding.list = false, false, noList
	s.Params, s.Next, s.Comment, s.End, s.Compound, s.Empty = 0, -1, -1, 0, false, true
	s.text, s.mode, s.chunk, s.group = text, mode, 0, -1
	s.last, s.depth, s.by, s.item = 0, 0, 0, false
	s.prev, s.Tokens, s.full = prevToken{}, 0, nil
	l := &s.lex
	l.p, l.i, l.mode, l.sep, l.dotted, l.exec, l.epoch, l.comments = text, 0, mode, 0, false, false, 0, nil
	s.body.start(mode)
}

// remember keeps what the next token's reading needs of this one.
func (s *Scan) remember() {
	l, p := &s.lex, &s.prev
	p.before, p.bs, p.be = p.kind, p.start, p.end
	p.kind, p.start, p.end, p.epoch, p.dotted = l.kind, l.start, l.end, l.epoch, l.dotted
	s.Empty = false
	s.Tokens++
}

func (s *Scan) op(c byte) {
	s.last = 0
	switch c {
	case '(':
		s.opens(s.depth)
		s.depth++
		if s.depth < 64 {
			s.by &^= 1 << s.depth
		}
	case ')':
		s.depth = max(s.depth-1, 0)
		s.item = false
	case ',':
		s.item = s.depth < 64 && s.by>>s.depth&1 != 0
	case '+', '-':
		// ORDER BY +2 too; and above: ORDER BY (2) is a position on MySQL
	default:
		s.item = false
	}
	if s.body.active || s.body.maybe {
		s.body.op(c, s.lex.end-s.lex.start == 1 && s.prev.kind == Word)
	}
}

// word looks at the words that change how literals are read.
func (s *Scan) word() {
	l := &s.lex
	s.last = 0
	s.item = false
	if l.dotted {
		return
	}
	w := l.p[l.start:l.end]
	if s.body.maybe || s.body.active {
		s.body.word(w)
		s.Compound = s.Compound || s.body.active
	}
	if s.Empty {
		s.insert = is(w, "INSERT") || is(w, "REPLACE")
	}
	switch len(w) {
	case 2:
		if w[0]|0x20 == 'o' && w[1]|0x20 == 'n' {
			s.cond = true
		}
		if w[0]|0x20 == 'b' && w[1]|0x20 == 'y' && s.prev.kind == Word {
			p := l.p[s.prev.start:s.prev.end]
			if is(p, "ORDER") || is(p, "GROUP") {
				s.item = true
				s.setBy(true)
				s.grouping()
			}
		}
	case 5:
		if w[0]|0x20 == 'l' && is(w, "LIMIT") {
			s.setBy(false)
		} else if w[0]|0x20 == 'w' && is(w, "WHERE") {
			s.cond = true
		}
	case 6:
		if w[0]|0x20 == 's' && is(w, "SELECT") {
			s.setBy(false)
			s.cond = false
		} else if w[0]|0x20 == 'h' && is(w, "HAVING") {
			s.setBy(false)
			s.grouping()
		}
	}
}

func (s *Scan) setBy(on bool) {
	if s.depth > 63 {
		return
	}
	s.by &^= 1 << s.depth
	if on {
		s.by |= 1 << s.depth
	}
}

func (s *Scan) grouping() {
	if s.group < 0 {
		s.group = len(s.Args)
	}
}

// literal makes an argument of the token, or leaves it in the text.
func (s *Scan) literal() {
	l := &s.lex
	item := s.item
	s.item = false
	s.body.other()
	if l.kind == Param {
		s.last = 0
		s.add(ArgParam, l.start, 0)
		s.Args[len(s.Args)-1].Ordinal = int32(s.Params)
		s.Params++
		return
	}
	if l.kind == String && s.last != 0 {
		s.adjacent()
		return
	}
	s.last = 0
	if s.body.active || item || s.depth > 63 {
		s.keep()
		return
	}
	kind, start, intro, ok := s.shape()
	if !ok {
		s.keep()
		return
	}
	s.add(kind, start, intro)
	if l.kind == String || l.kind == NString {
		s.last = 1
		s.Args[len(s.Args)-1].National = l.kind == NString
	}
}

// keep leaves a literal in the text; strings next to it are kept too.
func (s *Scan) keep() {
	if s.lex.kind == String || s.lex.kind == NString {
		s.last = 2
	}
}

// adjacent joins a string to the one before it. Where an executable comment begins or ends between them the span
// would cut the comment in two: then both stay text.
func (s *Scan) adjacent() {
	if s.last == 2 {
		return
	}
	l := &s.lex
	a := &s.Args[len(s.Args)-1]
	if s.epoch != l.epoch {
		s.Key = s.Key[:s.lastKey]
		s.chunk = s.lastFrom
		s.Args = s.Args[:len(s.Args)-1]
		s.last = 2
		return
	}
	a.End = int32(l.end)
	a.Parts = true
	s.chunk = l.end
}

// add writes the text up to start and a marker into the key.
func (s *Scan) add(k ArgKind, start, intro int) {
	s.lastKey, s.lastFrom, s.epoch = len(s.Key), s.chunk, s.lex.epoch
	s.copyText(start)
	s.Key = append(s.Key, Marker, byte(k))
	s.chunk = s.lex.end
	if len(s.Args) == cap(s.Args) && len(s.Args) >= manyArgs {
		s.grow()
	}
	s.Args = append(s.Args, Arg{Start: int32(start), End: int32(s.lex.end), Kind: k, Introducer: uint8(intro), Ordinal: -1})
}

// manyArgs is how many arguments need no Room.
const manyArgs = 1 << 15

// grow doubles the place for arguments, if there is room: where there is none the scan ends behind the one at hand.
func (s *Scan) grow() {
	if s.Room != nil {
		if s.full = s.Room(int64(2 * cap(s.Args) * argSize)); s.full != nil {
			return
		}
	}
	s.Args = append(make([]Arg, 0, 2*cap(s.Args)), s.Args...)
}

func (s *Scan) copyText(to int) {
	t := s.text[s.chunk:to]
	if bytes.IndexByte(t, Marker) < 0 {
		s.Key = append(s.Key, t...)
		return
	}
	for _, c := range t {
		if c == Marker {
			s.Key = append(s.Key, Marker)
		}
		s.Key = append(s.Key, c)
	}
}

func (s *Scan) finish(end int) {
	s.foldEnds()
	s.copyText(end)
	s.End = end
	if s.group >= 0 && s.group < len(s.Args) && Cut(s.Folds, len(s.Args)) <= maxSame {
		s.Key = append(s.Key, Marker, 0xff)
		for i := s.group; i < len(s.Args); i++ {
			s.Key = append(s.Key, byte(1+firstSame(s.text, s.Args, s.Folds, i)))
		}
	}
}

// firstSame is the first argument before i that is written like argument i, as the folded statement numbers it, or -1.
// Those of folded lists are not looked at: how many there are the key does not tell.
func firstSame[T []byte | string](text T, args []Arg, folds []Fold, i int) int {
	a := args[i]
	if a.Kind == ArgParam {
		return -1
	}
	more := 0
	for j := 0; j < i; j++ {
		if len(folds) > 0 && j >= folds[0].Arg {
			f := &folds[0]
			more += (f.Count - 2) * f.Width
			j = f.Arg + f.Count*f.Width - 1
			folds = folds[1:]
			continue
		}
		b := args[j]
		if b.Kind == a.Kind && b.End-b.Start == a.End-a.Start && string(text[b.Start:b.End]) == string(text[a.Start:a.End]) {
			return j - more
		}
	}
	return -1
}

// findNext looks behind a ';' for another statement: for anything but spaces, comments and further ';'. If there is
// one, Next stands right behind this ';': an empty statement between two others is the caller's to answer.
func (s *Scan) findNext() error {
	s.Next = -1
	from, end := s.End+1, len(s.text)
	for from < len(s.text) && class[s.text[from]] == cSpace {
		from++
	}
	l := lexer{p: s.text, i: s.End + 1, mode: s.mode}
	for {
		err := l.next()
		if err == nil && l.kind == End {
			if from < end && len(bytes.Trim(s.text[end:], "; \t\r\n")) == 0 {
				s.Comment = from
			}
			return nil
		}
		if err == nil && l.kind == Op && s.text[l.start] == ';' {
			l.exec, end = false, min(end, l.start)
			continue
		}
		s.Next = from
		return nil // an error there is the next statement's
	}
}

// Value decodes argument i; of a parameter it is an error. Strings that hold an escape, and hexadecimal, are
// decoded into new memory; the bytes of others are those of the text.
func (s *Scan) Value(i int) (sqltypes.Value, error) {
	return decode(s.text, s.Args[i], s.mode)
}
