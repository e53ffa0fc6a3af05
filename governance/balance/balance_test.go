package balance_test

import (
	"slices"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/governance/balance"
	"github.com/heddle-mesh/heddle/governance/balance/balancetest"
	"github.com/heddle-mesh/heddle/router/rule"
)

func TestConform(t *testing.T) {
	for _, name := range balance.Names() {
		t.Run(name, func(t *testing.T) {
			balancetest.Conform(t, nil, func(p balance.Properties, e []balance.Endpoint) (balance.Picker, error) {
				return balance.New(name, p, e)
			})
		})
	}
}

// picks counts what a Picker takes while nothing is going on.
func picks(t *testing.T, name string, p balance.Properties, endpoints []balance.Endpoint, n int) []int {
	t.Helper()
	picker, err := balance.New(name, p, endpoints)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]int, len(endpoints))
	for range n {
		out[picker.Pick()]++
	}
	return out
}

func TestShares(t *testing.T) {
	endpoints := balancetest.Endpoints(3)
	endpoints[1].Weight = 2
	endpoints[2].Weight = 7
	got := picks(t, "weighted", nil, endpoints, 1000)
	for i, want := range []int{100, 200, 700} {
		if got[i] < want-5 || got[i] > want+5 {
			t.Errorf("weights 1, 2 and 7: %v", got)
		}
	}
	if got := picks(t, "round_robin", nil, endpoints, 300); got[0] != 100 || got[1] != 100 || got[2] != 100 {
		t.Errorf("in turn: %v", got)
	}
}

func TestLeastActive(t *testing.T) {
	endpoints := balancetest.Endpoints(3)
	endpoints[0].Load.Begin()
	endpoints[2].Load.Begin()
	if got := picks(t, "least_active", nil, endpoints, 10); got[1] != 10 {
		t.Errorf("the idle one is not taken: %v", got)
	}
}

func TestPeakEWMA(t *testing.T) {
	endpoints := balancetest.Endpoints(3)
	for i, took := range []time.Duration{time.Second, time.Millisecond, 2 * time.Millisecond} {
		endpoints[i].Load.Begin()
		endpoints[i].Load.End(took)
	}
	if got := picks(t, "peak_ewma", nil, endpoints, 10); got[1] != 10 {
		t.Errorf("the fastest is not taken: %v", got)
	}
	for range 3 { // four times the work outweighs twice the time
		endpoints[1].Load.Begin()
	}
	if got := picks(t, "peak_ewma", nil, endpoints, 10); got[2] != 10 {
		t.Errorf("the idle one is not taken: %v", got)
	}
}

func TestZoneFirst(t *testing.T) {
	endpoints := balancetest.Endpoints(3)
	endpoints[0].Zone, endpoints[2].Zone = "north", "south"
	p := balance.Properties{"zone": "south", "then": "round_robin"}
	if got := picks(t, "zone_first", p, endpoints, 10); got[2] != 10 {
		t.Errorf("the near one is not taken: %v", got)
	}
	p["zone"] = "west"
	if got := picks(t, "zone_first", p, endpoints, 9); got[0] != 3 || got[1] != 3 || got[2] != 3 {
		t.Errorf("where none is near: %v", got)
	}
	for _, wrong := range []balance.Properties{{"then": "zone_first"}, {"then": "luck"}} {
		if _, err := balance.New("zone_first", wrong, endpoints); err == nil {
			t.Errorf("%v is taken", wrong)
		}
	}
}

// Rule documents name the balancers that there are.
func TestRulesNameThem(t *testing.T) {
	if got, want := rule.Balancers(), balance.Names(); !slices.Equal(got, want) {
		t.Errorf("documents may say %q, and there are %q", got, want)
	}
	if rule.DefaultSplitting().Balancer != balance.Default {
		t.Errorf("documents default to %s", rule.DefaultSplitting().Balancer)
	}
}
