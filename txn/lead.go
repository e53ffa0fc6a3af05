package txn

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"
	"sync"

	"github.com/heddle-mesh/heddle/txn/txnlog"
)

// leads are the data sources whose tables this process sweeps, for all of its mesh. Sweeps are many questions and a picture of all open transactions
// each, of which a server has few to give: with each instance's there would soon be too many. Who leads is said by a lock of the server
// itself, so that nothing else has to live; it goes with its connection, which the server ends when nothing has come on it for leaseSeconds,
// as when its process is frozen. Nothing depends on there being one only.
type leads struct {
	cluster uint32

	mu sync.Mutex // guards what follows
	of map[string]*lead
}

type lead struct {
	db   *sql.DB // whose connection it is
	conn *sql.Conn
}

const leaseSeconds = 15 // several sweeps

// has reports whether this process leads, and takes the lead if nobody has it. It is asked once at a time of a data source.
func (l *leads) has(ctx context.Context, dataSource string, server *txnlog.Server) (bool, error) {
	name := fmt.Sprintf("heddle.txn.sweep.%x.%s", l.cluster, server.Log)
	var held sql.NullBool
	l.mu.Lock()
	have := l.of[dataSource]
	l.mu.Unlock()
	if have != nil && have.db == server.DB {
		err := have.conn.QueryRowContext(ctx, "SELECT IS_USED_LOCK(?) = CONNECTION_ID()", name).Scan(&held)
		if err == nil && held.Bool {
			return true, nil
		}
	}
	l.drop(dataSource)
	conn, err := server.DB.Conn(ctx)
	if err != nil {
		return false, fmt.Errorf("take the lead: %w", err)
	}
	err = conn.QueryRowContext(ctx, "SELECT GET_LOCK(?, 0)", name).Scan(&held)
	if err == nil && !held.Bool {
		_ = conn.Close() // back to its pool
		return false, nil
	}
	if err == nil {
		_, err = conn.ExecContext(ctx, fmt.Sprintf("SET wait_timeout = %d", leaseSeconds))
	}
	l.mu.Lock()
	if l.of == nil {
		l.of = map[string]*lead{}
	}
	l.of[dataSource] = &lead{server.DB, conn}
	l.mu.Unlock()
	if err != nil {
		l.drop(dataSource)
		return false, fmt.Errorf("take the lead: %w", err)
	}
	return true, nil
}

// drop gives a lead up, with its connection.
func (l *leads) drop(dataSource string) {
	l.mu.Lock()
	have := l.of[dataSource]
	delete(l.of, dataSource)
	l.mu.Unlock()
	if have != nil {
		_ = have.conn.Raw(func(any) error { return driver.ErrBadConn }) // which ends it
		_ = have.conn.Close()
	}
}

// keep gives up those of data sources that are not among names.
func (l *leads) keep(names []string) {
	l.mu.Lock()
	var over []string
	for name := range l.of {
		if !slices.Contains(names, name) {
			over = append(over, name)
		}
	}
	l.mu.Unlock()
	for _, name := range over {
		l.drop(name)
	}
}
