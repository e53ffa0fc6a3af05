package route

import (
	"cmp"
	"time"
	"unicode/utf8"
)

// Health is how a cluster tells endpoints that can take calls from those that cannot.
type Health struct {
	Check     *Check        `yaml:"check"`       // nil: they are not asked
	Eject     *Eject        `yaml:"eject"`       // nil: none is, for what it answers
	Panic     *int          `yaml:"panic_below"` // per cent of a priority's endpoints; nil: 50. Where fewer are up everywhere, calls go to all
	SlowStart time.Duration `yaml:"slow_start"`  // in which the share of one that has come up grows to what it is due
}

// DefaultPanic is a cluster's where it says nothing.
const DefaultPanic = 50

// PanicOrDefault is the share of endpoints, per cent, below which a priority is not enough.
func (h *Health) PanicOrDefault() int {
	if h.Panic == nil {
		return DefaultPanic
	}
	return *h.Panic
}

// Check asks each endpoint now and then whether it is well: by a GET, by gRPC's health protocol, or without both by a connection.
type Check struct {
	GRPC     *string       `yaml:"grpc"` // the service that is asked for (grpc.health.v1); "": the server as a whole. nil: it is not asked so
	Path     string        `yaml:"path"`
	Host     string        `yaml:"host"`     // empty: the endpoint's address
	Status   []int         `yaml:"status"`   // none: 200 to 299
	Interval time.Duration `yaml:"interval"` // 0: 5s
	Timeout  time.Duration `yaml:"timeout"`  // 0: 1s
	Rise     int           `yaml:"rise"`     // good answers in a row that bring it up; 0: 2
	Fall     int           `yaml:"fall"`     // bad ones that take it down; 0: 3. The first answer of all decides alone
}

// WithDefaults fills in what is not given.
func (c Check) WithDefaults() Check {
	c.Interval, c.Timeout = cmp.Or(c.Interval, 5*time.Second), cmp.Or(c.Timeout, time.Second)
	c.Rise, c.Fall = cmp.Or(c.Rise, 2), cmp.Or(c.Fall, 3)
	return c
}

// Eject has calls pass an endpoint over that has failed many in a row: by a status of 500 and above, by no answer in time, or by
// a connection that broke.
type Eject struct {
	Failures int           `yaml:"failures"` // in a row; 0: 5
	For      time.Duration `yaml:"for"`      // the first time, and as much longer each time after; 0: 30s
	Longest  time.Duration `yaml:"longest"`  // 0: 5m
	Most     int           `yaml:"most"`     // per cent of the cluster's endpoints that may be out by it at a time; 0: 50
}

// WithDefaults fills in what is not given.
func (e Eject) WithDefaults() Eject {
	e.Failures, e.For = cmp.Or(e.Failures, 5), cmp.Or(e.For, 30*time.Second)
	e.Longest, e.Most = max(cmp.Or(e.Longest, 5*time.Minute), e.For), cmp.Or(e.Most, 50)
	return e
}

// Breaker stops calls to an endpoint that fails a share of them; governance/breaker has its law.
type Breaker struct {
	Share  int           `yaml:"failures"` // per cent; 0: 50
	Least  int           `yaml:"calls"`    // in the window before a share counts; 0: 20
	Window time.Duration `yaml:"window"`   // 0: 10s
	Open   time.Duration `yaml:"open"`     // 0: 5s
	Probes int           `yaml:"probes"`   // 0: 3
}

// WithDefaults fills in what is not given.
func (b Breaker) WithDefaults() Breaker {
	b.Share, b.Least, b.Probes = cmp.Or(b.Share, 50), cmp.Or(b.Least, 20), cmp.Or(b.Probes, 3)
	b.Window, b.Open = cmp.Or(b.Window, 10*time.Second), cmp.Or(b.Open, 5*time.Second)
	return b
}

// positive finds the first of some numbers that is below 0, as a problem at its field.
func (c *checker) positive(at string, fields ...field) {
	for _, f := range fields {
		if f.value < 0 {
			c.problem(at+"."+f.name, "%s is not below 0", f.name)
		}
	}
}

type field struct {
	name  string
	value int64
}

func (c *checker) percent(at, name string, value int) {
	if value < 0 || value > 100 {
		c.problem(at+"."+name, "%s is a share of 0 to 100 per cent", name)
	}
}

func (c *checker) health(at string, cl *Cluster) {
	h := &cl.Health
	c.percent(at+".health", "panic_below", h.PanicOrDefault())
	c.positive(at+".health", field{"slow_start", int64(h.SlowStart)})
	if k := h.Check; k != nil {
		at := at + ".health.check"
		c.positive(at, field{"interval", int64(k.Interval)}, field{"timeout", int64(k.Timeout)}, field{"rise", int64(k.Rise)}, field{"fall", int64(k.Fall)})
		if k.Path != "" && k.Path[0] != '/' {
			c.problem(at+".path", "the path %q does not begin with /", k.Path)
		}
		if k.GRPC != nil && cl.Protocol != HTTP2 {
			c.problem(at+".grpc", "gRPC is spoken with clusters of protocol: http2")
		}
		if k.GRPC != nil && (k.Path != "" || k.Status != nil) {
			c.problem(at, "a check has one of grpc and path")
		}
		if k.GRPC != nil && !utf8.ValidString(*k.GRPC) {
			c.problem(at+".grpc", "the name of a service is no text")
		}
		if k.Path == "" && k.GRPC == nil && (k.Host != "" || k.Status != nil) {
			c.problem(at, "host and status are for a check that has a path")
		}
		for _, s := range k.Status {
			if s < 100 || s > 599 {
				c.problem(at+".status", "the status %d is none", s)
			}
		}
		c.text(at, k.Path+k.Host)
	}
	if e := h.Eject; e != nil {
		at := at + ".health.eject"
		c.positive(at, field{"failures", int64(e.Failures)}, field{"for", int64(e.For)}, field{"longest", int64(e.Longest)})
		c.percent(at, "most", e.Most)
	}
	if b := cl.Breaker; b != nil {
		at := at + ".breaker"
		c.percent(at, "failures", b.Share)
		c.positive(at, field{"calls", int64(b.Least)}, field{"window", int64(b.Window)}, field{"open", int64(b.Open)}, field{"probes", int64(b.Probes)})
	}
}
