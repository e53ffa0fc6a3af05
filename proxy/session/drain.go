package session

import (
	"context"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// lastCommand is how long a session that ends for the drain waits for its client's next command.
const lastCommand = 500 * time.Millisecond

// midway reports whether the client is in the middle of what it wants to have done: a transaction, or tables that it has
// locked. What else a connection may be kept for (a temporary table, GET_LOCK) has no end that could be waited for.
func (s *Session) midway() bool { return s.txn != nil || s.locked != nil }

// Drain ends the session as soon as it is idle and not midway: at once, or at the end of the statement or transaction under
// way, when Serve finds draining closed. It may be called by any goroutine.
func (s *Session) Drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.command == wire.ComSleep && !s.waitedFor {
		_ = s.conn.SetReadDeadline(time.Unix(1, 0)) // fails only on a closed connection
	}
}

// sendOff gives up what an idle session holds and tells its client that the process ends: as the answer to its next
// command, if one comes soon, else unasked. An ERR that nobody has asked for has another sequence id than the answer
// for which a client that sends a command meanwhile would take it: some clients then tell of a lost connection, not of
// the error. The command is not run.
func (s *Session) sendOff(ctx context.Context) {
	s.letGo(ctx)
	_ = s.conn.SetReadDeadline(time.Now().Add(lastCommand)) // fails only on a closed connection
	for {
		cmd, _, err := s.client.ReadCommand()
		switch {
		case err == nil && cmd == wire.ComQuit:
			return
		case err == nil && (cmd == wire.ComStmtClose || cmd == wire.ComStmtSendLongData):
			continue // no answer is expected
		}
		s.refuse(sqlerr.ShuttingDown()) // fails where the client has left
		return
	}
}

// verdict is why the session was killed.
func (s *Session) verdict() *sqlerr.Error {
	if s.drains() {
		return sqlerr.ShuttingDown()
	}
	return sqlerr.ConnectionKilled()
}
