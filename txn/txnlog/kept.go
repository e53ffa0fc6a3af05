package txnlog

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/txn/xa"
)

// Statement is one that a branch ran before it was prepared, as its server was sent it. It is kept beside the decision where instances are
// told to, so that it is known what a branch did that a failover has lost.
type Statement struct {
	Branch xa.Log
	Text   string // "": there were Rows more, which were too much to keep
	Rows   int64  // that it changed; -1: it failed, or that is not known
}

const statementTable = "CREATE TABLE IF NOT EXISTS " + Schema + ".txn_statement (gtrid VARBINARY(64) NOT NULL, n INT UNSIGNED NOT NULL, " +
	"branch BINARY(8) NOT NULL, text LONGBLOB NOT NULL, changed BIGINT NULL, PRIMARY KEY (gtrid, n)) " +
	"ENGINE=InnoDB COMMENT='format 1: what branches did, while their decision stays'"

// keep writes statements. Hexadecimal reads the same under any sql_mode and charset of the client whose connection it is.
func keep(g xa.GTRID, statements []Statement) string {
	var b strings.Builder
	b.WriteString("INSERT INTO " + Schema + ".txn_statement (gtrid, n, branch, text, changed) VALUES ")
	for i, s := range statements {
		if i > 0 {
			b.WriteByte(',')
		}
		changed := "NULL"
		if s.Rows >= 0 {
			changed = strconv.FormatInt(s.Rows, 10)
		}
		fmt.Fprintf(&b, "(%s,%d,%s,x'%s',%s)", literal(g.String()), i, literal(s.Branch.String()), hex.EncodeToString([]byte(s.Text)), changed)
	}
	return b.String()
}

// EnsureStatements makes the table where an earlier version, or an administrator, has made the others. Without it nothing is kept, and
// nothing else is amiss.
func EnsureStatements(ctx context.Context, db *sql.DB) bool {
	has := func() bool {
		_, err := db.ExecContext(ctx, statementFiller)
		return err == nil
	}
	if has() {
		return true
	}
	_, err := db.ExecContext(ctx, statementTable)
	return err == nil && has()
}

// Statements are what is kept of a transaction that is decided here.
func (s *Server) Statements(ctx context.Context, g xa.GTRID) (out []Statement, err error) {
	rows, err := s.DB.QueryContext(ctx, "SELECT branch, text, changed FROM "+Schema+".txn_statement WHERE gtrid = ? ORDER BY n", g.String())
	if Code(err) == CodeNoTable {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the statements of %s: %w", g, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var branch, text string
		var changed sql.NullInt64
		if err := rows.Scan(&branch, &text, &changed); err != nil {
			return nil, fmt.Errorf("read the statements of %s: %w", g, err)
		}
		log, err := xa.ParseLog(branch)
		if err != nil {
			return nil, fmt.Errorf("read the statements of %s: %w", g, err)
		}
		s := Statement{Branch: log, Text: text, Rows: -1}
		if changed.Valid {
			s.Rows = changed.Int64
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// Mend writes the mark of a branch that was lost and that an operator has put right by hand: from then on it counts as committed. Where
// anybody has the mark still, it is not lost, and nothing is written.
func (s *Server) Mend(ctx context.Context, x xa.XID) error {
	_, err := s.DB.ExecContext(ctx, "INSERT INTO "+Schema+".txn_mark (gtrid, branch) VALUES (?, ?)", x.GTRID.String(), x.Branch.Log.String())
	if err != nil && Code(err) != CodeDuplicate {
		return fmt.Errorf("mark %s as mended: %w", x, err)
	}
	return nil
}
