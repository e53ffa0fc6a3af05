package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/bench/meter"
	"github.com/heddle-mesh/heddle/sidecar/dev"
	"github.com/heddle-mesh/heddle/tests/harness"
	"github.com/heddle-mesh/heddle/tests/harness/otlp"
)

// The names under which the targets are reported.
const (
	direct       = "direct"
	relay        = "relay"
	nginx        = "nginx"
	haproxy      = "haproxy"
	reverseProxy = "reverseproxy"
	plain        = "heddle"     // one route
	full         = "heddle all" // what a route can have: conditions, limits, a breaker, edits of fields, a time, a trace
)

// target is what is measured.
type target struct {
	name, addr string
	pid        int
}

// usage is that of the process and of those that it has started.
func (t *target) usage() (all meter.Usage, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", t.pid))
	if err != nil {
		return all, fmt.Errorf("%s: %w", t.name, err)
	}
	for _, s := range append(strings.Fields(string(text)), strconv.Itoa(t.pid)) {
		pid, err := strconv.Atoi(s)
		if err != nil {
			return all, fmt.Errorf("%s: %w", t.name, err)
		}
		u, err := meter.UsageOf(pid)
		if err != nil {
			return all, err
		}
		all.CPU += u.CPU
		all.Calls += u.Calls
	}
	return all, nil
}

// lab is everything that runs.
type lab struct {
	env      *harness.Env // with the server of heddle's other half
	dir      string
	children []*dev.Child
	http     family
	grpc     family
	framed   []*framedFamily
}

// family is what is measured of a protocol.
type family struct {
	targets []*target // the server itself is the first
	clients func(addr string, n int) ([]*client, error)
	beside  string // the target that CPU times are divided by
}

// framedFamily is that of a protocol of frames.
type framedFamily struct {
	family
	*speech
}

// origin is the server's address.
func (f *family) origin() string { return f.targets[0].addr }

func (f *family) add(t *target) { f.targets = append(f.targets, t) }

