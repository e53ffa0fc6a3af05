package txnlog

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/txn/xa"
)

// Decided is a row of the log.
type Decided struct {
	GTRID  xa.GTRID
	Commit bool
	Held   bool // prepared by a client, who has not decided
	Parts  []xa.Log
	Home   uint32
	Age    time.Duration // 0 if the server's clock was before that when it was written
}

// Decisions lists the rows of this data source's log behind a name, in the order of the names, and the name to go on behind; ""
// at the end. Rows of a format that is not known are left out.
func (s *Server) Decisions(ctx context.Context, after string, limit int) (out []Decided, next string, err error) {
	rows, err := s.DB.QueryContext(ctx, "SELECT gtrid, verdict, parts, home, TIMESTAMPDIFF(MICROSECOND, at, NOW(3)) FROM "+Schema+
		".txn_decision WHERE gtrid > ? ORDER BY gtrid LIMIT ?", after, limit)
	if err != nil {
		return nil, "", fmt.Errorf("list decisions: %w", err)
	}
	defer func() { _ = rows.Close() }()
	n := 0
	for ; rows.Next(); n++ {
		var verdict, parts string
		var d Decided
		var micros int64
		if err := rows.Scan(&next, &verdict, &parts, &d.Home, &micros); err != nil {
			return nil, "", fmt.Errorf("list decisions: %w", err)
		}
		if d.GTRID, err = xa.ParseGTRID(next); err != nil {
			continue
		}
		d.Commit, d.Held, d.Age = verdict == "C", verdict == verdictHeld, time.Duration(max(0, micros))*time.Microsecond
		if d.Parts, err = parseParts(parts); err != nil {
			return nil, "", fmt.Errorf("list decisions: %s: %w", next, err)
		}
		out = append(out, d)
	}
	if n < limit {
		next = ""
	}
	return out, next, rows.Err()
}

func parseParts(parts string) (logs []xa.Log, err error) {
	for _, p := range strings.FieldsFunc(parts, func(r rune) bool { return r == ',' }) {
		log, err := xa.ParseLog(p)
		if err != nil {
			return nil, err
		}
		logs = append(logs, log)
	}
	return logs, nil
}

// Marks are those of the transactions that have the mark of a log's data source.
func (s *Server) Marks(ctx context.Context, of []xa.GTRID, log xa.Log) (map[xa.GTRID]bool, error) {
	args := append(names(of), log.String())
	return s.found(ctx, "SELECT gtrid FROM "+Schema+".txn_mark WHERE gtrid IN ("+placeholders(len(of))+") AND branch = ?", args, len(of))
}

// YoungMarks lists this data source's marks that are younger than age, of transactions of the same cluster and log as after and behind it, in
// the order of their names.
func (s *Server) YoungMarks(ctx context.Context, after xa.GTRID, age time.Duration, limit int) (out []xa.GTRID, err error) {
	last := xa.GTRID{Cluster: after.Cluster, Log: after.Log, Epoch: 1<<xa.EpochBits - 1, Seq: 1<<xa.SeqBits - 1}
	rows, err := s.DB.QueryContext(ctx, "SELECT gtrid FROM "+Schema+".txn_mark WHERE gtrid > ? AND gtrid <= ? AND branch = ? AND "+
		"at > NOW(3) - INTERVAL ? MICROSECOND ORDER BY gtrid LIMIT ?", after.String(), last.String(), s.Log.String(), age.Microseconds(), limit)
	if err != nil {
		return nil, fmt.Errorf("list young marks: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("list young marks: %w", err)
		}
		g, err := xa.ParseGTRID(name)
		if err != nil {
			return nil, fmt.Errorf("list young marks: %w", err)
		}
		out = append(out, g)
	}
	return out, rows.Err()
}

// SetBack reports whether this data source has marks from the future: then its clock was set back, and how old its marks are is not known.
func (s *Server) SetBack(ctx context.Context) (bool, error) {
	var one int
	err := s.DB.QueryRowContext(ctx, "SELECT 1 FROM "+Schema+".txn_mark WHERE at > NOW(3) + INTERVAL 1 SECOND AND branch = ? LIMIT 1", s.Log.String()).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for marks from the future: %w", err)
	}
	return true, nil
}

// Committed are those of the transactions that are decided to commit here.
func (s *Server) Committed(ctx context.Context, of []xa.GTRID) (map[xa.GTRID]bool, error) {
	return s.found(ctx, "SELECT gtrid FROM "+Schema+".txn_decision WHERE gtrid IN ("+placeholders(len(of))+") AND verdict = 'C'", names(of), len(of))
}

// Undropped are those of the transactions that have a decision here still.
func (s *Server) Undropped(ctx context.Context, of []xa.GTRID) (map[xa.GTRID]bool, error) {
	return s.found(ctx, "SELECT gtrid FROM "+Schema+".txn_decision WHERE gtrid IN ("+placeholders(len(of))+")", names(of), len(of))
}

// MarkCursor is a place among the old marks of a log, in the order in which they were written. Zero is before the first.
type MarkCursor struct{ at, gtrid string }

