package replica

import (
	"strconv"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/internal/gtid"
)

func position(t *testing.T, text string) gtid.Position {
	t.Helper()
	p, err := gtid.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func write(u *User, text string) {
	u.Wrote("ds", []byte(text))
}

func update(t *testing.T, s *Set, u Update) *Group {
	t.Helper()
	u.DataSource, u.Policy.Balancer = "ds", "round_robin"
	if err := s.Update(u); err != nil {
		t.Fatal(err)
	}
	return s.Group("ds")
}

func two(t *testing.T, a, b string) []Server {
	return []Server{{Endpoint: "ds@a", Applied: position(t, a)}, {Endpoint: "ds@b", Applied: position(t, b)}}
}

func TestFitByGTID(t *testing.T) {
	s := NewSet()
	g := update(t, s, Update{Servers: two(t, "0-1-5", "0-1-9")})
	u, other := s.User("u"), s.User("other")
	expect := func(what string, a, b Fit) {
		t.Helper()
		if ga, gb := u.Fit(g, "ds", g.endpoints[0]), u.Fit(g, "ds", g.endpoints[1]); ga != a || gb != b {
			t.Errorf("%s: %v and %v, want %v and %v", what, ga, gb, a, b)
		}
	}
	expect("nothing is written", Fits, Fits)
	write(u, "0-1-7")
	expect("one has it", Waits, Fits)
	if other.Fit(g, "ds", g.endpoints[0]) != Fits {
		t.Error("another user has to wait")
	}
	if got := u.Behind("ds").String(); got != "0-1-7" {
		t.Errorf("it is waited for %s", got)
	}
	g.endpoints[0].Has(u.Behind("ds"))
	expect("it was waited for", Fits, Fits)
	u.Doubt("ds")
	expect("nobody knows", Primary, Primary)
	g = update(t, s, Update{Servers: two(t, "0-1-5", "0-1-9"), Written: position(t, "0-1-9"), Asked: time.Now().Add(-time.Minute)})
	expect("the primary was asked before", Primary, Primary)
	g = update(t, s, Update{Servers: two(t, "0-1-5", "0-1-9"), Written: position(t, "0-1-9"), Asked: time.Now().Add(time.Minute)})
	expect("the primary was asked since", Waits, Fits)
	s.Moved("ds")
	expect("another primary, asked in a minute from now", Waits, Fits)
	g = update(t, s, Update{Servers: two(t, "0-1-5", "0-1-9"), Written: position(t, "0-2-10"), Asked: time.Now().Add(-time.Minute)})
	s.Moved("ds")
	expect("another primary, which was not asked yet", Primary, Primary)
}

const ofMySQL = "3e11fa47-71ca-11e1-9e33-c80aa9429562:"

// On MySQL a replica has to have a user's own transactions, which are some among those of others, and may lack others.
func TestFitBySet(t *testing.T) {
	s := NewSet()
	u := s.User("u")
	g := update(t, s, Update{Servers: two(t, ofMySQL+"1-3:5", ofMySQL+"1-4")})
	write(u, ofMySQL+"5")
	if a, b := u.Fit(g, "ds", g.endpoints[0]), u.Fit(g, "ds", g.endpoints[1]); a != Fits || b != Waits {
		t.Errorf("one has 5: %v and %v", a, b)
	}
	write(u, "no GTID")
	if a := u.Fit(g, "ds", g.endpoints[0]); a != Primary {
		t.Errorf("what is told cannot be read: %v", a)
	}
}

// What is remembered of a user who writes a lot among others stays small, whether he reads or not, and shows him no less.
func TestManyPieces(t *testing.T) {
	s := NewSet()
	u := s.User("u")
	for n := 1; n <= 2*many+1; n += 2 {
		write(u, ofMySQL+strconv.Itoa(n))
	}
	g := update(t, s, Update{Servers: two(t, ofMySQL+"1-129", ofMySQL+"1-128"), Written: position(t, ofMySQL+"1-126"), Asked: time.Now()})
	if a, b := u.Fit(g, "ds", g.endpoints[0]), u.Fit(g, "ds", g.endpoints[1]); a != Fits || b != Waits {
		t.Errorf("of 129 one has all, one all but the last: %v and %v", a, b)
	}
	if got := u.Behind("ds").String(); got != ofMySQL+"1-127:129" {
		t.Errorf("it is waited for %s", got)
	}
	for n := 200; n <= 200+2*most; n += 2 {
		write(u, ofMySQL+strconv.Itoa(n))
	}
	g = update(t, s, Update{Servers: two(t, ofMySQL+"1-9000", ofMySQL+"1-8391"), Written: position(t, ofMySQL+"1-8391"), Asked: time.Now().Add(-time.Minute)})
	if a := u.Fit(g, "ds", g.endpoints[0]); a != Primary {
		t.Errorf("too many, and the primary was not asked since: %v", a)
	}
	g = update(t, s, Update{Servers: two(t, ofMySQL+"1-9000", ofMySQL+"1-8391"), Written: position(t, ofMySQL+"1-8392"), Asked: time.Now().Add(time.Minute)})
	if a, b := u.Fit(g, "ds", g.endpoints[0]), u.Fit(g, "ds", g.endpoints[1]); a != Fits || b != Waits {
		t.Errorf("the primary was asked since: %v and %v", a, b)
	}
}

func TestFitByLag(t *testing.T) {
	s := NewSet()
	g := update(t, s, Update{Policy: Policy{Writes: ByLag, MaxLag: time.Hour}, Servers: two(t, "", "")})
	u := s.User("u")
	if u.Fit(g, "ds", g.endpoints[0]) != Fits {
		t.Error("who has written nothing is kept away")
	}
	write(u, "0-1-7")
	if u.Fit(g, "ds", g.endpoints[0]) != Primary {
		t.Error("a replica may lack it for an hour")
	}
	g = update(t, s, Update{Policy: Policy{Writes: ByLag, MaxLag: time.Nanosecond}, Servers: two(t, "", "")})
	if u.Fit(g, "ds", g.endpoints[0]) != Fits {
		t.Error("the time is over")
	}
}

// A server that was away may have been made anew from a backup: what it had before counts no more.
func TestReturnsWithLess(t *testing.T) {
	s := NewSet()
	update(t, s, Update{Servers: two(t, "0-1-9", "0-1-9")})
	update(t, s, Update{Servers: two(t, "0-1-5", "0-1-9")[:1]})
	g := update(t, s, Update{Servers: two(t, "0-1-5", "0-1-5")})
	if !g.endpoints[0].covers(position(t, "0-1-9")) {
		t.Error("what a server has is forgotten because an older answer came late")
	}
	if g.endpoints[1].covers(position(t, "0-1-6")) {
		t.Error("a server that was away is taken to have what it had")
	}
}

func TestPick(t *testing.T) {
	s := NewSet()
	g := update(t, s, Update{Servers: append(two(t, "", ""), Server{Endpoint: "ds@c"})})
	for range 5 {
		seen := map[*Endpoint]bool{}
		var e *Endpoint
		for i := 0; ; i++ {
			if e = g.Pick(i, e); e == nil {
				break
			}
			seen[e] = true
		}
		if len(seen) != 3 {
			t.Errorf("an attempt sees %d of 3", len(seen))
		}
	}
	if empty := update(t, s, Update{}); empty.Pick(0, nil) != nil {
		t.Error("one of none is picked")
	}
}

func TestAllocatesNothing(t *testing.T) {
	for _, before := range []string{"0-1-", ofMySQL} {
		s := NewSet()
		g := update(t, s, Update{Servers: two(t, before+"9", before+"9")})
		u := s.User("u")
		write(u, before+"7")
		next := []byte(before + "8")
		if n := testing.AllocsPerRun(100, func() {
			e := s.Group("ds").Pick(0, nil)
			u.Fit(g, "ds", e)
			u.Wrote("ds", next)
			e.Begin()
			e.End(time.Millisecond)
		}); n != 0 {
			t.Errorf("%s: %v allocations", before, n)
		}
	}
}
