package parser

import "strings"

// SQLMode is the part of sql_mode that changes what a text means.
type SQLMode uint32

// The modes that change the reading of a text.
const (
	ANSIQuotes SQLMode = 1 << iota
	NoBackslashEscapes
	IgnoreSpace
	PipesAsConcat
	HighNotPrecedence
	Oracle
	RealAsFloat
	NoUnsignedSubtraction
	TimeRoundFractional
	EmptyStringIsNull
	NoAutoValueOnZero
	OnlyFullGroupBy
)

// ansi is what the combined mode ANSI stands for.
const ansi = RealAsFloat | PipesAsConcat | ANSIQuotes | IgnoreSpace

var sqlModes = map[string]SQLMode{
	"ANSI_QUOTES":             ANSIQuotes,
	"NO_BACKSLASH_ESCAPES":    NoBackslashEscapes,
	"IGNORE_SPACE":            IgnoreSpace,
	"PIPES_AS_CONCAT":         PipesAsConcat,
	"HIGH_NOT_PRECEDENCE":     HighNotPrecedence,
	"REAL_AS_FLOAT":           RealAsFloat,
	"NO_UNSIGNED_SUBTRACTION": NoUnsignedSubtraction,
	"TIME_ROUND_FRACTIONAL":   TimeRoundFractional,
	"EMPTY_STRING_IS_NULL":    EmptyStringIsNull,
	"NO_AUTO_VALUE_ON_ZERO":   NoAutoValueOnZero,
	"ONLY_FULL_GROUP_BY":      OnlyFullGroupBy,
	"ANSI":                    ansi,
	"DB2":                     PipesAsConcat | ANSIQuotes | IgnoreSpace,
	"MAXDB":                   PipesAsConcat | ANSIQuotes | IgnoreSpace,
	"MSSQL":                   PipesAsConcat | ANSIQuotes | IgnoreSpace,
	"POSTGRESQL":              PipesAsConcat | ANSIQuotes | IgnoreSpace,
	"ORACLE":                  PipesAsConcat | ANSIQuotes | IgnoreSpace | Oracle,
	"MYSQL323":                HighNotPrecedence,
	"MYSQL40":                 HighNotPrecedence,
}

// ParseSQLMode reads the value of sql_mode: names joined by commas, in any case. Names that do not change the
// reading of a text are passed over. The server expands combined names when it stores the value (ORACLE becomes
// PIPES_AS_CONCAT,ANSI_QUOTES,…,ORACLE); both forms read alike here, except that MariaDB's expansion of ORACLE
// and the like always contains ANSI_QUOTES, so a stored value that lacks it does not occur.
func ParseSQLMode(s string) SQLMode {
	var m SQLMode
	for name := range strings.SplitSeq(s, ",") {
		m |= sqlModes[strings.ToUpper(strings.TrimSpace(name))]
	}
	return m
}

// Has reports whether all of x is set.
func (m SQLMode) Has(x SQLMode) bool { return m&x == x }

// reading are the modes that say how a text reads; the others are of what is computed and stored.
const reading = ANSIQuotes | NoBackslashEscapes | IgnoreSpace | PipesAsConcat | HighNotPrecedence | Oracle | RealAsFloat | EmptyStringIsNull

// Reading is the part of m that is spent when a server has read a text.
func (m SQLMode) Reading() SQLMode { return m & reading }

// WithReading is a value of sql_mode with the modes of reading that m has, in place of its own. Servers store what a combined name
// stands for beside it, so that it can go alone.
func WithReading(value string, m SQLMode) string {
	var kept []string
	for name := range strings.SplitSeq(value, ",") {
		if name != "" && sqlModes[strings.ToUpper(strings.TrimSpace(name))].Reading()&^m == 0 {
			kept = append(kept, name)
		}
	}
	for _, name := range []string{"ORACLE", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "IGNORE_SPACE", "PIPES_AS_CONCAT", "HIGH_NOT_PRECEDENCE", "REAL_AS_FLOAT", "EMPTY_STRING_IS_NULL"} {
		if have := ParseSQLMode(strings.Join(kept, ",")); m.Has(sqlModes[name]) && !have.Has(sqlModes[name]) {
			kept = append(kept, name)
		}
	}
	return strings.Join(kept, ",")
}

// Flavour is the family and version of the server that will read the text.
type Flavour struct {
	MariaDB bool
	Version uint32 // 101119 is 10.11.19, 80036 is 8.0.36
}

// Mode is everything beside the bytes that decides what a text says. It is comparable: it can be part of a
// cache's key.
type Mode struct {
	SQLMode SQLMode
	Charset Charset
	Flavour Flavour
}
