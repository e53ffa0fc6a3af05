// Package plan holds what the planner decides about a statement: a tree of nodes that is data only. What is below
// a Route is SQL for the shards, what is above it runs in the proxy. A plan is free of arguments: one plan serves
// every text with the same fingerprint and every EXECUTE of a prepared statement. Format turns a plan into the one
// text that EXPLAIN, the admin interface and the golden tests share.
//
// It neither routes (package router) nor runs anything (proxy/exec, proxy/merge).
package plan

import (
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/router/keygen"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/heddle-mesh/heddle/router/sharding"
)

// TrialBound is the hint that ends a Trial on MySQL: a bound of its time in milliseconds. TrialBoundLong is as much as a busy server
// may need until it describes the answer.
const (
	TrialBound     = " MAX_EXECUTION_TIME(5) "
	TrialBoundLong = " MAX_EXECUTION_TIME(1000) "
)

// Plan is the decision for one statement shape.
type Plan struct {
	Root Node

	// Write is set when rows, tables or other durable state may change: the statement needs the primary and
	// statement atomicity over several shards.
	Write bool
	// ImplicitCommit is set for statements that end an open transaction before they run (DDL and its kin).
	ImplicitCommit bool
	// Clock is set when the statement reads NOW() or one of its kin, or writes a column whose default does: over
	// several units all must see one value.
	Clock bool
	// Pin names why the connection must stay with the session after the statement; "" for most.
	Pin string
	// UserLocks is set when the statement takes, frees or looks at user locks and names no table: it runs where the session
	// has its locks, and takes no part in a transaction.
	UserLocks bool
	// Anywhere is set when any server can answer the statement: it names nothing that is kept on one.
	Anywhere bool
	// Drift is set when the answer of several shards would hang on columns that they do not have alike.
	Drift bool
	// Engine is that of a table whose rows the statement changes, if what it does cannot be undone: Aria, MyISAM, ….
	Engine string
	// Locked is set when it was made for a session that has locked tables, in which they are read under other names.
	Locked bool
	// Rename is set when the shard's column definitions or error texts may carry physical names.
	Rename bool
	// Shape is the client's statement as the first target of the first Route would run it: a server that is asked to
	// describe it says which parameters and columns the statement has. Nil where a Route is the whole plan: its answer has them.
	Shape *rewrite.Template
	// Trial is Shape as a server runs it without reading a row: of the columns of a statement that runs a server says other
	// things than of one that is prepared, where it groups through a temporary table. Nil where that cannot be asked.
	Trial *rewrite.Template
	// Notes are sentences for EXPLAIN: where an unlisted table was found, what was assumed.
	Notes []string
	// Explained is the plan of the statement that this one, an EXPLAIN, asks a server about; nil for others.
	Explained *Plan

	// Program is set when stored programs take part.
	Program *Program
	// Unjudged is the table of an INSERT of whose triggers nothing is known: it is where its name says, and a server runs them. Nil
	// for all others.
	Unjudged *ActualTable

	// Unguarded is set when it names tables of a database whose programs nobody has judged: it is on one server as a whole, and what is
	// named there may be a view that calls anything.
	Unguarded bool

	// Tables are the logical tables the plan was made from, each with the version of its schema.
	Tables []TableVersion
}

// Program says what the stored programs of a statement do to the session.
type Program struct {
	Vars []string // user variables that they may set, without @
	Ends bool     // they may end a transaction, of one of several servers
}

// ActualTable is a table as its server names it.
type ActualTable struct{ Schema, Table string }

// TableVersion names a table and the version of the schema that a plan relied on; 0: the schema was not looked at.
type TableVersion struct {
	Database, Table string
	Version         uint64
}

// Node is one of the closed set of plan nodes.
type Node interface{ node() }

// Opcode says how a Route chooses its shards.
type Opcode uint8

// The routing vocabulary.
const (
	Unsharded   Opcode = iota // one data source, known at plan time
	EqualUnique               // one shard, by key
	In                        // the shards of a list of keys, lists trimmed to each
	Range                     // the shards of a range of keys
	MultiEqual                // the shards of several keys combined with OR, or of an INSERT's rows
	Scatter                   // every shard of the tables
	Reference                 // broadcast tables only: any shard
	Broadcast                 // a write to every copy
	Next                      // a generated id
	None                      // nothing can match: one shard is asked for the shape of the empty answer
	Local                     // answered by the proxy
)

