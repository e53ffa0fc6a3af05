package rewrite

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// args are texts; "?" is a parameter.
type args struct {
	texts  []string
	values []sqltypes.Value
	ids    []sqltypes.Value
}

// Elements of list n are n + 1; an element has one argument, the next one each.
func (a args) Elements(i int) int { return i + 1 }

func (a args) Value(i int) (sqltypes.Value, error) {
	i, element := SplitElement(i)
	i += element
	if i >= len(a.values) {
		return sqltypes.Value{}, errors.New("not bound")
	}
	return a.values[i], nil
}

func (a args) AppendText(b []byte, i int) []byte {
	i, element := SplitElement(i)
	return append(b, a.texts[i+element]...)
}

func (a args) Param(i int) int {
	i, element := SplitElement(i)
	i += element
	if a.texts[i] != "?" {
		return -1
	}
	n := 0
	for _, t := range a.texts[:i] {
		if t == "?" {
			n++
		}
	}
	return n
}
func (a args) Generated(i int) sqltypes.Value {
	if i < len(a.ids) {
		return a.ids[i]
	}
	return sqltypes.NullValue
}

func TestRender(t *testing.T) {
	names := Names{Tables: []string{"orders_0", "a`b"}, Schemas: []string{"p0"}}
	list := []List{{Separator: ", ", Items: [][]Piece{{{Op: Arg, N: 0}}, {{Op: Arg, N: 1}}, {{Op: Text, Text: "("}, {Op: Arg, N: 2}, {Op: Text, Text: ")"}}}}}
	a := args{
		texts:  []string{"'x`y'", "?", "?"},
		values: []sqltypes.Value{sqltypes.StringValue("x`y"), sqltypes.IntValue(5), sqltypes.UintValue(1<<64 - 1)},
		ids:    []sqltypes.Value{sqltypes.IntValue(77), sqltypes.NullValue},
	}
	for name, c := range map[string]struct {
		pieces []Piece
		keep   [][]int32
		want   string
		params string
	}{
		"names":            {pieces: []Piece{{Op: Schema}, {Op: Text, Text: "."}, {Op: Table}, {Op: Table, N: 1}}, want: "`p0`.`orders_0``a``b`", params: "[]"},
		"args":             {pieces: []Piece{{Op: Arg, N: 2}, {Op: Arg}, {Op: Arg, N: 1}}, want: "?'x`y'?", params: "[1 0]"},
		"label":            {pieces: []Piece{{Op: Label}, {Op: Label, N: 1}}, want: "'x``y'?", params: "[]"},
		"value":            {pieces: []Piece{{Op: Value, N: 1}, {Op: Value}}, want: "5'x`y'", params: "[]"},
		"whole list":       {pieces: []Piece{{Op: ListItems}}, want: "'x`y', ?, (?)", params: "[0 1]"},
		"part of a list":   {pieces: []Piece{{Op: ListItems}}, keep: [][]int32{{2, 0}}, want: "(?), 'x`y'", params: "[1]"},
		"nil entry":        {pieces: []Piece{{Op: ListItems}}, keep: [][]int32{nil}, want: "'x`y', ?, (?)", params: "[0 1]"},
		"total":            {pieces: []Piece{{Op: Total, N: 1, M: 1}}, want: "10", params: "[]"},
		"total, no offset": {pieces: []Piece{{Op: Total, N: -1, M: 1}}, want: "5", params: "[]"},
		"total, no count":  {pieces: []Piece{{Op: Total, N: 1, M: -1}}, want: "18446744073709551615", params: "[]"},
		"total overflows":  {pieces: []Piece{{Op: Total, N: 1, M: 2}}, want: "18446744073709551615", params: "[]"},
		"generated":        {pieces: []Piece{{Op: Generated, N: 0, M: 1}}, want: "77", params: "[]"},
		"given":            {pieces: []Piece{{Op: Generated, N: 1, M: 1}}, want: "?", params: "[0]"},
		"null":             {pieces: []Piece{{Op: Generated, N: 1, M: -1}}, want: "NULL", params: "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Render([]byte("> "), &Template{Pieces: c.pieces, Lists: list}, names, c.keep, a)
			if err != nil || string(r.SQL) != "> "+c.want || fmt.Sprint(r.Params) != c.params {
				t.Fatalf("got %q %v %v, want %q %s", r.SQL, r.Params, err, c.want, c.params)
			}
		})
	}
}

func TestLimitValue(t *testing.T) {
	a := args{values: []sqltypes.Value{sqltypes.NullValue, sqltypes.IntValue(-1), sqltypes.StringValue("2"), sqltypes.IntValue(3)}}
	for i, want := range []string{"0", "1210", "1235", "3"} {
		n, err := LimitValue(a, i)
		got := fmt.Sprint(n)
		if e := sqlerr.As(err); e != nil {
			got = fmt.Sprint(e.Code)
		}
		if got != want {
			t.Errorf("argument %d: %s, want %s", i, got, want)
		}
	}
	if _, err := LimitValue(a, 9); err == nil {
		t.Error("an argument that is not bound has a value")
	}
}

