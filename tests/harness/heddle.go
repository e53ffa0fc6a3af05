package harness

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/dev"
)

// HeddleOptions describe one heddle process. It listens on a free port of loopback.
type HeddleOptions struct {
	Rules  []string          // texts of rule documents, one for each logical database
	Users  string            // text of the users document; "" for none
	Set    map[string]string // fields of heddle.yaml by their dotted names, over what the harness sets
	Env    []string          // further NAME=value
	Socket string            // path of a unix socket on which it listens too
	Args   []string          // in place of serve --config FILE; "{config}" in an argument is the file's path
	Wait   time.Duration     // for the line with the word ready; 20 seconds if zero
}

// Heddle is a running heddle process.
type Heddle struct {
	Addr string // host:port where clients connect
	Dir  string // its files: heddle.yaml, documents, state
	log  *logBuffer
	proc *dev.Child
}

// Heddle starts a process for one test. At the test's end it is stopped, its log is printed if the test failed, and
// a race or a panic in the log fails the test.
func (e *Env) Heddle(t testing.TB, opts HeddleOptions) *Heddle {
	t.Helper()
	h, err := e.StartHeddle(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("log of heddle at %s:\n%s", h.Addr, h.log.lastLines(200))
		}
	})
	return h
}

// SharedHeddle starts a process that lives until the Env is closed; for Options.Setup.
func (e *Env) SharedHeddle(ctx context.Context, opts HeddleOptions) (*Heddle, error) {
	h, err := e.StartHeddle(ctx, opts)
	if err == nil {
		e.OnClose(h.Close)
	}
	return h, err
}

// StartHeddle starts a process and returns when it has printed that it is ready. The caller closes it.
func (e *Env) StartHeddle(ctx context.Context, opts HeddleOptions) (*Heddle, error) {
	binary, err := e.Binary()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(e.Dir, "heddle-")
	if err != nil {
		return nil, fmt.Errorf("start heddle: %w", err)
	}
	addr, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	file, err := writeConfig(dir, addr, opts)
	if err != nil {
		return nil, fmt.Errorf("start heddle: %w", err)
	}
	args := opts.Args
	if args == nil {
		args = []string{"serve", "--config", "{config}"}
	}
	cmd := exec.Command(binary)
	for _, a := range args {
		cmd.Args = append(cmd.Args, strings.ReplaceAll(a, "{config}", file))
	}
	h := &Heddle{Addr: addr, Dir: dir, log: newLogBuffer()}
	cmd.Stdout, cmd.Stderr = h.log, h.log
	cmd.Env = append(environ(), opts.Env...)
	if h.proc, err = dev.StartChild(cmd); err != nil {
		return nil, err
	}
	return h, h.awaitReady(ctx, opts.Wait)
}

// environ is the environment without heddle's own variables: the process is what the test says, not what the shell
// that runs the tests has set.
func environ() []string {
	return slices.DeleteFunc(os.Environ(), func(line string) bool { return strings.HasPrefix(line, "HEDDLE_") })
}

// FreeAddr is an address of loopback whose port is free now.
func FreeAddr() (string, error) {
	port, err := dev.FreePort(0)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), nil
}

// writeConfig writes the documents and a heddle.yaml in dir.
func writeConfig(dir, addr string, opts HeddleOptions) (string, error) {
	set := map[string]string{
		"listen.address": addr, "admin.address": "", "log.format": "console",
		"state.dir": filepath.Join(dir, "state"), "drain.deadline": "5s",
	}
	if t := os.Getenv("HEDDLE_TEST_TRANSACTIONS"); t != "" {
		set["transactions.type"] = t
	}
	if opts.Socket != "" {
		set["listen.address"] += "," + opts.Socket
	}
	var rules []string
	for i, text := range opts.Rules {
		path := filepath.Join(dir, "rules-"+strconv.Itoa(i)+".yaml")
		rules = append(rules, path)
		if err := writeWhole(path, text); err != nil {
			return "", err
		}
	}
	if len(rules) > 0 {
		set["rules.file"] = strings.Join(rules, ",")
	}
	if opts.Users != "" {
		set["users.file"] = filepath.Join(dir, "users.yaml")
		if err := writeWhole(set["users.file"], opts.Users); err != nil {
			return "", err
		}
	}
	maps.Copy(set, opts.Set)
	text, err := config.Write(set)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "heddle.yaml")
	return path, writeWhole(path, text)
}

// writeWhole writes a file that is there as a whole or as it was before.
func writeWhole(path, text string) error {
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// Rewrite writes the process's files anew; the process is told by nothing but that they change.
func (h *Heddle) Rewrite(opts HeddleOptions) error {
	_, err := writeConfig(h.Dir, h.Addr, opts)
	return err
}

func (h *Heddle) awaitReady(ctx context.Context, wait time.Duration) error {
	if wait == 0 {
		wait = 20 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	var err error
	select {
	case <-h.log.ready:
		return nil
	case <-h.proc.Done():
		err = fmt.Errorf("heddle ended before it was ready: %v", h.proc.Err())
	case <-ctx.Done():
		err = errors.Join(fmt.Errorf("heddle was not ready within %v", wait), h.proc.Kill())
	}
	return fmt.Errorf("%w\n%s", err, h.log.lastLines(50))
}

// Config is what go-sql-driver needs to reach this heddle; the caller owns it.
func (h *Heddle) Config(user, password, schema string) *mysql.Config {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.Net, cfg.Addr, cfg.DBName = user, password, "tcp", h.Addr, schema
	return cfg
}

// Open returns a pool of connections, closed at the end of the test.
func (h *Heddle) Open(t testing.TB, user, password, schema string) *sql.DB {
	t.Helper()
	return Open(t, h.Config(user, password, schema))
}

// PID of the process.
func (h *Heddle) PID() int { return h.proc.PID() }

// Stopped reports whether it stands still, as by SIGSTOP: what the kernel says of it.
func (h *Heddle) Stopped() bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(h.PID()) + "/stat")
	_, after, _ := strings.Cut(string(text), ") ")
	return err == nil && strings.HasPrefix(after, "T")
}

// Done is closed when the process has ended.
func (h *Heddle) Done() <-chan struct{} { return h.proc.Done() }

// Log is what the process has printed so far.
func (h *Heddle) Log() string { return h.log.String() }

// Kill ends the process as a crash does.
func (h *Heddle) Kill() error { return h.proc.Kill() }

// Signal sends sig: SIGTERM begins the drain, SIGHUP a reload, SIGSTOP freezes it.
func (h *Heddle) Signal(sig syscall.Signal) error { return h.proc.Signal(sig) }

// Close ends the process, in order if it can within ten seconds. The error says what no process may print or do: a
// race, a panic, an end by force. A process that the test has ended before is closed silently.
func (h *Heddle) Close() error {
	select {
	case <-h.proc.Done():
		return h.verdict()
	default:
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := h.proc.Stop(ctx); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("heddle at %s did not end within ten seconds of SIGTERM\n%s", h.Addr, h.log.lastLines(50))
	}
	if err := h.verdict(); err != nil {
		return err
	}
	if err := h.proc.Err(); err != nil {
		return fmt.Errorf("heddle at %s did not end well: %w\n%s", h.Addr, err, h.log.lastLines(50))
	}
	return nil
}

func (h *Heddle) verdict() error {
	if alarm := h.log.alarm(); alarm != "" {
		return fmt.Errorf("heddle at %s printed %q\n%s", h.Addr, alarm, h.log.lastLines(200))
	}
	return nil
}
