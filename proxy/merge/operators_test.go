package merge

import (
	"context"
	"errors"
	"io"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

func TestConcat(t *testing.T) {
	cols := []sqltypes.Column{intCol("k")}
	a, b, c := newProbe(cols, rows("3", "1")), newProbe(cols, nil), newProbe(cols, rows("2"))
	s := must(NewConcat([]RowStream{a, b, c}))(t)
	for _, want := range []string{"3", "1", "2"} {
		r, err := s.Next(context.Background())
		if err != nil || show(r) != want {
			t.Fatalf("got %s, %v, want %s", show(r), err, want)
		}
	}
	if a.closes != 1 || b.closes != 1 || c.closes != 0 {
		t.Errorf("an input at its end is not closed at once: %d, %d, %d", a.closes, b.closes, c.closes)
	}
	if got := drain(t, s); len(got) != 0 {
		t.Errorf("more rows: %v", got)
	}
	a, b = newProbe(cols, rows("1")), newProbe(cols, rows("2"))
	a.failAt = 2
	s = must(NewConcat([]RowStream{a, b}))(t)
	if got, err := collect(s); !errors.Is(err, errProbe) || len(got) != 1 {
		t.Errorf("a failing input: %v, %v", got, err)
	}
}

func TestLimit(t *testing.T) {
	cols := []sqltypes.Column{intCol("k")}
	for name, tt := range map[string]struct {
		offset, count uint64
		want          []string
		reads         int
	}{
		"some":             {1, 2, []string{"2", "3"}, 3},
		"no rows wanted":   {1, 0, []string{}, 0},
		"beyond the end":   {3, 9, []string{"4"}, 5},
		"offset beyond":    {9, 9, []string{}, 5},
		"exactly":          {0, 4, []string{"1", "2", "3", "4"}, 4},
		"only offset":      {2, NoLimit, []string{"3", "4"}, 5},
		"largest possible": {NoLimit, NoLimit, []string{}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProbe(cols, rows("1", "2", "3", "4"))
			l := NewLimit(p, tt.offset, tt.count)
			got, err := collect(l)
			if d := cmp.Diff(tt.want, got); err != nil || d != "" {
				t.Errorf("%v %s", err, d)
			}
			if p.reads != tt.reads {
				t.Errorf("%d rows were read, want %d", p.reads, tt.reads)
			}
			if tt.reads < 5 && p.closes != 1 {
				t.Errorf("satisfied, but closed %d times", p.closes)
			}
			drain(t, l)
		})
	}
}

func TestLimitClosesAllInputs(t *testing.T) {
	cols := []sqltypes.Column{intCol("k")}
	in := []*probe{newProbe(cols, rows("1", "3", "5")), newProbe(cols, rows("2", "4", "6"))}
	l := NewLimit(must(NewMergeSort(streams(in), []Key{Asc(0)}))(t), 1, 1)
	if got, err := collect(l); err != nil || len(got) != 1 || got[0] != "2" {
		t.Fatalf("%v, %v", got, err)
	}
	for i, p := range in {
		if p.closes == 0 || p.reads > 2 {
			t.Errorf("input %d: %d closes, %d reads", i, p.closes, p.reads)
		}
	}
}

func TestProject(t *testing.T) {
	cols := []sqltypes.Column{intCol("a"), textCol("b"), binaryCol("hidden")}
	renamed := cols[0]
	renamed.Name, renamed.Table = "label", "orders"
	p := must(NewProject(NewRows(cols, rows("1|x|w", "NULL|y|v")), []Output{{Column: 1}, {Column: 0, Definition: &renamed}, {Column: 1}}))(t)
	if d := cmp.Diff([]sqltypes.Column{cols[1], renamed, cols[1]}, p.Columns()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"x|1|x", "y|NULL|y"}, drain(t, p)); d != "" {
		t.Error(d)
	}
	if _, err := NewProject(NewRows(cols, nil), []Output{{Column: 3}}); sqlerr.As(err) == nil {
		t.Errorf("a column that is not there: %v", err)
	}
}

