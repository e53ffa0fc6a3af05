package dev

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// dataWithTemplate is a data directory in which the template is made already.
func dataWithTemplate(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(templates, filepath.Join(dir, "templates")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func openStack(t *testing.T, opts Options) *Stack {
	t.Helper()
	s, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closeStack(t *testing.T, s *Stack) {
	t.Helper()
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestStackKeepsItsData(t *testing.T) {
	dir := dataWithTemplate(t)
	began := time.Now()
	s := openStack(t, Options{Data: dir, Servers: 3})
	first := time.Since(began)
	if len(s.Backends()) != 3 || s.Backends()[2].Name != "ds_2" || s.Loaded() || !s.Demo() {
		t.Fatalf("got %+v", s)
	}
	if err := s.CreateSchemas(t.Context(), DemoDatabase); err != nil {
		t.Fatal(err)
	}
	exec1(t, s.Servers()[1], DemoDatabase, "CREATE TABLE t (a INT)")
	if err := s.MarkLoaded(); err != nil {
		t.Fatal(err)
	}
	addrs := s.Backends()
	closeStack(t, s)

	if _, err := Open(t.Context(), Options{Data: dir, Servers: 2}); err == nil || !strings.Contains(err.Error(), "--servers 3") {
		t.Errorf("another number of servers: %v", err)
	}
	began = time.Now()
	s = openStack(t, Options{Data: dir})
	if took := time.Since(began); took > 30*time.Second && took > 2*first {
		t.Errorf("the second start took %v, the first %v", took, first)
	}
	defer closeStack(t, s)
	if s.Reset() || !s.Loaded() || len(s.Backends()) != 3 || s.Backends()[1].Addr != addrs[1].Addr {
		t.Errorf("kept: %v, %+v, first %+v", s.Loaded(), s.Backends(), addrs)
	}
	if got := query1(t, s.Servers()[1], DemoDatabase, "SELECT COUNT(*) FROM t"); got != "0" {
		t.Errorf("got %s", got)
	}
}

func TestStackWithoutDataForgets(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	s := openStack(t, Options{})
	if len(s.Backends()) != defaultServers {
		t.Errorf("%d servers", len(s.Backends()))
	}
	if _, err := Open(t.Context(), Options{}); !errors.Is(err, ErrInUse) {
		t.Errorf("a second process: %v", err)
	}
	if err := s.MarkLoaded(); err != nil {
		t.Fatal(err)
	}
	dir := s.Dir()
	closeStack(t, s)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if !slices.Equal(names, []string{"lock", "templates"}) {
		t.Errorf("left behind: %v", names)
	}
}

// TestHalfLoadedDataIsDropped: a start that was killed while its rows were loaded.
func TestHalfLoadedDataIsDropped(t *testing.T) {
	dir := dataWithTemplate(t)
	s := openStack(t, Options{Data: dir, Servers: 1})
	if err := s.CreateSchemas(t.Context(), DemoDatabase); err != nil {
		t.Fatal(err)
	}
	n := 0
	for statement, err := range s.Load() {
		if err != nil {
			t.Fatal(err)
		}
		exec1(t, s.Servers()[0], DemoDatabase, statement)
		if n++; n == 3 {
			break
		}
	}
	closeStack(t, s)
	s = openStack(t, Options{Data: dir})
	defer closeStack(t, s)
	if !s.Reset() || s.Loaded() {
		t.Errorf("reset %v, loaded %v", s.Reset(), s.Loaded())
	}
	if got := query1(t, s.Servers()[0], "", "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'shop'"); got != "0" {
		t.Error("the half-loaded schema is still there")
	}
}

func TestStackOverBackends(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "rules.yaml")
	if err := os.WriteFile(file, []byte("address: ${ds_1}, nodes: ds_${0..1}.t\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	load := filepath.Join(dir, "load.sql")
	if err := os.WriteFile(load, []byte("SELECT 1; SELECT 2"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := openStack(t, Options{Data: filepath.Join(dir, "data"), Rules: []string{file}, Load: load,
		Backends: []string{"root@tcp(127.0.0.1:1)/", "u:secret@tcp(127.0.0.1:2)/web"}})
	defer closeStack(t, s)
	b := s.Backends()
	if b[0].Addr != "127.0.0.1:1" || b[0].Schema != DemoDatabase || b[0].Password != "" ||
		b[1].Schema != "web" || b[1].User != "u" || b[1].Name != "ds_1" || s.Servers() != nil {
		t.Errorf("got %+v", b)
	}
	path, ok := strings.CutPrefix(b[1].Password, "file:")
	if value, err := os.ReadFile(path); !ok || err != nil || string(value) != "secret" {
		t.Errorf("password reference %q: %q, %v", b[1].Password, value, err)
	}
	rules, err := s.Rules()
	if err != nil || !slices.Equal(rules, []string{"address: 127.0.0.1:2, nodes: ds_${0..1}.t\n"}) {
		t.Errorf("got %q, %v", rules, err)
	}
	var got []string
	for statement, err := range s.Load() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, statement)
	}
	if !slices.Equal(got, []string{"SELECT 1", "SELECT 2"}) {
		t.Errorf("got %q", got)
	}
}

func TestStackOptionsThatContradict(t *testing.T) {
	for name, opts := range map[string]Options{
		"both":      {Servers: 2, Backends: []string{"root@/"}},
		"negative":  {Servers: -1},
		"not a DSN": {Data: t.TempDir(), Backends: []string{"nonsense"}},
	} {
		if s, err := Open(t.Context(), opts); err == nil {
			t.Errorf("%s: no error", name)
			closeStack(t, s)
		}
	}
}