var opcodeNames = [...]string{
	"unsharded", "equal-unique", "in", "range", "multi-equal", "scatter", "reference", "broadcast", "next", "none", "local",
}

// String returns the opcode as plans print it.
func (o Opcode) String() string { return opcodeNames[o] }

// Target is one place where a Route can run: a data source and the actual names there.
type Target struct {
	Shard      string // the rule document's name for it; "" for single tables
	DataSource string
	Schema     string   // the schema that the connection must be in
	Database   string   // the logical database that Schema belongs to, for messages; "" where it is another's
	Names      []string // actual table names, by the index that the template's Table pieces carry
	Schemas    []string // actual schema names, by the index that the template's Schema pieces carry
}

// Route sends one template to one or more targets. Its output is the concatenation of their rows, or the sum of
// their affected rows.
type Route struct {
	Opcode    Opcode
	Targets   []Target           // in data source order: the lowest wins where errors compete
	Selector  Selector           // which targets; nil: all of them
	Algorithm sharding.Algorithm // maps keys to targets by index; nil where neither Selector, Rows nor Stay is set
	Keys      []sharding.KeyType // the key columns' types, in key order
	KeyNames  []string           // the key columns' names, for Format
	Template  *rewrite.Template
	Tables    []string // logical names, in the order of Target.Names; for Format, metrics and column definitions
	Databases []string // their logical databases
	Rows      *Rows    // an INSERT's rows; nil otherwise
	Stay      *Stay    // an UPDATE that sets the sharding key; nil otherwise
	// SortsTwice: the shards look at what they sort by once more to tell it, and at nothing else of their select lists that
	// may warn: one server says half as much.
	SortsTwice bool
	// Once are the parts of a broadcast write that have to be evaluated once.
	Once Once
	// Ask is what a server has to say before the Route's units are known or sent; nil for most.
	Ask *Ask
}

// Once says what differs from copy to copy unless it is fixed for all.
type Once struct {
	AutoIncrement bool // the first copy's insert id is set on the others
	Rand          bool // RAND() gets one seed
}

// Ask is what a server evaluates first, at the Route's first target and in the session's state. Its answers are
// rewrite.Args.Generated(Base), Generated(Base+1) and so on: those of Select, then those of Stored.
type Ask struct {
	Base   int
	Select *rewrite.Template // one row: the values that templates have in the place of expressions; nil: none
	Values int               // the columns of Select
	Stored *Stored           // nil: none
}

// StoredTable is the temporary table that Stored makes.
const StoredTable = "heddle keys"

// Stored asks what columns would store of values whose conversion depends on more than the values: a temporary table
// with the same columns takes them, and is read row by row.
type Stored struct {
	Create, Fill, Read *rewrite.Template
	Check              *rewrite.Template // Fill without its IGNORE: the error with which a server refuses a row
	Kinds              []sqltypes.Kind   // of Read's columns; KindString and KindBinary are in hexadecimal
}

// Stay is the proof that an UPDATE of the sharding key owes: each unit that it reaches has to be the one that the
// new key maps to. Router.Route checks it and answers KeyMove otherwise.
type Stay struct {
	Key           []Expr // the key after the update, in key order
	Table, Column string // for the message
}

// Rows are the rows of an INSERT or REPLACE: list 0 of the template holds them, each goes to the shard of its key.
type Rows struct {
	Keys [][]Expr // by row: the key columns' values in key order; nil for a table that has no key (broadcast, single)
	// Folded is one more than the number of the folded list that the rows are; 0: none. Keys, and Given of Generate, then
	// have the first row only.
	Folded int
	// Generate is set when a column of the rows is filled by a generator.
	Generate *Generate
}

// Generate asks for one generated id for each row that has none. The caller takes as many ids as rows need one and
// gives them out in row order: rewrite.Args.Generated(i) is the id of row i, NULL for a row that has its own value.
type Generate struct {
	Generator keygen.Generator
	Column    string
	// Given has for each row the expression that the client gave for the column; a nil Expr is a row that
	// always needs an id, a row whose value is NULL at run time needs one as well, and 0 too unless ZeroIsValue.
	Given       []*Expr
	Fresh       bool // the statement takes no notice of a row that has the id already: keygen.Raiser's Fresh
	ZeroIsValue bool // NO_AUTO_VALUE_ON_ZERO, or a column that is no number
	// Key is the index of the column in the sharding key, -1 where it is not part of it.
	Key int
	// Unique is a unique key that has the column and lacks the sharding key, and so holds on each shard only, where the rule does
	// not say that it need not hold over all: ids that the client gives are looked for on the other shards. "": there is none.
	Unique    string
	Composite bool // Unique has other columns too
	Text      bool // the column is no number
}

