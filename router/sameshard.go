package router

import (
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/opcode"
)

// sameShard looks for the key of every sharded table of the statement, wherever it stands. Where all are constants
// the statement runs on one shard, whatever it does there, if they map to one; what is the refusal otherwise.
func (p *planning) sameShard(what string) plan.Selector {
	if p.facts.Scatter || p.route != "" || p.unseen() {
		return nil
	}
	lead := p.anySharded()
	var keys [][]plan.Expr
	for _, t := range p.tables {
		if t.sharded() && !alike(lead, t) {
			return nil
		}
	}
	for _, b := range p.blocks {
		for _, s := range b.sources {
			if s.table == nil || !s.table.sharded() {
				continue
			}
			key := p.constantKey(b, s)
			if key == nil {
				return nil
			}
			if !p.haveKey(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	switch len(keys) {
	case 0:
		return nil
	case 1:
		return &plan.SelectEqual{Key: keys[0]}
	}
	return &plan.SelectSame{Keys: keys, What: what}
}

func (p *planning) haveKey(keys [][]plan.Expr, key []plan.Expr) bool {
	for _, k := range keys {
		same := len(k) == len(key)
		for i := range key {
			same = same && p.sameExpr(k[i], key[i])
		}
		if same {
			return true
		}
	}
	return false
}

// constantKey is the key that the conditions of the block, and of those around it, give the rows of a source.
func (p *planning) constantKey(b *block, s *source) []plan.Expr {
	links := newLinks(p.linksOf(b))
	var leaves []leaf
	read := func(at *block, conditions []ast.ExprNode) {
		scope := &keyScope{p: p, block: at, lead: s, links: links}
		for _, e := range conditions {
			if b, ok := bareExpr(e).(*ast.BinaryOperationExpr); ok && (b.Op == opcode.LogicOr || b.Op == opcode.LogicAnd) {
				continue // however many it has, it gives a selector, which is no key
			}
			if l, sel, ok := scope.read(e, false); ok && sel == nil {
				leaves = append(leaves, l)
			}
		}
	}
	if s.nullSide {
		read(b, p.nullSideConditions(links, b, b.joins, s))
	}
	for at := b; at != nil; at = at.parent {
		read(at, at.hard)
	}
	return equalKey(leaves, len(s.table.place.Sharded.Key))
}

// nullSideConditions are the ON conditions that a row of s has to meet to be used at all; their equalities are added
// to links.
func (p *planning) nullSideConditions(links *links, b *block, t *joinTree, s *source) []ast.ExprNode {
	if t == nil || t.src != nil {
		return nil
	}
	var out []ast.ExprNode
	if t.outer {
		for _, below := range t.right.sourcesIn() {
			if below == s {
				p.linkNullSide(links, b, t)
				out = append(append(out, t.on...), hardConditions(t.right)...)
			}
		}
	}
	out = append(out, p.nullSideConditions(links, b, t.left, s)...)
	return append(out, p.nullSideConditions(links, b, t.right, s)...)
}
