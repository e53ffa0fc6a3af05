package parser

// Feature is a property whose presence decides how a statement must be handled. The values are bits.
type Feature uint64

// The features.
const (
	UseLastInsertID    Feature = 1 << iota // LAST_INSERT_ID()
	UseLastInsertIDArg                     // LAST_INSERT_ID(expr)
	UseFoundRows
	UseRowCount
	UseCalcFoundRows
	UseUserVarRead
	UseUserVarWrite // :=, INTO @x
	UseSysVar
	UseLock // GET_LOCK and its kin
	UseNow  // one value per statement
	UseSysdate
	UseRand
	UseUUID
	UseNonDeterministic // SLEEP, BENCHMARK, LOAD_FILE, RANDOM_BYTES, MASTER_POS_WAIT …
	UseSequence
	UseConnectionID
	UseCurrentUser
	UseDatabase
	UseVersion
	UseForUpdate
	UseForShare
	UseWindow
	UseAggregate
	UseSubquery
	UseUnknownFunction // may be a stored function
	UseMatch
	UseOutfile
	UseParams
	UseSQLNoCache
	UseGrouping   // GROUP BY
	UseJSONTable  // JSON_TABLE
	UseSystemTime // FOR SYSTEM_TIME
	UsePartition  // PARTITION (p0)
	UseIndexHint
	UseProcedureAnalyse
	UseDefaultFunc // DEFAULT(col), VALUES(col)
	UseRowNum      // ROWNUM(), which counts the rows that a server has found
	UseWordCall    // a word of the grammar before a parenthesis that is not reserved: a stored function may have its name
)

// UseAt is one occurrence.
type UseAt struct {
	Use  Feature
	Name string // upper case function name; a variable's name as written without @, system variables in lower case
	Tok  int    // index in Tokens
}

// Uses are all occurrences.
type Uses struct {
	Bits Feature
	At   []UseAt
}

// Has reports whether any of x occurs.
func (u Uses) Has(x Feature) bool { return u.Bits&x != 0 }

// add records one occurrence.
func (u *Uses) add(x Feature, name string, tok int) {
	u.Bits |= x
	u.At = append(u.At, UseAt{x, name, tok})
}
