package fault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/heddle-mesh/heddle/sidecar/dev"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// site is what a fault of the sweep works on: shard 1 and the link to it.
type site struct {
	server *dev.Server
	link   *harness.Relay
	admin  *sql.DB // the server itself, past the link
	disk   string  // the small file system on which the server has the tables
	hogs   []*sql.DB
	aside  sync.WaitGroup // what a fault does by itself meanwhile
}

// fault is one way in which shard 1 is of no use. begin may run while the link stands still, and must not wait for it.
type fault struct {
	name       string
	begin, end func(*site) error
	ahead      func(*site) error // before the trial; nil: nothing
	lasts      time.Duration     // 0: lasting
}

// faults are all that the sweep tries.
func faults() []fault {
	signal := func(sig syscall.Signal) func(*site) error {
		return func(s *site) error { return s.server.Signal(sig) }
	}
	link := func(f func(*harness.Relay)) func(*site) error {
		return func(s *site) error { f(s.link); return nil }
	}
	cut := func(l *harness.Relay) { l.Refuse(true); l.Cut() }
	reset := func(l *harness.Relay) { l.Refuse(true); l.Reset() }
	accept := link(func(l *harness.Relay) { l.Refuse(false) })
	hold := link(func(l *harness.Relay) { l.Hold() })
	release := link((*harness.Relay).Release)
	return []fault{
		{name: "killed", begin: func(s *site) error { return s.server.Kill() }, end: (*site).startAgain},
		{name: "restarted", begin: (*site).restart, end: func(s *site) error { s.aside.Wait(); return nil }},
		{name: "frozen", begin: signal(syscall.SIGSTOP), end: signal(syscall.SIGCONT)},
		{name: "frozen for longer than connecting may take", begin: signal(syscall.SIGSTOP), end: signal(syscall.SIGCONT), lasts: 1300 * time.Millisecond},
		{name: "out of connections", begin: (*site).takeConnections, end: (*site).giveConnections},
		{name: "read-only", begin: running("SET GLOBAL read_only = 1"), end: running("SET GLOBAL read_only = 0")},
		{name: "disk full", ahead: (*site).compact, begin: (*site).fillDisk, end: (*site).emptyDisk},
		{name: "slow", begin: link(func(l *harness.Relay) { l.Throttle(20_000) }), end: link(func(l *harness.Relay) { l.Throttle(0) })},
		{name: "delayed", begin: link(func(l *harness.Relay) { l.Delay(40 * time.Millisecond) }), end: link(func(l *harness.Relay) { l.Delay(0) })},
		{name: "link cut", begin: link(cut), end: accept},
		{name: "link reset", begin: link(reset), end: accept},
		{name: "link lost once", begin: link((*harness.Relay).Cut), end: link(func(*harness.Relay) {})},
		{name: "black hole", begin: hold, end: release},
		{name: "black hole for answers", begin: link(func(l *harness.Relay) { l.Hold(harness.ToClient) }), end: release},
		{name: "black hole, then cut", begin: hold, end: link(func(l *harness.Relay) { l.Cut(); l.Release() })},
	}
}

func (s *site) run(statements ...string) error {
	for _, q := range statements {
		if _, err := s.admin.ExecContext(context.Background(), q); err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	return nil
}

func running(statement string) func(*site) error {
	return func(s *site) error { return s.run(statement) }
}

func (s *site) startAgain() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return s.server.Start(ctx)
}

// restart ends the server in order, which waits for nobody, and starts it.
func (s *site) restart() error {
	done := s.server.Done()
	if err := s.server.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	s.aside.Go(func() {
		<-done
		if err := s.startAgain(); err != nil {
			panic(err) // the sweep cannot go on without its server
		}
	})
	return nil
}

// takeConnections ends the proxy's connections and takes all that the server has: the proxy gets no new one.
func (s *site) takeConnections() error {
	if err := s.run("SET GLOBAL max_connections = 10"); err != nil {
		return err
	}
	for tries := 0; len(s.hogs) < 9 && tries < 50; tries++ { // what is killed ends a little later
		if err := s.run("KILL USER app_sweep"); err != nil {
			return err
		}
		for {
			cfg := s.server.Config("")
			cfg.User = "app_hog"
			db, err := hog(cfg.FormatDSN())
			if err != nil {
				break
			}
			s.hogs = append(s.hogs, db)
		}
	}
	return nil
}

// hog takes one connection.
func hog(dsn string) (*sql.DB, error) {
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if err := db.Ping(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func (s *site) giveConnections() error {
	err := s.run("SET GLOBAL max_connections = 500")
	for _, db := range s.hogs {
		err = errors.Join(err, db.Close())
	}
	s.hogs = nil
	return err
}

// fillDisk leaves the server's tables no byte to grow.
func (s *site) fillDisk() error { return harness.FillDisk(s.disk) }

func (s *site) emptyDisk() error { return harness.EmptyDisk(s.disk) }

// compact leaves the tables no more room than they need, so that what is added needs more.
func (s *site) compact() error {
	return s.run("ALTER TABLE sweep.accounts FORCE", "ALTER TABLE sweep.victims FORCE", "ALTER TABLE sweep.altered FORCE")
}
