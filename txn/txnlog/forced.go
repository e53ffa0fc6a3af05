package txnlog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/heddle-mesh/heddle/txn/xa"
)

// Forced reports whether it was Force that decided to commit: its row names no connection of home's.
func (s *Server) Forced(ctx context.Context, g xa.GTRID) (bool, error) {
	var home uint32
	err := s.DB.QueryRowContext(ctx, "SELECT home FROM "+Schema+".txn_decision WHERE gtrid = ? AND verdict = 'C'", g.String()).Scan(&home)
	if errors.Is(err, sql.ErrNoRows) { // swept since
		return false, fmt.Errorf("read who decided %s: the decision has gone", g)
	}
	if err != nil {
		return false, fmt.Errorf("read who decided %s: %w", g, err)
	}
	return home == 0, nil
}
