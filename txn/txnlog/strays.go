package txnlog

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/heddle-mesh/heddle/txn/xa"
)

// Strays are transactions that no connection has and that XA RECOVER does not explain, as several looks have shown them. The zero value has seen nothing.
type Strays struct {
	loose   map[string]bool // in all pictures
	looks   int
	left    int             // the least of all looks
	foreign int             // the most
	were    map[xa.XID]bool // branches that no connection had, in any look
	ended   int             // of those, the ones that were not among them in the last look
	aged    int             // the most that were taken for a connection's by ages alone
}

// Look counts what was there in each look so far, and that no branch of Heddle's explains: zombies, which only a restart of the server ends, once there were enough looks, or
// what strangers have prepared and left (Foreign).
//
// A branch explains one if it is listed both before the picture and behind it, and no connection has it; so that one which lives, or is finished meanwhile, hides no other. One
// whose COMMIT is being written to the disk, or that its server is just letting go of, is for an instant in neither list: so it is the least of several looks that counts.
func (z *Strays) Look(ctx context.Context, s *Server) (int, error) {
	before, foreign, err := s.Prepared(ctx)
	if err != nil {
		return 0, err
	}
	pic, err := s.picture(ctx)
	if err != nil {
		return 0, err
	}
	loose, err := s.loose(ctx, pic)
	if err != nil {
		return 0, err
	}
	behind, _, err := s.Prepared(ctx)
	if err != nil {
		return 0, err
	}
	listed := both(before, behind)
	detached, err := s.detached(ctx, pic, listed)
	if err != nil {
		return 0, err
	}
	z.see(loose, detached, foreign, len(listed)-len(detached))
	return z.left, nil
}

// Doubtful is how many of those that Look counts may be none, at the most: what strangers have prepared, of which it is not known whether it has a connection; branches whose number is that of a
// connection in a transaction as old as they, which may be another's; and branches of which some were being finished in each look, as while recovery has many to finish.
func (z *Strays) Doubtful() int { return z.foreign + z.ended + z.aged }

// see takes a look's transactions that no connection has, the branches that explain as many of them, how many strangers have prepared, and how many branches seem to be a
// connection's.
func (z *Strays) see(loose map[string]bool, detached []xa.XID, foreign, aged int) {
	if z.looks == 0 {
		z.loose, z.were = loose, map[xa.XID]bool{}
	}
	for _, x := range detached {
		z.were[x] = true
	}
	z.ended = len(z.were) - len(detached)
	for trx := range z.loose {
		if !loose[trx] {
			delete(z.loose, trx)
		}
	}
	left := max(0, len(z.loose)-len(detached))
	if z.looks == 0 || left < z.left {
		z.left = left
	}
	z.looks, z.foreign = z.looks+1, max(z.foreign, foreign)
	z.aged = max(z.aged, aged)
}

// both are the branches that are in two lists.
func both(a, b []xa.XID) (out []xa.XID) {
	in := map[xa.XID]bool{}
	for _, x := range a {
		in[x] = true
	}
	for _, x := range b {
		if in[x] {
			out = append(out, x)
		}
	}
	return out
}

// loose are the transactions of a picture that no connection has, and that a crash has not left: while one of those is rolled back, the others wait, as old as it, or
// as the server.
func (s *Server) loose(ctx context.Context, pic *scene) (map[string]bool, error) {
	out := map[string]bool{}
	up := 0.0
	if len(pic.loose) > 0 && len(pic.rollbacks) > 0 {
		now, err := s.uptime(ctx)
		if err != nil {
			return nil, err
		}
		up = now - time.Since(pic.asked).Seconds()
	}
	for trx, age := range pic.loose {
		if !crashed(age, up, pic.rollbacks) {
			out[trx] = true
		}
	}
	return out, nil
}

// crashed reports whether a transaction may be one that a crash has left and that waits to be rolled back: all in seconds.
func crashed(age, up float64, rollbacks []float64) bool {
	return slices.ContainsFunc(rollbacks, func(of float64) bool { return age+clockSlack >= up || math.Abs(age-of) <= clockSlack })
}

func (s *Server) uptime(ctx context.Context) (up float64, err error) { return uptimeBy(ctx, s.DB) }

