package route

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/governance/balance"
)

// asked is a call by its URL and what else it has.
type asked struct {
	method  string
	url     *url.URL
	headers map[string]string
}

func (a *asked) Host() []byte   { return []byte(a.url.Hostname()) }
func (a *asked) Path() []byte   { return []byte(a.url.EscapedPath()) }
func (a *asked) Method() []byte { return []byte(a.method) }
func (a *asked) Header(name string) ([]byte, bool) {
	v, ok := a.headers[name]
	return []byte(v), ok
}

func (a *asked) Query(name string) (string, bool) {
	return a.url.Query().Get(name), a.url.Query().Has(name)
}

func ask(t *testing.T, method, target string, headers map[string]string) *asked {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	return &asked{method, u, headers}
}

func compiled(t *testing.T, document string) *Table {
	t.Helper()
	d, err := Parse([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return Compile(d)
}

// described is a document with a protocol that is described so, and what a cluster speaks.
func described(protocol, spoken string) string {
	return "protocols:\n  x-stock: {" + protocol + ", head: 16,\n    lengths: [{at: 12, width: 4, of: body}], id: {at: 4, width: 4}, kind: {at: 2, width: 1, request: [1], answer: [2]}}\n" +
		"clusters: {a: {protocol: " + spoken + ", endpoints: [\"h:1\"]}}\nroutes: [{path: {prefix: /x}, to: a}]\n"
}

func TestTheFirstRouteThatMatches(t *testing.T) {
	table := compiled(t, `
clusters: {c: {endpoints: ["127.0.0.1:80"]}}
routes:
  - {name: elsewhere, listeners: ["10.0.0.2:8081", ":81"], to: c}
  - {name: inbound, path: {prefix: /in}, listeners: ["10.0.0.2:8081", "10.0.0.1:8081"], to: c}
  - {name: port, path: {prefix: /port}, listeners: [":8081"], to: c}
  - {name: kind, path: {prefix: /kind}, headers: {x-user: {prefix: "shop-"}, x-age: {regex: "[0-9]+"}, x-none: {absent: true}, x-exact: {exact: "*"}}, query: {q: {prefix: a}}, to: c}
  - {name: exact, hosts: [shop.example], path: {exact: /a}, to: c}
  - {name: young, path: {prefix: /age}, headers: {x-age: {below: 18}}, to: c}
  - {name: old, path: {prefix: /age}, headers: {x-age: {from: 18, below: 100}}, to: c}
  - {name: asked, path: {prefix: /age}, query: {n: {from: 5}}, methods: [GET], to: c}
  - {name: canary, path: {prefix: /a}, headers: {X-Canary: "yes"}, to: c}
  - {name: any-trace, path: {prefix: /a}, headers: {x-trace: "*"}, to: c}
  - {name: posts, hosts: ["*.example"], path: {prefix: /a/}, methods: [POST, PUT], to: c}
  - {name: version, path: {prefix: /v}, query: {v: "2"}, to: c}
  - {name: numbers, path: {regex: "/n/[0-9]+"}, to: c}
  - {name: a, path: {prefix: /a}, to: c}
  - {name: shop, hosts: [SHOP.example], to: c}
  - {name: deep, hosts: ["*.deep.example"], path: {prefix: /}, to: c}
`)
	for _, c := range []struct{ method, url, header, want string }{
		{"GET", "http://shop.example/a", "", "exact"},
		{"GET", "http://shop.example/in", "", "inbound"},
		{"GET", "http://shop.example/port", "", "port"},
		{"GET", "http://x/kind?q=abc", "x-user=shop-7&x-age=31&x-exact=*", "kind"},
		{"GET", "http://x/kind?q=bc", "x-user=shop-7&x-age=31&x-exact=*", ""},
		{"GET", "http://x/kind?q=a", "x-user=bank-7&x-age=31&x-exact=*", ""},
		{"GET", "http://x/kind?q=a", "x-user=shop-7&x-age=31a&x-exact=*", ""},
		{"GET", "http://x/kind?q=a", "x-user=shop-7&x-age=31&x-exact=*&x-none=", ""},
		{"GET", "http://x/kind?q=a", "x-user=shop-7&x-age=31&x-exact=a", ""},
		{"GET", "http://other.example/a", "", "a"},
		{"GET", "http://other.example/a", "x-canary=yes", "canary"},
		{"GET", "http://other.example/a", "x-canary=no", "a"},
		{"GET", "http://other.example/a", "x-trace=", "any-trace"},
		{"POST", "http://other.example/a/b/c", "", "posts"},
		{"POST", "http://other.example/a", "", "posts"},
		{"POST", "http://example/a/b", "", "a"},
		{"GET", "http://x/ab", "", ""},
		{"GET", "http://x/age", "x-age=17", "young"},
		{"GET", "http://x/age", "x-age=-17", "young"},
		{"GET", "http://x/age", "x-age=18", "old"},
		{"GET", "http://x/age", "x-age=99", "old"},
		{"GET", "http://x/age", "x-age=100", ""},
		{"GET", "http://x/age", "x-age=1e1", ""},
		{"GET", "http://x/age", "x-age=", ""},
		{"GET", "http://x/age?n=5", "", "asked"},
		{"GET", "http://x/age?n=4", "", ""},
		{"GET", "http://x/v/w?v=2", "", "version"},
		{"GET", "http://x/v/w?v=1", "", ""},
		{"GET", "http://x/n/12", "", "numbers"},
		{"GET", "http://x/n/12/", "", ""},
		{"GET", "http://shop.example/other", "", "shop"},
		{"GET", "http://a.b.deep.example/", "", "deep"},
		{"GET", "http://deep.example/", "", ""},
	} {
		headers := map[string]string{}
		for field := range strings.SplitSeq(c.header, "&") {
			if name, value, ok := strings.Cut(field, "="); ok {
				headers[name] = value
			}
		}
		got := ""
		if r := table.Match(ask(t, c.method, c.url, headers), "10.0.0.1:8081"); r != nil {
			got = r.Name
		}
		if got != c.want {
			t.Errorf("%s %s %s goes by %q, want %q", c.method, c.url, c.header, got, c.want)
		}
	}
}

func TestWeights(t *testing.T) {
	table := compiled(t, `
clusters: {a: {endpoints: ["127.0.0.1:80"]}, b: {endpoints: ["127.0.0.1:81"]}, never: {endpoints: ["127.0.0.1:82"]}}
routes: [{to: {a: 90, b: 10, never: 0}}]
`)
	r := table.Match(ask(t, "GET", "http://x/", nil), "10.0.0.1:8081")
	count := map[string]int{}
	for range 10000 {
		count[r.Cluster()]++
	}
	if count["b"] < 700 || count["b"] > 1300 || count["never"] > 0 {
		t.Errorf("10000 calls went %v", count)
	}
}

// Ten thousand routes cost a call no more than a few.
func TestManyRoutesAreNotTriedOneByOne(t *testing.T) {
	var b strings.Builder
	b.WriteString("clusters: {c: {endpoints: [\"127.0.0.1:80\"]}}\nroutes:\n")
	for i := range 10000 {
		fmt.Fprintf(&b, "- {hosts: [h%d.example], path: {prefix: /p%d}, to: c}\n", i%100, i)
	}
	table := compiled(t, b.String())
	if r := table.Match(ask(t, "GET", "http://h99.example/p9999/x", nil), "10.0.0.1:8081"); r == nil || r.Name != "10000" {
		t.Fatalf("the last route is not found: %+v", r)
	}
	call := ask(t, "GET", "http://h99.example/p9999/x", nil)
	tried := 0
	table.Match(&counting{call, &tried}, "10.0.0.1:8081")
	if tried > 3 {
		t.Errorf("the path was asked for %d times", tried)
	}
}

type counting struct {
	*asked
	paths *int
}

func (c *counting) Path() []byte {
	*c.paths++
	return c.asked.Path()
}

func TestProblems(t *testing.T) {
	for _, c := range []struct{ document, want string }{
		{"routes: []", "there are no routes"},
		{"routes:\n- to: nobody", "2:7: there is no cluster nobody"},
		{"routes:\n- tu: nobody", `2:3: unknown field "tu"`},
		{"clusters:\n  a: {endpoints: []}\nroutes: [{respond: {status: 200}}]", "the cluster a has no endpoints"},
		{"clusters:\n  a:\n    endpoints:\n    - nowhere\nroutes: [{to: a}]", `4:7: the address "nowhere" is not host:port`},
		{"clusters:\n  a: {endpoints: [\"h:1\"], balance: fair}\nroutes: [{to: a}]", "fair"},
		{"routes:\n- {respond: {status: 200}, redirect: {host: x}}", "one of to, redirect and respond"},
		{"routes:\n- {respond: {status: 99}}", "200 to 599"},
		{"routes:\n- {redirect: {}}", "give a scheme"},
		{"routes:\n- {path: {prefix: a}, respond: {status: 200}}", "does not begin with /"},
		{"routes:\n- {path: {regex: \"(\"}, respond: {status: 200}}", "missing closing )"},
		{"routes:\n- {path: {prefix: /a, exact: /b}, respond: {status: 200}}", "one of exact, prefix and regex"},
		{"routes:\n- {methods: [get], respond: {status: 200}}", "capitals"},
		{"routes:\n- {hosts: [\"a*b\"], respond: {status: 200}}", "no name"},
		{"routes:\n- {response_headers: {set: {Content-Length: \"1\"}}, respond: {status: 200}}", "the connection's own"},
		{"routes:\n- {response_headers: {add: {Host: x}}, respond: {status: 200}}", "2:22: the field Host is the connection's own"},
		{"routes:\n- {response_headers: {add: {a: \"b\\nc\"}}, respond: {status: 200}}", "control character"},
		{on("request_headers: {add: {X-Forwarded-Client-Cert: x}}"), "3:28: the field X-Forwarded-Client-Cert is there once: set it"},
		{on("headers: {x-age: {from: 5, below: 5}}"), "no number is from 5 and below 5"},
		{on("headers: {x-age: {from: 5, exact: a}}"), "or one of exact, prefix, regex and absent, or from and below"},
		{on("rewrite: {regex: \"(\", with: /}"), "3:28: error parsing regexp: missing closing )"},
		{on("rewrite: {regex: \"/a{1001}\", with: /}"), "invalid repeat count"},
		{on("rewrite: {regex: \"/" + strings.Repeat("a", 1024) + "\", with: /}"), "1024 bytes at most"},
		{on("rewrite: {with: /a}"), "give regex"},
		{on("rewrite: {regex: /a, with: \"/a?b\"}"), "has what no path has"},
		{on("rewrite: {regex: \"/(a)\", with: /$2}"), "no group 2"},
		{on("rewrite: {regex: \"/(a)\", with: /$1x}"), "no group 1x; what follows $ is taken as far as it could be a name"},
		{on("rewrite: {regex: \"/(a)\", with: /$}"), "no group"},
		{on("rewrite: {regex: /a, prefix: /b}, path: {prefix: /a}"), "one of prefix and regex"},
		{"routes:\n- {rewrite: {regex: /a, with: /b}, respond: {status: 200}}", "give to"},
		{"clusters: {a: {protocol: bolt, endpoints: [\"h:1\"]}}\nroutes:\n- {to: a, rewrite: {regex: /a, with: /b}}", "have no rewrite"},
		{"clusters: {a: {protocol: dubbo, endpoints: [\"h:1\"]}}\nroutes:\n- {to: a, request_headers: {add: {a: b}}}", "have no request_headers.add"},
		{"clusters: {a: {protocol: bolt, endpoints: [\"h:1\"]}}\nroutes:\n- {to: a, response_headers: {add: {a: b}}}", "have no response_headers"},
		{"routes:\n- {response_headers: {set: {a: \"b\\r\\nc: d\"}}, respond: {status: 200}}", "control character"},
		{"routes:\n- {name: a, respond: {status: 200}}\n- {name: a, respond: {status: 200}}", "3:10: there are two routes"},
		{"routes:\n- {name: \"2\", respond: {status: 200}}\n- {respond: {status: 200}}", "2:10: 2 is the name of another route, by its number"},
		{"routes:\n- {respond: {status: 200}}\n- {name: \"1\", respond: {status: 200}}", "3:10: 1 is the name of another route"},
		{"clusters:\n  a:\n    endpoints: [\"h:1\"]\n    health:\n      check: {path: x}\nroutes: [{to: a}]", `5:21: the path "x" does not begin with /`},
		{"clusters:\n  a:\n    endpoints: [\"h:1\"]\n    health:\n      check:\n        status: [200]\nroutes: [{to: a}]", "a check that has a path"},
		{"clusters:\n  a:\n    endpoints: [\"h:1\"]\n    health:\n      check: {path: /x, status: [99]}\nroutes: [{to: a}]", "the status 99 is none"},
		{"clusters:\n  a:\n    endpoints: [\"h:1\"]\n    health: {panic_below: 101}\nroutes: [{to: a}]", "4:27: panic_below is a share of 0 to 100 per cent"},
		{"clusters:\n  a:\n    endpoints: [\"h:1\"]\n    health:\n      eject: {for: -1s}\nroutes: [{to: a}]", "for is not below 0"},
		{"clusters:\n  a:\n    endpoints: [\"h:1\"]\n    breaker: {failures: 200}\nroutes: [{to: a}]", "4:25: failures is a share"},
		{"clusters:\n  a: {endpoints: [{address: \"h:1\", priority: -1}]}\nroutes: [{to: a}]", "a priority is not below 0"},
		{"clusters:\n  a: {endpoints: [\"h:1\"], retry_budget: {per_second: -1}}\nroutes: [{to: a}]", "per_second is not below 0"},
		{on("retry: {when: [reset, sometimes]}"), "3:33: sometimes is no condition: there are reset, timeout, 429, 500 to 599, and of gRPC aborted, cancelled, deadline-exceeded, internal, resource-exhausted and unavailable"},
		{on("retry: {when: [404]}"), "3:26: 404 is no condition"},
		{on("retry: {when: [UNAVAILABLE], methods: [POST]}"), "UNAVAILABLE is no condition"},
		{on("retry: {when: [unavailable], methods: [POST]}"), "3:26: the cluster a speaks HTTP/1, and gRPC, which unavailable is a code of, needs protocol: http2"},
		{"clusters: {a: {protocol: http2, endpoints: [\"h:1\"]}}\nroutes:\n- {to: a, retry: {when: [503, aborted, internal]}}", "3:31: calls of gRPC are tried again upon aborted where methods: [POST] declares that they may be repeated"},
		{"clusters: {a: {protocol: http2, endpoints: [\"h:1\"]}, b: {endpoints: [\"h:1\"]}}\nroutes:\n- {to: {a: 1, b: 1}, retry: {when: [unavailable], methods: [POST]}}", "the cluster b speaks HTTP/1"},
		{"clusters: {a: {protocol: bolt, endpoints: [\"h:1\"]}}\nroutes:\n- {to: a, retry: {when: [cancelled], methods: [BOLT]}}", "3:26: the cluster a speaks Bolt, and gRPC"},
		{on("retry: {when: [timeout]}"), "3:25: there is no timeout but the call's"},
		{on("retry: {methods: [get]}"), "capitals"},
		{on("retry: {backoff: -1s}"), "backoff is not below 0"},
		{on("limits: [{by: luck, rate: 1}]"), "3:25: a limit is by route, client, identity or header:NAME"},
		{on("limits: [{by: route}]"), "a rate above 0"},
		{on("limits: [{by: route, rate: 1}, {by: route, rate: 2}]"), "two limits by route"},
		{"routes: [{respond: {status: 200}, least_time: 1s}]", "of routes to a cluster"},
		{"clusters:\n  a: {endpoints: [\"h:1\"], balance: maglev}\nroutes: [{to: a}]", "2:36: maglev chooses by a key: give by"},
		{"clusters:\n  a: {endpoints: [\"h:1\"], balance: {policy: random, by: path}}\nroutes: [{to: a}]", "random chooses by no key"},
		{"clusters:\n  a: {endpoints: [\"h:1\"], balance: {policy: ring_hash, by: \"header:\"}}\nroutes: [{to: a}]", "a key is header:NAME"},
		{"clusters:\n  a: {discover: {}}\nroutes: [{to: a}]", "2:17: endpoints are found by one of"},
		{"clusters:\n  a: {discover: {dns: nowhere}}\nroutes: [{to: a}]", "not host:port"},
		{"clusters:\n  a: {discover: {file: x, server: \"h:53\"}}\nroutes: [{to: a}]", "a server of DNS"},
		{"clusters:\n  a: {protocol: thrift, endpoints: [\"h:1\"]}\nroutes: [{to: a}]", `2:17: the protocol "thrift" is none of`},
		{"clusters:\n  a: {protocol: bolt, endpoints: [\"h:1\"], health: {check: {path: /x}}}\nroutes: [{to: a}]", "checked by heartbeats"},
		{"clusters: {a: {protocol: bolt, endpoints: [\"h:1\"]}, b: {endpoints: [\"h:1\"]}}\nroutes:\n- {to: {a: 1, b: 1}}", "the cluster a speaks Bolt, and b does not"},
		{described("magic: \"01\"", "bolt"), "2:20: what begins so may be a frame of Bolt, which the cluster a speaks"},
		{described("magic: \"da\"", "dubbo"), "2:20: what begins so may be a frame of Dubbo, which the cluster a speaks"},
		{strings.Replace(described("magic: \"f1 f2\"", "http1"), "clusters:", "  y: {magic: \"f1\", head: 8, lengths: [{at: 7, width: 1, of: body}], id: {at: 3, width: 4}, kind: {at: 2, width: 1, request: [1], answer: [2]}}\nclusters:", 1), "4:14: what begins so may be a frame of x-stock"},
		{described("magic: \"ff\", parts: [a, b]", "x-stock"), "3:14: where a frame ends is not known"},
		{described("magic: \"ff\", order: middle", "x-stock"), "2:33: the order \"middle\" is none of big and little"},
		{described("magic: no", "x-stock"), "2:20: \"no\" are no bytes"},
		{strings.Replace(described("magic: \"ff\"", "x-stock"), "to: a", "to: a, headers: {k: v}", 1), "5:47: calls by x-stock, which the cluster a speaks, have no headers"},
		{strings.Replace(described("magic: \"ff\"", "x-stock"), "x-stock:", "bolt:", 1), "2:9: the protocol bolt needs no description"},
		{strings.Replace(described("magic: \"ff\"", "x-stock"), "x-stock:", "Stock:", 1), "2:10: the name of a protocol has letters"},
		{strings.Replace(described("magic: \"ff\"", "x-stock"), "to: a", "to: a, methods: [GET]", 1), "have the method X-STOCK"},
		{"clusters: {a: {protocol: bolt, endpoints: [\"h:1\"]}}\nroutes:\n- {to: a, retry: {when: [reset]}}", "3:18: calls by Bolt are tried again upon reset and timeout where methods: [BOLT] declares"},
		{"clusters: {a: {protocol: bolt, endpoints: [\"h:1\"]}}\nroutes:\n- {to: a, retry: {methods: [GET]}}", "have the method BOLT"},
		{"clusters: {a: {protocol: bolt, endpoints: [\"h:1\"]}}\nroutes:\n- {to: a, hosts: [x]}", "3:18: calls by Bolt, which the cluster a speaks, have no hosts"},
		{"clusters: {a: {protocol: bolt, endpoints: [\"h:1\"]}}\nroutes:\n- {to: a, hedge: {after: 1s}}", "calls by Bolt, which the cluster a speaks, have no hedge"},
		{"clusters: {a: {protocol: grpc, endpoints: [\"h:1\"]}}\nroutes: []", "the protocol \"grpc\" is none of http1"},
		{"clusters: {a: {protocol: bolt, endpoints: [\"h:1\"]}}\nroutes:\n- {to: a, rewrite: {host: x}}", "have no rewrite"},
		{"clusters: {a: {protocol: bolt, endpoints: [\"h:1\"]}}\nroutes:\n- {to: a, methods: [GET]}", "have the method BOLT"},
		{"clusters: {a: {protocol: dubbo, endpoints: [\"h:1\"]}, b: {protocol: bolt, endpoints: [\"h:1\"]}}\nroutes:\n- {to: {a: 1, b: 1}}", "no call can go to both"},
		{"clusters: {a: {protocol: dubbo, endpoints: [\"h:1\"]}}\nroutes:\n- {to: a, methods: [BOLT]}", "calls by Dubbo, which the cluster a speaks, have the method DUBBO"},
		{"clusters:\n  a: {protocol: dubbo, endpoints: [\"h:1\"], health: {check: {path: /x}}}\nroutes: [{to: a}]", "servers of Dubbo are checked by heartbeats"},
		{on("mirror: {cluster: nobody}"), "3:29: there is no cluster nobody"},
		{on("mirror: {cluster: a, max_body: 9999999}"), "a number of bytes from 0 to 1048576"},
		{on("mirror: {cluster: a, percent: -1}"), "percent is a share"},
		{"clusters: {a: {endpoints: [\"h:1\"]}, b: {protocol: bolt, endpoints: [\"h:1\"]}}\nroutes: [{to: a, mirror: {cluster: b}}]", "speaks Bolt, whose calls are not mirrored"},
		{"clusters: {b: {protocol: bolt, endpoints: [\"h:1\"]}}\nroutes: [{to: b, mirror: {cluster: b}}]", "have no mirror"},
		{on("hedge: {after: 1s, quantile: 90}"), "one of after and quantile"},
		{on("hedge: {quantile: 100}"), "above 0 and below 100"},
		{on("hedge: {percent: 200}"), "percent is a share"},
		{"clusters:\n  a: {endpoints: [\"h:1\"], balance: {policy: zone_first, by: path}}\nroutes: [{to: a}]", "zone_first chooses by no key"},
		{"clusters:\n  a: {endpoints: [\"h:1\"], balance: {policy: zone_first, properties: {then: maglev}}}\nroutes: [{to: a}]", "zone_first chooses by a key: give by"},
		{on("hedge: {methods: [get]}"), "capitals"},
		{on("concurrency: {min: 5, max: 4}"), "min is not above max"},
		{on("concurrency: {tolerance: -1}"), "tolerance is 0 to 1000"},
		{on("priority: urgent"), "a priority is low, normal, high or header:NAME"},
		{"routes: [{respond: {status: 200}, priority: low}]", "of routes to a cluster"},
		{"clusters:\n  a: {endpoints: [\"h:1\"], concurrency: {max: -1}}\nroutes: [{to: a}]", "max is not below 0"},
		{"clusters:\n  a: {endpoints: [\"h:1\"], health: {check: {grpc: x}}}\nroutes: [{to: a}]", "clusters of protocol: http2"},
		{"clusters:\n  a: {protocol: http2, endpoints: [\"h:1\"], health: {check: {grpc: x, path: /y}}}\nroutes: [{to: a}]", "one of grpc and path"},
		{on("fault: {}"), "a delay or an abort"},
		{on("fault: {delay: {for: 0s}}"), "3:26: a delay is for some time"},
		{on("fault: {delay: {for: 1s, percent: 101}}"), "3:45: percent is a share"},
		{on("fault: {abort: {percent: 10}}"), "a status or a grpc_status"},
		{on("fault: {abort: {status: 200}}"), "one of 400 to 599"},
		{on("fault: {abort: {grpc_status: 17}}"), "one of 1 to 16"},
		{"routes: [{respond: {status: 200}, fault: {abort: {status: 500}}}]", "of routes to a cluster"},
		{"routes: [", ":"},
	} {
		_, err := Parse([]byte(c.document))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.document, err, c.want)
		}
	}
}