func openLab(ctx context.Context, o *options) (*lab, error) {
	path, err := filepath.Abs(o.heddle)
	if err == nil {
		_, err = os.Stat(path)
	}
	if err == nil {
		err = os.Setenv("HEDDLE_TEST_BINARY", path)
	}
	if err != nil {
		return nil, fmt.Errorf("there is no heddle to measure (make build makes one): %w", err)
	}
	env, err := harness.Start(ctx, harness.Options{Plain: true})
	if err != nil {
		return nil, err
	}
	l := &lab{
		env: env, dir: env.Dir, http: family{clients: plainClients, beside: nginx}, grpc: family{clients: grpcClients, beside: haproxy},
	}
	if len(o.connections) > 0 {
		err = l.startHTTP(ctx, o)
	}
	if err == nil && len(o.grpc) > 0 {
		err = l.startGRPC(ctx, o)
	}
	if err == nil && len(o.outstanding) > 0 {
		err = l.startFramed(ctx, o)
	}
	if err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

// start is how a target is started.
type start struct {
	name  string
	start func() error
}

func startAll(o *options, all []start) error {
	for _, s := range all {
		if len(o.targets) > 0 && !slices.Contains(o.targets, s.name) && s.name != direct {
			continue
		}
		if err := s.start(); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) startHTTP(ctx context.Context, o *options) error {
	f := &l.http
	return startAll(o, []start{
		{direct, func() error { return l.again(ctx, f, "origin", direct) }},
		{relay, func() error { return l.again(ctx, f, "relay", relay) }},
		{nginx, func() error { return l.startNginx(ctx, f) }},
		{haproxy, func() error { return l.startHAProxy(ctx, f, "") }},
		{reverseProxy, func() error { return l.again(ctx, f, "reverseproxy", reverseProxy) }},
		{plain, func() error { return l.startHeddle(ctx, f, plain, plainRoutes) }},
		{full, func() error { return l.startHeddle(ctx, f, full, fullRoutes) }},
	})
}

func (l *lab) startGRPC(ctx context.Context, o *options) error {
	f := &l.grpc
	return startAll(o, []start{
		{direct, func() error { return l.again(ctx, f, "grpc", direct) }},
		{relay, func() error { return l.again(ctx, f, "relay", relay) }},
		{haproxy, func() error { return l.startHAProxy(ctx, f, " proto h2") }},
		{plain, func() error { return l.startHeddle(ctx, f, plain, grpcRoutes) }},
	})
}

func (l *lab) startFramed(ctx context.Context, o *options) error {
	for _, of := range speeches() {
		f := &framedFamily{speech: of}
		if err := startAll(o, []start{
			{direct, func() error { return l.again(ctx, &f.family, of.origin, direct) }},
			{relay, func() error { return l.again(ctx, &f.family, "relay", relay) }},
			{plain, func() error { return l.startHeddle(ctx, &f.family, plain, of.routes) }},
		}); err != nil {
			return err
		}
		l.framed = append(l.framed, f)
	}
	return nil
}

// again starts this program once more, in a role. The origin has both processors: what it does is not measured.
func (l *lab) again(ctx context.Context, f *family, role, name string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("start the %s: %w", role, err)
	}
	addr, err := harness.FreeAddr()
	if err != nil {
		return err
	}
	to := ""
	if name != direct {
		to = f.origin()
	}
	cmd := exec.Command(self, role, addr, to)
	if name != direct {
		cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	}
	return l.child(ctx, f, name, addr, cmd)
}

func (l *lab) startNginx(ctx context.Context, f *family) error {
	return l.program(ctx, f, nginx, func(addr string) string {
		return fmt.Sprintf(`worker_processes 1; daemon off; pid %[1]s/nginx.pid; error_log %[1]s/nginx.log;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000; client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
  upstream origin { server %[2]s; keepalive %[4]d; keepalive_requests 1000000000; }
  server { listen %[3]s; location / { proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ""; } }
}
`, l.dir, f.origin(), addr, maxConnections)
	}, "-p", l.dir, "-c")
}

func (l *lab) startHAProxy(ctx context.Context, f *family, protocol string) error {
	return l.program(ctx, f, haproxy, func(addr string) string {
		return fmt.Sprintf("global\n  maxconn 4096\n  nbthread 1\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n"+
			"  http-reuse always\nlisten calls\n  bind %s%s\n  server origin %s%[2]s\n", addr, protocol, f.origin())
	}, "-db", "-q", "-f")
}

// program starts one of Debian's with a configuration, whose file follows the arguments.
func (l *lab) program(ctx context.Context, f *family, name string, config func(addr string) string, args ...string) error {
	path, err := exec.LookPath("/usr/sbin/" + name)
	if err != nil {
		return fmt.Errorf("there is no %s: apt-get install %[1]s (nginx then runs as a service too), or leave it out with -targets: %w", name, err)
	}
	addr, err := harness.FreeAddr()
	if err != nil {
		return err
	}
	file := filepath.Join(l.dir, name+".conf")
	if err := os.WriteFile(file, []byte(config(addr)), 0o600); err != nil {
		return fmt.Errorf("write the configuration of %s: %w", name, err)
	}
	return l.child(ctx, f, name, addr, exec.Command(path, append(args, file)...))
}

const (
	grpcRoutes  = "clusters: {web: {protocol: http2, endpoints: [%q]}}\nroutes: [{path: {prefix: /}, to: web}]\n"
	plainRoutes = "clusters: {web: {endpoints: [%q]}}\nroutes: [{path: {prefix: /}, to: web}]\n"
	fullRoutes  = `clusters: {web: {endpoints: [%q], balance: least_active, breaker: {}, health: {eject: {}}}}
routes:
  - {path: {exact: /ping}, respond: {status: 200}}
  - {hosts: [other.example], path: {prefix: /}, respond: {status: 404}}
  - hosts: [shop.example]
    path: {prefix: /orders}
    methods: [GET, POST]
    query: {x: "1"}
    to: web
    timeout: 2s
    retry: {}
    limits: [{by: client, rate: 1000000}, {by: route, rate: 1000000}]
    rewrite: {host: inner.example}
    request_headers: {set: {x-team: checkout}, remove: [x-debug]}
    response_headers: {set: {x-served-by: mesh}, remove: [server]}
`
)

func (l *lab) startHeddle(ctx context.Context, f *family, name, routes string) error {
	addr, err := harness.FreeAddr()
	if err != nil {
		return err
	}
	file := filepath.Join(l.dir, strings.ReplaceAll(addr, ":", "-")+".yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, routes, f.origin()), 0o600); err != nil {
		return fmt.Errorf("write the routes: %w", err)
	}
	set := map[string]string{"rpc.address": addr, "rpc.file": file, "log.level": "error"}
	if name == full {
		collector, err := otlp.Start()
		if err != nil {
			return fmt.Errorf("start a collector of traces: %w", err)
		}
		l.env.OnClose(func() error { collector.Close(); return nil })
		set["tracing.endpoint"], set["tracing.one_in"] = collector.Addr(), "100"
	}
	h, err := l.env.StartHeddle(ctx, harness.HeddleOptions{
		Rules: []string{fmt.Sprintf("data_sources:\n  ds: {address: %q, user: root}\n", l.env.Plain.Addr())}, Users: "users:\n  root: {}\n",
		Set: set, Env: []string{"GOMAXPROCS=1"},
	})
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	l.env.OnClose(h.Close)
	f.add(&target{name: name, addr: addr, pid: h.PID()})
	return nil
}

// child starts a process and waits until it accepts connections.
func (l *lab) child(ctx context.Context, f *family, name, addr string, cmd *exec.Cmd) error {
	cmd.Stderr = os.Stderr
	child, err := dev.StartChild(cmd)
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	l.children = append(l.children, child)
	for deadline := time.Now().Add(10 * time.Second); ; {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close() // it was a question
			break
		}
		select {
		case <-child.Done():
			return fmt.Errorf("%s ended: %v", name, child.Err())
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s does not accept connections: %w", name, err)
		}
	}
	f.add(&target{name: name, addr: addr, pid: child.PID()})
	return nil
}

// close ends everything that was started.
func (l *lab) close() (err error) {
	for _, c := range l.children {
		err = errors.Join(err, c.Kill())
	}
	return errors.Join(err, l.env.Close())
}
