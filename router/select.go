package router

import (
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/pingcap/tidb/pkg/parser/ast"
)

// planSelect plans a query: where all of it is in one place, the client's text; else a fan-out; what no shard can answer
// by its own rows is gathered first.
func (p *planning) planSelect() error {
	err := p.planShards()
	if err == nil && p.inlined {
		// What type a parameter has is known at its execution only; as a literal it may make another type of an expression.
		err = p.refuse(inlinedParameters)
	}
	if !isRefusal(err) || p.whole {
		return err
	}
	p.groupsJudged = false
	if other := p.gather(); !isRefusal(other) {
		return other
	}
	return err
}

// planShards plans a query for the shards as it stands.
func (p *planning) planShards() error {
	lead := p.anySharded()
	if lead == nil {
		if p.stmt.Uses.Has(parser.UseForUpdate|parser.UseForShare) && p.anyBroadcast() {
			return p.lockBroadcast()
		}
		return p.planOther()
	}
	if len(lead.nodes()) == 1 {
		return p.planOnlyNode(lead)
	}
	sel, ok := p.stmt.AST.(ast.ResultSetNode)
	if !ok {
		return p.refuseUnread(lead)
	}
	q := p.buildQuery(sel, nil)
	route, why, err := p.routeQuery(lead, q)
	if err != nil {
		return err
	}
	if oneTarget(route.Selector) && !(q.union == nil && q.blocks[0].sel.Kind != ast.SelectStmtKindSelect) {
		return p.passThroughRoute(route)
	}
	if why != "" {
		return p.refuse(why)
	}
	err = p.fanOut(q, route)
	if e := sqlerr.As(err); e != nil && e.Code == sqlerr.CodeNotSupportedYet {
		// The keys may all be of one shard at run time: then everything goes.
		if same := p.sameShard(p.unless(refused(e))); same != nil {
			p.plan.Shape, p.plan.Trial = nil, nil
			route.Selector, route.Opcode = same, opcodeOf(same)
			return p.passThroughRoute(route)
		}
	}
	return err
}

// unless is what is refused where keys turn out to be of several shards; "" where the statement is then planned anew,
// because it can be run in parts.
func (p *planning) unless(what string) string {
	if p.gatherRefusal() == "" {
		return ""
	}
	return what
}

// refused is the construct that a refusal names.
func refused(e *sqlerr.Error) string {
	_, what, _ := strings.Cut(e.Msg, "'")
	return strings.TrimSuffix(what, "'")
}

// oneShard sends the statement to one shard where all of its keys are the same constant, or, where it could not run
// on several at all, where they turn out to be of one shard.
func (p *planning) oneShard(route *plan.Route, why string) {
	same := p.sameShard(p.unless(why))
	if _, certain := same.(*plan.SelectEqual); same != nil && (certain || why != "") {
		route.Selector = same
	}
	route.Opcode = opcodeOf(route.Selector)
}

// unread names a statement that the grammar could not read.
func unread(st *parser.Statement) string {
	return "a " + st.Verb() + " statement that Heddle cannot read"
}

// timeClause names the clause of periods that a statement has.
func (p *planning) timeClause() string {
	for i, t := range p.stmt.Tokens {
		if t.Is("PORTION") && i > 0 && p.stmt.Tokens[i-1].Is("FOR") {
			return "FOR PORTION OF"
		}
	}
	return "FOR SYSTEM_TIME"
}

// refuseUnread refuses a statement that the grammar could not read, after a server had its say: a mistake is answered
// as a server answers it.
func (p *planning) refuseUnread(lead *table) error {
	route, err := p.routeTo(lead.nodes(), leadIfSharded(lead))
	if err != nil {
		return err
	}
	if _, err := p.describeText(route, route.Template); err != nil {
		return err
	}
	what := unread(p.stmt)
	switch {
	case p.stmt.Uses.Has(parser.UseSystemTime):
		what = p.timeClause()
	case p.stmt.Kind == parser.Do:
		what = "DO with a query"
	}
	return p.refuse(what + " on the sharded table " + lead.name)
}

