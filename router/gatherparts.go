package router

import (
	"errors"
	"sort"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/rewrite"
)

// queryGroup is a query inside of the statement, the parentheses around it not counted.
type queryGroup struct {
	span   parser.Span
	exists bool // EXISTS stands before it
	branch bool // a branch of a set operation
	open   int  // the token of its parenthesis
}

// partText is a text made of parts of the client's and of words of the planner's own.
type partText struct {
	p       *planning
	text    strings.Builder
	origins []argOrigin
}

// client adds a part of the client's text.
func (t *partText) client(span parser.Span) {
	t.text.WriteString(span.In(t.p.stmt.Text))
	for i, a := range t.p.stmt.Args {
		if s := a.Span(); s.Start >= span.Start && s.End <= span.End {
			t.origins = append(t.origins, argOrigin{arg: i})
		}
	}
}

// made adds words; numbers are the literals among them, in order.
func (t *partText) made(words string, numbers ...string) {
	t.text.WriteString(words)
	for _, n := range numbers {
		t.origins = append(t.origins, argOrigin{arg: -1, made: n})
	}
}

// parse reads the text, which has to have the arguments that were put into it.
func (t *partText) parse() (*parser.Statement, error) { return t.parseAs(parser.Select) }

func (t *partText) parseAs(kind parser.Kind) (*parser.Statement, error) {
	stmt, err := t.p.facts.parse(t.text.String(), t.p.stmt.Mode)
	if err != nil || stmt.Kind != kind || len(stmt.Args) != len(t.origins) {
		return nil, sqlerr.NotSupported("a part of the statement that cannot be read by itself")
	}
	return stmt, nil
}

func sortedParts(parts []*gatheredPart) []*gatheredPart {
	sort.Slice(parts, func(i, j int) bool { return parts[i].span.Start < parts[j].span.Start })
	return parts
}

// find lists the outermost queries that name sharded tables, and the tables outside of them. A branch of a set
// operation that names one itself is such a query.
func (g *gathering) find() {
	all := g.queryGroups()
	if c := g.p.stmt.Clauses; c != nil && len(c.Branches) > 1 {
		for _, b := range c.Branches {
			if !b.Paren && g.holdsSharded(b.Span, all) {
				all = append(all, queryGroup{span: b.Span, branch: true})
			}
		}
	}
	for i := range g.p.stmt.Tables {
		if t := g.p.byRef[i]; t != nil && t.sharded() && g.outermost(i, all) < 0 {
			g.direct = append(g.direct, i)
		}
	}
	used := map[int]bool{}
	for i := range g.p.stmt.Tables {
		// Beside a sharded table a query on a table that is in one place has to be run before, too.
		t := g.p.byRef[i]
		if t == nil || !t.sharded() && (len(g.direct) == 0 || !t.single() || t.system) {
			continue
		}
		if at := g.outermost(i, all); at >= 0 && !used[at] {
			used[at] = true
			g.groups = append(g.groups, all[at])
		}
	}
}

// outermost is the widest of the queries that holds occurrence i of a table, -1: none.
func (g *gathering) outermost(i int, all []queryGroup) int {
	at := -1
	for n := range all {
		if within(g.p.stmt.Tables[i].NameSpan, all[n].span) && (at < 0 || within(all[at].span, all[n].span)) {
			at = n
		}
	}
	return at
}

func within(a, b parser.Span) bool { return a.Start >= b.Start && a.End <= b.End }

// holdsSharded reports whether a part names a sharded table outside of the groups.
func (g *gathering) holdsSharded(span parser.Span, groups []queryGroup) bool {
	for i := range g.p.stmt.Tables {
		t, at := g.p.byRef[i], g.p.stmt.Tables[i].NameSpan
		if t == nil || !t.sharded() || !within(at, span) {
			continue
		}
		inside := false
		for _, q := range groups {
			inside = inside || within(q.span, span) && within(at, q.span)
		}
		if !inside {
			return true
		}
	}
	return false
}