// Expr is a value that is known at run time without a server: an argument or a constant.
type Expr struct {
	Arg       int            // index of the literal or parameter; -1: Const
	Const     sqltypes.Value // where Arg is -1
	Negate    bool           // a minus sign before the argument
	Generated bool           // the generated id of row Row where it has one, else Arg or Const
	Row       int
}

// At is the expression of another element of a folded list, e being the first one's.
func (e Expr) At(element int) Expr {
	if e.Arg >= 0 {
		e.Arg = rewrite.Element(e.Arg, element)
	}
	e.Row += element
	return e
}

// Count is how many rows an execution has.
func (r *Rows) Count(args rewrite.Args) int {
	if r.Folded > 0 {
		return args.Elements(r.Folded - 1)
	}
	return len(r.Keys)
}

// Several reports whether there is more than one row.
func (r *Rows) Several() bool { return r.Folded > 0 || len(r.Keys) > 1 }

// GivenAt is what the client gave for the column in a row; nil: nothing.
func (r *Rows) GivenAt(row int) *Expr {
	given := r.Generate.Given
	if r.Folded == 0 {
		return given[row]
	}
	if given[0] == nil {
		return nil
	}
	e := given[0].At(row)
	return &e
}

// Key is one sort or group key of a stream.
type Key struct {
	Column int    // index of the column whose value is compared
	Weight int    // index of the hidden column that holds its WEIGHT_STRING; -1: compared by type
	Pad    bool   // PAD SPACE: the shorter weight is padded with the collation's weight of a space
	Space  []byte // that weight, where Pad
	Nul    int    // bytes of a weight of NO PAD text of which NUL at its end may or may not sort; 0: any other
	Desc   bool
	Label  string // as Format prints it
}

// MergeSort merges streams that each shard has sorted by Keys.
type MergeSort struct {
	Input Node
	Keys  []Key
}

// Sort sorts what the shards could not: results of aggregation. Limit > 0 keeps the first rows only.
type Sort struct {
	Input Node
	Keys  []Key
	Limit *LimitArgs
}

// LimitArgs are the arguments of a LIMIT clause.
type LimitArgs struct {
	Offset, Count *Expr // nil Offset: 0; nil Count: no limit
}

// Limit cuts a stream.
type Limit struct {
	Input Node
	Args  LimitArgs
	Count bool // SQL_CALC_FOUND_ROWS: all rows of Input are read and counted
}

// Distinct removes rows equal in Keys. Sorted inputs are compared with their neighbour.
type Distinct struct {
	Input  Node
	Keys   []Key
	Sorted bool
}

// AggregateMode says how groups are found.
type AggregateMode uint8

// The two ways.
const (
	Stream AggregateMode = iota // input sorted by Keys
	Hash
)

// AggregateFunc is a function that the proxy can put together from parts.
type AggregateFunc uint8

// The functions. Each says what the shards send.
const (
	First         AggregateFunc = iota // any value of the group: group columns, ANY_VALUE
	Count                              // COUNT of each shard, summed
	Sum                                // SUM of each shard, summed; Third as of Avg
	Min                                // by Order
	Max                                // by Order
	Avg                                // Column: SUM, Second: COUNT, Third: of DOUBLEs the largest absolute value, of DECIMALs the SUM with the digits that a server does not show, or -1
	CountDistinct                      // rows arrive sorted by the group's Keys and then DistinctKeys; counted where they change
	SumDistinct                        // likewise
	AvgDistinct                        // likewise
	BitAnd
	BitOr
	BitXor
	VarPop      // Column: COUNT, Second: AVG as DOUBLE, Third: VAR_POP as DOUBLE
	VarSamp     // likewise
	StdPop      // likewise
	StdSamp     // likewise
	GroupConcat // texts of each shard, joined with Separator
	JSONArrayAgg
	JSONObjectAgg
)

