package dev

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childDir, when set, turns this test binary into a process that opens a kept farm, starts two servers, prints their
// PIDs and waits to be killed: the heddle of the orphan tests.
const childDir = "HEDDLE_DEV_TEST_DIR"

// templates is shared by the tests of this package so that mariadb-install-db runs once.
var templates string

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(runChild(dir))
	}
	dir, err := os.MkdirTemp("", "heddle-dev-templates-")
	if err != nil {
		panic(err)
	}
	templates = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func runChild(dir string) int {
	ctx := context.Background()
	farm, err := OpenFarm(ctx, FarmOptions{Dir: dir, Templates: os.Getenv("HEDDLE_DEV_TEST_TEMPLATES"), Keep: true,
		unbound: os.Getenv("HEDDLE_DEV_TEST_UNBOUND") != ""})
	if err != nil {
		os.Stderr.WriteString(err.Error())
		return 1
	}
	servers, err := farm.Start(ctx, Spec{Name: "ds_0"}, Spec{Name: "ds_1"})
	if err != nil {
		os.Stderr.WriteString(err.Error())
		return 1
	}
	json.NewEncoder(os.Stdout).Encode([]int{servers[0].PID(), servers[1].PID()})
	select {}
}

func open(t *testing.T, dir string, keep bool) *Farm {
	t.Helper()
	f, err := OpenFarm(t.Context(), FarmOptions{Dir: dir, Templates: templates, Keep: keep})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func closeFarm(t *testing.T, f *Farm) {
	t.Helper()
	if err := f.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func exec1(t *testing.T, s *Server, schema, sql string) {
	t.Helper()
	db, err := s.Open(schema)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func query1(t *testing.T, s *Server, schema, sql string) string {
	t.Helper()
	db, err := s.Open(schema)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var v string
	if err := db.QueryRowContext(t.Context(), sql).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func TestServersStartAnswerAndStop(t *testing.T) {
	dir := t.TempDir()
	farm := open(t, dir, false)
	servers, err := farm.Start(t.Context(), Spec{Name: "ds_0"},
		Spec{Name: "ds_1", Version: "8.0.36-heddle", Flags: []string{"--max-connections=17"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := query1(t, servers[1], "", "SELECT CONCAT(@@max_connections, ' ', VERSION())"); got != "17 8.0.36-heddle" {
		t.Errorf("flags and banner: got %q", got)
	}
	if err := servers[0].CreateSchema(t.Context(), "shop", "odd`name", "shop"); err != nil {
		t.Fatal(err)
	}
	if got := query1(t, servers[0], "", "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name IN ('shop','odd`name')"); got != "2" {
		t.Errorf("schemas made: %s", got)
	}
	ids := []identity{identify(servers[0].PID()), identify(servers[1].PID())}
	closeFarm(t, farm)
	for _, id := range ids {
		if alive(id) {
			t.Errorf("process %d outlives Close", id.PID)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "servers")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a farm that is not kept left its data: %v", err)
	}
}

func TestKeptDataAndPortSurviveStopAndKill(t *testing.T) {
	dir := t.TempDir()
	farm := open(t, dir, true)
	servers, err := farm.Start(t.Context(), Spec{Name: "ds_0"})
	if err != nil {
		t.Fatal(err)
	}
	s := servers[0]
	exec1(t, s, "", "CREATE DATABASE d")
	exec1(t, s, "d", "CREATE TABLE t (a INT)")
	exec1(t, s, "d", "INSERT INTO t VALUES (1)")
	addr, done := s.Addr(), s.Done()
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	<-done
	if s.PID() != 0 {
		t.Errorf("a killed server has PID %d", s.PID())
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec1(t, s, "d", "INSERT INTO t VALUES (2)")
	closeFarm(t, farm)

	farm = open(t, dir, true)
	defer closeFarm(t, farm)
	if len(farm.Orphans()) != 0 {
		t.Errorf("orphans after a clean close: %v", farm.Orphans())
	}
	began := time.Now()
	servers, err = farm.Start(t.Context(), Spec{Name: "ds_0"})
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("second start took %v", took)
	}
	if got := servers[0].Addr(); got != addr {
		t.Errorf("address moved from %s to %s although its port was free", addr, got)
	}
	if got := query1(t, servers[0], "d", "SELECT SUM(a) FROM t"); got != "3" {
		t.Errorf("rows kept: sum %s, want 3", got)
	}
}

func TestStoppedServerIsKilledAtTheDeadline(t *testing.T) {
	farm := open(t, t.TempDir(), true)
	defer closeFarm(t, farm)
	servers, err := farm.Start(t.Context(), Spec{Name: "ds_0"})
	if err != nil {
		t.Fatal(err)
	}
	id := identify(servers[0].PID())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := servers[0].Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if alive(id) {
		t.Error("the server outlives its deadline")
	}
}

func TestBadFlagSaysWhy(t *testing.T) {
	farm := open(t, t.TempDir(), false)
	defer closeFarm(t, farm)
	_, err := farm.Start(t.Context(), Spec{Name: "ds_0"}, Spec{Name: "ds_1", Flags: []string{"--no-such-option"}})
	if err == nil || !strings.Contains(err.Error(), "no-such-option") || !strings.Contains(err.Error(), "ds_1") {
		t.Errorf("got %v, want the server's name and its complaint", err)
	}
	if len(farm.Servers()) != 0 {
		t.Error("a failed Start left servers")
	}
}

func TestDirectoryInUse(t *testing.T) {
	dir := t.TempDir()
	farm := open(t, dir, true)
	defer closeFarm(t, farm)
	_, err := OpenFarm(t.Context(), FarmOptions{Dir: dir, Templates: templates})
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v, want ErrInUse with the directory", err)
	}
}

func TestToolsMissingNamesTheCommand(t *testing.T) {
	_, err := lookTool("no-such-mariadbd")
	if !errors.Is(err, ErrNoServer) || !strings.Contains(err.Error(), "apt-get install") {
		t.Errorf("got %v", err)
	}
}

// startHeddle starts this binary as a process that owns two servers, and returns their PIDs.
func startHeddle(t *testing.T, dir string, env ...string) (*exec.Cmd, []identity) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, "HEDDLE_DEV_TEST_TEMPLATES="+templates)
	cmd.Env = append(cmd.Env, env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pids []int
	if err := json.NewDecoder(out).Decode(&pids); err != nil {
		t.Fatalf("the child did not start its servers: %v", err)
	}
	return cmd, []identity{identify(pids[0]), identify(pids[1])}
}

func TestOrphansOfAKilledProcessAreEnded(t *testing.T) {
	dir := t.TempDir()
	cmd, ids := startHeddle(t, dir, "HEDDLE_DEV_TEST_UNBOUND=1")
	// One of them is frozen: it can be ended only with force or after it was woken.
	if err := syscall.Kill(ids[1].PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	for _, id := range ids {
		if !alive(id) {
			t.Fatalf("process %d did not stay as an orphan", id.PID)
		}
	}
	farm := open(t, dir, true)
	defer closeFarm(t, farm)
	if len(farm.Orphans()) != 2 {
		t.Errorf("orphans ended: %v, want two", farm.Orphans())
	}
	for _, id := range ids {
		if alive(id) {
			t.Errorf("orphan %d is alive", id.PID)
		}
	}
	if _, err := farm.Start(t.Context(), Spec{Name: "ds_0"}, Spec{Name: "ds_1"}); err != nil {
		t.Fatal(err)
	}
}

// TestForeignProcessIsLeftAlone: a record whose PID went to another process, and one whose process has other
// arguments, must not cost that process its life.
func TestForeignProcessIsLeftAlone(t *testing.T) {
	stranger := exec.Command("sleep", "60")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { stranger.Process.Kill(); stranger.Wait() }()
	id := identify(stranger.Process.Pid)
	for name, r := range map[string]record{
		"same process, not a server": {identity: id},
		"earlier start":              {identity: identity{PID: id.PID, Start: "1", Boot: id.Boot}},
		"no PID":                     {},
	} {
		dir := filepath.Join(t.TempDir(), "ds_0")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		r.Datadir = filepath.Join(dir, "data")
		if err := writeRecord(dir, r); err != nil {
			t.Fatal(err)
		}
		o, err := endOrphan(t.Context(), dir)
		if err != nil || o != nil {
			t.Errorf("%s: got %v, %v", name, o, err)
		}
		if !alive(id) {
			t.Fatalf("%s: the stranger was ended", name)
		}
	}
}

// TestRecordWithoutPIDFindsTheServer: killed between the start of the server and the second write of its record.
func TestRecordWithoutPIDFindsTheServer(t *testing.T) {
	dir := t.TempDir()
	cmd, ids := startHeddle(t, dir)
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	server := filepath.Join(dir, "servers", "ds_1")
	if err := writeRecord(server, record{Datadir: filepath.Join(server, "data")}); err != nil {
		t.Fatal(err)
	}
	o, err := endOrphan(t.Context(), server)
	if err != nil || o == nil || o.PID != ids[1].PID {
		t.Errorf("got %v, %v; want process %d", o, err, ids[1].PID)
	}
}
