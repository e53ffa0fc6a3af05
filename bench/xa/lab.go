package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-sql-driver/mysql"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/tests/harness"
	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/txnlog"
)

// lab is three servers, heddle before them, and a table over all.
type lab struct {
	env     *harness.Env
	heddle  *harness.Heddle
	control []*sql.DB
	shards  *txn.Shards
	manager *txn.Manager
	ids     [3][]string // of the table's rows, by server
	names   atomic.Int64
}

const rows = 3000

func newLab(ctx context.Context) (l *lab, err error) {
	l = &lab{shards: txn.NewShards()}
	l.env, err = harness.Start(ctx, harness.Options{Shards: 3, Flags: []string{"--innodb-flush-log-at-trx-commit=1", "--innodb-flush-method=fsync"}, Setup: func(ctx context.Context, e *harness.Env) error {
		return e.CreateSchema(ctx, "bank")
	}})
	if err != nil {
		return nil, err
	}
	var addrs [3]string
	for i, s := range l.env.Shards {
		cfg := s.Config("bank")
		txnlog.Configure(cfg)
		connector, err := mysql.NewConnector(cfg)
		if err != nil {
			return nil, err
		}
		db := sql.OpenDB(connector)
		server, unfit := txn.Probe(ctx, db, s.Name())
		if unfit != nil {
			return nil, unfit
		}
		l.shards.Set(s.Name(), server, nil)
		l.control, addrs[i] = append(l.control, db), s.Addr()
	}
	l.manager = txn.NewManager(txn.Config{Cluster: 1, Shards: l.shards})
	l.heddle, err = l.env.StartHeddle(ctx, harness.HeddleOptions{
		Rules: []string{fmt.Sprintf("database: bank\ndefaults: {user: root}\ndata_sources:\n  ds_0: {address: %q}\n  ds_1: {address: %q}\n  ds_2: {address: %q}\n"+
			"slots: {ds_0: 0-5461, ds_1: 5462-10922, ds_2: 10923-16383}\ntables:\n  account: {key: id}\n", addrs[0], addrs[1], addrs[2])},
		Users: "users: {root: {}}", Set: map[string]string{"transactions.type": "xa", "pool.max": "64"},
	})
	if err != nil {
		return nil, errors.Join(err, l.env.Close())
	}
	return l, l.fill(ctx)
}

