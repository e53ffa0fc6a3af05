package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/internal/certs"
)

// Check finds what Load cannot: fields that contradict each other, files that are missing or do not hold what they
// should, secrets that do not resolve. It opens files and nothing else, changes nothing, and reports all problems as
// a Problems. What the rule and users documents say is their own packages' to check.
func (c *Config) Check() error {
	k := &checker{c: c}
	k.listen()
	k.documents()
	k.etcd()
	k.pool()
	k.memory()
	k.directories()
	k.rpc()
	return k.problems.err()
}

type checker struct {
	c        *Config
	problems Problems
}

// fail adds a problem of a field, with the place that set it.
func (k *checker) fail(field, format string, args ...any) {
	k.problems = append(k.problems, Problem{
		Field: field, Origin: k.c.Origin(field), Message: field + ": " + fmt.Sprintf(format, args...),
	})
}

func (k *checker) listen() {
	l := k.c.Listen
	if len(l.Address) == 0 && len(k.c.RPC.Address) == 0 {
		k.fail("listen.address", "no address, and no rpc.address: nobody could connect")
	}
	for i, a := range l.Address {
		if slices.Contains(l.Address[:i], a) && !strings.HasSuffix(a, ":0") {
			k.fail("listen.address", "%s stands there twice", a)
		}
	}
	if k.c.Admin.Address != "" && slices.Contains(l.Address, k.c.Admin.Address) && !strings.HasSuffix(k.c.Admin.Address, ":0") {
		k.fail("admin.address", "%s is a listen.address too", k.c.Admin.Address)
	}
	k.keyPair("listen.tls.cert", l.TLS.Cert, "listen.tls.key", l.TLS.Key)
	k.authorities("listen.tls.ca", l.TLS.CA)
	if l.TLS.Cert == "" && l.TLS.CA != "" {
		k.fail("listen.tls.ca", "client certificates need TLS: set listen.tls.cert and listen.tls.key")
	}
	if l.TLS.Cert == "" && l.TLS.Required {
		k.fail("listen.tls.required", "TLS cannot be required without listen.tls.cert and listen.tls.key")
	}
}

func (k *checker) rpc() {
	r := k.c.RPC
	for i, a := range r.Address {
		if !strings.HasSuffix(a, ":0") && (slices.Contains(r.Address[:i], a) || slices.Contains(k.c.Listen.Address, a) || a == k.c.Admin.Address) {
			k.fail("rpc.address", "%s stands there twice, or is a listen.address or admin.address too", a)
		}
	}
	k.rpcProtocols()
	k.rpcLogFields()
	if name := strings.ToLower(r.Colour); strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || slices.Contains(spoken, name) {
		k.fail("rpc.colour", "%q is no name of a field that stands for nothing else", r.Colour)
	}
	k.rpcTLS()
	switch {
	case len(r.Address) == 0:
	case k.c.UsesEtcd() && r.File != "":
		k.fail("rpc.file", "routes come from etcd (etcd.endpoints is set): use `heddle rules apply`, or leave etcd.endpoints out")
	case k.c.UsesEtcd():
	case r.File == "":
		k.fail("rpc.file", "nothing says where calls go")
	default:
		k.readable("rpc.file", r.File)
	}
}

// rpcLogFields checks what is logged of calls.
func (k *checker) rpcLogFields() {
	for _, name := range k.c.RPC.LogFields {
		if left, ok := strings.CutPrefix(name, "-"); ok {
			if !slices.Contains(spared, strings.ToLower(left)) {
				k.fail("rpc.log_fields", "%q: left out can be %s", name, strings.Join(spared, ", "))
			}
			continue
		}
		kind, field, named := strings.Cut(name, ":")
		if !(kind == "header" && field != "") && (named || !slices.Contains([]string{"trace", "protocol", "colour", "query"}, kind)) {
			k.fail("rpc.log_fields", "%q is none of trace, protocol, colour, query and header:NAME", name)
		}
	}
}

// spared are the fields of a call's line that it may be without: all but its status, and what was wrong.
var spared = []string{"method", "host", "path", "took", "client", "route", "cluster", "endpoint", "retries", "identity", "code"}

// spoken are fields of calls that say something to either end.
var spoken = []string{"authorization", "connection", "content-length", "content-type", "cookie", "expect", "host", "keep-alive", "te", "traceparent", "trailer", "transfer-encoding", "upgrade",
	"b3", "baggage", "grpc-timeout", "group", "interface", "path", "sw8", "tracestate", "version", "x-b3-flags", "x-b3-parentspanid", "x-b3-sampled", "x-b3-spanid", "x-b3-traceid",
	"x-forwarded-client-cert", "x-forwarded-for", "x-forwarded-proto", "x-heddle-mirror", "x-request-timeout-ms"}

// rpcProtocols checks what listeners accept. Which protocols are described only the document of routes says.
func (k *checker) rpcProtocols() {
	for _, address := range slices.Sorted(maps.Keys(k.c.RPC.Protocols)) {
		names := strings.Fields(k.c.RPC.Protocols[address])
		switch {
		case !slices.Contains(k.c.RPC.Address, address):
			k.fail("rpc.protocols", "%s is no rpc.address", address)
		case len(names) == 0:
			k.fail("rpc.protocols", "%s accepts nothing: leave it out for all protocols", address)
		}
		for i, name := range names {
			switch {
			case slices.Contains(names[:i], name):
				k.fail("rpc.protocols", "%s has %s twice", address, name)
			case name == "tcp" && len(names) > 1:
				k.fail("rpc.protocols", "%s has tcp, beside which nothing can be told: give tcp an address of its own", address)
			case strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
				k.fail("rpc.protocols", "%s has %q, which is no name of a protocol: they stand with spaces between them", address, name)
			}
		}
	}
}

