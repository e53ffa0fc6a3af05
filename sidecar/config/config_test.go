package config

import (
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-golden +got; -update writes it):\n%s", name, diff)
	}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, text string) (*Config, error) {
	t.Helper()
	return Load(Sources{File: write(t, "heddle.yaml", text)})
}

func TestDocumentGolden(t *testing.T) {
	golden(t, "document.md", Document())
	golden(t, "sample.yaml", Sample())
}

// TestSampleIsTheDefaults: the sample loads, and says nothing but the defaults; with its comments taken away from
// the examples it still loads, so every example is a right value.
func TestSampleIsTheDefaults(t *testing.T) {
	c, err := load(t, Sample())
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Instance.Name = c.Instance.Name
	if diff := cmp.Diff(want, c, cmpopts.IgnoreUnexported(Config{})); diff != "" {
		t.Errorf("sample differs from the defaults (-want +got):\n%s", diff)
	}
	whole := regexp.MustCompile(`(?m)^( +)# ([a-z_]+: )`).ReplaceAllString(Sample(), "$1$2")
	c, err = load(t, whole)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range Fields() {
		if c.Origin(f.Name).Line == 0 {
			t.Errorf("the sample does not set %s", f.Name)
		}
	}
	if c.Etcd.Password != "env:ETCD_PASSWORD" || c.Instance.Labels["team"] != "checkout" {
		t.Errorf("examples: %v %v", c.Etcd.Password, c.Instance.Labels)
	}
}

func TestTableIsWhole(t *testing.T) {
	seen := map[any]string{}
	c := &Config{}
	for _, f := range Fields() {
		for what, name := range map[string]string{"name": f.Name, "env": f.Env(), "flag": f.Flag()} {
			if other, ok := seen[what+name]; ok {
				t.Errorf("%s %s belongs to %s and %s", what, name, other, f.Name)
			}
			seen[what+name] = f.Name
		}
		if other, ok := seen[f.at(c)]; ok {
			t.Errorf("%s and %s store in the same place", f.Name, other)
		}
		seen[f.at(c)] = f.Name
		if !strings.HasSuffix(f.Doc, ".") {
			t.Errorf("%s: its documentation is no sentence: %q", f.Name, f.Doc)
		}
		if (f.Kind == Choice) != (len(f.Choices) > 0) {
			t.Errorf("%s: a choice has choices", f.Name)
		}
	}
}

func TestPrecedence(t *testing.T) {
	file := write(t, "heddle.yaml", "pool:\n  max: 1\n  min_idle: 1\n  wait_timeout: 1s\n")
	src := Sources{
		File:    file,
		Environ: []string{"HEDDLE_POOL_MAX=2", "HEDDLE_POOL_MIN_IDLE=2", "PATH=/bin"},
		Flags:   map[string]string{"pool-max": "3"},
	}
	c, err := Load(src)
	if err != nil {
		t.Fatal(err)
	}
	if c.Pool.Max != 3 || c.Pool.MinIdle != 2 || c.Pool.WaitTimeout != time.Second || c.Pool.ConnectTimeout != 3*time.Second {
		t.Errorf("got %+v", c.Pool)
	}
	want := map[string]string{"pool.max": "--pool-max", "pool.min_idle": "HEDDLE_POOL_MIN_IDLE",
		"pool.wait_timeout": file + ":4:17", "pool.connect_timeout": "default"}
	for field, origin := range want {
		if got := c.Origin(field).String(); got != origin {
			t.Errorf("origin of %s: %s, want %s", field, got, origin)
		}
	}
}

