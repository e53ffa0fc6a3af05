package router

import (
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/pingcap/tidb/pkg/parser/ast"
)

// values plans rows that the statement gives.
func (i *insertPlan) values() error {
	if err := i.columns(); err != nil {
		return err
	}
	if why := i.rowsReadable(); why != "" {
		return i.p.refuse(why)
	}
	rows := &plan.Rows{Generate: i.gen}
	if i.gen != nil {
		i.gen.Given = make([]*plan.Expr, len(i.n.Lists))
		if i.foldedRows() > 0 {
			i.gen.Given = i.gen.Given[:1]
		}
	}
	i.rows = make([][]rewrite.Splice, len(i.n.Lists))
	lists := i.n.Lists
	if rows.Folded = i.foldedRows(); rows.Folded > 0 {
		lists = lists[:1] // the others are like the first
	}
	for r, values := range lists {
		if r == 0 && len(values) == 0 && len(i.n.Columns) == 0 {
			i.lead = nil
			i.genCol = -1
		}
		if len(values) != len(i.lead) {
			return sqlerr.WrongValueCount(r + 1)
		}
		if err := i.generatedValue(r, values); err != nil {
			return err
		}
		key, err := i.keyExprs(r, values)
		if err != nil {
			return err
		}
		rows.Keys = append(rows.Keys, key)
	}
	if err := i.addColumn(); err != nil {
		return err
	}
	i.storedPlan(rows)
	i.route.Rows, i.route.Opcode = rows, plan.MultiEqual
	if i.route.Selector != nil || !rows.Several() {
		i.route.Opcode = plan.EqualUnique
	}
	i.compile()
	i.p.plan.Root = &plan.Insert{Route: i.route}
	return nil
}

// foldedRows is one more than the number of the folded list that the rows are; 0: none.
func (i *insertPlan) foldedRows() int {
	if i.n.Setlist || len(i.c.Rows) != 2 {
		return 0
	}
	for n, f := range i.p.stmt.Folds {
		if f.First == i.c.Rows[0].Span && f.Second == i.c.Rows[1].Span {
			return n + 1
		}
	}
	return 0
}

// rowsReadable checks that the text and the tree show the same rows.
func (i *insertPlan) rowsReadable() string {
	unreadable := "an INSERT of a form that Heddle cannot read into the sharded table " + i.t.name
	if i.n.Setlist {
		if len(i.c.Assigns) != len(i.n.Columns) || len(i.n.Lists) != 1 {
			return unreadable
		}
		return ""
	}
	if len(i.c.Rows) != len(i.n.Lists) {
		return unreadable
	}
	for r := range i.c.Rows {
		if len(i.c.Rows[r].Values) != len(i.n.Lists[r]) {
			return unreadable
		}
	}
	return ""
}

// generatedValue sees to the generated column of one row.
func (i *insertPlan) generatedValue(row int, values []ast.ExprNode) error {
	switch {
	case i.gen == nil:
		return nil
	case i.genCol < 0:
		if !i.n.Setlist {
			i.rows[row] = append(i.rows[row], i.appendToRow(row, rewrite.Piece{Op: rewrite.Generated, N: row, M: -1}))
		}
		return nil
	}
	span := i.valueSpan(row, i.genCol)
	if d, ok := values[i.genCol].(*ast.DefaultExpr); ok && d.Name == nil {
		i.rows[row] = append(i.rows[row], splice(span, rewrite.Piece{Op: rewrite.Generated, N: row, M: -1}))
		return nil
	}
	e, ok := i.p.constant(values[i.genCol])
	switch {
	case !ok || e.Negate && i.p.stmt.Args[e.Arg].Kind == parser.ArgParam:
		return i.p.refuse("an expression for the generated column " + i.t.name + "." + i.gen.Column)
	case e.Arg >= 0:
		i.gen.Given[row] = &e
		if !e.Negate {
			i.rows[row] = append(i.rows[row], splice(span, rewrite.Piece{Op: rewrite.Generated, N: row, M: e.Arg}))
		}
		return nil
	case e.Const.IsNull() || e.Const.Int == 0 && !i.gen.ZeroIsValue:
		i.rows[row] = append(i.rows[row], splice(span, rewrite.Piece{Op: rewrite.Generated, N: row, M: -1}))
		return nil
	}
	i.gen.Given[row] = &e
	return nil
}

