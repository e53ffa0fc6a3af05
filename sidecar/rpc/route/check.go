package route

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/heddle-mesh/heddle/sidecar/rpc/xprotocol"
)

// Problem is a mistake in a document. Line and Column count from 1; 0: the document as a whole.
type Problem struct {
	Line, Column int
	Message      string
}

func (p Problem) Error() string {
	if p.Line == 0 {
		return p.Message
	}
	return fmt.Sprintf("%d:%d: %s", p.Line, p.Column, p.Message)
}

// Parse reads a document strictly and checks all of it. The error joins Problems, in the document's order.
func Parse(text []byte) (*Document, error) {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, syntax(err)
	}
	d := &Document{}
	if len(file.Docs) > 1 {
		return nil, Problem{Message: "there is more than one document"}
	}
	if len(file.Docs) == 1 && file.Docs[0].Body != nil {
		if err := yaml.NodeToValue(file.Docs[0].Body, d, yaml.Strict()); err != nil {
			return nil, syntax(err)
		}
	}
	c := &checker{file: file}
	c.document(d)
	if len(c.problems) > 0 {
		slices.SortStableFunc(c.problems, func(a, b Problem) int { return (a.Line-b.Line)<<16 + a.Column - b.Column })
		all := make([]error, len(c.problems))
		for i, p := range c.problems {
			all[i] = p
		}
		return nil, errors.Join(all...)
	}
	return d, nil
}

// syntax is what the library says is wrong, at its place.
func syntax(err error) error {
	var at yaml.Error
	if errors.As(err, &at) && at.GetToken() != nil {
		return Problem{at.GetToken().Position.Line, at.GetToken().Position.Column, at.GetMessage()}
	}
	return Problem{Message: err.Error()}
}

// Below has an error of Parse speak of a text that stands so many lines down in another.
func Below(err error, lines int) error {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		var moved []error
		for _, err := range all.Unwrap() {
			moved = append(moved, Below(err, lines))
		}
		return errors.Join(moved...)
	}
	if p, ok := err.(Problem); ok && p.Line > 0 {
		p.Line += lines
		return p
	}
	return err
}

type checker struct {
	file      *ast.File                      // nil: problems have no places
	known     *known                         // what has been found right, beside the same clusters; nil: nothing has
	described map[string]*xprotocol.Protocol // protocols that have been found right, by name
	problems  []Problem
}

// problem notes a mistake at a place of the document, in the library's notation ($.routes[0].to), or the nearest that is there.
func (c *checker) problem(at, format string, args ...any) {
	p := Problem{Message: fmt.Sprintf(format, args...)}
	for ; c.file != nil && p.Line == 0 && at != "$"; at = at[:strings.LastIndexAny(at, ".[")] {
		path, err := yaml.PathString(at)
		if err != nil {
			continue
		}
		if node, err := path.FilterFile(c.file); err == nil && node != nil {
			p.Line, p.Column = node.GetToken().Position.Line, node.GetToken().Position.Column
		}
	}
	c.problems = append(c.problems, p)
}

func (c *checker) document(d *Document) {
	if len(d.Routes) == 0 {
		c.problem("$", "there are no routes")
	}
	c.protocols(d)
	for _, name := range slices.Sorted(maps.Keys(d.Clusters)) {
		if c.known.hasCluster(d.Clusters[name]) {
			continue
		}
		c.cluster(fmt.Sprintf("$.clusters.'%s'", name), name, d.Clusters[name], d)
	}
	names, numbers := map[string]bool{}, map[string]bool{}
	for i, r := range d.Routes {
		if r != nil && r.Name == "" {
			numbers[strconv.Itoa(i+1)] = true
		}
	}
	for i, r := range d.Routes {
		switch at := "$.routes[" + strconv.Itoa(i) + "]"; {
		case r == nil:
			c.problem(at, "the route is empty")
			continue
		case r.Name != "" && names[r.Name]:
			c.problem(at+".name", "there are two routes of the name %s", r.Name)
		case numbers[r.Name]:
			c.problem(at+".name", "%s is the name of another route, by its number", r.Name)
		}
		if names[r.Name] = true; !c.known.hasRoute(r) {
			c.rule("$.routes["+strconv.Itoa(i)+"]", r, d)
		}
	}
}