func TestValuesOfEveryKind(t *testing.T) {
	c, err := load(t, `
instance: {name: 007, labels: {tier: 1, beta: true}}
listen:
  address: ["[::1]:0", /run/heddle.sock, 127.0.0.1:3307, localhost:1]
  tls: {required: true}
limits: {max_allowed_packet: 16MB, wait_timeout: 1h30m, max_connections: 20}
etcd: {password: "file:/run/secret", endpoints: one:2379}
memory: {query: 1.5GiB}
admin: {address: ""}
`)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, f := range []string{"instance.name", "instance.labels", "listen.address", "listen.tls.required",
		"limits.max_allowed_packet", "limits.wait_timeout", "limits.max_connections", "etcd.password", "etcd.endpoints",
		"memory.query", "admin.address"} {
		got = append(got, c.Value(f))
	}
	want := []string{"007", "beta=true,tier=1", "[::1]:0,/run/heddle.sock,127.0.0.1:3307,localhost:1", "true", "15625KiB", "1h30m", "20",
		"file:/run/secret", "one:2379", "1536MiB", ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMistakes: each mistake's whole message, the file's name taken out.
func TestMistakes(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"unknown key": {"listen:\n  adress: x:1\n", `
FILE:2:3: unknown key "adress" in listen; did you mean "address"?
  |   adress: x:1
  |   ^`},
		"unknown group": {"zebra:\n  a: 1\n", `
FILE:1:1: unknown key "zebra" in the file; it knows instance, listen, server, limits, transactions, drain, etcd, rules, users, state, pool, memory, spill, plan_cache, log, admin, digests, slow_log, tracing, rpc, switchover
  | zebra:
  | ^`},
		"syntax": {"listen:\n  address: [a:1\n", `
FILE:2:12: sequence end token ']' not found
  |   address: [a:1
  |            ^`},
		"twice": {"log:\n  level: info\n  level: warn\n", `
FILE:3:3: mapping key "level" already defined at [2:3]
  |   level: warn
  |   ^`},
		"duration": {"pool:\n  wait_timeout: 30\n", `
FILE:2:17: pool.wait_timeout: "30" is not a duration such as 30s or 5m (type: duration)
  |   wait_timeout: 30
  |                 ^`},
		"size": {"memory:\n  query: 64Mi\n", `
FILE:2:10: memory.query: "64Mi" is not a size such as 64MiB or 1GiB (type: size)
  |   query: 64Mi
  |          ^`},
		"below": {"memory: {query: 1KiB}\n", `
FILE:1:17: memory.query: 1KiB is less than 1MiB (type: size)
  | memory: {query: 1KiB}
  |                 ^`},
		"above": {"limits: {max_allowed_packet: 2GiB}\n", `
FILE:1:30: limits.max_allowed_packet: 2GiB is more than 1GiB (type: size)
  | limits: {max_allowed_packet: 2GiB}
  |                              ^`},
		"unit": {"pool:\n\tmax: x\n", `
FILE:2:1: found character '	' that cannot start any token
  | 	max: x
  | ^`},
		"number": {"pool: {max: many}\n", `
FILE:1:13: pool.max: "many" is not a whole number (type: integer, in connections)
  | pool: {max: many}
  |             ^`},
		"choice": {"log: {level: loud}\n", `
FILE:1:14: log.level: "loud" is not one of debug, info, warn, error (type: debug | info | warn | error)
  | log: {level: loud}
  |              ^`},
		"item": {"listen:\n  address:\n    - a:1\n    - b\n", `
FILE:4:7: listen.address: "b" is not host:port (type: list of address)
  |     - b
  |       ^`},
		"null": {"pool:\n  max:\n", `
FILE:2:3: pool.max: it has no value; leave the line out for the default (type: integer, in connections)
  |   max:
  |   ^`},
		"not host:port": {"listen: {address: [a: 1]}\n", `
FILE:1:21: listen.address: it wants one plain value (type: list of address)
  | listen: {address: [a: 1]}
  |                     ^`},
		"group": {"pool: 5\n", `
FILE:1:7: pool is a group of fields, not a value: max, min_idle, idle_timeout, max_lifetime, wait_timeout, connect_timeout, hang_timeout, silence_timeout
  | pool: 5
  |       ^`},
		"two documents": {"log: {level: info}\n---\nlog: {level: warn}\n", `
FILE:3:4: a second document: the file holds one
  | log: {level: warn}
  |    ^`},
		"secret, not shown": {"etcd:\n  password: hunter2\n", `
FILE:2:13: etcd.password: a secret is given as a reference, env:NAME or file:PATH, never as its value (type: secret reference)`},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, "heddle.yaml", c.text)
			_, err := Load(Sources{File: path})
			if err == nil {
				t.Fatal("no error")
			}
			got := "\n" + strings.ReplaceAll(err.Error(), path, "FILE")
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAllMistakesAtOnce(t *testing.T) {
	_, err := Load(Sources{
		File:    write(t, "heddle.yaml", "pool: {max: x, min: 3}\nlog: {level: loud}\n"),
		Environ: []string{"HEDDLE_DRAIN_DEADLINE=soon"},
		Flags:   map[string]string{"instance-labels": "a"},
	})
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatalf("got %v", err)
	}
	var fields []string
	for _, p := range problems {
		fields = append(fields, p.Field)
	}
	want := []string{"pool.max", "pool", "log.level", "drain.deadline", "instance.labels"}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMissingFile(t *testing.T) {
	c, err := Load(Sources{File: filepath.Join(t.TempDir(), "none.yaml")})
	if c == nil || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, %v", c, err)
	}
}

func TestUnknownEnv(t *testing.T) {
	got := UnknownEnv([]string{"HEDDLE_POOL_MAX=1", "HEDDLE_POOL_MAXX=1", "HOME=/"})
	if !slices.Equal(got, []string{"HEDDLE_POOL_MAXX"}) {
		t.Errorf("got %v", got)
	}
}

func TestFlags(t *testing.T) {
	flags := NewFlags()
	fs := flag.NewFlagSet("heddle", flag.ContinueOnError)
	for _, v := range flags.All() {
		fs.Var(v, v.Name(), v.Usage())
	}
	err := fs.Parse([]string{"--listen-address", "a:1", "--listen-address", "b:2", "--listen-tls-required", "--pool-max=7", "--pool-max=8"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"listen-address": "a:1,b:2", "listen-tls-required": "true", "pool-max": "8"}
	if !maps.Equal(flags.Given(), want) {
		t.Errorf("got %v", flags.Given())
	}
	if got := fs.Lookup("pool-wait-timeout").Value.String(); got != "5s" {
		t.Errorf("default in the help: %q", got)
	}
}

func TestDiff(t *testing.T) {
	a, b := Default(), Default()
	b.Pool.Max = 5
	b.Listen.Address = []string{"x:1"}
	var got []string
	for _, ch := range Diff(a, b) {
		got = append(got, ch.Field.Name, ch.Old, ch.New)
	}
	want := []string{"listen.address", "127.0.0.1:3307", "x:1", "pool.max", "64", "5"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWriteLoadsAgain(t *testing.T) {
	values := map[string]string{"listen.address": "127.0.0.1:1,[::1]:2", "admin.address": "", "pool.max": "5",
		"instance.labels": "a=1,b=true", "instance.name": "007", "memory.query": "2MiB", "etcd.password": "env:X"}
	text, err := Write(values)
	if err != nil {
		t.Fatal(err)
	}
	c, err := load(t, text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for name, want := range values {
		if got := c.Value(name); got != want || c.Origin(name).Line == 0 {
			t.Errorf("%s: %q, want %q\n%s", name, got, want, text)
		}
	}
	for name, value := range map[string]string{"pool.maxx": "1", "pool.max": "x"} {
		if _, err := Write(map[string]string{name: value}); err == nil {
			t.Errorf("%s=%s was written", name, value)
		}
	}
}
