package parser

import "fmt"

// Byte classes of the tokenizer.
const (
	cBad = iota
	cSpace
	cIdent
	cDigit
	cQuote  // '
	cDouble // "
	cBack   // `
	cAt
	cDot
	cOp
	cSlash
	cDash
	cHash
	cStar
	cN // N'…'
	cX // x'…'
	cB // b'…'
)

// class gives a byte's class; bytes from 0x80 up are letters, except where Charset says otherwise.
var class = func() (t [256]uint8) {
	for c := range 256 {
		switch {
		case c >= 0x80 || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '$':
			t[c] = cIdent
		case c >= '0' && c <= '9':
			t[c] = cDigit
		case c == ' ' || c >= 9 && c <= 13:
			t[c] = cSpace
		}
	}
	for _, c := range "!%&()*+,:;<=>?[]^{|}~\\" {
		t[c] = cOp
	}
	t['\''], t['"'], t['`'], t['@'], t['.'] = cQuote, cDouble, cBack, cAt, cDot
	t['/'], t['-'], t['#'], t['*'] = cSlash, cDash, cHash, cStar
	t['n'], t['N'], t['x'], t['X'], t['b'], t['B'] = cN, cN, cX, cX, cB, cB
	return t
}()

// identByte marks the bytes that go on with an identifier.
var identByte = func() (t [256]bool) {
	for c := range 256 {
		switch class[c] {
		case cIdent, cDigit, cN, cX, cB:
			t[c] = true
		}
	}
	return t
}()

// TextError is a text that cannot be cut into tokens. A server answers 1064 to it.
type TextError struct {
	Pos  int // byte offset in the text
	What string
}

func (e *TextError) Error() string { return fmt.Sprintf("%s at byte %d", e.What, e.Pos) }

// lexer cuts a text into tokens as the server does. Its rules were checked against MariaDB's answers; where
// MySQL differs, Flavour decides.
type lexer struct {
	p        []byte
	i        int // next byte to read
	mode     Mode
	kind     TokenKind // of the token at [start, end)
	start    int
	end      int
	sep      uint8 // 1: a '.' follows that belongs to the word before it; 2: a word follows that '.'
	dotted   bool  // the token is a word right after a '.': never a keyword
	exec     bool  // inside an executable comment
	epoch    int   // grows with each start and end of an executable comment
	comments *[]Span
}

// next moves to the next token. At the end of the text its kind is End, again and again.
func (l *lexer) next() error {
	l.dotted = false
	if l.sep != 0 {
		return l.afterWord()
	}
	p := l.p
	for {
		if l.i >= len(p) {
			return l.finish()
		}
		c := p[l.i]
		switch class[c] {
		case cSpace:
			l.i++
			continue
		case cIdent:
			if l.mode.Charset.nbsp(c) {
				l.i++
				continue
			}
			return l.word(l.i)
		case cN, cX, cB:
			if l.i+1 < len(p) && p[l.i+1] == '\'' {
				return l.prefixed(class[c])
			}
			return l.word(l.i)
		case cDigit:
			return l.number()
		case cQuote:
			return l.quoted(String, '\'', !l.mode.SQLMode.Has(NoBackslashEscapes))
		case cDouble:
			if l.mode.SQLMode.Has(ANSIQuotes) {
				return l.quoted(Quoted, '"', false)
			}
			return l.quoted(String, '"', !l.mode.SQLMode.Has(NoBackslashEscapes))
		case cBack:
			return l.quoted(Quoted, '`', false)
		case cAt:
			return l.at()
		case cDot:
			return l.dot()
		case cBad:
			if c == 0 && l.i+1 == len(p) { // the server takes it for its own end mark
				return l.finish()
			}
			return &TextError{l.i, "unexpected byte"}
		case cSlash, cDash, cHash, cStar:
			skipped, err := l.comment(c)
			if err != nil {
				return err
			}
			if skipped {
				continue
			}
			return l.op()
		default:
			return l.op()
		}
	}
}

func (l *lexer) finish() error {
	if l.exec {
		return &TextError{l.i, "unterminated comment"}
	}
	l.kind, l.start, l.end = End, len(l.p), len(l.p)
	return nil
}

func (l *lexer) token(k TokenKind, start, end int) error {
	l.kind, l.start, l.end, l.i = k, start, end, end
	return nil
}

// afterWord gives the '.' that follows a word without a space, and then the word after it, which may start with
// a digit and is never a keyword.
func (l *lexer) afterWord() error {
	if l.sep == 1 {
		l.sep = 2
		return l.token(Op, l.i, l.i+1)
	}
	l.sep = 0
	l.dotted = true
	return l.word(l.i)
}

