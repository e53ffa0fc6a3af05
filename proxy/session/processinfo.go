package session

import (
	"time"

	"github.com/heddle-mesh/heddle/proxy/wire"
)

// Info is a session as SHOW PROCESSLIST prints it.
type Info struct {
	ID       uint32
	User     string
	Host     string
	Database string
	Command  wire.Command
	Since    time.Time // of the command or of the sleep
	State    string    // what it does, or why it holds connections
	Text     string    // the statement under way, cut
}

// Info describes the session; it may be called by any goroutine.
func (s *Session) Info() Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := s.status
	if state == "" {
		state = s.pins
	}
	return Info{
		ID: s.id, User: s.user, Host: s.host, Database: s.dbShown, Command: s.command,
		Since: s.since, State: state, Text: string(s.shown),
	}
}

// Working tells for how long the command under way has run, 0 between two commands. It is 0 also where the client has
// sent more than that command: then it is no longer known what there is to be done for it. Any goroutine may ask.
func (s *Session) Working(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.command == wire.ComSleep || s.ahead {
		return 0
	}
	return now.Sub(s.since)
}
