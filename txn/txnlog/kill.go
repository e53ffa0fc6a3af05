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

// errOtherAccount is why a connection is left alone that was to be ended.
var errOtherAccount = errors.New("it is of another account than recovery's")

// Kill ends a connection of the account's, if what sure, which is asked over the connection that then ends it, says of it holds; nil: in any case.
func (s *Server) Kill(ctx context.Context, conn uint32, sure func(on *sql.Conn) (bool, error)) error {
	return s.placed(ctx, conn, func(on *sql.Conn) error {
		there, ours, err := listedBy(ctx, on, conn)
		if err != nil || !there {
			return err
		}
		if sure != nil {
			if is, err := sure(on); err != nil || !is {
				return err
			}
		}
		if !ours {
			return fmt.Errorf("kill connection %d: %w", conn, errOtherAccount)
		}
		if _, err = on.ExecContext(ctx, fmt.Sprintf("KILL CONNECTION %d", conn)); err != nil && Code(err) != CodeNoThread {
			return fmt.Errorf("kill connection %d: %w", conn, err)
		}
		return nil
	})
}

// placed gives do a connection of recovery's that is thrown away then. For a moment, others have to have one too.
func (s *Server) placed(ctx context.Context, conn uint32, do func(on *sql.Conn) error) error {
	l := s.pictures()
	select {
	case l.places <- struct{}{}:
		defer func() { <-l.places }()
	case <-ctx.Done():
		return fmt.Errorf("look for connection %d: %w", conn, ctx.Err())
	}
	on, err := s.DB.Conn(ctx)
	if err != nil {
		return fmt.Errorf("look for connection %d: %w", conn, err)
	}
	defer func() { discard(on); _ = on.Close() }() // an old picture would show what it waited for, and what ends a wait may come late
	return do(on)
}

// places is for how many connections it is seen at the same time, by one picture, what they have. Each takes up one of recovery's, and all need some more: for pictures, and to
// end what waits. A server that is probed anew has the same.
const places = 8

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
	arrived := time.Now()
	busy := func(pic *scene) bool { _, is := pic.since[x.Branch.Conn]; return is }
	// An old one will do that shows it busy: if it is no more, the mark is another's, or nobody's. One that does not is shared with all who have come before it was begun.
	pic, err := s.pictureIf(ctx, func(pic *scene) bool { return busy(pic) || pic.began.After(arrived) })
	if err != nil || !busy(pic) {
		return NotSeen, err
	}
	err = s.Kill(ctx, x.Branch.Conn, func(on *sql.Conn) (bool, error) {
		if who, err = s.holdsMark(ctx, on, x); err != nil || who != Has {
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

// holdsMark reports whether a connection of the number in a branch's name is in the transaction that has written the branch's mark, and not committed it. On
// waits for the mark, until it is seen for whom. It has not waited for one before, and is to end soon.
//
// It waits FOR UPDATE, which gives its transaction a name of its own among the server's: all that have written nothing, and want to write nothing, have the same one, so that of
// two of these it is not told which of them waits for whom. When the mark is free it has it for the end of a statement, and it has nothing while it waits.
func (s *Server) holdsMark(ctx context.Context, on *sql.Conn, x xa.XID) (Owner, error) {
	var waiter uint32
	if err := on.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&waiter); err != nil {
		return NotSeen, fmt.Errorf("look who has %s: %w", x, err)
	}
	defer s.pictures().waiting(waiter)()
	waiting, giveUp := context.WithCancel(ctx)
	ended := make(chan struct{})
	defer func() { giveUp(); <-ended }()
	var came error
	go func() {
		defer close(ended)
		var one int
		came = on.QueryRowContext(waiting, "SET STATEMENT innodb_lock_wait_timeout = 20, lock_wait_timeout = 20 FOR SELECT 1 FROM "+Schema+".txn_mark WHERE gtrid = ? AND branch = ? FOR UPDATE",
			x.GTRID.String(), x.Branch.Log.String()).Scan(&one)
	}()
	pic, err := s.awaits(ctx, waiter, ended)
	if pic != nil {
		_, err = s.DB.ExecContext(ctx, fmt.Sprintf("KILL QUERY %d", waiter))
	}
	if err != nil {
		return NotSeen, fmt.Errorf("look who has %s: %w", x, err)
	}
	<-ended
	if pic != nil && Code(came) == CodeInterrupted {
		return pic.owner(waiter, x.Branch.Conn), nil
	}
	if came == nil || errors.Is(came, sql.ErrNoRows) || Code(came) == CodeLockTimeout { // the mark is free, or it is not there, or nobody was to be seen in time
		return NotSeen, nil
	}
	return NotSeen, fmt.Errorf("look who has %s: %w", x, came)
}

// awaits is a picture that shows whom a connection waits for; nil: it has ended before.
func (s *Server) awaits(ctx context.Context, waiter uint32, ended <-chan struct{}) (*scene, error) {
	for {
		from := time.Now()
		pic, err := s.pictureIf(ctx, func(pic *scene) bool { return pic.asked.After(from) }) // be it begun before: it shows what was so once
		select {
		case <-ended:
			return nil, nil
		default:
		}
		if err != nil || len(pic.awaited[waiter]) > 0 {
			return pic, err
		}
	}
}

// owner is what a connection is to a mark that another one waits for.
func (pic *scene) owner(waiter, conn uint32) Owner {
	_, busy := pic.since[conn]
	switch {
	case pic.awaited[waiter][conn]:
		return Has
	case busy:
		return Stranger
	}
	return NotSeen
}

// KillHome ends a connection that could still decide a transaction which is aborted, and holds locks for it, if it is in a transaction as old as a branch of it, which
// was age old at a moment, or some time before. Home writes nothing before it decides, so that there is only its age to know it by: a server that may have been started since
// ends nobody, and a transaction that was begun on the same connection up to a second after the branch's mark is not told from it. One of another account is not home's.
func (s *Server) KillHome(ctx context.Context, conn uint32, age time.Duration, at time.Time) error {
	if conn == 0 { // it has none, as of what clients have prepared
		return nil
	}
	old := func(pic *scene) bool { // ages are full seconds, or up to one more
		since, has := pic.since[conn]
		return has && since >= (age+pic.asked.Sub(at)).Seconds()
	}
	pic, err := s.pictureIf(ctx, func(pic *scene) bool { return pic.began.After(at.Add(-age)) }) // home is not in it again, if it is not in one since the mark
	if err != nil || !old(pic) {
		return err
	}
	err = s.Kill(ctx, conn, func(on *sql.Conn) (bool, error) {
		pic, err := s.picture(ctx)
		if err != nil || !old(pic) {
			return false, err
		}
		up, err := uptimeBy(ctx, on)
		return up > (age+time.Since(at)).Seconds()+1, err
	})
	if errors.Is(err, errOtherAccount) {
		return nil
	}
	return err
}