// A route may be named as a number that no other goes by.
func TestNumbersAsNames(t *testing.T) {
	for _, document := range []string{
		"routes: [{name: \"1\", respond: {status: 200}}, {respond: {status: 200}}]",
		"routes: [{name: \"2\", respond: {status: 200}}, {name: \"1\", respond: {status: 200}}]",
		"routes: [{name: \"404\", respond: {status: 200}}, {name: \"02\", respond: {status: 200}}, {respond: {status: 200}}]",
	} {
		if _, err := Parse([]byte(document)); err != nil {
			t.Errorf("%s: %v", document, err)
		}
	}
}

func TestKeys(t *testing.T) {
	headers := map[string]string{"x-user": "7", "cookie": "a=1; session=s7; b=2"}
	for _, c := range []struct {
		by, of string // "": it has none
	}{
		{"header:X-User", "7"}, {"header:x-other", ""}, {"cookie:session", "s7"}, {"cookie:b", "2"}, {"cookie:c", ""}, {"source", "10.1.1.1"}, {"path", "/a/b"},
	} {
		b := Balance{Policy: "maglev", By: c.by}
		key, ok := b.Key(ask(t, "GET", "http://x/a/b?q=1", headers), "10.1.1.1")
		if ok != (c.of != "") || ok && key != balance.Hash([]byte(c.of)) {
			t.Errorf("by %s: %d, %v", c.by, key, ok)
		}
	}
}