func uptimeBy(ctx context.Context, on asker) (up float64, err error) {
	var name string
	if err := on.QueryRowContext(ctx, "SHOW GLOBAL STATUS LIKE 'Uptime'").Scan(&name, &up); err != nil {
		return 0, fmt.Errorf("ask for how long the server has been there: %w", err)
	}
	return up, nil
}

// detached are the branches that no connection has. Who has a branch's number is its owner if he is in a transaction that has written and is as old as its mark.
func (s *Server) detached(ctx context.Context, pic *scene, listed []xa.XID) ([]xa.XID, error) {
	var numbered []xa.XID
	for _, x := range listed {
		if pic.wrote[x.Branch.Conn] {
			numbered = append(numbered, x)
		}
	}
	ages, err := s.Ages(ctx, numbered)
	if err != nil {
		return nil, err
	}
	since := time.Since(pic.asked)
	return slices.DeleteFunc(slices.Clone(listed), func(x xa.XID) bool {
		age, known := ages[x.GTRID]
		return known && pic.wrote[x.Branch.Conn] && pic.since[x.Branch.Conn]+clockSlack >= (age-since).Seconds()
	}), nil
}

// marked is a mark of a branch.
type marked struct{ gtrid, branch string }

// Hidden finds the branches that are marked, and not committed, and that are neither listed nor any connection's: zombies, whoever else has prepared what. It reads the marks that
// were written since the server began and are older than age. Where a branch that is prepared is no connection's, there are none.
func (s *Server) Hidden(ctx context.Context, age time.Duration) (out []xa.XID, err error) {
	if s.Detaches {
		return nil, nil
	}
	up, err := s.uptime(ctx)
	if err != nil {
		return nil, err
	}
	committed, err := s.markedBetween(ctx, sql.LevelReadCommitted, up, age)
	if err != nil {
		return nil, err
	}
	all, err := s.markedBetween(ctx, sql.LevelReadUncommitted, up, age)
	if err != nil {
		return nil, err
	}
	var prepared map[marked]bool // when the marks had been read: what is not among them is looked at one by one
	if len(all) > 0 {
		if prepared, err = s.preparedMarks(ctx); err != nil {
			return nil, err
		}
	}
	for m := range all {
		g, bad := xa.ParseGTRID(m.gtrid)
		log, worse := xa.ParseLog(m.branch)
		if committed[m] || prepared[m] || bad != nil || worse != nil {
			continue
		}
		x := xa.XID{GTRID: g, Branch: xa.Qualifier{Log: log}} // of connection 0, which is none
		_, listed, err := s.Branch(ctx, g, log)
		if err != nil {
			return nil, err
		}
		if listed {
			continue
		}
		var who Owner
		err = s.placed(ctx, x.Branch.Conn, func(on *sql.Conn) error {
			who, err = s.holdsMark(ctx, on, x)
			return err
		})
		if err != nil {
			return nil, err
		}
		if who != Has {
			continue
		}
		if _, listed, err = s.Branch(ctx, g, log); err != nil { // it may have been in no list for an instant
			return nil, err
		}
		if !listed {
			out = append(out, x)
		}
	}
	return out, nil
}

// preparedMarks are the marks of the branches that are listed.
func (s *Server) preparedMarks(ctx context.Context) (map[marked]bool, error) {
	listed, _, err := s.Prepared(ctx)
	out := map[marked]bool{}
	for _, x := range listed {
		out[marked{x.GTRID.String(), x.Branch.Log.String()}] = true
	}
	return out, err
}

func (s *Server) markedBetween(ctx context.Context, as sql.IsolationLevel, up float64, age time.Duration) (map[marked]bool, error) {
	tx, err := s.DB.BeginTx(ctx, &sql.TxOptions{Isolation: as})
	if err != nil {
		return nil, fmt.Errorf("list marks: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	rows, err := tx.QueryContext(ctx, "SELECT gtrid, branch FROM "+Schema+".txn_mark WHERE at > NOW(3) - INTERVAL ? SECOND AND at < NOW(3) - INTERVAL ? MICROSECOND", int(up), age.Microseconds())
	if err != nil {
		return nil, fmt.Errorf("list marks: %w", err)
	}
	defer func() { _ = rows.Close() }()
	out := map[marked]bool{}
	for rows.Next() {
		var m marked
		if err := rows.Scan(&m.gtrid, &m.branch); err != nil {
			return nil, fmt.Errorf("list marks: %w", err)
		}
		out[m] = true
	}
	return out, rows.Err()
}
