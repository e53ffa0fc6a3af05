package router

import (
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/heddle-mesh/heddle/router/sharding"
	"github.com/pingcap/tidb/pkg/parser/ast"
)

// asking collects the expressions of an INSERT that a server has to evaluate before the statement is routed or sent.
type asking struct {
	values []rewrite.Piece // the select list of Ask.Select
	n      int             // its columns
	rows   [][]rewrite.Piece
}

// maxAsked is how many expressions one SELECT can evaluate.
const maxAsked = 4096

// value has an expression evaluated once, and returns what stands for it in templates. base is Ask.Base.
func (a *asking) value(base int, expr []rewrite.Piece) rewrite.Piece {
	if a.n > 0 {
		a.values = append(a.values, text(", "))
	}
	a.values = append(a.values, expr...)
	a.n++
	return rewrite.Piece{Op: rewrite.Generated, N: base + a.n - 1, M: -1}
}

// plan is the Ask, nil where nothing has to be asked.
func (a *asking) plan(base int) *plan.Ask {
	if a.n == 0 && a.rows == nil {
		return nil
	}
	out := &plan.Ask{Base: base, Values: a.n}
	if a.n > 0 {
		out.Select = template(append([]rewrite.Piece{text("SELECT ")}, a.values...))
	}
	return out
}

func template(pieces []rewrite.Piece) *rewrite.Template {
	t := &rewrite.Template{Pieces: pieces}
	t.CountParams()
	return t
}

// exprPieces is a part of the text as the targets run it.
func (p *planning) exprPieces(targets []plan.Target, span parser.Span) []rewrite.Piece {
	return rewrite.Cut(p.src, rewrite.Span(span), p.nameSplices(targets))
}

// featuresIn are the features of a part of the text.
func (p *planning) featuresIn(span parser.Span) parser.Feature {
	var out parser.Feature
	for _, at := range p.stmt.Uses.At {
		if t := p.stmt.Tokens[at.Tok]; t.Start >= span.Start && t.End <= span.End {
			out |= at.Use
		}
	}
	return out
}

// askable reports whether a value of a row can be evaluated apart from its row: it names no column of the target.
func (i *insertPlan) askable(e ast.ExprNode, span parser.Span) (bool, error) {
	const never = onceOnly | parser.UseDefaultFunc
	if i.p.usesIn(span, never) {
		return false, nil
	}
	for _, c := range scanExpr(e).columns {
		if i.t.column(c.Name.Name.O) >= 0 {
			return false, nil
		}
	}
	deep := &columnNames{}
	e.Accept(deep)
	for _, name := range deep.names {
		inner, err := i.readsColumn(name.Name.O)
		if err != nil {
			return false, err
		}
		if !inner && i.t.column(name.Name.O) >= 0 {
			return false, nil
		}
	}
	return true, nil
}

// readsColumn reports whether a table that the statement reads has a column of the name.
func (i *insertPlan) readsColumn(name string) (bool, error) {
	for n, t := range i.p.byRef {
		if t == nil || i.p.stmt.Tables[n].Role != parser.RoleRead {
			continue
		}
		if err := i.p.requireSchema(t); err != nil {
			return false, err
		}
		if t.column(name) >= 0 {
			return true, nil
		}
	}
	return false, nil
}

// columnNames collects the column names of an expression, subqueries included.
type columnNames struct{ names []*ast.ColumnName }

// Enter implements ast.Visitor.
func (c *columnNames) Enter(n ast.Node) (ast.Node, bool) {
	if name, ok := n.(*ast.ColumnNameExpr); ok {
		c.names = append(c.names, name.Name)
	}
	return n, false
}

// Leave implements ast.Visitor.
func (c *columnNames) Leave(n ast.Node) (ast.Node, bool) { return n, true }

// storedKey has a server say what one row's key columns store. The key is then read from its answers.
func (i *insertPlan) storedKey(row int, values []ast.ExprNode) ([]plan.Expr, error) {
	item := []rewrite.Piece{text("(" + strconv.Itoa(row))}
	for k, name := range i.t.place.Sharded.Key {
		pieces, err := i.keyPieces(row, k, values)
		if err != nil {
			return nil, err
		}
		if pieces == nil && i.stores(name) {
			return nil, i.p.refuse(i.unknownKey(name))
		}
		if pieces != nil {
			item = append(append(item, text(", ")), pieces...)
		}
	}
	i.ask.rows = append(i.ask.rows, append(item, text(")")))
	return nil, nil
}

// unknownKey is the refusal of a key value that cannot be told.
func (i *insertPlan) unknownKey(name string) string {
	return "an expression for the sharding key " + i.t.name + "." + name + " in an INSERT: it cannot be told which shard the row goes to"
}

// stores reports whether the statement gives a value for a key column, or Heddle does.
func (i *insertPlan) stores(name string) bool {
	if i.gen != nil && strings.EqualFold(i.gen.Column, name) {
		return true
	}
	return i.leadIndex(name) >= 0
}

func (i *insertPlan) leadIndex(name string) int {
	for n, c := range i.lead {
		if strings.EqualFold(c, name) {
			return n
		}
	}
	return -1
}