// planOnlyNode plans a statement on sharded tables that have one node only.
func (p *planning) planOnlyNode(lead *table) error {
	nodes, err := p.routed(lead.nodes())
	if err != nil {
		return err
	}
	route, err := p.routeTo(nodes, lead)
	if err != nil {
		return err
	}
	p.plan.Root = route
	return nil
}

// routeQuery finds the shards of a query. why is the reason for which its rows cannot be made shard by shard.
func (p *planning) routeQuery(lead *table, q *query) (route *plan.Route, why string, err error) {
	route, err = p.shardRoute(lead)
	if err != nil {
		return nil, "", err
	}
	if route.Selector, err = p.hintSelector(lead); route.Selector != nil || err != nil {
		if !oneTarget(route.Selector) {
			why = p.colocatedQuery(q)
		}
		route.Opcode = opcodeOf(route.Selector)
		return route, why, err
	}
	why = p.colocatedQuery(q)
	if why == "" {
		route.Selector = p.querySelector(q)
	}
	if !oneTarget(route.Selector) {
		p.oneShard(route, why)
	}
	route.Opcode = opcodeOf(route.Selector)
	return route, why, nil
}

// shardRoute is a Route to all shards of lead, its template not compiled yet.
func (p *planning) shardRoute(lead *table) (*plan.Route, error) {
	if lead.algorithm == nil {
		return nil, sqlerr.NoSuchTable(lead.db, lead.name)
	}
	nodes := lead.nodes()
	for _, t := range p.tables {
		if t.sharded() && !alike(lead, t) {
			return nil, p.refuse("a statement over the tables " + lead.name + " and " + t.name + ", which are not in one binding group")
		}
	}
	targets, at := p.targets(nodes, lead)
	if at != nil {
		return nil, p.refuse("a join of the sharded table " + lead.name + " and the table " + at.name + ", which is not beside it")
	}
	if t := p.bareAndAliased(targets); t != nil {
		return nil, p.refuse("a statement that changes and reads " + t.name + " and qualifies its columns, where its actual name is another")
	}
	if err := p.analyses(targets); err != nil {
		return nil, err
	}
	p.plan.Rename = p.plan.Rename || p.anyRenamed(targets)
	return &plan.Route{
		Targets: targets, Tables: p.tableNames(), Databases: p.databaseNames(), Algorithm: lead.algorithm, Keys: lead.keys,
		KeyNames: lead.place.Sharded.Key,
	}, nil
}

// passThroughRoute makes the client's own text the plan.
func (p *planning) passThroughRoute(route *plan.Route) error {
	route.Template = p.compile(route.Targets, nil)
	p.plan.Root = route
	return nil
}

// colocatedQuery is colocated for a whole statement.
func (p *planning) colocatedQuery(q *query) string {
	if p.unseen() {
		return "a statement of a form that Heddle cannot read over several shards"
	}
	if p.cteSharded() {
		return "a WITH query over several shards"
	}
	var lead *source
	for _, b := range q.blocks {
		if why := p.colocated(b); why != "" {
			return why
		}
		l := b.lead()
		if l == nil {
			if b.hasSharded() {
				return "a subquery on tables that are not colocated with the outer ones"
			}
			return "a UNION of sharded tables and others"
		}
		if lead == nil {
			lead = l
		}
	}
	return ""
}

// querySelector is where the rows of the branches are.
func (p *planning) querySelector(q *query) plan.Selector {
	var out plan.Selector
	for i, b := range q.blocks {
		s := p.blockSelector(b)
		switch {
		case s == nil:
			p.lists = nil
			return nil
		case i == 0:
			out = s
		case !p.sameKeys(out, s):
			out = or(out, s)
		}
	}
	return out
}

// sameKeys reports whether two selectors are one key, equal in every execution.
func (p *planning) sameKeys(a, b plan.Selector) bool {
	x, okx := a.(*plan.SelectEqual)
	y, oky := b.(*plan.SelectEqual)
	return okx && oky && p.haveKey([][]plan.Expr{x.Key}, y.Key)
}

