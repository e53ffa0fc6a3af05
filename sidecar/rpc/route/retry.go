package route

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Retry is when a call that failed is made again. What certainly reached no server is tried elsewhere without it.
type Retry struct {
	When     Conditions    `yaml:"when"`            // none: reset, 502, 503, 504
	Methods  []string      `yaml:"methods"`         // none: those that may be repeated (RFC 9110, section 9.2.2); of others than HTTP, only what a server says it has not done
	Attempts int           `yaml:"attempts"`        // beside the first; 0: 2
	PerTry   time.Duration `yaml:"per_try_timeout"` // until the answer's head; 0: the call's
	Backoff  time.Duration `yaml:"backoff"`         // most that is waited before the first, twice as much before the next; 0: 25ms
	Longest  time.Duration `yaml:"longest_backoff"` // 0: ten times backoff
}

// Conditions are what a call may have failed by.
type Conditions struct {
	Reset   bool  // the connection broke before the answer's head
	Timeout bool  // no answer within per_try_timeout
	Status  []int // the server's
	Codes   []int // of gRPC, the server's, by an answer that is nothing but a status

	given []string // as they are written
}

// codes are those of gRPC that a call may be tried again for, by their names.
var codes = map[string]int{"cancelled": 1, "deadline-exceeded": 4, "resource-exhausted": 8, "aborted": 10, "internal": 13, "unavailable": 14}

// UnmarshalYAML takes a list of names and statuses, of which the checker says what is wrong.
func (c *Conditions) UnmarshalYAML(decode func(any) error) error {
	var all []any
	if err := decode(&all); err != nil {
		return err
	}
	for _, one := range all {
		text := fmt.Sprint(one)
		c.given = append(c.given, text)
		if code, is := codes[text]; is {
			c.Codes = append(c.Codes, code)
		} else if status, err := strconv.Atoi(text); err == nil {
			c.Status = append(c.Status, status)
		}
		c.Reset = c.Reset || text == "reset"
		c.Timeout = c.Timeout || text == "timeout"
	}
	return nil
}

// Repeatable are methods that may be repeated whatever became of them the first time.
func Repeatable() []string {
	return []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete}
}

// WithDefaults fills in what is not given.
func (r Retry) WithDefaults() Retry {
	if !r.When.Reset && !r.When.Timeout && r.When.Status == nil && r.When.Codes == nil {
		r.When = Conditions{Reset: true, Status: []int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}}
	}
	if r.Methods == nil {
		r.Methods = Repeatable()
	}
	r.Attempts, r.Backoff = cmp.Or(r.Attempts, 2), cmp.Or(r.Backoff, 25*time.Millisecond)
	r.Longest = cmp.Or(r.Longest, 10*r.Backoff)
	return r
}

// Budget bounds what of a cluster's calls is tried again by Retry, or sent to a second server by Hedge.
type Budget struct {
	Percent   *int     `yaml:"percent"`    // of the calls; nil: 20
	PerSecond *float64 `yaml:"per_second"` // however few calls there are; nil: 3
}

// WithDefaults are the two numbers; b may be nil.
func (b *Budget) WithDefaults() (percent int, perSecond float64) {
	percent, perSecond = 20, 3
	if b != nil && b.Percent != nil {
		percent = *b.Percent
	}
	if b != nil && b.PerSecond != nil {
		perSecond = *b.PerSecond
	}
	return percent, perSecond
}

// Limit bounds how many calls a route takes in this process.
type Limit struct {
	By    string  `yaml:"by"`    // route, client (its address), identity (of its certificate; those without share a bucket) or header:NAME (each value of it); a call without the field is not limited
	Rate  float64 `yaml:"rate"`  // calls a second
	Burst float64 `yaml:"burst"` // at once; 0: Rate, and at least 1
}

// Header is the field whose value limits, in lower case; "": none.
func (l *Limit) Header() string {
	name, is := strings.CutPrefix(l.By, "header:")
	if !is {
		return ""
	}
	return strings.ToLower(name)
}

func (c *checker) resilience(at string, r *Rule, d *Document) {
	c.positive(at, field{"least_time", int64(r.LeastTime)})
	if r.To == nil && (r.Retry != nil || r.Limits != nil || r.LeastTime != 0) {
		c.problem(at, "retry, limits and least_time are of routes to a cluster")
	}
	if y := r.Retry; y != nil {
		at := at + ".retry"
		c.positive(at, field{"attempts", int64(y.Attempts)}, field{"per_try_timeout", int64(y.PerTry)},
			field{"backoff", int64(y.Backoff)}, field{"longest_backoff", int64(y.Longest)})
		for _, m := range y.Methods {
			if m != strings.ToUpper(m) || m == "" {
				c.problem(at+".methods", "the method %q is not in capitals", m)
			}
		}
		if y.When.Timeout && y.PerTry == 0 {
			c.problem(at+".when", "there is no timeout but the call's without per_try_timeout")
		}
		c.conditions(at+".when", r, d)
	}
	for i, l := range r.Limits {
		at := fmt.Sprintf("%s.limits[%d]", at, i)
		if l.By != "route" && l.By != "client" && l.By != "identity" && l.Header() == "" {
			c.problem(at+".by", "a limit is by route, client, identity or header:NAME, not %q", l.By)
		}
		if l.Rate <= 0 {
			c.problem(at+".rate", "a limit has a rate above 0")
		}
		if l.Burst != 0 && l.Burst < 1 {
			c.problem(at+".burst", "a burst is at least 1")
		}
		if slices.ContainsFunc(r.Limits[:i], func(o Limit) bool { return o.By == l.By }) {
			c.problem(at+".by", "there are two limits by %s", l.By)
		}
	}
}

// conditions checks what a route's calls are tried again for. The codes of gRPC are for servers that speak it, and its only method.
func (c *checker) conditions(at string, r *Rule, d *Document) {
	w := &r.Retry.When
	for i, text := range w.given {
		status, err := strconv.Atoi(text)
		if _, code := codes[text]; code || text == "reset" || text == "timeout" || err == nil && (status == http.StatusTooManyRequests || status >= 500 && status <= 599) {
			continue
		}
		c.problem(fmt.Sprintf("%s[%d]", at, i), "%s is no condition: there are reset, timeout, 429, 500 to 599, and of gRPC aborted, cancelled, deadline-exceeded, internal, resource-exhausted and unavailable", text)
	}
	i := slices.IndexFunc(w.given, func(text string) bool { return codes[text] != 0 })
	if i < 0 {
		return
	}
	at = fmt.Sprintf("%s[%d]", at, i)
	for _, s := range r.To {
		if cl := d.cluster(s.Cluster); cl != nil && cl.Protocol != HTTP2 {
			spoken := "HTTP/1"
			if !HTTP(cl.Protocol) {
				spoken = framedName(cl.Protocol)
			}
			c.problem(at, "the cluster %s speaks %s, and gRPC, which %s is a code of, needs protocol: http2", s.Cluster, spoken, w.given[i])
			return
		}
	}
	if !slices.Contains(r.Retry.Methods, http.MethodPost) {
		c.problem(at, "calls of gRPC are tried again upon %s where methods: [POST] declares that they may be repeated", w.given[i])
	}
}

func (c *checker) budget(at string, b *Budget) {
	percent, perSecond := b.WithDefaults()
	c.percent(at, "percent", percent)
	if perSecond < 0 {
		c.problem(at+".per_second", "per_second is not below 0")
	}
}
