package router

import (
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/opcode"
)

// ofAllRows names what one server computes from all rows that it has looked at, which no shard can; "": nothing.
func (p *planning) ofAllRows() string {
	uses := p.stmt.Uses
	if uses.Has(parser.UseRowNum) {
		return "ROWNUM() over several shards"
	}
	if uses.Has(parser.UseUUID) {
		for _, at := range uses.At {
			if at.Use == parser.UseUUID && at.Name == "UUID_SHORT" {
				return "UUID_SHORT() over several shards, whose servers may make the same numbers"
			}
		}
	}
	if uses.Has(parser.UseRand) && p.seeded() {
		return "RAND() with a seed over several shards, each of which would begin with it"
	}
	return ""
}

// seeded reports whether a RAND() begins with a seed and goes on from row to row. One whose argument is a column's begins
// anew with each row.
func (p *planning) seeded() bool {
	seeds := 0
	for _, at := range p.stmt.Uses.At {
		if t := p.stmt.Tokens; at.Use == parser.UseRand && at.Tok+2 < len(t) && !t[at.Tok+2].Is(")") {
			seeds++
		}
	}
	if seeds == 0 || p.stmt.AST == nil {
		return seeds > 0
	}
	v := &seedVisitor{}
	p.stmt.AST.Accept(v)
	return seeds > v.varying
}

// seedVisitor counts the calls of RAND with a column in their argument.
type seedVisitor struct{ varying int }

// Enter implements ast.Visitor.
func (v *seedVisitor) Enter(n ast.Node) (ast.Node, bool) {
	if f, ok := n.(*ast.FuncCallExpr); ok && f.FnName.L == ast.Rand && len(f.Args) == 1 && len(scanExpr(f.Args[0]).columns) > 0 {
		v.varying++
	}
	return n, false
}

// Leave implements ast.Visitor.
func (v *seedVisitor) Leave(n ast.Node) (ast.Node, bool) { return n, true }

// changesAlike refuses a change over several shards by what one server would have computed from all of its rows.
func (p *planning) changesAlike() error {
	switch p.stmt.Kind {
	case parser.Update, parser.Delete:
	case parser.Insert, parser.Replace:
		if p.stmt.Clauses == nil || len(p.stmt.Clauses.Rows) > 0 {
			return nil // the rows of VALUES are computed one by one
		}
	default:
		return nil
	}
	lead := p.anySharded()
	if lead == nil || len(lead.nodes()) == 1 {
		return nil
	}
	why := p.ofAllRows()
	if why == "" {
		return nil
	}
	route := plan.Straight(p.plan.Root)
	if route != nil && (len(route.Targets) == 1 || oneTarget(route.Selector)) {
		return nil
	}
	return p.refuse(why)
}

// relevance refuses what a full-text search of a sharded table is used for beside a plain condition: how relevant a row
// is depends on all rows of the table, of which a shard has a part only. Whether it is relevant at all does not with InnoDB; the
// other engines find nothing for a word that is in half of the rows, unless the search is in boolean mode.
func (p *planning) relevance() error {
	lead := p.anySharded()
	if !p.stmt.Uses.Has(parser.UseMatch) || lead == nil || len(lead.nodes()) == 1 {
		return nil
	}
	v := &matchVisitor{conditions: map[*ast.MatchAgainst]bool{}}
	if p.stmt.AST != nil {
		p.stmt.AST.Accept(v)
	}
	searches := 0
	for _, at := range p.stmt.Uses.At {
		if at.Use == parser.UseMatch {
			searches++
		}
	}
	switch {
	case v.expands:
		return p.refuse("MATCH … AGAINST WITH QUERY EXPANSION over several shards, each of which would expand by its own rows")
	case v.plain < searches:
		return p.refuse("MATCH … AGAINST on a sharded table as more than a condition that holds or does not: the relevance of a row depends on the rows of all shards")
	case !v.natural:
		return nil
	}
	for _, t := range p.tables {
		if !t.sharded() || len(t.nodes()) == 1 {
			continue
		}
		if err := p.requireSchema(t); err != nil {
			return err
		}
		for i := 0; t.schema != nil && i < len(t.schema.Indexes); i++ {
			if engine := t.schema.Indexes[i].FullText; engine != "" && engine != "InnoDB" {
				return p.refuse("MATCH … AGAINST in natural language mode on a sharded table of " + engine + ": whether it finds a word depends on the rows of all shards (search IN BOOLEAN MODE, or use InnoDB)")
			}
		}
	}
	return nil
}

// matchVisitor counts the full-text searches that are conditions.
type matchVisitor struct {
	conditions map[*ast.MatchAgainst]bool
	plain      int
	expands    bool
	natural    bool // one is not in boolean mode
}

// Enter implements ast.Visitor.
func (v *matchVisitor) Enter(n ast.Node) (ast.Node, bool) {
	switch n := n.(type) {
	case *ast.SelectStmt:
		v.condition(n.Where)
	case *ast.UpdateStmt:
		v.condition(n.Where)
	case *ast.DeleteStmt:
		v.condition(n.Where)
	case *ast.OnCondition:
		v.condition(n.Expr)
	case *ast.MatchAgainst:
		if v.conditions[n] {
			v.plain++
		}
		v.natural = v.natural || !n.Modifier.IsBooleanMode()
		v.expands = v.expands || n.Modifier.WithQueryExpansion()
	}
	return n, false
}

// Leave implements ast.Visitor.
func (v *matchVisitor) Leave(n ast.Node) (ast.Node, bool) { return n, true }

// condition marks the searches of whose value a condition asks only whether it is zero.
func (v *matchVisitor) condition(e ast.ExprNode) {
	switch e := e.(type) {
	case *ast.ParenthesesExpr:
		v.condition(e.Expr)
	case *ast.UnaryOperationExpr:
		if e.Op == opcode.Not || e.Op == opcode.Not2 {
			v.condition(e.V)
		}
	case *ast.BinaryOperationExpr:
		switch e.Op {
		case opcode.LogicAnd, opcode.LogicOr, opcode.LogicXor:
			v.condition(e.L)
			v.condition(e.R)
		}
	case *ast.MatchAgainst:
		v.conditions[e] = true
	}
}
