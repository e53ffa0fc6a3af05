package txnlog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/heddle-mesh/heddle/txn/xa"
)

// Server is a data source's primary as recovery sees it: over connections of its own (Configure), never a client's.
type Server struct {
	DB         *sql.DB
	DataSource string
	Log        xa.Log
	Keeps      bool   // it has a table for statements
	Detaches   bool   // a branch that is prepared is no connection's from then on, as on MySQL; MariaDB's is its connection's until that ends
	Addr       string // where it is, for telling whether two data sources have one server; "" if nobody has said
	// Others are the data source's other servers, as far as they are known: what is done by operators only asks them.
	Others []*Server

	looks atomic.Pointer[looks]
	clock atomic.Pointer[clock]
	logs  atomic.Pointer[[]xa.Log] // all that it keeps, as last seen
}

// Is reports whether two are of the same connections: a server is known by those, however often it was probed.
func (s *Server) Is(other *Server) bool { return s.DB == other.DB }

// Learn sees which logs the server keeps: those of other data sources too, and of names that data sources had before; and what its clock says.
func (s *Server) Learn(ctx context.Context) error {
	asked := time.Now()
	rows, err := s.DB.QueryContext(ctx, "SELECT id, "+serverNow+" FROM "+Schema+".txn_log")
	if err != nil {
		return fmt.Errorf("list the logs: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var logs []xa.Log
	for rows.Next() {
		var id string
		var micros int64
		if err := rows.Scan(&id, &micros); err != nil {
			return fmt.Errorf("list the logs: %w", err)
		}
		s.time().see(asked, micros)
		if log, err := xa.ParseLog(id); err == nil {
			logs = append(logs, log)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("list the logs: %w", err)
	}
	s.logs.Store(&logs)
	return nil
}

// Logs are those that the server keeps, as last seen.
func (s *Server) Logs() []xa.Log {
	if logs := s.logs.Load(); logs != nil {
		return *logs
	}
	return []xa.Log{s.Log}
}

// Decision reads what is decided: DecidedCommit, DecidedAbort, Kept or Undecided. The error is one of the connection, as in all
// methods here.
func (s *Server) Decision(ctx context.Context, g xa.GTRID) (xa.Finding, error) {
	var verdict string
	err := s.DB.QueryRowContext(ctx, "SELECT verdict FROM "+Schema+".txn_decision WHERE gtrid = ?", g.String()).Scan(&verdict)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return xa.Undecided, nil
	case err != nil:
		return xa.Away, fmt.Errorf("read the decision of %s: %w", g, err)
	case verdict == "C":
		return xa.DecidedCommit, nil
	case verdict == verdictHeld:
		return xa.Kept, nil
	}
	return xa.DecidedAbort, nil
}

// Fence decides that a transaction is aborted, unless it is decided: the table's key lets nobody decide twice. home is the
// connection that could decide to commit; the row stays for as long as its server lists it.
func (s *Server) Fence(ctx context.Context, g xa.GTRID, home uint32) (xa.Finding, error) {
	return s.abort(ctx, g, home, "A")
}

// Reject is Fence by an operator.
func (s *Server) Reject(ctx context.Context, g xa.GTRID, home uint32) (xa.Finding, error) {
	return s.abort(ctx, g, home, verdictRejected)
}

func (s *Server) abort(ctx context.Context, g xa.GTRID, home uint32, verdict string) (xa.Finding, error) {
	var err error
	if g.Client { // nobody may keep it from then on
		err = s.together(ctx, []string{insertDecision + "(?, 'A', '', 0)", dropClient}, g.String())
	} else {
		_, err = s.DB.ExecContext(ctx, insertDecision+"(?, ?, '', ?)", g.String(), verdict, home)
	}
	switch Code(err) {
	case CodeDuplicate:
		return xa.Taken, nil
	case CodeLockTimeout:
		return xa.Busy, nil
	}
	if err != nil {
		return xa.Away, fmt.Errorf("fence %s: %w", g, err)
	}
	return xa.Fine, nil
}

// Force decides that a transaction is committed, for an operator who takes the blame: what its first branch did is not among it.
func (s *Server) Force(ctx context.Context, g xa.GTRID, parts []xa.Log) error {
	if _, err := s.DB.ExecContext(ctx, Decide(g, parts, 0)[0]); err != nil {
		return fmt.Errorf("force %s: %w", g, err)
	}
	return nil
}

// Prepared lists Heddle's branches in XA RECOVER, and counts those of others.
func (s *Server) Prepared(ctx context.Context) (ours []xa.XID, others int, err error) {
	return listPrepared(ctx, s.DB)
}

func listPrepared(ctx context.Context, on asker) (ours []xa.XID, others int, err error) {
	rows, err := on.QueryContext(ctx, "XA RECOVER")
	if err != nil {
		return nil, 0, fmt.Errorf("XA RECOVER: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var format int64
		var gtrid, bqual int
		var data string
		if err := rows.Scan(&format, &gtrid, &bqual, &data); err != nil {
			return nil, 0, fmt.Errorf("XA RECOVER: %w", err)
		}
		if x, ok := xa.ParseXID(format, gtrid, data); ok {
			ours = append(ours, x)
		} else {
			others++
		}
	}
	return ours, others, rows.Err()
}

// Finish is XA COMMIT or XA ROLLBACK.
func (s *Server) Finish(ctx context.Context, x xa.XID, commit bool) (xa.Finding, error) {
	statement := Rollback(x)
	if commit {
		statement = Commit(x)
	}
	_, err := s.DB.ExecContext(ctx, statement)
	switch code := Code(err); {
	case err == nil:
		return xa.Fine, nil
	case code == CodeNota:
		return xa.Unknown, nil
	case code == CodeRolledBack || code == CodeRBTimeout || code == CodeRBDeadlock:
		return xa.Voided, nil
	case code != 0:
		return xa.Declined, fmt.Errorf("finish %s: %w", x, err)
	}
	return xa.Away, fmt.Errorf("finish %s: %w", x, err)
}

// Inspect finds what has become of a branch: Marked, Unmarked, Held or Listed.
func (s *Server) Inspect(ctx context.Context, x xa.XID) (xa.Finding, error) {
	mark, err := s.Mark(ctx, x.GTRID, x.Branch.Log)
	if err != nil || mark == xa.Marked {
		return mark, err
	}
	_, listed, err := s.Branch(ctx, x.GTRID, x.Branch.Log)
	if err != nil {
		return xa.Away, err
	}
	if listed {
		return xa.Listed, nil
	}
	return mark, nil
}

// Branch finds the whole name of a transaction's branch, if it is listed as prepared.
func (s *Server) Branch(ctx context.Context, g xa.GTRID, log xa.Log) (x xa.XID, listed bool, err error) {
	ours, _, err := s.Prepared(ctx)
	for _, p := range ours {
		if p.GTRID == g && p.Branch.Log == log {
			return p, true, err
		}
	}
	return xa.XID{GTRID: g, Branch: xa.Qualifier{Log: log}}, false, err
}

// Mark reads a branch's mark with its lock: Marked, Unmarked, or Held by a transaction that has not ended, be it one that no list
// shows.
func (s *Server) Mark(ctx context.Context, g xa.GTRID, branch xa.Log) (xa.Finding, error) {
	var one int
	err := s.DB.QueryRowContext(ctx, "SELECT 1 FROM "+Schema+".txn_mark WHERE gtrid = ? AND branch = ? LOCK IN SHARE MODE",
		g.String(), branch.String()).Scan(&one)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return xa.Unmarked, nil
	case Code(err) == CodeLockTimeout:
		return xa.Held, nil
	case err != nil:
		return xa.Away, fmt.Errorf("read the mark of %s: %w", g, err)
	}
	return xa.Marked, nil
}

// prepared is what is to be known of a branch that is not committed before its connection is sought.
type prepared struct {
	known bool
	age   float64 // of its mark, in seconds, at a moment or some time before
	at    time.Time
}

// age reads a branch's mark before it is committed.
func (s *Server) age(ctx context.Context, x xa.XID) (p prepared, err error) {
	tx, err := s.DB.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadUncommitted})
	if err != nil {
		return p, fmt.Errorf("read the age of %s: %w", x, err)
	}
	defer func() { _ = tx.Rollback() }()
	err = tx.QueryRowContext(ctx, "SELECT TIMESTAMPDIFF(MICROSECOND, at, NOW(3)) / 1000000 FROM "+Schema+
		".txn_mark WHERE gtrid = ? AND branch = ?", x.GTRID.String(), x.Branch.Log.String()).Scan(&p.age)
	p.at = time.Now()
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return p, nil
	case err != nil:
		return p, fmt.Errorf("read the age of %s: %w", x, err)
	}
	p.known = true
	return p, nil
}

