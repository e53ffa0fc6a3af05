package sharding

import (
	"bytes"
	"encoding/hex"
	"strings"
)

// collation is what the package knows of a collation, from its name.
type collation struct {
	name    string
	charset string
	padded  bool         // PAD SPACE: trailing spaces do not count
	ascii   *[128][]byte // weights of ASCII; nil: ask the Weigher
	bytes   bool         // equality is equality of the characters (trailing spaces aside)
	single  bool         // one level of weights, so that trailing weights of spaces can be cut off
}

// weights by table, parsed once; constant.
var (
	tableBytes         = parseWeights(weightsBytes)
	tableUtf8mb3Bytes  = parseWeights(weightsUtf8mb3Bytes)
	tableUtf8mb4Bytes  = parseWeights(weightsUtf8mb4Bytes)
	tableGeneral       = parseWeights(weightsGeneral)
	tableUnicode400    = parseWeights(weightsUnicode400)
	tableUnicode520    = parseWeights(weightsUnicode520)
	tableUca1400       = parseWeights(weightsUca1400)
	tableSwedish       = parseWeights(weightsSwedish)
	tableLatin1General = parseWeights(weightsLatin1General)
)

// weightTables names the collations whose ASCII weights are known, without "_nopad". A collation that is not here
// (a language's own tailoring with contractions, several levels, MySQL's 0900 family) is weighed by a server.
var weightTables = map[string]*[128][]byte{
	"utf8mb3_bin":                 tableUtf8mb3Bytes,
	"utf8mb4_bin":                 tableUtf8mb4Bytes,
	"utf8mb3_general_ci":          tableGeneral,
	"utf8mb4_general_ci":          tableGeneral,
	"utf8mb3_general_mysql500_ci": tableGeneral,
	"utf8mb3_unicode_ci":          tableUnicode400,
	"utf8mb4_unicode_ci":          tableUnicode400,
	"utf8mb3_unicode_520_ci":      tableUnicode520,
	"utf8mb4_unicode_520_ci":      tableUnicode520,
	"utf8mb3_uca1400_ai_ci":       tableUca1400,
	"utf8mb4_uca1400_ai_ci":       tableUca1400,
	"latin1_bin":                  tableBytes,
	"latin2_bin":                  tableBytes,
	"latin5_bin":                  tableBytes,
	"latin7_bin":                  tableBytes,
	"cp1250_bin":                  tableBytes,
	"cp1251_bin":                  tableBytes,
	"cp1256_bin":                  tableBytes,
	"cp1257_bin":                  tableBytes,
	"ascii_bin":                   tableBytes,
	"gbk_bin":                     tableBytes,
	"gb2312_bin":                  tableBytes,
	"big5_bin":                    tableBytes,
	"latin1_swedish_ci":           tableSwedish,
	"latin1_german1_ci":           tableSwedish,
	"latin1_german2_ci":           tableSwedish,
	"latin1_danish_ci":            tableSwedish,
	"ascii_general_ci":            tableSwedish,
	"greek_general_ci":            tableSwedish,
	"hebrew_general_ci":           tableSwedish,
	"koi8r_general_ci":            tableSwedish,
	"euckr_korean_ci":             tableSwedish,
	"latin1_general_ci":           tableLatin1General,
	"latin1_spanish_ci":           tableLatin1General,
}

// collationOf reads a collation's name. It reports false for one whose equality this package cannot reproduce: PAD
// SPACE with several levels of weights, where trailing spaces cannot be told from the weights.
func collationOf(name string) (collation, bool) {
	name = strings.ToLower(name)
	if rest, old := strings.CutPrefix(name, "utf8_"); old {
		name = "utf8mb3_" + rest
	}
	charset, _, ok := strings.Cut(name, "_")
	if !ok || name == "binary" {
		return collation{}, false
	}
	plain := strings.Replace(name, "_nopad", "", 1)
	c := collation{
		name:    name,
		charset: charset,
		padded:  plain == name && !strings.Contains(name, "_0900_"),
		ascii:   weightTables[plain],
		bytes:   strings.HasSuffix(name, "_bin"),
	}
	c.single = c.ascii != nil || !multiLevel(plain)
	return c, c.single || !c.padded
}

// multiLevel reports whether a weight has more parts than one: accents or case after the letters.
func multiLevel(name string) bool {
	switch {
	case strings.Contains(name, "_uca1400_"):
		return !strings.HasSuffix(name, "_ai_ci")
	case strings.Contains(name, "_thai_520_w2"):
		return true
	}
	return strings.HasSuffix(name, "_czech_cs")
}

// weighASCII appends the weights of s; false when s has a byte beyond ASCII or the weights are not known.
func (c collation) weighASCII(dst, s []byte) ([]byte, bool) {
	if c.ascii == nil {
		return nil, false
	}
	for _, b := range s {
		if b >= 0x80 {
			return nil, false
		}
		dst = append(dst, c.ascii[b]...)
	}
	return dst, true
}

// trimWeight cuts trailing weights of a space.
func trimWeight(w, space []byte) []byte {
	if len(space) == 0 {
		return w
	}
	for bytes.HasSuffix(w, space) {
		w = w[:len(w)-len(space)]
	}
	return w
}

func parseWeights(text string) *[128][]byte {
	var t [128][]byte
	for i, f := range strings.Fields(text) {
		if f == "-" {
			continue
		}
		w, err := hex.DecodeString(f)
		if err != nil {
			panic("sharding: the weight table is not hexadecimal: " + f)
		}
		t[i] = w
	}
	return &t
}
