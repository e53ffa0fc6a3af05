package merge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

func TestMergeSort(t *testing.T) {
	cols := []sqltypes.Column{intCol("k"), binaryCol("from")}
	for name, tt := range map[string]struct {
		in   [][]string
		key  Key
		want []string
	}{
		"ascending":    {[][]string{{"1|a", "4|a"}, {"2|b", "3|b"}}, Asc(0), []string{"1|a", "2|b", "3|b", "4|a"}},
		"descending":   {[][]string{{"10|a", "9|a", "NULL|a"}, {"11|b", "2|b"}}, Desc(0), []string{"11|b", "10|a", "9|a", "2|b", "NULL|a"}},
		"NULL first":   {[][]string{{"0|a"}, {"NULL|b", "-1|b"}}, Asc(0), []string{"NULL|b", "-1|b", "0|a"}},
		"ties":         {[][]string{{"1|a", "1|a2"}, {"1|b"}, {"1|c"}}, Asc(0), []string{"1|a", "1|a2", "1|b", "1|c"}},
		"empty inputs": {[][]string{{}, {"1|b"}, {}}, Asc(0), []string{"1|b"}},
		"nothing":      {[][]string{{}, {}}, Asc(0), []string{}},
		"one input":    {[][]string{{"2|a", "1|a"}}, Asc(0), []string{"2|a", "1|a"}}, // its order is not questioned
	} {
		t.Run(name, func(t *testing.T) {
			var in []*probe
			for _, r := range tt.in {
				in = append(in, newProbe(cols, rows(r...)))
			}
			got := drain(t, must(NewMergeSort(streams(in), []Key{tt.key}))(t))
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
			for i, p := range in {
				if p.closes == 0 {
					t.Errorf("input %d was not closed", i)
				}
			}
		})
	}
}

func TestMergeSortAgainstSort(t *testing.T) {
	cols := []sqltypes.Column{intCol("a"), binaryCol("b"), intCol("from")}
	rapid.Check(t, func(t *rapid.T) {
		keys := []Key{{Column: 0, Weight: -1, Desc: rapid.Bool().Draw(t, "desc a")}, {Column: 1, Weight: -1, Desc: rapid.Bool().Draw(t, "desc b")}}
		less := func(x, y sqltypes.Row) int {
			return slices.Compare(encode(t, cols, keys, x), encode(t, cols, keys, y))
		}
		var all []sqltypes.Row
		var in []RowStream
		for i := range rapid.IntRange(1, 9).Draw(t, "inputs") {
			var rs []sqltypes.Row
			for range rapid.IntRange(0, 12).Draw(t, "rows") {
				a := rapid.SampledFrom([]string{null, "-1", "2", "10"}).Draw(t, "a")
				b := rapid.SampledFrom([]string{null, "", "x", "x\x00", "yyyyyyyyyy"}).Draw(t, "b")
				rs = append(rs, row(a, b, strconv.Itoa(i)))
			}
			slices.SortStableFunc(rs, less)
			all = append(all, rs...)
			in = append(in, newProbe(cols, rs))
		}
		slices.SortStableFunc(all, less)
		want := make([]string, len(all))
		for i, r := range all {
			want[i] = show(r)
		}
		m, err := NewMergeSort(in, keys)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, drain(t, m)); d != "" {
			t.Fatal(d)
		}
	})
}