// Faults befall the share that they say.
func TestFaultsHaveShares(t *testing.T) {
	table := compiled(t, on("fault: {delay: {for: 1s, percent: 25}, abort: {status: 500, percent: 0.5}}"))
	call := ask(t, "GET", "http://x/", nil)
	r := table.Match(call, "10.0.0.1:8081")
	delayed, aborted := 0, 0
	const all = 100_000
	for range all {
		delay, abort := r.Faulted(call)
		if delay > 0 {
			delayed++
		}
		if abort != nil {
			aborted++
		}
	}
	if delayed < all*23/100 || delayed > all*27/100 || aborted < all/400 || aborted > all/100 { // ten times the deviation and more
		t.Errorf("of %d calls %d are delayed, and %d aborted", all, delayed, aborted)
	}
}

// on is a document whose only route says this too.
func on(more string) string {
	return "clusters: {a: {endpoints: [\"h:1\"]}}\nroutes:\n- {to: a, " + more + "}"
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("clusters: {a: {endpoints: [{address: \"h:1\", weight: 2}], balance: {policy: random}}}\nroutes: [{hosts: [\"*.x\"], path: {prefix: /a}, to: {a: 1}, rewrite: {prefix: /b}}]"))
	f.Add([]byte("routes: [{path: {regex: \"/[a-z]\"}, redirect: {status: 301, path: /x}}, {query: {q: \"*\"}, respond: {status: 200, body: b}}]"))
	f.Add([]byte("clusters: {a: {endpoints: [\"h:1\"]}}\nroutes: [{headers: {x: {from: -1, below: 7}}, to: a, rewrite: {regex: \"/(?P<n>[ab])(/?)\", with: \"/$$${n}$2\"}, request_headers: {add: {y: z}}}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := Parse(text)
		if err != nil {
			return
		}
		u, _ := url.Parse("http://a.x/a/b?q=1")
		if r := Compile(d).Match(&asked{"GET", u, nil}, "10.0.0.1:8081"); r != nil && r.To != nil && d.Clusters[r.Cluster()] == nil {
			t.Errorf("%q: a call goes to a cluster that is none", text)
		} else if r != nil && r.Rewrites() {
			if path, ok := r.Rewritten([]byte("/a/b")); ok && len(path) > MostRewritten {
				t.Errorf("%q: a path of %d bytes", text, len(path))
			}
		}
	})
}

