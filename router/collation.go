package router

import (
	"strconv"
	"strings"
)

// collation is what the comparison of weights depends on.
type collation struct {
	pad       bool   // PAD SPACE
	space     []byte // weight of a space where weights have one level; nil: the server has to fill them up
	filled    bool   // an ORDER BY fills up with something else than a space
	filler    bool   // NO PAD, but an ORDER BY of an expression fills up with spaces
	refuse    bool   // the weights do not compare as the text does
	sorts     bool   // they do as it is sorted, but different texts have the same
	maxLen    uint64 // bytes of a character
	maxWeight uint64 // bytes of a character's weight, at most
}

// collationOf reads a collation's name. The weights of a space were read from MariaDB 10.11 for all of its collations;
// they are parts of the collations' definitions and never change.
func collationOf(name string) collation {
	name = strings.ToLower(name)
	if rest, old := strings.CutPrefix(name, "utf8_"); old {
		name = "utf8mb3_" + rest
	}
	charset, rest, _ := strings.Cut(name, "_")
	c := collation{pad: !strings.Contains(name, "nopad") && !strings.Contains(name, "_0900_"), maxLen: charsetLen(charset), maxWeight: 4}
	switch charset {
	case "utf8mb3", "utf8mb4", "ucs2", "utf16", "utf16le", "utf32":
		c.space, c.maxWeight = unicodeSpace(charset, rest)
	case "latin7":
		c.space, c.filled = latin7Spaces[rest], rest != "bin" && c.pad
		c.filler = !c.pad && rest != "nopad_bin"
	case "gbk", "big5", "sjis", "cp932":
		c.space = []byte{0x20}
	default:
		c.space = []byte{0x20}
		c.filler = !c.pad && rest != "nopad_bin"
	}
	switch name {
	case "cp1250_czech_cs": // a space at the end weighs, which does not count
		c.space, c.refuse = nil, true
	case "big5_chinese_ci", "big5_chinese_nopad_ci":
		c.sorts = true
	case "latin2_czech_cs":
		c.space, c.sorts = nil, true
	case "tis620_thai_nopad_ci": // a NUL at the end has no weight
		c.space = nil
	}
	return c
}

// levels reports whether the weights have several levels, one behind the other.
func (c *collation) levels() bool { return c.space == nil && c.maxWeight == manyWeights }

// manyWeights are the most bytes of a character's weights on all levels.
const manyWeights = 64

var latin7Spaces = map[string][]byte{
	"bin": {0x20}, "estonian_cs": {0x2c}, "general_ci": {0x30}, "general_cs": {0x30},
}

// unicodeSpace gives the weight of a space and the longest weight of a character.
func unicodeSpace(charset, rest string) ([]byte, uint64) {
	switch {
	case rest == "bin":
		if charset == "utf8mb3" || charset == "ucs2" {
			return []byte{0, 0x20}, 3
		}
		return []byte{0, 0, 0x20}, 3
	case strings.HasPrefix(rest, "general_"):
		return []byte{0, 0x20}, 3
	case strings.HasPrefix(rest, "uca1400_"):
		if !strings.HasSuffix(rest, "_ai_ci") {
			return nil, manyWeights
		}
		return []byte{0x02, 0x09}, 32
	case strings.HasSuffix(rest, "_w2"), strings.Contains(rest, "_0900_"):
		return nil, manyWeights
	case strings.Contains(rest, "_520_"), strings.HasPrefix(rest, "myanmar_"):
		return []byte{0x02, 0x0a}, 32
	}
	return []byte{0x02, 0x09}, 32
}

// standsForUCA14 reports whether a collation's id may describe one of UCA 14.0.0: that of an old collation of a language,
// or of none.
func standsForUCA14(name string) bool {
	charset, rest, _ := strings.Cut(name, "_")
	switch charset {
	case "utf8", "utf8mb3", "utf8mb4", "ucs2", "utf16", "utf32":
		language, ci := strings.CutSuffix(rest, "_ci")
		return ci && !strings.Contains(language, "_") && language != "general"
	}
	return false
}

// charsetLen is the most bytes that a character takes.
func charsetLen(charset string) uint64 {
	switch charset {
	case "utf8mb4", "utf16", "utf16le", "utf32", "gb18030":
		return 4
	case "utf8mb3", "ujis", "eucjpms":
		return 3
	case "ucs2", "gbk", "gb2312", "big5", "sjis", "cp932", "euckr":
		return 2
	}
	return 1
}

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }
