package merge

import (
	"unicode/utf8"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// Charset says how a text divides into characters and how long the server holds each to be: what GROUP_CONCAT needs
// to cut at a character's boundary. It names the charset in which the text came (the connection's), and where that
// differs, the charset in which the server measured it (the column's).
type Charset uint8

// The charsets that a connection can have.
const (
	CharsetBinary     Charset = iota // every byte for itself; every single-byte charset
	CharsetUTF8                      // utf8mb3 and utf8mb4, measured as they are
	CharsetUTF8Bytes                 // came as UTF-8, measured as one byte a character: a latin1 column
	CharsetUTF8Wide                  // came as UTF-8, measured as UCS-2 or UTF-16
	CharsetUTF8Double                // came as UTF-8, measured as one byte for ASCII and two for the rest: gbk, big5 …
	CharsetUTF8Four                  // came as UTF-8, measured as UTF-32
	CharsetGBK                       // gbk, gb2312, big5, euckr
	CharsetSJIS                      // sjis, cp932
	CharsetUJIS                      // ujis, eucjpms
	CharsetGB18030
	CharsetUnknown // came in a charset from which the server's length cannot be told: what might be cut is refused
)

// CharsetFor returns the charset of a text that came in the collation came (a shard's column definition) and that the
// server measured in the collation measured (the column's own).
func CharsetFor(came, measured uint16) Charset {
	c, m := CharsetOf(came), CharsetOf(measured)
	switch {
	case came == sqltypes.CollationBinary, c == m && c != CharsetBinary, came == measured:
		return c
	case c == CharsetBinary && m == CharsetBinary && !wide(measured) && !four(measured) && measured != sqltypes.CollationBinary:
		return CharsetBinary
	case c != CharsetUTF8:
		return CharsetUnknown
	case four(measured):
		return CharsetUTF8Four
	case wide(measured):
		return CharsetUTF8Wide
	case m == CharsetBinary:
		return CharsetUTF8Bytes
	case m == CharsetGBK || m == CharsetSJIS:
		return CharsetUTF8Double
	}
	return CharsetUnknown
}

// noPad returns a collation's id without MariaDB's mark of a NO PAD variant.
func noPad(collation uint16) uint16 {
	if collation >= 1024 && collation < 2048 {
		return collation - 1024
	}
	return collation
}

// wide reports whether a collation is of ucs2, utf16 or utf16le.
func wide(collation uint16) bool {
	id := noPad(collation)
	return id == 35 || id == 90 || id == 159 || id >= 128 && id <= 151 || id == 54 || id == 55 || id == 56 || id == 62 ||
		id >= 101 && id <= 124 || id >= 640 && id <= 642 || id >= 672 && id <= 674 || id >= 2560 && id < 3072
}

// four reports whether a collation is of utf32.
func four(collation uint16) bool {
	id := noPad(collation)
	return id == 60 || id == 61 || id >= 160 && id <= 183 || id >= 736 && id <= 738 || id >= 3072 && id < 3328
}

// CharsetOf returns the charset of a collation id as column definitions carry it. Source: the collation ids of MySQL
// and MariaDB, whose NO PAD variants add 1024 and whose uca1400 ones start at 2048, 256 a charset.
func CharsetOf(collation uint16) Charset {
	id := noPad(collation)
	switch {
	case id >= 2048 && id < 2048+2*256, // uca1400: utf8mb3, utf8mb4
		id == 33, id == 83, id == 76, id >= 192 && id <= 223, id >= 576 && id <= 578, // utf8mb3
		id == 45, id == 46, id >= 224 && id <= 247, id >= 255 && id <= 323, id >= 608 && id <= 610: // utf8mb4
		return CharsetUTF8
	case id == 1, id == 84, id == 19, id == 85, id == 24, id == 86, id == 28, id == 87:
		return CharsetGBK
	case id == 13, id == 88, id == 95, id == 96:
		return CharsetSJIS
	case id == 12, id == 91, id == 97, id == 98:
		return CharsetUJIS
	case id >= 248 && id <= 250:
		return CharsetGB18030
	}
	return CharsetBinary
}

// fits returns the length of the longest prefix of p that consists of whole characters and that the server holds to
// be at most limit bytes long, and that prefix's length as the server measures it.
func (c Charset) fits(p []byte, limit int) (length, measured int) {
	if c == CharsetBinary {
		n := min(len(p), max(limit, 0))
		return n, n
	}
	for length < len(p) {
		n, m := c.character(p[length:])
		if measured+m > limit {
			break
		}
		length, measured = length+n, measured+m
	}
	return length, measured
}

// character returns the length of p's first character, and that length as the server measures it.
func (c Charset) character(p []byte) (length, measured int) {
	switch c {
	case CharsetUTF8:
		_, n := utf8.DecodeRune(p)
		return n, n
	case CharsetUTF8Bytes, CharsetUTF8Wide, CharsetUTF8Double, CharsetUTF8Four:
		_, n := utf8.DecodeRune(p)
		return n, c.converted(n)
	case CharsetGBK:
		return within(p, 1+after(p[0] >= 0x81))
	case CharsetSJIS:
		return within(p, 1+after(p[0] >= 0x81 && p[0] <= 0x9f || p[0] >= 0xe0 && p[0] <= 0xfc))
	case CharsetUJIS:
		return within(p, 1+after(p[0] >= 0xa1 || p[0] == 0x8e || p[0] == 0x8f)+after(p[0] == 0x8f))
	case CharsetGB18030:
		four := p[0] >= 0x81 && len(p) > 1 && p[1] >= '0' && p[1] <= '9'
		return within(p, 1+after(p[0] >= 0x81)+2*after(four))
	}
	return 1, 1
}

// converted returns the length, in the charset that the server measures, of a character of n bytes in UTF-8.
func (c Charset) converted(n int) int {
	switch {
	case c == CharsetUTF8Four || c == CharsetUTF8Wide && n == utf8.UTFMax:
		return 4
	case c == CharsetUTF8Wide || c == CharsetUTF8Double && n > 1:
		return 2
	}
	return 1
}

func after(more bool) int {
	if more {
		return 1
	}
	return 0
}

// within is a character of n bytes, or what there is of it.
func within(p []byte, n int) (int, int) {
	n = min(n, len(p))
	return n, n
}
