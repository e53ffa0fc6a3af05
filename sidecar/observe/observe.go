// Package observe is the HTTP side for operators: whether the process lives and accepts statements, what it has counted,
// which statements it ran, where calls go, and profiles of it. It only looks, and has no word of rules, nor of values in statements. Nothing can be changed
// through it, but for this, on the same machine: how much is logged, for a while; and where the configuration says so, servers of calls have themselves registered.
// Level: sidecar, below the process that fills it in.
package observe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/heddle-mesh/heddle/proxy/digest"
)

// Server answers /healthz, /readyz, /metrics and, to clients on the same machine, /digests, /config, /log, /mesh, /mesh/document, /mesh/tap and /debug/pprof/.
type Server struct {
	*Meter
	Transactions *Transactions
	Calls        *Calls
	Reloads      *Reloads

	registry *prometheus.Registry
	why      atomic.Pointer[string]  // it is not ready; nil: it is
	lacks    atomic.Pointer[string]  // "" and nil: nothing
	sources  atomic.Pointer[Sources] // nil: not there yet
	level    atomic.Pointer[LogLevel]
	listener net.Listener
	http     http.Server
	serving  errgroup.Group
}

// New returns a server that counts and does not listen yet. version is what the metrics name.
func New(version string) *Server {
	s := &Server{Meter: newMeter(), Transactions: newTransactions(), Calls: newCalls(), Reloads: newReloads(), registry: prometheus.NewRegistry()}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "heddle_build_info", Help: "1, with the version.", ConstLabels: prometheus.Labels{"version": version}})
	build.Set(1)
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), build)
	s.registry.MustRegister(slices.Concat(s.Meter.all(), s.Transactions.all(), s.Calls.all(), s.Reloads.all())...)
	s.NotReady("starting")
	return s
}

// LogBy has /log tell, and change, how much is logged.
func (s *Server) LogBy(level *LogLevel) { s.level.Store(level) }

// Listen begins to answer on address.
func (s *Server) Listen(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("admin.address: listen for operators: %w", err)
	}
	s.listener = l
	s.http = http.Server{Handler: s.handler(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	s.serving.Go(func() error {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve operators: %w", err)
		}
		return nil
	})
	return nil
}

// Addr is where it listens; "" where it does not.
func (s *Server) Addr() string {
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// Read registers what the metrics are read from, once it is there.
func (s *Server) Read(from Sources) {
	s.registry.MustRegister(newCollector(from, s.Transactions), serversOf(from.Servers), troublesOf(from), endpointsOf(from.Mesh))
	s.sources.Store(&from)
}

// Ready has /readyz say that statements are accepted.
func (s *Server) Ready() { s.why.Store(nil) }

// NotReady has /readyz say why they are not.
func (s *Server) NotReady(why string) { s.why.Store(&why) }

// Lacks has /readyz say, of a process that is ready for calls, what it cannot do yet; "": nothing.
func (s *Server) Lacks(what string) { s.lacks.Store(&what) }

// outages are the data sources that are down, and the store of the rules, a sentence each. The process stays ready: what does
// not need those is answered.
func (s *Server) outages() []string {
	from := s.sources.Load()
	if from == nil {
		return nil
	}
	var lines []string
	if what := s.lacks.Load(); what != nil && *what != "" {
		lines = append(lines, *what)
	}
	if line := from.Away(); line != "" {
		lines = append(lines, line)
	}
	for _, pool := range from.Pools() {
		if pool.Down {
			lines = append(lines, fmt.Sprintf("data source %s is down: %s", pool.DataSource, pool.LastError))
		}
	}
	return lines
}

// Close stops listening and waits, until ctx ends, for answers under way.
func (s *Server) Close(ctx context.Context) error {
	if s.listener == nil {
		return nil
	}
	s.Calls.taps.end()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close() // a profile under way is cut
	}
	return s.serving.Wait()
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if why := s.why.Load(); why != nil {
			http.Error(w, *why, http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
		for _, line := range s.outages() {
			fmt.Fprintln(w, line)
		}
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /digests", local(s.digests))
	mux.HandleFunc("GET /config", local(s.config))
	mux.HandleFunc("GET /log", local(s.logLevel))
	mux.HandleFunc("PUT /log", local(s.logLevel))
	mux.HandleFunc("GET /mesh", local(s.mesh))
	mux.HandleFunc("GET /mesh/document", local(s.routes))
	mux.HandleFunc("GET /mesh/tap", local(s.Calls.taps.serve))
	mux.HandleFunc("GET /mesh/registrations", local(s.registrations))
	mux.HandleFunc("PUT /mesh/clusters/{cluster}/endpoints/{address}", local(s.register))
	mux.HandleFunc("DELETE /mesh/clusters/{cluster}/endpoints/{address}", local(s.unregister))
	mux.HandleFunc("/debug/pprof/", local(pprof.Index))
	mux.HandleFunc("/debug/pprof/cmdline", local(pprof.Cmdline))
	mux.HandleFunc("/debug/pprof/profile", local(pprof.Profile))
	mux.HandleFunc("/debug/pprof/symbol", local(pprof.Symbol))
	mux.HandleFunc("/debug/pprof/trace", local(pprof.Trace))
	return mux
}

// Digests is what /digests answers.
type Digests struct {
	Digests  []digest.Row `json:"digests"`
	Bytes    int          `json:"bytes"`
	Capacity int          `json:"capacity"`
	Evicted  uint64       `json:"evicted"`            // shapes that made room
	Dropped  uint64       `json:"executions_dropped"` // which these had counted
}

func (s *Server) digests(w http.ResponseWriter, _ *http.Request) {
	stats := s.Digests.Stats()
	answer(w, Digests{s.Digests.List(), stats.Bytes, stats.Capacity, stats.Evicted, stats.Dropped})
}

// Setting is a field of the configuration that is in force.
type Setting struct {
	Name    string `json:"name"`
	Value   string `json:"value"` // in its one-line form; a secret's reference
	Default string `json:"default"`
	Live    bool   `json:"live"` // it changes at a reload
}

func (s *Server) config(w http.ResponseWriter, _ *http.Request) {
	if from := s.sources.Load(); from != nil && from.Settings != nil {
		answer(w, from.Settings())
		return
	}
	http.Error(w, "the process is starting", http.StatusServiceUnavailable)
}

// local lets only clients on this machine in: a profile costs time, and a dump of goroutines or a list of statements tells what
// nobody outside has to know.
func local(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			http.Error(w, "this is for clients on the same machine", http.StatusForbidden)
			return
		}
		next(w, r)
	}
}
