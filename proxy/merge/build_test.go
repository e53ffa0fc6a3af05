package merge

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/router/plan"
)

// shards is a leaf's streams, by route.
type shards map[plan.Node][]*probe

func (s shards) open(n plan.Node) ([]RowStream, error) {
	in, ok := s[n]
	if !ok {
		return nil, errProbe
	}
	return streams(in), nil
}

func constant(v sqltypes.Value) *plan.Expr { return &plan.Expr{Arg: -1, Const: v} }

func by(column int, desc bool) plan.Key { return plan.Key{Column: column, Weight: -1, Desc: desc} }

func TestBuild(t *testing.T) {
	cols := []sqltypes.Column{intCol("k"), textCol("s"), binaryCol("w"), decimalCol(2), intCol("n")}
	left := []string{"1|a|A|1.00|1", "2|b|B|2.00|2", "4|a |A |4.50|1"}
	right := []string{"2|A|A|1.00|1", "3|c|C|NULL|0"}
	route := &plan.Route{}
	byText := plan.Key{Column: 1, Weight: 2, Pad: true, Space: []byte(" ")}
	merged := &plan.MergeSort{Input: route, Keys: []plan.Key{by(0, false)}}
	agg := func(mode plan.AggregateMode, in plan.Node) plan.Node {
		return &plan.Aggregate{Input: in, Mode: mode, Keys: []plan.Key{byText}, Output: []plan.Aggregation{
			{Func: plan.First, Column: 1, Second: -1, Third: -1, Inherit: true},
			{Func: plan.Sum, Column: 3, Second: -1, Third: -1, Inherit: true},
			{Func: plan.Avg, Column: 3, Second: 4, Third: -1},
			{Func: plan.Max, Column: 0, Second: -1, Third: -1, Order: by(0, false), Inherit: true},
			{Func: plan.CountDistinct, Column: 0, Second: -1, Third: -1, DistinctKeys: []plan.Key{by(0, false)}},
		}}
	}
	sortedText := &plan.Sort{Input: route, Keys: []plan.Key{byText, by(0, false)}}
	args := []sqltypes.Value{sqltypes.IntValue(1), sqltypes.UintValue(2), sqltypes.StringValue("x")}
	groups := []string{"a|6.50|2.166667|4|3", "b|2.00|1.000000|2|1", "c|NULL|NULL|3|1"}
	for name, tt := range map[string]struct {
		node plan.Node
		opts Options
		want []string
	}{
		"leaf":         {route, Options{}, []string{left[0], left[1], left[2], right[0], right[1]}},
		"merge-sort":   {merged, Options{}, []string{left[0], left[1], right[0], right[1], left[2]}},
		"limit":        {&plan.Limit{Input: merged, Args: plan.LimitArgs{Offset: &plan.Expr{Arg: 0}, Count: &plan.Expr{Arg: 1}}}, Options{Args: args}, []string{left[1], right[0]}},
		"no count":     {&plan.Limit{Input: merged, Args: plan.LimitArgs{Offset: constant(sqltypes.IntValue(4))}}, Options{}, []string{left[2]}},
		"sort":         {&plan.Sort{Input: merged, Keys: []plan.Key{by(0, true)}, Limit: &plan.LimitArgs{Offset: constant(sqltypes.IntValue(1)), Count: constant(sqltypes.IntValue(1))}}, Options{}, []string{left[2], right[1]}},
		"sort of none": {&plan.Sort{Input: merged, Keys: []plan.Key{by(0, true)}, Limit: &plan.LimitArgs{Count: constant(sqltypes.IntValue(0))}}, Options{}, []string{}},
		"sort, largest": {
			&plan.Sort{Input: merged, Keys: []plan.Key{by(0, false)}, Limit: &plan.LimitArgs{Offset: constant(sqltypes.UintValue(5)), Count: constant(sqltypes.UintValue(NoLimit - 1))}},
			Options{}, []string{left[0], left[1], right[0], right[1], left[2]},
		},
		"distinct":        {&plan.Project{Input: &plan.Distinct{Input: route, Keys: []plan.Key{byText}}, Columns: []plan.ProjectColumn{{Column: 1}}}, Options{}, []string{"a", "b", "c"}},
		"sorted distinct": {&plan.Project{Input: &plan.Distinct{Input: sortedText, Keys: []plan.Key{byText}, Sorted: true}, Columns: []plan.ProjectColumn{{Column: 1}}}, Options{}, []string{"a", "b", "c"}},
		"concat":          {&plan.Concat{Inputs: []plan.Node{&plan.Limit{Input: sortedText, Args: plan.LimitArgs{Count: constant(sqltypes.IntValue(1))}}}}, Options{}, []string{left[0]}},
		"stream":          {agg(plan.Stream, sortedText), Options{DivPrecisionIncrement: 4}, groups},
		"hash":            {agg(plan.Hash, route), Options{DivPrecisionIncrement: 4}, groups},
		"hash on disk":    {agg(plan.Hash, route), Options{DivPrecisionIncrement: 4, Spill: &Spill{Dir: t.TempDir()}}, groups},
	} {
		t.Run(name, func(t *testing.T) {
			in := shards{route: {newProbe(cols, rows(left...)), newProbe(cols, rows(right...))}}
			tt.opts.Budget = NewBudget(1<<20, "memory.query", nil)
			s := must(Build(tt.node, in.open, tt.opts))(t)
			if d := cmp.Diff(tt.want, drain(t, s)); d != "" {
				t.Error(d)
			}
			for i, p := range in[route] {
				if p.closes == 0 {
					t.Errorf("input %d stays open", i)
				}
			}
			if n := tt.opts.Budget.Used(); n != 0 {
				t.Errorf("%d bytes are still reserved", n)
			}
		})
	}
}

