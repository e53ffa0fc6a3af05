package sidecar

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/governance/switchover"
	"github.com/heddle-mesh/heddle/governance/topology"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router/rule"
)

// The servers of a switch in a test.
const (
	fromServer  = "from:1"
	toServer    = "to:1"
	otherServer = "other:1"
)

// switched is an instance in the middle of a planned switch, by what it hears and sees, of servers that nobody has to start.
type switched struct {
	r *replication

	mu      sync.Mutex
	dialed  []string
	said    []switchover.Held
	dialing chan struct{} // not nil: a dial lasts until it is closed
}

var errDialed = errors.New("a statement has gone there")

func (s *switched) dial(_ context.Context, _, addr string) (net.Conn, error) {
	s.mu.Lock()
	s.dialed = append(s.dialed, addr)
	dialing := s.dialing
	s.mu.Unlock()
	if dialing != nil {
		<-dialing
	}
	return nil, errDialed
}

// adopts has the instance adopt rules: which replicas there are beside fromServer, and for how many connections. Its watchers ask nobody, so
// that their first look takes all the time that it may.
func (s *switched) adopts(t *testing.T, most int, replicas ...string) {
	t.Helper()
	ds := rule.DataSource{Name: "ds_0", Address: fromServer, Pool: rule.Pool{Max: most}, Splitting: &rule.Splitting{Balancer: "round_robin"}}
	for _, r := range replicas {
		ds.Replicas = append(ds.Replicas, rule.Replica{Address: r})
	}
	if len(replicas) == 0 {
		ds.Splitting = nil
	}
	s.set(t, []*rule.Layout{{DataSources: []rule.DataSource{ds}}}, replicas...)
}

// drops has the rules name no data source any more; it stays for the statements that were planned before.
func (s *switched) drops(t *testing.T, replicas ...string) { s.set(t, nil, replicas...) }

func (s *switched) set(t *testing.T, layouts []*rule.Layout, replicas ...string) {
	t.Helper()
	source := backend.DataSource{Name: "ds_0", Addr: fromServer, Replicas: replicas, User: "root", FailoverWait: time.Second}
	if err := s.r.set([]backend.DataSource{source}, layouts); err != nil {
		t.Fatal(err)
	}
}

