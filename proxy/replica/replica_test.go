package replica

import (
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
	g, _ := gtid.ParseOne(text)
	u.Wrote("ds", g)
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
	s := NewSet()
	g := update(t, s, Update{Servers: two(t, "0-1-9", "0-1-9")})
	u := s.User("u")
	write(u, "0-1-7")
	if n := testing.AllocsPerRun(100, func() {
		e := s.Group("ds").Pick(0, nil)
		u.Fit(g, "ds", e)
		write(u, "0-1-8")
		e.Begin()
		e.End(time.Millisecond)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
