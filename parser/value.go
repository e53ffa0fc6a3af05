package parser

import (
	"bytes"
	"fmt"
	"math/bits"
	"strconv"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// decode gives the value of a literal.
func decode(text []byte, a Arg, mode Mode) (sqltypes.Value, error) {
	t := text[a.Start:a.End]
	switch a.Kind {
	case ArgInt:
		return integer(t), nil
	case ArgDecimal:
		return sqltypes.Value{Kind: sqltypes.KindDecimal, Bytes: t}, nil
	case ArgFloat:
		return sqltypes.Value{Kind: sqltypes.KindDouble, Bytes: t}, nil
	case ArgHex, ArgBit:
		return introduced(t, a, mode)
	case ArgString:
		return str(t, a, mode)
	case ArgDate, ArgTime, ArgTimestamp:
		return moment(t, a.Kind)
	}
	return sqltypes.Value{}, fmt.Errorf("argument at byte %d is a parameter", a.Start)
}

// integer gives KindInt, KindUint or, beyond 64 bits, KindDecimal, as the server types integer literals.
func integer(t []byte) sqltypes.Value {
	var u uint64
	for _, c := range t {
		hi, lo := bits.Mul64(u, 10)
		sum, carry := bits.Add64(lo, uint64(c-'0'), 0)
		if hi != 0 || carry != 0 {
			return sqltypes.Value{Kind: sqltypes.KindDecimal, Bytes: t}
		}
		u = sum
	}
	if u>>63 != 0 {
		return sqltypes.UintValue(u)
	}
	return sqltypes.IntValue(int64(u))
}

// str decodes a string, its adjacent parts included.
func str(t []byte, a Arg, mode Mode) (sqltypes.Value, error) {
	intro := t[:a.Introducer]
	v := sqltypes.Value{Kind: sqltypes.KindString}
	if mode.Charset == CharsetBinary && len(intro) == 0 && !a.National {
		v.Kind = sqltypes.KindBinary
	}
	if err := charsetOf(&v, intro); err != nil {
		return v, err
	}
	l := lexer{p: t, i: int(a.Introducer), mode: mode}
	for n := 0; ; n++ {
		if err := l.next(); err != nil {
			return v, fmt.Errorf("decode string: %w", err)
		}
		if l.kind == End {
			return v, nil
		}
		body := t[l.start+1 : l.end-1]
		if l.kind == NString {
			body = body[1:]
		}
		part := unquote(body, t[l.end-1], mode)
		switch n {
		case 0:
			v.Bytes = part
		case 1: // they are the text's own
			v.Bytes = append(v.Bytes[:len(v.Bytes):len(v.Bytes)], part...)
		default:
			v.Bytes = append(v.Bytes, part...)
		}
	}
}

// charsetOf makes the value binary after _binary, and refuses an introducer of another charset than the
// connection's Unicode: its bytes mean other characters than the connection's.
func charsetOf(v *sqltypes.Value, intro []byte) error {
	if len(intro) == 0 {
		return nil
	}
	switch c := intro[1:]; {
	case is(c, "BINARY"):
		v.Kind = sqltypes.KindBinary
	case is(c, "UTF8MB4"):
		v.Collation = 45
	case is(c, "UTF8MB3"), is(c, "UTF8"):
		v.Collation = 33
	case is(c, "LATIN1"):
		v.Collation = 8
	case is(c, "ASCII"):
		v.Collation = 11
	case is(c, "GBK"):
		v.Collation = 28
	case is(c, "BIG5"):
		v.Collation = 1
	case is(c, "SJIS"):
		v.Collation = 13
	case is(c, "CP932"):
		v.Collation = 95
	case is(c, "GB18030"):
		v.Collation = 248
	default:
		return fmt.Errorf("charset introducer %s is not decoded", intro)
	}
	return nil
}

// unquote undoes doubled quotes and backslash escapes. A body without either is returned as it is.
func unquote(b []byte, q byte, mode Mode) []byte {
	esc := !mode.SQLMode.Has(NoBackslashEscapes)
	if bytes.IndexByte(b, q) < 0 && (!esc || bytes.IndexByte(b, '\\') < 0) {
		return b
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		c := b[i]
		switch {
		case c >= 0x80:
			n := mode.Charset.charLen(b, i)
			out = append(out, b[i:i+n]...)
			i += n
		case c == q:
			out = append(out, q)
			i += 2
		case c == '\\' && esc && i+1 < len(b):
			out = unescape(out, b[i+1])
			i += 2
		default:
			out = append(out, c)
			i++
		}
	}
	return out
}

// unescape appends what \c stands for. \% and \_ keep their backslash: they mean something to LIKE.
func unescape(out []byte, c byte) []byte {
	switch c {
	case 'n':
		return append(out, '\n')
	case 't':
		return append(out, '\t')
	case 'r':
		return append(out, '\r')
	case 'b':
		return append(out, '\b')
	case '0':
		return append(out, 0)
	case 'Z':
		return append(out, 0x1a)
	case '_', '%':
		return append(out, '\\', c)
	}
	return append(out, c)
}

// introduced decodes 0x…, x'…', 0b…, b'…'. They are byte strings, unless an introducer gives them a charset.
func introduced(t []byte, a Arg, mode Mode) (sqltypes.Value, error) {
	v := sqltypes.Value{Kind: sqltypes.KindBinary}
	if a.Introducer > 0 {
		v.Kind = sqltypes.KindString
		if err := charsetOf(&v, t[:a.Introducer]); err != nil {
			return v, err
		}
	}
	l := lexer{p: t, i: int(a.Introducer), mode: mode}
	if err := l.next(); err != nil {
		return v, fmt.Errorf("decode literal: %w", err)
	}
	d := t[l.start+2 : l.end]
	if l.kind == HexStr || l.kind == BitStr {
		d = d[:len(d)-1]
	}
	per := 2
	if a.Kind == ArgBit {
		per = 8
	}
	v.Bytes = make([]byte, 0, len(d)/per+1)
	first := len(d) % per
	for i := 0; i < len(d); {
		n := per
		if i == 0 && first > 0 {
			n = first
		}
		var x uint64
		for _, c := range d[i : i+n] {
			if a.Kind == ArgBit {
				x = x<<1 | uint64(c-'0')
			} else {
				x = x<<4 | uint64(hexValue(c))
			}
		}
		v.Bytes = append(v.Bytes, byte(x))
		i += n
	}
	return v, nil
}

func hexValue(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c >= 'a':
		return c - 'a' + 10
	}
	return c - 'A' + 10
}

