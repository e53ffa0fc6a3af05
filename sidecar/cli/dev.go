package cli

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/sidecar"
	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/dev"
)

// defaultListen is where `heddle dev` accepts clients.
const defaultListen = "127.0.0.1:3307"

func devCommand() *cobra.Command {
	var opts dev.Options
	var listen, logLevel string
	var force bool
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Start everything that is needed to try Heddle on this machine",
		Long: "Start private MariaDB servers and an etcd on loopback, and Heddle in front of them, with a small web shop\n" +
			"in it. Ctrl-C stops everything that was started and nothing else.",
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVar(&listen, "listen", defaultListen, "address on which clients are accepted")
	f.StringVar(&opts.Data, "data", "", "directory that is kept: a second start finds its rows")
	f.IntVar(&opts.Servers, "servers", 0, "number of private servers (default 2)")
	f.StringArrayVar(&opts.Rules, "rules", nil, "rule document in place of the demo's; repeatable")
	f.StringVar(&opts.Load, "load", "", "SQL file to run through the proxy in place of the demo's rows")
	f.StringArrayVar(&opts.Backends, "backend", nil, "DSN of a server that exists, in place of private ones; repeatable")
	f.BoolVar(&force, "force-placement", false, "let --rules change the placement of tables of a kept directory that may have rows")
	f.StringVar(&logLevel, "log", "warn", "log level: debug, info, warn, error")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, os.Interrupt)
		defer stop()
		d := &devRun{out: cmd.OutOrStdout(), listen: listen, log: logLevel, opts: opts, force: force}
		return d.run(ctx, stop)
	}
	return cmd
}

// devRun is one run of `heddle dev`.
type devRun struct {
	out         io.Writer
	listen, log string
	opts        dev.Options
	force       bool // --force-placement

	stack    *dev.Stack
	process  *sidecar.Process
	database string // of the first document: where rows are loaded
}

func (d *devRun) run(ctx context.Context, stop func()) (err error) {
	defer func() {
		if errors.Is(err, context.Canceled) {
			err = nil // Ctrl-C during the start
		}
	}()
	if d.stack, err = dev.Open(ctx, d.opts); err != nil {
		return err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		err = errors.Join(err, d.stack.Close(end))
	}()
	d.sayStarted()
	err = d.start(ctx)
	defer func() {
		if d.process == nil {
			return
		}
		end, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		err = errors.Join(err, d.process.Stop(end))
	}()
	if err != nil {
		return err
	}
	if err := d.load(ctx); err != nil {
		return err
	}
	d.sayConnect()
	if d.stack.Demo() {
		if err := d.examples(ctx); err != nil {
			return err
		}
	}
	d.process.Ready(d.out)
	<-ctx.Done()
	stop() // a second Ctrl-C ends the process at once
	fmt.Fprintln(d.out, "stopping")
	return nil
}

// start puts the documents into etcd and starts the process that follows them.
func (d *devRun) start(ctx context.Context) error {
	c, err := d.config()
	if err != nil {
		return err
	}
	log, _, err := newLog(c)
	if err != nil {
		return err
	}
	if err := d.publish(ctx, c); err != nil {
		return err
	}
	if d.process, err = sidecar.Start(ctx, c, log, false); err != nil {
		return err
	}
	return d.reapply(ctx, c)
}

// config is what a heddle.yaml for this stack would say.
func (d *devRun) config() (*config.Config, error) {
	return config.Load(config.Sources{Flags: map[string]string{
		"listen-address": d.listen, "state-dir": d.stack.StateDir(), "log-level": d.log, "log-format": "console",
		"admin-address": "", // a second one on the machine must not find it taken
		"instance-name": "dev", "etcd-endpoints": d.stack.Etcd().Endpoint(),
	}})
}

// schemasOf names a document's logical database and lists the physical schemas. A document that is wrong is refused by
// the process.
func schemasOf(text string) (database string, schemas []string) {
	file, _ := rule.ParseFile([]byte(text))
	if file == nil {
		return "", nil
	}
	for _, doc := range file.Documents {
		layout, err := doc.Resolve()
		if err != nil || layout.Database == "" {
			continue
		}
		if database == "" {
			database = layout.Database
		}
		for _, ds := range layout.DataSources {
			schemas = append(schemas, ds.Schema)
		}
	}
	return database, schemas
}