func newSwitched(t *testing.T) *switched {
	s := &switched{}
	pools := backend.NewPools(backend.Options{Buffers: wire.NewPool(0), Dial: s.dial})
	s.r = newReplication(pools, "", zap.NewNop())
	s.r.watch = func(topology.Target) *topology.Watcher { return topology.Watch(topology.Target{}) }
	t.Cleanup(func() {
		s.r.close()
		if err := pools.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	s.adopts(t, 0, toServer, otherServer)
	s.looks(fromServer)
	return s
}

// watched is how the rules have the data source watched now.
func (s *switched) watched() *watched {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	return s.r.watched["ds_0"]
}

// looks has the instance look at the servers, of which one takes writes, or none ("").
func (s *switched) looks(writable string) { s.looked(time.Now(), writable) }

func (s *switched) looked(began time.Time, writable string) { s.saw(s.watched(), began, writable) }

// saw is what one watcher sees.
func (s *switched) saw(w *watched, began time.Time, writable string) {
	s.r.mu.Lock()
	servers, prev := s.r.servers(w), w.view
	s.r.mu.Unlock()
	var seen []topology.Observation
	for i, server := range servers {
		o := topology.Observation{Address: server.Address, Began: began, At: began.Add(time.Microsecond), ServerID: uint32(i + 1), ReadOnly: server.Address != writable}
		if server.Address != writable && server.Address != fromServer {
			o.Follows, o.Source, o.SourceID, o.Connected, o.Fetches, o.Applies = true, fromServer, 1, true, true, true
		}
		seen = append(seen, o)
	}
	s.r.changed(w, topology.Judge(prev, servers, seen, topology.Policy{}, began.Add(time.Microsecond)))
}

// testHold is longer than a first look.
const testHold = 9 * time.Second

// hears has the instance hear how far the switch has come, and that it is over (no step).
func (s *switched) hears(step, reached switchover.Step, free bool) {
	all := map[string]switchover.Record{}
	if step != "" {
		all["ds_0"] = switchover.Record{
			ID: "1", DataSource: "ds_0", From: fromServer, To: toServer, Step: step, Reached: reached, Free: free, Grace: testHold / 2, Hold: testHold,
		}
	}
	s.r.switches(all, func(_ switchover.Record, h switchover.Held) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.said = append(s.said, h)
	})
}

// goes says where a statement goes: to a server, or "waits", or the error by which it is refused.
func (s *switched) goes(t *testing.T) string {
	t.Helper()
	s.mu.Lock()
	s.dialed = nil
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := s.r.pools.Acquire(ctx, "ds_0", 0, nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		t.Fatal("a server that is none has let somebody in")
		return ""
	case len(s.dialed) > 0:
		return s.dialed[0]
	case errors.Is(err, backend.ErrInterrupted):
		return "waits"
	default:
		return err.Error()
	}
}

func (s *switched) want(t *testing.T, when, where string) {
	t.Helper()
	if got := s.goes(t); got != where {
		t.Errorf("%s: a statement goes: %s; want: %s", when, got, where)
	}
}

// runsOut has the instance hold writes for as long as it may.
func (s *switched) runsOut(t *testing.T) {
	t.Helper()
	s.hears(switchover.Holding, switchover.Holding, false)
	s.want(t, "in the hold", "waits")
	time.Sleep(testHold)
	s.want(t, "behind the hold", "waits")
}

// goesOn has the switch take the steps that are left.
func (s *switched) goesOn(t *testing.T) {
	t.Helper()
	for _, step := range []switchover.Step{switchover.Fencing, switchover.Fenced, switchover.Promoting} {
		s.hears(step, step, false)
		s.want(t, string(step), "waits")
	}
	s.looks(toServer)
	s.want(t, "not released", "waits")
	s.hears(switchover.Released, switchover.Released, false)
	s.looks(toServer)
	s.want(t, "released", toServer)
	time.Sleep(2 * testHold)
	s.want(t, "long after", toServer)
}

// tells is how often the instance has told that nothing is under way, and how long it has held writes.
func (s *switched) tells(t *testing.T, idle, used int) {
	t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	got := [2]int{}
	for _, h := range s.said {
		got[min(int(h.Used), 1)]++
	}
	if got != [2]int{idle, used} {
		t.Errorf("it has said %v", s.said)
	}
}

// TestHoldRunsOut: an instance that has held writes for as long as it may sends nothing to the old primary by what it saw before: statements
// wait until it is known who has the writes, and are refused at last.
func TestHoldRunsOut(t *testing.T) {
	const holding, fencing, fenced, promoting, released, undoing = switchover.Holding, switchover.Fencing, switchover.Fenced, switchover.Promoting,
		switchover.Released, switchover.Undoing
	for name, story := range map[string]func(*testing.T, *switched){
		"nothing is heard or seen": func(t *testing.T, s *switched) {
			s.runsOut(t)
			time.Sleep(overrun + time.Second)
			if got := s.goes(t); !strings.Contains(got, "a planned switch to "+toServer+" is under way, and whether "+fromServer+" still takes writes is not known yet") {
				t.Errorf("at last a statement goes: %s", got)
			}
		},
		"the old one is seen to take writes": func(t *testing.T, s *switched) {
			s.runsOut(t)
			s.looks(fromServer)
			s.want(t, "looked at too early", "waits")
			time.Sleep(overrun + time.Millisecond)
			s.looks(fromServer)
			s.want(t, "looked at", fromServer)
			s.hears(fencing, fencing, false)
			s.want(t, "about to be fenced", "waits")
		},
		"a look that began before": func(t *testing.T, s *switched) {
			began := time.Now().Add(testHold / 2)
			s.runsOut(t)
			time.Sleep(overrun + time.Millisecond)
			s.looked(began, fromServer)
			s.want(t, "looked at before", "waits")
		},
		"the switch goes on": func(t *testing.T, s *switched) {
			s.runsOut(t)
			for _, step := range []switchover.Step{fencing, fenced, promoting} {
				s.hears(step, step, false)
				s.want(t, string(step), "waits")
			}
			s.looks(toServer)
			s.want(t, "not released", "waits")
			s.hears(released, released, false)
			s.want(t, "released", "waits")
			s.looks(toServer)
			s.want(t, "seen", toServer)
			synctest.Wait()
			if used := s.said[len(s.said)-1].Used; used < testHold || len(s.said) != 2 {
				t.Errorf("it has said %v", s.said)
			}
		},
		"it is undone before the old one was fenced": func(t *testing.T, s *switched) {
			s.runsOut(t)
			s.hears(undoing, holding, false)
			s.want(t, "undone", fromServer)
		},
		"it is undone in the hold": func(t *testing.T, s *switched) {
			s.hears(holding, holding, false)
			s.hears(fencing, fencing, false)
			s.hears(undoing, fencing, false)
			s.want(t, "about to be undone", "waits")
			time.Sleep(time.Millisecond)
			s.hears(undoing, fencing, true)
			s.want(t, "undone", "waits")
			time.Sleep(time.Millisecond)
			s.looks(fromServer)
			s.want(t, "seen", fromServer)
			s.hears(undoing, fencing, true)
			s.want(t, "another try to clear up", fromServer)
		},
		"who was at work has died before the old one was fenced": func(t *testing.T, s *switched) {
			s.runsOut(t)
			s.hears(fencing, fencing, false)
			time.Sleep(testHold + overrun + time.Millisecond)
			s.hears(fencing, fencing, false) // something else has changed
			s.looks(fromServer)
			s.want(t, "seen", fromServer)
			s.hears(fencing, fencing, false)
			s.want(t, "something else has changed", fromServer)
		},
		"its record is gone": func(t *testing.T, s *switched) {
			s.runsOut(t)
			s.hears("", "", false)
			s.want(t, "gone", "waits")
			time.Sleep(time.Millisecond)
			s.looks(fromServer)
			s.want(t, "seen", fromServer)
		},
		"others promote another": func(t *testing.T, s *switched) {
			s.runsOut(t)
			s.looks(otherServer)
			s.want(t, "promoted", otherServer)
		},
		"it hears of it when the old one is fenced": func(t *testing.T, s *switched) {
			s.hears(fenced, fenced, false)
			s.want(t, "fenced", "waits")
			s.looks("")
			s.want(t, "seen", "waits")
		},
		"it hears of it when the old one is about to be fenced": func(t *testing.T, s *switched) {
			s.hears(fencing, fencing, false)
			time.Sleep(testHold + overrun)
			s.want(t, "for as long as a switch may take", "waits")
		},
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { story(t, newSwitched(t)) }) })
	}
}

