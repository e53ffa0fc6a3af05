package router

import (
	"github.com/heddle-mesh/heddle/router/rule"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/pingcap/tidb/pkg/parser/ast"
)

// insertPlan plans INSERT and REPLACE into a sharded table.
type insertPlan struct {
	p      *planning
	t      *table
	n      *ast.InsertStmt
	c      *parser.Clauses
	route  *plan.Route
	lead   []string // the columns that values are given for, in order
	gen    *plan.Generate
	genCol int // index in lead of the generated column, -1: not given
	splice []rewrite.Splice
	rows   [][]rewrite.Splice // by row: what replaces its values
	ask    asking
}

// planInsert plans INSERT and REPLACE.
func (p *planning) planInsert() error {
	t := p.roleTable(parser.RoleInsert)
	if t == nil {
		return p.planOther()
	}
	if c := p.stmt.Clauses; c != nil && c.Source != nil && slices.ContainsFunc(p.tables, func(t *table) bool { return len(t.nodes()) > 1 }) {
		if err := p.refuseTable(c.Source); err != nil {
			return err
		}
	}
	err := p.insertInto(t)
	switch {
	case err == nil || p.stmt.Clauses == nil:
		return err
	case p.stmt.Clauses.Source == nil:
		return p.orGathered(err)
	}
	return p.transfer(t, err)
}

// refuseTable refuses TABLE t as the query of an INSERT that no server runs by itself: it cannot be locked as a SELECT can.
func (p *planning) refuseTable(source *parser.Clauses) error {
	if from := p.tokensIn(source.Span); len(from) > 0 && from[0].Is("TABLE") {
		return p.refuse("INSERT … TABLE of or into what is not on one server; write SELECT * FROM")
	}
	return nil
}

func (p *planning) insertInto(t *table) error {
	if c := p.stmt.Clauses; c != nil && c.Source != nil && p.inOnePlace(t) {
		return p.insertOnlyNode()
	}
	switch {
	case p.anySharded() == nil && !t.broadcast():
		return p.changeOnePlace()
	case t.broadcast():
		return p.broadcastWrite(t)
	case !t.sharded():
		return p.refuse("INSERT into the table " + t.name + ", which is not sharded, from one that is")
	}
	n, ok := p.stmt.AST.(*ast.InsertStmt)
	if !ok || p.stmt.Clauses == nil {
		return p.refuseUnread(t)
	}
	route, err := p.shardRoute(t)
	if err != nil {
		return err
	}
	i := &insertPlan{p: p, t: t, n: n, c: p.stmt.Clauses, route: route, genCol: -1}
	if why := i.refusal(); why != "" {
		return p.refuse(why)
	}
	if err := i.generated(); err != nil {
		return err
	}
	if route.Selector, err = p.hintSelector(t); err != nil {
		return err
	}
	if len(t.keys) == 0 && route.Selector == nil {
		if len(route.Targets) > 1 {
			return p.refuse("an INSERT into the table " + t.name + ", which is sharded by hint, without a hint: say /*+ heddle(shard_value=N) */ or SET heddle_shard_value = N")
		}
		route.Selector = &plan.SelectTargets{Index: []int{0}}
	}
	p.clockOf(t)
	if n.Select != nil {
		return i.fromSelect()
	}
	return i.values()
}

// inOnePlace reports whether no table that an INSERT … SELECT names has a second node, and none gets generated ids.
func (p *planning) inOnePlace(t *table) bool {
	for _, other := range p.tables {
		if len(other.nodes()) > 1 || other.system {
			return false
		}
	}
	return p.anySharded() != nil && (!t.sharded() || catalog.GeneratorOf(t.place.Sharded, t.schema) == nil)
}

// insertOnlyNode plans an INSERT whose tables have one node only.
func (p *planning) insertOnlyNode() error {
	lead := p.anySharded()
	route, err := p.routeTo(lead.nodes(), lead)
	if err != nil {
		return err
	}
	p.plan.Root = &plan.Insert{Route: route}
	return nil
}

