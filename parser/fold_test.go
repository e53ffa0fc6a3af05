package parser

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestFoldedKey(t *testing.T) {
	many := func(n int, element string) string {
		return strings.TrimSuffix(strings.Repeat(element+",", n), ",")
	}
	for _, c := range []struct {
		text, key string
		counts    []int
	}{
		{"SELECT a FROM t WHERE id IN (1,2,3)", "SELECT a FROM t WHERE id IN (<int>,<int>…)", []int{3}},
		{"SELECT a FROM t WHERE id IN ( 1, 2 , 3 )", "SELECT a FROM t WHERE id IN ( <int>, <int> , <int> )", nil},
		{"SELECT a FROM t WHERE id IN ( 1, 2, 3 )", "SELECT a FROM t WHERE id IN ( <int>, <int>… )", []int{3}},
		{"SELECT a FROM t WHERE id IN (1)", "SELECT a FROM t WHERE id IN (<int>)", nil},
		{"SELECT a FROM t WHERE id IN (1,2)", "SELECT a FROM t WHERE id IN (<int>,<int>…)", []int{2}},
		{"SELECT a FROM t WHERE id IN (1,2,'3',4)", "SELECT a FROM t WHERE id IN (<int>,<int>,<str>,<int>)", nil},
		{"SELECT a FROM t WHERE id IN (1,2,3,4,-5)", "SELECT a FROM t WHERE id IN (<int>,<int>,<int>,<int>,-<int>)", nil},
		{"SELECT a FROM t WHERE id IN (-1,-2,-3)", "SELECT a FROM t WHERE id IN (-<int>,-<int>…)", []int{3}},
		{"SELECT a FROM t WHERE (a,b) IN ((1,'x'),(2,'y'),(3,'z')) AND c NOT IN (?,?)",
			"SELECT a FROM t WHERE (a,b) IN ((<int>,<str>),(<int>,<str>)…) AND c NOT IN (<?>,<?>…)", []int{3, 2}},
		{"SELECT a FROM t WHERE id IN (1,NULL,2)", "SELECT a FROM t WHERE id IN (<int>,NULL,<int>)", nil},
		{"SELECT a FROM t WHERE id IN (1,2,3/*x*/,4,5)", "SELECT a FROM t WHERE id IN (<int>,<int>,<int>/*x*/,<int>,<int>)", nil},
		{"SELECT a FROM t WHERE id IN (1,2,3,/*!4*/,5)", "SELECT a FROM t WHERE id IN (<int>,<int>,<int>,/*!<int>*/,<int>)", nil},
		{"SELECT a FROM t WHERE id IN (SELECT b FROM u WHERE c IN (1,2,3))", "SELECT a FROM t WHERE id IN (SELECT b FROM u WHERE c IN (<int>,<int>…))", []int{3}},
		{"SELECT a FROM t WHERE id IN (1,2,3,(SELECT 4))", "SELECT a FROM t WHERE id IN (<int>,<int>,<int>,(SELECT <int>))", nil},
		{"SELECT a IN (1,2) FROM t GROUP BY a IN (1,2)", "SELECT a IN (<int>,<int>) FROM t GROUP BY a IN (<int>,<int>) same[1 2]", nil},
		{"SELECT a+5 FROM t WHERE b IN (5,6,7) GROUP BY a+5 LIMIT 7", "SELECT a+<int> FROM t WHERE b IN (<int>,<int>…) GROUP BY a+<int> LIMIT <int> same[1 0]", []int{3}},
		{"SELECT a FROM t WHERE b IN (5,6,7) AND c = 8 GROUP BY a+8", "SELECT a FROM t WHERE b IN (<int>,<int>…) AND c = <int> GROUP BY a+<int> same[3]", []int{3}},
		{"INSERT INTO t VALUES " + many(300, "(1,?)") + " ON DUPLICATE KEY UPDATE a=VALUES(a),b=3",
			"INSERT INTO t VALUES (<int>,<?>),(<int>,<?>)… ON DUPLICATE KEY UPDATE a=VALUES(a),b=<int>", []int{300}},
		{"INSERT INTO t(a) VALUES (1),(2),(DEFAULT)", "INSERT INTO t(a) VALUES (<int>),(<int>),(DEFAULT)", nil},
		{"INSERT INTO t VALUES (1,NOW(),(2)),(3,NOW(),(4))", "INSERT INTO t VALUES (<int>,NOW(),(<int>)),(<int>,NOW(),(<int>))…", []int{2}},
		{"INSERT INTO t VALUES (1,(SELECT 2)),(1,(SELECT 2))", "INSERT INTO t VALUES (<int>,(SELECT <int>)),(<int>,(SELECT <int>))", nil},
		{"VALUES (1),(2),(3)", "VALUES (<int>),(<int>),(<int>)", nil},
		{"SELECT * FROM (VALUES (1),(2)) v", "SELECT * FROM (VALUES (<int>),(<int>)) v", nil},
		{"INSERT t VALUES (1),(2),", "INSERT t VALUES (<int>),(<int>)…,", []int{2}},
		{"INSERT t VALUES (1),(2),(3", "INSERT t VALUES (<int>),(<int>),(<int>", nil},
	} {
		var s Scan
		if err := s.Scan([]byte(c.text), maria); err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if got := show(s.Key); got != c.key {
			t.Errorf("%q: key\n %q, want\n %q", c.text, got, c.key)
		}
		var counts []int
		for _, f := range s.Folds {
			counts = append(counts, f.Count)
		}
		if fmt.Sprint(counts) != fmt.Sprint(c.counts) {
			t.Errorf("%q: folds of %v, want %v", c.text, counts, c.counts)
		}
		foldInvariants(t, &s, []byte(c.text))
	}
}