// OldMarks lists the marks of a log's data source that are older than age and behind a place, and the place to go on from; zero at the end. Those of a
// format that is not known are left out.
func (s *Server) OldMarks(ctx context.Context, log xa.Log, age time.Duration, after MarkCursor, limit int) (out []xa.GTRID, next MarkCursor, err error) {
	from := cmp.Or(after.at, "1970-01-01 00:00:01") // the oldest that a TIMESTAMP can be
	rows, err := s.DB.QueryContext(ctx, "SELECT CAST(at AS CHAR), gtrid FROM "+Schema+".txn_mark WHERE branch = ? AND at < NOW(3) - INTERVAL ? MICROSECOND "+
		"AND at >= ? AND (at > ? OR gtrid > ?) ORDER BY at, gtrid LIMIT ?", log.String(), age.Microseconds(), from, from, after.gtrid, limit)
	if err != nil {
		return nil, next, fmt.Errorf("list old marks: %w", err)
	}
	defer func() { _ = rows.Close() }()
	n := 0
	for ; rows.Next(); n++ {
		if err := rows.Scan(&next.at, &next.gtrid); err != nil {
			return nil, MarkCursor{}, fmt.Errorf("list old marks: %w", err)
		}
		if g, err := xa.ParseGTRID(next.gtrid); err == nil {
			out = append(out, g)
		}
	}
	if n < limit {
		next = MarkCursor{}
	}
	return out, next, rows.Err()
}

// found runs a query for names of transactions; with none to look for it is not put.
func (s *Server) found(ctx context.Context, query string, args []any, of int) (map[xa.GTRID]bool, error) {
	out := map[xa.GTRID]bool{}
	if of == 0 {
		return out, nil
	}
	rows, err := s.DB.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("look for transactions: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("look for transactions: %w", err)
		}
		if g, err := xa.ParseGTRID(name); err == nil {
			out[g] = true
		}
	}
	return out, rows.Err()
}

// DropMarks deletes the marks of a log's data source.
func (s *Server) DropMarks(ctx context.Context, of []xa.GTRID, log xa.Log) error {
	return s.drop(ctx, "DELETE FROM "+Schema+".txn_mark WHERE gtrid IN ("+placeholders(len(of))+") AND branch = ?", append(names(of), log.String()), len(of))
}

// DropCommitted deletes decisions to commit. Whoever calls it has seen all their marks, and that they are old enough for
// nobody to ask.
func (s *Server) DropCommitted(ctx context.Context, of []xa.GTRID) error {
	if s.Keeps { // before the decisions: nobody would find what is left of them
		if err := s.drop(ctx, "DELETE FROM "+Schema+".txn_statement WHERE gtrid IN ("+placeholders(len(of))+")", names(of), len(of)); err != nil {
			return err
		}
	}
	return s.drop(ctx, "DELETE FROM "+Schema+".txn_decision WHERE gtrid IN ("+placeholders(len(of))+") AND verdict = 'C'", names(of), len(of))
}

// DropAborted deletes decisions to abort that are older than age and whose home connection is gone, so that nobody can decide
// otherwise any more. It reads without locks first: a DELETE that searches would stop whoever decides meanwhile.
func (s *Server) DropAborted(ctx context.Context, age time.Duration) error {
	found, err := s.found(ctx, "SELECT gtrid FROM "+Schema+".txn_decision WHERE verdict IN ('A','"+verdictRejected+"') AND at < NOW(3) - INTERVAL ? MICROSECOND "+
		"AND home NOT IN (SELECT ID FROM information_schema.PROCESSLIST) LIMIT 500", []any{age.Microseconds()}, 1)
	if err != nil {
		return err
	}
	over := slices.Collect(maps.Keys(found))
	return s.drop(ctx, "DELETE FROM "+Schema+".txn_decision WHERE gtrid IN ("+placeholders(len(over))+") AND verdict IN ('A','"+verdictRejected+"')", names(over), len(over))
}

// Writable tries whether the account may write what owners and recoverers write, and leaves nothing.
func (s *Server) Writable(ctx context.Context) error {
	tx, err := s.DB.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("write to schema %s: %w", Schema, err)
	}
	defer func() { _ = tx.Rollback() }()
	name := "probe-" + rand.Text()
	for _, statement := range []string{
		insertDecision + "('" + name + "','A','',0)",
		"INSERT INTO " + Schema + ".txn_mark (gtrid, branch) VALUES ('" + name + "','00000000')",
		"INSERT INTO " + Schema + ".txn_client (gtrid, cluster, format, name, branch) VALUES ('" + name + "',0,0,'" + name + "','')",
		"DELETE FROM " + Schema + ".txn_client WHERE gtrid = '" + name + "'",
		"DELETE FROM " + Schema + ".txn_decision WHERE gtrid = '" + name + "'",
		"DELETE FROM " + Schema + ".txn_mark WHERE gtrid = '" + name + "' AND branch = '00000000'",
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("write to schema %s: %w", Schema, err)
		}
	}
	return nil
}

func (s *Server) drop(ctx context.Context, statement string, args []any, of int) error {
	if of == 0 {
		return nil
	}
	if _, err := s.DB.ExecContext(ctx, statement, args...); err != nil && Code(err) != CodeLockTimeout && Code(err) != CodeDeadlock { // later, then
		return fmt.Errorf("delete what is over: %w", err)
	}
	return nil
}

func names(of []xa.GTRID) []any {
	args := make([]any, len(of), len(of)+1)
	for i, g := range of {
		args[i] = g.String()
	}
	return args
}
