package session

import (
	"fmt"
	"runtime"
	"testing"
)

// What a statement says that it holds is about what it does hold: the plan cache is bounded by it.
func TestStatementSize(t *testing.T) {
	for _, c := range []struct{ name, format string }{
		{"point", "SELECT c AS c%d FROM sbtest1 WHERE id=1"},
		{"join", "SELECT a.c AS c%d, b.k, CONCAT(a.c, b.pad, 'x') FROM sbtest1 a, sbtest1 b " +
			"WHERE a.id=1 AND b.id=a.id AND b.id IN (1,2,3) AND a.k BETWEEN 4 AND 5 ORDER BY a.c, b.k LIMIT 10"},
		{"insert", "INSERT INTO sbtest1 (id, k, c, pad) VALUES (1, 2, 'abc%d', 'def') ON DUPLICATE KEY UPDATE k=k+1, c=CONCAT(c,'%[1]d')"},
		{"update", "UPDATE sbtest1 SET k=k+1, c='abc', pad=pad AND 'x%d' WHERE id=1 AND k>3"},
	} {
		for _, database := range []string{"bench", "mesh"} {
			said, held := sizes(t, c.format, database)
			if ratio := float64(said) / float64(held); ratio < 0.7 || ratio > 1.5 {
				t.Errorf("%s in %s: a statement says that it holds %d bytes, and holds %d", c.name, database, said, held)
			}
		}
	}
}

// sizes is what a statement says that it holds, and what the heap has grown by, as the mean of many.
func sizes(t *testing.T, format, database string) (said, held int) {
	t.Helper()
	const statements = 500
	s := newScripted(t, database)
	var all []*Statement
	before := heap()
	for i := range statements {
		text := fmt.Appendf(nil, format, i)
		if err := s.session.scan.Scan(text, s.session.mode); err != nil {
			t.Fatal(err)
		}
		st, err := s.session.prepareStatement(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		said += st.Size()
		all = append(all, st)
	}
	held = int(heap() - before)
	runtime.KeepAlive(all)
	return said / statements, held / statements
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what pools held outlives one
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
