package router

import (
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/pingcap/tidb/pkg/parser/ast"
)

// A server keeps more digits of a quotient than it shows, in words of nine, and adds and compares with all of them. Where it
// puts groups into a temporary table, it keeps those that it shows.

// noughts are added to a number to have it shown with the digits that a server keeps of it: three words.
const noughts = "+0.000000000000000000000000000"

func isDecimal(c *sqltypes.Column) bool {
	return c.Type == sqltypes.NewDecimal || c.Type == sqltypes.Decimal
}

// quotient reports whether what an aggregate looks at may be a quotient: in its text, or in that of a derived table.
func (g *grouping) quotient(args []parser.Span) bool {
	if slices.ContainsFunc(args, g.p.divides) {
		return true
	}
	for _, s := range g.b.sources {
		if s.table == nil {
			return g.p.divides(parser.Span{Start: g.c.ListSpan.End, End: g.c.Span.End})
		}
	}
	return false
}

// allDigits is an aggregate with the digits that a server keeps. Groups that it sorts keep all of them, and so does the one
// group of a statement without GROUP BY, whatever the shards do; of others they are what the shards make of them.
func (g *grouping) allDigits(function string, arg parser.Span) []rewrite.Piece {
	expr := g.cut(arg)
	if g.sortsGroups() {
		return call(function, append(call("(", expr), text(noughts)))
	}
	return append(call(function, expr), text(noughts))
}

// sortsGroups reports whether a server goes through the groups one after the other, and not by way of a temporary table.
func (g *grouping) sortsGroups() bool {
	return g.sel.GroupBy == nil || slices.ContainsFunc(scanSelect(g.sel).aggregates, func(a *ast.AggregateFuncExpr) bool {
		switch fn := lower(a.F); fn {
		case ast.AggFuncMin, ast.AggFuncMax:
			return false
		case ast.AggFuncGroupConcat, ast.AggFuncJsonArrayagg, ast.AggFuncJsonObjectAgg:
			return true
		}
		return a.Distinct
	})
}

// storesGroups reports whether a server that goes through the groups puts them into a temporary table afterwards, as ORDER BY
// anything but the groups' own keys has it do.
func (g *grouping) storesGroups(orders []orderItem) bool {
	if g.sel.GroupBy == nil || !g.sortsGroups() {
		return false
	}
	next := 0
	for _, o := range orders {
		if strings.EqualFold(o.span.In(g.p.stmt.Text), "NULL") {
			continue
		}
		if next >= len(g.groups) || !g.p.sameTokens(g.groups[next].span, o.span) {
			return true
		}
		next++
	}
	return false
}

// wholeDigits is the most digits before the point of a number that is kept with all that noughts show; sumDigits are those by which
// the type of a SUM is too large for any number of rows.
const (
	wholeDigits = 38
	sumDigits   = 8
)

// addQuotient adds the outputs of a SUM, AVG, MIN or MAX of quotients whose digits are kept; done is false for any other.
func (r *residualPlan) addQuotient(a *ast.AggregateFuncExpr, span parser.Span, col *sqltypes.Column) (done bool, err error) {
	fn := aggregateFuncs[lower(a.F)]
	switch fn {
	case plan.Sum, plan.Avg, plan.Min, plan.Max:
	default:
		return false, nil
	}
	if !r.keepDigits || r.stored || a.Distinct || !isDecimal(col) {
		return false, nil
	}
	args, err := r.argSpans(a)
	shown := int(col.Decimals)
	if fn == plan.Avg {
		shown -= r.increment
	}
	if err != nil || !r.quotient(args) || shown < r.increment {
		return false, err // what shows fewer digits than a quotient has been rounded to them
	}
	most := wholeDigits
	if fn == plan.Sum {
		most += sumDigits
	}
	if fn != plan.Avg && int(col.Length)-shown > most+2 || shown-r.increment > len(noughts)-len("+0.") {
		return false, r.p.refuse("an aggregate of quotients with very many digits beside HAVING or expressions over aggregates over several shards")
	}
	agg := plan.Aggregation{Func: fn, Second: -1, Third: -1, Inherit: true, Label: span.In(r.p.stmt.Text)}
	function := a.F + "("
	if fn == plan.Avg {
		agg.Func, function = plan.Sum, "SUM("
	}
	whole := r.allDigits(function, args[0])
	agg.Column = r.hide(whole)
	if fn == plan.Min || fn == plan.Max {
		agg.Order = plan.Key{Column: agg.Column, Weight: -1}
	}
	name := keptDigits(r.addOutput(agg, whole), shown, r.increment)
	part := residualPart{span: span, replace: name}
	if fn == plan.Avg {
		counted := call("COUNT(", r.cut(args[0]))
		count := plan.Aggregation{Func: plan.Count, Column: r.hide(counted), Second: -1, Third: -1, Inherit: true, Label: agg.Label}
		part = r.average(span, name, r.addOutput(count, counted), col)
	}
	r.aggregates = append(r.aggregates, part)
	return true, nil
}

// average is the part of an AVG that is made of a sum and a count.
func (r *residualPlan) average(span parser.Span, sum, count string, col *sqltypes.Column) residualPart {
	part := residualPart{span: span, replace: "(" + sum + "/" + count + ")"}
	switch {
	case !r.keepDigits || !isDecimal(col):
	case r.stored:
		part.replace = "CAST(" + part.replace + " AS DECIMAL(65," + decimal(uint64(col.Decimals)) + "))"
	default:
		part.real = "((" + sum + "+0E0)/" + count + ")"
	}
	return part
}

// keptDigits is a column of the temporary table with all digits of a quotient, as an expression that shows as many as the quotient
// itself does: it is a quotient once more. increment is how many digits a division adds to those that are shown.
func keptDigits(name string, shown, increment int) string {
	scale := shown - increment
	power := "1" + strings.Repeat("0", len(noughts)-len("+0.")-scale)
	return "(CAST(" + name + "*" + power + " AS DECIMAL(65," + decimal(uint64(scale)) + "))/" + power + "." + strings.Repeat("0", 18) + ")"
}
