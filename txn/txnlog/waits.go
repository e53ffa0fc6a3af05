package txnlog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// waits finds a connection that has waited for a lock of rows or of a table since so many seconds. A server tells since when in the zone that
// it lives in, and the time as whoever had the connection before may have set it: here nobody has. For a table, as behind an
// ALTER that waits for others, no engine knows that it waits, and how long says the statement's own time: it waits when it begins.
const waits = "SELECT 1 FROM information_schema.INNODB_TRX WHERE trx_mysql_thread_id = ? AND trx_state = 'LOCK WAIT' " +
	"AND TIMESTAMPDIFF(SECOND, CONVERT_TZ(trx_wait_started, 'SYSTEM', '+00:00'), UTC_TIMESTAMP()) >= ? " +
	"UNION ALL SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = ? AND STATE LIKE 'Waiting for % lock' AND TIME >= ? LIMIT 1"

// Waits reports whether a connection has waited for a lock for so long, in whole seconds: a fraction counts as one.
func (s *Server) Waits(ctx context.Context, conn uint32, patience time.Duration) (bool, error) {
	var one int
	since := int64((patience + time.Second - 1) / time.Second)
	err := s.DB.QueryRowContext(ctx, waits, conn, since, conn, since).Scan(&one)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("ask whether connection %d waits for a lock: %w", conn, err)
	}
	return true, nil
}