func (k *checker) rpcTLS() {
	t := k.c.RPC.TLS
	if len(t.Cert) == 0 && len(t.Key) == 0 {
		if t.CA != "" || t.Mode == "strict" || len(t.StrictOn) > 0 {
			k.fail("rpc.tls.cert", "rpc.tls.ca, rpc.tls.mode and rpc.tls.strict_on need a certificate: set rpc.tls.cert and rpc.tls.key")
		}
		return
	}
	for _, address := range t.StrictOn {
		if !slices.Contains(k.c.RPC.Address, address) {
			k.fail("rpc.tls.strict_on", "%s is no rpc.address", address)
		}
	}
	if _, err := certs.Pairs(t.Cert, t.Key); err != nil {
		k.fail("rpc.tls.cert", "%v", err)
	}
	k.authorities("rpc.tls.ca", t.CA)
}

// keyPair checks a certificate and its key, both or neither of which must be set.
func (k *checker) keyPair(certField, cert, keyField, key string) {
	switch {
	case cert == "" && key == "":
	case key == "":
		k.fail(certField, "a certificate needs its key: set %s", keyField)
	case cert == "":
		k.fail(keyField, "a key needs its certificate: set %s", certField)
	default:
		if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
			k.fail(certField, "%v", err)
		}
	}
}

func (k *checker) authorities(field, path string) {
	if path == "" {
		return
	}
	if _, err := certs.Authorities(path); err != nil {
		k.fail(field, "%v", err)
	}
}

// documents: rules come from etcd or from files, from exactly one of them.
func (k *checker) documents() {
	c := k.c
	if !c.TakesStatements() {
		k.alone()
		return
	}
	switch {
	case c.UsesEtcd() && len(c.Rules.File) > 0:
		k.fail("rules.file", "rules come from etcd (etcd.endpoints is set): use `heddle rules apply`, or leave etcd.endpoints out")
	case !c.UsesEtcd() && len(c.Rules.File) == 0:
		k.fail("rules.file", "nothing says where the rules are: set rules.file, or etcd.endpoints")
	}
	if c.UsesEtcd() && c.Users.File != "" {
		k.fail("users.file", "users come from etcd (etcd.endpoints is set)")
	}
	for _, path := range c.Rules.File {
		k.readable("rules.file", path)
	}
	if c.Users.File != "" {
		k.readable("users.file", c.Users.File)
	}
}

// alone: what is about statements is nothing to a process that takes calls alone, and who has set it has taken it for another.
func (k *checker) alone() {
	c := k.c
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"rules.file", len(c.Rules.File) > 0}, {"users.file", c.Users.File != ""}, {"switchover.user", c.Switchover.User != ""},
		{"rpc.tie_statements", c.RPC.TieStatements == "trace" || c.RPC.TieStatements == "all"},
	} {
		if f.set {
			k.fail(f.name, "no statements are taken without a listen.address")
		}
	}
}

func (k *checker) readable(field, path string) {
	f, err := os.Open(path)
	if err != nil {
		k.fail(field, "%v", err)
		return
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || st.IsDir() {
		k.fail(field, "%s is not a file", path)
	}
}

func (k *checker) etcd() {
	e := k.c.Etcd
	if !strings.HasPrefix(e.Prefix, "/") || strings.HasSuffix(e.Prefix, "/") {
		k.fail("etcd.prefix", "%q must begin with a slash and end without one", e.Prefix)
	}
	if e.User == "" && e.Password != "" {
		k.fail("etcd.password", "a password needs its account: set etcd.user")
	}
	if _, err := Resolve(e.Password); err != nil {
		k.fail("etcd.password", "%v", err)
	}
	k.authorities("etcd.tls.ca", e.TLS.CA)
	k.keyPair("etcd.tls.cert", e.TLS.Cert, "etcd.tls.key", e.TLS.Key)
}

func (k *checker) pool() {
	if p := k.c.Pool; p.MinIdle > p.Max {
		k.fail("pool.min_idle", "%d is more than pool.max, %d", p.MinIdle, p.Max)
	}
}

func (k *checker) memory() {
	m := k.c.Memory
	if m.Query > m.Session {
		k.fail("memory.query", "%v%s is more than memory.session, %v%s", m.Query, k.byDefault("memory.query"), m.Session, k.byDefault("memory.session"))
	}
	if m.Session > m.Process {
		k.fail("memory.session", "%v%s is more than memory.process, %v%s", m.Session, k.byDefault("memory.session"), m.Process, k.byDefault("memory.process"))
	}
}

// byDefault says of a field's value that nobody has set it.
func (k *checker) byDefault(field string) string {
	if k.c.Origin(field) == (Origin{}) {
		return " (its default)"
	}
	return ""
}

// directories must be absolute, and directories if they exist; they are made at the start.
func (k *checker) directories() {
	k.directory("state.dir", k.c.State.Dir)
	if k.c.Spill.Dir != "" {
		k.directory("spill.dir", k.c.Spill.Dir)
	}
}

func (k *checker) directory(field, path string) {
	if !filepath.IsAbs(path) {
		k.fail(field, "%q is not an absolute path", path)
		return
	}
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		k.fail(field, "%v", err)
	case !st.IsDir():
		k.fail(field, "%s is not a directory", path)
	}
}
