package backend

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/heddle-mesh/heddle/proxy/wire"
)

// lab holds the private servers of this package's tests: a template of a data directory, and one server that tests
// share which neither stop it nor change its global settings.
type lab struct {
	dir      string
	once     sync.Once
	template string
	shared   *mariadb
	err      error
}

var theLab lab // a test's fixture, ended by TestMain

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if theLab.shared != nil {
			theLab.shared.kill()
		}
		if theLab.dir != "" {
			_ = os.RemoveAll(theLab.dir)
		}
		os.Exit(code)
	}))
}

func (l *lab) prepare() {
	l.once.Do(func() {
		if l.dir, l.err = os.MkdirTemp("", "backend"); l.err != nil {
			return
		}
		l.template = filepath.Join(l.dir, "template")
		out, err := exec.Command("mariadb-install-db", "--no-defaults", "--user=root", "--datadir="+l.template,
			"--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=4M").CombinedOutput()
		if err != nil {
			l.err = fmt.Errorf("mariadb-install-db: %w: %s", err, out)
			return
		}
		l.shared, l.err = l.newServer("shared")
	})
}

// mariadb is one private server.
type mariadb struct {
	datadir string
	addr    string
	extra   []string
	cmd     *exec.Cmd
}

func (l *lab) newServer(name string, extra ...string) (*mariadb, error) {
	s := &mariadb{datadir: filepath.Join(l.dir, name), extra: extra}
	if out, err := exec.Command("cp", "-a", l.template, s.datadir).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("copy template: %w: %s", err, out)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.addr = listener.Addr().String()
	_ = listener.Close()
	return s, s.start()
}

// start starts the server and waits until it answers.
func (s *mariadb) start() error {
	_, port, _ := net.SplitHostPort(s.addr)
	args := append([]string{"--no-defaults", "--user=root", "--datadir=" + s.datadir, "--socket=s.sock",
		"--port=" + port, "--bind-address=127.0.0.1", "--innodb-buffer-pool-size=16M", "--performance-schema=OFF",
		"--innodb-log-file-size=4M", "--log-error=" + s.datadir + "/error.log", "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0"}, s.extra...)
	s.cmd = exec.Command("mariadbd", args...)
	dieWithTests(s.cmd)
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start mariadbd: %w", err)
	}
	deadline := time.Now().Add(60 * time.Second)
	for {
		c, err := testDialer().connect(context.Background(), &DataSource{
			Name: "start", Addr: s.addr, User: "root", Limits: Limits{ConnectTimeout: time.Second}.withDefaults(),
		}, 0, "")
		if err == nil {
			return c.Close()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("mariadbd does not answer: %w", err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// kill ends the server as kill -9 does.
func (s *mariadb) kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

// sharedServer is the address of the server that tests share.
func sharedServer(tb testing.TB) string {
	tb.Helper()
	theLab.prepare()
	if theLab.err != nil {
		tb.Fatal(theLab.err)
	}
	return theLab.shared.addr
}

// ownServer is a server that a test may kill.
func ownServer(tb testing.TB, extra ...string) *mariadb {
	tb.Helper()
	sharedServer(tb)
	s, err := theLab.newServer("own-"+strconv.FormatInt(time.Now().UnixNano(), 36), extra...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		s.kill()
		_ = os.RemoveAll(s.datadir)
	})
	return s
}

func testDialer() *dialer { return newDialer(wire.NewPool(0), nil, zeroReader{}) }

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// source is a data source on addr with the given limits.
func testSource(name, addr string, l Limits) DataSource {
	return DataSource{Name: name, Addr: addr, User: "root", Limits: l}
}

// testPools makes Pools of sources and closes them with the test, which must have returned all leases.
func testPools(tb testing.TB, sources ...DataSource) *Pools {
	tb.Helper()
	p := NewPools(Options{Buffers: wire.NewPool(0), SweepEvery: 20 * time.Millisecond})
	if err := p.Set(sources); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := p.Close(ctx); err != nil {
			tb.Error(err)
		}
	})
	return p
}

func acquire(tb testing.TB, p *Pools, name string, f Flags, hint *Conn) *Lease {
	tb.Helper()
	l, err := p.Acquire(tb.Context(), name, f, hint)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// one runs a question of one cell.
func one(tb testing.TB, c *Conn, sql string) string {
	tb.Helper()
	_, rows, err := c.QueryRows(tb.Context(), sql)
	if err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
	if len(rows) != 1 || len(rows[0]) != 1 {
		tb.Fatalf("%s: %d rows", sql, len(rows))
	}
	if rows[0][0] == nil {
		return "NULL"
	}
	return string(rows[0][0])
}

func exec1(tb testing.TB, c *Conn, sql string) wire.OK {
	tb.Helper()
	ok, err := c.Exec(tb.Context(), sql)
	if err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
	return ok
}

// eventually waits until cond holds.
func eventually(tb testing.TB, what string, cond func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(time.Minute); !cond(); {
		if time.Now().After(deadline) {
			tb.Fatalf("never: %s", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}
