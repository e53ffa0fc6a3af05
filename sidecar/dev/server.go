package dev

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Server is one private mariadbd or mysqld. It may be stopped, killed and started again; it keeps its data directory and,
// while nobody else takes it, its port.
type Server struct {
	farm *Farm
	spec Spec
	dir  string

	mu    sync.Mutex // guards what follows
	port  int
	child *Child // nil when not running
}

// errPortTaken: between our choice of a free port and the bind somebody else took it.
var errPortTaken = errors.New("the port was taken by another process")

// Name is the Spec's.
func (s *Server) Name() string { return s.spec.Name }

// Addr is host:port on loopback. It may change at a Start if the old port was taken meanwhile.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))
}

// Socket is the path of the unix socket inside the data directory. Beyond about 100 bytes the operating system
// refuses to connect to it (sun_path); the server itself listens in any case, its name there is relative.
func (s *Server) Socket() string { return filepath.Join(s.datadir(), socketName) }

// Log is the path of the server's error log.
func (s *Server) Log() string { return filepath.Join(s.dir, "error.log") }

// PID of the running process, 0 when it does not run.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.child == nil {
		return 0
	}
	return s.child.id.PID
}

// Done is closed when the running process has ended, by whatever cause; it is closed already when none runs.
func (s *Server) Done() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.child == nil {
		closed := make(chan struct{})
		close(closed)
		return closed
	}
	return s.child.ended
}

const socketName = "mysqld.sock"

func (s *Server) datadir() string { return filepath.Join(s.dir, "data") }

// Start starts the server and returns when it answers a query. No effect if it runs. The first Start copies the
// template. The error carries the last lines of the server's log.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.child != nil {
		select {
		case <-s.child.ended:
			s.child = nil
		default:
			return nil
		}
	}
	if err := s.fill(); err != nil {
		return fmt.Errorf("start server %s: %w", s.spec.Name, err)
	}
	for range 5 {
		err := s.launch(ctx)
		if err == nil {
			return nil
		}
		if !errors.Is(err, errPortTaken) {
			return fmt.Errorf("start server %s: %w", s.spec.Name, err)
		}
	}
	return fmt.Errorf("start server %s: %w, five times", s.spec.Name, errPortTaken)
}

// fill makes the temporary directory, and the data directory a copy of the template unless it exists.
func (s *Server) fill() error {
	if err := os.MkdirAll(s.tmpdir(), 0o700); err != nil {
		return fmt.Errorf("make the server's temporary directory: %w", err)
	}
	if isDir(s.datadir()) {
		return nil
	}
	half := s.datadir() + ".half"
	if err := os.RemoveAll(half); err != nil {
		return fmt.Errorf("remove a half-made data directory: %w", err)
	}
	if err := copyTree(s.farm.template, half); err != nil {
		return fmt.Errorf("copy the template: %w", err)
	}
	// By what is in there MySQL's servers are told from each other; one that finds none makes its own.
	if err := os.Remove(filepath.Join(half, "auto.cnf")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("forget whose the template was: %w", err)
	}
	if err := os.Rename(half, s.datadir()); err != nil {
		return fmt.Errorf("keep the data directory: %w", err)
	}
	return nil
}