// queryGroups lists the queries in parentheses, inner ones too.
func (g *gathering) queryGroups() []queryGroup {
	tokens := g.p.stmt.Tokens
	match := map[int]int{}
	var open []int
	for i, t := range tokens {
		switch {
		case t.Is("("):
			open = append(open, i)
		case t.Is(")") && len(open) > 0:
			match[open[len(open)-1]] = i
			open = open[:len(open)-1]
		}
	}
	var out []queryGroup
	for i := range tokens {
		end, ok := match[i]
		if !ok || !queryAt(tokens, match, i+1, end) {
			continue
		}
		if inner, ok := match[i+1]; ok && inner == end-1 {
			continue // the parentheses of a function's argument or of an operand: the query has its own
		}
		span := parser.Span{Start: tokens[i+1].Start, End: tokens[end-1].End}
		for i > 0 && tokens[i-1].Is("(") && match[i-1] == match[i]+1 {
			i--
		}
		out = append(out, queryGroup{span: span, open: i, exists: i > 0 && tokens[i-1].Is("EXISTS")})
	}
	return out
}

// queryAt reports whether the tokens [i, end) are a query.
func queryAt(tokens []parser.Token, match map[int]int, i, end int) bool {
	switch t := tokens[i]; {
	case t.Is("SELECT"), t.Is("WITH"):
		return i < end
	case t.Is("("):
		close, ok := match[i]
		if !ok || close >= end || !queryAt(tokens, match, i+1, close) {
			return false
		}
		next := tokens[close+1]
		for _, word := range []string{"UNION", "EXCEPT", "INTERSECT", "MINUS", "ORDER", "LIMIT", "OFFSET", "FETCH"} {
			if next.Is(word) {
				return true
			}
		}
		return close+1 == end
	}
	return false
}

// queries makes parts of groups; where an answer cannot be held as it is, of the one table that it is made from.
func (g *gathering) queries(groups []queryGroup) ([]*gatheredPart, error) {
	var out []*gatheredPart
	var asked needs
	for _, q := range groups {
		part, err := g.query(q)
		if errors.Is(err, errNotHeld) {
			part, err = g.onlyTable(q)
		}
		if err != nil && !asked.take(err) {
			return nil, err
		}
		out = append(out, part)
	}
	return out, asked.err()
}

// errNotHeld says that a temporary table cannot hold what a query answers.
var errNotHeld = errors.New("an answer that a temporary table cannot hold")

// onlyTable makes a part of the one sharded table of a query.
func (g *gathering) onlyTable(q queryGroup) (*gatheredPart, error) {
	only := -1
	for i := range g.p.stmt.Tables {
		if t := g.p.byRef[i]; t == nil || !within(g.p.stmt.Tables[i].NameSpan, q.span) || t.broadcast() {
			continue
		} else if only >= 0 || !t.sharded() {
			return nil, sqlerr.NotSupported("digits or collations of a query inside another over several shards")
		}
		only = i
	}
	return g.table(only)
}

// query makes a part of a query, if a server can answer it by itself: a name of the rows around it would be unknown.
func (g *gathering) query(q queryGroup) (*gatheredPart, error) {
	p := g.p
	if p.usesIn(q.span, parser.UseUserVarWrite|parser.UseForUpdate|parser.UseForShare) {
		return nil, sqlerr.NotSupported("a query inside another that assigns or locks over several shards")
	}
	if p.usesIn(q.span, parser.UseRand|parser.UseRowNum|parser.UseUUID|parser.UseNonDeterministic|parser.UseSysdate|parser.UseUnknownFunction) {
		return nil, sqlerr.NotSupported("a query inside another that may give another answer each time")
	}
	for i := range p.stmt.Tables {
		if ref := &p.stmt.Tables[i]; ref.CTE && within(ref.NameSpan, q.span) && !p.definedIn(ref.Name, q.span) {
			return nil, sqlerr.NotSupported("a query that reads a WITH table over several shards")
		}
	}
	part := &gatheredPart{span: q.span, shape: p.compileSpan(g.place.Targets, q.span, nil).Pieces}
	// Around a query of SET and DO there are no rows: what it does not know is a mistake.
	cols, failed, err := p.describeDraft(g.place, &rewrite.Template{Pieces: part.shape}, p.stmt.Clauses != nil)
	if err != nil {
		return nil, err
	}
	if failed {
		return nil, sqlerr.NotSupported("a subquery that depends on the rows around it over several shards")
	}
	t := &partText{p: p}
	t.client(q.span)
	if part.stmt, err = t.parse(); err != nil {
		return nil, err
	}
	part.origins = t.origins
	if q.exists && plainList(part.stmt) {
		return g.exists(part)
	}
	if p.parameterListed(part.stmt) {
		return nil, sqlerr.NotSupported("a parameter in the select list of a query inside another over several shards")
	}
	h := &holder{g: g, q: q, part: part, cols: cols}
	if err := h.hold(); err != nil {
		return nil, err
	}
	if g.unmerged(q, part) {
		read := part.replace
		part.replace = func(t *partText, name string) {
			read(t, name)
			t.made(" LIMIT "+everyRow, everyRow)
		}
	}
	return part, nil
}

