package session

import (
	"context"
	"strconv"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// timeoutName is the tag of sqlcommenter's comments, the attribute of a query or of a connection, that says how many milliseconds
// whoever has the statement run still waits for its answer. A statement that nobody waits for any more is ended.
const timeoutName = "request_timeout_ms"

// callerWait is how long the caller of the command under way still waits.
type callerWait struct {
	timer  *time.Timer // nil: no limit
	struck bool        // the command was ended because it was late
	turn   uint64      // counts commands: what is late with one must not end the next
}

// waits is how long the caller waits, as a comment, the attributes of the query, or those of the connection say; ok is
// false where nobody says anything, or nothing that is a number.
func (s *Session) waits(comment []byte, attrs []wire.Param) (limit time.Duration, ok bool) {
	from, to := tag(comment, timeoutName)
	text := string(comment[from:to])
	for i := range attrs {
		if attrs[i].Name == timeoutName {
			text = string(attrs[i].Value.AppendText(nil))
		}
	}
	if text == "" {
		text = s.waitsAlways
	}
	if text == "" {
		return 0, false
	}
	ms, err := strconv.ParseInt(text, 10, 32)
	return time.Duration(ms) * time.Millisecond, err == nil // below 0 for a caller that is late itself
}

// bound has the command under way ended when limit is over, counted from its arrival. The error is that it is over already. What bound
// begins, unbound ends.
func (s *Session) bound(limit time.Duration) error {
	left := limit - time.Since(s.since) // read by this goroutine, which alone writes it
	if left <= 0 {
		return s.late()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	turn := s.callerWait.turn
	s.callerWait.timer = time.AfterFunc(left, func() { s.endLate(turn) })
	return nil
}

// unbound ends what bound has begun.
func (s *Session) unbound() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.callerWait.timer != nil {
		s.callerWait.timer.Stop()
	}
	s.callerWait.timer, s.callerWait.struck = nil, false
	s.callerWait.turn++
}

// endLate ends a command as KILL QUERY does, unless it has ended meanwhile. A COMMIT that is being carried out ends by itself.
func (s *Session) endLate(turn uint64) {
	s.mu.Lock()
	if s.callerWait.turn != turn || s.committing || s.killed != alive {
		s.mu.Unlock()
		return
	}
	s.callerWait.struck, s.killed = true, killQuery
	running := s.working()
	s.kills++
	if s.loading != nil {
		s.loading()
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), lastWrite)
	defer cancel()
	for _, l := range running {
		_ = l.KillQuery(ctx) // a server that cannot be told is waited for no longer
	}
	s.killSent()
}

// wasLate reports whether the command under way was ended by endLate.
func (s *Session) wasLate() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.callerWait.struck
}

// late is what is told of a statement that nobody waits for any more.
func (s *Session) late() *sqlerr.Error {
	if s.srv.Flavour.MariaDB {
		return sqlerr.StatementTime()
	}
	return sqlerr.ExecutionTime()
}
