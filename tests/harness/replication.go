package harness

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/internal/gtid"
	"github.com/heddle-mesh/heddle/sidecar/dev"
)

// Replicated is a primary with replicas, by GTID. Servers[0] is the primary at first. Accounts: root, whom read_only does not
// bind, and heddle, whom it does.
type Replicated struct {
	Name    string
	Servers []*dev.Server
}

// StartReplicated starts a primary with n replicas, with further arguments, and returns when they replicate.
func (e *Env) StartReplicated(ctx context.Context, name string, n int, flags ...string) (*Replicated, error) {
	var specs []dev.Spec
	for i := range n + 1 {
		specs = append(specs, dev.Spec{Name: name + "_" + strconv.Itoa(i), Flags: append([]string{
			"--server-id=" + strconv.Itoa(i+1), "--log-bin=bin", "--relay-log=relay", "--log-slave-updates=1", "--binlog-format=ROW",
			"--sync-binlog=0", "--gtid-strict-mode=1", "--slave-net-timeout=4", "--slave-max-allowed-packet=64M",
		}, flags...)})
	}
	servers, err := e.farm.Start(ctx, specs...)
	if err != nil {
		return nil, err
	}
	r := &Replicated{Name: name, Servers: servers}
	for i := range r.Servers[1:] {
		if err := r.Follow(ctx, i+1, 0); err != nil {
			return nil, err
		}
	}
	err = r.Run(ctx, 0, "CREATE USER heddle", "GRANT SELECT,INSERT,UPDATE,DELETE,CREATE,DROP,ALTER,INDEX,CREATE TEMPORARY TABLES,LOCK TABLES,"+
		"EXECUTE,CREATE VIEW,SHOW VIEW,CREATE ROUTINE,ALTER ROUTINE,TRIGGER,PROCESS,RELOAD,CONNECTION ADMIN,REPLICA MONITOR,BINLOG MONITOR ON *.* TO heddle")
	if err != nil {
		return nil, err
	}
	for i := range r.Servers[1:] {
		if err := r.CaughtUp(ctx, i+1, 0); err != nil {
			return nil, err
		}
	}
	return r, nil
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
	host, port, err := net.SplitHostPort(r.Servers[primary].Addr())
	if err != nil {
		return err
	}
	return r.Run(ctx, server, "STOP SLAVE", "SET GLOBAL read_only=1", "CHANGE MASTER TO MASTER_HOST='"+host+"',MASTER_PORT="+port+
		",MASTER_USER='root',MASTER_USE_GTID=slave_pos,MASTER_CONNECT_RETRY=1,MASTER_HEARTBEAT_PERIOD=1", "START SLAVE")
}

// CaughtUp waits until a server has applied all that another has written up to now.
func (r *Replicated) CaughtUp(ctx context.Context, server, primary int) error {
	pos, err := r.Value(ctx, primary, "SELECT @@gtid_binlog_pos")
	if err != nil {
		return err
	}
	done, err := r.Value(ctx, server, "SELECT MASTER_GTID_WAIT('"+pos+"',20)")
	if err == nil && done != "0" {
		err = fmt.Errorf("%s does not come to have %s", r.Servers[server].Name(), pos)
	}
	return err
}

// Lag has a replica apply what it gets after a delay, or, with 0, at once.
func (r *Replicated) Lag(ctx context.Context, server int, delay time.Duration) error {
	return r.Run(ctx, server, "STOP SLAVE", fmt.Sprintf("CHANGE MASTER TO MASTER_DELAY=%d", int(delay.Seconds())), "START SLAVE")
}

// Promote is what an operator's script does when the primary is gone, as far as it must: of the replicas given the one that has
// most applies what it has got and takes writes, and the others follow it. It returns which, and when it took writes.
func (r *Replicated) Promote(ctx context.Context, replicas ...int) (primary int, writable time.Time, err error) {
	var most gtid.Position
	primary = -1
	for _, i := range replicas {
		if err := r.Run(ctx, i, "STOP SLAVE IO_THREAD"); err != nil {
			return 0, writable, err
		}
		if err := r.drained(ctx, i); err != nil {
			return 0, writable, err
		}
		text, err := r.Value(ctx, i, "SELECT @@gtid_slave_pos")
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
	if err := r.Run(ctx, primary, "STOP SLAVE", "RESET SLAVE ALL", "SET GLOBAL read_only=0"); err != nil {
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
	for {
		done := false
		err := r.on(ctx, server, func(c *sql.Conn) error {
			rows, err := c.QueryContext(ctx, "SHOW SLAVE STATUS")
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
				if name == "Slave_SQL_Running_State" {
					done = strings.HasPrefix(cells[i].String, "Slave has read all relay log")
				}
			}
			return rows.Err()
		})
		if err != nil || done {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}
