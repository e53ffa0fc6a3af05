package txn

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/txn/txnlog"
)

// Probe finds whether a server can keep distributed transactions, and makes Heddle's tables there. The server is nil where it
// could not be reached, or has no log; unfit says why it must not be given new transactions. db has connections for recovery
// (txnlog.Configure) to the data source's primary.
func Probe(ctx context.Context, db *sql.DB, dataSource string) (server *txnlog.Server, unfit error) {
	server, _, unfit = probe(ctx, db, dataSource)
	return server, unfit
}

// probe is Probe; vars are the settings by which it has judged.
func probe(ctx context.Context, db *sql.DB, dataSource string) (server *txnlog.Server, vars map[string]string, unfit error) {
	vars, err := variables(ctx, db)
	if err != nil {
		return nil, nil, err
	}
	if err := writable(ctx, db, vars); err != nil {
		return nil, nil, err
	}
	log, err := txnlog.Ensure(ctx, db, dataSource)
	if err != nil {
		return nil, nil, err
	}
	server = &txnlog.Server{DB: db, DataSource: dataSource, Log: log, Keeps: txnlog.EnsureStatements(ctx, db), Detaches: detaches(vars)}
	if err := server.Learn(ctx); err != nil {
		return nil, nil, err
	}
	if err := keeps(vars); err != nil {
		return server, vars, err
	}
	return server, vars, allowed(ctx, db, server)
}

// probeWhole is for how long what an account may do is not tried again where nothing else has changed, at the least; up to half of that more, so that
// many instances do not come together. To try it, each has a connection ended, and the server's list of transactions for a tenth of a second to itself: of
// hundreds of instances that every half minute asked so much the server would have its hands full.
const probeWhole = 10 * time.Minute

// Prober probes one server again and again. The zero value, with its fields, has not yet. It is one goroutine's.
type Prober struct {
	DB         *sql.DB
	DataSource string

	fit   *txnlog.Server    // as the last whole probe has found it; nil: it was not fit
	vars  map[string]string // its settings then
	until time.Time         // the next whole probe
}

// Probe is the function Probe, or less: a server that was fit, whose settings are as they were, which is the same one and takes writes, is so still. What
// is known of it goes on.
func (p *Prober) Probe(ctx context.Context) (server *txnlog.Server, unfit error) {
	if p.fit != nil && time.Now().Before(p.until) && p.same(ctx) {
		return p.fit, nil
	}
	server, vars, unfit := probe(ctx, p.DB, p.DataSource)
	p.fit, p.vars, p.until = nil, vars, time.Now().Add(probeWhole+rand.N(probeWhole/2))
	if unfit == nil {
		p.fit = server
	}
	return server, unfit
}

func (p *Prober) same(ctx context.Context) bool {
	vars, err := variables(ctx, p.DB)
	if err != nil || !maps.Equal(vars, p.vars) || writable(ctx, p.DB, vars) != nil {
		return false
	}
	log, found, err := txnlog.Find(ctx, p.DB, p.DataSource)
	return err == nil && found && log == p.fit.Log && p.fit.Learn(ctx) == nil && p.fit.Writable(ctx) == nil
}

// Look finds a server that keeps distributed transactions, and leaves it as it is. The server is nil where nobody has made Heddle's
// tables yet: then none has had part in one under this data source's name. unfit is what of its settings keeps it from new ones.
func Look(ctx context.Context, db *sql.DB, dataSource string) (server *txnlog.Server, unfit, err error) {
	vars, err := variables(ctx, db)
	if err != nil {
		return nil, nil, err
	}
	if err := writable(ctx, db, vars); err != nil {
		return nil, nil, err
	}
	log, found, err := txnlog.Find(ctx, db, dataSource)
	if err != nil || !found {
		return nil, nil, err
	}
	server = &txnlog.Server{DB: db, DataSource: dataSource, Log: log, Detaches: detaches(vars)}
	if err := server.Learn(ctx); err != nil {
		return nil, nil, err
	}
	return server, keeps(vars), nil
}

// probed are the variables that are looked at; servers that do not have one have no row of it.
var probed = []string{"version", "innodb_flush_log_at_trx_commit", "log_bin", "sync_binlog", "read_only", "super_read_only", "wsrep_on",
	"rpl_semi_sync_master_enabled", "rpl_semi_sync_master_wait_point", "rpl_semi_sync_source_enabled", "rpl_semi_sync_source_wait_point",
	"xa_detach_on_prepare",
	"hostname", "port", "server_id", "server_uuid"} // which server it is

// variables are the settings, and what the binary log leaves out.
func variables(ctx context.Context, db *sql.DB) (map[string]string, error) {
	vars, err := settings(ctx, db)
	if err != nil {
		return nil, err
	}
	return vars, filters(ctx, db, vars)
}

func settings(ctx context.Context, db *sql.DB) (map[string]string, error) {
	rows, err := db.QueryContext(ctx, "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('"+strings.Join(probed, "','")+"')")
	if err != nil {
		return nil, fmt.Errorf("read variables: %w", err)
	}
	defer func() { _ = rows.Close() }()
	vars := map[string]string{}
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return nil, fmt.Errorf("read variables: %w", err)
		}
		vars[name] = strings.ToUpper(value)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read variables: %w", err)
	}
	return vars, nil
}

// The databases that a binary log has, and leaves out: no variables, on most servers.
const (
	binlogDo     = "Binlog_Do_DB"
	binlogIgnore = "Binlog_Ignore_DB"
)