func (s *Server) launch(ctx context.Context) error {
	port, err := s.choosePort()
	if err != nil {
		return err
	}
	if err := writeRecord(s.dir, record{Datadir: s.datadir(), Port: port}); err != nil {
		return err
	}
	log, err := os.OpenFile(s.Log(), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("open the error log: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(s.farm.tools.Server, s.arguments(port)...)
	cmd.Stdout, cmd.Stderr = log, log
	attr := childAttr()
	if s.farm.opts.unbound {
		attr = &syscall.SysProcAttr{Setpgid: true}
	}
	c, err := startChild(cmd, attr)
	if err != nil {
		return err
	}
	if err := writeRecord(s.dir, record{identity: c.id, Datadir: s.datadir(), Port: port}); err != nil {
		return errors.Join(err, c.Kill())
	}
	if err := s.awaitReady(ctx, c, port); err != nil {
		return errors.Join(err, c.Kill())
	}
	s.child, s.port = c, port
	return nil
}

// choosePort prefers the port of the last time. The port is free when this returns, not for certain when the server
// binds it; launch is tried again then.
func (s *Server) choosePort() (int, error) {
	r, err := readRecord(s.dir)
	if err != nil {
		return 0, err
	}
	return FreePort(r.Port)
}

// Ports of this range are given to no outgoing connection by Linux, where nobody has set it up otherwise (ip(7), ip_local_port_range): a server that
// is started again finds its own free.
const (
	firstPort = 10_000
	lastPort  = 32_000
)

// FreePort returns preferred if it is free on loopback, another free one otherwise. 0: none is preferred.
func FreePort(preferred int) (int, error) {
	for tries := range 100 {
		port := preferred
		if tries > 0 || port == 0 {
			port = firstPort + rand.IntN(lastPort-firstPort)
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("choose a port: none of a hundred is free")
}

// tmpdir is where the server keeps temporary tables; it is made with the data directory.
func (s *Server) tmpdir() string { return filepath.Join(s.dir, "tmp") }

// arguments: small buffers, and commits that survive a killed server but not a power cut, which the whole directory may not
// survive, for nothing is flushed to the disk: these servers hold no data that anybody would miss. What a server says of its
// commits is as for one that keeps them, so that transactions of type XA can be tried.
func (s *Server) arguments(port int) []string {
	args := append([]string{"--no-defaults",
		"--datadir=" + s.datadir(),
		"--tmpdir=" + s.tmpdir(), // of its own: a server that starts removes the temporary tables that it finds
		"--socket=" + socketName, // relative to the data directory: sun_path is short, directories are long
		"--pid-file=mariadbd.pid",
		"--port=" + strconv.Itoa(port),
		"--bind-address=127.0.0.1",
		"--skip-name-resolve", "--performance-schema=OFF",
		"--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=1", "--innodb-flush-method=nosync", "--innodb-doublewrite=0",
		"--innodb-buffer-pool-load-at-startup=0",
		"--innodb-buffer-pool-dump-at-shutdown=0", "--max-connections=500", "--max-allowed-packet=64M",
	}, asRoot()...)
	args = append(args, s.farm.tools.sizes()...)
	if s.farm.tools.mysql() { // with the charset and the collation that it has by itself
		args = append(args, "--mysqlx=OFF", "--disable-log-bin", "--secure-file-priv=")
	} else {
		args = append(args, "--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci",
			"--innodb-temp-data-file-path=ibtmp1:3M:autoextend")
	}
	if s.spec.Version != "" {
		args = append(args, "--version="+s.spec.Version)
	}
	return append(args, s.spec.Flags...)
}

// awaitReady polls with real connections. Nothing announces readiness to us otherwise; 5 ms is far below what the
// start itself takes.
func (s *Server) awaitReady(ctx context.Context, c *Child, port int) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var last error
	for {
		if last = s.probe(ctx, port); last == nil {
			return nil
		}
		select {
		case <-c.ended:
			return s.explainExit(c)
		case <-ctx.Done():
			return fmt.Errorf("no answer: %w (last attempt: %v)\n%s", ctx.Err(), last, s.logTail())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// explainExit tells a taken port, which is worth another try, from everything else.
func (s *Server) explainExit(c *Child) error {
	log := s.logTail()
	if strings.Contains(log, "Address already in use") {
		return errPortTaken
	}
	return fmt.Errorf("the server ended by itself: %v\n%s", c.err, log)
}

func (s *Server) logTail() string {
	b, err := os.ReadFile(s.Log())
	if err != nil {
		return "(no error log: " + err.Error() + ")"
	}
	return tail(string(b), 15)
}

// Stop asks the server to close its files and waits; when ctx ends first, it is killed. No effect if it does not run.
func (s *Server) Stop(ctx context.Context) error {
	return s.end(func(c *Child) error { return c.Stop(ctx) })
}

// Kill ends the server as a crash does and waits until it is gone. Committed rows survive it.
func (s *Server) Kill() error { return s.end((*Child).Kill) }

// Signal sends sig to the running server: SIGSTOP makes it a peer that accepts and never answers, SIGCONT ends that.
func (s *Server) Signal(sig syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.child == nil {
		return fmt.Errorf("signal server %s: it does not run", s.spec.Name)
	}
	return s.child.Signal(sig)
}

func (s *Server) end(how func(*Child) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.child == nil {
		return nil
	}
	if err := how(s.child); err != nil {
		return fmt.Errorf("stop server %s: %w", s.spec.Name, err)
	}
	s.child = nil
	return writeRecord(s.dir, record{Datadir: s.datadir(), Port: s.port})
}
