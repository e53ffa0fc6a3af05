package txnlog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/heddle-mesh/heddle/txn/xa"
)

// A transaction that a client prepares itself has its name in txn_client before its first branch is prepared, and in txn_decision the verdict P when
// all are: it is kept then until somebody decides. The decision takes the place of P, and the name goes, in one transaction. Where the name is
// gone without a decision's having been kept, the transaction is aborted.

const (
	verdictHeld = "P"
	dropClient  = "DELETE FROM " + Schema + ".txn_client WHERE gtrid = ?"
)

// Client is a row of those names.
type Client struct {
	GTRID xa.GTRID
	Name  xa.ClientXID
	Held  bool // all of it is prepared
	Over  bool // it is decided, and the name came too late to go with that
	Parts []xa.Log
}

const listClients = "SELECT c.gtrid, c.format, c.name, c.branch, COALESCE(d.verdict, ''), COALESCE(d.parts, '') FROM " + Schema + ".txn_client c LEFT JOIN " +
	Schema + ".txn_decision d ON d.gtrid = c.gtrid"

// Clients lists the names on this server, in the order of their preparation.
func (s *Server) Clients(ctx context.Context) ([]Client, error) {
	all, _, err := s.clients(ctx, 0, listClients+" ORDER BY c.at, c.gtrid")
	return all, err
}

// Client finds a cluster's name; nil: it is not there.
func (s *Server) Client(ctx context.Context, cluster uint32, name xa.ClientXID) (*Client, error) {
	found, _, err := s.clients(ctx, 0, listClients+" WHERE c.cluster = ? AND c.name = ? AND c.branch = ?", cluster, []byte(name.GTRID), []byte(name.BQual))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// Orphans are a cluster's names of what is not prepared as a whole, behind a transaction and in the order of the transactions, and the one to go on behind;
// "" at the end. Those of owners that died before anything was prepared are seen nowhere else, nor those that an owner's lost connection has entered when it had
// given the transaction up.
func (s *Server) Orphans(ctx context.Context, cluster uint32, after string, limit int) (out []Client, next string, err error) {
	return s.clients(ctx, limit, listClients+" WHERE (d.gtrid IS NULL OR d.verdict <> '"+verdictHeld+"') AND c.cluster = ? AND c.gtrid > ? ORDER BY c.gtrid LIMIT ?", cluster, after, limit)
}

// clients runs a query for rows, of which there are limit at the most if that is not 0; next is the last one's transaction where there were as many.
func (s *Server) clients(ctx context.Context, limit int, query string, args ...any) (out []Client, next string, err error) {
	rows, err := s.DB.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, "", fmt.Errorf("list clients' transactions: %w", err)
	}
	defer func() { _ = rows.Close() }()
	n := 0
	for ; rows.Next(); n++ {
		var c Client
		var verdict, parts string
		if err := rows.Scan(&next, &c.Name.Format, &c.Name.GTRID, &c.Name.BQual, &verdict, &parts); err != nil {
			return nil, "", fmt.Errorf("list clients' transactions: %w", err)
		}
		if c.GTRID, err = xa.ParseGTRID(next); err != nil {
			continue // of a later format
		}
		c.Held = verdict == verdictHeld
		c.Over = verdict != "" && !c.Held
		if c.Held {
			if c.Parts, err = parseParts(parts); err != nil {
				return nil, "", fmt.Errorf("list clients' transactions: %s: %w", next, err)
			}
		}
		out = append(out, c)
	}
	if n != limit {
		next = ""
	}
	return out, next, rows.Err()
}

// Enter writes a client's name: Fine, or Taken if there is one.
func (s *Server) Enter(ctx context.Context, g xa.GTRID, name xa.ClientXID) (xa.Finding, error) {
	_, err := s.DB.ExecContext(ctx, "INSERT INTO "+Schema+".txn_client (gtrid, cluster, format, name, branch) VALUES (?, ?, ?, ?, ?)", g.String(), g.Cluster, name.Format, []byte(name.GTRID), []byte(name.BQual))
	switch {
	case Code(err) == CodeDuplicate:
		return xa.Taken, nil
	case err != nil:
		return xa.Away, fmt.Errorf("enter %s: %w", g, err)
	}
	return xa.Fine, nil
}

// Forget deletes the name of a transaction that is decided.
func (s *Server) Forget(ctx context.Context, g xa.GTRID) error {
	return s.drop(ctx, dropClient, []any{g.String()}, 1)
}