func TestBuildProject(t *testing.T) {
	route := &plan.Route{}
	in := shards{route: {newProbe([]sqltypes.Column{intCol("k"), intCol("hidden")}, rows("1|2"))}}
	s := must(Build(&plan.Project{Input: route, Columns: []plan.ProjectColumn{{Column: 0, Name: "label"}}}, in.open, Options{}))(t)
	if d := cmp.Diff([]sqltypes.Column{intCol("label")}, s.Columns()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"1"}, drain(t, s)); d != "" {
		t.Error(d)
	}
}

func TestBuildAggregates(t *testing.T) {
	route := &plan.Route{}
	cols := []sqltypes.Column{intCol("n"), doubleCol(31), doubleCol(31), textCol("s")}
	one := func(f plan.AggregateFunc, column, second, third int) plan.Aggregation {
		return plan.Aggregation{Func: f, Column: column, Second: second, Third: third, Separator: []byte("-")}
	}
	given := one(plan.GroupConcat, 3, -1, -1)
	given.SeparatorArg = &plan.Expr{Arg: 0}
	cut := one(plan.GroupConcat, 3, -1, -1)
	cut.Result = sqltypes.Column{Name: "gc", Type: sqltypes.Blob, Collation: 8} // measured as latin1
	for name, tt := range map[string]struct {
		out   plan.Aggregation
		text  string // of each shard
		mysql bool
		want  string
	}{
		"count":             {one(plan.Count, 0, -1, -1), "", false, "4"},
		"variance":          {one(plan.VarPop, 0, 1, 2), "", false, "1.5"},
		"sample deviation":  {one(plan.StdSamp, 0, 1, 2), "", false, "1.4142135623730951"},
		"sum distinct":      {plan.Aggregation{Func: plan.SumDistinct, Column: 0, Second: -1, Third: -1, DistinctKeys: []plan.Key{by(0, false)}}, "", false, "2"},
		"group_concat":      {one(plan.GroupConcat, 3, -1, -1), "é", false, "é-é"},
		"group_concat, cut": {cut, "ééé", false, "ééé-é"},
		"separator given":   {given, "é", false, "é/é"},
		"array":             {one(plan.JSONArrayAgg, 3, -1, -1), "[1]", false, "[1,1]"},
		"array, MySQL":      {one(plan.JSONArrayAgg, 3, -1, -1), "[1, 2]", true, "[1, 2, 1, 2]"},
		"object":            {one(plan.JSONObjectAgg, 3, -1, -1), `{"a":1}`, false, `{"a":1, "a":1}`},
		"object, MySQL":     {one(plan.JSONObjectAgg, 3, -1, -1), `{"a": 1}`, true, `{"a": 1}`},
	} {
		t.Run(name, func(t *testing.T) {
			in := shards{route: {newProbe(cols, rows("2|1|1|"+tt.text)), newProbe(cols, rows("2|2|1.5|"+tt.text))}}
			node := &plan.Aggregate{Input: route, Output: []plan.Aggregation{tt.out}}
			s := must(Build(node, in.open, Options{Args: []sqltypes.Value{sqltypes.StringValue("/")}, MySQL: tt.mysql, GroupConcatMaxLen: 5}))(t)
			if d := cmp.Diff([]string{tt.want}, drain(t, s)); d != "" {
				t.Error(d)
			}
			if tt.out.Result.Name != "" && s.Columns()[0].Name != tt.out.Result.Name {
				t.Errorf("the plan's definition is not used: %+v", s.Columns()[0])
			}
		})
	}
}