// keyPieces is key column k of a row as the temporary table is given it, nil where it takes its default.
func (i *insertPlan) keyPieces(row, k int, values []ast.ExprNode) ([]rewrite.Piece, error) {
	name := i.t.place.Sharded.Key[k]
	n := i.leadIndex(name)
	if i.gen != nil && strings.EqualFold(i.gen.Column, name) {
		given := i.gen.Given[row]
		if given == nil || given.Arg >= 0 && !given.Negate {
			m := -1
			if given != nil {
				m = given.Arg
			}
			return []rewrite.Piece{{Op: rewrite.Generated, N: row, M: m}}, nil
		}
	}
	if n < 0 || n >= len(values) {
		return nil, i.plainDefault(name)
	}
	if d, ok := values[n].(*ast.DefaultExpr); ok && d.Name == nil {
		return []rewrite.Piece{text("DEFAULT")}, i.plainDefault(name)
	}
	span := i.valueSpan(row, n)
	ok, err := i.askable(values[n], span)
	if err != nil {
		return nil, err
	}
	uses := i.p.featuresIn(span)
	if !ok || uses&(parser.UseUnknownFunction|parser.UseNonDeterministic) != 0 || i.ask.n == maxAsked {
		return nil, i.p.refuse(i.unknownKey(name))
	}
	pieces := i.p.exprPieces(i.route.Targets, span)
	if uses&(unlike|parser.UseSubquery) != 0 && i.p.divides(span) {
		return nil, i.p.refuse(i.unknownKey(name))
	}
	if uses&(unlike|parser.UseSubquery) != 0 { // not again when the row is stored: it could be another value
		value := i.ask.value(len(i.n.Lists), pieces)
		i.rows[row] = append(i.rows[row], splice(span, value))
		pieces = []rewrite.Piece{value}
	}
	return pieces, nil
}

// plainDefault refuses a key column whose default is another one at each evaluation.
func (i *insertPlan) plainDefault(name string) error {
	n := i.t.column(name)
	if n < 0 {
		return nil
	}
	c := &i.t.schema.Columns[n]
	if _, constant := constantDefault(c); c.AutoIncrement || c.Generated || c.HasDefault && !constant && !literalDefault(c.Default) {
		return i.p.refuse("an INSERT without a value for the sharding key " + i.t.name + "." + name + ", whose default is an expression")
	}
	return nil
}

// literalDefault reports whether a default's text is a quoted text or a number.
func literalDefault(d string) bool {
	if _, err := strconv.ParseFloat(d, 64); err == nil {
		return true
	}
	return len(d) > 1 && d[0] == '\'' && d[len(d)-1] == '\''
}

// storedPlan completes the Ask, and gives the rows their keys.
func (i *insertPlan) storedPlan(rows *plan.Rows) {
	base := len(i.n.Lists)
	i.route.Ask = i.ask.plan(base)
	if i.ask.n > 0 {
		i.p.plan.Shape = i.p.compile(i.route.Targets, nil)
	}
	if i.ask.rows == nil {
		return
	}
	var names []string
	for _, name := range i.t.place.Sharded.Key {
		if i.stores(name) {
			names = append(names, name)
		}
	}
	stored := storedBy(i.t, names, i.ask.rows)
	i.route.Ask.Stored = stored
	slot := base + i.ask.n
	for r := range rows.Keys {
		if rows.Keys[r] != nil {
			continue
		}
		for range i.t.keys {
			rows.Keys[r] = append(rows.Keys[r], plan.Expr{Arg: -1, Const: sqltypes.NullValue, Generated: true, Row: slot})
			slot++
		}
	}
}

// storedBy asks what the key columns of t store of rows that give values for the columns named.
func storedBy(t *table, names []string, rows [][]rewrite.Piece) *plan.Stored {
	stored := &plan.Stored{}
	table := []rewrite.Piece{{Op: rewrite.Schema, N: t.index}, text("."), {Op: rewrite.Table, N: t.index}}
	columns := "0 AS `heddle row`, " + quotedList(t.place.Sharded.Key)
	create := append([]rewrite.Piece{text("CREATE TEMPORARY TABLE `" + plan.StoredTable + "` AS SELECT " + columns + " FROM ")}, table...)
	stored.Create = template(append(create, text(" LIMIT 0")))
	into := quotedList(append([]string{"heddle row"}, names...))
	fill := func(verb string) *rewrite.Template {
		t := &rewrite.Template{
			Pieces: []rewrite.Piece{text(verb + " INTO `" + plan.StoredTable + "` (" + into + ") VALUES "), {Op: rewrite.ListItems, N: 0}},
			Lists:  []rewrite.List{{Separator: ", ", Items: rows}},
		}
		t.CountParams()
		return t
	}
	stored.Fill, stored.Check = fill("INSERT IGNORE"), fill("INSERT")
	var read []string
	for k, name := range t.place.Sharded.Key {
		expr, kind := storedForm(ident(name), t.keys[k])
		read, stored.Kinds = append(read, expr), append(stored.Kinds, kind)
	}
	stored.Read = template([]rewrite.Piece{text("SELECT " + strings.Join(read, ", ") + " FROM `" + plan.StoredTable + "` ORDER BY `heddle row`")})
	return stored
}

// storedForm is how a stored key is read without loss.
func storedForm(column string, t sharding.KeyType) (string, sqltypes.Kind) {
	switch t.Family {
	case sharding.FamilyInteger, sharding.FamilyYear:
		if t.Unsigned {
			return column, sqltypes.KindUint
		}
		return column, sqltypes.KindInt
	case sharding.FamilyDecimal:
		return column, sqltypes.KindDecimal
	case sharding.FamilyDate:
		return column, sqltypes.KindDate
	case sharding.FamilyDatetime:
		return column, sqltypes.KindDatetime
	case sharding.FamilyTimestamp: // local time would have an hour twice
		return "CONCAT('1970-01-01 00:00:00' + INTERVAL UNIX_TIMESTAMP(" + column + ") SECOND, '" + sharding.UTC + "')", sqltypes.KindDatetime
	case sharding.FamilyTime:
		return column, sqltypes.KindTime
	case sharding.FamilyString, sharding.FamilyEnum:
		return "HEX(CONVERT(" + column + " USING utf8mb4))", sqltypes.KindString
	}
	return "HEX(" + column + ")", sqltypes.KindBinary
}
