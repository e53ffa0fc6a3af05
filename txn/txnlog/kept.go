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

// Statement is one that a branch ran before it was prepared, as its server was sent it, with all that its outcome hangs on. It is kept beside
// the decision where instances are told to, so that it is known what a branch did that a failover has lost, and can be run again.
type Statement struct {
	Branch  xa.Log
	Text    string // in the charset that Settings say; "": there were Rows more, which were too much to keep
	Rows    int64  // that it changed; -1: it failed half-way, or that is not known
	FirstID uint64 // the first that the server has generated for an AUTO_INCREMENT column; 0: none
	Schema  string // in which it ran; "": none

	// Settings are the assignments of a SET that give a new connection, in utf8mb4, what the statement's had; Once those that hold for it alone.
	Settings, Once string
	// Unsafe says why it cannot be run again with the same outcome; "": it can, for what is known.
	Unsafe string
}

const statementTable = "CREATE TABLE IF NOT EXISTS " + Schema + ".txn_statement (gtrid VARBINARY(64) NOT NULL, n INT UNSIGNED NOT NULL, " +
	"branch BINARY(8) NOT NULL, text LONGBLOB NOT NULL, changed BIGINT NULL, " + redoColumns + ", PRIMARY KEY (gtrid, n)) " +
	"ENGINE=InnoDB COMMENT='format 1: what branches did, while their decision stays'"

// redoColumns are what it takes to run statements again.
const redoColumns = "first_id BIGINT UNSIGNED NOT NULL DEFAULT 0, in_schema VARBINARY(255) NOT NULL DEFAULT '', settings LONGBLOB NULL, " +
	"once LONGBLOB NULL, unsafe VARBINARY(255) NOT NULL DEFAULT ''"

// addRedoColumns is for a table that was made before there were any.
var addRedoColumns = "ALTER TABLE " + Schema + ".txn_statement ADD COLUMN " + strings.ReplaceAll(redoColumns, ", ", ", ADD COLUMN ")

// keep writes statements. Hexadecimal reads the same under any sql_mode and charset of the client whose connection it is. Settings that are those
// of the branch's statement before are not written again.
func keep(g xa.GTRID, statements []Statement) string {
	var b strings.Builder
	b.WriteString("INSERT INTO " + Schema + ".txn_statement (gtrid, n, branch, text, changed, first_id, in_schema, settings, once, unsafe) VALUES ")
	before := map[xa.Log]string{}
	for i, s := range statements {
		if i > 0 {
			b.WriteByte(',')
		}
		changed, settings := "NULL", "NULL"
		if s.Rows >= 0 {
			changed = strconv.FormatInt(s.Rows, 10)
		}
		if had, is := before[s.Branch]; !is || had != s.Settings {
			settings = bytesOf(s.Settings)
		}
		before[s.Branch] = s.Settings
		fmt.Fprintf(&b, "(%s,%d,%s,%s,%s,%d,%s,%s,%s,%s)", literal(g.String()), i, literal(s.Branch.String()), bytesOf(s.Text), changed,
			s.FirstID, bytesOf(s.Schema), settings, bytesOf(s.Once), bytesOf(s.Unsafe))
	}
	return b.String()
}

func bytesOf(text string) string { return "x'" + hex.EncodeToString([]byte(text)) + "'" }

// EnsureStatements makes the table where an earlier version, or an administrator, has made the others. Without it nothing is kept, and
// nothing else is amiss.
func EnsureStatements(ctx context.Context, db *sql.DB) bool {
	has := func() bool {
		_, err := db.ExecContext(ctx, statementFiller)
		return err == nil
	}
	for _, ddl := range []string{"", statementTable, addRedoColumns} {
		if ddl != "" {
			_, _ = db.ExecContext(ctx, ddl) // what it is good for is asked next
		}
		if has() {
			return true
		}
	}
	return false
}

// Statements are what is kept of a transaction that is decided here.
func (s *Server) Statements(ctx context.Context, g xa.GTRID) (out []Statement, err error) {
	rows, err := s.DB.QueryContext(ctx, "SELECT branch, text, changed, first_id, in_schema, settings, once, unsafe FROM "+Schema+
		".txn_statement WHERE gtrid = ? ORDER BY n", g.String())
	if code := Code(err); code == CodeNoTable || code == CodeNoColumn { // it was made by an earlier version, and nothing is kept in it by this one
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the statements of %s: %w", g, err)
	}
	defer func() { _ = rows.Close() }()
	before := map[xa.Log]string{}
	for rows.Next() {
		var branch string
		var changed sql.NullInt64
		var settings, once sql.NullString
		kept := Statement{Rows: -1}
		err := rows.Scan(&branch, &kept.Text, &changed, &kept.FirstID, &kept.Schema, &settings, &once, &kept.Unsafe)
		if err == nil {
			kept.Branch, err = xa.ParseLog(branch)
		}
		if err != nil {
			return nil, fmt.Errorf("read the statements of %s: %w", g, err)
		}
		if changed.Valid {
			kept.Rows = changed.Int64
		}
		if kept.Settings = settings.String; !settings.Valid {
			kept.Settings = before[kept.Branch]
		}
		before[kept.Branch], kept.Once = kept.Settings, once.String
		out = append(out, kept)
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