// oneTarget reports whether a selector never chooses more than one target.
func oneTarget(s plan.Selector) bool {
	switch s := s.(type) {
	case *plan.SelectEqual, *plan.SelectSame, *plan.SelectNone, *plan.SelectHint:
		return true
	case *plan.SelectTargets:
		return len(s.Index) == 1
	case *plan.SelectAnd:
		for _, part := range s.Parts {
			if oneTarget(part) {
				return true
			}
		}
	}
	return false
}

func opcodeOf(s plan.Selector) plan.Opcode {
	switch s := s.(type) {
	case nil:
		return plan.Scatter
	case *plan.SelectEqual, *plan.SelectSame, *plan.SelectHint:
		return plan.EqualUnique
	case *plan.SelectTargets:
		if oneTarget(s) {
			return plan.EqualUnique
		}
	case *plan.SelectIn:
		return plan.In
	case *plan.SelectNone:
		return plan.None
	case *plan.SelectCond:
		for _, c := range s.Conds {
			if c.Points != nil || c.Null {
				return plan.MultiEqual
			}
		}
		return plan.Range
	case *plan.SelectAnd:
		if oneTarget(s) {
			return plan.EqualUnique
		}
	}
	return plan.MultiEqual
}

// fanOut plans a query over several shards.
func (p *planning) fanOut(q *query, route *plan.Route) error {
	if why := p.fanOutRefusal(q); why != "" {
		return p.refuse(why)
	}
	p.plan.Shape = p.compile(route.Targets, nil)
	if len(q.blocks) > 1 || q.union != nil {
		return p.fanOutUnion(q, route)
	}
	f := &fanOut{p: p, b: q.blocks[0], c: p.stmt.Clauses, route: route}
	f.sel = f.b.sel
	f.names = p.nameSplices(route.Targets)
	p.plan.Trial = f.trial()
	return f.plan()
}

// trial is the client's statement ended before its first row, without its locks: the server has chosen by then how it
// runs the statement, and what a client is told of the columns depends on that.
func (f *fanOut) trial() *rewrite.Template {
	if f.c.Into.Present() || f.c.Procedure.Present() {
		return nil
	}
	var splices []rewrite.Splice
	if f.c.Lock.Present() {
		splices = append(splices, splice(f.c.Lock.Span))
	}
	end, ok := f.examineNone()
	if !f.p.env.Mode.Flavour.MariaDB {
		end, ok = f.endSoon()
	}
	if !ok {
		return nil
	}
	return f.p.compile(f.route.Targets, append(splices, end))
}

// examineNone is the end that MariaDB can be told: LIMIT … ROWS EXAMINED 0.
func (f *fanOut) examineNone() (rewrite.Splice, bool) {
	const none = " ROWS EXAMINED 0 "
	switch l := f.c.Limit; {
	case l == nil && f.c.Lock.Present():
		return insertion(f.c.Lock.Start, []rewrite.Piece{text(" LIMIT" + none)}), true
	case l == nil:
		return insertion(f.c.Span.End, []rewrite.Piece{text(" LIMIT" + none)}), true
	case strings.EqualFold(l.Span.In(f.p.stmt.Text)[:len("LIMIT")], "LIMIT"):
		return insertion(l.End, []rewrite.Piece{text(none)}), true
	}
	return rewrite.Splice{}, false // OFFSET … FETCH …
}

// hintedTime is the version from which MySQL reads MAX_EXECUTION_TIME.
const hintedTime = 50708

// endSoon is the end that MySQL can be told: a hint bounds the time, in milliseconds. It sends the definitions when it
// has chosen and before it reads, so the bound decides only how much is read in vain. What a stored function has done
// before that could not be taken back, and MySQL does not bound one that writes.
func (f *fanOut) endSoon() (rewrite.Splice, bool) {
	stmt := f.p.stmt
	if f.p.plan.Program != nil || f.c.Paren {
		return rewrite.Splice{}, false
	}
	at, hint, ok := trialHint(stmt, f.c)
	if !ok {
		return rewrite.Splice{}, false
	}
	for i := range stmt.Hints { // one of Heddle's own, which is cut out
		if h := stmt.Hints[i]; h.At.Present() && h.Span.Start == at-len("/*+") {
			return rewrite.Splice{}, false
		}
	}
	return insertion(at, []rewrite.Piece{text(hint)}), true
}