// Aggregation is one output column of an Aggregate.
type Aggregation struct {
	Func                  AggregateFunc
	Column, Second, Third int    // input columns; -1: none
	Order                 Key    // Min, Max: how values compare
	DistinctKeys          []Key  // CountDistinct and its kin
	Separator             []byte // GroupConcat
	SeparatorArg          *Expr  // GroupConcat: the separator where the statement gives it; nil: Separator
	// Result is the column definition that one server sends for the function, as a server whose
	// character_set_results is NULL describes it.
	Result sqltypes.Column
	// Inherit is set when the shards' own definition of Column serves for the result: First, Min, Max, Count, Sum
	// and their kin. It is already in the client's character set, which Result is not.
	Inherit bool
	Label   string // as Format prints it
}

// Aggregate puts partial aggregates together. Its output has one column per Aggregation.
type Aggregate struct {
	Input  Node
	Mode   AggregateMode
	Keys   []Key // the group's keys; empty: one group, and one row even of nothing
	Output []Aggregation
}

// Project keeps, orders and renames columns.
type Project struct {
	Input   Node
	Columns []ProjectColumn
	// Bare is set where one server's definitions name no schema and no table: a UNION's.
	Bare bool
}

// ProjectColumn is one column that a Project lets through.
type ProjectColumn struct {
	Column int
	Name   string // the label; "" keeps the input's
}

// Residual has a shard finish what remains: the rows of Input go into a temporary table of that shard and Final
// runs on it. It serves expressions over aggregates, HAVING and the like with the server's own semantics.
type Residual struct {
	Input  Node
	Target Target
	// Shape is a SELECT that yields no row and the columns of Input, named c0, c1 …, with their exact types; the
	// temporary table is made from it. It runs with Target's names.
	Shape *rewrite.Template
	// Final is the SELECT over the temporary table, which a Table piece with index 0 names; it names no other table.
	Final *rewrite.Template
	// Result are the definitions that one server sends, as a server whose character_set_results is NULL describes
	// them: names of columns and tables are to be taken from here, the rest from Final's answer.
	Result []sqltypes.Column
	// FreeGroups: Shape has groups that sql_mode's ONLY_FULL_GROUP_BY would refuse, though not the client's.
	FreeGroups bool
	// Stands are columns of the temporary table by what they stand for.
	Stands []Stand
	// Untold: one server says nothing of texts that are no numbers, though Final reads some as numbers.
	Untold bool
}

// Stand is what the client's text has in the place of a column, c3, or of the quotient of two, c3/c4.
type Stand struct{ Columns, Text string }

// Gather runs a statement over temporary tables: each of Parts is run first, its rows go into a temporary table on
// every target that Input reaches, and Input, whose text names those tables, gives the answer. It serves queries in a
// statement that do not depend on the rows around them, and tables whose rows one server has to see together.
type Gather struct {
	// Place is where all tables of the statement are, the shards' own part of them: the definitions of the temporary
	// tables and of the answer are read there. It has one target, and no rows are read from it.
	Place *Route
	Parts []GatheredPart
	Input Node
	// Rest is what is left of a write by keys, for any shard to run where no row is found; nil for all others.
	Rest *rewrite.Template
	// Trial is the plan's Trial of what is left of the statement. It runs at Place, over the temporary tables; nil: there is none.
	Trial *rewrite.Template
}

// GatheredPart is one temporary table of a Gather.
type GatheredPart struct {
	Name  string
	Node  Node
	Shape *rewrite.Template // a SELECT that yields no row and the temporary table's columns; it runs at Place
	// Binary is set where text would lose digits: of a FLOAT it shows six.
	Binary bool
	// Strict is set where one server makes an error, in strict mode, of what the part warns of: in a write that comes to its rows.
	Strict bool
}

// Update, Delete and Insert are writes with one Route below; in autocommit on several shards they are atomic.
type (
	// Insert is INSERT and REPLACE.
	Insert struct{ Route *Route }
	// Update is UPDATE.
	Update struct{ Route *Route }
	// Delete is DELETE.
	Delete struct{ Route *Route }
)

// ByKey is an UPDATE or DELETE whose rows no shard can find by itself, as with ORDER BY … LIMIT over several shards: Input yields the primary keys of the rows
// in the statement's order, locked; Write changes them. Each shard gets the keys that it sent.
type ByKey struct {
	Input Node   // rows: primary key columns
	Keys  []int  // the columns of Input that are the primary key
	Write *Route // its template's list 0 takes the keys as row values
	// Copies is set where each target of Write has all rows, and gets all keys: Input is of the first copy.
	Copies bool
	// Random is set where conditions or order may be others when they are evaluated again.
	Random bool
	// Image is set where only the first copy may evaluate what is written: the others are given its rows.
	Image *Image
}

