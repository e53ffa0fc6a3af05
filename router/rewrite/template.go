// Package rewrite turns a plan's template into the text for one shard. A template is the client's own text cut
// into pieces at plan time: comments, hints and column labels survive because nothing is printed from a syntax tree.
// It does not decide anything; the planner made the pieces, the router says which list items a unit keeps.
package rewrite

import "github.com/heddle-mesh/heddle/internal/sqltypes"

// Op says what a Piece renders.
type Op uint8

// The kinds of pieces.
const (
	Text       Op = iota // Piece.Text as it is
	Arg                  // argument N as the client wrote it; a parameter stays a '?'
	Value                // argument N as a literal, parameters included
	Table                // the unit's actual table name N, quoted
	Schema               // the unit's actual schema name N, quoted
	ListItems            // the items of list N that the unit keeps, with the list's separator
	Total                // LIMIT's offset + count: arguments N (offset, -1 none) and M (count), as a number
	Generated            // the generated id of row N; where the row has none, argument M as the client wrote it (M ≥ 0)
	Label                // argument N as the client wrote it, a '?' included, inside an identifier quoted in the parser.Charset M: no argument
	Gathered             // the temporary table named Text; in a draft what Names.Gathered[N] says in its place
	Constraint           // what the actual table name N calls the constraint Text of the logical table Logical, quoted
	Repeat               // Item for each element of the folded list N, Text between them
)

// Piece is one part of a template.
type Piece struct {
	Op   Op
	Text string
	N, M int
	Item []Piece // of Repeat: the list's first element

	Logical string // of Constraint
}

// List is a run of items of which a unit keeps some: the rows of VALUES, the elements of IN.
type List struct {
	Items     [][]Piece
	Separator string
	// Folded is one more than the number of the folded list that this is; 0: none. There is then one item, the first
	// element, and as many as the arguments say.
	Folded int
}

// Template is a statement for shards.
type Template struct {
	Pieces []Piece
	Lists  []List
	// Params is the number of parameters that the template may name, for buffers; not exact where lists are cut.
	Params int
	// Identity is set when every rendering is the client's own text.
	Identity bool
}

// Args are a statement's arguments at run time. Indexes run over literals and parameters in order of their place.
type Args interface {
	// Elements returns how many elements folded list i has. An argument of an element is numbered by Element.
	Elements(i int) int
	// Value decodes argument i.
	Value(i int) (sqltypes.Value, error)
	// AppendText appends argument i as the client wrote it: the literal's text, or '?'.
	AppendText(b []byte, i int) []byte
	// Param returns the ordinal of argument i among the parameters, -1 for a literal.
	Param(i int) int
	// Generated returns the generated id of row i, NULL where the row has a value of its own.
	Generated(i int) sqltypes.Value
}

// Element numbers argument i, which is one of a folded list's first element, as that of another element.
func Element(i, element int) int { return i | element<<elementShift }

// SplitElement takes apart what Element has put together.
func SplitElement(i int) (arg, element int) { return i & (1<<elementShift - 1), i >> elementShift }

const elementShift = 32

// Names are the actual names at a target.
type Names struct {
	Tables, Schemas []string
	Gathered        []string // of a draft: derived tables in the place of temporary ones, which are not there yet
}

// Rendered is a template's text for one unit.
type Rendered struct {
	SQL    []byte
	Params []int32 // which parameters the text's '?' stand for, in order
}
