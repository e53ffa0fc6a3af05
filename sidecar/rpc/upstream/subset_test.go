package upstream

import (
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/governance/breaker"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// TestSubsets: what becomes of an endpoint is known in every part that has it, and found endpoints join the parts.
func TestSubsets(t *testing.T) {
	v2 := map[string]string{"version": "v2"}
	s := New("")
	rule := &route.Cluster{
		Endpoints: []*route.Endpoint{{Address: "e0:1"}, {Address: "e1:1", Labels: v2}, {Address: "e2:1", Labels: map[string]string{"version": "v2", "zone": "a"}}},
		Discover:  &route.Discover{Registry: true},
		Breaker:   &route.Breaker{Least: 2, Open: time.Hour, Window: time.Hour},
		Subsets:   map[string]map[string]string{"v2": v2, "v3": {"version": "v3"}},
	}
	adopt := func() {
		t.Helper()
		if err := s.Adopt(map[string]*route.Cluster{"web": rule}); err != nil {
			t.Fatal(err)
		}
	}
	adopt()
	if c := s.Cluster("web/v3"); c == nil || c.Pick(nil) != nil || s.Subset("web", "v3") != nil || s.Cluster("web/v4") != nil {
		t.Error("a part that nobody is in is not empty")
	}
	if len(s.Clusters()) != 1 {
		t.Errorf("clusters: %v", s.Clusters())
	}
	wantShares(t, "all are up", s.Cluster("web/v2"), map[string]int{"e1:1": 30, "e2:1": 30})
	wantShares(t, "all are up", s.Cluster("web"), map[string]int{"e0:1": 30, "e1:1": 30, "e2:1": 30})
	failed := s.Cluster("web").Endpoints[1]
	for range 2 { // calls that the whole cluster was asked for
		if !failed.admits(time.Now()) {
			t.Fatal("it is out already")
		}
		failed.Over(breaker.Failed, "status 500")
	}
	wantShares(t, "one fails", s.Subset("web", "v2"), map[string]int{"e2:1": 30})
	adopt()
	wantShares(t, "one fails, and the document is read again", s.Subset("web/v3", "v2"), map[string]int{"e2:1": 30})
	if s.Cluster("web/v2").Endpoints[0] != s.Cluster("web").Endpoints[1] {
		t.Error("a part has connections of its own")
	}
	if err := s.Found("web", []*route.Endpoint{{Address: "e3:1", Labels: map[string]string{"version": "v3"}}}); err != nil {
		t.Fatal(err)
	}
	wantShares(t, "one is found", s.Subset("web", "v3"), map[string]int{"e3:1": 10})
}