// younger reports whether the server has been started since a branch was marked.
func (s *Server) younger(ctx context.Context, than prepared) (bool, error) {
	if !than.known {
		return false, nil
	}
	age := than.age + time.Since(than.at).Seconds() // before it is asked: an answer that takes its time makes no server younger
	up, err := s.uptime(ctx)
	return up+clockSlack < age, err
}

// Ages tells for how long branches that are not committed have been marked, which is as long as they are prepared, but for an instant. Those that
// are not there, or from the future of the server's clock, are left out.
func (s *Server) Ages(ctx context.Context, of []xa.XID) (map[xa.GTRID]time.Duration, error) {
	out := map[xa.GTRID]time.Duration{}
	if len(of) == 0 {
		return out, nil
	}
	var args []any
	for _, x := range of {
		args = append(args, x.GTRID.String(), x.Branch.Log.String())
	}
	tx, err := s.DB.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadUncommitted})
	if err != nil {
		return nil, fmt.Errorf("read the ages of branches: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	rows, err := tx.QueryContext(ctx, "SELECT gtrid, TIMESTAMPDIFF(MICROSECOND, at, NOW(3)) FROM "+Schema+".txn_mark WHERE (gtrid, branch) IN ("+
		strings.TrimSuffix(strings.Repeat("(?,?),", len(of)), ",")+")", args...)
	if err != nil {
		return nil, fmt.Errorf("read the ages of branches: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		var micros int64
		if err := rows.Scan(&name, &micros); err != nil {
			return nil, fmt.Errorf("read the ages of branches: %w", err)
		}
		if g, err := xa.ParseGTRID(name); err == nil && micros > 0 {
			out[g] = max(out[g], time.Duration(micros)*time.Microsecond)
		}
	}
	return out, rows.Err()
}

// Seen is what a look at a branch's connection has shown beside its finding.
type Seen struct {
	Age time.Duration // of the branch, since it was marked; 0: not known
	At  time.Time     // when it was that old, or some time after
	// Marked: the branch's mark is there, and Age is known. Without it nobody has the branch, for none is prepared before it is marked.
	Marked bool
	// Stranger: there is a connection of that number, and it is in no transaction as old as the branch. It is another's, as after a failover, whose
	// server has numbers of its own, or when the branch's owner has gone on with it; or it has ended and is about to go.
	Stranger bool
	Has      bool // a connection of that number is in a transaction, however old
}

// Look finds whether a connection has the branch: Attached or Fine. A connection of the same number that a server has given out
// after a restart is not taken for it.
func (s *Server) Look(ctx context.Context, x xa.XID) (xa.Finding, Seen, error) {
	var seen Seen
	p, err := s.age(ctx, x)
	if err != nil {
		return xa.Away, seen, err
	}
	seen.Age, seen.At = time.Duration(p.age*float64(time.Second)), p.at
	seen.Marked = p.known
	if s.Detaches {
		return xa.Fine, seen, nil
	}
	listed, _, err := s.listed(ctx, x.Branch.Conn)
	if err != nil {
		return xa.Away, seen, err
	}
	pic, err := s.picture(ctx)
	if err != nil {
		return xa.Away, seen, err
	}
	since, has := pic.since[x.Branch.Conn]
	seen.Has = has
	switch {
	case has && p.known && since+clockSlack >= p.age:
		return xa.Attached, seen, nil
	case !listed && !has, x.Branch.Conn == pic.self: // who has the number now is another
		return xa.Fine, seen, nil
	}
	switch younger, err := s.younger(ctx, p); {
	case err != nil:
		return xa.Away, seen, err
	case younger: // the same
		return xa.Fine, seen, nil
	}
	seen.Stranger = true
	return xa.Attached, seen, nil
}

const clockSlack = 2.0 // seconds: Uptime and trx_started have no fractions

// listed reports whether the server lists a connection, and whether it is of the account that asks.
func (s *Server) listed(ctx context.Context, conn uint32) (there, ours bool, err error) {
	return listedBy(ctx, s.DB, conn)
}

// placeholders are n question marks for IN.
func placeholders(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }
