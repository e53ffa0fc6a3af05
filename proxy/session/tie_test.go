package session

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// oneAfterTheOther says of each statement which call is the only one.
type oneAfterTheOther struct{ calls []uint64 } // 0: there is none, or there are several

func (o *oneAfterTheOther) Only() (Tie, bool) {
	call := o.calls[0]
	o.calls = o.calls[1:]
	if call == 0 {
		return Tie{}, false
	}
	return Tie{Call: call, Parent: fmt.Sprintf("00-%d-00", call), Until: time.Now().Add(time.Minute)}, true
}

// A statement that says nothing itself is of the trace of the only call under way, and waits as long as that. In a transaction that began in another call,
// or when there were several, it is of none.
func TestTies(t *testing.T) {
	s := newScripted(t, "mesh")
	r, ties := &tracer{}, &oneAfterTheOther{}
	s.session.srv.Tracer, s.session.srv.Ties = r, ties
	const read = "SELECT c FROM sbtest1 WHERE id=1"
	s.session.near = false
	s.run(1, nil, texts(read)...)
	s.session.near = true
	var commands, want []string
	for _, c := range []struct {
		text   string
		call   uint64
		parent string
	}{
		{read, 1, "00-1-00"}, {read + " /*traceparent='00-9-00'*/", 1, "00-9-00"},
		{"BEGIN", 1, "00-1-00"}, {read, 1, "00-1-00"}, {read, 2, ""}, {read, 0, ""}, {read, 1, "00-1-00"}, {"COMMIT", 2, ""},
		{"BEGIN", 0, ""}, {read, 3, ""}, {"COMMIT", 3, ""},
		{read, 3, "00-3-00"}, {read, 0, ""},
	} {
		commands, want, ties.calls = append(commands, c.text), append(want, c.parent), append(ties.calls, c.call)
	}
	s.run(len(commands), nil, texts(commands...)...)
	if !slices.Equal(r.parents[1:], want) || r.parents[0] != "" {
		t.Errorf("they are of %q", r.parents)
	}

	ties.calls = []uint64{1, 1, 0}
	s.session.since = time.Now()
	if limit, ok := s.session.limits(nil, nil); !ok || limit < 59*time.Second {
		t.Errorf("it waits %v, %v", limit, ok)
	}
	if limit, ok := s.session.limits([]byte("/*request_timeout_ms='5'*/"), nil); !ok || limit != 5*time.Millisecond {
		t.Errorf("one that says so itself waits %v, %v", limit, ok)
	}
	if limit, ok := s.session.limits(nil, nil); ok {
		t.Errorf("one that is tied to nothing waits %v", limit)
	}
	for host, near := range map[string]bool{"127.0.0.1": true, "::1": true, "localhost": true, "10.0.0.1": false, "": false} {
		if isNear(host) != near {
			t.Errorf("%q is near: %v", host, !near)
		}
	}
}
