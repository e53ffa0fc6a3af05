package arch

import (
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"
)

var rules = map[string]func([]*File) []string{
	"Imports":        Imports,
	"PackageDocs":    PackageDocs,
	"Names":          Names,
	"NoInit":         NoInit,
	"NoContextField": NoContextField,
	"NoSleep":        NoSleep,
	"NoSkip":         NoSkip,
	"MainIsSmall":    MainIsSmall,
	"Settings":       Settings,
	"Texts":          Texts,
}

func TestRepository(t *testing.T) {
	dir, err := root()
	if err != nil {
		t.Fatal(err)
	}
	files, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("only %d files were found", len(files))
	}
	for name, rule := range rules {
		t.Run(name, func(t *testing.T) {
			for _, breach := range rule(files) {
				t.Error(breach)
			}
		})
	}
}

// fake parses a file that is not there.
func fake(t *testing.T, name, src string) *File {
	t.Helper()
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, name, src, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return &File{Path: name, Dir: path.Dir(name), Test: strings.HasSuffix(name, "_test.go"), AST: tree, Set: set}
}

// TestRulesBite: each rule finds what it is there for, and lets pass what is allowed beside it.
func TestRulesBite(t *testing.T) {
	const doc = "// Package %s is.\n"
	for _, c := range []struct {
		rule, file, src, want string // want "": no breach
	}{
		{"Imports", "router/plan/a.go", `package plan; import "os"`, "without a server"},
		{"Imports", "router/plan/a.go", `package plan; import "net/http"`, "without a server"},
		{"Imports", "router/plan/a.go", `package plan; import "net/netip"`, ""},
		{"Imports", "router/plan/a_test.go", `package plan; import "os"`, ""},
		{"Imports", "parser/a.go", `package parser; import "database/sql"`, "without a server"},
		{"Imports", "parser/a.go", `package parser; import "github.com/heddle-mesh/heddle/router/rule"`, "against the order"},
		{"Imports", "parser/a_test.go", `package parser; import "github.com/heddle-mesh/heddle/router/rule"`, "against the order"},
		{"Imports", "parser/a.go", `package parser; import "github.com/pingcap/tidb/pkg/parser"`, ""},
		{"Imports", "proxy/session/a.go", `package session; import "github.com/pingcap/tidb/pkg/parser"`, "grammar"},
		{"Imports", "router/a.go", `package router; import "github.com/heddle-mesh/heddle/tests/harness"`, "nothing imports tests"},
		{"Imports", "tests/x/a.go", `package x; import "github.com/heddle-mesh/heddle/tests/harness"`, ""},
		{"Imports", "odd/a.go", `package odd; import "github.com/heddle-mesh/heddle/parser"`, "missing in the order"},
		{"Imports", "txn/a.go", `package txn; import "github.com/heddle-mesh/heddle/parser"`, "crash-point"},
		{"Imports", "txn/a.go", `package txn; import "time"`, ""},
		{"Imports", "txn/xa/a.go", `package xa; import "sync/atomic"`, "crash-point"},
		{"Imports", "governance/health/a.go", `package health; import "github.com/heddle-mesh/heddle/router/rule"`, "only reload"},
		{"Imports", "governance/reload/a.go", `package reload; import "github.com/heddle-mesh/heddle/router/rule"`, ""},
		{"Imports", "governance/store/etcdstore/a.go", `package etcdstore; import "go.etcd.io/etcd/client/v3"`, ""},
		{"Imports", "governance/store/a.go", `package store; import "go.etcd.io/etcd/client/v3"`, "swapped"},
		{"Imports", "sidecar/dev/a.go", `package dev; import "go.etcd.io/etcd/server/v3/embed"`, ""},
		{"Imports", "proxy/exec/a.go", `package exec; import "github.com/heddle-mesh/heddle/governance/limit"`, ""},
		{"Imports", "proxy/exec/a.go", `package exec; import "github.com/heddle-mesh/heddle/governance/store"`, "governance down"},
		{"Imports", "proxy/wire/a.go", `package wire; import "github.com/heddle-mesh/heddle/internal/sqlerr"`, ""},
		{"Imports", "proxy/wire/a.go", `package wire; import "github.com/heddle-mesh/heddle/internal/lifecycle"`, "codec"},
		{"Imports", "proxy/wire/a.go", `package wire; import "net"`, "codec"},
		{"Imports", "proxy/wire/wiretest/a.go", `package wiretest; import "github.com/heddle-mesh/heddle/proxy/wire"`, ""},
		{"Imports", "proxy/merge/a.go", `package merge; import "github.com/heddle-mesh/heddle/proxy/wire"`, "RowStreams"},
		{"Imports", "sidecar/rpc/codec/a.go", `package codec; import "github.com/heddle-mesh/heddle/router"`, "no knot"},
		{"Imports", "proxy/exec/a.go", `package exec; import _ "net/http/pprof"`, "visible list"},
		{"Imports", "sidecar/dev/a.go", `package dev; import _ "embed"`, ""},
		{"PackageDocs", "router/a.go", "package router", "wants one doc comment"},
		{"PackageDocs", "router/a.go", "// Router is.\npackage router", "does not begin"},
		{"PackageDocs", "router/a.go", strings.Replace(doc, "%s", "router", 1) + "package router", ""},
		{"PackageDocs", "cmd/heddle/main.go", "// Command heddle is.\npackage main", ""},
		{"Names", "router/common/a.go", "package common", "says nothing"},
		{"Names", "router/aB.go", "package router", "lower case"},
		{"Names", "router/a.go", "package other", "in folder"},
		{"Names", "router/a_test.go", "package router_test", ""},
		{"NoInit", "router/a.go", "package router; func init() {}", "init"},
		{"NoInit", "router/a.go", "package router; type t int; func (t) init() {}", ""},
		{"NoContextField", "txn/a.go", `package txn; import "context"; type t struct{ ctx context.Context }`, "context"},
		{"NoContextField", "txn/a.go", `package txn; import c "context"; type t struct{ x struct{ c.Context } }`, "context"},
		{"NoContextField", "txn/a.go", `package txn; import "context"; type t struct{ f func(context.Context) }`, ""},
		{"NoSleep", "txn/a_test.go", `package txn; import "time"; func f() { time.Sleep(1) }`, "Sleep"},
		{"NoSleep", "txn/a_test.go", `package txn; import ("time"; _ "testing/synctest"); func f() { time.Sleep(1) }`, ""},
		{"NoSleep", "txn/a.go", `package txn; import "time"; func f() { time.Sleep(1) }`, ""},
		{"NoSkip", "txn/a_test.go", `package txn; import "testing"; func f(t *testing.T) { t.Skip() }`, "skipped"},
		{"NoSkip", "txn/a_test.go", `package txn; import "testing"; func f(tb testing.TB) { func() { tb.Skipf("x") }() }`, "skipped"},
		{"NoSkip", "txn/a_test.go", `package txn; import ("testing"; "pgregory.net/rapid"); func f(t *testing.T) { rapid.Check(t, func(t *rapid.T) { t.Skip() }) }`, ""},
		{"NoSkip", "txn/a_test.go", `package txn; type s int; func f(x s) { x.Skip() }; func (s) Skip() {}`, ""},
		{"MainIsSmall", "cmd/x/main.go", "package main; func main() {" + strings.Repeat("\n", 41) + "}", "main has"},
		{"MainIsSmall", "cmd/x/main.go", "package main; func main() {}", ""},
		{"Texts", "proxy/session/spread.go", `package session; import "github.com/heddle-mesh/heddle/internal/sqlerr"; var x = sqlerr.NotSupported("a transaction")`, "internal/sqlerr/transactions.go"},
		{"Texts", "proxy/session/a.go", `package session; import "github.com/heddle-mesh/heddle/internal/sqlerr"; var x = sqlerr.NotSupported("a hint transaction=" + y)`, "internal/sqlerr/transactions.go"},
		{"Texts", "proxy/session/a.go", `package session; import "github.com/heddle-mesh/heddle/internal/sqlerr"; var x = sqlerr.NotSupported("FLUSH")`, ""},
		{"Texts", "proxy/exec/a.go", `package exec; import "github.com/heddle-mesh/heddle/internal/sqlerr"; var x = sqlerr.New(sqlerr.CodeDeadlock, "40001", "no")`, "internal/sqlerr/transactions.go"},
		{"Texts", "proxy/exec/a.go", `package exec; import "github.com/heddle-mesh/heddle/internal/sqlerr"; var x = sqlerr.New(1402, "XA100", "no")`, "internal/sqlerr/transactions.go"},
		{"Texts", "proxy/exec/a.go", `package exec; import "github.com/heddle-mesh/heddle/internal/sqlerr"; var x = sqlerr.New(e.Code, e.State, e.Msg)`, ""},
		{"Settings", "sidecar/config/table.go", "package config; var x = func(c *Config) any { return &c.Pool.Max }", "nothing reads Pool.Max"},
	} {
		got := rules[c.rule]([]*File{fake(t, c.file, c.src)})
		switch {
		case c.want == "" && len(got) > 0:
			t.Errorf("%s: %s: %s: unexpected breach %q", c.rule, c.file, c.src, got)
		case c.want != "" && !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, c.want) }):
			t.Errorf("%s: %s: %s: got %q, want %q", c.rule, c.file, c.src, got, c.want)
		}
	}
}

func TestCycleIsFound(t *testing.T) {
	got := cycles([]*File{
		fake(t, "txn/a.go", `package txn; import "github.com/heddle-mesh/heddle/txn/xa"`),
		fake(t, "txn/xa/a.go", `package xa; import "github.com/heddle-mesh/heddle/txn"`),
	})
	if len(got) != 1 || got[0] != "import cycle: txn → txn/xa → txn" {
		t.Errorf("got %q", got)
	}
}
