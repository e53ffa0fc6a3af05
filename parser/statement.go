package parser

import (
	"sync"

	"github.com/pingcap/tidb/pkg/parser/ast"
)

// Statement is what Parse makes of one statement. It is immutable once returned and safe to share.
type Statement struct {
	Text   string // the one statement: neither its ';' nor what follows
	Mode   Mode
	Kind   Kind
	Tokens []Token
	Args   []Arg // the same indexes as Scan's
	Params int   // how many of Args are ?
	// Folds are the lists that stand for lists of any length; only ParseFolded makes some. Each has two elements here.
	Folds []Fold

	// AST is nil where the grammar cannot read the text; ParseErr says why. Its nodes' own text positions
	// mean nothing here: ask Span and ArgIndex.
	AST      ast.StmtNode
	ParseErr error
	// Walk is held by who walks the AST of a statement that others may have too: the library's visitors write to its nodes.
	Walk sync.Mutex

	// Tables are all occurrences in table position, in text order. They and Qualifiers come from the tokens alone, whether or
	// not the grammar can read the text; the tests hold both against the grammar's tree.
	Tables     []TableRef
	Qualifiers []Qualifier
	CTEs       []Name // names that WITH defines

	// Executable says that code stands in executable comments: a span of several tokens may then begin inside of
	// one and end outside. Spans of single tokens are safe to replace.
	Executable bool

	Hints   []Hint
	Clauses *Clauses // of Select, Insert, Replace, Update, Delete; nil if their shape was not understood
	Uses    Uses

	Prefix     Span         // SET STATEMENT … FOR, with the FOR
	PrefixSet  []Assignment // its assignments
	Inner      *Statement   // of Explain and Analyze; its spans are offsets in Inner.Text
	InnerStart int          // where Inner.Text begins in Text
	InnerArg   int          // argument i of Inner is argument InnerArg+i of this statement

	// Details of the kinds that the session handles itself; nil or zero for all others.
	Set     []Assignment // Set
	Use     string       // Use: the database
	Txn     *TxnDetail   // Begin, Commit, Rollback, Savepoint, RollbackTo, Release, SetTransaction
	Kill    *KillDetail
	Prepare *PrepareDetail // Prepare, Execute, ExecuteImmediate, Deallocate
	Show    *ShowDetail    // Show, Describe
	Explain *ExplainDetail // Explain, Analyze
	DDL     *DDLDetail
	Called  *TableRef // Call: the procedure
	Local   bool      // LoadData: LOCAL

	raw   []byte  // Text
	encl  []int32 // the parenthesis around each token, -1
	match []int32 // for a parenthesis: the index of its partner, -1 without one; for others 0
	group int     // as Scan.group
	link  linkTable
}

// Role is why a table is named.
type Role uint8

// The roles of a table occurrence.
const (
	RoleRead      Role = iota
	RoleInsert         // INSERT or REPLACE target, LOAD DATA target
	RoleUpdate         // table of an UPDATE: any of a multi-table UPDATE's join
	RoleDelete         // target of a DELETE (in the multi-table form the names before FROM, or after FROM before USING)
	RoleDDL            // created, altered, dropped, truncated, renamed, administered
	RoleReference      // REFERENCES t, LIKE t, RENAME … TO t, MERGE's UNION=(t): named by DDL, not changed
	RoleLock           // LOCK TABLES t
	RoleShow           // SHOW … FROM t, DESCRIBE t
)

// TableRef is one occurrence of a table's name.
type TableRef struct {
	Schema     string // as written, unquoted; "" if absent
	Name       string
	SchemaSpan Span // with its quotes; zero if absent
	NameSpan   Span // with its quotes
	Alias      string
	AliasSpan  Span
	Role       Role
	CTE        bool // names a WITH table in scope, not a stored table
	DeleteRef  bool // a multi-table DELETE's target that repeats a name or alias of its FROM list
	Depth      int  // parentheses open around it

	tok, schemaTok int // tokens of name and schema; -1
	block          int
}

// Qualifier is a table's name in front of a column (or of .*), where the name is a table's own and not an alias.
type Qualifier struct {
	Schema     string
	Name       string
	SchemaSpan Span
	NameSpan   Span
	Column     string // "*" for t.*
	ColumnSpan Span
	Depth      int

	tok, schemaTok int
}

// Name is an identifier and where it stands.
type Name struct {
	Name string // unquoted
	Span Span   // with its quotes
}

// Hint is one hint. Heddle's own are written /*+ heddle(key=value, …) */ or /* heddle(…) */, wherever a comment may
// stand.
type Hint struct {
	Key       string // lower case: "heddle.<key>", "shardingsphere.<key>"; other hints: their name in lower case
	Value     string
	Span      Span // the whole comment
	At        Span // of Heddle's own: heddle(…) in it
	Malformed bool // not key=value
}

// Name is the identifier at a token, unquoted and in UTF-8.
func (st *Statement) Name(token int) string {
	r := &reader{st: st, t: st.Tokens}
	return r.name(token)
}

// Has reports whether the unquoted word w (upper case) occurs.
func (st *Statement) Has(w string) bool {
	for _, t := range st.Tokens {
		if t.Is(w) {
			return true
		}
	}
	return false
}

// TokenAfter is the token behind a span.
func (st *Statement) TokenAfter(s Span) Token {
	for _, t := range st.Tokens {
		if t.Start >= s.End {
			return t
		}
	}
	return Token{Arg: -1}
}