// filters adds to vars what a binary log leaves out.
func filters(ctx context.Context, db *sql.DB, vars map[string]string) error {
	if vars["log_bin"] != "ON" {
		return nil
	}
	status := "SHOW MASTER STATUS"
	if v := vars["version"]; !strings.Contains(v, "MARIADB") && !before(v, 8, 2, 0) {
		status = "SHOW BINARY LOG STATUS"
	}
	rows, err := db.QueryContext(ctx, status)
	if err != nil {
		return fmt.Errorf("see what the binary log leaves out (the account needs BINLOG MONITOR, on MySQL REPLICATION CLIENT): %w", err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return fmt.Errorf("see what the binary log leaves out: %w", err)
	}
	values := make([]sql.NullString, len(columns))
	into := make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	if rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("see what the binary log leaves out: %w", err)
		}
	}
	for i, name := range columns {
		if name == binlogDo || name == binlogIgnore {
			vars[name] = values[i].String
		}
	}
	return rows.Err()
}

// writable refuses a server that another one writes to: what is finished there would break what it is sent.
func writable(ctx context.Context, db *sql.DB, vars map[string]string) error {
	if vars["read_only"] == "ON" || vars["super_read_only"] == "ON" {
		return FollowerError("the server is read_only")
	}
	status := "SHOW SLAVE STATUS"
	if !strings.Contains(vars["version"], "MARIADB") {
		status = "SHOW REPLICA STATUS"
	}
	rows, err := db.QueryContext(ctx, status)
	if err != nil {
		return fmt.Errorf("see whether the server is a replica: %w", err)
	}
	defer func() { _ = rows.Close() }()
	if rows.Next() {
		return FollowerError("the server is a replica: a branch that is finished there breaks the replication")
	}
	return rows.Err()
}

// FollowerError is a server that takes no writes, or is sent those of another: unlike what else makes a server unfit, it is over when the server is promoted.
type FollowerError string

// Error implements error.
func (e FollowerError) Error() string { return string(e) }

// keeps refuses settings under which a server forgets what it has said is prepared.
func keeps(vars map[string]string) error {
	switch {
	case vars["wsrep_on"] == "ON":
		return errors.New("the server is a node of a Galera cluster, which has no XA")
	case vars["innodb_flush_log_at_trx_commit"] != "1":
		return fmt.Errorf("innodb_flush_log_at_trx_commit is %s: only with 1 does a prepared branch, or a decision, outlive the server", vars["innodb_flush_log_at_trx_commit"])
	case vars["log_bin"] == "ON" && vars["sync_binlog"] != "1":
		return fmt.Errorf("sync_binlog is %s: only with 1 does the binary log, which decides at a restart, know of each transaction", vars["sync_binlog"])
	case vars["xa_detach_on_prepare"] == "OFF":
		return errors.New("xa_detach_on_prepare is OFF")
	case vars[binlogDo] != "" && !listed(vars[binlogDo]) || listed(vars[binlogIgnore]):
		return fmt.Errorf("the binary log leaves out the schema %s (binlog_do_db, binlog_ignore_db): a replica would not know what is decided", txnlog.Schema)
	}
	for _, role := range []string{"master", "source"} {
		name := "rpl_semi_sync_" + role + "_wait_point"
		if vars["rpl_semi_sync_"+role+"_enabled"] == "ON" && vars[name] != "AFTER_SYNC" {
			return fmt.Errorf("%s is %s: only AFTER_SYNC waits for a replica to have what is prepared", name, vars[name])
		}
	}
	if v := vars["version"]; !strings.Contains(v, "MARIADB") && before(v, 8, 0, 30) {
		return fmt.Errorf("version %s: MySQL keeps a prepared branch and its binary log together from 8.0.30 on", v)
	}
	return nil
}

// detaches reports whether a prepared branch is free of its connection.
func detaches(vars map[string]string) bool { return vars["xa_detach_on_prepare"] == "ON" }

// listed reports whether Heddle's schema is in a list of databases.
func listed(databases string) bool {
	return slices.ContainsFunc(strings.Split(databases, ","), func(d string) bool { return strings.EqualFold(strings.TrimSpace(d), txnlog.Schema) })
}

// before compares a version's numbers.
func before(version string, major, minor, patch int) bool {
	var have [3]int
	if n, _ := fmt.Sscanf(version, "%d.%d.%d", &have[0], &have[1], &have[2]); n < 3 {
		return true
	}
	for i, want := range [3]int{major, minor, patch} {
		if have[i] != want {
			return have[i] < want
		}
	}
	return false
}

// allowed tries what recovery does: each is a privilege of the account.
func allowed(ctx context.Context, db *sql.DB, server *txnlog.Server) error {
	if _, err := new(txnlog.Strays).Look(ctx, server); err != nil {
		return fmt.Errorf("the account cannot see transactions (PROCESS) or list prepared ones (on MySQL, XA_RECOVER_ADMIN): %w", err)
	}
	if err := server.Writable(ctx); err != nil {
		return fmt.Errorf("the account cannot keep the log: %w", err)
	}
	victim, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("open a connection to be killed: %w", err)
	}
	defer func() { _ = victim.Close() }()
	var id uint32
	if err := victim.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		return fmt.Errorf("open a connection to be killed: %w", err)
	}
	if err := server.Kill(ctx, id, nil); err != nil {
		return fmt.Errorf("the account cannot end its own connections: %w", err)
	}
	if err := victim.PingContext(ctx); err == nil {
		return errors.New("the account's connections do not end when they are killed")
	}
	return nil
}
