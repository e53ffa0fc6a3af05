package rule_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heddle-mesh/heddle/router/rule"
)

func resolve(t *testing.T, text string) *rule.Layout {
	t.Helper()
	d, problems := rule.Parse([]byte(text))
	if err := problems.Err(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	l, err := d.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func nodes(t *rule.ShardedTable) string {
	var out []string
	for _, n := range t.Nodes {
		out = append(out, n.Shard+"="+n.DataSource+"/"+n.Schema+"."+n.Table)
	}
	return strings.Join(out, " ")
}

func TestLayouts(t *testing.T) {
	const sources = "database: shop\ndefaults: {user: u}\ndata_sources: {a: {address: \"a:1\", schema: s1}, b: {address: \"b:1\"}}\n"
	for name, x := range map[string]struct{ text, want string }{
		"a schema a shard": {"slots: {b: 0-8191, a: 8192-16383}\ntables: {t: {key: k}}", "b=b/shop.t a=a/s1.t"},
		"suffixes": {"shards: {x: {data_source: a, suffix: 0}, y: {data_source: a, suffix: 1}}\nslots: {x: 0-8191, y: 8192-16383}\ntables: {t: {key: k}}",
			"x=a/s1.t_0 y=a/s1.t_1"},
		"both": {"shards: {x: {data_source: a, suffix: 0}, y: {data_source: b, suffix: 1}}\nslots: {y: 0-8191, x: 8192-16383}\ntables: {t: {key: k}}",
			"x=a/s1.t_0 y=b/shop.t_1"},
		"names of their own under hash_slot": {"slots: {a: 0-8191, b: 8192-16383}\ntables: {t: {key: k, nodes: [\"a.t_x\", \"b.t_y\"]}}", "a=a/s1.t_x b=b/shop.t_y"},
		"patterns":                           {"tables: {t: {key: k, algorithm: mod, nodes: \"${b,a}.t_${08..09}\"}}", "b.t_08=b/shop.t_08 b.t_09=b/shop.t_09 a.t_08=a/s1.t_08 a.t_09=a/s1.t_09"},
		"in the default data source":         {"tables: {t: {key: k, algorithm: mod, nodes: \"t_${0..1}\"}}", "a.t_0=a/s1.t_0 a.t_1=a/s1.t_1"},
		"no slots":                           {"tables: {t: {key: k}}", "a=a/s1.t b=b/shop.t"},
	} {
		l := resolve(t, sources+x.text)
		if got := nodes(l.Tables[0]); got != x.want {
			t.Errorf("%s: %s, want %s", name, got, x.want)
		}
	}
}

func TestSlotsFollowTheShards(t *testing.T) {
	l := resolve(t, full)
	orders := l.Tables[0]
	for slot, want := range map[int]string{0: "a0", 100: "a0", 101: "a1", 102: "a0", 5001: "a1", 10001: "b0", 16383: "b0"} {
		if got := orders.Nodes[orders.Slots[slot]].Shard; got != want {
			t.Errorf("slot %d is on %s, want %s", slot, got, want)
		}
	}
	if g := l.Tables[1].Generate; g.Type != "uuid" || g.Properties["format"] != "binary" {
		t.Errorf("generator %+v", g)
	}
	if l.DefaultDataSource != "ds_1" || l.DataSources[0].User != "other" || l.DataSources[1].User != "heddle" {
		t.Errorf("defaults: %+v", l.DataSources)
	}
}

func TestPlacementChanges(t *testing.T) {
	base := "database: shop\ndefaults: {user: u}\ndata_sources: {a: {address: \"a:1\"}, b: {address: \"b:1\"}}\n" +
		"slots: {a: 0-8191, b: 8192-16383}\ntables: {t: {key: k}, m: {key: k, algorithm: mod}}\nbroadcast: [c]\nsingle: {b: [s]}\n"
	for name, x := range map[string]struct {
		from, to string
		want     []string
	}{
		"nothing":             {"", "", nil},
		"a new address":       {`"a:1"`, `"z:9"`, nil},
		"addresses exchanged": {`{a: {address: "a:1"}, b: {address: "b:1"}}`, `{a: {address: "b:1"}, b: {address: "a:1"}}`, []string{"*", "c", "m", "s", "t"}},
		"an address taken":    {`{a: {address: "a:1"}, b: {address: "b:1"}}`, `{a: {address: "z:1"}, b: {address: "a:1"}}`, []string{"*", "c", "m", "s", "t"}},
		"own replica":         {`b: {address: "b:1"}}`, `b: {address: "b:1", replicas: [{address: "b:2"}]}}`, nil},
		"a user":              {"user: u", "user: v", nil},
		"slots moved":         {"a: 0-8191, b: 8192-16383", "a: 0-8000, b: 8001-16383", []string{"t"}},
		"slots respelled":     {"a: 0-8191, b", "a: \"0-10, 11-8191\", b", nil},
		"shards reordered":    {"{a: 0-8191, b: 8192-16383}", "{b: 8192-16383, a: 0-8191}", []string{"m"}},
		"another key":         {"m: {key: k,", "m: {key: j,", []string{"m"}},
		"algorithm":           {"t: {key: k}", "t: {key: k, algorithm: hash_mod}", []string{"t"}},
		"a generator":         {"t: {key: k}", "t: {key: k, generate: id}", nil},
		"single moved":        {"single: {b: [s]}", "single: {a: [s]}", []string{"s"}},
		"single unlisted":     {"single: {b: [s]}\n", "", []string{"s"}},
		"listed in place":     {"single: {b: [s]}", "single: {b: [s], a: [x]}", []string{"x"}},
		"sharded anew":        {"broadcast: [c]", "broadcast: [c, d]", []string{"d"}},
		"default":             {"user: u}", "user: u, data_source: b}", []string{"*"}},
	} {
		got := rule.PlacementChanges(resolve(t, base), resolve(t, strings.Replace(base, x.from, x.to, 1)))
		if diff := cmp.Diff(x.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestPlacementChangesByReplicas(t *testing.T) {
	base := "database: shop\ndefaults: {user: u}\ndata_sources:\n  a: {address: \"a:1\", replicas: [{address: \"a:2\"}]}\n" +
		"  b: {address: \"b:1\", replicas: [{address: \"b:2\"}]}\nslots: {a: 0-16383}\ntables: {t: {key: k}}\nsingle: {b: [s]}\n"
	for to, want := range map[string][]string{"a:2": nil, "c:1": nil, "b:2": {"*", "t"}} {
		next := strings.Replace(base, `"a:1", replicas: [{address: "a:2"}]`, `"`+to+`"`, 1)
		if diff := cmp.Diff(want, rule.PlacementChanges(resolve(t, base), resolve(t, next))); diff != "" {
			t.Errorf("a at %s: %s", to, diff)
		}
	}
}

func TestParseVerifier(t *testing.T) {
	native := "*6BB4837EB74329105EE4568DDA7DC67ED2CA2AD9"
	sha2 := "$A$005$" + strings.Repeat("s", 20) + strings.Repeat("d", 43)
	for s, want := range map[string]rule.Plugin{native: rule.PluginNative, sha2: rule.PluginCachingSHA2, "*6B": "", "secret": "", "": "", "0x24": "", "0xzz": ""} {
		plugin, b, ok := rule.ParseVerifier(s)
		if plugin != want && ok || ok != (want != "") {
			t.Errorf("%q: %s %v %v", s, plugin, b, ok)
		}
	}
}

func TestSecret(t *testing.T) {
	for s, want := range map[rule.Secret][2]string{"env:A": {"env", "A"}, "file:/a:b": {"file", "/a:b"}, "": {}, "plain": {}, "env:": {}, "vault:x": {}} {
		if got := [2]string{s.Kind(), s.Target()}; got != want {
			t.Errorf("%q is %v", string(s), got)
		}
	}
}