// roleTable is the first table in a role.
func (p *planning) roleTable(role parser.Role) *table {
	for i := range p.stmt.Tables {
		if p.stmt.Tables[i].Role == role && p.byRef[i] != nil {
			return p.byRef[i]
		}
	}
	return nil
}

// clockOf sets Clock where a column takes the time by itself.
func (p *planning) clockOf(t *table) {
	if t.schema == nil {
		return
	}
	for _, c := range t.schema.Columns {
		def := strings.ToLower(c.Default)
		null := c.DataType == "timestamp" && !c.Nullable // which may stand for the time
		if c.OnUpdate || null || c.HasDefault && (strings.HasPrefix(def, "current_timestamp") || strings.HasPrefix(def, "now(")) {
			p.plan.Clock = true
		}
	}
}

// refusal names what an INSERT into shards cannot have.
func (i *insertPlan) refusal() string {
	uses := i.p.stmt.Uses
	switch {
	case uses.Has(parser.UseSequence):
		return "a sequence in an INSERT into a sharded table"
	case uses.Has(parser.UseUserVarWrite):
		return "the assignment of user variables in an INSERT into a sharded table"
	case uses.Has(parser.UseLastInsertIDArg) && len(i.c.Rows) > 1:
		return "LAST_INSERT_ID(expr) in an INSERT of several rows into a sharded table"
	case i.n.Select == nil && i.readsSharded():
		return "a subquery on a sharded table in the values of an INSERT"
	}
	for n, a := range i.c.OnDupSet {
		if i.t.keyIndex(a.Column) >= 0 && !i.keepsKey(a) && !i.setsKey(n) {
			return "ON DUPLICATE KEY UPDATE of the sharding key " + i.t.name + "." + a.Column
		}
	}
	return ""
}

// readsSharded reports whether the statement reads a sharded table beside its target.
func (i *insertPlan) readsSharded() bool {
	for n := range i.p.stmt.Tables {
		if t := i.p.byRef[n]; t != nil && t.sharded() && i.p.stmt.Tables[n].Role != parser.RoleInsert {
			return true
		}
	}
	return false
}

// keepsKey reports whether an assignment leaves the row on its shard: the key stays itself, or becomes the new row's,
// by which the statement came to this shard.
func (i *insertPlan) keepsKey(a parser.Assign) bool {
	var words []string
	for _, t := range i.p.tokensIn(a.Expr) {
		words = append(words, strings.ToUpper(identText(i.p.stmt.Text, t)))
	}
	column := strings.ToUpper(a.Column)
	expr := a.Expr
	if tokens := i.p.tokensIn(a.Expr); len(words) > 3 && words[0] == "LAST_INSERT_ID" && words[1] == "(" && words[len(words)-1] == ")" {
		// which gives its argument
		expr = parser.Span{Start: tokens[2].Start, End: tokens[len(tokens)-2].End}
		words = words[2 : len(words)-1]
	}
	if len(words) == 4 && (words[0] == "VALUES" || words[0] == "VALUE") && words[1] == "(" && words[2] == column && words[3] == ")" {
		return true
	}
	if !i.p.plainColumn(expr) || len(words) == 0 || words[len(words)-1] != column {
		return false
	}
	return len(words) == 1 || len(words) == 3 && words[0] == strings.ToUpper(i.t.name)
}

// setsKey reports whether ON DUPLICATE KEY UPDATE gives the key a constant. It has to be of the shard that the statement
// comes to.
func (i *insertPlan) setsKey(n int) bool {
	if i.n.Select != nil || len(i.t.keys) != 1 || n >= len(i.n.OnDuplicate) || i.route.Stay != nil {
		return false
	}
	e, ok := i.p.constant(i.n.OnDuplicate[n].Expr)
	if !ok {
		return false
	}
	i.route.Stay = &plan.Stay{Key: []plan.Expr{e}, Table: i.t.name, Column: i.t.place.Sharded.Key[0]}
	return true
}

