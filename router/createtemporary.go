package router

import (
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
)

// createdRows is the temporary table that holds the rows of CREATE TEMPORARY TABLE … SELECT.
const createdRows = "heddle created"

// createTemporary plans CREATE TEMPORARY TABLE … SELECT from sharded tables. The query is run first and its rows go into a table that is
// made by the query itself, so that its columns are those which one server would make; what is left is the client's text, which
// reads that table.
func (p *planning) createTemporary(made *table) error {
	lead := p.anySharded()
	query, ok := p.createdFrom()
	if !ok || made == nil || !made.single() || made.system || len(p.values) > 0 || p.route != "" {
		return p.refuse("CREATE TEMPORARY TABLE of this form on the sharded table " + lead.name)
	}
	place, err := p.gatherPlace()
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(p.tables, func(t *table) bool { return len(t.nodes()) > 1 }) {
		place.Opcode = plan.Unsharded
		p.plan.Root = place
		return nil
	}
	if p.stmt.Uses.Has(onceOnly) {
		return p.refuse("CREATE TEMPORARY TABLE … SELECT of a query that leaves something behind, on the sharded table " + lead.name)
	}
	if p.countRefs(made) > 1 {
		return p.refuse("CREATE TEMPORARY TABLE of a table that its own query names, beside the sharded table " + lead.name)
	}
	shape, why := p.withoutRows(query, place)
	if why != "" {
		return p.refuse("CREATE TEMPORARY TABLE … SELECT of " + why + " on the sharded table " + lead.name)
	}
	input, err := p.sourceOf(query)
	if err != nil {
		return err
	}
	last := *place
	last.Opcode = plan.Unsharded
	rows := splice(query, text("SELECT * FROM "), rewrite.Piece{Op: rewrite.Gathered, Text: createdRows})
	last.Template = p.compile(place.Targets, []rewrite.Splice{rows})
	part := plan.GatheredPart{Name: createdRows, Node: input, Shape: shape, Binary: true, Strict: true}
	p.plan.Root = &plan.Gather{Place: place, Parts: []plan.GatheredPart{part}, Input: &last}
	p.plan.Shape = place.Template
	return nil
}

// countRefs is how often the statement names a table.
func (p *planning) countRefs(t *table) int {
	n := 0
	for _, ref := range p.byRef {
		if ref == t {
			n++
		}
	}
	return n
}

// createdFrom is the query of CREATE TABLE … SELECT, without parentheses around it.
func (p *planning) createdFrom() (parser.Span, bool) {
	if p.stmt.DDL == nil || !p.stmt.DDL.Select.Present() {
		return parser.Span{}, false
	}
	query := p.stmt.DDL.Select
	first := slices.IndexFunc(p.stmt.Tokens, func(t parser.Token) bool { return t.Start >= query.Start })
	for i := first - 1; i > 0 && p.stmt.Tokens[i].Is("("); i-- {
		inside := strings.TrimRight(query.In(p.stmt.Text), " \t\r\n")
		if !strings.HasSuffix(inside, ")") {
			return query, false
		}
		query.End = query.Start + len(strings.TrimRight(inside[:len(inside)-1], " \t\r\n"))
	}
	return query, true
}

// withoutRows is the query as a server at the place has it, with LIMIT 0.
func (p *planning) withoutRows(query parser.Span, place *plan.Route) (shape *rewrite.Template, why string) {
	stmt, err := p.facts.parse(query.In(p.stmt.Text), p.stmt.Mode)
	switch {
	case err != nil || stmt.Clauses == nil || stmt.Clauses.Into.Present():
		return nil, "a query that Heddle cannot read"
	case len(stmt.Clauses.Branches) > 0 || stmt.Clauses.Paren:
		return nil, "a UNION or a query in parentheses"
	case p.parameterListed(stmt): // whose type is known at its execution only
		return nil, "a query with a parameter in its select list"
	}
	none := insertion(query.End, []rewrite.Piece{text(" LIMIT 0")})
	switch c := stmt.Clauses; {
	case c.Limit != nil:
		none = splice(parser.Span{Start: query.Start + c.Limit.Start, End: query.Start + c.Limit.End}, text("LIMIT 0"))
	case c.Lock.Present():
		none = insertion(query.Start+c.Lock.Start, []rewrite.Piece{text("LIMIT 0 ")})
	}
	shape = p.compileSpan(place.Targets, query, []rewrite.Splice{none})
	for i := range shape.Pieces {
		if piece := &shape.Pieces[i]; piece.Op == rewrite.Arg && p.stmt.Args[piece.N].Ordinal >= 0 {
			piece.Op = rewrite.Value // it is sent as text
		}
	}
	shape.CountParams()
	return shape, ""
}
