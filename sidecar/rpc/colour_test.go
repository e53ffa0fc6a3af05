package rpc

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A call's colour chooses among the parts of each cluster that it and its like come to. It sticks to the calls that a service makes for its sake, whose
// trace says for whose sake they are; where two colours are under way in a trace nothing is guessed.
func TestColours(t *testing.T) {
	eachDialect(t, func(t *testing.T, d *dialect) {
		var addr string
		var call func(service string, timeout time.Duration, pairs ...string) int
		trace := traceKey(d)
		var begun sync.Once
		ready, both := make(chan struct{}), make(chan struct{})
		var carried atomic.Value
		base, blue := d.serve(t, well), d.serve(t, func(q *said) int {
			carried.Store(q.pairs["x-colour"])
			return 200
		})
		held := func(*said) int {
			select { // who has given up reads nothing
			case ready <- struct{}{}:
			case <-t.Context().Done():
			}
			select {
			case <-both:
			case <-t.Context().Done():
			}
			return 200
		}
		one, other := d.serve(t, held), d.serve(t, held)
		front := d.serve(t, func(q *said) int { // a service that carries its caller's trace on, and nothing else
			begun.Do(func() { call = d.dial(t, addr) })
			return call("back", time.Minute, trace, q.pairs[trace])
		})
		addr, s, w := d.proxied(t, nil, `clusters:
  front: {PROTOCOL, local: true, endpoints: [%q]}
  one: {PROTOCOL, local: true, endpoints: [%q]}
  other: {PROTOCOL, local: true, endpoints: [%q]}
  back: {PROTOCOL, endpoints: [{address: %q, labels: {version: base}}, {address: %q, labels: {version: blue}}], subsets: {base: {version: base}, blue: {version: blue}}}
routes:
  - {path: {prefix: /front}, to: front}
  - {path: {prefix: /blue}, to: one}
  - {path: {prefix: /green}, to: other}
  - {path: {prefix: /dyed}, to: back/base, subset_by: colour, colour: {name: blue}}
  - {path: {prefix: /never}, to: back/base, subset_by: colour, colour: {name: blue, percent: 0}}
  - {path: {prefix: /back}, to: back/base, subset_by: colour}
`, front, one, other, base, blue)
		settings := testSettings
		settings.Silence, settings.HeadTimeout, settings.Colour = time.Minute, time.Minute, "x-colour"
		s.Set(settings)
		parent := func(n string) string { return "00-0af7651916cd43dd8448eb211c80319" + n + "-b7ad6b7169203331-01" }
		ask, seen := d.dial(t, addr), 0
		last := func() *Done {
			seen++
			done := w.nth(t, seen)
			return &done
		}
		for _, c := range []struct {
			service string
			pairs   []string
			calls   int // with those of the service
			at      string
		}{
			{"back", nil, 1, base},
			{"back", []string{"x-colour", "blue"}, 1, blue},
			{"back", []string{"x-colour", "green"}, 1, base},
			{"back", []string{"x-colour", "no colour"}, 1, base},
			{"dyed", nil, 1, blue},
			{"dyed", []string{"x-colour", "green"}, 1, base},
			{"never", nil, 1, base},
			{"front", []string{"x-colour", "blue", trace, parent("0")}, 2, blue},
			{"front", []string{trace, parent("0")}, 2, base}, // nothing has stayed of the one before
			{"front", []string{"x-colour", "blue"}, 2, base}, // of no trace
			{"back", []string{trace, parent("0")}, 1, base},
		} {
			carried.Store("")
			if status := ask(c.service, time.Minute, c.pairs...); status != 200 {
				t.Errorf("%s %v: status %d", c.service, c.pairs, status)
			}
			var about *Done
			for range c.calls {
				if done := last(); strings.HasPrefix(done.Cluster, "back/") {
					about = done
				}
			}
			if about.Endpoint != c.at {
				t.Errorf("%s %v: the call came to %s", c.service, c.pairs, about.Endpoint)
			}
			if told := carried.Load().(string); (told == "blue") != (c.at == blue) {
				t.Errorf("%s %v: the server was told %q", c.service, c.pairs, told)
			}
		}
		var calls sync.WaitGroup
		for _, colour := range []string{"blue", "green"} { // of one trace, at once
			mine := d.dial(t, addr)
			calls.Go(func() { mine(colour, time.Minute, "x-colour", colour, trace, parent("1")) })
			select {
			case <-ready:
			case <-time.After(20 * time.Second):
				t.Fatal("the call does not come there")
			}
		}
		if ask("back", time.Minute, trace, parent("1")); last().Endpoint != base {
			t.Error("a colour was guessed")
		}
		close(both)
		calls.Wait()
		w.nth(t, seen+2)
		if s.ties.mu.Lock(); len(s.ties.colours) > 0 {
			t.Errorf("colours stay: %v", s.ties.colours)
		}
		s.ties.mu.Unlock()
	})
}