func (l *lab) fill(ctx context.Context) error {
	db, err := sql.Open("mysql", l.heddle.Config("root", "", "bank").FormatDSN())
	if err != nil {
		return err
	}
	defer db.Close()
	var values []string
	for id := range rows {
		values = append(values, fmt.Sprintf("(%d, 0)", id+1))
	}
	for _, s := range []string{"CREATE TABLE account (id INT PRIMARY KEY, v INT NOT NULL)", "INSERT INTO account VALUES " + strings.Join(values, ",")} {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	for _, c := range l.control {
		if _, err := c.ExecContext(ctx, "CREATE TABLE textbook (gtrid VARCHAR(64) PRIMARY KEY, verdict CHAR(1) NOT NULL)"); err != nil {
			return err
		}
	}
	for i, c := range l.control {
		a, err := harness.Ask(ctx, c, "SELECT id FROM account ORDER BY id")
		if err != nil {
			return err
		}
		for _, row := range a.Rows {
			l.ids[i] = append(l.ids[i], row[0].(string))
		}
	}
	return nil
}

// write is what a transaction does on a server.
func (l *lab) write(server int, n int64) string {
	ids := l.ids[server]
	return "UPDATE account SET v = v + 1 WHERE id = " + ids[int(n)%len(ids)]
}

// synced is how often the servers have synced a file: the redo log, and seldom another.
func (l *lab) synced(ctx context.Context) (sum int, err error) {
	for _, c := range l.control {
		a, err := harness.Ask(ctx, c, "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'INNODB_DATA_FSYNCS'")
		if err != nil || len(a.Rows) == 0 {
			return 0, errors.Join(errors.New("a server does not count its fsyncs"), err)
		}
		n, err := strconv.Atoi(a.Rows[0][0].(string))
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

func (l *lab) close() error {
	err := l.heddle.Close()
	for _, c := range l.control {
		err = errors.Join(err, c.Close())
	}
	return errors.Join(err, l.env.Close())
}

// viaHeddle is a client of the proxy.
type viaHeddle struct {
	l  *lab
	db *sql.DB
	c  *sql.Conn
}

func openHeddle(l *lab, kind string) (worker, error) {
	cfg := l.heddle.Config("root", "", "bank")
	cfg.Params = map[string]string{"heddle_transaction_type": "'" + kind + "'"}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	w := &viaHeddle{l: l, db: sql.OpenDB(connector)}
	w.c, err = w.db.Conn(context.Background())
	return w, err
}

func (w *viaHeddle) once(ctx context.Context, on int, n int64) error {
	if _, err := w.c.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	for i := range on {
		if _, err := w.c.ExecContext(ctx, w.l.write(i, n)); err != nil {
			_, undone := w.c.ExecContext(ctx, "ROLLBACK")
			return errors.Join(err, undone)
		}
	}
	_, err := w.c.ExecContext(ctx, "COMMIT")
	return err
}

func (w *viaHeddle) close() { w.c.Close(); w.db.Close() }

// branch is a connection to a server.
type branch struct {
	name string
	id   uint32
	conn driver.Conn
	dead atomic.Bool
}

func (b *branch) DataSource() string   { return b.name }
func (b *branch) ConnectionID() uint32 { return b.id }
func (b *branch) Addr() string         { return "" }
func (b *branch) Alive() bool          { return !b.dead.Load() }
func (b *branch) Discard()             { b.dead.Store(true); _ = b.conn.Close() }

func (b *branch) Exec(ctx context.Context, statements ...string) error {
	_, err := b.conn.(driver.ExecerContext).ExecContext(ctx, strings.Join(statements, "; "), nil)
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return sqlerr.New(e.Number, string(e.SQLState[:]), e.Message)
	}
	return err
}

// direct is a driver without a proxy.
type direct struct {
	l        *lab
	how      func(ctx context.Context, w *direct, on int, n int64) error
	branches []*branch
}

func openDriver(l *lab, how func(ctx context.Context, w *direct, on int, n int64) error) (worker, error) {
	w := &direct{l: l, how: how}
	for _, s := range l.env.Shards {
		cfg := s.Config("bank")
		cfg.MultiStatements = true
		connector, err := mysql.NewConnector(cfg)
		if err != nil {
			return nil, err
		}
		b := &branch{name: s.Name()}
		if b.conn, err = connector.Connect(context.Background()); err != nil {
			return nil, err
		}
		rows, err := b.conn.(driver.QueryerContext).QueryContext(context.Background(), "SELECT CONNECTION_ID()", nil)
		if err != nil {
			return nil, err
		}
		row := make([]driver.Value, 1)
		err = errors.Join(rows.Next(row), rows.Close())
		b.id = uint32(asNumber(row[0]))
		if err != nil {
			return nil, err
		}
		w.branches = append(w.branches, b)
	}
	return w, nil
}

func asNumber(v driver.Value) (n int64) {
	switch v := v.(type) {
	case int64:
		return v
	case uint64:
		return int64(v)
	case []byte:
		n, _ = strconv.ParseInt(string(v), 10, 64)
	}
	return n
}

func (w *direct) once(ctx context.Context, on int, n int64) error { return w.how(ctx, w, on, n) }

func (w *direct) close() {
	for _, b := range w.branches {
		_ = b.conn.Close()
	}
}

func local(ctx context.Context, w *direct, on int, n int64) error {
	return w.transaction(ctx, txn.New(txn.Options{}), on, n)
}

func atomically(ctx context.Context, w *direct, on int, n int64) error {
	return w.transaction(ctx, w.l.manager.Begin(txn.Options{}), on, n)
}

func (w *direct) transaction(ctx context.Context, t *txn.Txn, on int, n int64) error {
	for i, b := range w.branches[:on] {
		if err := t.Enlist(ctx, b); err != nil {
			return err
		}
		if err := b.Exec(ctx, w.l.write(i, n)); err != nil {
			return errors.Join(err, t.Rollback(ctx))
		}
		t.Touched(b, true)
	}
	return t.Commit(ctx)
}

// textbook is XA with all branches alike, prepared and committed at the same time, and between that a decision that is written, durably, by
// itself. It begins as the others do, with a packet of its own. A mark is not written, nor is anything recovered: it is the least that the textbook's safety costs.
func textbook(ctx context.Context, w *direct, on int, n int64) error {
	g := fmt.Sprint("t", w.l.names.Add(1))
	xid := func(i int) string { return fmt.Sprintf("'%s','%d'", g, i) }
	for i, b := range w.branches[:on] {
		if err := b.Exec(ctx, "XA START "+xid(i)); err != nil {
			return err
		}
		if err := b.Exec(ctx, w.l.write(i, n)); err != nil {
			return err
		}
	}
	if on == 1 {
		return w.branches[0].Exec(ctx, "XA END "+xid(0), "XA COMMIT "+xid(0)+" ONE PHASE")
	}
	err := w.together(on, func(i int, b *branch) error { return b.Exec(ctx, "XA END "+xid(i), "XA PREPARE "+xid(i)) })
	if err == nil {
		_, err = w.l.control[0].ExecContext(ctx, "INSERT INTO textbook VALUES ('"+g+"', 'C')")
	}
	if err != nil {
		return err
	}
	return w.together(on, func(i int, b *branch) error { return b.Exec(ctx, "XA COMMIT "+xid(i)) })
}

func (w *direct) together(on int, do func(i int, b *branch) error) error {
	errs := make([]error, on)
	var all sync.WaitGroup
	for i, b := range w.branches[:on] {
		all.Go(func() { errs[i] = do(i, b) })
	}
	all.Wait()
	return errors.Join(errs...)
}