// foldInvariants checks what a folded statement shares with the text that it stands for.
func foldInvariants(t interface {
	Helper()
	Fatalf(string, ...any)
}, s *Scan, text []byte) {
	t.Helper()
	if len(s.Folds) == 0 {
		return
	}
	st, err := s.ParseFolded(nil)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	if len(st.Folds) != len(s.Folds) || len(st.Args) != Cut(s.Folds, len(s.Args)) {
		t.Fatalf("%q: %d folds and %d arguments became %d and %d", text, len(s.Folds), len(s.Args), len(st.Folds), len(st.Args))
	}
	var again Scan
	if err := again.Scan([]byte(st.Text), s.mode); err != nil || !bytes.Equal(again.Key, s.Key) {
		t.Fatalf("%q: the folded text %q has another key: %q and %q", text, st.Text, again.Key, s.Key)
	}
	seen := make([]bool, len(s.Args))
	for i, a := range st.Args {
		elements := []int{0}
		for k, f := range st.Folds {
			if i >= f.Arg && i < f.Arg+f.Width {
				elements = make([]int, s.Folds[k].Count)
				for e := range elements {
					elements[e] = e
				}
			} else if i >= f.Arg && i < f.Arg+2*f.Width {
				elements = nil // the second element is reached from the first
			}
		}
		for _, e := range elements {
			at := Whole(s.Folds, i, e)
			if seen[at] || s.Args[at].Kind != a.Kind {
				t.Fatalf("%q: argument %d of element %d is taken for %d", text, i, e, at)
			}
			seen[at] = true
		}
	}
	for i, ok := range seen {
		if !ok {
			t.Fatalf("%q: nothing leads to argument %d", text, i)
		}
	}
}

// Texts that differ in the lengths of their lists only have one key, and those that differ in anything else have not.
func TestFoldedKeysAreEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		element := rapid.SampledFrom([]string{"1", "?", "'a'", "-2", "(1,'b')", "(?,?)", "NOW(3)", "1.5"})
		text := func(e, sep string, n int) []byte {
			list := strings.TrimSuffix(strings.Repeat(e+sep, n), sep)
			return []byte("SELECT a FROM t WHERE a = 7 AND b IN (" + list + ") AND c = 7 ORDER BY a+7")
		}
		sep := rapid.SampledFrom([]string{",", ", ", " ,\n "})
		e1, e2 := element.Draw(t, "e1"), element.Draw(t, "e2")
		s1, s2 := sep.Draw(t, "s1"), sep.Draw(t, "s2")
		n1, n2 := rapid.IntRange(2, 400).Draw(t, "n1"), rapid.IntRange(2, 400).Draw(t, "n2")
		var a, b Scan
		one, two := text(e1, s1, n1), text(e2, s2, n2)
		if err := a.Scan(one, maria); err != nil {
			t.Fatal(err)
		}
		if err := b.Scan(two, maria); err != nil {
			t.Fatal(err)
		}
		if same, want := bytes.Equal(a.Key, b.Key), e1 == e2 && s1 == s2; same != want {
			t.Fatalf("%q and %q: equal keys %v", one, two, same)
		}
		foldInvariants(t, &a, one)
		if got := rebuild(&a, one); !bytes.Equal(got, one) {
			t.Fatalf("rebuilt %q from %q", got, one)
		}
	})
}

func TestFoldingDoesNotAllocate(t *testing.T) {
	var s Scan
	text := []byte("INSERT INTO t VALUES " + strings.TrimSuffix(strings.Repeat("(1,'a',?),", 500), ","))
	mixed := []byte("SELECT a FROM t WHERE a IN (" + strings.Repeat("1,", 500) + "'x')")
	if n := testing.AllocsPerRun(100, func() {
		if s.Scan(text, maria) != nil || s.Scan(mixed, maria) != nil {
			t.Fatal("not scanned")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkScanList(b *testing.B) {
	in := []byte("SELECT c FROM sbtest1 WHERE id IN (" + strings.TrimSuffix(strings.Repeat("4999,", 100), ",") + ")")
	rows := []byte("INSERT INTO sbtest1 VALUES " + strings.TrimSuffix(strings.Repeat("(4999,'some text',1.5),", 100), ","))
	for _, c := range []struct {
		name string
		text []byte
	}{{"in", in}, {"rows", rows}} {
		b.Run(c.name, func(b *testing.B) {
			var s Scan
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Scan(c.text, maria); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
