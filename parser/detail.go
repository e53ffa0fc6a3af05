package parser

// Scope is where an assignment of SET goes.
type Scope uint8

// The scopes of SET.
const (
	ScopeSession Scope = iota
	ScopeGlobal
	ScopeLocal // SET LOCAL x: the session's; kept apart because it is written so
	ScopePersist
	ScopePersistOnly
	ScopeUser         // @x
	ScopeNames        // SET NAMES; Name is the charset, Collation the collation
	ScopeCharacterSet // SET CHARACTER SET; Name is the charset
	ScopePassword
	ScopeRole
	ScopeDefaultRole
	ScopeResourceGroup
	ScopeOnce // SET @@x = 1 without SESSION word: the session's variable, or a local variable
)

// Assignment is one assignment of SET, or of SET STATEMENT … FOR.
type Assignment struct {
	Span
	Scope     Scope
	Name      string // lower case; of user variables as written, without @
	Explicit  bool   // the scope was written (SESSION, @@session.)
	Collation string // of SET NAMES x COLLATE y
	Value     Span   // the right side
	Default   bool   // the value is the word DEFAULT
	Arg       int    // index in Args, if the value is one literal or parameter; else -1
	Word      string // the value in upper case, if it is one bare word (ON, utf8mb4); else ""
}

// TxnDetail is what BEGIN, COMMIT and their kin say.
type TxnDetail struct {
	ReadOnly, ReadWrite bool
	Snapshot            bool // WITH CONSISTENT SNAPSHOT
	Chain, NoChain      bool
	Release, NoRelease  bool
	Savepoint           string
	Scope               Scope  // SET TRANSACTION: ScopeSession or ScopeGlobal, with Explicit; else the next transaction
	Explicit            bool   // SET TRANSACTION: the scope was written
	Isolation           string // "READ COMMITTED"; "" if not named
}

// KillDetail is what KILL says.
type KillDetail struct {
	Query bool // KILL QUERY: only the statement
	Soft  bool // MariaDB's SOFT
	ByID  bool // KILL QUERY ID n: n is a query id
	User  bool // KILL USER name
	ID    Span // the expression
	Arg   int  // index in Args if it is a literal or parameter; else -1
}

// PrepareDetail is what PREPARE, EXECUTE, EXECUTE IMMEDIATE and DEALLOCATE say.
type PrepareDetail struct {
	Name string
	Text Span // FROM what: a string literal, @x, or (MariaDB) an expression
	Arg  int  // index in Args if Text is a literal of those, else -1

	// Literal is the decoded text, in the client's charset, where Text is a string literal; IsLiteral says so.
	Literal   string
	IsLiteral bool

	Var   string // the user variable's name if Text is one; else ""
	Using []Span // expressions of USING
}

// ShowDetail is what SHOW and DESCRIBE say.
type ShowDetail struct {
	What     string // the words in upper case: "TABLES", "CREATE TABLE", "INDEX", "VARIABLES", "TABLE STATUS" …
	Full     bool
	Extended bool
	Global   bool
	Session  bool
	DB       string // FROM/IN database, unquoted
	DBSpan   Span
	Object   string // the name of SHOW CREATE x name and the like, unquoted
	Like     Span   // the pattern literal
	LikeArg  int    // index in Args; -1
	Where    Clause
	Limit    Span
}

// ExplainDetail is what EXPLAIN and ANALYZE say beside their statement.
type ExplainDetail struct {
	Analyze    bool
	Extended   bool
	Partitions bool
	Format     string // upper case; "" if not given
	Connection Span   // EXPLAIN FOR CONNECTION n
}

// DDLDetail is what DDL says beside its tables.
type DDLDetail struct {
	IfExists    bool
	IfNotExists bool
	OrReplace   bool
	Temporary   bool
	Object      string // lower case: table, view, index, procedure, trigger, sequence, user, database …
	Name        string // of databases, indexes, routines …: unquoted
	Schema      string // in front of Name, of routines, triggers and events: unquoted
	NameSpan    Span
	SchemaSpan  Span
	Soname      bool // CREATE FUNCTION … SONAME: a library's
	Like        bool // CREATE TABLE … LIKE
	Select      Span // CREATE TABLE … SELECT, CREATE VIEW … AS: the query
}
