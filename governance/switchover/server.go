package switchover

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
)

// Account is how servers are entered, and how they enter each other.
type Account struct {
	// Config has the account that may set read_only and say who follows whom; an address is put in.
	Config *mysql.Config
	// User and Password are what a server that has followed nobody so far follows another by.
	User, Password string
}

// server is one of the data source's. Each question has a connection of its own: a switch is rare, and none is stale then.
type server struct {
	address string
	account *Account
}

// within bounds one question that is not bounded otherwise.
const within = 3 * time.Second

// looked is what a server says of itself.
type looked struct {
	family   *family
	readOnly bool
	logs     bool   // what it applies goes into its binary log, so that others can follow it
	gtids    string // gtid_mode
	written  gtid.Position
	applied  gtid.Position
	own      gtid.Set // of MySQL, what it has numbered itself
	source   string   // whom it follows; "": nobody
	fetches  bool     // and has a connection to it
	applies  bool
	trouble  string
	several  bool // it follows more than one, or one by a name
	prepared int  // branches of XA transactions
	tls      bool // it follows by TLS
}

// on runs f with a connection.
func (s *server) on(ctx context.Context, f func(ctx context.Context, c *sql.Conn, is *family) error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	config := s.account.Config.Clone()
	config.Net, config.Addr = "tcp", s.address
	config.Logger = &mysql.NopLogger{}
	config.Timeout = within
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return fmt.Errorf("%s: %w", s.address, err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	c, err := db.Conn(ctx)
	if err == nil {
		defer c.Close()
		var is *family
		if is, err = familyOf(ctx, c); err == nil {
			err = f(ctx, c, is)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.address, err)
	}
	return nil
}

func run(ctx context.Context, c *sql.Conn, statements ...string) error {
	for _, text := range statements {
		if _, err := c.ExecContext(ctx, text); err != nil {
			shown, _, _ := strings.Cut(text, "_USER=") // what follows is secret
			return fmt.Errorf("%s: %w", shown, err)
		}
	}
	return nil
}

// look asks a server about itself.
func (s *server) look(ctx context.Context) (l looked, err error) {
	err = s.on(ctx, func(ctx context.Context, c *sql.Conn, is *family) error {
		var readOnly, logs, written, applied, uuid string
		if err := c.QueryRowContext(ctx, is.self).Scan(&readOnly, &logs, &written, &applied, &l.gtids, &uuid); err != nil {
			return err
		}
		l.family, l.readOnly, l.logs = is, readOnly != "0", logs == "1"
		var err error
		if l.written, err = gtid.Parse(written); err != nil {
			return err
		}
		if l.applied, err = gtid.Parse(applied); err != nil {
			return err
		}
		l.applied.Set = l.written.Set // of MySQL they are one
		if id, err := gtid.ParseUUID(uuid); err == nil {
			l.own = l.written.Set.Of(id)
		}
		rows, err := table(ctx, c, is.sources)
		if err != nil {
			return err
		}
		for _, row := range rows {
			l.several = l.several || row["Channel_Name"] != "" || len(rows) > 1
			l.source = net.JoinHostPort(row["Source_Host"], row["Source_Port"])
			l.fetches, l.applies = row["Replica_IO_Running"] == "Yes", row["Replica_SQL_Running"] == "Yes"
			l.tls = row["Source_SSL_Allowed"] == "Yes"
			if l.trouble = row["Last_SQL_Error"]; l.trouble == "" {
				l.trouble = row["Last_IO_Error"]
			}
		}
		branches, err := table(ctx, c, "XA RECOVER")
		l.prepared = len(branches)
		return err
	})
	return l, err
}

// table reads an answer by the names of its columns: the newer ones, of which there are two.
func table(ctx context.Context, c *sql.Conn, query string) (out []map[string]string, err error) {
	rows, err := c.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	cells, into := make([]sql.NullString, len(names)), make([]any, len(names))
	for i := range cells {
		into[i] = &cells[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		row := make(map[string]string, len(names))
		for i, name := range names {
			row[newNames.Replace(name)] = cells[i].String
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// fence makes a server read-only and returns all that it has written. It does not wait for locks of others for long, and leaves nothing
// behind that would make it read-only later.
func (s *server) fence(ctx context.Context) (position gtid.Position, err error) {
	thread := ""
	err = s.on(ctx, func(ctx context.Context, c *sql.Conn, is *family) error {
		bound := within
		if deadline, ok := ctx.Deadline(); ok {
			bound = min(bound, time.Until(deadline)-20*time.Millisecond)
		}
		if bound < 20*time.Millisecond {
			return context.DeadlineExceeded
		}
		if err := run(ctx, c, "SET lock_wait_timeout=1"); err != nil {
			return err
		}
		if is.bound != "" {
			if err := run(ctx, c, fmt.Sprintf(is.bound, bound.Seconds())); err != nil {
				return err
			}
		} else if err := c.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&thread); err != nil {
			return err
		}
		if err := run(ctx, c, is.close); err != nil {
			return err
		}
		position, err = is.position(ctx, c)
		return err
	})
	if err != nil && thread != "" {
		err = errors.Join(err, s.end(context.WithoutCancel(ctx), thread))
	}
	return position, err
}

// end ends what a connection that has been given up may still be waiting for, and returns when it is gone.
func (s *server) end(ctx context.Context, thread string) error {
	return s.on(ctx, func(ctx context.Context, c *sql.Conn, _ *family) error {
		for {
			var unknown *mysql.MySQLError
			err := run(ctx, c, "KILL "+thread)
			switch {
			case errors.As(err, &unknown) && unknown.Number == codeNoSuchThread:
				return nil
			case err != nil:
				return err
			}
			if err := pause(ctx, 10*time.Millisecond); err != nil {
				return err
			}
		}
	})
}

// codeNoSuchThread is ER_NO_SUCH_THREAD.
const codeNoSuchThread = 1094

// open lets a server take writes.
func (s *server) open(ctx context.Context) error {
	return s.on(ctx, func(ctx context.Context, c *sql.Conn, _ *family) error { return run(ctx, c, "SET GLOBAL read_only=0") })
}

// close makes a server read-only that nobody writes to.
func (s *server) close(ctx context.Context) error {
	_, err := s.fence(ctx)
	return err
}

// errLate is that a server does not come to have a position in time.
var errLate = errors.New("it does not come to have all that is written")

// await waits until a server has applied a position.
func (s *server) await(ctx context.Context, position gtid.Position, most time.Duration) error {
	if position.IsZero() {
		return nil
	}
	for until := time.Now().Add(most); ; {
		left := min(time.Until(until), time.Second)
		if deadline, ok := ctx.Deadline(); ok {
			left = min(left, time.Until(deadline))
		}
		if left <= 0 {
			return fmt.Errorf("%s: %w: %s", s.address, errLate, position)
		}
		var done string
		err := s.on(ctx, func(ctx context.Context, c *sql.Conn, _ *family) error {
			return c.QueryRowContext(ctx, position.Wait(left)).Scan(&done)
		})
		if err != nil || done == "0" {
			return err
		}
	}
}

// detach ends a server's following.
func (s *server) detach(ctx context.Context) error {
	return s.on(ctx, func(ctx context.Context, c *sql.Conn, is *family) error { return run(ctx, c, is.detach()...) })
}

// follow makes a server follow another, read-only, from what it has; by TLS, where it has followed nobody so far, if tls says so. It is
// idempotent.
func (s *server) follow(ctx context.Context, primary string, tls bool) error {
	l, err := s.look(ctx)
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(primary)
	if err != nil {
		return err
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("port of %s: %w", primary, err)
	}
	is := l.family
	statements := []string{is.stop}
	change := is.change + is.prefix + "HOST='" + quote(host) + "'," + is.prefix + "PORT=" + port + "," + is.follow
	switch {
	case l.source == primary && l.fetches && l.applies:
		statements = nil
	case l.source == "": // it was a primary, and knows nobody to follow by
		if is.before != "" {
			statements = append(statements, is.before)
		}
		if change += "," + is.enter + is.prefix + "CONNECT_RETRY=1,"; tls {
			change += is.prefix + "SSL=1,"
		}
		change += is.prefix + "USER='" + quote(s.account.User) + "'," + is.prefix + "PASSWORD='" + quote(s.account.Password) + "'"
		fallthrough
	case l.source != primary:
		statements = append(statements, change, is.start)
	default:
		statements = append(statements, is.start)
	}
	if !l.readOnly {
		statements = append([]string{"SET lock_wait_timeout=1", is.close}, statements...)
	}
	return s.on(ctx, func(ctx context.Context, c *sql.Conn, _ *family) error { return run(ctx, c, statements...) })
}

// following waits until a server has a connection to the one that it follows.
func (s *server) following(ctx context.Context, most time.Duration) error {
	for until := time.Now().Add(most); ; {
		l, err := s.look(ctx)
		if err != nil || l.fetches && l.applies {
			return err
		}
		if time.Now().After(until) {
			return fmt.Errorf("%s does not replicate from %s: %s", s.address, l.source, l.trouble)
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

func quote(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, `\`, `\\`), "'", "''")
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// stop has a replica stand still.
func (s *server) stop(ctx context.Context) error {
	return s.on(ctx, func(ctx context.Context, c *sql.Conn, is *family) error { return run(ctx, c, is.stop) })
}