// valueSpan is the place of one value.
func (i *insertPlan) valueSpan(row, col int) parser.Span {
	if i.n.Setlist {
		return i.c.Assigns[col].Expr
	}
	return i.c.Rows[row].Values[col]
}

// appendToRow adds a value at the end of a row.
func (i *insertPlan) appendToRow(row int, value rewrite.Piece) rewrite.Splice {
	r := i.c.Rows[row]
	pieces := []rewrite.Piece{value}
	if len(r.Values) > 0 {
		pieces = []rewrite.Piece{text(", "), value}
	}
	return insertion(r.End-1, pieces)
}

// addColumn names the generated column where the client did not.
func (i *insertPlan) addColumn() error {
	if i.gen == nil || i.genCol >= 0 {
		return nil
	}
	name := ident(i.gen.Column)
	switch {
	case i.n.Setlist && len(i.c.Assigns) > 0:
		last := i.c.Assigns[len(i.c.Assigns)-1]
		value := rewrite.Piece{Op: rewrite.Generated, N: 0, M: -1}
		i.splice = append(i.splice, insertion(last.End, []rewrite.Piece{text(", " + name + " = "), value}))
	case i.c.ColumnsSpan.Present() && len(i.c.Columns) > 0:
		i.splice = append(i.splice, insertion(i.c.ColumnsSpan.End-1, []rewrite.Piece{text(", " + name)}))
	case i.c.ColumnsSpan.Present() && len(i.lead) == 0:
		i.splice = append(i.splice, splice(i.c.ColumnsSpan, text("("+name+")")))
	case len(i.lead) == 0 && i.c.Values.Present():
		i.splice = append(i.splice, insertion(i.c.Values.Start, []rewrite.Piece{text("(" + name + ") ")}))
	default:
		return i.p.refuse("an INSERT that does not name the generated column " + i.t.name + "." + i.gen.Column)
	}
	return nil
}

// compile makes the template: list 0 holds the rows.
func (i *insertPlan) compile() {
	if i.n.Setlist {
		var all []rewrite.Splice
		for _, r := range i.rows {
			all = append(all, r...)
		}
		i.route.Template = i.p.compile(i.route.Targets, append(all, i.splice...))
		return
	}
	names := i.p.nameSplices(i.route.Targets)
	list := rewrite.List{Separator: ", ", Folded: i.route.Rows.Folded}
	for r, row := range i.c.Rows {
		if r > 0 && list.Folded > 0 {
			break
		}
		splices := append(append([]rewrite.Splice(nil), i.rows[r]...), names...)
		list.Items = append(list.Items, rewrite.Cut(rewrite.Source{Text: i.p.src.Text, Args: i.p.src.Args}, rewrite.Span(row.Span), splices))
	}
	first, last := i.c.Rows[0], i.c.Rows[len(i.c.Rows)-1]
	all := append(append([]rewrite.Splice(nil), i.splice...), splice(parser.Span{Start: first.Start, End: last.End}, rewrite.Piece{Op: rewrite.ListItems, N: 0}))
	t := i.p.compile(i.route.Targets, all)
	t.Lists = []rewrite.List{list}
	t.CountParams()
	i.route.Template = t
}

// constantDefault reads a column's default where it is a plain constant.
func constantDefault(c *catalog.Column) (sqltypes.Value, bool) {
	switch {
	case c.AutoIncrement || c.Generated:
		return sqltypes.Value{}, false
	case !c.HasDefault:
		return sqltypes.NullValue, c.Nullable
	}
	d := c.Default
	if strings.EqualFold(d, "null") {
		return sqltypes.NullValue, true
	}
	if n := len(d); n >= 2 && d[0] == '\'' && d[n-1] == '\'' {
		body := d[1 : n-1]
		if strings.ContainsAny(body, `'\`) || !ascii(body) {
			return sqltypes.Value{}, false
		}
		return sqltypes.StringValue(body), true
	}
	if i, err := strconv.ParseInt(d, 10, 64); err == nil {
		return sqltypes.IntValue(i), true
	}
	return sqltypes.Value{}, false
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
