package harness

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/heddle-mesh/heddle/internal/gtid"
	"github.com/heddle-mesh/heddle/sidecar/dev"
)

// Replicated is a primary with replicas, by GTID. Servers[0] is the primary at first. Accounts: root, whom read_only does not
// bind, and heddle, whom it does.
type Replicated struct {
	Name    string
	Servers []*dev.Server
	Words   *ReplicationWords
}

// ReplicationWords are how servers of a family are spoken to of replication.
type ReplicationWords struct {
	MySQL bool

	Stop, StopFetching, StopApplying, Start, StartApplying, Reset string
	Position                                                      string // asks for all that a server has
	Source, Replica                                               string // words in the names of what semi-synchronous replication sets and tells
	// Forget are arguments by which a server that has been killed as a primary comes back without what no replica has confirmed. MySQL's has none: Rejoin
	// makes it anew.
	Forget []string

	change, prefix, follow, status, statuses string
	flags                                    []string
}

var mariaDBWords = &ReplicationWords{
	Stop: "STOP SLAVE", StopFetching: "STOP SLAVE IO_THREAD", StopApplying: "STOP SLAVE SQL_THREAD", Start: "START SLAVE",
	StartApplying: "START SLAVE SQL_THREAD", Reset: "RESET SLAVE ALL",
	Position: "SELECT @@gtid_binlog_pos", Source: "master", Replica: "slave",
	change: "CHANGE MASTER TO ", prefix: "MASTER_", follow: "MASTER_USE_GTID=slave_pos", status: "SHOW SLAVE STATUS",
	statuses: "information_schema.GLOBAL_STATUS",
	Forget:   []string{"--init-rpl-role=SLAVE", "--rpl-semi-sync-slave-enabled"},
	flags:    []string{"--log-slave-updates=1", "--gtid-strict-mode=1", "--slave-net-timeout=4", "--slave-max-allowed-packet=64M"},
}

var mySQLWords = &ReplicationWords{
	MySQL: true,
	Stop:  "STOP REPLICA", StopFetching: "STOP REPLICA IO_THREAD", StopApplying: "STOP REPLICA SQL_THREAD", Start: "START REPLICA",
	StartApplying: "START REPLICA SQL_THREAD", Reset: "RESET REPLICA ALL",
	Position: "SELECT @@global.gtid_executed", Source: "source", Replica: "replica",
	change: "CHANGE REPLICATION SOURCE TO ", prefix: "SOURCE_", follow: "SOURCE_AUTO_POSITION=1,GET_SOURCE_PUBLIC_KEY=1", status: "SHOW REPLICA STATUS",
	statuses: "performance_schema.global_status",
	flags: []string{"--gtid-mode=ON", "--enforce-gtid-consistency=ON", "--replica-net-timeout=4", "--replica-parallel-workers=16",
		"--plugin-load-add=semisync_source.so", "--plugin-load-add=semisync_replica.so", "--plugin-load-add=mysql_clone.so"},
}

// ReplicationWords are those of the servers that StartReplicated starts.
func (e *Env) ReplicationWords() *ReplicationWords {
	if strings.Contains(e.ServerVersion(), "MariaDB") {
		return mariaDBWords
	}
	return mySQLWords
}

