package txnlog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/heddle-mesh/heddle/txn/xa"
)

// A connection is known by its number, and a server gives each number once, until it is restarted. So what is to be ended is looked for, and ended, over one
// connection: if the server has been restarted in between, that has gone too. Who is looked for began on the server as it is now only if something says so:
// that it holds a branch's mark (Detach), or that it is in a transaction that old on a server that is older (KillHome).

// asker is a *sql.DB, or one connection of it.
type asker interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func listedBy(ctx context.Context, on asker, conn uint32) (there, ours bool, err error) {
	err = on.QueryRowContext(ctx, "SELECT USER = SUBSTRING_INDEX(USER(), '@', 1) FROM information_schema.PROCESSLIST WHERE ID = ?", conn).Scan(&ours)
	if errors.Is(err, sql.ErrNoRows) {
		return false, false, nil
	}
	if err != nil {
		return false, false, fmt.Errorf("look for connection %d: %w", conn, err)
	}
	return true, ours, nil
}

// Kill ends a connection of the account's, if what sure, which is asked over the connection that then ends it, says of it holds; nil: in any case.
func (s *Server) Kill(ctx context.Context, conn uint32, sure func(on *sql.Conn) (bool, error)) error {
	s.looks.once.Do(s.looks.init)
	select {
	case s.looks.killers <- struct{}{}:
		defer func() { <-s.looks.killers }()
	case <-ctx.Done():
		return fmt.Errorf("kill connection %d: %w", conn, ctx.Err())
	}
	on, err := s.DB.Conn(ctx)
	if err != nil {
		return fmt.Errorf("kill connection %d: %w", conn, err)
	}
	defer func() { _ = on.Close() }()
	there, ours, err := listedBy(ctx, on, conn)
	switch {
	case err != nil || !there:
		return err
	case !ours:
		return fmt.Errorf("kill connection %d: it is of another account than recovery's", conn)
	}
	if sure != nil {
		if is, err := sure(on); err != nil || !is {
			return err
		}
	}
	if _, err = on.ExecContext(ctx, fmt.Sprintf("KILL CONNECTION %d", conn)); err != nil && Code(err) != CodeNoThread {
		return fmt.Errorf("kill connection %d: %w", conn, err)
	}
	return nil
}

// killers is how many connections are ended at the same time: each takes up some of recovery's, and all need one more to see what goes on.
const killers = 3

// Owner is what a connection of the number in a branch's name is to the branch.
type Owner uint8

// Owners of a branch.
const (
	NotSeen  Owner = iota // it has not the branch, as was seen; it may have had it a moment ago, and be about to end
	Has                   // it has the branch
	Stranger              // it is in a transaction, which is another
)

// Detach ends the connection that has a branch, and reports what whoever has its number is. It has the branch if it holds the branch's mark: whoever waits for that is shown
// to wait for it. No clock is asked, and whoever else has the number is left alone, be it that the server was restarted or is another one now. At the end the
// branch has to be listed still: what its owner has finished meanwhile gives its connection to others.
func (s *Server) Detach(ctx context.Context, x xa.XID) (who Owner, err error) {
	err = s.Kill(ctx, x.Branch.Conn, func(on *sql.Conn) (bool, error) {
		pic, err := s.picture(ctx)
		if err != nil {
			return false, err
		}
		if _, busy := pic.since[x.Branch.Conn]; !busy {
			return false, nil
		}
		if who, err = s.holdsMark(ctx, x); err != nil || who != Has {
			return false, err
		}
		ours, _, err := listPrepared(ctx, on)
		if !slices.Contains(ours, x) {
			who = NotSeen
		}
		return who == Has, err
	})
	return who, err
}

// holdsMark reports whether a connection of the number in a branch's name is in the transaction that has written the branch's mark, and not committed it.
func (s *Server) holdsMark(ctx context.Context, x xa.XID) (Owner, error) {
	waiter, err := s.DB.Conn(ctx)
	if err != nil {
		return NotSeen, fmt.Errorf("look who has %s: %w", x, err)
	}
	defer discard(waiter) // what ends its wait may come late, and end what it does next
	var id uint32
	if err := waiter.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		return NotSeen, fmt.Errorf("look who has %s: %w", x, err)
	}
	waits := make(chan error, 1)
	go func() {
		var one int
		waits <- waiter.QueryRowContext(ctx, "SET STATEMENT innodb_lock_wait_timeout = 20 FOR SELECT 1 FROM "+Schema+".txn_mark WHERE gtrid = ? AND branch = ? LOCK IN SHARE MODE",
			x.GTRID.String(), x.Branch.Log.String()).Scan(&one)
	}()
	who, err := s.awaits(ctx, id, x.Branch.Conn, waits)
	if err != nil {
		return NotSeen, fmt.Errorf("look who has %s: %w", x, err)
	}
	return who, nil
}

// awaits reports whether a connection of recovery's that waits for a mark waits for another connection; it waits no longer then. ended gets an answer when it does not.
func (s *Server) awaits(ctx context.Context, waiter, holder uint32, ended <-chan error) (Owner, error) {
	for {
		pic, err := s.picture(ctx)
		select {
		case err := <-ended: // the mark is free, or it is not there, or nobody was to be seen in time
			if errors.Is(err, sql.ErrNoRows) || Code(err) == CodeLockTimeout {
				err = nil
			}
			return NotSeen, err
		default:
		}
		if err == nil && len(pic.awaited[waiter]) == 0 { // it has yet to come to it
			continue
		}
		if _, kill := s.DB.ExecContext(ctx, fmt.Sprintf("KILL QUERY %d", waiter)); kill != nil {
			err = errors.Join(err, kill)
		}
		if err != nil {
			return NotSeen, err
		}
		<-ended
		_, busy := pic.since[holder]
		switch {
		case pic.awaited[waiter][holder]:
			return Has, nil
		case busy:
			return Stranger, nil
		}
		return NotSeen, nil
	}
}

// KillHome ends a connection that could still decide a transaction which is aborted, and holds locks for it, if it is in a transaction as old as a branch of it, which
// was age old at a moment, or some time before. Home writes nothing before it decides, so that there is only its age to know it by: a server that may have been started since
// ends nobody, and a transaction that was begun on the same connection within about a second of the branch's mark is not told from it.
func (s *Server) KillHome(ctx context.Context, conn uint32, age time.Duration, at time.Time) error {
	return s.Kill(ctx, conn, func(on *sql.Conn) (bool, error) {
		pic, err := s.picture(ctx)
		if err != nil {
			return false, err
		}
		old := (age + pic.asked.Sub(at)).Seconds() // at least, as the picture was taken
		if since, has := pic.since[conn]; !has || since+1 < old {
			return false, nil
		}
		var name string
		var up float64
		if err := on.QueryRowContext(ctx, "SHOW GLOBAL STATUS LIKE 'Uptime'").Scan(&name, &up); err != nil {
			return false, fmt.Errorf("kill connection %d: %w", conn, err)
		}
		return up > (age+time.Since(at)).Seconds()+1, nil
	})
}
