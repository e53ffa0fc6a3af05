package balance_test

import (
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
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
	four := balancetest.Endpoints(4) // of which two are near
	four[0].Zone, four[1].Zone = "south", "south"
	for declared, near := range map[string]float64{"2": 1, "3": 0.93, "7": 0.4} {
		got := picks(t, "zone_first", balance.Properties{"zone": "south", "then": "round_robin", "declared": declared}, four, 20_000)
		if is := float64(got[0]+got[1]) / 20_000; is < near-0.03 || is > near+0.03 {
			t.Errorf("of %s in the zone two are up, and get %.2f of the calls: %v", declared, is, got)
		}
	}
	for _, wrong := range []balance.Properties{{"then": "zone_first"}, {"then": "luck"}, {"declared": "some"}} {
		if _, err := balance.New("zone_first", wrong, endpoints); err == nil {
			t.Errorf("%v is taken", wrong)
		}
	}
}

func TestLeastRequest(t *testing.T) {
	endpoints := balancetest.Endpoints(3)
	for range 5 {
		endpoints[1].Load.Begin()
	}
	if got := picks(t, "least_request", nil, endpoints, 1000); got[1] != 0 {
		t.Errorf("of two the busier one is taken: %v", got)
	}
}

// keyed makes a Picker by keys.
func keyed(t *testing.T, name string, endpoints []balance.Endpoint) balance.Keyed {
	t.Helper()
	p, err := balance.New(name, nil, endpoints)
	if err != nil {
		t.Fatal(err)
	}
	return p.(balance.Keyed)
}

const keys = 20_000

func TestKeysAreSharedByWeight(t *testing.T) {
	for name, off := range map[string]float64{"ring_hash": 0.25, "maglev": 0.05} {
		endpoints := balancetest.Endpoints(5)
		endpoints[4].Weight = 4
		p, count := keyed(t, name, endpoints), make([]float64, 5)
		for i := range keys {
			count[p.PickBy(balance.Hash(strconv.AppendInt(nil, int64(i), 10)))]++
		}
		for i, n := range count {
			want := float64(endpoints[i].Weight) * keys / 8
			if n < want*(1-off) || n > want*(1+off) {
				t.Errorf("%s: endpoint %d has %v keys, want about %v", name, i, n, want)
			}
		}
	}
}

// Whoever stays keeps nearly all keys, and only keys of who has gone have to move.
func TestKeysStay(t *testing.T) {
	for name, most := range map[string]int{"ring_hash": 0, "maglev": keys * 5 / 100} {
		all := balancetest.Endpoints(10)
		before, after, again := keyed(t, name, all), keyed(t, name, all[:9]), keyed(t, name, balancetest.Endpoints(10))
		moved, gone := 0, 0
		for i := range keys {
			key := balance.Hash(strconv.AppendInt(nil, int64(i), 10))
			was, is := before.PickBy(key), after.PickBy(key)
			if again.PickBy(key) != was {
				t.Fatalf("%s: another Picker gives the key %d to another endpoint", name, i)
			}
			switch {
			case was == 9:
				gone++
			case was != is:
				moved++
			}
		}
		if moved > most || gone < keys/20 {
			t.Errorf("%s: %d keys of endpoints that stay have moved, beside %d", name, moved, gone)
		}
	}
}

// slowOne has ten endpoints be given a call a millisecond, and returns how long calls took, in order. One of them is slow.
func slowOne(t *testing.T, name string, takes func(call int) time.Duration) (took []time.Duration) {
	t.Helper()
	endpoints := balancetest.Endpoints(10)
	picker, err := balance.New(name, nil, endpoints)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var all sync.WaitGroup
		defer all.Wait()
		calls := 0 // of the slow one
		for range 8_000 {
			all.Go(func() {
				d := 10 * time.Millisecond
				i := picker.Pick()
				mu.Lock()
				if i == 3 {
					calls++
					d = takes(calls)
				}
				took = append(took, d)
				mu.Unlock()
				endpoints[i].Load.Begin()
				time.Sleep(d)
				endpoints[i].Load.End(d)
			})
			time.Sleep(time.Millisecond)
		}
	})
	slices.Sort(took)
	return took
}