// everyRow is a LIMIT that leaves none out.
const everyRow = "18446744073709551615"

// unmerged reports whether a derived table has to stay one. A query that only reads the temporary table would be merged into
// the query around it, where groups are not, and there MariaDB loses rows under a window function.
func (g *gathering) unmerged(q queryGroup, part *gatheredPart) bool {
	p, c := g.p, part.stmt.Clauses
	if q.open == 0 || !p.stmt.Uses.Has(parser.UseWindow) || c == nil {
		return false
	}
	if before := p.stmt.Tokens[q.open-1]; !before.Is("FROM") && !before.Is("JOIN") && !before.Is("STRAIGHT_JOIN") && !before.Is(",") {
		return false
	}
	return len(c.Branches) > 0 || c.Paren || c.GroupBy.Present() || c.Having.Present() || c.Limit != nil || c.Distinct ||
		part.stmt.Uses.Has(parser.UseAggregate)
}

// definedIn reports whether a WITH table is defined inside of a part.
func (p *planning) definedIn(name string, span parser.Span) bool {
	for _, c := range p.stmt.CTEs {
		if strings.EqualFold(c.Name, name) && within(c.Span, span) {
			return true
		}
	}
	return false
}

// plainList reports whether the rows of a query hang on nothing but FROM and WHERE: which row it is does not matter to
// EXISTS then, nor what it holds.
func plainList(stmt *parser.Statement) bool {
	c := stmt.Clauses
	return c != nil && len(c.Branches) == 0 && !c.Paren && !c.With.Present() && c.From.Present() && c.Limit == nil &&
		!c.GroupBy.Present() && !c.Having.Present() && !c.OrderBy.Present() && !stmt.Uses.Has(parser.UseAggregate|parser.UseWindow)
}

// exists makes a part of what stands in EXISTS: one row is as good as all.
func (g *gathering) exists(part *gatheredPart) (*gatheredPart, error) {
	c, at := part.stmt.Clauses, part.span.Start
	t := &partText{p: g.p}
	t.made("SELECT 1 AS `c0` ", "1")
	t.client(parser.Span{Start: at + c.From.Start, End: part.span.End})
	t.made(" LIMIT 1", "1")
	stmt, err := t.parse()
	if err != nil {
		return nil, err
	}
	part.stmt, part.origins = stmt, t.origins
	part.shape = []rewrite.Piece{text("SELECT 1 AS `c0`")}
	part.columns = []catalog.Column{{Name: "c0", Type: "int", DataType: "int"}}
	part.replace = func(t *partText, name string) { t.made("SELECT `c0` FROM " + ident(name)) }
	return part, nil
}

// parameterListed reports whether a select list holds a parameter, whose type is known at its execution only.
func (p *planning) parameterListed(stmt *parser.Statement) bool {
	var holds func(c *parser.Clauses) bool
	holds = func(c *parser.Clauses) bool {
		if c == nil {
			return false
		}
		for _, a := range stmt.Args {
			if a.Kind == parser.ArgParam && within(a.Span(), c.ListSpan) {
				return true
			}
		}
		for _, b := range c.Branches {
			if holds(b) {
				return true
			}
		}
		return holds(c.Inner)
	}
	return stmt.Clauses == nil || holds(stmt.Clauses)
}
