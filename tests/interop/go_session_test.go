package interop

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing/iotest"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/heddle-mesh/heddle/tests/harness"
)

func goMetadata(g *goTarget) error {
	ctx := g.t.Context()
	if err := g.exec("DROP TABLE IF EXISTS types", "CREATE TABLE types (id BIGINT UNSIGNED NOT NULL PRIMARY KEY, v VARCHAR(20), d DECIMAL(12,3) NOT NULL, t DATETIME(3))"); err != nil {
		return err
	}
	for _, query := range []string{"SELECT id AS x, v, d, t FROM types WHERE id = ?", "SELECT id AS x, v, d, t FROM types WHERE id > ? ORDER BY v"} {
		rows, err := g.db.QueryContext(ctx, query, 1)
		if err != nil {
			return err
		}
		types, err := rows.ColumnTypes()
		if err := errors.Join(err, rows.Close()); err != nil {
			return err
		}
		var got []string
		for _, c := range types {
			precision, scale, _ := c.DecimalSize()
			nullable, _ := c.Nullable()
			got = append(got, fmt.Sprint(c.Name(), " ", c.DatabaseTypeName(), " ", precision, " ", scale, " ", nullable))
		}
		want := []string{"x UNSIGNED BIGINT 0 0 false", "v VARCHAR 0 0 true", "d DECIMAL 12 3 false", "t DATETIME 3 3 true"}
		if err := same(got, want); err != nil {
			return fmt.Errorf("%s: %w", query, err)
		}
	}
	return nil
}

func goVariables(g *goTarget) error {
	ctx := g.t.Context()
	db := g.with(func(c *mysql.Config) {
		c.Params = map[string]string{"sql_mode": "'ANSI_QUOTES'", "time_zone": "'+05:00'", "wait_timeout": "99"}
		c.Collation = "utf8mb4_unicode_ci"
	})
	db.SetMaxOpenConns(1)
	for range 3 {
		a, err := harness.Ask(ctx, db, "SELECT @@sql_mode, @@time_zone, @@wait_timeout, @@collation_connection, DATABASE()")
		if err := errors.Join(err, same(a.Rows, [][]any{{"ANSI_QUOTES", "+05:00", "99", "utf8mb4_unicode_ci", g.cfg.DBName}})); err != nil {
			return err
		}
	}
	return want(ctx, g.db, 1, "SELECT @@time_zone = @@global.time_zone AND @@wait_timeout > 99")
}

// goLogin logs in twice: the second time by the cache, where there is one.
func goLogin(g *goTarget, user, password, tls string) error {
	for range 2 {
		db := g.with(func(c *mysql.Config) { c.User, c.Passwd, c.TLSConfig = user, password, tls })
		if err := want(g.t.Context(), db, 1, "SELECT CURRENT_USER() LIKE ?", user+"@%"); err != nil {
			return err
		}
		if err := db.Close(); err != nil {
			return err
		}
	}
	return nil
}

func goFenced(g *goTarget) error {
	ctx := g.t.Context()
	db := g.with(func(c *mysql.Config) { c.User, c.DBName = "fenced", "go_one" })
	_, err := db.ExecContext(ctx, "SELECT * FROM go_many.accounts")
	elsewhere := g.with(func(c *mysql.Config) { c.User, c.DBName = "fenced", "go_many" }).PingContext(ctx)
	var e *mysql.MySQLError
	if !errors.As(err, &e) || e.Number != 1142 {
		return fmt.Errorf("a table of another database: %v", err)
	}
	return errors.Join(want(ctx, db, 1, "SELECT 1"), refused(elsewhere, 1044, "42000"))
}

func goCompression(g *goTarget) error {
	ctx := g.t.Context()
	db := g.with(func(c *mysql.Config) {
		c.ConnectionAttributes = "program_name:interop,note:" + strings.Repeat("n", 3000)
		if err := c.Apply(mysql.EnableCompression(true)); err != nil {
			g.t.Error(err)
		}
	})
	n, _, err := drain(ctx, db, "SELECT id, pad FROM "+g.big+" WHERE id <= 20000")
	big := strings.Repeat("compress me ", 200000)
	return errors.Join(err, same(n, 20000), want(ctx, db, int64(len(big)), "SELECT LENGTH(?)", big))
}

// slow runs for long enough to be killed, on every shard.
func (g *goTarget) slow() string {
	return "SELECT COUNT(*), SLEEP(20) FROM " + g.big + " WHERE id < 100 GROUP BY grp"
}

func goKill(g *goTarget) error {
	ctx := g.t.Context()
	victim, err := g.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer victim.Close()
	id, err := number(ctx, victim, "SELECT CONNECTION_ID()")
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() {
		_, _, err := drain(ctx, victim, g.slow())
		ended <- err
	}()
	for range 150 {
		if err := g.exec(fmt.Sprint("KILL QUERY ", id)); err != nil {
			return err
		}
		select {
		case err := <-ended:
			return errors.Join(refused(err, 1317, "70100"), want(ctx, victim, 1, "SELECT 1"))
		case <-time.After(50 * time.Millisecond): // not begun when it was killed: once more
		}
	}
	return errors.New("not killed")
}

