package interop

import (
	_ "embed"
	"strings"
	"sync"
	"testing"
	"time"
)

// knownFailures names the checks that fail, CLIENT/TARGET/CHECK, one on a line, with the reason in a comment above.
//
//go:embed known_failures.txt
var knownFailures string

// ratchet holds the checks of one client against the list.
type ratchet struct {
	client string
	mu     sync.Mutex // guards what follows
	known  map[string]bool
	last   time.Time // of the last report
}

// newRatchet also sees to it that every check on the list is reported until the test ends.
func newRatchet(t *testing.T, client string) *ratchet {
	r := &ratchet{client: client, known: map[string]bool{}, last: time.Now()}
	for line := range strings.Lines(knownFailures) {
		name, _, _ := strings.Cut(line, "#")
		if check, mine := strings.CutPrefix(strings.TrimSpace(name), client+"/"); mine {
			r.known[check] = true
		}
	}
	t.Cleanup(func() {
		for check, open := range r.known {
			if open && !t.Failed() {
				t.Errorf("%s/%s stands in known_failures.txt and there is no such check", client, check)
			}
		}
	})
	return r
}

// report makes a subtest of a check's outcome; problem is empty when it passed.
func (r *ratchet) report(t *testing.T, check, problem string) {
	t.Helper()
	r.mu.Lock()
	_, known := r.known[check]
	if known {
		r.known[check] = false
	}
	took := time.Since(r.last)
	r.last = time.Now()
	r.mu.Unlock()
	t.Run(check, func(t *testing.T) {
		if took > time.Second {
			t.Logf("took %v", took.Round(10*time.Millisecond))
		}
		switch {
		case known && strings.HasPrefix(check, "plain/"):
			t.Errorf("a check that fails on the plain server cannot stand in known_failures.txt: %s", problem)
		case known && problem == "":
			t.Error("passes now: take it off known_failures.txt")
		case known:
			t.Logf("known failure: %s", problem)
		case problem != "":
			t.Error(problem)
		}
	})
}

// check runs f as a check.
func (r *ratchet) check(t *testing.T, name string, f func() error) {
	t.Helper()
	problem := ""
	if err := f(); err != nil {
		problem = err.Error()
	}
	r.report(t, name, problem)
}
