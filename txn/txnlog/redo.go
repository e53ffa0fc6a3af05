package txnlog

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/txn/xa"
)

// Unrepeated is a statement that was not run again as it ran before; all that was run before it is rolled back.
type Unrepeated struct {
	N, Of int // which of the branch's, from 1
	Text  string
	Why   string
}

// Error implements error.
func (e *Unrepeated) Error() string {
	text := ""
	if e.Text != "" {
		text = ": " + e.Text
	}
	return fmt.Sprintf("statement %d of %d: %s%s; nothing of it is done", e.N, e.Of, e.Why, text)
}

// ErrMarked is a branch that is committed: its mark is there, from itself or from a redo of it.
var ErrMarked = errors.New("its mark is there: the branch came back, or somebody has run it again")

// ErrHeld is a branch whose mark a transaction has that has not ended.
var ErrHeld = errors.New("a transaction that has not ended has its mark: the branch itself, or somebody who runs it again")

// redoLockWait is for how many seconds a statement that is run again waits for a lock.
const redoLockWait = "5"

// Repeatable finds the first of a branch's statements of which it is known beforehand that it cannot be run again.
func Repeatable(all []Statement) error {
	for i, s := range all {
		why := ""
		switch {
		case s.Text == "":
			why = "from here on " + strconv.FormatInt(s.Rows, 10) + " were too much to keep, or are not known"
		case s.Unsafe != "":
			why = s.Unsafe
		case s.Rows < 0:
			why = "what it changed is not known"
		}
		if why != "" {
			return &Unrepeated{i + 1, len(all), s.Text, why}
		}
	}
	return nil
}

// Redo runs what a lost branch did once more, in one transaction with its mark, which comes first: so it is there once, whoever else does so or
// brings the branch back, and all of it or nothing. stands has the last word before anything is run, and at is a failpoint. An *Unrepeated, ErrMarked and ErrHeld
// are refusals, and leave nothing.
func (s *Server) Redo(ctx context.Context, x xa.XID, all []Statement, stands func(context.Context) error, at func(context.Context, string) error) error {
	if err := Repeatable(all); err != nil {
		return err
	}
	conn, err := s.DB.Conn(ctx)
	if err != nil {
		return fmt.Errorf("run %s again: %w", x, err)
	}
	// Nobody is lent it again, whatever it has been set to; its server rolls back what is open.
	defer func() {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		_ = conn.Close()
	}()
	if err := s.redo(ctx, conn, x, all, stands, at); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, "COMMIT")
	if err == nil {
		return at(ctx, "redo.commit.after")
	}
	return s.redone(ctx, x, fmt.Errorf("run %s again: COMMIT: %w", x, err))
}

// redo is all but the COMMIT.
func (s *Server) redo(ctx context.Context, conn *sql.Conn, x xa.XID, all []Statement, stands func(context.Context) error, at func(context.Context, string) error) error {
	mark := "INSERT INTO " + Schema + ".txn_mark (gtrid, branch) VALUES (" + literal(x.GTRID.String()) + "," + literal(x.Branch.Log.String()) + ")"
	for _, statement := range []string{"START TRANSACTION", mark, "SET innodb_lock_wait_timeout = " + redoLockWait} {
		_, err := conn.ExecContext(ctx, statement)
		switch Code(err) {
		case CodeDuplicate:
			return ErrMarked
		case CodeLockTimeout:
			return ErrHeld
		}
		if err != nil {
			return fmt.Errorf("run %s again: %w", x, err)
		}
	}
	if _, listed, err := s.Branch(ctx, x.GTRID, x.Branch.Log); err != nil || listed { // an engine without its mark
		return cmp.Or(err, ErrHeld)
	}
	if err := stands(ctx); err != nil {
		return err
	}
	for i := range all {
		if err := at(ctx, "redo.run.before"); err != nil {
			return err
		}
		if why, err := again(ctx, conn, &all[i], i == 0 || all[i-1].Settings != all[i].Settings, i == 0 || all[i-1].Schema != all[i].Schema); err != nil {
			return fmt.Errorf("run %s again: %w", x, err)
		} else if why != "" {
			return &Unrepeated{i + 1, len(all), all[i].Text, why}
		}
	}
	return at(ctx, "redo.commit.before")
}

// again runs one statement as it ran, and says how it went otherwise. An error is the connection's.
func again(ctx context.Context, conn *sql.Conn, k *Statement, set, use bool) (why string, err error) {
	var before []string
	if use && k.Schema != "" {
		before = append(before, "USE `"+strings.ReplaceAll(k.Schema, "`", "``")+"`")
	}
	if set && k.Settings != "" {
		before = append(before, "SET "+k.Settings)
	}
	once := k.Once
	if k.FirstID != 0 {
		once = strings.TrimPrefix(once+",insert_id="+strconv.FormatUint(k.FirstID, 10), ",")
	}
	if once != "" {
		before = append(before, "SET "+once)
	}
	for _, s := range before {
		if _, err := conn.ExecContext(ctx, s); Code(err) != 0 {
			return fmt.Sprintf("%s before it: %v", s, err), nil
		} else if err != nil {
			return "", err
		}
	}
	done, err := conn.ExecContext(ctx, k.Text)
	switch {
	case Code(err) != 0:
		return err.Error(), nil
	case err != nil:
		return "", err
	}
	rows, err := done.RowsAffected()
	if err != nil {
		return "", err
	}
	id, err := done.LastInsertId()
	if err != nil {
		return "", err
	}
	switch {
	case rows != k.Rows:
		return fmt.Sprintf("it has changed %d rows, and not %d as before", rows, k.Rows), nil
	case k.FirstID != 0 && uint64(id) != k.FirstID:
		return fmt.Sprintf("it has generated the id %d, and not %d as before", uint64(id), k.FirstID), nil
	}
	return "", nil
}

// redoAnswer is how long a server is asked whether a COMMIT was done whose answer was lost.
const redoAnswer = 10 * time.Second

// redone finds what became of a COMMIT that was not answered. lost says that it was not.
func (s *Server) redone(ctx context.Context, x xa.XID, lost error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), redoAnswer)
	defer cancel()
	for {
		switch found, err := s.Mark(ctx, x.GTRID, x.Branch.Log); {
		case found == xa.Marked:
			return nil
		case found == xa.Unmarked:
			return lost
		case ctx.Err() != nil:
			return fmt.Errorf("whether it was done is not known: look again: %w", errors.Join(lost, err))
		}
		select { // it is held, or the server is away
		case <-ctx.Done():
		case <-time.After(redoAnswer / 100):
		}
	}
}

// Knows reports whether a server lists a branch as prepared, or shows its mark: for one that is not a data source's primary, which is asked without locks.
func (s *Server) Knows(ctx context.Context, x xa.XID) (bool, error) {
	_, listed, err := s.Branch(ctx, x.GTRID, x.Branch.Log)
	if err != nil || listed {
		return listed, err
	}
	marked, err := s.Marks(ctx, []xa.GTRID{x.GTRID}, x.Branch.Log)
	if code := Code(err); code == CodeNoTable || code == CodeBadDB {
		return false, nil
	}
	return marked[x.GTRID], err
}
