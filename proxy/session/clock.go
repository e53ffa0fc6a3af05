package session

import (
	"fmt"
	"time"

	"github.com/heddle-mesh/heddle/proxy/exec"
)

// atOneTime gives a statement that runs on several shards one value of NOW() and its kin, column defaults included:
// SET STATEMENT leaves nothing behind and costs no round trip. A session that has set its timestamp has one already.
//
// A prepared statement's text must not change from run to run, and MySQL has no SET STATEMENT: there the variable
// itself is set, which the hand-over of session state undoes.
func (s *Session) atOneTime(x *execution, sql []byte) []byte {
	if _, ok := s.state.Var("timestamp"); ok || x.form != exec.TextRows || !s.srv.Flavour.MariaDB {
		return sql
	}
	return append(fmt.Appendf(nil, "SET STATEMENT timestamp=%s FOR ", x.now()), sql...)
}

// now is the statement's time in seconds, read once.
func (x *execution) now() string {
	if x.clock == "" {
		t := time.Now()
		x.clock = fmt.Sprintf("%d.%06d", t.Unix(), t.Nanosecond()/1000)
	}
	return x.clock
}

// fixClock sets the time as a session variable for one statement where it cannot stand in the text.
func (s *Session) fixClock(x *execution, units int) (restore func()) {
	_, set := s.state.Var("timestamp")
	if units < 2 || !x.plan.Clock || set || x.form == exec.TextRows && s.srv.Flavour.MariaDB {
		return func() {}
	}
	return s.override("timestamp", x.now())
}

// override sets a variable of the session for a part of a statement.
func (s *Session) override(name, literal string) (restore func()) {
	before, set := s.state.Var(name)
	s.state.SetVar(name, literal)
	return func() {
		if set {
			s.state.SetVar(name, before)
		} else {
			s.state.UnsetVar(name)
		}
	}
}

// stopClock gives all that a statement runs one time, on however many shards.
func (s *Session) stopClock(x *execution) (restore func()) {
	if _, set := s.state.Var("timestamp"); set || !x.plan.Clock {
		return func() {}
	}
	return s.override("timestamp", x.now())
}

// forget drops a connection that was found dead before it was used.
func (s *Session) forget(h *held) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, have := range s.held {
		if have == h {
			s.held = append(s.held[:i:i], s.held[i+1:]...)
			break
		}
	}
	h.ended()
	delete(s.hints, h.lease.Conn().Info().DataSource)
	h.drop()
}