func (c *checker) cluster(at, name string, cl *Cluster, d *Document) {
	if cl == nil || len(cl.Endpoints) == 0 && cl.Discover == nil {
		c.problem(at, "the cluster %s has no endpoints", name)
		return
	}
	if cl.Discover != nil {
		c.discover(at, cl.Discover)
	}
	c.subsets(at, name, cl)
	seen := map[string]bool{}
	for i, e := range cl.Endpoints {
		at := fmt.Sprintf("%s.endpoints[%d]", at, i)
		switch {
		case e == nil:
			c.problem(at, "the endpoint is empty")
			continue
		case e.Weight < 0:
			c.problem(at, "a weight is at least 1")
		case e.Priority < 0:
			c.problem(at, "a priority is not below 0")
		case seen[e.Address]:
			c.problem(at, "the endpoint %s is there twice", e.Address)
		}
		seen[e.Address] = true
		if host, port, err := net.SplitHostPort(e.Address); err != nil || host == "" || port == "" {
			c.problem(at, "the address %q is not host:port", e.Address)
		}
	}
	c.protocol(at, cl, d)
	if cl.ConnectTimeout < 0 || cl.IdleTimeout < 0 || cl.MaxConnections < 0 || cl.MaxPending < 0 {
		c.problem(at, "a limit of the cluster %s is below 0", name)
	}
	if cl.TLS != nil {
		c.tls(at+".tls", cl.TLS)
	}
	c.health(at, cl)
	c.budget(at+".retry_budget", cl.RetryBudget)
	c.concurrency(at, cl.Concurrency)
	c.balance(at+".balance", &cl.Balance)
	c.fallback(at+".fallback", cl, d)
}

func (c *checker) tls(at string, t *TLS) {
	if (t.Cert == "") != (t.Key == "") {
		c.problem(at, "a certificate and its key go together")
	}
	if len(t.Identities) > 0 && t.ServerName != "" {
		c.problem(at, "servers are known by server_name or by identities, not by both")
	}
	if len(t.Identities) > 0 && t.CA == "" {
		c.problem(at, "identities are worth what the authorities (ca) are that give them: the system's give them to anybody")
	}
	c.identities(at+".identities", t.Identities)
}

func (c *checker) identities(at string, all []string) {
	for _, id := range all {
		u, err := url.Parse(id)
		if err != nil || u.Scheme == "" || u.Host == "" || strings.Contains(strings.TrimSuffix(id, "/*"), "*") {
			c.problem(at, "%q is no identity, as spiffe://mesh/ns/shop, nor all below one, as spiffe://mesh/ns/*", id)
		}
	}
}

func (b *Balance) policy() string {
	if b.Policy == "" {
		return "round_robin"
	}
	return b.Policy
}