// generated finds the column that Heddle fills.
func (i *insertPlan) generated() error {
	g := catalog.GeneratorOf(i.t.place.Sharded, i.t.schema)
	if g == nil {
		return nil
	}
	gen, err := i.p.generator(i.t, g)
	if err != nil {
		return err
	}
	i.gen = &plan.Generate{Generator: gen, Column: g.Column, Key: i.t.keyIndex(g.Column), ZeroIsValue: i.p.env.NoAutoValueOnZero}
	i.gen.Fresh = (i.n.IsReplace || i.c.Ignore || len(i.c.OnDupSet) > 0) && i.t.schema.UniqueOn(g.Column)
	if col := i.t.column(g.Column); col >= 0 && !numeric(i.t.schema.Columns[col].DataType) {
		i.gen.ZeroIsValue, i.gen.Text = true, true
	}
	index := i.t.uniqueLacking(g)
	if index == nil {
		return nil
	}
	i.gen.Unique, i.gen.Composite = index.Name, len(index.Columns) > 1
	for _, a := range i.c.OnDupSet {
		if strings.EqualFold(a.Column, g.Column) && !i.keepsKey(a) {
			return i.p.refuse("ON DUPLICATE KEY UPDATE " + givenID(i.t, g))
		}
	}
	return nil
}

// uniqueLacking is a unique key of the generated column that the shards do not see the duplicates of.
func (t *table) uniqueLacking(g *rule.Generator) *catalog.Index {
	if len(t.nodes()) < 2 {
		return nil
	}
	return catalog.UniqueLacking(t.place.Sharded, t.schema, g.Column)
}

// givenID names an id that is given to a row that is there.
func givenID(t *table, g *rule.Generator) string {
	return "of the generated column " + t.name + "." + g.Column + ", whose unique key lacks the sharding key (see unique: per_shard)"
}

func numeric(dataType string) bool {
	switch dataType {
	case "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "double", "float":
		return true
	}
	return false
}

// noValues reports whether the first row is VALUES (), of which all are defaults.
func (i *insertPlan) noValues() bool { return len(i.n.Lists) > 0 && len(i.n.Lists[0]) == 0 }

// columns finds the columns that values are given for.
func (i *insertPlan) columns() error {
	switch {
	case len(i.n.Columns) > 0:
		for _, c := range i.n.Columns {
			i.lead = append(i.lead, c.Name.O)
		}
	case i.c.ColumnsSpan.Present() && len(i.c.Columns) == 0 && i.noValues(): // before values, servers take () for all of them
	default:
		if err := i.p.driftOfRow(i.t); err != nil {
			return err
		}
		for _, c := range i.t.schema.Columns {
			if !c.Invisible {
				i.lead = append(i.lead, c.Name)
			}
		}
	}
	if i.gen == nil {
		return nil
	}
	for n, c := range i.lead {
		if strings.EqualFold(c, i.gen.Column) {
			i.genCol = n
		}
	}
	return nil
}

// keyExprs finds the sharding key of one row; nil where a server will be asked for it. values are the row's expressions.
func (i *insertPlan) keyExprs(row int, values []ast.ExprNode) ([]plan.Expr, error) {
	key := make([]plan.Expr, len(i.t.keys))
	for k, name := range i.t.place.Sharded.Key {
		e, ok := i.keyExpr(row, name, values)
		if !ok || i.p.facts.Scatter {
			return i.storedKey(row, values)
		}
		key[k] = e
	}
	return key, nil
}

// keyExpr is a key column's value where it is known without a server.
func (i *insertPlan) keyExpr(row int, name string, values []ast.ExprNode) (plan.Expr, bool) {
	var given ast.ExprNode
	if n := i.leadIndex(name); n >= 0 && n < len(values) {
		given = values[n]
	}
	if i.gen != nil && strings.EqualFold(i.gen.Column, name) {
		e := plan.Expr{Arg: -1, Generated: true, Row: row}
		if g := i.gen.Given[row]; g != nil {
			e.Arg, e.Const, e.Negate = g.Arg, g.Const, g.Negate
		}
		return e, true
	}
	if d, ok := given.(*ast.DefaultExpr); given == nil || ok && d.Name == nil {
		if n := i.t.column(name); n >= 0 {
			v, ok := constantDefault(&i.t.schema.Columns[n])
			return plan.Expr{Arg: -1, Const: v}, ok
		}
		return plan.Expr{}, false
	}
	return i.p.constant(given)
}
