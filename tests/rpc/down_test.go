package rpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// shopAt are rules of one data source.
func shopAt(addr, more string) string {
	return fmt.Sprintf("database: shop\ndata_sources:\n  ds_0: {address: %q, user: root}\n%s", addr, more)
}

// unserved is a heddle whose data sources are down; calls get through it.
func unserved(t *testing.T, opts harness.HeddleOptions) *mesh {
	t.Helper()
	m := &mesh{t: t, file: filepath.Join(t.TempDir(), "routes.yaml")}
	m.write(routes(server(t, says("a"))))
	for _, addr := range []*string{&m.addr, &m.admin} {
		var err error
		if *addr, err = harness.FreeAddr(); err != nil {
			t.Fatal(err)
		}
	}
	set := map[string]string{"rpc.address": m.addr, "rpc.file": m.file, "admin.address": m.admin}
	for name, value := range opts.Set {
		set[name] = value
	}
	opts.Set, opts.Users = set, "users: {root: {}}\n"
	m.Heddle = env.Heddle(t, opts)
	if status, body := get(t, "http://"+m.addr+"/"); status != http.StatusOK || body != "a" {
		t.Errorf("a call while no data source answers: %d %q", status, body)
	}
	if c, err := net.Dial("tcp", m.Addr); err == nil {
		_ = c.Close()
		t.Error("statements are accepted")
	}
	return m
}

// A process whose data sources are down when it starts carries calls, says what is missing, follows its files, and accepts statements once one of them answers.
func TestNoDataSourceAtTheStart(t *testing.T) {
	for _, s := range env.Shards[:2] {
		if err := s.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	again := func(ctx context.Context) (err error) {
		for _, s := range env.Shards[:2] {
			err = errors.Join(err, s.Start(ctx))
		}
		return err
	}
	t.Cleanup(func() {
		if err := again(context.Background()); err != nil { // for other tests
			t.Error(err)
		}
	})
	m := unserved(t, harness.HeddleOptions{Rules: []string{shopAt(env.Shards[0].Addr(), "  ds_1: {address: \""+env.Shards[1].Addr()+"\", user: root}\n")}})
	if !strings.Contains(m.Log(), "ready: calls are accepted on "+m.addr+"; statements are not yet") {
		t.Error("it does not say what is accepted")
	}
	ready := func() (int, string) { return get(t, "http://"+m.admin+"/readyz") }
	status, body := ready()
	for _, want := range []string{"ok\n", "statements are not accepted yet: no data source answers: ", "ds_0", "ds_1"} {
		if status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("/readyz without %q: %d %q", want, status, body)
		}
	}
	for _, path := range []string{"/healthz", "/metrics", "/mesh"} {
		if status, body := get(t, "http://"+m.admin+path); status != http.StatusOK {
			t.Errorf("%s: %d %q", path, status, body)
		}
	}
	m.write(routes(server(t, says("b"))))
	if err := m.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the routes are reloaded", func() bool { _, body := get(t, "http://"+m.addr+"/"); return body == "b" })
	if err := again(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "/readyz says nothing more", func() bool { status, body := ready(); return status == http.StatusOK && body == "ok\n" })
	var one int
	if err := m.Open(t, "root", "", "shop").QueryRowContext(t.Context(), "SELECT 1").Scan(&one); err != nil || one != 1 {
		t.Errorf("a statement: %d %v", one, err)
	}
}

// A route that needs a data source lets hardly anybody in from the start, if that is down then.
func TestNeededDataSourceAtTheStart(t *testing.T) {
	relay := harness.NewRelay(t, env.Shards[0].Addr())
	relay.Refuse(true)
	m := unserved(t, harness.HeddleOptions{Rules: []string{shopAt(relay.Addr(), "")}})
	m.write("clusters: {web: {endpoints: [\"" + server(t, says("b")) + "\"]}}\nroutes: [{name: rows, to: web, needs: [ds_0]}]\n")
	if err := m.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its calls are turned away", func() bool {
		status, body := get(t, "http://"+m.addr+"/")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "the data source ds_0, which the route needs")
	})
	relay.Refuse(false)
	eventually(t, "its calls are let in", func() bool { status, _ := get(t, "http://"+m.addr+"/"); return status == http.StatusOK })
}

// It ends in order while it waits, with the calls that are under way.
func TestDrainWithoutDataSource(t *testing.T) {
	relay := harness.NewRelay(t, env.Shards[0].Addr())
	relay.Refuse(true)
	m := unserved(t, harness.HeddleOptions{Rules: []string{shopAt(relay.Addr(), "")}})
	if err := m.Close(); err != nil { // which fails where it did not end well
		t.Error(err)
	}
}

// Rules in files that may have rows elsewhere are asked about once their data source answers: calls are carried all the while, statements only by rules
// that find the rows.
func TestMovedPlacementWithoutDataSource(t *testing.T) {
	relay := harness.NewRelay(t, env.Shards[0].Addr())
	state := t.TempDir()
	opts := func(tables string) harness.HeddleOptions {
		return harness.HeddleOptions{
			Rules: []string{shopAt(relay.Addr(), "  ds_1: {address: \""+env.Shards[1].Addr()+"\", user: root}\n"+
				"slots: {ds_0: 0-8191, ds_1: 8192-16383}\ntables: {orders: {key: id}"+tables+"}\n")},
			Users: "users: {root: {}}\n", Set: map[string]string{"state.dir": state},
		}
	}
	first := env.Heddle(t, opts(""))
	db := first.Open(t, "root", "", "shop")
	for _, text := range []string{"CREATE TABLE lone (id INT PRIMARY KEY)", "INSERT INTO lone VALUES (7)"} {
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := harness.Open(t, env.Shards[0].Config("shop")).Exec("DROP TABLE lone"); err != nil {
			t.Error(err)
		}
	})
	moved := opts(", lone: {key: id}")
	relay.Refuse(true)
	p := unserved(t, moved)
	relay.Refuse(false)
	eventually(t, "it says that rows are elsewhere", func() bool {
		status, body := get(t, "http://"+p.admin+"/readyz")
		return status == http.StatusOK && strings.Contains(body, "statements are not accepted: the rules of shop place rows elsewhere")
	})
	kept := opts("")
	for _, name := range []string{"rpc.address", "rpc.file", "admin.address"} {
		kept.Set[name] = map[string]string{"rpc.address": p.addr, "rpc.file": p.file, "admin.address": p.admin}[name]
	}
	if err := errors.Join(p.Rewrite(kept), p.Signal(syscall.SIGHUP)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "statements are accepted by the rules of before", func() bool { _, body := get(t, "http://"+p.admin+"/readyz"); return body == "ok\n" })
	var id int
	if err := p.Open(t, "root", "", "shop").QueryRowContext(t.Context(), "SELECT id FROM lone").Scan(&id); err != nil || id != 7 {
		t.Errorf("its row: %d %v", id, err)
	}
}