// moment decodes DATE'…', TIME'…' and TIMESTAMP'…' written in full with the usual separators; the server's looser
// forms are an error here, which means: ask the server.
func moment(t []byte, k ArgKind) (sqltypes.Value, error) {
	b := t[bytes.IndexAny(t, `'"`)+1 : len(t)-1]
	v := sqltypes.Value{Bytes: b}
	ok := false
	switch k {
	case ArgDate:
		v.Kind = sqltypes.KindDate
		ok = pattern(b, "0000-00-00") && dateRange(b)
	case ArgTimestamp:
		v.Kind = sqltypes.KindDatetime
		ok = len(b) >= 19 && pattern(b[:19], "0000-00-00 00:00:00") && fraction(b[19:]) && dateRange(b) && clock(b[11:19], 23)
	case ArgTime:
		v.Kind = sqltypes.KindTime
		h := b
		if len(h) > 0 && h[0] == '-' {
			h = h[1:]
		}
		if i := bytes.IndexByte(h, ':'); i == 2 || i == 3 {
			h = h[i-2:]
			ok = len(h) >= 8 && pattern(h[:8], "00:00:00") && fraction(h[8:]) && (i == 2 && clock(h[:8], 99) || i == 3 && digit(b[bytes.IndexByte(b, ':')-3]) && clock(h[:8], 99))
		}
	}
	if !ok {
		return sqltypes.Value{}, fmt.Errorf("temporal literal %s is not in its full form", t)
	}
	return v, nil
}

func pattern(b []byte, p string) bool {
	if len(b) != len(p) {
		return false
	}
	for i := range b {
		if p[i] == '0' && !digit(b[i]) || p[i] != '0' && b[i] != p[i] {
			return false
		}
	}
	return true
}

func fraction(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	if b[0] != '.' || len(b) < 2 || len(b) > 7 {
		return false
	}
	for _, c := range b[1:] {
		if !digit(c) {
			return false
		}
	}
	return true
}

func dateRange(b []byte) bool {
	m, _ := strconv.Atoi(string(b[5:7]))
	d, _ := strconv.Atoi(string(b[8:10]))
	return m >= 1 && m <= 12 && d >= 1 && d <= 31
}

func clock(b []byte, hours int) bool {
	h, _ := strconv.Atoi(string(b[:2]))
	m, _ := strconv.Atoi(string(b[3:5]))
	s, _ := strconv.Atoi(string(b[6:8]))
	return h <= hours && m < 60 && s < 60
}
