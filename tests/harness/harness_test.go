package harness

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/sidecar/config"
)

// standIn, when set, turns this test binary into what the harness starts in place of heddle. Its value says how it
// behaves.
const standIn = "STAND_IN"

var env *Env

func TestMain(m *testing.M) {
	if how := os.Getenv(standIn); how != "" {
		os.Exit(runStandIn(how))
	}
	os.Setenv("HEDDLE_TEST_BINARY", os.Args[0])
	os.Exit(Run(m, Options{Plain: true, Shards: 2, Etcd: true, Flags: []string{"--max-connections=33"}, Setup: setup}, &env))
}

func setup(ctx context.Context, e *Env) error { return e.CreateSchema(ctx, "shop") }

// runStandIn relays its listen address to the server that its only rule names.
func runStandIn(how string) int {
	c, err := config.Load(config.Sources{File: os.Args[len(os.Args)-1]})
	if err != nil {
		os.Stderr.WriteString(err.Error())
		return 1
	}
	switch how {
	case "mute":
		select {}
	case "broken":
		os.Stderr.WriteString("no such thing\n")
		return 3
	}
	rule, err := os.ReadFile(c.Rules.File[0])
	if err != nil {
		os.Stderr.WriteString(err.Error())
		return 1
	}
	r, err := startRelayOn(c.Listen.Address[0], strings.TrimSpace(string(rule)))
	if err != nil {
		os.Stderr.WriteString(err.Error())
		return 1
	}
	if how == "racy" {
		os.Stderr.WriteString("==================\nWARNING: DATA RACE\n")
	}
	signals := make(chan os.Signal, 1)
	notify(signals) // before it is ready: then it may be ended at once
	os.Stdout.WriteString("listening, rea")
	os.Stdout.WriteString("dy on " + r.Addr() + "\n")
	<-signals
	if how == "stubborn" {
		select {}
	}
	r.Close()
	return 0
}

func start(t *testing.T, how string) (*Heddle, error) {
	t.Helper()
	return env.StartHeddle(t.Context(), HeddleOptions{
		Rules: []string{env.Shards[0].Addr()}, Env: []string{standIn + "=" + how}, Set: map[string]string{"pool.max": "9"},
	})
}

func TestServersAreThere(t *testing.T) {
	if env.Plain == nil || len(env.Shards) != 2 || env.Etcd == nil || env.Shards[1].Name() != "ds_1" {
		t.Fatalf("got %+v", env)
	}
	for _, cfg := range []string{env.Plain.Addr(), env.Shards[0].Addr(), env.Shards[1].Addr()} {
		c := env.Plain.Config("shop")
		c.Addr = cfg
		a, err := Ask(t.Context(), Open(t, c), "SELECT @@max_connections AS m")
		if err != nil || len(a.Rows) != 1 || a.Rows[0][0] != "33" || a.Columns[0] != (Column{"m", "UNSIGNED BIGINT"}) {
			t.Errorf("%s: %+v, %v", cfg, a, err)
		}
	}
}

func TestAsk(t *testing.T) {
	db := Open(t, env.Plain.Config("shop"))
	a, err := Ask(t.Context(), db, "SELECT NULL, '', 'x' UNION SELECT 1, 2, 3")
	if err != nil || a.Rows[0][0] != nil || a.Rows[0][1] != "" || a.Rows[1][2] != "3" {
		t.Errorf("%+v, %v", a, err)
	}
	a, err = Ask(t.Context(), db, "SELECT * FROM missing")
	if err != nil || a.Code != 1146 || a.State != "42S02" || !strings.Contains(a.Message, "missing") {
		t.Errorf("%+v, %v", a, err)
	}
	cfg := env.Plain.Config("shop")
	cfg.Addr = "127.0.0.1:1"
	if _, err := Ask(t.Context(), Open(t, cfg), "SELECT 1"); err == nil {
		t.Error("no connection, and no error")
	}
}

func TestHeddleStartsServesAndStops(t *testing.T) {
	h, err := start(t, "good")
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.Sources{File: filepath.Join(h.Dir, "heddle.yaml")})
	if err != nil || c.Pool.Max != 9 || c.Admin.Address != "" || c.Listen.Address[0] != h.Addr {
		t.Errorf("configuration written: %+v, %v", c, err)
	}
	sides := map[string]bool{}
	env.Both(t, h, "root", "", "shop", func(t *testing.T, s Side) {
		a, err := Ask(t.Context(), s.DB, "SELECT DATABASE()")
		if err != nil || a.Rows[0][0] != "shop" {
			t.Errorf("%+v, %v", a, err)
		}
		sides[s.Name] = true
	})
	if !sides["plain"] || !sides["heddle"] {
		t.Errorf("ran on %v", sides)
	}
	if !strings.Contains(h.Log(), "ready on "+h.Addr) {
		t.Errorf("log: %q", h.Log())
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if err := h.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

func TestHeddleThatFails(t *testing.T) {
	if _, err := start(t, "broken"); err == nil || !strings.Contains(err.Error(), "no such thing") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("broken: %v", err)
	}
	_, err := env.StartHeddle(t.Context(), HeddleOptions{Env: []string{standIn + "=mute"}, Wait: 300 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "not ready within 300ms") {
		t.Errorf("mute: %v", err)
	}
	h, err := start(t, "racy")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err == nil || !strings.Contains(err.Error(), "DATA RACE") {
		t.Errorf("racy: %v", err)
	}
	h, err = start(t, "good")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Kill(); err != nil {
		t.Error(err)
	}
	<-h.Done()
	if err := h.Close(); err != nil {
		t.Errorf("killed by the test: %v", err)
	}
	if _, err := env.StartHeddle(t.Context(), HeddleOptions{Set: map[string]string{"pool.maxx": "1"}}); err == nil {
		t.Error("an unknown field was written")
	}
}

func TestBuild(t *testing.T) {
	dir := t.TempDir()
	if _, err := Build(filepath.Join(dir, "x"), "github.com/heddle-mesh/heddle/no/such"); err == nil || !strings.Contains(err.Error(), "no/such") {
		t.Errorf("got %v", err)
	}
}

func TestServerSurvivesItsKill(t *testing.T) {
	s := env.Shards[1]
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := Ask(t.Context(), Open(t, s.Config("shop")), "SELECT 1"); err == nil {
		t.Error("a killed server answers")
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	db := Open(t, s.Config("shop"))
	if _, err := Ask(ctx, db, "SELECT 1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a frozen server: %v", err)
	}
	if err := s.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if a, err := Ask(t.Context(), db, "SELECT 1"); err != nil || a.Rows[0][0] != "1" {
		t.Errorf("a thawed server: %+v, %v", a, err)
	}
}
