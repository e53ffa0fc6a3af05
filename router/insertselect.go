package router

import (
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/pingcap/tidb/pkg/parser/ast"
)

// fromSelect plans INSERT … SELECT: each shard inserts the rows that it selects, where the key of the new rows is
// the key of the selected ones.
func (i *insertPlan) fromSelect() error {
	p := i.p
	if err := i.columns(); err != nil {
		return err
	}
	q := p.buildQuery(i.n.Select, nil)
	if i.gen != nil {
		return p.refuse("INSERT … SELECT into the table " + i.t.name + ", whose column " + i.gen.Column + " is generated")
	}
	if !q.hasSharded() {
		return p.refuse("INSERT … SELECT into the sharded table " + i.t.name + " from tables that are not sharded alike")
	}
	if i.route.Selector != nil { // by hint: all of it is on that shard
		return i.finishSelect()
	}
	why := p.colocatedQuery(q)
	if why == "" {
		i.route.Selector = p.querySelector(q)
	}
	if why == "" && !oneTarget(i.route.Selector) {
		why = i.selectRefusal(q)
	}
	if !oneTarget(i.route.Selector) {
		p.oneShard(i.route, why)
	}
	if why != "" && !oneTarget(i.route.Selector) {
		return p.refuse("INSERT … SELECT with " + why)
	}
	for _, b := range q.blocks {
		if err := i.feedsKey(b); err != nil {
			return err
		}
	}
	return i.finishSelect()
}

func (i *insertPlan) finishSelect() error {
	i.route.Opcode = opcodeOf(i.route.Selector)
	i.route.Template = i.p.compile(i.route.Targets, nil)
	i.p.plan.Root = &plan.Insert{Route: i.route}
	return nil
}

// selectRefusal names what the selecting part cannot have over several shards.
func (i *insertPlan) selectRefusal(q *query) string {
	c := i.c.Source
	switch {
	case len(q.blocks) != 1 || q.union != nil:
		return "a UNION over several shards"
	case c == nil:
		return "a query of a form that Heddle cannot read over several shards"
	case i.p.stmt.Uses.Has(parser.UseUserVarWrite):
		return "the assignment of user variables over several shards"
	}
	b := q.blocks[0]
	local := i.p.groupsByKey(b)
	switch {
	case b.sel.Limit != nil:
		return "LIMIT over several shards"
	case hasWindow(b.sel):
		return "a window function over several shards"
	case (b.sel.GroupBy != nil || hasAggregate(b.sel)) && !local:
		return "aggregates over several shards"
	case b.sel.Distinct && !i.p.listsKey(b):
		return "DISTINCT over several shards"
	}
	return ""
}

// feedsKey checks that a selected row goes to the shard that it is on.
func (i *insertPlan) feedsKey(b *block) error {
	fields, err := i.fields(b)
	if err != nil {
		return err
	}
	if len(fields) != len(i.lead) {
		return sqlerr.WrongValueCount(1)
	}
	lead := b.lead()
	for k, name := range i.t.place.Sharded.Key {
		ok := false
		for n, col := range i.lead {
			if strings.EqualFold(col, name) {
				ok = i.feeds(b, lead, fields[n], k)
			}
		}
		if !ok {
			return i.p.refuse("INSERT … SELECT that does not fill the sharding key " + i.t.name + "." + name + " from the key of the selected rows")
		}
	}
	return nil
}

// feeds reports whether an expression is key column k of the selected row, or the constant that it equals.
func (i *insertPlan) feeds(b *block, lead *source, e ast.ExprNode, k int) bool {
	if lead == nil {
		return false
	}
	st := lead.sharding()
	if !alike(st, i.t) || !sameType(st.keys[k], i.t.keys[k]) {
		return false
	}
	if c, ok := i.p.keyColumn(b, e); ok {
		return c.key == k && (c.src == lead || i.p.linksOf(b).same(c, column{lead, k}))
	}
	v, ok := i.p.constant(e)
	eq, one := i.route.Selector.(*plan.SelectEqual)
	return ok && one && v.Arg >= 0 && i.p.sameExpr(v, eq.Key[k])
}

// fields are the selected expressions; a * stands for the columns of its table.
func (i *insertPlan) fields(b *block) ([]ast.ExprNode, error) {
	var out []ast.ExprNode
	if b.sel.Fields == nil {
		return nil, i.p.refuse("INSERT … SELECT from a query of a form that Heddle cannot read")
	}
	for _, f := range b.sel.Fields.Fields {
		if f.WildCard == nil {
			out = append(out, f.Expr)
			continue
		}
		for _, s := range b.sources {
			if f.WildCard.Table.O != "" && !i.p.sameName(s.alias, f.WildCard.Table.O) {
				continue
			}
			if s.table == nil {
				return nil, i.p.refuse("INSERT … SELECT * from a derived table into a sharded one")
			}
			if err := i.p.requireSchema(s.table); err != nil {
				return nil, err
			}
			if s.table.schema == nil {
				return nil, sqlerr.NoSuchTable(s.table.db, s.table.name)
			}
			for _, c := range s.table.schema.Columns {
				if !c.Invisible {
					name := &ast.ColumnName{Table: ast.NewCIStr(s.alias), Name: ast.NewCIStr(c.Name)}
					out = append(out, &ast.ColumnNameExpr{Name: name})
				}
			}
		}
	}
	return out, nil
}
