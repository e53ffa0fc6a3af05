package parser

// number reads what starts with a digit: a number, or an identifier such as 1abc. 0x and 0b are lower case only;
// 1e5x is the number 1e5 and the word x.
func (l *lexer) number() error {
	p, start := l.p, l.i
	i := start + 1
	if p[start] == '0' && i < len(p) && (p[i] == 'x' || p[i] == 'b') {
		if end, ok := based(p, start); ok {
			if p[i] == 'x' {
				return l.token(Hex, start, end)
			}
			return l.token(Bit, start, end)
		}
		return l.word(start)
	}
	for i < len(p) && digit(p[i]) {
		i++
	}
	if i >= len(p) {
		return l.token(Int, start, i)
	}
	c := p[i]
	if l.mode.Charset.nbsp(c) {
		return l.token(Int, start, i)
	}
	if !identByte[c] {
		if c == '.' && !(l.mode.Flavour.MariaDB && l.mode.SQLMode.Has(Oracle) && i+1 < len(p) && p[i+1] == '.') {
			return l.real(start, i+1)
		}
		return l.token(Int, start, i)
	}
	if c == 'e' || c == 'E' {
		if end := exponent(p, i); end > 0 {
			return l.token(Float, start, end)
		}
	}
	l.i = i
	return l.word(start)
}

// based reads the digits of 0x… or 0b…; it fails if there are none or a letter follows.
func based(p []byte, start int) (end int, ok bool) {
	i := start + 2
	for i < len(p) && (p[start+1] == 'x' && hexDigit(p[i]) || p[start+1] == 'b' && (p[i] == '0' || p[i] == '1')) {
		i++
	}
	return i, i > start+2 && !(i < len(p) && identByte[p[i]])
}

// exponent reads e5, E+5, e-5 at i and gives its end, or 0.
func exponent(p []byte, i int) int {
	i++
	if i < len(p) && (p[i] == '+' || p[i] == '-') {
		i++
	}
	if i >= len(p) || !digit(p[i]) {
		return 0
	}
	for i < len(p) && digit(p[i]) {
		i++
	}
	return i
}

// real reads what follows the point at i-1. An e without digits is a syntax error on every server.
func (l *lexer) real(start, i int) error {
	p := l.p
	for i < len(p) && digit(p[i]) {
		i++
	}
	if i < len(p) && (p[i] == 'e' || p[i] == 'E') {
		end := exponent(p, i)
		if end == 0 {
			return &TextError{i, "exponent without digits"}
		}
		return l.token(Float, start, end)
	}
	return l.token(Decimal, start, i)
}
