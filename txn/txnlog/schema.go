package txnlog

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/heddle-mesh/heddle/txn/xa"
)

// The numbers of server errors that mean something here.
const (
	CodeDuplicate   = 1062
	CodeBadDB       = 1049
	CodeNoTable     = 1146
	CodeNoColumn    = 1054
	CodeNoThread    = 1094
	CodeLockTimeout = 1205
	CodeDeadlock    = 1213
	CodeInterrupted = 1317
	CodeNota        = 1397 // XAER_NOTA
	CodeRolledBack  = 1402 // XA_RBROLLBACK
	CodeRBTimeout   = 1613 // XA_RBTIMEOUT
	CodeRBDeadlock  = 1614 // XA_RBDEADLOCK
)

// DDL makes what a server must have. It is the same on all, and a later format adds to it.
var DDL = []string{
	"CREATE DATABASE IF NOT EXISTS " + Schema,
	"CREATE TABLE IF NOT EXISTS " + Schema + ".txn_log (data_source VARBINARY(255) NOT NULL PRIMARY KEY, " +
		"id BINARY(8) NOT NULL, since TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)) " +
		"ENGINE=InnoDB COMMENT='format 1: names the decisions of a data source'",
	"CREATE TABLE IF NOT EXISTS " + Schema + ".txn_decision (gtrid VARBINARY(64) NOT NULL PRIMARY KEY, verdict BINARY(1) NOT NULL, " +
		"parts BLOB NOT NULL, home INT UNSIGNED NOT NULL, at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)) " +
		"ENGINE=InnoDB COMMENT='format 1: C committed, A aborted, R aborted by an operator'",
	"CREATE TABLE IF NOT EXISTS " + Schema + ".txn_mark (gtrid VARBINARY(64) NOT NULL, branch BINARY(8) NOT NULL, " +
		"at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), PRIMARY KEY (gtrid, branch), KEY (at)) " +
		"ENGINE=InnoDB COMMENT='format 1: branches that are committed'",
	statementTable,
	clientDDL,
}

const clientDDL = "CREATE TABLE IF NOT EXISTS " + Schema + ".txn_client (gtrid VARBINARY(64) NOT NULL PRIMARY KEY, cluster INT UNSIGNED NOT NULL, " +
	"format INT UNSIGNED NOT NULL, name VARBINARY(64) NOT NULL, branch VARBINARY(64) NOT NULL, at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), " +
	"UNIQUE KEY (cluster, name, branch)) " +
	"ENGINE=InnoDB COMMENT='format 1: names that clients have given'"

// fillers are rows that are of no transaction and stay, so that no table that clients' connections insert into is ever empty: into one that is, a session
// without unique_checks and foreign_key_checks (a restore of a dump) has MariaDB insert in bulk, and lock all of it until its branch ends.
var fillers = []string{
	"INSERT IGNORE INTO " + Schema + ".txn_decision (gtrid, verdict, parts, home) VALUES ('-','-','',0)",
	"INSERT IGNORE INTO " + Schema + ".txn_mark (gtrid, branch) VALUES ('-','00000000')",
}

const statementFiller = "INSERT IGNORE INTO " + Schema + ".txn_statement (gtrid, n, branch, text, unsafe) VALUES ('-',0,'00000000','','')"

// Ensure makes the tables if they are not there, and returns the data source's log: the one drawn for its name on this
// server. Several may do so at once.
func Ensure(ctx context.Context, db *sql.DB, dataSource string) (xa.Log, error) {
	log, found, err := Find(ctx, db, dataSource)
	if err != nil {
		return log, err
	}
	if found { // by a version that had no names of clients, perhaps
		var none int
		err := db.QueryRowContext(ctx, "SELECT 1 FROM "+Schema+".txn_client LIMIT 1").Scan(&none)
		if Code(err) == CodeNoTable {
			if _, err := db.ExecContext(ctx, clientDDL); err != nil {
				return log, fmt.Errorf("make a table in schema %s: %w", Schema, err)
			}
		}
		return log, fill(ctx, db)
	}
	for _, ddl := range DDL {
		if _, err := db.ExecContext(ctx, ddl); err != nil {
			return 0, fmt.Errorf("make schema %s: %w", Schema, err)
		}
	}
	if err := fill(ctx, db); err != nil {
		return 0, err
	}
	var drawn [8]byte
	_, _ = rand.Read(drawn[:]) // never fails
	id := xa.Log(binary.BigEndian.Uint64(drawn[:]) & (1<<xa.LogBits - 1))
	if _, err := db.ExecContext(ctx, "INSERT IGNORE INTO "+Schema+".txn_log (data_source, id) VALUES (?, ?)", dataSource, id.String()); err != nil {
		return 0, fmt.Errorf("name the log of %s: %w", dataSource, err)
	}
	log, found, err = Find(ctx, db, dataSource)
	if err == nil && !found {
		err = fmt.Errorf("name the log of %s: the row is not there", dataSource)
	}
	return log, err
}

func fill(ctx context.Context, db *sql.DB) error {
	for _, row := range fillers {
		if _, err := db.ExecContext(ctx, row); err != nil {
			return fmt.Errorf("cannot keep the log in schema %s: %w", Schema, err)
		}
	}
	return nil
}

// Find returns the log of a data source, if its server has the tables and a row for it. It changes nothing.
func Find(ctx context.Context, db *sql.DB, dataSource string) (xa.Log, bool, error) {
	var id string
	err := db.QueryRowContext(ctx, "SELECT id FROM "+Schema+".txn_log WHERE data_source = ?", dataSource).Scan(&id)
	switch {
	case errors.Is(err, sql.ErrNoRows) || Code(err) == CodeNoTable || Code(err) == CodeBadDB:
		return 0, false, nil
	case err != nil:
		return 0, false, fmt.Errorf("read the log of %s: %w", dataSource, err)
	}
	log, err := xa.ParseLog(id)
	return log, err == nil, err
}

// Code is the number of a server's error; 0: it is none.
func Code(err error) uint16 {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return e.Number
	}
	return 0
}

// hangs is after how long without a word a server that was asked is taken to be away: a link that swallows all would keep whoever asks for ever.
const hangs = 30 * time.Second

// Configure gives connections for recovery what they need: to wait for a lock for a second only, to see what is
// committed and nothing older, and times that no clock change of a zone moves.
func Configure(cfg *mysql.Config) {
	if cfg.Params == nil {
		cfg.Params = map[string]string{}
	}
	if cfg.ReadTimeout == 0 {
		cfg.ReadTimeout = hangs
	}
	cfg.Params["innodb_lock_wait_timeout"] = "1"
	cfg.Params["autocommit"] = "1"
	cfg.Params["time_zone"] = "'+00:00'"
	cfg.InterpolateParams = true // one round trip
}
