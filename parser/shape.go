package parser

// is reports whether w is the keyword k, which is in upper case.
func is(w []byte, k string) bool {
	if len(w) != len(k) {
		return false
	}
	for i := range w {
		c := w[i]
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != k[i] {
			return false
		}
	}
	return true
}

// shape says what argument the literal at hand is and where it starts: at an introducer or the word DATE before
// it, or at itself. It says no to a string that may be an alias.
func (s *Scan) shape() (kind ArgKind, start, intro int, ok bool) {
	l, p := &s.lex, &s.prev
	start = l.start
	switch l.kind {
	case Int:
		return ArgInt, start, 0, true
	case Decimal:
		return ArgDecimal, start, 0, true
	case Float:
		return ArgFloat, start, 0, true
	case Hex, HexStr:
		kind = ArgHex
	case Bit, BitStr:
		kind = ArgBit
	case String, NString:
		kind = ArgString
	}
	if p.kind != Word || p.dotted {
		if kind == ArgString {
			return kind, start, 0, stringAfter(l.p, p.kind, p.start)
		}
		return kind, start, 0, true
	}
	w := l.p[p.start:p.end]
	if w[0] == '_' && l.kind != NString && introducer(w[1:]) {
		// where an executable comment stands between, the two cannot be one span
		return kind, p.start, p.end - p.start, p.epoch == l.epoch
	}
	if kind != ArgString {
		return kind, start, 0, true
	}
	if l.kind == String {
		if k := temporal(w); k != 0 && s.temporalPlace() {
			return k, p.start, 0, p.epoch == l.epoch && s.temporalText()
		}
	}
	return kind, start, 0, valueWord(w)
}

// stringAfter reports whether a string after a token that is no word is a value: after an identifier, a closing
// parenthesis or another literal it is an alias.
func stringAfter(text []byte, k TokenKind, at int) bool {
	if k != Op {
		return false
	}
	switch text[at] {
	case ')', ']', '}', ';', ':', '*', '.':
		return text[at] == '*' // SELECT * 'x' is no SQL, 2 * 'x' is
	}
	return true
}

// temporalPlace reports whether the word DATE, TIME or TIMESTAMP before a string can start a literal: not where
// it is a column that the string names anew, which only a point before it tells.
func (s *Scan) temporalPlace() bool {
	return !(s.prev.before == Op && s.text[s.prev.bs] == '.')
}

// temporalText reports whether the string is plain enough to be decoded: anything else stays text.
func (s *Scan) temporalText() bool {
	t := s.text[s.lex.start+1 : s.lex.end-1]
	for _, c := range t {
		if c == '\\' || c == '\'' || c == '"' || c < ' ' || c >= 0x7f {
			return false
		}
	}
	return len(t) > 0
}

func temporal(w []byte) ArgKind {
	switch len(w) {
	case 4:
		if is(w, "DATE") {
			return ArgDate
		}
		if is(w, "TIME") {
			return ArgTime
		}
	case 9:
		if is(w, "TIMESTAMP") {
			return ArgTimestamp
		}
	}
	return 0
}

// introducer reports whether w names a charset that a server knows: _w'…' is then one literal.
func introducer(w []byte) bool {
	for _, n := range charsetNames {
		if is(w, n) {
			return true
		}
	}
	return false
}

var charsetNames = []string{
	"UTF8MB4", "BINARY", "UTF8", "UTF8MB3", "LATIN1", "ASCII", "GBK", "BIG5", "SJIS", "CP932", "GB2312", "GB18030",
	"UCS2", "UTF16", "UTF16LE", "UTF32", "UJIS", "EUCJPMS", "EUCKR", "LATIN2", "LATIN5", "LATIN7", "CP850", "CP852",
	"CP866", "CP1250", "CP1251", "CP1256", "CP1257", "DEC8", "HP8", "KOI8R", "KOI8U", "SWE7", "HEBREW", "TIS620",
	"GREEK", "ARMSCII8", "KEYBCS2", "MACCE", "MACROMAN", "GEOSTD8",
}

// valueWord reports whether a string after the word w is surely a value. After any other word it may be an alias
// (SELECT a 'x') or a name, and stays text.
func valueWord(w []byte) bool {
	for _, k := range valueWords {
		if is(w, k) {
			return true
		}
	}
	return false
}

// All of them are reserved or cannot stand before an alias.
var valueWords = []string{
	"LIKE", "AND", "IN", "OR", "SELECT", "WHERE", "BETWEEN", "THEN", "ELSE", "WHEN", "CASE", "REGEXP", "RLIKE",
	"NOT", "XOR", "SEPARATOR", "HAVING", "ON", "DISTINCT", "INTERVAL", "DIV", "MOD", "BINARY", "BY", "FROM",
}