// word reads an identifier that starts at from; l.i may stand further on, inside of it.
func (l *lexer) word(from int) error {
	p, i := l.p, l.i
	if l.mode.Charset.multibyte() {
		for i < len(p) && identByte[p[i]] {
			i += l.mode.Charset.charLen(p, i)
		}
	} else if l.mode.Charset.nbsp(0xA0) {
		for i < len(p) && identByte[p[i]] && p[i] != 0xA0 {
			i++
		}
	} else {
		for i < len(p) && identByte[p[i]] {
			i++
		}
	}
	if p[from] == '$' && l.dollarQuote(p[from:i]) {
		return &TextError{from, "dollar quotes are not supported"}
	}
	if i+1 < len(p) && p[i] == '.' && identByte[p[i+1]] {
		l.sep = 1
	}
	return l.token(Word, from, i)
}

// dollarQuote reports whether w could open a dollar-quoted text, which newer MySQL servers read and others do
// not. Such texts are refused: no older server accepts what they hold.
func (l *lexer) dollarQuote(w []byte) bool {
	if l.mode.Flavour.MariaDB {
		return false
	}
	for _, c := range w[1:] {
		if c == '$' {
			return true
		}
	}
	return false
}

// dot reads .5 or a point. A word that follows the point at once is a name, not a keyword.
func (l *lexer) dot() error {
	p, i := l.p, l.i
	if i+1 < len(p) && digit(p[i+1]) {
		return l.real(i, i+1)
	}
	if i+1 < len(p) && identByte[p[i+1]] {
		l.sep = 2
	}
	return l.token(Op, i, i+1)
}

// at reads a user variable or the @@ of a system variable.
func (l *lexer) at() error {
	p, start := l.p, l.i
	if start+1 < len(p) {
		switch p[start+1] {
		case '@':
			return l.token(SysVar, start, start+2)
		case '\'', '"', '`':
			l.i++
			esc := p[l.i] != '`' && !l.mode.SQLMode.Has(NoBackslashEscapes) && !(p[l.i] == '"' && l.mode.SQLMode.Has(ANSIQuotes))
			err := l.quoted(UserVar, p[l.i], esc)
			l.start = start
			return err
		}
	}
	i := start + 1
	for i < len(p) && (identByte[p[i]] || p[i] == '.') {
		i++
	}
	return l.token(UserVar, start, i)
}

// quoted reads from the quote at l.i to its end. A doubled quote stands for one; with esc a backslash takes the
// next byte with it, whatever it is: the server skips one byte there, not one character.
func (l *lexer) quoted(k TokenKind, q byte, esc bool) error {
	p, start := l.p, l.i
	i := start + 1
	mb := l.mode.Charset.multibyte()
	for i < len(p) {
		c := p[i]
		switch {
		case c == q:
			if i+1 < len(p) && p[i+1] == q {
				i += 2
				continue
			}
			return l.token(k, start, i+1)
		case c == '\\' && esc:
			i += 2
		case c >= 0x80 && mb:
			i += l.mode.Charset.charLen(p, i)
		case c == 0 && k == Quoted:
			return &TextError{i, "NUL in a quoted identifier"}
		default:
			i++
		}
	}
	return &TextError{start, "unterminated quote"}
}

// prefixed reads N'…', x'…' and b'…'.
func (l *lexer) prefixed(cl uint8) error {
	start := l.i
	if cl == cN {
		l.i++
		err := l.quoted(NString, '\'', !l.mode.SQLMode.Has(NoBackslashEscapes))
		l.start = start
		return err
	}
	p, i := l.p, start+2
	for i < len(p) && (cl == cX && hexDigit(p[i]) || cl == cB && (p[i] == '0' || p[i] == '1')) {
		i++
	}
	if i >= len(p) || p[i] != '\'' || cl == cX && (i-start)%2 != 0 {
		return &TextError{start, "malformed hexadecimal or bit literal"}
	}
	if cl == cX {
		return l.token(HexStr, start, i+1)
	}
	return l.token(BitStr, start, i+1)
}

func hexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// opLen is the length of the operator at the front of p.
func opLen(p []byte) int {
	if len(p) < 2 {
		return 1
	}
	a, b := p[0], p[1]
	switch a {
	case '<':
		if b == '=' && len(p) > 2 && p[2] == '>' {
			return 3
		}
		if b == '=' || b == '>' || b == '<' {
			return 2
		}
	case '>':
		if b == '=' || b == '>' {
			return 2
		}
	case '!', ':':
		if b == '=' {
			return 2
		}
	case '|', '&':
		if b == a {
			return 2
		}
	case '-':
		if b == '>' {
			if len(p) > 2 && p[2] == '>' {
				return 3
			}
			return 2
		}
	}
	return 1
}

func (l *lexer) op() error {
	i := l.i
	if l.p[i] == '?' && !(i+1 < len(l.p) && identByte[l.p[i+1]]) {
		return l.token(Param, i, i+1)
	}
	return l.token(Op, i, i+opLen(l.p[i:]))
}
