package wire

import (
	"slices"
	"strings"
)

// Collation ids that Heddle itself speaks of.
const (
	CollationLatin1SwedishCI  uint16 = 8
	CollationUTF8MB3GeneralCI uint16 = 33
	CollationUTF8MB4GeneralCI uint16 = 45
	CollationUTF8MB4Bin       uint16 = 46
	CollationBinary           uint16 = 63
	CollationUTF8MB40900AICI  uint16 = 255 // MySQL 8 and later
)

// Flavour says whose collations are meant: five ids have other names in MySQL than in MariaDB.
type Flavour uint8

// The flavours.
const (
	MariaDB Flavour = iota
	MySQL
)

// Collation is what an id stands for.
type Collation struct {
	ID      uint16
	Name    string
	Charset string // utf8mb3, never the alias utf8
}

// MaxLen is the most bytes that one character takes.
func (c Collation) MaxLen() int { return CharsetMaxLen(c.Charset) }

// NoPad reports whether trailing spaces count in comparisons.
func (c Collation) NoPad() bool {
	return strings.Contains(c.Name, "_nopad_") || strings.Contains(c.Name, "_0900_") || c.ID == CollationBinary
}

// CollationByID returns the collation with that id, under f's name for it.
func CollationByID(id uint16, f Flavour) (Collation, bool) {
	if id >= ucaFirst {
		name, ok := ucaName(id)
		return namedCollation(id, name), ok
	}
	for _, table := range [...][]collationName{oldCollations[:], mysqlCollations[:], mariadbCollations[:]} {
		i, ok := slices.BinarySearchFunc(table, id, func(n collationName, id uint16) int { return int(n.id) - int(id) })
		if ok {
			return namedCollation(id, flavouredName(table[i], f)), true
		}
	}
	return Collation{}, false
}

// CollationByName returns the collation that f calls by that name, in any case; utf8_ is utf8mb3_.
func CollationByName(name string, f Flavour) (Collation, bool) {
	name = strings.ToLower(name)
	if rest, ok := strings.CutPrefix(name, "utf8_"); ok {
		name = "utf8mb3_" + rest
	}
	tables := [...][]collationName{oldCollations[:], mysqlCollations[:], mariadbCollations[:]}
	for _, table := range tables {
		for _, n := range table {
			if flavouredName(n, f) == name {
				return namedCollation(n.id, name), true
			}
		}
	}
	if id, ok := ucaID(name); ok {
		return namedCollation(id, name), true
	}
	return Collation{}, false
}

// flavouredName is f's name: MySQL calls by croatian_ci what MariaDB, which has a croatian_ci of its own, calls
// croatian_mysql561_ci.
func flavouredName(n collationName, f Flavour) string {
	if f == MySQL {
		if charset, ok := strings.CutSuffix(n.name, "_croatian_mysql561_ci"); ok {
			return charset + "_croatian_ci"
		}
	}
	return n.name
}

func namedCollation(id uint16, name string) Collation {
	charset, _, _ := strings.Cut(name, "_")
	return Collation{ID: id, Name: name, Charset: charset}
}

// The ids of MariaDB's uca1400 collations are made of a character set, a language and three bits.
// Source: MariaDB knowledge base, "Supported Character Sets and Collations"; verified against 10.11.
const (
	ucaFirst        = 2048
	ucaCharsetShift = 8
	ucaLangShift    = 3
	ucaNoPad        = 4 // bit: nopad
	ucaAccent       = 2 // bit: as, else ai
	ucaCase         = 1 // bit: cs, else ci
)

var (
	ucaCharsets = [...]string{"utf8mb3", "utf8mb4", "ucs2", "utf16", "utf32"}
	// ucaLanguages has gaps where the older families have collations that uca1400 has not.
	ucaLanguages = [...]string{
		"", "icelandic", "latvian", "romanian", "slovenian", "polish", "estonian", "spanish", "swedish", "turkish",
		"czech", "danish", "lithuanian", "slovak", "spanish2", "roman", "persian", "esperanto", "hungarian", "sinhala",
		"german2", "-", "-", "vietnamese", "croatian",
	}
)

func ucaName(id uint16) (string, bool) {
	n := int(id) - ucaFirst
	charset, lang := n>>ucaCharsetShift, n&(1<<ucaCharsetShift-1)>>ucaLangShift
	if n < 0 || charset >= len(ucaCharsets) || lang >= len(ucaLanguages) || ucaLanguages[lang] == "-" {
		return "", false
	}
	name := ucaCharsets[charset] + "_uca1400"
	if ucaLanguages[lang] != "" {
		name += "_" + ucaLanguages[lang]
	}
	return name + ucaSuffix(n), true
}

func ucaSuffix(bits int) string {
	s := ""
	if bits&ucaNoPad != 0 {
		s = "_nopad"
	}
	if bits&ucaAccent != 0 {
		s += "_as"
	} else {
		s += "_ai"
	}
	if bits&ucaCase != 0 {
		return s + "_cs"
	}
	return s + "_ci"
}

func ucaID(name string) (uint16, bool) {
	charset, rest, ok := strings.Cut(name, "_uca1400_")
	cs := slices.Index(ucaCharsets[:], charset)
	if !ok || cs < 0 {
		return 0, false
	}
	rest = "_" + rest
	for bits := range 8 {
		lang, ok := strings.CutSuffix(rest, ucaSuffix(bits))
		if !ok || bits&ucaNoPad == 0 && strings.HasSuffix(lang, "_nopad") {
			continue
		}
		l := slices.Index(ucaLanguages[:], strings.TrimPrefix(lang, "_"))
		if l < 0 || ucaLanguages[l] == "-" {
			return 0, false
		}
		return uint16(ucaFirst + cs<<ucaCharsetShift + l<<ucaLangShift + bits), true
	}
	return 0, false
}
