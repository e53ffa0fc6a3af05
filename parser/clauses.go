package parser

// Clause is one clause: the whole with its words, and the part after them. Zero: absent.
type Clause struct {
	Span
	Body Span
}

// Item is one element of a list: of a select list, GROUP BY, ORDER BY, RETURNING.
type Item struct {
	Span            // the whole element, alias or direction included
	Expr     Span   // the expression alone
	Alias    string // unquoted; "" if none
	AliasTok Span
	Star     bool // * or t.*
	Desc     bool
	Position int // of ORDER BY 2 and GROUP BY 2: 2; else 0
}

// Assign is column = expression: in SET and ON DUPLICATE KEY UPDATE.
type Assign struct {
	Span
	Column    string // the last part of the name
	Target    Span   // the whole left side, qualifiers included
	Qualifier string // the part before the column; "" if none
	Expr      Span
}

// Limit is LIMIT [offset,] count, and OFFSET … FETCH. An argument index of -1 means: absent, or not a literal or
// parameter (a variable inside a stored program).
type Limit struct {
	Span
	Offset, Count         int // indexes in Args
	OffsetSpan, CountSpan Span
	WithTies              bool
	RowsExamined          bool // MariaDB's ROWS EXAMINED is there
}

// SetOp joins a branch of a union with the one before it.
type SetOp struct {
	Span
	Op  string // UNION, EXCEPT, INTERSECT, MINUS
	All bool
}

// Row is one row of VALUES: its parenthesised text (of VALUES ROW(…) the word included) and each value's.
type Row struct {
	Span
	Values []Span
}

// Clauses are the parts of one SELECT, INSERT, REPLACE, UPDATE or DELETE. A query with set operations has
// Branches; its own ORDER BY, LIMIT, Lock and Into are those after the last branch.
type Clauses struct {
	Span

	With      Clause
	Recursive bool
	Verb      Span // SELECT, INSERT …, with its modifiers (DISTINCT, IGNORE, INTO …)
	Distinct  bool
	Ignore    bool

	ListSpan Span
	List     []Item // select list

	Into        Clause // INTO @x, OUTFILE …
	From        Clause
	Where       Clause
	GroupBy     Clause
	GroupItems  []Item
	Rollup      bool
	Having      Clause
	Window      Clause
	OrderBy     Clause
	OrderItems  []Item
	Limit       *Limit
	Lock        Clause // FOR UPDATE …, LOCK IN SHARE MODE: the whole tail
	LockUpdate  bool   // FOR UPDATE
	Procedure   Clause
	Set         Clause // UPDATE … SET, INSERT … SET
	Assigns     []Assign
	ColumnsSpan Span // INSERT's column list with its parentheses
	Columns     []Name
	Values      Clause
	Rows        []Row
	RowAlias    Span // INSERT … AS new(a, b)
	OnDup       Clause
	OnDupSet    []Assign
	Returning   Clause
	ReturnItems []Item

	Branches []*Clauses
	SetOps   []SetOp  // SetOps[i] joins Branches[i] and Branches[i+1]
	Paren    bool     // the whole stands in parentheses: Span includes them
	Inner    *Clauses // of a parenthesised query: what is inside
	Source   *Clauses // INSERT … SELECT: the query

	MultiTable bool // UPDATE and DELETE over several tables
	Targets    Span // DELETE a, b FROM …: the target list; UPDATE: the table list
}
