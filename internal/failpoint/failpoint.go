// Package failpoint breaks a program at named points, so that tests can see what is left behind: a point in the code calls
// Hit, and what happens there is said from outside, in one line of text. Without such a line a point costs a comparison with
// nil. It is for tests of faults; no configuration file can set it.
package failpoint

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopping is how long it may take until a process that has stopped itself does nothing more.
const stopping = 100 * time.Millisecond

// ErrHit is what a point answers where the action is "error".
var ErrHit = errors.New("failpoint: told to fail")

// Set are the points that do something. A nil Set does nothing.
type Set struct {
	mu     sync.Mutex // guards points
	points map[string]*point
}

type point struct {
	at   int // the hit that counts, from 1; 0: each
	hits int
	do   string
	wait time.Duration
}

// Parse reads points: "name=action" or "name:3=action" for the third time only, several with ';' between them. The actions
// are error, kill (this process, as by kill -9), stop (this process, until it is sent SIGCONT), hang (until the context ends) and
// sleep(duration).
func Parse(text string) (*Set, error) {
	s := &Set{points: map[string]*point{}}
	for one := range strings.SplitSeq(text, ";") {
		name, action, ok := strings.Cut(strings.TrimSpace(one), "=")
		p := &point{do: action}
		if name, nth, found := strings.Cut(name, ":"); found {
			n, err := strconv.Atoi(nth)
			if err != nil || n < 1 {
				return nil, fmt.Errorf("failpoint %q: %q is no count", one, nth)
			}
			p.at = n
			s.points[name] = p
		} else {
			s.points[name] = p
		}
		if d, found := strings.CutPrefix(action, "sleep("); found {
			var err error
			if p.wait, err = time.ParseDuration(strings.TrimSuffix(d, ")")); err != nil {
				return nil, fmt.Errorf("failpoint %q: %w", one, err)
			}
			p.do = "sleep"
		}
		switch p.do {
		case "error", "kill", "stop", "hang", "sleep":
		default:
			ok = false
		}
		if !ok {
			return nil, fmt.Errorf("failpoint %q is not name=error, kill, stop, hang or sleep(duration)", one)
		}
	}
	return s, nil
}

// Hit is a point. It returns ErrHit where the program is to behave as if it had died there.
func (s *Set) Hit(ctx context.Context, name string) error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	p := s.points[name]
	due := false
	if p != nil {
		p.hits++
		due = p.at == 0 || p.at == p.hits
	}
	s.mu.Unlock()
	if !due {
		return nil
	}
	switch p.do {
	case "error":
		return fmt.Errorf("%s: %w", name, ErrHit)
	case "kill":
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
		select {}
	case "stop":
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGSTOP)
		<-time.After(stopping) // until it is: other threads may be told first
	case "hang":
		<-ctx.Done()
	case "sleep":
		select {
		case <-ctx.Done():
		case <-time.After(p.wait):
		}
	}
	return nil
}