// StartReplicated starts a primary with n replicas, with further arguments, and returns when they replicate.
func (e *Env) StartReplicated(ctx context.Context, name string, n int, flags ...string) (*Replicated, error) {
	words := e.ReplicationWords()
	var specs []dev.Spec
	for i := range n + 1 {
		args := append([]string{
			"--server-id=" + strconv.Itoa(i+1), "--log-bin=bin", "--relay-log=relay", "--binlog-format=ROW", "--sync-binlog=0",
		}, words.flags...)
		specs = append(specs, dev.Spec{Name: name + "_" + strconv.Itoa(i), Flags: append(args, flags...)})
	}
	servers, err := e.farm.Start(ctx, specs...)
	if err != nil {
		return nil, err
	}
	r := &Replicated{Name: name, Servers: servers, Words: words}
	for i := range r.Servers[1:] {
		if err := r.Follow(ctx, i+1, 0); err != nil {
			return nil, err
		}
	}
	if err := r.Run(ctx, 0, "CREATE USER heddle", words.grant()); err != nil {
		return nil, err
	}
	for i := range r.Servers[1:] {
		if err := r.CaughtUp(ctx, i+1, 0); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// grant gives statements' account what it needs: the servers are asked with it, too.
func (w *ReplicationWords) grant() string {
	more := "CONNECTION ADMIN,REPLICA MONITOR,BINLOG MONITOR"
	if w.MySQL { // where CONNECTION_ADMIN lets write to what is read-only, and a user may end his own connections
		more = "REPLICATION CLIENT,XA_RECOVER_ADMIN"
	}
	return "GRANT SELECT,INSERT,UPDATE,DELETE,CREATE,DROP,ALTER,INDEX,CREATE TEMPORARY TABLES,LOCK TABLES," +
		"EXECUTE,CREATE VIEW,SHOW VIEW,CREATE ROUTINE,ALTER ROUTINE,TRIGGER,PROCESS,RELOAD," + more + " ON *.* TO heddle"
}

// Run runs statements on a server as root.
func (r *Replicated) Run(ctx context.Context, server int, statements ...string) error {
	return r.on(ctx, server, func(c *sql.Conn) error {
		for _, s := range statements {
			if _, err := c.ExecContext(ctx, s); err != nil {
				return fmt.Errorf("%s on %s: %w", s, r.Servers[server].Name(), err)
			}
		}
		return nil
	})
}

// Value is the one value of a query.
func (r *Replicated) Value(ctx context.Context, server int, query string) (v string, err error) {
	err = r.on(ctx, server, func(c *sql.Conn) error { return c.QueryRowContext(ctx, query).Scan(&v) })
	return v, err
}

func (r *Replicated) on(ctx context.Context, server int, do func(*sql.Conn) error) error {
	cfg := r.Servers[server].Config("")
	db, err := sql.Open("mysql", cfg.FormatDSN())
	if err != nil {
		return err
	}
	defer db.Close()
	c, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", r.Servers[server].Name(), err)
	}
	defer c.Close()
	return do(c)
}

// Follow makes a server a replica of another, read-only.
func (r *Replicated) Follow(ctx context.Context, server, primary int) error {
	return r.FollowAt(ctx, server, r.Servers[primary].Addr())
}

// FollowAt makes a server a replica of the one that it reaches at addr, read-only.
func (r *Replicated) FollowAt(ctx context.Context, server int, addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	w := r.Words
	return r.Run(ctx, server, w.Stop, "SET GLOBAL read_only=1", w.change+w.prefix+"HOST='"+host+"',"+w.prefix+"PORT="+port+","+
		w.prefix+"USER='root',"+w.follow+","+w.prefix+"CONNECT_RETRY=1,"+w.prefix+"HEARTBEAT_PERIOD=1", w.Start)
}

// Rejoin makes a former primary, which runs, a replica, without what it had written and no replica had confirmed when it was killed: no
// client was told that it is there, and the others do not have it. MariaDB's must have been started with Forget. MySQL's gives up all that
// it has for a clone of the primary, and is started anew.
func (r *Replicated) Rejoin(ctx context.Context, server, primary int) error {
	if r.Words.MySQL {
		if err := r.clone(ctx, server, primary); err != nil {
			return err
		}
	} else if err := r.Run(ctx, server, "SET GLOBAL gtid_slave_pos=@@gtid_binlog_pos"); err != nil {
		return err
	}
	return r.Follow(ctx, server, primary)
}

// clone has a server of MySQL's take all that another has in place of what it has itself.
func (r *Replicated) clone(ctx context.Context, server, donor int) error {
	host, port, err := net.SplitHostPort(r.Servers[donor].Addr())
	if err != nil {
		return err
	}
	s := r.Servers[server]
	ended := s.Done()
	err = r.Run(ctx, server, "SET GLOBAL clone_valid_donor_list='"+host+":"+port+"'", "CLONE INSTANCE FROM 'root'@'"+host+"':"+port+" IDENTIFIED BY ''")
	var refused *mysql.MySQLError
	if !errors.As(err, &refused) || refused.Number != codeNoSupervisor {
		return fmt.Errorf("clone %s: it was to end itself at that, and said: %w", s.Name(), err)
	}
	select { // to be started by whom it takes for missing
	case <-ended:
		return s.Start(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// codeNoSupervisor is ER_RESTART_SERVER_FAILED: a server that has been cloned, and that nobody would start again, shuts down.
const codeNoSupervisor = 3707

// CaughtUp waits until a server has applied all that another has written up to now.
func (r *Replicated) CaughtUp(ctx context.Context, server, primary int) error {
	pos, err := r.Position(ctx, primary)
	if err != nil || pos.IsZero() {
		return err
	}
	done, err := r.Value(ctx, server, pos.Wait(20*time.Second))
	if err == nil && done != "0" {
		err = fmt.Errorf("%s does not come to have %s", r.Servers[server].Name(), pos)
	}
	return err
}

// Position is all that a server has written.
func (r *Replicated) Position(ctx context.Context, server int) (gtid.Position, error) {
	text, err := r.Value(ctx, server, r.Words.Position)
	if err != nil {
		return gtid.Position{}, err
	}
	return gtid.Parse(text)
}

// Lag has a replica apply what it gets after a delay, or, with 0, at once.
func (r *Replicated) Lag(ctx context.Context, server int, delay time.Duration) error {
	return r.Run(ctx, server, r.Words.Stop, fmt.Sprintf("%s%sDELAY=%d", r.Words.change, r.Words.prefix, int(delay.Seconds())), r.Words.Start)
}

// SemiSync has a primary wait for a replica to have what it is about to commit, and the replicas tell. It returns when they do.
func (r *Replicated) SemiSync(ctx context.Context, primary int, replicas ...int) error {
	w := r.Words
	of := "SET GLOBAL rpl_semi_sync_" + w.Source
	if err := r.Run(ctx, primary, of+"_wait_point=AFTER_SYNC", of+"_timeout=60000", of+"_enabled=1"); err != nil {
		return err
	}
	for _, i := range replicas {
		if err := r.Run(ctx, i, w.Stop, "SET GLOBAL rpl_semi_sync_"+w.Replica+"_enabled=1", w.Start); err != nil {
			return err
		}
	}
	for {
		n, err := r.Value(ctx, primary, "SELECT VARIABLE_VALUE FROM "+w.statuses+" WHERE VARIABLE_NAME = 'Rpl_semi_sync_"+w.Source+"_clients'")
		if err != nil || n == strconv.Itoa(len(replicas)) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Free has a replica follow nobody any more and take writes.
func (r *Replicated) Free(ctx context.Context, server int) error {
	return r.Run(ctx, server, r.Words.Stop, r.Words.Reset, "SET GLOBAL read_only=0")
}

// Promote is what an operator's script does when the primary is gone, as far as it must: of the replicas given the one that has
// most applies what it has got and takes writes, and the others follow it. It returns which, and when it took writes.
func (r *Replicated) Promote(ctx context.Context, replicas ...int) (primary int, writable time.Time, err error) {
	var most gtid.Position
	primary = -1
	for _, i := range replicas {
		if err := r.Run(ctx, i, r.Words.StopFetching); err != nil {
			return 0, writable, err
		}
		if err := r.drained(ctx, i); err != nil {
			return 0, writable, err
		}
		text, err := r.Value(ctx, i, strings.Replace(r.Words.Position, "gtid_binlog_pos", "gtid_slave_pos", 1))
		if err != nil {
			return 0, writable, err
		}
		pos, err := gtid.Parse(text)
		if err != nil {
			return 0, writable, err
		}
		if primary < 0 || !most.Covers(pos) {
			primary, most = i, pos
		}
	}
	if err := r.Free(ctx, primary); err != nil {
		return 0, writable, err
	}
	writable = time.Now()
	for _, i := range replicas {
		if i != primary {
			if err := r.Follow(ctx, i, primary); err != nil {
				return 0, writable, err
			}
		}
	}
	return primary, writable, nil
}

// drained waits until a replica whose IO thread has stopped has applied what it had got.
func (r *Replicated) drained(ctx context.Context, server int) error {
	if r.Words.MySQL { // of whose threads that apply one only says what it does
		text, err := r.Status(ctx, server, "Retrieved_Gtid_Set")
		if err != nil {
			return err
		}
		got, err := gtid.Parse(text)
		if err != nil || got.IsZero() {
			return err
		}
		done, err := r.Value(ctx, server, got.Wait(20*time.Second))
		if err == nil && done != "0" {
			err = fmt.Errorf("%s does not apply %s", r.Servers[server].Name(), got)
		}
		return err
	}
	for {
		state, err := r.Status(ctx, server, "Slave_SQL_Running_State")
		if err != nil || strings.HasPrefix(state, "Slave has read all relay log") {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Status is what a replica says of its replication in the column of that name, or of which that is the name's end; "": it does not replicate.
func (r *Replicated) Status(ctx context.Context, server int, column string) (value string, err error) {
	err = r.on(ctx, server, func(c *sql.Conn) error {
		rows, err := c.QueryContext(ctx, r.Words.status)
		if err != nil {
			return err
		}
		defer rows.Close()
		names, err := rows.Columns()
		if err != nil || !rows.Next() {
			return err
		}
		cells, into := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for i, name := range names {
			if strings.HasSuffix(name, column) {
				value = cells[i].String
			}
		}
		return rows.Err()
	})
	return value, err
}
