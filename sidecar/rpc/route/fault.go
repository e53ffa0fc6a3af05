package route

import (
	"math/rand/v2"
	"time"
)

// Fault is what is done to a share of a route's calls on purpose, so that it can be seen what callers make of it.
type Fault struct {
	Headers map[string]Value `yaml:"headers"` // only to calls with these fields, as Rule.Headers has them
	Delay   *Delay           `yaml:"delay"`
	Abort   *Abort           `yaml:"abort"` // behind the delay, where a call gets both
}

// Delay has calls wait before they are sent on.
type Delay struct {
	For     time.Duration `yaml:"for"`
	Percent *float64      `yaml:"percent"` // of the calls, by chance; nil: 100
}

// Abort has calls be answered without a server.
type Abort struct {
	Status  int      `yaml:"status"`      // of HTTP; 0: what grpc_status is in HTTP
	GRPC    int      `yaml:"grpc_status"` // that a caller of gRPC gets; 0: what status is in gRPC
	Percent *float64 `yaml:"percent"`     // as Delay's
}

// Faulted is what is to be done to a call on purpose: it waits, for 0 or more, and is answered then where abort is not nil.
func (r *Route) Faulted(c Call) (delay time.Duration, abort *Abort) {
	f := r.Fault
	if f == nil || !hold(r.faulted, c) {
		return 0, nil
	}
	if f.Delay != nil && falls(f.Delay.Percent) {
		delay = f.Delay.For
	}
	if f.Abort != nil && falls(f.Abort.Percent) {
		abort = f.Abort
	}
	return delay, abort
}

// falls says by chance whether a call is among those per cent; nil: all are.
func falls(percent *float64) bool { return percent == nil || rand.Float64()*100 < *percent }

func (c *checker) fault(at string, r *Rule) {
	f := r.Fault
	if f == nil {
		return
	}
	at += ".fault"
	c.values(at+".headers", f.Headers)
	if r.To == nil {
		c.problem(at, "faults are of routes to a cluster")
	}
	if f.Delay == nil && f.Abort == nil {
		c.problem(at, "a fault is a delay or an abort")
	}
	if d := f.Delay; d != nil {
		if d.For <= 0 {
			c.problem(at+".delay", "a delay is for some time")
		}
		c.share(at+".delay", d.Percent)
	}
	if a := f.Abort; a != nil {
		switch {
		case a.Status == 0 && a.GRPC == 0:
			c.problem(at+".abort", "an abort has a status or a grpc_status")
		case a.Status != 0 && (a.Status < 400 || a.Status > 599):
			c.problem(at+".abort.status", "the status of an abort is one of 400 to 599")
		case a.GRPC < 0 || a.GRPC > 16:
			c.problem(at+".abort.grpc_status", "the grpc_status of an abort is one of 1 to 16")
		}
		c.share(at+".abort", a.Percent)
	}
}

func (c *checker) share(at string, percent *float64) {
	if percent != nil && !(*percent >= 0 && *percent <= 100) {
		c.problem(at+".percent", "percent is a share of 0 to 100 per cent")
	}
}
