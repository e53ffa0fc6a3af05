package switchover

import (
	"context"
	"database/sql"
	"strings"

	"github.com/heddle-mesh/heddle/internal/gtid"
)

// family is how MariaDB's servers, or MySQL's, are spoken to.
type family struct {
	name string
	// self asks for read_only; whether what is applied is logged; what is written, and what is applied; gtid_mode; server_uuid.
	self    string
	sources string // asks whom a server follows
	written string // asks for all that a server has written

	stop, reset, start string
	close              string // makes a server read-only
	bound              string // bounds close, by a format of seconds; "": nothing does that is short enough, and it has to be killed
	change             string // the beginning of a change of whom a server follows
	prefix             string // of the names in it
	follow             string // in it: from what the server has
	enter              string // in it, for who has followed nobody: how it may log in
	before             string // what is done first then; "": nothing
}

// mariaDB and mySQL are the families. A server of MySQL's that asks for the key of its source logs in by any method without TLS too.
var (
	mariaDB = &family{
		name:    "MariaDB",
		self:    "SELECT @@read_only,@@log_bin AND @@log_slave_updates,@@gtid_binlog_pos,@@gtid_slave_pos,'ON',''",
		sources: "SHOW ALL SLAVES STATUS", written: "SELECT @@gtid_binlog_pos",
		stop: "STOP SLAVE", reset: "RESET SLAVE ALL", start: "START SLAVE",
		close: "SET GLOBAL read_only=1", bound: "SET max_statement_time=%.3f",
		change: "CHANGE MASTER TO ", prefix: "MASTER_", follow: "MASTER_USE_GTID=slave_pos",
		before: "SET GLOBAL gtid_slave_pos=@@global.gtid_binlog_pos",
	}
	mySQL = &family{
		name:    "MySQL",
		self:    "SELECT @@global.read_only,@@log_bin AND @@log_replica_updates,@@global.gtid_executed,'',@@global.gtid_mode,@@server_uuid",
		sources: "SHOW REPLICA STATUS", written: "SELECT @@global.gtid_executed",
		stop: "STOP REPLICA", reset: "RESET REPLICA ALL", start: "START REPLICA",
		close:  "SET GLOBAL super_read_only=1",
		change: "CHANGE REPLICATION SOURCE TO ", prefix: "SOURCE_", follow: "SOURCE_AUTO_POSITION=1", enter: "GET_SOURCE_PUBLIC_KEY=1,",
	}
)

// detach are the statements by which a replica follows nobody any more.
func (f *family) detach() []string { return []string{f.stop, f.reset} }

// closed is what close sets, as it is told.
func (f *family) closed() string { return strings.TrimPrefix(f.close, "SET GLOBAL ") }

// familyOf asks a server.
func familyOf(ctx context.Context, c *sql.Conn) (*family, error) {
	var version string
	err := c.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version)
	if strings.Contains(version, "MariaDB") {
		return mariaDB, err
	}
	return mySQL, err
}

// newNames are MySQL's of today for the columns that MariaDB calls otherwise.
var newNames = strings.NewReplacer("Master", "Source", "Slave", "Replica", "Connection_name", "Channel_Name")

// position asks for all that a server has written.
func (f *family) position(ctx context.Context, c *sql.Conn) (p gtid.Position, err error) {
	var text string
	if err := c.QueryRowContext(ctx, f.written).Scan(&text); err != nil {
		return p, err
	}
	return gtid.Parse(text)
}
