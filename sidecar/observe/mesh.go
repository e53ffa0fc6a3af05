package observe

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/heddle-mesh/heddle/sidecar/rpc"
)

// mesh answers where calls go.
func (s *Server) mesh(w http.ResponseWriter, _ *http.Request) {
	from := s.sources.Load()
	var view *rpc.View
	if from != nil {
		view = from.Mesh()
	}
	if view == nil {
		http.Error(w, "this instance takes no calls", http.StatusNotFound)
		return
	}
	answer(w, view)
}

// Where the document of routes comes from.
const (
	RoutesFromFile = "file"
	RoutesFromEtcd = "etcd"
	RoutesFromCopy = "copy" // of what etcd had, on this instance's disk
	RoutesNowhere  = "none" // nobody has written one
)

// RoutesDocument is the document of routes by which calls go, as its author wrote it.
type RoutesDocument struct {
	Source  string    `json:"source"`            // one of RoutesFromFile and those below it
	File    string    `json:"file,omitempty"`    // that it was read from; it may have changed since
	Version int64     `json:"version,omitempty"` // in etcd
	Since   time.Time `json:"since"`             // it is in force here
	Text    string    `json:"document"`
}

// routes answers which document of routes is in force.
func (s *Server) routes(w http.ResponseWriter, _ *http.Request) {
	from := s.sources.Load()
	var document *RoutesDocument
	if from != nil {
		document = from.Routes()
	}
	if document == nil {
		http.Error(w, "this instance takes no calls", http.StatusNotFound)
		return
	}
	answer(w, document)
}

// endpoints reads the servers of calls. Its labels are the document's clusters and addresses, and a few words.
type endpoints struct {
	from                         func() *rpc.View
	state, active, conns, panics *prometheus.Desc
	certificates                 *prometheus.Desc
	limit, underway              *prometheus.Desc // of routes and clusters
}

func endpointsOf(from func() *rpc.View) *endpoints {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("heddle_rpc_"+name, help, labels, nil)
	}
	return &endpoints{
		from: from,
		state: desc("endpoint_state", "1, with what is thought of the server: up, warming, probing, suspect, open or unreachable.",
			"cluster", "endpoint", "state"),
		active:       desc("endpoint_active", "Calls that the server has to answer.", "cluster", "endpoint"),
		conns:        desc("endpoint_connections", "Connections to the server.", "cluster", "endpoint"),
		limit:        desc("concurrency_limit", "How many calls may be under way, as it is now; by a route or a cluster that bounds them.", "of", "name"),
		underway:     desc("concurrency_active", "How many are, likewise.", "of", "name"),
		panics:       desc("cluster_panicking", "1 while so few servers are up that it is not asked which.", "cluster"),
		certificates: desc("certificates_refused", "1 while the cluster's certificate files have changed and cannot be used; those of before are. The log says why.", "cluster"),
	}
}

// Describe implements prometheus.Collector.
func (e *endpoints) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{e.state, e.active, e.conns, e.panics, e.certificates, e.limit, e.underway} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (e *endpoints) Collect(ch chan<- prometheus.Metric) {
	view := e.from()
	if view == nil {
		return
	}
	send := func(d *prometheus.Desc, n float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n, labels...)
	}
	bounded := func(of, name string, c *rpc.ConcurrencyView) {
		if c != nil {
			send(e.limit, float64(c.Limit), of, name)
			send(e.underway, float64(c.Active), of, name)
		}
	}
	for _, r := range view.Routes {
		bounded("route", r.Name, r.Concurrency)
	}
	for _, c := range view.Clusters {
		bounded("cluster", c.Name, c.Concurrency)
		send(e.panics, one(c.Panicking), c.Name)
		send(e.certificates, one(c.Certificates != ""), c.Name)
		for _, s := range c.Endpoints {
			send(e.state, 1, c.Name, s.Address, s.State)
			send(e.active, float64(s.Active), c.Name, s.Address)
			send(e.conns, float64(s.Open), c.Name, s.Address)
		}
	}
}
