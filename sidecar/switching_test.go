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
	w *watched

	mu     sync.Mutex
	dialed []string
	said   []switchover.Held
}

var errDialed = errors.New("a statement has gone there")

func (s *switched) dial(_ context.Context, _, addr string) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dialed = append(s.dialed, addr)
	return nil, errDialed
}

func newSwitched(t *testing.T) *switched {
	s := &switched{}
	pools := backend.NewPools(backend.Options{Buffers: wire.NewPool(0), Dial: s.dial})
	ds := backend.DataSource{Name: "ds_0", Addr: fromServer, Replicas: []string{toServer, otherServer}, User: "root", FailoverWait: time.Second}
	if err := pools.Set([]backend.DataSource{ds}); err != nil {
		t.Fatal(err)
	}
	s.r = newReplication(pools, "", zap.NewNop())
	s.w = &watched{rule: rule.DataSource{
		Name: "ds_0", Address: fromServer, Replicas: []rule.Replica{{Address: toServer}, {Address: otherServer}}, Splitting: &rule.Splitting{Balancer: "round_robin"},
	}, source: ds, watcher: topology.Watch(topology.Target{})}
	s.r.watched["ds_0"] = s.w
	t.Cleanup(func() {
		s.r.close()
		if err := pools.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	s.looks(fromServer)
	return s
}

// looks has the instance look at the servers, of which one takes writes, or none ("").
func (s *switched) looks(writable string) { s.looked(time.Now(), writable) }

func (s *switched) looked(began time.Time, writable string) {
	s.r.mu.Lock()
	servers, prev := s.r.servers(s.w), s.w.view
	s.r.mu.Unlock()
	var seen []topology.Observation
	for i, server := range servers {
		o := topology.Observation{Address: server.Address, Began: began, At: began.Add(time.Microsecond), ServerID: uint32(i + 1), ReadOnly: server.Address != writable}
		if server.Address != writable && server.Address != fromServer {
			o.Follows, o.Source, o.SourceID, o.Connected, o.Fetches, o.Applies = true, fromServer, 1, true, true, true
		}
		seen = append(seen, o)
	}
	s.r.changed(s.w, topology.Judge(prev, servers, seen, topology.Policy{}, began.Add(time.Microsecond)))
}

const testHold = 900 * time.Millisecond

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

// TestHoldRunsOut: an instance that has held writes for as long as it may sends nothing to the old primary by what it saw before: statements
// wait until it is known who has the writes, and are refused at last.
func TestHoldRunsOut(t *testing.T) {
	const holding, fencing, fenced, promoting, released, undoing = switchover.Holding, switchover.Fencing, switchover.Fenced, switchover.Promoting,
		switchover.Released, switchover.Undoing
	runOut := func(t *testing.T, s *switched) {
		s.hears(holding, holding, false)
		s.want(t, "in the hold", "waits")
		time.Sleep(testHold)
		s.want(t, "behind the hold", "waits")
	}
	for name, story := range map[string]func(*testing.T, *switched){
		"nothing is heard or seen": func(t *testing.T, s *switched) {
			runOut(t, s)
			time.Sleep(overrun + time.Second)
			if got := s.goes(t); !strings.Contains(got, "a planned switch to "+toServer+" is under way, and whether "+fromServer+" still takes writes is not known yet") {
				t.Errorf("at last a statement goes: %s", got)
			}
		},
		"the old one is seen to take writes": func(t *testing.T, s *switched) {
			runOut(t, s)
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
			runOut(t, s)
			time.Sleep(overrun + time.Millisecond)
			s.looked(began, fromServer)
			s.want(t, "looked at before", "waits")
		},
		"the switch goes on": func(t *testing.T, s *switched) {
			runOut(t, s)
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
			runOut(t, s)
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
			runOut(t, s)
			s.hears(fencing, fencing, false)
			time.Sleep(testHold + overrun + time.Millisecond)
			s.hears(fencing, fencing, false) // something else has changed
			s.looks(fromServer)
			s.want(t, "seen", fromServer)
			s.hears(fencing, fencing, false)
			s.want(t, "something else has changed", fromServer)
		},
		"its record is gone": func(t *testing.T, s *switched) {
			runOut(t, s)
			s.hears("", "", false)
			s.want(t, "gone", "waits")
			time.Sleep(time.Millisecond)
			s.looks(fromServer)
			s.want(t, "seen", fromServer)
		},
		"others promote another": func(t *testing.T, s *switched) {
			runOut(t, s)
			s.looks(otherServer)
			s.want(t, "promoted", otherServer)
		},
		"it hears of it when the old one is fenced": func(t *testing.T, s *switched) {
			s.hears(fenced, fenced, false)
			s.want(t, "fenced", "waits")
			s.looks("")
			s.want(t, "seen", "waits")
		},
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { story(t, newSwitched(t)) }) })
	}
}
