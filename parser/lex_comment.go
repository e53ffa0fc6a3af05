package parser

import "bytes"

// comment skips the comment at l.i. It reports false, moving nothing, if there is none: then c is an operator.
// The code inside an executable comment is not skipped: only its opening is.
func (l *lexer) comment(c byte) (bool, error) {
	p, i := l.p, l.i
	var n byte
	if i+1 < len(p) {
		n = p[i+1]
	}
	switch {
	case c == '#':
		l.line(i + 1)
		return true, nil
	case c == '-' && n == '-':
		if i+2 >= len(p) || p[i+2] <= ' ' || p[i+2] == 0x7f || l.mode.Charset.nbsp(p[i+2]) {
			l.line(i + 2)
			return true, nil
		}
	case c == '*' && n == '/' && l.exec:
		l.exec = false
		l.epoch++
		l.i += 2
		return true, nil
	case c == '/' && n == '*':
		return true, l.long()
	}
	return false, nil
}

// line skips to the end of the line. A NUL ends a comment too, and is then a syntax error.
func (l *lexer) line(from int) {
	start := l.i
	l.i = len(l.p)
	if n := bytes.IndexAny(l.p[from:], "\n\x00"); n >= 0 {
		l.i = from + n
	}
	if l.comments != nil {
		*l.comments = append(*l.comments, Span{start, l.i})
	}
}

// long reads /* … */ and the opening of /*! … */ and /*M! … */.
func (l *lexer) long() error {
	p, start := l.p, l.i
	maria := l.mode.Flavour.MariaDB
	body := start + 2
	m := maria && body+1 < len(p) && p[body] == 'M' && p[body+1] == '!'
	if !m && !(body < len(p) && p[body] == '!') {
		return l.plain(start)
	}
	body++
	if m {
		body++
	}
	digits := 0
	for digits < 6 && body+digits < len(p) && digit(p[body+digits]) {
		digits++
	}
	if digits < 5 {
		l.enter(body)
		return nil
	}
	if !maria && digits == 6 {
		if l.mode.Flavour.Version < 80400 {
			return &TextError{start, "a version of six digits, which MySQL servers read differently"}
		}
		if !(body+6 < len(p) && class[p[body+6]] == cSpace) {
			digits = 5
		}
	}
	var v uint32
	for _, c := range p[body : body+digits] {
		v = v*10 + uint32(c-'0')
	}
	run := v <= l.mode.Flavour.Version
	if maria && !m && v >= 50700 && v <= 99999 {
		run = false // what MySQL 5.7 and later mean by it, MariaDB may not understand
	}
	if run {
		l.enter(body + digits)
		return nil
	}
	return l.skip(start, body+digits, 1)
}

// enter begins an executable comment. A second one inside does not nest: the first */ ends both.
func (l *lexer) enter(at int) {
	l.exec = true
	l.epoch++
	l.i = at
}

// plain skips /* … */.
func (l *lexer) plain(start int) error {
	if err := l.skip(start, start+2, 0); err != nil {
		return err
	}
	c := l.p[start:l.i]
	if len(c) > 4 && c[2] == '+' && !l.mode.Flavour.MariaDB && (bytes.Count(c, []byte{'`'})%2 != 0 || bytes.Count(c, []byte{'"'})%2 != 0) {
		// MySQL cuts a hint into tokens of its own: a quote in it may hold the closing mark.
		return &TextError{start, "an optimizer hint with an open quote"}
	}
	if l.comments != nil {
		*l.comments = append(*l.comments, Span{start, l.i})
	}
	return nil
}

// skip moves behind the */ that ends a comment; nest levels of comments inside are skipped with it.
func (l *lexer) skip(start, i, nest int) error {
	p := l.p
	for i+1 < len(p) {
		switch {
		case p[i] == '*' && p[i+1] == '/':
			l.i = i + 2
			return nil
		case nest > 0 && p[i] == '/' && p[i+1] == '*':
			if err := l.skip(start, i+2, nest-1); err != nil {
				return err
			}
			i = l.i
		default:
			i++
		}
	}
	return &TextError{start, "unterminated comment"}
}
