package backend

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// Lease is the loan of a connection to a session. It belongs to one goroutine, but for KillQuery and Interrupt, which
// any may call. It ends with Release or Destroy, once; later calls have no effect.
type Lease struct {
	conn *Conn

	// mu guards done. It is held for reading while a KILL or an interruption is under way, so that neither can hit the
	// next borrower.
	mu   sync.RWMutex
	done bool
}

// Conn is the connection. It must not be used after the lease has ended, except as a hint.
func (l *Lease) Conn() *Conn { return l.conn }

// DataSource is the name of the data source that the connection is to.
func (l *Lease) DataSource() string { return l.conn.ds.Name }

// Addr is where the connection's server is.
func (l *Lease) Addr() string { return l.conn.ds.Addr }

// Release gives the connection back. It is closed instead of kept if it is broken or tainted, if an answer was not
// read to its end, if a transaction is open, or if a KILL was sent for it. After an ERR it is not known whether a
// transaction is open: then the server is asked, which takes a round trip of at most a second.
// If a KILL is under way, Release waits for its end.
func (l *Lease) Release() {
	if l.end() {
		l.conn.slot.pool.giveBack(l.conn)
	}
}

// Destroy closes the connection. If an answer is still to come, the statement is also killed at the server, in the
// background.
func (l *Lease) Destroy() {
	if l.end() {
		l.conn.slot.pool.destroy(l.conn)
	}
}

func (l *Lease) end() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done {
		return false
	}
	l.done = true
	return true
}

// Ended reports whether the lease has ended.
func (l *Lease) Ended() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.done
}

// Taint makes Release close the connection: its state cannot be tracked, for the reason given.
func (l *Lease) Taint(reason string) { l.conn.Taint(reason) }

// Interrupt breaks the connection and thereby ends whatever its borrower waits for. No effect on an ended lease.
func (l *Lease) Interrupt() {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if !l.done {
		l.conn.Interrupt()
	}
}

// KillQuery ends the statement that runs on the lease by KILL QUERY, sent over a connection of its own. The borrower
// then reads the ERR 1317 as the statement's answer (or its proper answer, if the KILL came too late). The connection
// is not lent again, since a KILL that came too late may strike the statement after. A server that cannot be told will
// hardly answer the statement either: then the connection is interrupted, and what became of the statement is unknown.
// No effect on an ended lease.
func (l *Lease) KillQuery(ctx context.Context) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.done {
		return nil
	}
	err := l.conn.Kill(ctx, true)
	if err != nil {
		l.conn.Interrupt()
	}
	return err
}

// Kill ends the statement that runs on c (query), or c itself, through a second short connection with the same
// account. That the server does not know c any more is no error.
func (c *Conn) Kill(ctx context.Context, query bool) error {
	c.killed.Store(true)
	ctx, cancel := context.WithTimeoutCause(ctx, c.ds.Limits.KillTimeout,
		fmt.Errorf("KILL took longer than %v", c.ds.Limits.KillTimeout))
	defer cancel()
	k, err := c.dialer.connect(ctx, c.ds, 0, "")
	if err != nil {
		return fmt.Errorf("kill: %w", err)
	}
	defer func() { _ = k.Close() }() // its work is done or has failed
	sql := "KILL CONNECTION "
	if query {
		sql = "KILL QUERY "
	}
	_, err = k.Exec(ctx, sql+strconv.FormatUint(uint64(c.info.ThreadID), 10))
	if e := sqlerr.As(err); e != nil && e.Code == sqlerr.CodeNoSuchThread {
		return nil
	}
	if err != nil {
		return fmt.Errorf("kill: %w", err)
	}
	return nil
}

// settleTimeout bounds the question whether a transaction is open.
const settleTimeout = time.Second

// unfit says why c must not be lent again; "" if it may.
func (c *Conn) unfit() string {
	switch {
	case c.Broken():
		return "broken"
	case c.busy || c.stream.Reader.Buffered() > 0:
		return "an unread answer"
	case c.killed.Load():
		return "killed"
	case c.taint != "":
		return c.taint
	case c.applied.userBytes > maxUserVarBytes:
		return "large user variables"
	}
	if c.uncertain || c.stream.Writer.Buffered() > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
		defer cancel()
		if err := c.Ping(ctx); err != nil {
			return "no answer"
		}
	}
	if c.status.Has(wire.StatusInTrans) {
		return "an open transaction"
	}
	return ""
}