func TestBuildMarksUnsortedDistincts(t *testing.T) {
	cols := []sqltypes.Column{intCol("a"), intCol("b")}
	route := &plan.Route{}
	count := func(column int) plan.Aggregation {
		return plan.Aggregation{Func: plan.CountDistinct, Column: column, Second: -1, Third: -1, DistinctKeys: []plan.Key{by(column, false)}}
	}
	in := shards{route: {newProbe(cols, rows("1|7", "2|8", "3|7", "4|8"))}}
	s := must(Build(&plan.Aggregate{Input: route, Output: []plan.Aggregation{count(0), count(1)}}, in.open, Options{}))(t)
	if d := cmp.Diff([]string{"4|2"}, drain(t, s)); d != "" {
		t.Error(d)
	}
}

func TestBuildFails(t *testing.T) {
	cols := []sqltypes.Column{intCol("k"), textCol("s")}
	a, b, none := &plan.Route{Tables: []string{"a"}}, &plan.Route{Tables: []string{"b"}}, &plan.Route{Tables: []string{"none"}}
	limit := func(e *plan.Expr) plan.Node { return &plan.Limit{Input: a, Args: plan.LimitArgs{Count: e}} }
	for name, node := range map[string]plan.Node{
		"second input":    &plan.Concat{Inputs: []plan.Node{a, none}},
		"no streams":      &plan.Concat{Inputs: []plan.Node{a, b}},
		"text key":        &plan.MergeSort{Input: a, Keys: []plan.Key{by(1, false)}},
		"sort key":        &plan.Sort{Input: a, Keys: []plan.Key{by(1, false)}},
		"distinct key":    &plan.Distinct{Input: a, Keys: []plan.Key{by(1, false)}},
		"group key":       &plan.Aggregate{Input: a, Keys: []plan.Key{by(1, false)}},
		"output":          &plan.Aggregate{Input: a, Output: []plan.Aggregation{{Func: plan.Sum, Column: 9}}},
		"projection":      &plan.Project{Input: a, Columns: []plan.ProjectColumn{{Column: 2, Name: "x"}}},
		"no such arg":     &plan.Project{Input: &plan.Concat{Inputs: []plan.Node{a, limit(&plan.Expr{Arg: 1})}}},
		"negative limit":  &plan.Concat{Inputs: []plan.Node{a, limit(constant(sqltypes.IntValue(-1)))}},
		"text as a limit": &plan.Concat{Inputs: []plan.Node{a, &plan.Sort{Input: a, Limit: &plan.LimitArgs{Count: constant(sqltypes.StringValue("1"))}}}},
	} {
		t.Run(name, func(t *testing.T) {
			in := shards{a: {newProbe(cols, nil), newProbe(cols, nil)}, b: {}}
			s, err := Build(node, in.open, Options{})
			if s != nil || (sqlerr.As(err) == nil && !errors.Is(err, errProbe)) {
				t.Fatalf("%v, %v", s, err)
			}
			for i, p := range in[a] {
				if p.closes == 0 {
					t.Errorf("input %d stays open", i)
				}
			}
		})
	}
}