// What people are shown as a whole document is one.
func TestDocumentsOfTheGuide(t *testing.T) {
	guide, err := os.ReadFile("../../../docs/calls.md")
	if err != nil {
		t.Fatal(err)
	}
	whole := 0
	for _, block := range strings.Split(string(guide), "```yaml\n")[1:] {
		text, _, _ := strings.Cut(block, "```")
		if !strings.Contains(text, "clusters:") || !strings.Contains(text, "\nroutes:") || strings.Contains(text, "discover") {
			continue
		}
		d, err := Parse([]byte(text))
		if err != nil {
			t.Errorf("%v\n%s", err, text)
			continue
		}
		whole++
		if p := d.Protocols["x-stock"]; p != nil && (d.Clusters["stock"].Described == nil || len(Compile(d).Described) != 1) {
			t.Error("the protocol of the guide is not described")
		}
	}
	if whole != 6 {
		t.Errorf("%d documents", whole)
	}
}

// TestSubsetsAreChecked: what a document says of subsets is told at its place.
func TestSubsetsAreChecked(t *testing.T) {
	const head = "clusters:\n  a: {endpoints: ['x:1'], subsets: {v1: {version: v1}}}\n  b: {endpoints: ['x:2']}\n"
	for text, want := range map[string]string{
		head + "routes: [{to: a/v2}]\n":                                                                                      "4:15: there is no cluster a/v2",
		head + "routes: [{to: b/v1}]\n":                                                                                      "there is no cluster b/v1",
		head + "routes: [{to: a/v1, mirror: {cluster: a/v9}}]\n":                                                             "there is no cluster a/v9",
		head + "routes: [{to: b, subset_by: 'header:x'}]\n":                                                                  "none of its clusters has subsets",
		head + "routes: [{to: a, subset_by: 'cookie:x'}]\n":                                                                  "a subset is chosen by colour or header:NAME",
		head + "routes: [{respond: {status: 200}, subset_by: 'header:x'}]\n":                                                 "subsets are of clusters",
		"clusters: {a/b: {endpoints: ['x:1']}}\nroutes: [{to: a/b}]\n":                                                       "the name of a cluster has no /",
		"clusters: {a: {endpoints: ['x:1'], subsets: {v: {}}}}\nroutes: [{to: a}]\n":                                         "the subset v has no labels",
		"clusters: {a: {endpoints: ['x:1'], subsets: {v/w: {a: b}}}}\nroutes: [{to: a}]\n":                                   "the name of a subset is not empty, and has no /",
		head + "routes: [{to: b, headers: {x: {prefix: a, exact: b}}}]\n":                                                    "x is to be a text, or one of exact, prefix, regex and absent",
		"clusters: {a: {endpoints: ['x:1'], balance: {policy: zone_first, properties: {declared: 3}}}}\nroutes: [{to: a}]\n": "declared is counted",
		head + "routes: [{to: b, headers: {x: {}}}]\n":                                                                       "x is to be a text, or one of exact",
		head + "routes: [{to: b, query: {x: {regex: \"[\"}}}]\n":                                                             "missing closing ]",
		"clusters: {a: {endpoints: ['x:1'], fallback: c}}\nroutes: [{to: a}]\n":                                              "1:46: there is no cluster c",
		"clusters: {a: {endpoints: ['x:1'], fallback: a}}\nroutes: [{to: a}]\n":                                              "has a fallback itself",
		"clusters: {a: {endpoints: ['x:1'], fallback: b}, b: {protocol: http2, endpoints: ['x:1']}}\nroutes: [{to: a}]\n":    "speaks another protocol",
		head + "routes: [{to: b, listeners: [inbound]}]\n":                                                                   "4:29: the listener \"inbound\" is neither host:port",
		head + "routes: [{to: {a/v1: 1, a: 2}, subset_by: 'header:x', mirror: {cluster: a/v1}}]\n":                           "",
	} {
		if _, err := Parse([]byte(text)); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s\nis told %v, not %q", text, err, want)
		}
	}
	var p Parser
	if _, err := p.Parse([]byte("clusters:\n  a: {endpoints: ['x:1'], subsets: {v1: {version: v1}}}\nroutes:\n- {to: a/v1}\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Parse([]byte("clusters:\n  a: {endpoints: ['x:1'], subsets: {v2: {version: v1}}}\nroutes:\n- {to: a/v1}\n")); err == nil {
		t.Error("a route to a subset that is gone is known to be right")
	}
}