// Hold says that all branches are prepared; committed: and that it is decided. Taken: others have aborted it.
func (s *Server) Hold(ctx context.Context, g xa.GTRID, parts []xa.Log, committed bool) (xa.Finding, error) {
	verdict := verdictHeld
	if committed {
		verdict = "C"
	}
	err := s.transaction(ctx, func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, "INSERT INTO "+Schema+".txn_decision (gtrid, verdict, parts, home) SELECT gtrid, ?, ?, 0 FROM "+Schema+
			".txn_client WHERE gtrid = ?", verdict, joined(parts), g.String())
		if err == nil {
			err = one(done)
		}
		if err == nil && committed {
			_, err = tx.ExecContext(ctx, dropClient, g.String())
		}
		return err
	})
	return settled(g, err)
}

// Settle puts the decision in the place of the verdict P. Taken: that was not there.
func (s *Server) Settle(ctx context.Context, g xa.GTRID, parts []xa.Log, commit bool) (xa.Finding, error) {
	verdict := map[bool]string{true: "C", false: "A"}[commit]
	if !commit {
		parts = nil // as always: only what is committed has to be seen to its end
	}
	err := s.transaction(ctx, func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, "DELETE FROM "+Schema+".txn_decision WHERE gtrid = ? AND verdict = '"+verdictHeld+"'", g.String())
		if err == nil {
			err = one(done)
		}
		if err == nil {
			_, err = tx.ExecContext(ctx, insertDecision+"(?, ?, ?, 0)", g.String(), verdict, joined(parts))
		}
		if err == nil {
			_, err = tx.ExecContext(ctx, dropClient, g.String())
		}
		return err
	})
	return settled(g, err)
}

var errNotOne = errors.New("the row is not there")

func one(done sql.Result) error {
	n, err := done.RowsAffected()
	if err == nil && n != 1 {
		err = errNotOne
	}
	return err
}

func settled(g xa.GTRID, err error) (xa.Finding, error) {
	switch {
	case err == nil:
		return xa.Fine, nil
	case errors.Is(err, errNotOne), Code(err) == CodeDuplicate:
		return xa.Taken, nil
	case Code(err) == CodeLockTimeout, Code(err) == CodeDeadlock:
		return xa.Busy, nil
	}
	return xa.Away, fmt.Errorf("decide %s: %w", g, err)
}

// transaction runs do in a transaction of the server's.
func (s *Server) transaction(ctx context.Context, do func(tx *sql.Tx) error) error {
	tx, err := s.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		_ = tx.Rollback() // the first error is the one to report
		return err
	}
	return tx.Commit()
}

// together runs statements with the same argument in a transaction.
func (s *Server) together(ctx context.Context, statements []string, arg string) error {
	return s.transaction(ctx, func(tx *sql.Tx) error {
		for _, statement := range statements {
			if _, err := tx.ExecContext(ctx, statement, arg); err != nil {
				return err
			}
		}
		return nil
	})
}

// Held are those of the transactions that a client has prepared and not decided.
func (s *Server) Held(ctx context.Context, of []xa.GTRID) (map[xa.GTRID]bool, error) {
	return s.found(ctx, "SELECT gtrid FROM "+Schema+".txn_decision WHERE gtrid IN ("+placeholders(len(of))+") AND verdict = '"+verdictHeld+"'", names(of), len(of))
}

// Has reports whether a branch's connection has it still: whether one of that number holds its mark.
func (s *Server) Has(ctx context.Context, x xa.XID) (has bool, err error) {
	if s.Detaches {
		return false, nil
	}
	there, err := s.Lives(ctx, x.Branch.Conn)
	if err != nil || !there {
		return false, err
	}
	pic, err := s.picture(ctx)
	if err != nil {
		return false, err
	}
	if _, busy := pic.since[x.Branch.Conn]; !busy {
		return false, nil
	}
	err = s.placed(ctx, x.Branch.Conn, func(on *sql.Conn) error {
		who, err := s.holdsMark(ctx, on, x)
		has = who == Has
		return err
	})
	return has, err
}

// Lives reports whether a connection of the account's is listed.
func (s *Server) Lives(ctx context.Context, conn uint32) (bool, error) {
	there, _, err := s.listed(ctx, conn)
	return there, err
}