// A caller that cuts the buffers and renders again allocates nothing.
func TestAppendDoesNotAllocate(t *testing.T) {
	tmpl := Compile(Source{Text: "SELECT * FROM t WHERE k = ?", Args: []Span{{26, 27}}}, []Splice{{Span: Span{14, 15}, Pieces: []Piece{{Op: Table}}}})
	var a Args = args{texts: []string{"?"}}
	names := Names{Tables: []string{"t_1"}}
	var r Rendered
	render := func() {
		r.SQL, r.Params = r.SQL[:0], r.Params[:0]
		if err := r.Append(tmpl, names, nil, a); err != nil {
			t.Fatal(err)
		}
	}
	render()
	if n := testing.AllocsPerRun(100, render); n != 0 {
		t.Fatalf("%v allocations", n)
	}
	if got := string(r.SQL); got != "SELECT * FROM `t_1` WHERE k = ?" {
		t.Fatal(got)
	}
}

func TestCompile(t *testing.T) {
	src := Source{Text: "abc 1 def 2 ghi", Args: []Span{{4, 5}, {10, 11}}}
	if c := Compile(src, nil); !c.Identity || c.Params != 2 {
		t.Fatalf("no splice: %+v", c)
	}
	c := Compile(src, []Splice{
		{Span: Span{6, 11}, Pieces: []Piece{{Op: Text, Text: "XY"}}},
		{Span: Span{6, 6}, Pieces: []Piece{{Op: Text, Text: "+"}}},
		{Span: Span{8, 9}, Pieces: []Piece{{Op: Text, Text: "inside a replaced part"}}},
	})
	r, err := Render(nil, c, Names{}, nil, args{texts: []string{"?", "?"}})
	if err != nil || string(r.SQL) != "abc ? +XY ghi" || len(r.Params) != 1 || c.Identity || c.Params != 1 {
		t.Fatalf("%q %v %v %+v", r.SQL, r.Params, err, c)
	}
}

// Without splices a template renders the text that it came from, wherever its arguments are.
func FuzzCompileIdentity(f *testing.F) {
	f.Add("SELECT 1, 'x' FROM t", 7, 8, 10, 13)
	f.Add("??", 0, 1, 1, 2)
	f.Add("", 0, 0, 0, 0)
	f.Fuzz(func(t *testing.T, s string, a, b, c, d int) {
		if a < 0 || a > b || b > c || c > d || d > len(s) || a == b || c == d {
			return
		}
		src := Source{Text: s, Args: []Span{{a, b}, {c, d}}}
		r, err := Render(nil, Compile(src, nil), Names{}, nil, args{texts: []string{s[a:b], s[c:d]}})
		if err != nil || string(r.SQL) != s {
			t.Fatalf("%q became %q (%v)", s, r.SQL, err)
		}
		at := strings.IndexByte(s, ' ')
		if at < 0 || at > a {
			return
		}
		spliced := Compile(src, []Splice{{Span: Span{at, at}, Pieces: []Piece{{Op: Text, Text: "<>"}}}})
		r, err = Render(nil, spliced, Names{}, nil, args{texts: []string{s[a:b], s[c:d]}})
		if err != nil || string(r.SQL) != s[:at]+"<>"+s[at:] {
			t.Fatalf("%q became %q (%v)", s, r.SQL, err)
		}
	})
}

// A folded list renders its first element for each element that the arguments have.
func TestFolded(t *testing.T) {
	a := args{texts: []string{"1", "2", "3", "?", "4"}, ids: []sqltypes.Value{sqltypes.IntValue(7), sqltypes.IntValue(8), sqltypes.IntValue(9)}}
	src := Source{
		Text: "IN (1, 2) x 4", Args: []Span{{4, 5}, {7, 8}, {12, 13}},
		Folds: []Fold{{Span{90, 91}, Span{92, 93}}, {Span{94, 95}, Span{96, 97}}, {First: Span{4, 5}, Second: Span{7, 8}}},
	}
	whole := Compile(src, nil)
	if got := fmt.Sprint(whole.Pieces[1].Op, whole.Pieces[1].N, whole.Pieces[3].Op); got != fmt.Sprint(Repeat, 2, Arg) {
		t.Fatalf("pieces %+v", whole.Pieces)
	}
	whole.Pieces[3].N = 4 // the text has five arguments when it runs
	r, err := Render(nil, whole, Names{}, nil, a)
	if err != nil || string(r.SQL) != "IN (1, 2, 3) x 4" {
		t.Fatalf("%q %v", r.SQL, err)
	}
	list := &Template{
		Pieces: []Piece{{Op: ListItems}, {Op: Text, Text: " "}, {Op: Arg, N: 4}},
		Lists:  []List{{Items: [][]Piece{{{Op: Text, Text: "("}, {Op: Arg}, {Op: Text, Text: ","}, {Op: Generated, M: -1}, {Op: Text, Text: ")"}}}, Separator: ", ", Folded: 3}},
	}
	for _, c := range []struct {
		keep [][]int32
		want string
	}{
		{nil, "(1,7), (2,8), (3,9) 4"},
		{[][]int32{{1}}, "(2,8) 4"},
		{[][]int32{{0, 2}}, "(1,7), (3,9) 4"},
	} {
		if r, err := Render(nil, list, Names{}, c.keep, a); err != nil || string(r.SQL) != c.want {
			t.Errorf("%v: %q %v, want %q", c.keep, r.SQL, err, c.want)
		}
	}
}
