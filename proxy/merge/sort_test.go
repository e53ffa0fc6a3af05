package merge

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

func sortColumns() []sqltypes.Column {
	return []sqltypes.Column{intCol("k"), textCol("s"), intCol("seq")}
}

func TestSortAgainstSlices(t *testing.T) {
	dir := t.TempDir()
	cols := sortColumns()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 300).Draw(t, "rows")
		width := rapid.SampledFrom([]int{0, 10, 700}).Draw(t, "width")
		keys := []Key{{Column: 0, Weight: -1, Desc: rapid.Bool().Draw(t, "desc")}}
		in := make([]sqltypes.Row, n)
		for i := range in {
			k := rapid.SampledFrom([]string{null, "-5", "0", "3", "3", "20", "100"}).Draw(t, "k")
			s := strings.Repeat("x", width)
			if i%7 == 0 {
				s = null
			}
			in[i] = row(k, s, strconv.Itoa(i))
		}
		sorted := slices.Clone(in)
		slices.SortStableFunc(sorted, func(a, b sqltypes.Row) int {
			return slices.Compare(encode(t, cols, keys, a), encode(t, cols, keys, b))
		})
		want := make([]string, 0, n)
		for _, r := range sorted {
			want = append(want, show(r))
		}
		limit := rapid.IntRange(0, 40).Draw(t, "limit")
		if limit > 0 && limit < n {
			want = want[:limit]
		}
		// Down to a budget that holds some fifty of the wide rows: then there are runs, and runs of runs.
		size := rapid.SampledFrom([]int64{0, 1 << 20, 100 << 10}).Draw(t, "budget")
		budget, quota := NewBudget(size, "memory", nil), NewBudget(8<<20, "disk", nil)
		s, err := NewSort(newProbe(cols, in), keys, SortOptions{Limit: uint64(limit), Budget: budget, Spill: &Spill{Dir: dir, Quota: quota}})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, drain(t, s)); d != "" {
			t.Fatal(d)
		}
		if budget.Used() != 0 || quota.Used() != 0 {
			t.Fatalf("%d bytes of memory, %d of disk are still reserved", budget.Used(), quota.Used())
		}
	})
}

// manyRows are n rows in falling order of k, about size bytes each.
func manyRows(n, size int) []sqltypes.Row {
	pad := strings.Repeat("x", size)
	rs := make([]sqltypes.Row, n)
	for i := range rs {
		rs[i] = row(strconv.Itoa((n-i)/3), pad, strconv.Itoa(i))
	}
	return rs
}

func TestSortSpills(t *testing.T) {
	const n = 20000
	cols := sortColumns()
	for name, limit := range map[string]int{"all": n, "top": n - 5000} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			budget, quota := NewBudget(768<<10, "memory", nil), NewBudget(64<<20, "disk", nil)
			in := newProbe(cols, manyRows(n, 1000))
			s := must(NewSort(in, []Key{Asc(0)}, SortOptions{Limit: uint64(limit), Budget: budget, Spill: &Spill{Dir: dir, Quota: quota}}))(t)
			got, err := collect(s)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != limit {
				t.Fatalf("%d rows, want %d", len(got), limit)
			}
			if quota.Used() < 10<<20 {
				t.Errorf("%d bytes went to disk", quota.Used())
			}
			last, seq := -1, -1
			for _, r := range got {
				cells := strings.Split(r, "|")
				k, _ := strconv.Atoi(cells[0])
				q, _ := strconv.Atoi(cells[2])
				if k < last || k == last && q < seq {
					t.Fatalf("%d, %d comes after %d, %d", k, q, last, seq)
				}
				last, seq = k, q
			}
			if in.closes == 0 {
				t.Error("the input stays open")
			}
			if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
				t.Errorf("files are left: %v, %v", files, err)
			}
			if err := s.Close(); err != nil || budget.Used() != 0 || quota.Used() != 0 {
				t.Errorf("%v, %d, %d", err, budget.Used(), quota.Used())
			}
		})
	}
}

func TestSortBeyondBudget(t *testing.T) {
	cols := sortColumns()
	sortOf := func(opts SortOptions) error {
		s := must(NewSort(NewRows(cols, manyRows(3000, 1000)), []Key{Asc(0)}, opts))(t)
		_, err := collect(s)
		if cerr := s.Close(); cerr != nil || opts.Budget.Used() != 0 {
			t.Errorf("closed: %v, %d bytes are still reserved", cerr, opts.Budget.Used())
		}
		return err
	}
	memory := func() *Budget { return NewBudget(600<<10, "memory.query", nil) }
	for name, tt := range map[string]struct {
		opts SortOptions
		want *sqlerr.Error
	}{
		"no disk":      {SortOptions{Budget: memory()}, sqlerr.MemoryExceeded("ORDER BY", "memory.query")},
		"no disk, top": {SortOptions{Budget: memory(), Limit: 2000}, sqlerr.MemoryExceeded("ORDER BY", "memory.query")},
		"quota": {
			SortOptions{Budget: memory(), Spill: &Spill{Dir: t.TempDir(), Quota: NewBudget(1<<20, "spill.quota", nil)}},
			sqlerr.MemoryExceeded("ORDER BY", "spill.quota"),
		},
		"no directory": {
			SortOptions{Budget: memory(), Spill: &Spill{Dir: t.TempDir() + "/none"}},
			sqlerr.SpillFailed("ORDER BY", "no such file or directory"),
		},
	} {
		if e := sqlerr.As(sortOf(tt.opts)); e == nil || *e != *tt.want {
			t.Errorf("%s: got %v, want %v", name, e, tt.want)
		}
	}
	if err := sortOf(SortOptions{Budget: memory(), Limit: 100}); err != nil {
		t.Errorf("the first 100 fit: %v", err)
	}
}

func TestSortFails(t *testing.T) {
	p := newProbe(sortColumns(), manyRows(5, 5))
	p.failAt = 3
	s := must(NewSort(p, []Key{Asc(0)}, SortOptions{}))(t)
	if _, err := collect(s); !errors.Is(err, errProbe) {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil || p.closes == 0 {
		t.Errorf("%v, %d closes", err, p.closes)
	}
}

func BenchmarkSort(b *testing.B) {
	cols := sortColumns()
	in := manyRows(10000, 50)
	for _, limit := range []uint64{0, 10} {
		b.Run(fmt.Sprintf("limit=%d", limit), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s, err := NewSort(NewRows(cols, in), []Key{Asc(0)}, SortOptions{Limit: limit})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := s.Next(b.Context()); err != nil {
					b.Fatal(err)
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Files that a process has left between two steps go when the next one starts; others' are left alone.
func TestCleanSpill(t *testing.T) {
	s := &Spill{Dir: t.TempDir()}
	left, other := filepath.Join(s.Dir, "heddle-sort-123"), filepath.Join(s.Dir, "else")
	for _, name := range []string{left, other} {
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Clean(); err != nil {
		t.Fatal(err)
	}
	if files, err := filepath.Glob(filepath.Join(s.Dir, "*")); err != nil || len(files) != 1 || files[0] != other {
		t.Errorf("left are %v, %v", files, err)
	}
}
