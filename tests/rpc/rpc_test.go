package rpc

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

var env *harness.Env

func TestMain(m *testing.M) {
	build := func(_ context.Context, e *harness.Env) error { _, err := e.Binary(); return err }
	os.Exit(harness.Run(m, harness.Options{Shards: 2, Setup: func(ctx context.Context, e *harness.Env) error {
		return errors.Join(build(ctx, e), e.CreateSchema(ctx, "shop"))
	}}, &env))
}

// mesh is a heddle that carries calls.
type mesh struct {
	*harness.Heddle
	t     *testing.T
	file  string
	addr  string
	admin string
}

func start(t *testing.T, routes string, set ...string) *mesh {
	t.Helper()
	m := &mesh{t: t, file: filepath.Join(t.TempDir(), "routes.yaml")}
	m.write(routes)
	for _, addr := range []*string{&m.addr, &m.admin} {
		var err error
		if *addr, err = harness.FreeAddr(); err != nil {
			t.Fatal(err)
		}
	}
	fields := map[string]string{"rpc.address": m.addr, "rpc.file": m.file, "rpc.log": "all", "admin.address": m.admin}
	for i := 0; i < len(set); i += 2 {
		fields[set[i]] = set[i+1]
	}
	m.Heddle = env.Heddle(t, harness.HeddleOptions{
		Rules: []string{fmt.Sprintf("database: shop\ndefaults: {user: root}\ndata_sources:\n  ds_0: {address: %q}\n  ds_1: {address: %q}\n"+
			"slots: {ds_0: 0-8191, ds_1: 8192-16383}\ntables: {orders: {key: id}}\n", env.Shards[0].Addr(), env.Shards[1].Addr())},
		Users: "users: {root: {}}\n", Set: fields,
	})
	return m
}

func (m *mesh) write(routes string) {
	m.t.Helper()
	if err := os.WriteFile(m.file, []byte(routes), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

func server(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func routes(addr string) string {
	return fmt.Sprintf("clusters: {web: {endpoints: [%q]}}\nroutes: [{name: all, to: web}]\n", addr)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("not within 30 s: " + what)
		}
	}
}

// underLoad has clients call, each call of which has to be answered a or b, until stop.
func (m *mesh) underLoad() (stop func()) {
	ctx, end := context.WithCancel(m.t.Context())
	var clients sync.WaitGroup
	for range 3 {
		clients.Go(func() {
			for ctx.Err() == nil {
				res, err := http.Get("http://" + m.addr + "/")
				if err != nil {
					m.t.Error(err)
					return
				}
				body, err := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if s := string(body); err != nil || res.StatusCode != 200 || s != "a" && s != "b" {
					m.t.Errorf("%d %q, %v", res.StatusCode, body, err)
				}
			}
		})
	}
	return func() {
		end()
		clients.Wait()
	}
}

// Routes change by SIGHUP without a call that fails; a document that is wrong changes nothing, and the log says where.
func TestRoutesAreReloaded(t *testing.T) {
	a, b := server(t, says("a")), server(t, says("b"))
	m := start(t, routes(a))
	stop := m.underLoad()
	for i, to := range []string{b, a, b} {
		m.write(routes(to))
		if err := m.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		want := []string{"b", "a", "b"}[i]
		eventually(t, "calls go to "+want, func() bool { _, body := get(t, "http://"+m.addr+"/"); return body == want })
	}
	m.write("routes:\n- {to: nobody}\n")
	if err := m.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log says what is wrong", func() bool {
		return strings.Contains(m.Log(), m.file+":2:8: there is no cluster nobody")
	})
	if _, body := get(t, "http://"+m.addr+"/"); body != "b" {
		t.Errorf("after a wrong document: %q", body)
	}
	stop()
}

