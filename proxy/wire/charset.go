package wire

import "strings"

// charsetLine is what a character set has by default.
type charsetLine struct {
	name      string
	maxLen    int    // bytes of one character
	collation uint16 // its default collation
}

// charsets are MySQL's and MariaDB's. The default of utf8mb4 is MariaDB's before 11.6 and MySQL's before 8.0.
// Source: information_schema.character_sets of MariaDB 10.11; gb18030: MySQL 8.4.
var charsets = [...]charsetLine{
	{"big5", 2, 1}, {"dec8", 1, 3}, {"cp850", 1, 4}, {"hp8", 1, 6}, {"koi8r", 1, 7}, {"latin1", 1, 8}, {"latin2", 1, 9},
	{"swe7", 1, 10}, {"ascii", 1, 11}, {"ujis", 3, 12}, {"sjis", 2, 13}, {"hebrew", 1, 16}, {"tis620", 1, 18},
	{"euckr", 2, 19}, {"koi8u", 1, 22}, {"gb2312", 2, 24}, {"greek", 1, 25}, {"cp1250", 1, 26}, {"gbk", 2, 28},
	{"latin5", 1, 30}, {"armscii8", 1, 32}, {"utf8mb3", 3, 33}, {"ucs2", 2, 35}, {"cp866", 1, 36}, {"keybcs2", 1, 37},
	{"macce", 1, 38}, {"macroman", 1, 39}, {"cp852", 1, 40}, {"latin7", 1, 41}, {"utf8mb4", 4, 45}, {"cp1251", 1, 51},
	{"utf16", 4, 54}, {"utf16le", 4, 56}, {"cp1256", 1, 57}, {"cp1257", 1, 59}, {"utf32", 4, 60}, {"binary", 1, 63},
	{"geostd8", 1, 92}, {"cp932", 2, 95}, {"eucjpms", 3, 97}, {"gb18030", 4, 248},
}

func findCharset(name string) (charsetLine, bool) {
	name = strings.ToLower(name)
	if name == "utf8" {
		name = "utf8mb3"
	}
	for _, c := range charsets {
		if c.name == name {
			return c, true
		}
	}
	return charsetLine{}, false
}

// CharsetMaxLen is the most bytes that a character takes in that character set; 0 if there is none of that name.
func CharsetMaxLen(name string) int {
	c, _ := findCharset(name)
	return c.maxLen
}

// DefaultCollation is the collation of a character set of which no more is said, as MariaDB before 11.6 has it:
// MySQL 8 takes CollationUTF8MB40900AICI for utf8mb4. The name utf8 is utf8mb3.
func DefaultCollation(charset string) (Collation, bool) {
	c, ok := findCharset(charset)
	if !ok {
		return Collation{}, false
	}
	return CollationByID(c.collation, MariaDB)
}
