package rpc

import (
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/heddle-mesh/heddle/governance/hedge"
	"github.com/heddle-mesh/heddle/governance/limit"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// routed is a table of routes with what limits them.
type routed struct {
	*route.Table
	limits   map[*route.Route][]limiter // in its order
	hedges   map[*route.Route]*hedge.Hedge
	adaptive map[*route.Route]*limit.Adaptive
	needs    map[*route.Route][]*need

	guarded bool // some routes are for some clients only

	described []*describedFraming // of protocols that clients may speak
}

type limiter struct {
	*limit.Keyed
	by string
}

// maxKeys is of how many callers a limit keeps account.
const maxKeys = 100_000

// governed goes on with the limits that the table before it had for a route of that name, where they are the same.
func governed(t *route.Table, before *routed) *routed {
	r := &routed{Table: t, limits: map[*route.Route][]limiter{}, hedges: hedges(t, before), adaptive: adaptive(t, before), needs: needing(t, before), described: described(t, before)}
	had := map[string][]limiter{}
	if before != nil {
		for _, old := range before.Routes() {
			had[old.Name] = before.limits[old]
		}
	}
	for _, route := range t.Routes() {
		r.guarded = r.guarded || route.Allow != nil
		for i, l := range route.Limits {
			rate := limit.Rate{PerSecond: l.Rate, Burst: l.Burst}
			if rate.Burst == 0 {
				rate.Burst = max(l.Rate, 1)
			}
			k := limiter{limit.NewKeyed(rate, maxKeys), l.By}
			if old := had[route.Name]; i < len(old) && old[i].Rate() == rate && old[i].by == l.By {
				k = old[i]
			}
			r.limits[route] = append(r.limits[route], k)
		}
	}
	return r
}

// limited refuses a call that comes too soon after others; nil: it may go on.
func (x *call) limited() *failure {
	if len(x.route.Limits) == 0 {
		return nil
	}
	now := time.Now()
	for i, k := range x.table.limits[x.route] {
		var key []byte
		l := &x.route.Limits[i]
		switch header := l.Header(); {
		case header != "":
			value, there := x.fields.Header(header)
			if !there {
				continue
			}
			key = value
		case l.By == "client":
			key = []byte(x.done.Client)
		case l.By == "identity":
			key = []byte(x.done.Identity) // of those without one, all together
		}
		if wait := k.Take(key, now); wait > 0 {
			return &failure{status: http.StatusTooManyRequests, why: "too many calls, by " + l.By, after: wait}
		}
	}
	return nil
}

// retryAfter is when a caller may come again, in whole seconds; "": that is not known.
func (f *failure) retryAfter() string {
	if f.after == 0 {
		return ""
	}
	return strconv.Itoa(int(math.Ceil(f.after.Seconds())))
}

// earn notes a call in its cluster's budget, if the call may come to more than one server.
func (x *call) earn() {
	if x.route.Retry != nil || x.hedging.by != nil {
		x.cluster.Budget.First()
	}
}

// cause is what a call failed by, as far as a route may have it tried again for that.
type cause struct {
	reset, timeout bool
	status         int
	code           int  // of gRPC, where the answer is nothing but a status; 0: it is OK, or there is none
	unexecuted     bool // nothing of it has been done: it may be repeated whatever it is
}

// tryAgain says whether the route has a call tried again that failed so, and takes that from the budget. whole is that it can be sent as it
// was.
func (x *call) tryAgain(c cause, whole bool) bool {
	y := x.route.Retry
	if y == nil || !whole || x.again >= y.Attempts {
		return false
	}
	w := &y.When
	if !(c.reset && w.Reset || c.timeout && w.Timeout || c.status != 0 && slices.Contains(w.Status, c.status) || c.code != 0 && slices.Contains(w.Codes, c.code)) {
		return false
	}
	if !c.unexecuted && !slices.Contains(y.Methods, x.done.Method) {
		return false
	}
	now := time.Now()
	if !x.deadline.IsZero() && !now.Before(x.deadline) || !x.cluster.Budget.Again(now) {
		return false
	}
	x.again++
	return true
}

// rest waits before a call is tried again that the route has tried again. Where there is no time for that, last is the end.
func (x *call) rest(last *failure) *failure {
	if last != nil && last.repeat && !x.pause() {
		last.repeat, last.again = false, false
	}
	return last
}

// pause waits before a call is tried again, by chance, so that those who failed together do not come back together. It returns
// false if there is no time for it, or the server ends.
func (x *call) pause() bool {
	y := x.route.Retry
	d := time.Duration(rand.Int64N(int64(min(y.Backoff<<min(x.again-1, 20), y.Longest)) + 1))
	if !x.deadline.IsZero() && !time.Now().Add(d).Before(x.deadline) {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-x.server.done:
		return false
	}
}

// tryUntil is when an answer's head has to be there, lest the route has the call tried again.
func (x *call) tryUntil() time.Time {
	if y := x.route.Retry; y != nil && y.PerTry > 0 {
		if bound := time.Now().Add(y.PerTry); x.deadline.IsZero() || bound.Before(x.deadline) {
			return bound
		}
	}
	return x.deadline
}
