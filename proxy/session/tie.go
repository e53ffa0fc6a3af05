package session

import (
	"net"
	"time"

	"github.com/heddle-mesh/heddle/proxy/wire"
)

// Tie is a call of another protocol for whose sake the client's statements are.
type Tie struct {
	Call   uint64    // another for each call; not 0
	Parent string    // a traceparent; "": it is not traced
	Until  time.Time // its caller waits; the zero time: nothing follows from it
}

// Ties finds the call for whose sake a client on the same machine has a statement run that does not say so itself. Any goroutine may call it.
type Ties interface {
	// Only is that call; ok is false where it could be another.
	Only() (t Tie, ok bool)
}

// isNear reports whether a client is on the same machine.
func isNear(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// tie is the call for whose sake the statement is that has come. A transaction is for the sake of the call in which it began: what is in
// it while another is under way may be either's.
func (s *Session) tie() (Tie, bool) {
	if s.srv.Ties == nil || !s.near {
		return Tie{}, false
	}
	t, ok := s.srv.Ties.Only()
	if s.txn == nil {
		s.tiedTo = t.Call
	}
	return t, ok && t.Call == s.tiedTo
}

// limits is how long the statement's caller waits and, beside that, which trace it is of, where it has not said so itself and the call is known for
// whose sake it is. ok is false where there is no limit.
func (s *Session) limits(comment []byte, attrs []wire.Param) (limit time.Duration, ok bool) {
	limit, ok = s.waits(comment, attrs)
	t, tied := s.tie()
	if !tied {
		return limit, ok
	}
	if s.caller.parent == "" && s.srv.Tracer != nil {
		s.caller.parent = t.Parent
	}
	if !ok && !t.Until.IsZero() {
		return t.Until.Sub(s.since), true // read by this goroutine, which alone writes it
	}
	return limit, ok
}