// TestRulesChangeInSwitch: rules that are adopted in the middle of a planned switch neither end the hold nor leave one behind that nobody ends.
func TestRulesChangeInSwitch(t *testing.T) {
	const holding, fencing, released, undoing = switchover.Holding, switchover.Fencing, switchover.Released, switchover.Undoing
	all := []string{toServer, otherServer}
	for name, story := range map[string]func(*testing.T, *switched){
		"others, in the hold": func(t *testing.T, s *switched) {
			s.hears(holding, holding, false)
			s.adopts(t, 0, all...)
			s.want(t, "adopted", "waits")
			s.goesOn(t)
			s.tells(t, 1, 1)
		},
		"of the data source, in the hold": func(t *testing.T, s *switched) {
			s.hears(holding, holding, false)
			was := s.watched()
			s.adopts(t, 5, all...)
			s.want(t, "adopted", "waits")
			s.looks(fromServer)
			s.want(t, "looked at", "waits")
			s.saw(was, time.Now(), otherServer)
			s.want(t, "looked at by who watches no more", "waits")
			s.goesOn(t)
			s.tells(t, 1, 1)
		},
		"and the old one is looked at meanwhile": func(t *testing.T, s *switched) {
			s.hears(holding, holding, false)
			time.AfterFunc(time.Second, func() { s.looks(fromServer) })
			s.adopts(t, 5, all...)
			s.want(t, "adopted", "waits")
			s.goesOn(t)
		},
		"and nothing more is heard": func(t *testing.T, s *switched) {
			s.hears(holding, holding, false)
			s.adopts(t, 5, all...)
			s.looks(fromServer)
			time.Sleep(testHold)
			s.want(t, "behind the hold", "waits")
			time.Sleep(overrun)
			s.looks(fromServer)
			s.want(t, "looked at", fromServer)
			time.Sleep(2 * testHold)
			s.want(t, "long after", fromServer)
		},
		"and it is undone": func(t *testing.T, s *switched) {
			s.hears(holding, holding, false)
			s.adopts(t, 5, all...)
			s.hears(undoing, holding, false)
			s.looks(fromServer)
			s.want(t, "undone", fromServer)
			time.Sleep(2 * testHold)
			s.want(t, "long after", fromServer)
		},
		"behind the hold": func(t *testing.T, s *switched) {
			s.runsOut(t)
			s.adopts(t, 0, all...) // others
			s.want(t, "adopted", "waits")
			began := time.Now()
			s.adopts(t, 5, all...)
			s.want(t, "adopted", "waits")
			s.looked(began, fromServer)
			s.want(t, "looked at too early", "waits")
			time.Sleep(time.Millisecond)
			s.looks(fromServer)
			s.want(t, "looked at", fromServer)
		},
		"behind the hold, of a switch that goes on": func(t *testing.T, s *switched) {
			s.runsOut(t)
			s.hears(fencing, fencing, false)
			s.adopts(t, 5, all...)
			s.looks(fromServer)
			s.want(t, "adopted", "waits")
			s.hears(released, released, false)
			s.looks(toServer)
			s.want(t, "released", toServer)
			s.tells(t, 1, 1)
		},
		"when the hold is over": func(t *testing.T, s *switched) {
			s.hears(holding, holding, false)
			s.goesOn(t)
			s.adopts(t, 5, all...)
			s.looks(toServer)
			s.hears(released, released, false)
			s.want(t, "adopted", toServer)
			s.tells(t, 1, 1)
		},
		"the data source goes, and is back": func(t *testing.T, s *switched) {
			s.hears(holding, holding, false)
			s.drops(t, all...)
			s.want(t, "gone", "waits")
			s.adopts(t, 0, all...)
			s.want(t, "back", "waits")
			s.looks(fromServer)
			s.want(t, "looked at", "waits")
			s.goesOn(t)
		},
		"the data source goes, and is back when the old one may be fenced": func(t *testing.T, s *switched) {
			s.hears(holding, holding, false)
			s.drops(t, all...)
			s.hears(fencing, fencing, false)
			s.adopts(t, 0, all...)
			s.looks(fromServer)
			s.want(t, "looked at", "waits")
			s.goesOn(t)
		},
		"the data source goes, and is back without replicas": func(t *testing.T, s *switched) {
			s.hears(holding, holding, false)
			s.drops(t, all...)
			if err := s.r.set(nil, nil); err != nil {
				t.Fatal(err)
			}
			s.adopts(t, 0)
			s.want(t, "back", fromServer)
		},
		"its replicas go": func(t *testing.T, s *switched) {
			s.hears(holding, holding, false)
			s.adopts(t, 0)
			s.want(t, "gone", fromServer)
			time.Sleep(2 * testHold)
			s.want(t, "long after", fromServer)
		},
		"the new one goes": func(t *testing.T, s *switched) {
			s.dialing = make(chan struct{})
			ctx, cancel := context.WithCancel(t.Context())
			var work sync.WaitGroup
			work.Go(func() {
				if _, err := s.r.pools.Acquire(ctx, "ds_0", 0, nil); err == nil {
					t.Error("a server that is none has let somebody in")
				}
			})
			synctest.Wait() // something is under way
			s.hears(holding, holding, false)
			s.adopts(t, 0, otherServer)
			s.looks(fromServer)
			close(s.dialing)
			synctest.Wait()
			cancel()
			work.Wait()
			s.want(t, "gone", "waits")
			s.tells(t, 0, 0)
			s.hears(undoing, holding, false)
			s.looks(fromServer)
			s.want(t, "undone", fromServer)
			time.Sleep(2 * testHold)
			s.want(t, "long after", fromServer)
		},
		"the new one has gone before": func(t *testing.T, s *switched) {
			s.hears(switchover.Chaining, switchover.Chaining, false)
			s.adopts(t, 0, otherServer)
			s.looks(fromServer)
			s.hears(holding, holding, false)
			s.want(t, "asked to hold", fromServer)
			s.tells(t, 0, 0)
		},
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { story(t, newSwitched(t)) }) })
	}
}
