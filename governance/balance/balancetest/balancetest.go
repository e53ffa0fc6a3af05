// Package balancetest holds implementations of balance.Picker to the numbered rules of their contract. Level: governance, for
// tests.
package balancetest

import (
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/heddle-mesh/heddle/governance/balance"
)

// Factory makes the Picker under test.
type Factory func(p balance.Properties, endpoints []balance.Endpoint) (balance.Picker, error)

// Endpoints are n that are alike.
func Endpoints(n int) []balance.Endpoint {
	out := make([]balance.Endpoint, n)
	for i := range out {
		out[i] = balance.Endpoint{Name: "e" + strconv.Itoa(i), Weight: 1, Load: &balance.Load{}}
	}
	return out
}

// Conform checks the rules; own are properties without which the factory does not do.
func Conform(t *testing.T, own balance.Properties, factory Factory) {
	for _, n := range []int{1, 2, 3, 7} {
		t.Run(strconv.Itoa(n), func(t *testing.T) { conform(t, n, own, factory) })
	}
	t.Run("properties", func(t *testing.T) { // rule 6
		_, err := factory(balance.Properties{"no_such": "1"}, Endpoints(2))
		if err == nil || !strings.Contains(err.Error(), "no_such") {
			t.Errorf("an unknown property: %v", err)
		}
	})
}

func conform(t *testing.T, n int, own balance.Properties, factory Factory) {
	endpoints := Endpoints(n)
	p, err := factory(own, endpoints)
	if err != nil {
		t.Fatal(err)
	}
	const workers, each = 4, 500
	counts := make([][]int, workers)
	var wg sync.WaitGroup
	for w := range workers { // rule 2; the race detector looks on
		counts[w] = make([]int, n)
		wg.Go(func() {
			for range each {
				i := p.Pick()
				if i < 0 || i >= n { // rule 1
					t.Errorf("picked %d of %d", i, n)
					return
				}
				counts[w][i]++
				endpoints[i].Load.Begin()
				endpoints[i].Load.End(1000)
			}
		})
	}
	wg.Wait()
	for i := range n { // rule 5
		sum := 0
		for w := range workers {
			sum += counts[w][i]
		}
		if sum < workers*each/n/4 {
			t.Errorf("endpoint %d of %d was picked %d times of %d", i, n, sum, workers*each)
		}
	}
	if a := testing.AllocsPerRun(100, func() { p.Pick() }); a != 0 { // rule 3
		t.Errorf("a pick allocates %v times", a)
	}
	again, err := factory(own, endpoints) // rule 4
	if err != nil {
		t.Fatal(err)
	}
	if i := again.Pick(); i < 0 || i >= n {
		t.Errorf("made anew it picks %d of %d", i, n)
	}
}
