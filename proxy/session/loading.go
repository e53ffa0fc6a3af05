package session

import (
	"context"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/router"
	"github.com/heddle-mesh/heddle/router/catalog"
)

// loadTables has the schemas of tables read, until the statement is killed.
func (s *Session) loadTables(ctx context.Context, names []router.Name) (*catalog.Snapshot, error) {
	ctx, end, err := s.untilKilled(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	snap, err := s.srv.Catalogs.Load(ctx, names)
	return snap, unlessKilled(ctx, err)
}

// loadPrograms has the stored programs of a database read, until the statement is killed.
func (s *Session) loadPrograms(ctx context.Context, need *router.NeedPrograms) (*catalog.Snapshot, error) {
	ctx, end, err := s.untilKilled(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	snap, err := s.srv.Catalogs.LoadPrograms(ctx, need)
	return snap, unlessKilled(ctx, err)
}

// unlessKilled is the error of a question, or that of a statement which was killed meanwhile: it has not begun.
func unlessKilled(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return sqlerr.Interrupted()
	}
	return err
}

// untilKilled gives a context that a KILL ends: the connections on which schemas are read are not the session's.
func (s *Session) untilKilled(ctx context.Context) (context.Context, func(), error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.killed != alive && !s.committing {
		return nil, nil, sqlerr.Interrupted()
	}
	ctx, cancel := context.WithCancel(ctx)
	s.loading = cancel
	return ctx, func() {
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.loading = nil
	}, nil
}