// goCancel: the driver closes its connection when a context ends, in the middle of a statement or of its rows.
func goCancel(g *goTarget) error {
	for _, query := range []string{
		"SELECT COUNT(*), SLEEP(0.01) FROM " + g.big + " WHERE id < 100 GROUP BY grp",
		"SELECT id, pad FROM " + g.big + " ORDER BY id",
	} {
		ctx, cancel := context.WithCancel(g.t.Context())
		timer := time.AfterFunc(30*time.Millisecond, cancel)
		_, _, err := drain(ctx, g.db, query)
		timer.Stop()
		cancel()
		if !errors.Is(err, context.Canceled) {
			return fmt.Errorf("%s: got %v", query, err)
		}
	}
	return want(g.t.Context(), g.db, 1, "SELECT 1")
}

// drain reads a result of an id and more to its end.
func drain(ctx context.Context, on harness.Asker, query string, args ...any) (rows int, sum int64, err error) {
	r, err := on.QueryContext(ctx, query, args...)
	if err != nil {
		return 0, 0, err
	}
	defer r.Close()
	names, err := r.Columns()
	if err != nil {
		return 0, 0, err
	}
	var id int64
	into := []any{&id}
	for range names[1:] {
		into = append(into, new(sql.RawBytes))
	}
	for ; r.Next(); rows++ {
		if err := r.Scan(into...); err != nil {
			return rows, sum, err
		}
		sum += id
	}
	return rows, sum, r.Err()
}

// maxGrowth is by how much heddle may grow while a million rows pass: some buffers, not the result of 150 MB.
const maxGrowth = 48 << 20

// fifth is a condition on the last fifth of the rows.
const fifth = " WHERE id > 800000"

// goStream reads the rows above an id and watches heddle's memory meanwhile.
func goStream(g *goTarget, above int, rest string, args ...any) error {
	before, err := residentMemory(lab.heddle.PID())
	if err != nil {
		return err
	}
	most := make(chan int64)
	ctx, stop := context.WithCancel(g.t.Context())
	go func() {
		peak := before
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			if now, err := residentMemory(lab.heddle.PID()); err == nil {
				peak = max(peak, now)
			}
			select {
			case <-ctx.Done():
				most <- peak
				return
			case <-tick.C:
			}
		}
	}()
	begun := time.Now()
	rows, sum, err := drain(g.t.Context(), g.db, "SELECT id, grp, name, pad FROM "+g.big+rest, args...)
	stop()
	peak := <-most
	g.t.Logf("%s, %d rows%s: %v, memory %d MB, at most %d MB", g.name, rows, rest, time.Since(begun).Round(10*time.Millisecond), before>>20, peak>>20)
	if err == nil && peak-before > maxGrowth {
		err = fmt.Errorf("grew from %d MB to %d MB", before>>20, peak>>20)
	}
	return errors.Join(err, same(rows, bigRows-above), same(sum, int64(bigRows)*(bigRows+1)/2-int64(above)*int64(above+1)/2))
}

// residentMemory of a process, in bytes.
func residentMemory(pid int) (int64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) == 3 && fields[0] == "VmRSS:" {
			kb, err := strconv.ParseInt(fields[1], 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("no VmRSS of process %d", pid)
}

// goLoadDataLocal loads a file of several packets, and one that cannot be read.
func goLoadDataLocal(g *goTarget) error {
	if err := g.exec("DROP TABLE IF EXISTS loaded", "CREATE TABLE loaded (id INT NOT NULL PRIMARY KEY, v VARCHAR(60))"); err != nil {
		return err
	}
	var text strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&text, "%d,%s\n", i, strings.Repeat("v", 50))
	}
	mysql.RegisterReaderHandler("rows", func() io.Reader { return strings.NewReader(text.String()) })
	defer mysql.DeregisterReaderHandler("rows")
	unreadable := errors.New("unreadable")
	mysql.RegisterReaderHandler("broken", func() io.Reader { return iotest.ErrReader(unreadable) })
	defer mysql.DeregisterReaderHandler("broken")
	ctx := g.t.Context()
	conn, err := g.with(func(c *mysql.Config) { c.MaxAllowedPacket = 1 << 20 }).Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	const load = "LOAD DATA LOCAL INFILE 'Reader::%s' INTO TABLE loaded FIELDS TERMINATED BY ','"
	if _, err := conn.ExecContext(ctx, fmt.Sprintf(load, "rows")); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, fmt.Sprintf(load, "broken")); !errors.Is(err, unreadable) {
		return fmt.Errorf("a file that cannot be read: %v", err)
	}
	return want(ctx, conn, 3000, "SELECT COUNT(*) FROM loaded")
}