// A stock client's files arrive whole, both ways, and the process counts and logs what it has carried.
func TestStockClient(t *testing.T) {
	m := start(t, routes(server(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Asked", r.Method+" "+r.Host+r.URL.String())
		_, _ = io.Copy(w, r.Body)
	})))
	dir := t.TempDir()
	sent := bytes.Repeat([]byte("all of it, "), 300_000)
	if err := os.WriteFile(filepath.Join(dir, "sent"), sent, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, extra := range [][]string{{}, {"-H", "Transfer-Encoding: chunked"}, {"--http1.0"}, {"-H", "Expect:"}} {
		args := append([]string{"-sS", "-D", filepath.Join(dir, "head"), "-o", filepath.Join(dir, "got"), "--data-binary", "@" + filepath.Join(dir, "sent"),
			"-H", "Host: shop.example", "http://" + m.addr + "/echo?x=1"}, extra...)
		if out, err := exec.CommandContext(t.Context(), "curl", args...).CombinedOutput(); err != nil {
			t.Fatalf("curl %v: %v\n%s", extra, err, out)
		}
		got, err := os.ReadFile(filepath.Join(dir, "got"))
		if err != nil {
			t.Fatal(err)
		}
		head, err := os.ReadFile(filepath.Join(dir, "head"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, sent) || !strings.Contains(string(head), "POST shop.example/echo?x=1") {
			t.Errorf("curl %v got %d bytes of %d, and\n%s", extra, len(got), len(sent), head)
		}
	}
	eventually(t, "calls are counted", func() bool {
		_, metrics := get(t, "http://"+m.admin+"/metrics")
		return strings.Contains(metrics, `heddle_rpc_calls_total{cluster="web",route="all",status="200"} 4`)
	})
	if !strings.Contains(m.Log(), `"path": "/echo", "status": 200`) {
		t.Error("the calls are not logged:\n" + m.Log())
	}
}

// At SIGTERM a call under way is answered; the process ends with it.
func TestDrain(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	m := start(t, routes(server(t, func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-release
		_, _ = io.WriteString(w, "done")
	})))
	type answer struct {
		body []byte
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		res, err := http.Get("http://" + m.addr + "/")
		if err != nil {
			answers <- answer{nil, err}
			return
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		answers <- answer{body, err}
	}()
	<-begun
	if err := m.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is not ready", func() bool {
		res, err := http.Get("http://" + m.admin + "/readyz")
		if err != nil {
			return true
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusServiceUnavailable
	})
	close(release)
	if a := <-answers; string(a.body) != "done" || a.err != nil {
		t.Errorf("the call under way was answered %q, %v", a.body, a.err)
	}
	select {
	case <-m.Done():
	case <-time.After(10 * time.Second):
		t.Error("the process does not end")
	}
}

// A wrong document keeps the process from starting, and check says the same without one.
func TestCheck(t *testing.T) {
	m := start(t, routes("127.0.0.1:1"))
	m.write("routes:\n- {path: {prefix: x}, respond: {status: 200}}\n")
	binary, err := env.Binary()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), binary, "check", "--config", filepath.Join(m.Dir, "heddle.yaml")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), `:2:10: the path "x" does not begin with /`) {
		t.Errorf("check said %v\n%s", err, out)
	}
	if status, body := get(t, "http://"+m.addr+"/"); status != 503 || !strings.Contains(body, "connect to 127.0.0.1:1") {
		t.Errorf("without a server: %d %q", status, body)
	}
}

// A listener takes the protocols that it is to take: one passes connections to a database on, whose server speaks first, and one turns away what is not for it.
func TestListenersAccept(t *testing.T) {
	web := server(t, says("a"))
	addrs := make([]string, 3)
	for i := range addrs {
		var err error
		if addrs[i], err = harness.FreeAddr(); err != nil {
			t.Fatal(err)
		}
	}
	m := start(t, fmt.Sprintf("clusters:\n  web: {endpoints: [%q]}\n  database: {protocol: tcp, endpoints: [%q], health: {check: {}}}\nroutes:\n- {path: {exact: \"/%s\"}, methods: [TCP], to: database}\n- {name: all, to: web}\n",
		web, env.Shards[0].Addr(), addrs[2]),
		"rpc.address", strings.Join(addrs, ","), "rpc.protocols", addrs[1]+"=bolt dubbo,"+addrs[2]+"=tcp")
	if status, body := get(t, "http://"+addrs[0]+"/"); status != 200 || body != "a" {
		t.Errorf("%d %q", status, body)
	}
	if status, body := get(t, "http://"+addrs[1]+"/"); status != 505 || !strings.Contains(body, "it accepts bolt, dubbo") {
		t.Errorf("%d %q", status, body)
	}
	if _, metrics := get(t, "http://"+m.admin+"/metrics"); !strings.Contains(metrics, fmt.Sprintf(`heddle_rpc_refused_connections_total{listener="%s",protocol="http1"} 1`, addrs[1])) {
		t.Error("it is not counted")
	}
	db, err := sql.Open("mysql", "root@tcp("+addrs[2]+")/shop")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var n int
	if err := db.QueryRow("SELECT 40 + 2").Scan(&n); err != nil || n != 42 {
		t.Errorf("%d, %v", n, err)
	}
}