func TestMergeSortFails(t *testing.T) {
	cols := []sqltypes.Column{intCol("k")}
	good, bad := newProbe(cols, rows("1", "2")), newProbe(cols, rows("1", "2"))
	bad.failAt = 2
	m := must(NewMergeSort([]RowStream{good, bad}, []Key{Asc(0)}))(t)
	if _, err := collect(m); !errors.Is(err, errProbe) {
		t.Fatalf("got %v", err)
	}
	if err := m.Close(); err != nil || good.closes == 0 || bad.closes == 0 {
		t.Fatalf("closing: %v, %d, %d", err, good.closes, bad.closes)
	}
	m = must(NewMergeSort([]RowStream{NewRows(cols, rows("1")), NewRows(cols, rows("one"))}, []Key{Asc(0)}))(t)
	if _, err := collect(m); sqlerr.As(err) == nil {
		t.Fatalf("a value that is no number: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	m = must(NewMergeSort([]RowStream{NewRows(cols, rows("1")), NewRows(cols, rows("2"))}, []Key{Asc(0)}))(t)
	if _, err := m.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled: %v", err)
	}
}

func TestShapesDiffer(t *testing.T) {
	empty := func(cols ...sqltypes.Column) RowStream { return NewRows(cols, nil) }
	bitText := sqltypes.Column{Type: sqltypes.Bit, Collation: 63, Flags: sqltypes.FlagBinary}
	for name, in := range map[string][]RowStream{
		"none":   {},
		"number": {empty(intCol("a")), empty(intCol("a"), intCol("b"))},
		"class":  {empty(intCol("a")), empty(intCol("a")), empty(textCol("a"))},
		"bit":    {empty(typed(sqltypes.Bit)), empty(bitText)},
	} {
		if _, err := NewConcat(in); sqlerr.As(err) == nil {
			t.Errorf("%s: concat: %v", name, err)
		}
		if _, err := NewMergeSort(in, nil); sqlerr.As(err) == nil {
			t.Errorf("%s: merge-sort: %v", name, err)
		}
	}
	wider := []RowStream{empty(typed(sqltypes.Long)), empty(typed(sqltypes.LongLong)), empty(typed(sqltypes.Null))}
	if _, err := NewConcat(wider); err != nil {
		t.Errorf("widths: %v", err)
	}
}

// endless yields rising numbers from its own buffer without allocating.
type endless struct {
	cols []sqltypes.Column
	row  sqltypes.Row
	n    int64
	end  int64
	buf  [24]byte
	text [64]byte
}

func newEndless(cols []sqltypes.Column, start, end int64) *endless {
	e := &endless{cols: cols, row: make(sqltypes.Row, len(cols)), n: start, end: end}
	for i := range e.text {
		e.text[i] = 'x'
	}
	return e
}

func (e *endless) Columns() []sqltypes.Column { return e.cols }

func (e *endless) Next(context.Context) (sqltypes.Row, error) {
	if e.n >= e.end {
		return nil, io.EOF
	}
	e.row[0] = strconv.AppendInt(e.buf[:0], e.n, 10)
	for i := 1; i < len(e.row); i++ {
		e.row[i] = e.text[:]
	}
	e.n += 4
	return e.row, nil
}

func (e *endless) Close() error { return nil }

func fourStreams(cols []sqltypes.Column, end int64) []RowStream {
	return []RowStream{newEndless(cols, 0, end), newEndless(cols, 1, end), newEndless(cols, 2, end), newEndless(cols, 3, end)}
}

func TestMergeSortDoesNotAllocatePerRow(t *testing.T) {
	for _, c := range []sqltypes.Column{intCol("k"), decimalCol(2), doubleCol(31)} {
		cols := []sqltypes.Column{c, textCol("s"), binaryCol("w")}
		keys := []Key{Asc(0), {Column: 1, Weight: 2, Pad: []byte("  "), Desc: true}}
		m := must(NewMergeSort(fourStreams(cols, 1<<40), keys))(t)
		step := func() {
			if _, err := m.Next(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		step()
		if n := testing.AllocsPerRun(1000, step); n != 0 {
			t.Errorf("%s: %v allocations per row", classOf(&c), n)
		}
	}
}

func BenchmarkMergeSort(b *testing.B) {
	for _, text := range []bool{false, true} {
		b.Run(fmt.Sprintf("text=%t", text), func(b *testing.B) {
			cols := []sqltypes.Column{intCol("k"), textCol("s"), binaryCol("w")}
			keys := []Key{Asc(0)}
			if text {
				keys = []Key{{Column: 1, Weight: 2, Pad: []byte("\x00 ")}, Asc(0)}
			}
			m, err := NewMergeSort(fourStreams(cols, 1<<60), keys)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Next(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