func TestDistinct(t *testing.T) {
	cols := []sqltypes.Column{textCol("s"), binaryCol("w"), decimalCol(2)}
	keys := []Key{{Column: 0, Weight: 1, Pad: []byte(" ")}, Asc(2)}
	in := []string{"a|A|1.00", "A|A|1.0", "a |A |1", "a|A|2", "b|B|2", "NULL|NULL|2", "NULL|NULL|2", "b|B|NULL"}
	sorted := must(NewDistinct(newProbe(cols, rows(in...)), keys))(t)
	want := []string{"a|A|1.00", "a|A|2", "b|B|2", "NULL|NULL|2", "b|B|NULL"}
	if d := cmp.Diff(want, drain(t, sorted)); d != "" {
		t.Errorf("sorted: %s", d)
	}
	budget := NewBudget(1<<20, "query", nil)
	again := append(append([]string{}, in...), in...)
	hashed := must(NewHashDistinct(newProbe(cols, rows(again...)), keys, budget))(t)
	if d := cmp.Diff(want, drain(t, hashed)); d != "" {
		t.Errorf("hashed: %s", d)
	}
	if budget.Used() != 0 {
		t.Errorf("%d bytes are still reserved", budget.Used())
	}
}

func TestHashDistinctBeyondBudget(t *testing.T) {
	cols := []sqltypes.Column{intCol("k")}
	var rs []sqltypes.Row
	for i := range 2000 {
		rs = append(rs, row(strconv.Itoa(i)))
	}
	process := NewBudget(64<<10, "memory.process", nil)
	d := must(NewHashDistinct(NewRows(cols, rs), []Key{Asc(0)}, NewBudget(0, "memory.query", process)))(t)
	_, err := collect(d)
	want := sqlerr.MemoryExceeded("DISTINCT", "memory.process")
	if e := sqlerr.As(err); e == nil || *e != *want {
		t.Errorf("got %v, want %v", err, want)
	}
	if err := d.Close(); err != nil || process.Used() != 0 {
		t.Errorf("closed: %v, %d bytes are still reserved", err, process.Used())
	}
}

func TestBudget(t *testing.T) {
	process := NewBudget(100, "process", nil)
	a, b := NewBudget(80, "query", process), NewBudget(80, "query", process)
	if err := a.Reserve("x", 70); err != nil {
		t.Fatal(err)
	}
	if e := sqlerr.As(a.Reserve("x", 11)); e == nil || *e != *sqlerr.MemoryExceeded("x", "query") {
		t.Errorf("beyond the query's: %v", e)
	}
	if e := sqlerr.As(b.Reserve("x", 31)); e == nil || *e != *sqlerr.MemoryExceeded("x", "process") {
		t.Errorf("beyond the process's: %v", e)
	}
	if a.Used() != 70 || b.Used() != 0 || process.Used() != 70 {
		t.Errorf("a refusal took something: %d, %d, %d", a.Used(), b.Used(), process.Used())
	}
	a.Release(70)
	if a.Used() != 0 || process.Used() != 0 {
		t.Errorf("after the release: %d, %d", a.Used(), process.Used())
	}
	var none *Budget
	if err := none.Reserve("x", 1<<60); err != nil || none.Used() != 0 {
		t.Errorf("no budget: %v", err)
	}
}

func TestAccountTakesWhatIsLeft(t *testing.T) {
	budget := NewBudget(accountStep+100, "query", nil)
	a := &account{budget: budget, operator: "x"}
	if err := a.grow(accountStep + 60); err != nil {
		t.Fatal(err)
	}
	if err := a.grow(40); err != nil {
		t.Errorf("the last bytes are refused: %v", err)
	}
	if err := a.grow(1); err == nil {
		t.Error("a byte too many is given")
	}
	a.shrink(50)
	if err := a.grow(50); err != nil || budget.Used() != accountStep+100 {
		t.Errorf("%v, %d bytes reserved", err, budget.Used())
	}
	if a.release(); budget.Used() != 0 {
		t.Errorf("%d bytes are still reserved", budget.Used())
	}
}

func TestRows(t *testing.T) {
	r := NewRows([]sqltypes.Column{intCol("k")}, rows("1", "2"))
	if _, err := r.Next(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(context.Background()); err != io.EOF {
		t.Errorf("after Close: %v", err)
	}
}
