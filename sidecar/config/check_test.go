package config

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heddle-mesh/heddle/router/rule"
)

// right is a Config that Check accepts.
func right(t *testing.T) *Config {
	t.Helper()
	c := Default()
	c.Rules.File = []string{write(t, "shop.yaml", "database: shop\n")}
	c.State.Dir = t.TempDir()
	return c
}

func TestCheckAcceptsWhatIsRight(t *testing.T) {
	if err := right(t).Check(); err != nil {
		t.Error(err)
	}
	c := right(t)
	c.Rules.File = nil
	c.Etcd.Endpoints = []string{"a:1"}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
}

func TestCheckNamesTheField(t *testing.T) {
	file := write(t, "file", "no certificate")
	for field, spoil := range map[string]func(*Config){
		"listen.address":      func(c *Config) { c.Listen.Address = []string{"a:1", "a:1"} },
		"admin.address":       func(c *Config) { c.Admin.Address = c.Listen.Address[0] },
		"listen.tls.cert":     func(c *Config) { c.Listen.TLS.Cert = file },
		"listen.tls.key":      func(c *Config) { c.Listen.TLS.Key = file },
		"listen.tls.required": func(c *Config) { c.Listen.TLS.Required = true },
		"rules.file":          func(c *Config) { c.Rules.File = nil },
		"users.file":          func(c *Config) { c.Users.File = file + "x" },
		"etcd.prefix":         func(c *Config) { c.Etcd.Prefix = "heddle/" },
		"etcd.password":       func(c *Config) { c.Etcd.User, c.Etcd.Password = "u", rule.Secret("file:"+file+"x") },
		"etcd.tls.ca":         func(c *Config) { c.Etcd.TLS.CA = file },
		"etcd.tls.cert":       func(c *Config) { c.Etcd.TLS.Cert, c.Etcd.TLS.Key = file, file },
		"pool.min_idle":       func(c *Config) { c.Pool.MinIdle = c.Pool.Max + 1 },
		"memory.query":        func(c *Config) { c.Memory.Query = c.Memory.Session + 1 },
		"memory.session":      func(c *Config) { c.Memory.Session = c.Memory.Process + 1 },
		"state.dir":           func(c *Config) { c.State.Dir = "relative" },
		"spill.dir":           func(c *Config) { c.Spill.Dir = file },
	} {
		t.Run(field, func(t *testing.T) {
			c := right(t)
			spoil(c)
			var problems Problems
			if err := c.Check(); !errors.As(err, &problems) || len(problems) != 1 || problems[0].Field != field {
				t.Errorf("got %v, want one problem of %s", err, field)
			}
		})
	}
}

func TestCheckFindsEverything(t *testing.T) {
	c, err := load(t, "rules: {file: [/none/a.yaml]}\netcd: {endpoints: [a:1], password: 'env:HEDDLE_TEST_UNSET'}\n")
	if err != nil {
		t.Fatal(err)
	}
	var problems Problems
	if !errors.As(c.Check(), &problems) {
		t.Fatal("no problems")
	}
	got := map[string]int{}
	for _, p := range problems {
		got[p.Field]++
		if p.Origin.Line == 0 {
			t.Errorf("no place: %v", p)
		}
	}
	if diff := cmp.Diff(map[string]int{"rules.file": 2, "etcd.password": 2}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Without an address for statements the process takes calls alone, and what is about statements is a mistake.
func TestCheckCallsAlone(t *testing.T) {
	alone := func() *Config {
		c := right(t)
		c.Listen.Address, c.Rules.File = nil, nil
		c.RPC.Address, c.RPC.File = []string{"a:1"}, write(t, "routes.yaml", "")
		return c
	}
	if c := alone(); c.Check() != nil || c.TakesStatements() {
		t.Error(c.Check())
	}
	for field, spoil := range map[string]func(*Config){
		"listen.address":     func(c *Config) { c.RPC.Address = nil },
		"rules.file":         func(c *Config) { c.Rules.File = []string{c.RPC.File} },
		"users.file":         func(c *Config) { c.Users.File = c.RPC.File },
		"rpc.file":           func(c *Config) { c.RPC.File = "" },
		"rpc.tie_statements": func(c *Config) { c.RPC.TieStatements = "all" },
	} {
		c := alone()
		spoil(c)
		var problems Problems
		if err := c.Check(); !errors.As(err, &problems) || len(problems) != 1 || problems[0].Field != field {
			t.Errorf("got %v, want one problem of %s", err, field)
		}
	}
}

// What listeners accept is of listeners that there are, names are told apart by spaces, and tcp stands alone.
func TestCheckListenersProtocols(t *testing.T) {
	routes := write(t, "routes.yaml", "")
	for accepted, want := range map[string]string{
		"http1 http2 x-stock": "", "tcp": "", "": "accepts nothing", "http1 http1": "twice", "tcp http1": "an address of its own", "HTTP/1": "no name",
	} {
		c := right(t)
		c.RPC.Address, c.RPC.File = []string{"a:1", "a:2"}, routes
		c.RPC.Protocols = map[string]string{"a:2": accepted}
		if err := c.Check(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", accepted, err)
		}
	}
	c := right(t)
	c.RPC.Address, c.RPC.File = []string{"a:1"}, routes
	c.RPC.Protocols = map[string]string{"a:3": "http1"}
	if err := c.Check(); err == nil || !strings.Contains(err.Error(), "a:3 is no rpc.address") {
		t.Error(err)
	}
}

func TestSecrets(t *testing.T) {
	t.Setenv("HEDDLE_TEST_SECRET", "from env")
	file := write(t, "secret", "from file\n")
	for ref, want := range map[string]string{"": "", "env:HEDDLE_TEST_SECRET": "from env", "file:" + file: "from file"} {
		s, err := parseSecret(ref)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Resolve(s)
		if err != nil || got != want || string(s) != ref {
			t.Errorf("%s: %q, %v", ref, got, err)
		}
	}
	for _, ref := range []string{"hunter2", "env:", "vault:x", ":x"} {
		if _, err := parseSecret(ref); !errors.Is(err, errNotReference) {
			t.Errorf("%s: %v", ref, err)
		}
	}
	if _, err := Resolve("env:HEDDLE_TEST_UNSET"); err == nil {
		t.Error("an unset variable resolved")
	}
}

func TestSpillDir(t *testing.T) {
	c := Default()
	if got := c.SpillDir(); got != filepath.Join("/var/lib/heddle", "spill") {
		t.Error(got)
	}
	c.Spill.Dir = "/x"
	if got := c.SpillDir(); got != "/x" {
		t.Error(got)
	}
}

func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"64MiB", "1.5GiB", "0", "-1", "9223372036854775807", "9e99TiB", "0x1", "NaN"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseSize(s)
		if err != nil {
			return
		}
		if n < 0 {
			t.Fatalf("%q is %d", s, n)
		}
		again, err := ParseSize(Size(n).String())
		if err != nil || again != n {
			t.Fatalf("%q: %d is written %q and read %d, %v", s, n, Size(n).String(), again, err)
		}
	})
}
