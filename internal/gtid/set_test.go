package gtid

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	uuidA = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
	uuidB = "4e11fa47-71ca-11e1-9e33-c80aa9429562"
)

// short writes A and B in the place of UUIDs.
var short = strings.NewReplacer("A", uuidA, "B", uuidB)

func set(t *testing.T, text string) Set {
	t.Helper()
	s, err := ParseSet(short.Replace(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestParseSet(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "A:5": "A:5", "A:1-1": "A:1", "A:5-7:1-3": "A:1-3:5-7", "A:1-3:4": "A:1-4", "A:1-9:2-3": "A:1-9", "A:2-3:1-9": "A:1-9",
		"B:1,\nA:1": "A:1,B:1", "A:1,A:3,A:2": "A:1-3", " A:1 , ,": "A:1",
		"A:1-5:tag:1-3:7": "A:1-5:tag:1-3:7", "A:tag:1": "A:tag:1", "A:tag:1,A:2": "A:2:tag:1", "A:Tig:1:_t:2:TIG:2": "A:_t:2:tig:1-2",
		"A:1-3:5:7-9:4:6": "A:1-9", "A:1:3:5:2-4": "A:1-5", "A:9223372036854775806": "A:9223372036854775806",
	} {
		if got := set(t, in).String(); got != short.Replace(want) {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got, err := ParseSet(strings.ToUpper(uuidA) + ":1"); err != nil || got.String() != uuidA+":1" {
		t.Errorf("in capitals: %q, %v", got, err)
	}
	for _, in := range []string{"A", "A:", "A:0", "A:x y:1", "A:tag", "A:tag:", "A:tag:tog:1", "A:1:", "A:1-", "A:-1", "A:5-1", "A:1-2-3", "A:9223372036854775807",
		"A:1;B:1", "x:1", "0-1-5:1", uuidA[:35] + "g:1", strings.ReplaceAll(uuidA, "-", "0") + ":1", "A:" + strings.Repeat("t", 33) + ":1"} {
		if s, err := ParseSet(short.Replace(in)); err == nil {
			t.Errorf("%q: read as %v", in, s)
		}
	}
}

func TestSetCovers(t *testing.T) {
	for _, c := range []struct {
		p, q string
		want bool
	}{
		{"A:1-5", "A:5", true}, {"A:1-5", "A:6", false}, {"A:1-5", "A:5-6", false}, {"A:1-3:5-7", "A:3-5", false}, {"A:1-3:5-7", "A:2:6-7", true},
		{"A:1", "", true}, {"", "A:1", false}, {"A:1,B:1", "B:1", true}, {"A:1", "B:1", false}, {"A:1", "A:t:1", false}, {"A:1:t:1-2", "A:t:2", true},
	} {
		if got := set(t, c.p).Covers(set(t, c.q)); got != c.want {
			t.Errorf("%s covers %s: %v", c.p, c.q, got)
		}
	}
}

func TestMinus(t *testing.T) {
	for _, c := range []struct{ p, q, want string }{
		{"A:1-5", "A:2-3", "A:1:4-5"}, {"A:1-5", "A:1-5", ""}, {"A:1-5", "B:1-5", "A:1-5"}, {"A:1-9", "A:1:3:5:9", "A:2:4:6-8"}, {"A:1-3:7-9", "A:3-7", "A:1-2:8-9"},
		{"A:1:t:1-5", "A:1-9:t:5", "A:t:1-4"}, {"A:4-5,B:1", "A:1-9", "B:1"}, {"", "A:1", ""},
	} {
		if got := set(t, c.p).Minus(set(t, c.q)).String(); got != short.Replace(c.want) {
			t.Errorf("%s without %s: %s, want %s", c.p, c.q, got, c.want)
		}
	}
}

func TestOf(t *testing.T) {
	s := set(t, "A:1-5:t:7,B:2")
	if got := s.Of(s[0].UUID).String(); got != short.Replace("A:1-5:t:7") {
		t.Errorf("of the first: %s", got)
	}
	if u, err := ParseUUID(uuidB); err != nil || s.Of(u).String() != short.Replace("B:2") || u.String() != uuidB {
		t.Errorf("of %v, %v: %s", u, err, s.Of(u))
	}
}

// What is copied is not changed with what it was copied of.
func TestClone(t *testing.T) {
	p := Position{Set: set(t, "A:1:5")}
	q := p.Clone()
	p, _ = p.Note([]byte(uuidA + ":2-4"))
	if q.String() != short.Replace("A:1:5") || p.String() != short.Replace("A:1-5") {
		t.Errorf("%s of %s", q, p)
	}
	var merged Position
	merged = merged.Merge(p)
	merged, _ = merged.Note([]byte(uuidA + ":6"))
	if p.String() != short.Replace("A:1-5") {
		t.Errorf("changed by what was merged of it: %s", p)
	}
}

// Of servers of two families none has what the other has.
func TestFamilies(t *testing.T) {
	maria, mysql := parse(t, "0-1-5"), parse(t, uuidA+":1-5")
	if maria.Covers(mysql) || mysql.Covers(maria) || !maria.Covers(Position{}) || !mysql.Covers(Position{}) {
		t.Error("one has what the other has")
	}
	for _, c := range []struct {
		p    Position
		most time.Duration
		want string
	}{
		{maria, 100 * time.Millisecond, "SELECT MASTER_GTID_WAIT('0-1-5',0.100)"},
		{mysql, time.Second, "SELECT WAIT_FOR_EXECUTED_GTID_SET('" + uuidA + ":1-5',1.000)"},
		{mysql, time.Microsecond, "SELECT WAIT_FOR_EXECUTED_GTID_SET('" + uuidA + ":1-5',0.001)"},
	} {
		if got := c.p.Wait(c.most); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

func TestNoteOfSetAllocatesNothing(t *testing.T) {
	p := Position{Set: set(t, "A:1-5:tag:3,B:1")}
	for _, text := range []string{uuidA + ":6", uuidA + ":tag:4", uuidA + ":6-9:tag:5"} {
		text := []byte(text)
		if n := testing.AllocsPerRun(100, func() { p, _ = p.Note(text) }); n != 0 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
	if p.String() != short.Replace("A:1-9:tag:3-5,B:1") {
		t.Errorf("it is %s", p)
	}
}

// numbers is the slow and plain counterpart of a Set with numbers below 40.
type numbers map[string]bool

func (n numbers) set(t *testing.T) (s Set) {
	t.Helper()
	keys := slices.Collect(maps.Keys(n))
	rand.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	return set(t, strings.Join(keys, ","))
}

func someNumbers() numbers {
	n := numbers{}
	for range rand.IntN(40) {
		n[[]string{"A:", "B:", "A:t:"}[rand.IntN(3)]+string(rune('1'+rand.IntN(9)))+[]string{"", "0", "1", "2"}[rand.IntN(4)]] = true
	}
	return n
}

// Sets do as plain sets of numbers do.
func TestSetsAsPlainOnes(t *testing.T) {
	for range 3000 {
		a, b := someNumbers(), someNumbers()
		all, left, covers := maps.Clone(a), numbers{}, true
		maps.Copy(all, b)
		for k := range a {
			if !b[k] {
				left[k] = true
			}
		}
		for k := range b {
			covers = covers && a[k]
		}
		p, q := a.set(t), b.set(t)
		if got, want := p.Minus(q).String(), left.set(t).String(); got != want {
			t.Fatalf("%s without %s: %s, want %s", p, q, got, want)
		}
		if got := p.Covers(q); got != covers {
			t.Fatalf("%s covers %s: %v", p, q, got)
		}
		was := q.String()
		if got, want := p.Clone().Merge(q).String(), all.set(t).String(); got != want || q.String() != was {
			t.Fatalf("%s with %s: %s, want %s", p, was, got, want)
		}
	}
}

// FuzzSet: what is read is written so that it is read alike, and is well-formed.
func FuzzSet(f *testing.F) {
	for _, text := range []string{"A:1-5:tag:1-3:7,B:2", "A:1:3:2", "B:9-12,\nA:t:1:_:2"} {
		f.Add(short.Replace(text), short.Replace("A:2-4:t:1"))
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		a, err := ParseSet(one)
		if err != nil {
			return
		}
		wellFormed(t, a)
		if again, err := ParseSet(a.String()); err != nil || again.String() != a.String() {
			t.Fatalf("%q is written %q, and read as %q: %v", one, a, again, err)
		}
		b, err := ParseSet(two)
		if err != nil {
			return
		}
		all, left := a.Clone().Merge(b), a.Minus(b)
		wellFormed(t, all)
		wellFormed(t, left)
		if !all.Covers(a) || !all.Covers(b) || !a.Covers(left) || left.Clone().Merge(b).String() != all.String() || (len(left) == 0) != b.Covers(a) {
			t.Fatalf("of %s and %s: together %s, left %s", a, b, all, left)
		}
	})
}

func wellFormed(t *testing.T, s Set) {
	t.Helper()
	for k, n := range s {
		if k > 0 && order(s[k-1], n) >= 0 || len(n.Intervals) == 0 {
			t.Fatalf("%v: not in order, or empty", s)
		}
		for i, v := range n.Intervals {
			if v.From == 0 || v.From > v.To || i > 0 && n.Intervals[i-1].To+1 >= v.From {
				t.Fatalf("%v: intervals that meet, or are empty", s)
			}
		}
	}
}
