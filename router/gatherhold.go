package router

import (
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/pingcap/tidb/pkg/parser/ast"
)

// holder finds how a temporary table holds the answer of a query: its types it takes over, their collations too, but
// neither how much weight a collation has when it meets another one nor digits that are computed and not shown.
type holder struct {
	g    *gathering
	q    queryGroup
	part *gatheredPart
	cols []sqltypes.Column
	kind []heldAs
}

// heldAs says how a column of the query is held.
type heldAs uint8

const (
	heldColumn  heldAs = iota
	heldLiteral        // not at all: the text is repeated
	heldAverage        // as a sum and a count, divided by the server to all the digits that it computes
)

// hold decides, and finishes the part.
func (h *holder) hold() error {
	part := h.part
	h.kind = make([]heldAs, len(h.cols))
	seen := map[string]bool{}
	special := false
	for i := range h.cols {
		name := strings.ToLower(h.cols[i].Name)
		if seen[name] || name == "" {
			return sqlerr.NotSupported("two columns of one name in a query inside another over several shards")
		}
		seen[name] = true
		if err := h.column(i); err != nil {
			return err
		}
		special = special || h.kind[i] != heldColumn
		part.binary = part.binary || h.cols[i].Type == sqltypes.Float
		part.columns = append(part.columns, catalog.Column{Name: h.cols[i].Name})
	}
	if special {
		return h.renamed()
	}
	part.replace = func(t *partText, name string) { t.made("SELECT * FROM " + ident(name)) }
	return nil
}

// column decides about one column.
func (h *holder) column(i int) error {
	c, stmt := &h.cols[i], h.part.stmt
	if lost, err := h.lostInUnion(i); lost || err != nil {
		if err == nil {
			err = errNotHeld
		}
		return err
	}
	text := isText(c.Type) && c.Collation != sqltypes.CollationBinary
	switch {
	case text && literalItem(stmt, i):
		h.kind[i] = heldLiteral
	case text && !h.g.p.columnText(stmt, i):
		return errNotHeld
	case c.Type.IsDecimal() && h.computes() && !h.stored(i) && !h.materialised():
		// MySQL rounds what it reads from a temporary table of one row where it would not round the average itself.
		if !h.g.p.env.Mode.Flavour.MariaDB || !h.average(i) {
			return errNotHeld
		}
		h.kind[i] = heldAverage
	case c.Type.IsFloat() && c.Decimals < notFixed && !h.stored(i) && !h.materialised():
		return errNotHeld
	}
	return nil
}

// notFixed is the number of decimals of a DOUBLE that shows all of them.
const notFixed = 31

// computes reports whether anything in the query computes more digits than it shows.
func (h *holder) computes() bool {
	for _, t := range h.part.stmt.Tokens {
		if t.Is("/") || t.Is("AVG") {
			return true
		}
	}
	return false
}

// stored reports whether a column is a stored one: it is shown as it is.
func (h *holder) stored(i int) bool {
	c := &h.cols[i]
	return c.OrgTable != "" && c.OrgName != ""
}

// materialised reports whether one server too writes the query's rows into a temporary table, and computes with what
// that holds: a branch of a set operation, a derived or WITH table that is more than a part of its tables.
func (h *holder) materialised() bool {
	if h.q.branch || h.underSetOperation() {
		return true
	}
	c := h.part.stmt.Clauses
	whole := len(c.Branches) > 0 || c.Distinct || c.GroupBy.Present() || c.Having.Present() || c.Limit != nil ||
		h.part.stmt.Uses.Has(parser.UseAggregate|parser.UseWindow)
	return whole && h.derived()
}

