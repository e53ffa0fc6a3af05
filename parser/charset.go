package parser

import (
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// Charset is what matters of character_set_client for cutting a text into tokens.
type Charset uint8

// The classes of client charsets. The zero value reads bytes from 0x80 up as letters, which is right for utf8mb3,
// utf8mb4, ascii, binary and every multi-byte charset whose trailing bytes are never ASCII punctuation (ujis,
// eucjpms, euckr, gb2312).
const (
	CharsetUTF8    Charset = iota
	CharsetLatin1          // one byte a character; 0xA0 is a space
	CharsetByte            // as Latin1, with other letters above 0x7F (latin2, cp1250, cp1251 …)
	CharsetGBK             // 0x81-0xFE, then 0x40-0x7E or 0x80-0xFE
	CharsetGB18030         // as GBK, and four bytes
	CharsetBig5            // 0xA1-0xF9, then 0x40-0x7E or 0xA1-0xFE
	CharsetSJIS            // sjis and cp932: 0x81-0x9F or 0xE0-0xFC, then 0x40-0x7E or 0x80-0xFC
	CharsetBinary          // as UTF8; strings without introducer are binary
)

var charsets = map[string]Charset{
	"gbk": CharsetGBK, "gb18030": CharsetGB18030, "big5": CharsetBig5, "sjis": CharsetSJIS, "cp932": CharsetSJIS,
	"latin1": CharsetLatin1, "latin2": CharsetByte, "latin5": CharsetByte, "latin7": CharsetByte,
	"cp1250": CharsetByte, "cp1251": CharsetByte, "cp1256": CharsetByte, "cp1257": CharsetByte,
	"greek": CharsetByte, "hebrew": CharsetByte, "binary": CharsetBinary,
}

// ParseCharset gives the class of a charset by its MySQL name ("utf8mb4", "gbk"), in any case.
func ParseCharset(name string) Charset { return charsets[strings.ToLower(name)] }

// multibyte reports whether a trailing byte of c may be ASCII.
func (c Charset) multibyte() bool { return c >= CharsetGBK && c <= CharsetSJIS }

// nbsp reports whether b is a space in c though it stands above ASCII.
func (c Charset) nbsp(b byte) bool { return b == 0xA0 && (c == CharsetLatin1 || c == CharsetByte) }

// utf8 gives text in UTF-8 where the encoding is known; else the bytes as they are.
func (c Charset) utf8(s string) string {
	var e encoding.Encoding
	switch c {
	case CharsetLatin1:
		e = charmap.Windows1252
	case CharsetGBK:
		e = simplifiedchinese.GBK
	case CharsetGB18030:
		e = simplifiedchinese.GB18030
	case CharsetBig5:
		e = traditionalchinese.Big5
	case CharsetSJIS:
		e = japanese.ShiftJIS
	default:
		return s
	}
	for i := range len(s) {
		if s[i] >= 0x80 {
			if d, err := e.NewDecoder().String(s); err == nil {
				return d
			}
			break
		}
	}
	return s
}

// charLen is the length in bytes of the multi-byte character at p[i], or 1 if there is none. Only the charsets
// whose trailing bytes may be ASCII are looked at: for the others bytes can be taken one by one.
func (c Charset) charLen(p []byte, i int) int {
	h := p[i]
	if h < 0x80 || i+1 >= len(p) {
		return 1
	}
	t := p[i+1]
	switch c {
	case CharsetGBK, CharsetGB18030:
		if h < 0x81 || h > 0xfe {
			return 1
		}
		if t >= 0x40 && t <= 0x7e || t >= 0x80 && t <= 0xfe {
			return 2
		}
		if c == CharsetGB18030 && digit(t) && i+3 < len(p) && p[i+2] >= 0x81 && p[i+2] <= 0xfe && digit(p[i+3]) {
			return 4
		}
	case CharsetBig5:
		if h >= 0xa1 && h <= 0xf9 && (t >= 0x40 && t <= 0x7e || t >= 0xa1 && t <= 0xfe) {
			return 2
		}
	case CharsetSJIS:
		if (h >= 0x81 && h <= 0x9f || h >= 0xe0 && h <= 0xfc) && (t >= 0x40 && t <= 0x7e || t >= 0x80 && t <= 0xfc) {
			return 2
		}
	}
	return 1
}

// DoubleBackticks doubles the backticks of s that are characters of their own, as between backticks they have to be.
func (c Charset) DoubleBackticks(s string) string {
	if strings.IndexByte(s, '`') < 0 {
		return s
	}
	p := []byte(s)
	out := make([]byte, 0, len(s)+2)
	for i := 0; i < len(p); {
		n := c.charLen(p, i)
		if p[i] == '`' {
			out = append(out, '`')
		}
		out = append(out, p[i:i+n]...)
		i += n
	}
	return string(out)
}

func digit(c byte) bool { return c >= '0' && c <= '9' }