// With one of ten endpoints slow, a tenth of the calls that are shared out in turn is slow. By peak EWMA the slow hundredth is gone.
func TestPeakEWMAAvoidsTheSlowOne(t *testing.T) {
	always := func(int) time.Duration { return 300 * time.Millisecond }
	p99 := func(name string) time.Duration { took := slowOne(t, name, always); return took[len(took)*99/100] }
	if fair, peak := p99("round_robin"), p99("peak_ewma"); peak*2 >= fair {
		t.Errorf("always slow: p99 is %v, in turn %v", peak, fair)
	}
	// One that is slow at a tenth of its calls is so at a hundredth of all: the quantile is the next one up.
	at := func(call int) time.Duration {
		if call%10 == 1 {
			return 300 * time.Millisecond
		}
		return 10 * time.Millisecond
	}
	p995 := func(name string) time.Duration { took := slowOne(t, name, at); return took[len(took)*995/1000] }
	if fair, peak := p995("round_robin"), p995("peak_ewma"); peak*2 >= fair {
		t.Errorf("slow at times: p99.5 is %v, in turn %v", peak, fair)
	}
}

// Rule documents name the balancers that there are, but for those by keys, which reads do not have.
func TestRulesNameThem(t *testing.T) {
	var want []string
	for _, name := range balance.Names() {
		if p, _ := balance.New(name, nil, balancetest.Endpoints(1)); p != nil {
			if _, keyed := p.(balance.Keyed); !keyed {
				want = append(want, name)
			}
		}
	}
	if got := rule.Balancers(); !slices.Equal(got, want) {
		t.Errorf("documents may say %q, and there are %q", got, want)
	}
	if rule.DefaultSplitting().Balancer != balance.Default {
		t.Errorf("documents default to %s", rule.DefaultSplitting().Balancer)
	}
}

// Behind zone_first too keys keep their endpoints: those of a zone in all its processes, as many as it can take, and the others elsewhere.
func TestKeysOfAZone(t *testing.T) {
	for _, then := range []string{"ring_hash", "maglev"} {
		all := balancetest.Endpoints(12)
		for i := range all {
			all[i].Zone = []string{"south", "north"}[i%2]
		}
		made := func(endpoints []balance.Endpoint) balance.Keyed {
			p, err := balance.New("zone_first", balance.Properties{"zone": "south", "then": then, "declared": "6"}, endpoints)
			if err != nil {
				t.Fatal(err)
			}
			return p.(balance.Keyed)
		}
		before, again, after := made(all), made(all), made(slices.DeleteFunc(slices.Clone(all), func(e balance.Endpoint) bool { return e.Name == "e0" || e.Name == "e2" || e.Name == "e4" }))
		left := []int{1, 3, 5, 6, 7, 8, 9, 10, 11}
		near, moved, gone := 0, 0, 0
		for i := range keys {
			key := balance.Hash(strconv.AppendInt(nil, int64(i), 10))
			was, is := before.PickBy(key), left[after.PickBy(key)]
			if was%2 != 0 || again.PickBy(key) != was {
				t.Fatalf("%s: the key %d is at %d, and at %d", then, i, was, again.PickBy(key))
			}
			if is%2 == 0 {
				near++
			}
			switch {
			case was <= 4:
				gone++
			case is%2 == 0 && was != is:
				moved++
			}
		}
		// Three of six are up, which take 1.4 times their share, 0.7 of all; of the keys of these three nine in ten and more stay there or leave the zone.
		if near < keys*67/100 || near > keys*73/100 || moved > keys*5/100 || gone < keys*4/10 {
			t.Errorf("%s: of %d keys %d are in the zone, %d have moved in it, and %d were at endpoints that are gone", then, keys, near, moved, gone)
		}
	}
	if p, err := balance.New("zone_first", balance.Properties{"zone": "south"}, balancetest.Endpoints(2)); err != nil {
		t.Fatal(err)
	} else if _, is := p.(balance.Keyed); is {
		t.Error("without a key to go by it is keyed")
	}
}