// lostInUnion reports whether column i of a branch loses digits, or gets more, on its way to the set operation's column: a server
// writes what the branch computes into that, whose type all branches have a say in.
func (h *holder) lostInUnion(i int) (bool, error) {
	c, p := &h.cols[i], h.g.p
	if !h.q.branch && !h.underSetOperation() || h.stored(i) || !c.Type.IsDecimal() && !c.Type.IsFloat() {
		return false, nil
	}
	united, err := p.describeText(h.g.place, h.g.place.Template)
	if err != nil || i >= len(united) {
		return err == nil, err
	}
	to := &united[i]
	switch {
	case c.Type.IsFloat():
		return c.Decimals < notFixed && (!to.Type.IsFloat() || to.Decimals != c.Decimals), nil
	case to.Type.IsDecimal():
		return to.Decimals != c.Decimals && h.computes(), nil
	case to.Type.IsFloat():
		return h.computes(), nil
	}
	return !h.columnsExtreme(i), nil
}

// columnsExtreme reports whether a column is SUM, MIN or MAX of a stored one: of its numbers all have the same digits.
func (h *holder) columnsExtreme(i int) bool {
	sel, ok := h.part.stmt.AST.(*ast.SelectStmt)
	if !ok || sel.Fields == nil || len(sel.Fields.Fields) != len(h.cols) {
		return false
	}
	a, ok := bareExpr(sel.Fields.Fields[i].Expr).(*ast.AggregateFuncExpr)
	if !ok || len(a.Args) != 1 || sel.From == nil || !storedOnly(sel.From.TableRefs) {
		return false
	}
	switch lower(a.F) {
	case ast.AggFuncSum, ast.AggFuncMin, ast.AggFuncMax:
		_, column := bareExpr(a.Args[0]).(*ast.ColumnNameExpr)
		return column
	}
	return false
}

// underSetOperation reports whether the query is a branch in parentheses of the statement's set operation.
func (h *holder) underSetOperation() bool {
	if h.g.p.stmt.Clauses == nil {
		return false
	}
	for _, b := range h.g.p.stmt.Clauses.Branches {
		if b.Paren && b.Span.Start < h.q.span.Start && within(h.q.span, b.Span) && h.g.p.stmt.Tokens[h.q.open].Start == b.Start {
			return true
		}
	}
	return false
}

// derived reports whether the query stands in the FROM clause, or is what WITH defines.
func (h *holder) derived() bool {
	c, tokens := h.g.p.stmt.Clauses, h.g.p.stmt.Tokens
	if h.q.open == 0 || c == nil {
		return false
	}
	before := tokens[h.q.open-1]
	switch {
	case c.With.Present() && within(h.q.span, c.With.Span):
		return before.Is("AS")
	case !c.From.Present() || !within(h.q.span, c.From.Span) || tokens[h.q.open].Depth != 0:
		return false
	}
	return before.Is("FROM") || before.Is("JOIN") || before.Is("STRAIGHT_JOIN") || before.Is(",")
}

// average reports whether column i is AVG(x) of a query whose other clauses do not name it.
func (h *holder) average(i int) bool {
	c := h.part.stmt.Clauses
	if len(c.Branches) > 0 || c.Paren || c.Distinct || c.Having.Present() || c.OrderBy.Present() || c.GroupBy.Present() || i >= len(c.List) {
		return false
	}
	for _, item := range c.List {
		if item.Star {
			return false
		}
	}
	_, ok := h.averaged(i)
	return ok
}

// averaged is what AVG is of, in the part's text.
func (h *holder) averaged(i int) (parser.Span, bool) {
	tokens := (&planning{stmt: h.part.stmt}).tokensIn(h.part.stmt.Clauses.List[i].Expr)
	n := len(tokens)
	if n < 4 || !tokens[0].Is("AVG") || !tokens[1].Is("(") || !tokens[n-1].Is(")") || tokens[2].Is("DISTINCT") || tokens[2].Is("ALL") {
		return parser.Span{}, false
	}
	for _, t := range tokens[2 : n-1] {
		if t.Depth <= tokens[0].Depth {
			return parser.Span{}, false
		}
	}
	return parser.Span{Start: tokens[2].Start, End: tokens[n-2].End}, true
}

