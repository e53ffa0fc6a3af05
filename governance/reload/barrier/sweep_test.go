//go:build !race

package barrier

import (
	"fmt"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/governance/layout"
)

func newWorld(offline []layout.Offline, coords int, resolvers, crashes, losses int) *world {
	w := &world{pointer: layout.Pointer{Version: 1, Serial: 1}, crashes: crashes, losses: losses}
	for n, mode := range offline {
		i := &inst{name: string(rune('a' + n)), offline: mode, up: true, online: true, serving: true, running: 1, serial: 1,
			disk: 1, diskSerial: 1, diskPresent: true}
		i.p = *Boot(mode, Journal{}, 1)
		i.p.alive = true
		w.insts = append(w.insts, i)
		w.members[n] = Member{Name: i.name, Alive: true, Offline: mode}
	}
	for n := range max(coords, -coords) { // negative: each builds on the one before
		want := Prepare{ID: string(rune('X' + n)), Version: int64(n + 2), Base: 1, Tables: []string{"t"}}
		if coords < 0 {
			want.Base += int64(n)
		}
		w.coords = append(w.coords, &coord{c: *Begin(want)})
	}
	for range resolvers {
		w.coords = append(w.coords, &coord{resolve: true})
	}
	return w
}

type node struct {
	from uint64
	step step
}

// explore visits every reachable state once and returns how many there are, with the outcomes seen.
func explore(start *world) (states int, flipped, quiet bool, err error) {
	seen := map[uint64]node{start.key(): {}}
	queue := []*world{start}
	for len(queue) > 0 {
		w := queue[0]
		queue[0] = nil
		queue = queue[1:]
		key := w.key()
		if err := w.check(); err != nil {
			return len(seen), flipped, quiet, fmt.Errorf("%w\n%s", err, path(seen, key))
		}
		flipped = flipped || w.pointer.Version > 1
		quiet = quiet || w.pointer.Version > 1 && w.settled()
		for _, s := range w.steps() {
			next := w.clone()
			s.do(next)
			k := next.key()
			if _, ok := seen[k]; ok {
				continue
			}
			seen[k] = node{from: key, step: s}
			queue = append(queue, next)
		}
	}
	return len(seen), flipped, quiet, nil
}

// settled: everybody serves the new version again.
func (w *world) settled() bool {
	for _, i := range w.insts {
		if !i.serves() || i.running != w.pointer.Version {
			return false
		}
	}
	return w.prepare == nil
}

func path(seen map[uint64]node, key uint64) string {
	var steps []string
	for n := seen[key]; n.step.do != nil; n = seen[n.from] {
		steps = append([]string{fmt.Sprintf("%c %s (%d)", n.step.who, n.step.what, n.step.kind)}, steps...)
	}
	return strings.Join(steps, "\n")
}

func TestEveryPath(t *testing.T) {
	serve, fence := layout.Serve, layout.Fence
	for _, c := range []struct {
		name                               string
		modes                              []layout.Offline
		coords, resolvers, crashes, losses int
	}{
		{"one change, no fault", []layout.Offline{serve, serve}, 1, 0, 0, 0},
		{"one change, crashes", []layout.Offline{serve, serve}, 1, 0, 2, 0},
		{"one change, a lost lease", []layout.Offline{serve, serve}, 1, 0, 0, 1},
		{"somebody resolves", []layout.Offline{serve, serve}, 1, 1, 0, 0},
		{"fencing instances", []layout.Offline{fence, fence}, 1, 0, 0, 1},
		{"one of each", []layout.Offline{serve, fence}, 1, 0, 1, 1},
		{"two changes compete", []layout.Offline{serve, serve}, 2, 0, 0, 0},
		{"one change after another", []layout.Offline{serve, serve}, -2, 0, 0, 0},
		{"three instances", []layout.Offline{serve, fence, serve}, 1, 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			states, flipped, quiet, err := explore(newWorld(c.modes, c.coords, c.resolvers, c.crashes, c.losses))
			if err != nil {
				t.Fatal(err)
			}
			if !flipped || !quiet {
				t.Fatalf("in none of %d states the change was made (%v) and served by all (%v)", states, flipped, quiet)
			}
			t.Log(states, "states")
		})
	}
}

// TestTheSweepSees has the world leave out one precaution at a time: the exploration must find the harm.
func TestTheSweepSees(t *testing.T) {
	for _, flaw := range []string{"no journal", "pointer read first", "the store ends a lease first"} {
		t.Run(flaw, func(t *testing.T) {
			t.Parallel()
			mode := layout.Serve
			if flaw == "the store ends a lease first" {
				mode = layout.Fence
			}
			w := newWorld([]layout.Offline{mode, mode}, 1, 0, 1, 1)
			w.flaw = flaw
			if _, _, _, err := explore(w); err == nil {
				t.Fatal("the exploration found nothing")
			}
		})
	}
}