// Image carries rows from one copy of a table to the others.
type Image struct {
	Read  *rewrite.Template // the rows of list 0's keys, cells in forms that lose nothing
	Write *rewrite.Template // list 0 takes the rows
	Forms []ImageForm       // of Read's cells
	Table int               // the table's place in Target.Names
}

// ImageForm is how a cell of an Image is written.
type ImageForm uint8

// The forms.
const (
	ImageNumber ImageForm = iota // as it is
	ImageQuoted                  // between quotes
	ImageHex                     // as a hexadecimal literal, which it already is but for the quotes
)

// Transfer is an INSERT … SELECT whose rows are read by one plan and stored by another: Input yields the rows, locked as
// a server locks what INSERT … SELECT reads; Write stores them. Both are one transaction.
type Transfer struct {
	Input Node
	// Write's template's list 0 takes the rows. Of a sharded table each goes to the shard of its key; a table that is
	// not sharded has one target, or as many as copies.
	Write *Route
	// Columns are how many values a row has to have; Numeric says which of them go into columns of numbers.
	Columns int
	Numeric []bool
	Divides bool    // decimals may have more digits than a server shows
	Key     []int   // the values that are the sharding key, in key order; nil: the table has none; -1: the generated one
	Stored  *Stored // what a server says of keys that cannot be told; its Fill takes the key's values
	// Generate fills value GenerateAt, -1: one more value at the end of each row. Its Given is not used.
	Generate   *Generate
	GenerateAt int
}

// Keeping is an UPDATE that computes the sharding key: Input yields the new keys of the rows that it means, locked. If
// each is of the shard that the row is on, Write runs; else the statement is refused.
type Keeping struct {
	Input         *Route
	Write         *Route
	Stored        *Stored // what a server says of keys that cannot be told
	Table, Column string  // for the message
}

// DDL runs on every target, each outcome journaled.
type DDL struct {
	Route *Route
	// Database and Table name the logical table that is created or changed; of RENAME the new name. Table is empty where
	// it is a stored program. Both are empty where nothing could be left half done.
	Database, Table string
	// Drop is set when the table is gone afterwards.
	Drop bool
	// Changes are the tables that the statement creates or changes, as indexes into Route.Tables.
	Changes []int
	// Counter is where the table's generated ids are to go on; nil: where they are.
	Counter *Counter
}

// Counter is AUTO_INCREMENT = Next of a table whose ids Heddle generates.
type Counter struct {
	Generator keygen.Generator
	Column    string
	Next      uint64
}

// DropEach is DROP TABLE of tables in different places: a statement for each, in order. Those that do not exist are named
// together.
type DropEach struct {
	Texts    []string
	Names    []string // database.table, logical
	IfExists bool
}

// Lock is LOCK TABLES: a statement for each data source, in their order.
type Lock struct {
	Route *Route // its targets, and the logical names
	Parts []LockPart
}

// LockPart is what one data source locks.
type LockPart struct {
	Target *Target
	Beside []Target // names of further actual tables there, for its messages
	SQL    string
}

// TableAdmin is ANALYZE, CHECK, CHECKSUM, OPTIMIZE or REPAIR TABLE of a table with several actual ones.
type TableAdmin struct {
	Route    *Route
	Checksum bool // the answer is a sum over rows
	Copies   bool // each actual table has all rows
}

// Concat is the answer of several nodes one after the other: UNION ALL.
type Concat struct{ Inputs []Node }

func (*DropEach) node()   {}
func (*TableAdmin) node() {}
func (*Lock) node()       {}
func (*Route) node()      {}
func (*MergeSort) node()  {}
func (*Sort) node()       {}
func (*Limit) node()      {}
func (*Distinct) node()   {}
func (*Aggregate) node()  {}
func (*Project) node()    {}
func (*Residual) node()   {}
func (*Insert) node()     {}
func (*Update) node()     {}
func (*Delete) node()     {}
func (*ByKey) node()      {}
func (*DDL) node()        {}
func (*Concat) node()     {}
func (*Transfer) node()   {}
func (*Keeping) node()    {}
func (*Gather) node()     {}
