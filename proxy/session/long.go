package session

import (
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// receiveTimeout is how long a client may pause in the middle of a long statement, whose memory is taken from all: what
// servers' net_read_timeout is.
const receiveTimeout = 30 * time.Second

// receiving is called before each wait for more of a long statement.
func (s *Session) receiving() error {
	s.deadline = time.Now().Add(receiveTimeout)
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

// slim lets go of buffers that a long statement has made big, and of its text.
func (s *Session) slim() {
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