// renamed gives the query a select list of its own, whose columns the rest of the statement puts together again.
func (h *holder) renamed() error {
	part, c := h.part, h.part.stmt.Clauses
	if len(h.cols) != len(c.List) || len(c.Branches) > 0 || c.Paren {
		return errNotHeld
	}
	if len(c.List) > 1 && (c.OrderBy.Present() || c.GroupBy.Present() || c.Having.Present()) && h.has(heldAverage) {
		return errNotHeld
	}
	if !h.has(heldAverage) {
		return h.literals()
	}
	at := part.span.Start
	client := func(s parser.Span) parser.Span { return parser.Span{Start: at + s.Start, End: at + s.End} }
	t := &partText{p: h.g.p}
	shape := &pieceList{g: h.g}
	t.client(client(parser.Span{End: c.ListSpan.Start}))
	shape.client(client(parser.Span{End: c.ListSpan.Start}))
	part.columns = nil
	for i, item := range c.List {
		both := func(s string) { t.made(s); shape.made(s) }
		span := func(s parser.Span) { t.client(client(s)); shape.client(client(s)) }
		if i > 0 {
			both(", ")
		}
		if h.kind[i] != heldAverage {
			span(item.Expr)
			both(" AS " + heldName("c", i))
			part.columns = append(part.columns, catalog.Column{Name: "c" + strconv.Itoa(i)})
			continue
		}
		arg, _ := h.averaged(i)
		both("SUM(")
		span(arg)
		both(") AS " + heldName("a", i) + ", COUNT(")
		span(arg)
		both(") AS " + heldName("n", i))
		part.columns = append(part.columns, catalog.Column{Name: "a" + strconv.Itoa(i)}, catalog.Column{Name: "n" + strconv.Itoa(i)})
	}
	rest := client(parser.Span{Start: c.ListSpan.End, End: len(part.stmt.Text)})
	t.client(rest)
	shape.client(rest)
	stmt, err := t.parse()
	if err != nil {
		return err
	}
	part.stmt, part.origins, part.shape = stmt, t.origins, shape.pieces
	part.replace = func(t *partText, name string) {
		for i, item := range c.List {
			t.made(map[bool]string{true: "SELECT ", false: ", "}[i == 0])
			switch h.kind[i] {
			case heldLiteral:
				t.client(client(item.Expr))
			case heldAverage:
				t.made("(" + heldName("a", i) + "/" + heldName("n", i) + ")")
			default:
				t.made(heldName("c", i))
			}
		}
		t.made(" FROM " + ident(name))
	}
	return nil
}

func heldName(kind string, i int) string { return "`" + kind + strconv.Itoa(i) + "`" }

func (h *holder) has(kind heldAs) bool {
	for _, k := range h.kind {
		if k == kind {
			return true
		}
	}
	return false
}

// literals repeats the text literals of the select list where the temporary table is read.
func (h *holder) literals() error {
	stmt, at := h.part.stmt, h.part.span.Start
	for i, item := range stmt.Clauses.List {
		if item.Alias == "" && h.kind[i] != heldLiteral && !plainColumnOf(stmt, item.Expr) {
			return errNotHeld
		}
	}
	h.part.replace = func(t *partText, name string) {
		for i, item := range stmt.Clauses.List {
			t.made(map[bool]string{true: "SELECT ", false: ", "}[i == 0])
			if h.kind[i] == heldLiteral {
				t.client(parser.Span{Start: at + item.Start, End: at + item.End})
			} else {
				t.made(ident(h.cols[i].Name))
			}
		}
		t.made(" FROM " + ident(name))
	}
	return nil
}

// pieceList makes the pieces of a query at the place of a gathering.
type pieceList struct {
	g      *gathering
	pieces []rewrite.Piece
}

func (l *pieceList) made(s string) { l.pieces = append(l.pieces, text(s)) }

func (l *pieceList) client(span parser.Span) {
	l.pieces = append(l.pieces, rewrite.Cut(l.g.p.src, rewrite.Span(span), l.g.p.nameSplices(l.g.place.Targets))...)
}
