package xa

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// branch is a connection to one shard, as a session holds one.
type branch struct {
	name string
	id   uint32
	addr func() string // nil: nobody has said
	conn driver.Conn
	net  net.Conn
	dead atomic.Bool
}

// connect opens a branch's connection. It ends with the test at the latest.
func connect(t testing.TB, shard int) *branch {
	t.Helper()
	b := &branch{name: env.Shards[shard].Name()}
	cfg := env.Shards[shard].Config("bank")
	cfg.MultiStatements = true
	cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		var err error
		b.net, err = (&net.Dialer{}).DialContext(ctx, network, addr)
		return b.net, err
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if b.conn, err = connector.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Discard)
	b.id = uint32(b.query(t, "SELECT CONNECTION_ID()"))
	return b
}

// query returns the number that a small question is answered with.
func (b *branch) query(t testing.TB, question string) int64 {
	t.Helper()
	rows, err := b.conn.(driver.QueryerContext).QueryContext(t.Context(), question, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	row := make([]driver.Value, 1)
	if err := rows.Next(row); err != nil {
		t.Fatal(err)
	}
	return number(row[0])
}

func number(v driver.Value) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case uint64:
		return int64(v)
	case []byte:
		n := int64(0)
		for _, c := range v {
			n = 10*n + int64(c-'0')
		}
		return n
	}
	return -1
}

func (b *branch) DataSource() string   { return b.name }
func (b *branch) ConnectionID() uint32 { return b.id }
func (b *branch) Alive() bool          { return !b.dead.Load() }
func (b *branch) Addr() string {
	if b.addr == nil {
		return ""
	}
	return b.addr()
}

func (b *branch) Discard() {
	b.dead.Store(true)
	_ = b.net.Close()
}

func (b *branch) Exec(ctx context.Context, statements ...string) error {
	if b.dead.Load() {
		return unsent{}
	}
	_, err := b.conn.(driver.ExecerContext).ExecContext(ctx, strings.Join(statements, "; "), nil)
	if err = asServer(err); err != nil && sqlerr.As(err) == nil {
		b.Discard()
	}
	return err
}

// asServer is the driver's error of a server as Heddle has them.
func asServer(err error) error {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return sqlerr.New(e.Number, string(e.SQLState[:]), e.Message)
	}
	return err
}

type unsent struct{}

func (unsent) Error() string     { return "the connection had ended before" }
func (unsent) SafeToRetry() bool { return true }

// run is a client's statement on the branch.
func (b *branch) run(t testing.TB, sql string) {
	t.Helper()
	if err := b.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %s: %v", b.name, sql, err)
	}
}

// ask runs a small question on a shard and returns its first column, of its first row; "" if there is none.
func ask(t testing.TB, shard int, question string) string {
	t.Helper()
	a, err := harness.Ask(context.Background(), control[shard], question)
	if err != nil || a.Code != 0 {
		t.Fatalf("%s: %s: %v %s", env.Shards[shard].Name(), question, err, a.Message)
	}
	if len(a.Rows) == 0 || a.Rows[0][0] == nil {
		return ""
	}
	return a.Rows[0][0].(string)
}
