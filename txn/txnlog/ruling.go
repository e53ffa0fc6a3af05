package txnlog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/heddle-mesh/heddle/txn/xa"
)

// verdictRejected is that of an operator who has a transaction rolled back. Whoever reads it takes it for A; its owner tells its client whose it is.
const verdictRejected = "R"

// Ruling is what is decided of a transaction of an owner's, and by whom.
type Ruling struct {
	Decided, Commit bool
	Operator        bool // by Force or Reject
	Parts           []xa.Log
}

// Ruling reads it.
func (s *Server) Ruling(ctx context.Context, g xa.GTRID) (r Ruling, err error) {
	var verdict, parts string
	var home uint32
	err = s.DB.QueryRowContext(ctx, "SELECT verdict, parts, home FROM "+Schema+".txn_decision WHERE gtrid = ?", g.String()).Scan(&verdict, &parts, &home)
	if errors.Is(err, sql.ErrNoRows) {
		return r, nil
	}
	if err == nil {
		r.Decided, r.Commit = true, verdict == "C"
		r.Operator = verdict == verdictRejected || r.Commit && home == 0 // Force knows no connection of home's
		r.Parts, err = parseParts(parts)
	}
	if err != nil {
		err = fmt.Errorf("read who decided %s: %w", g, err)
	}
	return r, err
}