// TrialText is the text of a query that MySQL ends when it has described the answer; false: it cannot be told to.
func TrialText(st *parser.Statement) (string, bool) {
	if st.Clauses == nil {
		return "", false
	}
	at, hint, ok := trialHint(st, st.Clauses)
	if !ok {
		return "", false
	}
	return st.Text[:at] + hint + st.Text[at:], true
}

// trialHint is what bounds the time of a query, and where it belongs. Of two such hints, MySQL obeys the first.
func trialHint(stmt *parser.Statement, c *parser.Clauses) (at int, hint string, ok bool) {
	first := firstQuery(c)
	if stmt.Mode.Flavour.Version < hintedTime || !selects(stmt, first) {
		return 0, "", false
	}
	at = first.Verb.Start + len("SELECT")
	rest := strings.TrimLeft(stmt.Text[at:], " \t\r\n\f\v")
	if !strings.HasPrefix(rest, "/*+") {
		return at, " /*+" + plan.TrialBound + "*/", true
	}
	return len(stmt.Text) - len(rest) + len("/*+"), plan.TrialBound, true
}

// selects reports whether a query is one of SELECT's, not of VALUES or TABLE, which read no hints.
func selects(stmt *parser.Statement, c *parser.Clauses) bool {
	verb := c.Verb.In(stmt.Text)
	return len(verb) >= len("SELECT") && strings.EqualFold(verb[:len("SELECT")], "SELECT")
}

// firstQuery is the query that a text begins with, of a set operation its first operand.
func firstQuery(c *parser.Clauses) *parser.Clauses {
	for {
		switch {
		case len(c.Branches) > 0:
			c = c.Branches[0]
		case c.Inner != nil:
			c = c.Inner
		default:
			return c
		}
	}
}

// fanOutRefusal names what is never done over several shards.
func (p *planning) fanOutRefusal(q *query) string {
	uses := p.stmt.Uses
	c := p.stmt.Clauses
	if why := p.ofAllRows(); why != "" {
		return why
	}
	switch {
	case c == nil:
		return "a select of a form that Heddle cannot read over several shards"
	case uses.Has(parser.UseOutfile):
		return "INTO OUTFILE over several shards"
	case uses.Has(parser.UseUserVarWrite):
		return "the assignment of user variables in a query over several shards"
	case uses.Has(parser.UseLock):
		return "GET_LOCK and its kin over several shards"
	case uses.Has(parser.UseSequence):
		return "a sequence over several shards"
	case uses.Has(parser.UseProcedureAnalyse):
		return "PROCEDURE ANALYSE over several shards"
	case uses.Has(parser.UseLastInsertIDArg):
		return "LAST_INSERT_ID(expr) over several shards"
	case c.Paren || c.Inner != nil:
		return "a query in parentheses over several shards"
	case c.Limit != nil && (c.Limit.WithTies || c.Limit.RowsExamined):
		return "LIMIT with WITH TIES or ROWS EXAMINED over several shards"
	case len(q.blocks) == 1 && q.union == nil && !sameClauses(q.blocks[0].sel, c):
		return "a select of a form that Heddle cannot read over several shards"
	case c.Limit != nil && c.Limit.Count < 0:
		return "a LIMIT that is no literal or parameter over several shards"
	}
	for _, b := range q.blocks {
		switch {
		case b.sel.Kind != ast.SelectStmtKindSelect:
			return "TABLE and VALUES statements over several shards"
		case hasWindow(b.sel):
			return "a window function over several shards"
		case len(q.blocks) > 1 && b.sel.GroupBy != nil && b.sel.GroupBy.Rollup:
			return "WITH ROLLUP in a UNION over several shards"
		}
	}
	return ""
}

// sameClauses reports whether the tokens and the tree show the same clauses.
func sameClauses(s *ast.SelectStmt, c *parser.Clauses) bool {
	return (s.Limit != nil) == (c.Limit != nil) && (s.OrderBy != nil) == c.OrderBy.Present() &&
		(s.GroupBy != nil) == c.GroupBy.Present() && (s.Having != nil) == c.Having.Present() &&
		s.Fields != nil && len(s.Fields.Fields) == len(c.List)
}