// load sends the demo's rows, or those of --load, through the proxy.
func (d *devRun) load(ctx context.Context) error {
	if d.stack.Loaded() {
		return nil
	}
	began, n := time.Now(), 0
	db, err := d.open(d.database)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // nothing is pending on it
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to Heddle: %w", err)
	}
	defer func() { _ = conn.Close() }() // likewise
	for statement, err := range d.stack.Load() {
		if err != nil {
			return err
		}
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("load %.60q…: %w", statement, err)
		}
		n++
	}
	if n > 0 {
		fmt.Fprintf(d.out, "loaded     %d statements through the proxy in %v\n", n, time.Since(began).Round(time.Millisecond))
	}
	return d.stack.MarkLoaded()
}

func (d *devRun) open(database string) (*sql.DB, error) {
	c := mysql.NewConfig()
	c.User, c.Net, c.Addr, c.DBName = "root", "tcp", d.process.Addr(), database
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, fmt.Errorf("connect to Heddle: %w", err)
	}
	return sql.OpenDB(connector), nil
}

func (d *devRun) sayStarted() {
	for _, o := range d.stack.Orphans() {
		fmt.Fprintln(d.out, "ended      an orphan of an earlier run:", o)
	}
	fmt.Fprintf(d.out, "etcd       %s (in this process)\n", d.stack.Etcd().Endpoint())
	for _, s := range d.stack.Servers() {
		fmt.Fprintf(d.out, "mariadbd   %s on %s (pid %d)\n", s.Name(), s.Addr(), s.PID())
	}
	if len(d.stack.Servers()) == 0 {
		for _, b := range d.stack.Backends() {
			fmt.Fprintf(d.out, "server     %s on %s (yours)\n", b.Name, b.Addr)
		}
	}
	fmt.Fprintf(d.out, "data       %s\n", d.stack.Dir())
}

func (d *devRun) sayConnect() {
	host, port, _ := strings.Cut(d.process.Addr(), ":")
	database := ""
	if d.stack.Demo() {
		database = " " + dev.DemoDatabase
	}
	fmt.Fprintf(d.out, "\nconnect:   mariadb -h %s -P %s -u root%s\n", host, port, database)
	fmt.Fprintf(d.out, "rules:     heddle rules get --etcd-endpoints %s%s\n", d.stack.Etcd().Endpoint(), database)
}

// examples shows the three statements of the demo with plan and result.
func (d *devRun) examples(ctx context.Context) error {
	db, err := d.open(dev.DemoDatabase)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // nothing is pending on it
	for _, e := range dev.Examples() {
		fmt.Fprintf(d.out, "\n-- %s\n%s;\n", e.Title, e.SQL)
		if err := d.show(ctx, db, "EXPLAIN FORMAT=HEDDLE "+e.SQL, false); err != nil {
			return err
		}
		if err := d.show(ctx, db, e.SQL, true); err != nil {
			return err
		}
	}
	fmt.Fprintln(d.out)
	return nil
}

// show prints a result: as a table, or as lines.
func (d *devRun) show(ctx context.Context, db *sql.DB, query string, framed bool) error {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return fmt.Errorf("%s: %w", query, err)
	}
	defer func() { _ = rows.Close() }() // Err is looked at
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	t := table.NewWriter()
	t.Style().Format.Header = text.FormatDefault
	header := make(table.Row, len(names))
	for i, n := range names {
		header[i] = n
	}
	t.AppendHeader(header)
	for rows.Next() {
		cells := make([]sql.NullString, len(names))
		into := make([]any, len(names))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		row := make(table.Row, len(cells))
		for i, c := range cells {
			if row[i] = "NULL"; c.Valid {
				row[i] = c.String
			}
		}
		if !framed {
			fmt.Fprintln(d.out, row[0])
			continue
		}
		t.AppendRow(row)
	}
	if framed {
		fmt.Fprintln(d.out, t.Render())
	}
	return rows.Err()
}
