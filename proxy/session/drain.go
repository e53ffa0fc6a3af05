package session

import (
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// Drain ends the session as soon as it is idle outside of a transaction: at once, or at the end of the statement or
// transaction under way, when Serve finds its context ended. It may be called by any goroutine.
func (s *Session) Drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.command == wire.ComSleep && s.pins == "" {
		_ = s.conn.SetReadDeadline(time.Unix(1, 0)) // fails only on a closed connection
	}
}

// MayOpen reports why a client may not start in a database; nil if it may.
func (srv *Server) MayOpen(who Identity, db string) error {
	if !who.MayUse(db) {
		return sqlerr.DatabaseAccessDenied(who.User, who.Host, db)
	}
	if _, ok := srv.Catalogs.Current().Database(db); !ok && db != "information_schema" {
		return sqlerr.UnknownDatabase(db)
	}
	return nil
}
