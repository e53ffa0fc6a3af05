package session

import (
	"strconv"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/tcp"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// What servers' net_read_timeout and net_write_timeout are, where a session has set nothing else.
const (
	readTimeout  = 30 * time.Second
	writeTimeout = 60 * time.Second
)

// setPatience reads how long the client is waited for: one that pauses in the middle holds memory that is taken from all,
// and connections to servers, which would end them after as long.
func (s *Session) setPatience() {
	s.patience = s.waitTimeout()
	s.midStatement = s.secondsOf("net_read_timeout", readTimeout)
	if takes := s.secondsOf("net_write_timeout", writeTimeout); takes != s.takesWithin {
		s.takesWithin = takes
		tcp.Bound(s.conn, takes)
	}
}

// secondsOf is a variable of the session's, if it has set it.
func (s *Session) secondsOf(name string, otherwise time.Duration) time.Duration {
	if v, ok := s.state.Var(name); ok {
		if n, err := strconv.Atoi(v); err == nil {
			return time.Duration(n) * time.Second
		}
	}
	return otherwise
}

// receiving is called before each wait for more of a long statement, or of a file.
func (s *Session) receiving() error {
	now := time.Now()
	if s.paced && s.deadline.Sub(now) > s.midStatement-time.Second { // a file comes in many pieces
		return nil
	}
	s.deadline = now.Add(s.midStatement)
	if err := s.conn.SetReadDeadline(s.deadline); err != nil {
		return err
	}
	if s.killState() == killConnection { // Kill sets a deadline too, which may just have been undone
		return sqlerr.ConnectionKilled()
	}
	s.paced = true
	return nil
}

// received takes back the deadline that receiving has set: the file of a LOAD DATA may follow.
func (s *Session) received() error {
	if !s.paced {
		return nil
	}
	s.paced, s.deadline = false, time.Time{}
	return s.conn.SetReadDeadline(time.Time{}) // a KILL meanwhile is seen by begin
}

// answerRefused answers a command that was too long to be kept.
func (s *Session) answerRefused(refused *wire.Refused) error {
	if len(refused.Head) > 0 && wire.Command(refused.Head[0]) == wire.ComStmtSendLongData {
		if m, err := wire.ParseStmtSendLongData(refused.Head[1:]); err == nil {
			if stmt := s.prepared.byID[m.StatementID]; stmt != nil {
				stmt.failed = refused.Err
			}
		}
		return nil // no answer is expected: the execution fails
	}
	s.diag.reset()
	return s.writeError(refused.Err)
}

// parseInTurn has texts parsed one after the other that are long: a parser makes several times a text of garbage.
func (srv *Server) parseInTurn(text []byte, parse func() (*parser.Statement, error)) (*parser.Statement, error) {
	if len(text) >= bigBuffer {
		srv.parsing.Lock()
		defer srv.parsing.Unlock()
	}
	return parse()
}

// bigBuffer is from which size on a buffer is not kept for the next statement, bytes.
const bigBuffer = 1 << 20

// slim lets go of buffers and memory that a long statement has made big, and of its text.
func (s *Session) slim() {
	s.read()
	if cap(s.render.SQL) > bigBuffer {
		s.render.SQL = nil
	}
	if cap(s.key) > bigBuffer {
		s.key = nil
	}
	if s.scan.Weight() > bigBuffer {
		s.scan = parser.Scan{}
	}
}