func (c *checker) rule(at string, r *Rule, d *Document) {
	actions := 0
	for _, is := range []bool{r.To != nil, r.Redirect != nil, r.Respond != nil} {
		if is {
			actions++
		}
	}
	if actions != 1 {
		c.problem(at, "a route has one of to, redirect and respond")
	}
	for _, h := range r.Hosts {
		if bare := strings.TrimPrefix(h, "*."); bare == "" || strings.ContainsAny(bare, "*/ ") {
			c.problem(at+".hosts", "the host %q is no name, nor *.NAME", h)
		}
	}
	if r.Path != nil {
		c.path(at+".path", r.Path)
	}
	for _, m := range r.Methods {
		if m != strings.ToUpper(m) || m == "" {
			c.problem(at+".methods", "the method %q is not in capitals", m)
		}
	}
	c.values(at+".headers", r.Headers)
	c.values(at+".query", r.Query)
	for _, l := range r.Listeners {
		if _, port, err := net.SplitHostPort(l); err != nil || port == "" {
			c.problem(at+".listeners", "the listener %q is neither host:port, as in rpc.address, nor :PORT", l)
		}
	}
	weights := 0
	for _, s := range r.To {
		if s.Weight < 0 {
			c.problem(at+".to", "a weight is not below 0")
		}
		if d.cluster(s.Cluster) == nil {
			c.problem(at+".to", "there is no cluster %s", s.Cluster)
		}
		weights += s.Weight
	}
	if r.To != nil && weights <= 0 {
		c.problem(at+".to", "no cluster has a weight above 0")
	}
	c.subsetBy(at, r, d)
	c.colour(at, r)
	if r.Allow != nil {
		if len(r.Allow.Identities) == 0 && len(r.Allow.Networks) == 0 {
			c.problem(at+".allow", "it allows nobody: give identities or networks")
		}
		c.identities(at+".allow.identities", r.Allow.Identities)
		if err := r.Allow.parse(); err != nil {
			c.problem(at+".allow.networks", "%v", err)
		}
	}
	c.answers(at, r)
	c.resilience(at, r, d)
	c.fault(at, r)
	c.mirror(at, r, d)
	c.hedge(at, r)
	c.priority(at, r)
	c.needs(at, r)
	c.framed(at, r, d)
	if r.Timeout < 0 {
		c.problem(at+".timeout", "a timeout is not below 0")
	}
	c.rewrite(at, r)
	c.edit(at+".request_headers", &r.Request)
	c.edit(at+".response_headers", &r.Response)
}

func (c *checker) path(at string, p *Path) {
	given := 0
	for _, text := range []string{p.Exact, p.Prefix, p.Regex} {
		if text != "" {
			given++
		}
	}
	if given != 1 {
		c.problem(at, "a path has one of exact, prefix and regex")
	}
	for _, text := range []string{p.Exact, p.Prefix} {
		if text != "" && text[0] != '/' {
			c.problem(at, "the path %q does not begin with /", text)
		}
	}
	if p.Regex == "" {
		return
	}
	if _, err := regexp.Compile(p.Regex); err != nil {
		c.problem(at+".regex", "%v", err)
	}
}

func (c *checker) answers(at string, r *Rule) {
	if q := r.Redirect; q != nil {
		if q.Status != 0 && (q.Status < 300 || q.Status > 399) {
			c.problem(at+".redirect", "the status of a redirect is one of 300 to 399")
		}
		if q.Scheme == "" && q.Host == "" && q.Path == "" {
			c.problem(at+".redirect", "it leads to where the caller is: give a scheme, a host or a path")
		}
		c.text(at+".redirect", q.Scheme+q.Host+q.Path)
	}
	if p := r.Respond; p != nil && (p.Status < 200 || p.Status > 599) {
		c.problem(at+".respond", "the status of an answer is one of 200 to 599")
	}
}

// owned are fields that say where a message ends or who goes on with the connection.
var owned = []string{"connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}

// single are fields of which two would be read in two ways.
var single = []string{"content-type", "authorization", "x-forwarded-client-cert", "x-forwarded-proto", "x-request-timeout-ms", "grpc-timeout", "traceparent"}

func (c *checker) edit(at string, e *Edit) {
	for _, name := range slices.Concat(slices.Sorted(maps.Keys(e.Set)), slices.Sorted(maps.Keys(e.Add)), e.Remove) {
		if name == "" || strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
			c.problem(at, "%q is no name of a field", name)
		}
		if slices.Contains(owned, strings.ToLower(name)) {
			c.problem(at, "the field %s is the connection's own", name)
		}
		if _, added := e.Add[name]; added && slices.Contains(single, strings.ToLower(name)) {
			c.problem(at, "the field %s is there once: set it", name)
		}
		c.text(at, e.Set[name]+e.Add[name])
	}
}

// text is what goes into a head as it is.
func (c *checker) text(at, text string) {
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		c.problem(at, "%q has a control character", text)
	}
}
