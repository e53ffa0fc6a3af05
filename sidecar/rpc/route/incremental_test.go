package route

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// many is a document of so many routes, and half as many endpoints, the last of which it has at a port.
func many(routes, port int) string {
	var b strings.Builder
	b.WriteString(describedStock("head: 13") + "clusters:\n  stock: {protocol: x-stock, endpoints: [\"10.0.0.1:1\"]}\n")
	clusters := max(routes/100, 1)
	for c := range clusters {
		fmt.Fprintf(&b, "  c%d:\n    balance: least_active\n    endpoints:\n", c)
		for e := range routes / 2 / clusters {
			at := 8080
			if c == clusters-1 && e == routes/2/clusters-1 {
				at = port
			}
			fmt.Fprintf(&b, "    - {address: \"10.%d.%d.1:%d\", weight: 2}\n", c, e, at)
		}
	}
	b.WriteString("routes:\n")
	for i := range routes {
		fmt.Fprintf(&b, "- {name: r%d, hosts: [h%d.example], path: {prefix: /p%d}, to: c%d, timeout: 2s}\n", i, i%100, i, i%clusters)
	}
	return b.String()
}

// describedStock is a section of protocols of which something is said so.
func describedStock(head string) string {
	return "protocols:\n  x-stock:\n    magic: \"ca fe\"\n    " + head + "\n    lengths: [{at: 9, width: 4, of: body}]\n    id: {at: 4, width: 4}\n    kind: {at: 2, width: 1, request: [1], answer: [2]}\n"
}

// same sees that a parser reads a text as Parse does. Of several unknown fields the library names any.
func same(t *testing.T, p *Parser, text string) {
	t.Helper()
	want, wantErr := Parse([]byte(text))
	got, err := p.Parse([]byte(text))
	if (err == nil) != (wantErr == nil) || !reflect.DeepEqual(got, want) {
		t.Errorf("%q\nis %+v, %v\nwant %+v, %v", text, got, err, want, wantErr)
	}
}

var written = []string{
	"clusters:\n  a:\n    endpoints: [\"h:1\"]\n  b: {endpoints: [\"h:2\"]}\nroutes:\n- to: a\n- to: b\n",
	"# one\nclusters:\n  # two\n  a: {endpoints: [\"h:1\"]}\n\nroutes:\n  # three\n  - name: x\n    to: a\n\n  -\n    name: y\n    to: a\n",
	"routes:\n- {hosts: [\"*.x\"], respond: {status: 200, body: \"a\n- b\"}}\n- {respond: {status: 204}}\n",
	"routes:\n- respond:\n    status: 200\n    body: |\n      - a\n      routes:\n- respond: {status: 204}\n",
	"routes:\n- respond: {status: 200,\n  body: x}\n- respond: {status: 204}\n",
	"routes:\n- respond: {status: 200, body: \"x\nroutes:\n- y\"}\n",
	"routes:\n- respond: &r {status: 200}\n- respond: *r\n",
	"clusters: {a: {endpoints: [\"h:1\"]}}\nroutes:\n- to: a\n",
	"clusters:\n  a: {endpoints: [\"h:1\"]}\n  a: {endpoints: [\"h:2\"]}\nroutes:\n- to: a\n",
	describedStock("head: 13") + "clusters:\n  a: {protocol: x-stock, endpoints: [\"h:1\"]}\n  b: {endpoints: [\"h:2\"]}\nroutes:\n- to: a\n- to: b\n",
	describedStock("head: 14") + "clusters:\n  a: {protocol: x-stock, endpoints: [\"h:1\"]}\n  b: {endpoints: [\"h:2\"]}\nroutes:\n- to: a\n- to: b\n",
	describedStock("head: 12") + "clusters:\n  a: {protocol: x-stock, endpoints: [\"h:1\"]}\nroutes:\n- to: a\n", // a length is not within it
	describedStock("head: 13") + "clusters:\n  a: {protocol: x-stock, endpoints: [\"h:1\"]}\nroutes:\n- {to: a, headers: {a: b}}\n",
	describedStock("head: 13") + "  x-other: {magic: \"ca\"}\nroutes:\n- {respond: {status: 200}}\n", "protocols:\nroutes:\n- respond: {status: 200}\n",
	describedStock("head: 13") + describedStock("head: 13") + "routes:\n- {respond: {status: 200}}\n",
	"routes:\n- to: a\nclusters:\n  a: {protocol: x-stock, endpoints: [\"h:1\"]}\n" + describedStock("head: 13"), "clusters:\n  a: {protocol: x-stock, endpoints: [\"h:1\"]}\nroutes:\n- to: a\n",
	"routes:\n- to: nobody\n", "routes:\n-\n", "routes:\n", "", "routes:\n- {tu: a}\n", "routes:\n- respond: {status: 200}\nrest: 1\n",
	"clusters:\na: {endpoints: [\"h:1\"]}\nroutes:\n- to: a\n", "routes:\n- respond: {status: 200}\nroutes:\n- respond: {status: 204}\n",
	"routes:\n  - respond: {status: 200}\n - respond: {status: 204}\n", "routes:\n- respond:\n    status: 200\n- - respond\n",
	"---\nroutes:\n- respond: {status: 200}\n", "routes:\n- {allow: {networks: [10.0.0.0/8]}, respond: {status: 200}}\n- respond: {status: 204}", "routes:\r\n- respond: {status: 200}\r\n",
}

// Whatever is written, and whatever has been read before, a document is read as by Parse.
func TestPartsAreTheWhole(t *testing.T) {
	for _, first := range written {
		for _, second := range written {
			p := &Parser{}
			_, _ = p.Parse([]byte(first)) // whatever that is
			same(t, p, second)
		}
	}
	p := &Parser{}
	for _, text := range []string{many(200, 1), many(200, 2), many(300, 2), many(100, 2), strings.Replace(many(100, 2), "timeout: 2s", "timeout: 3s", 1)} {
		same(t, p, text)
	}
}

// What is described as before is the same, and so are clusters that speak it; what is described anew is another, and so are these, while the document of before
// has what it had.
func TestDescriptionsAreShared(t *testing.T) {
	p := &Parser{}
	read := func(head, endpoint string) *Document {
		t.Helper()
		d, err := p.Parse([]byte(describedStock(head) + "clusters:\n  a: {protocol: x-stock, endpoints: [\"h:1\"]}\n  b: {endpoints: [\"" + endpoint + "\"]}\nroutes:\n- to: a\n- to: b\n"))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	first, second, third := read("head: 13", "h:2"), read("head: 13", "h:3"), read("head: 14", "h:3")
	if first.described["x-stock"] != second.described["x-stock"] || first.Clusters["a"] != second.Clusters["a"] || first.Clusters["b"] == second.Clusters["b"] {
		t.Error("what has not changed is another")
	}
	if second.described["x-stock"].Same(third.described["x-stock"]) || third.Clusters["a"].Described != third.described["x-stock"] || third.Clusters["b"] != second.Clusters["b"] || third.Routes[0] != first.Routes[0] {
		t.Error("what is described anew is the same, or the rest is not")
	}
	if second.Clusters["a"].Described != second.described["x-stock"] {
		t.Error("a document that is in force has changed")
	}
}

func FuzzParts(f *testing.F) {
	for i, text := range written {
		f.Add(text, written[(i*7+3)%len(written)])
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		p := &Parser{}
		_, _ = p.Parse([]byte(first)) // whatever that is
		same(t, p, second)
	})
}

// Of a document that is nearly the one before only what has changed is read: that is a small part of the work, which grows no faster than the document.
func TestChangesAreRead(t *testing.T) {
	work := func(routes int) (change float64) {
		texts := [2][]byte{[]byte(many(routes, 1)), []byte(many(routes, 2))}
		p, n := &Parser{}, 0
		read := func() {
			n++
			if _, err := p.Parse(texts[n%2]); err != nil {
				t.Error(err)
			}
		}
		read()
		return testing.AllocsPerRun(2, read)
	}
	change := work(1000)
	whole := testing.AllocsPerRun(1, func() { _, _ = Parse([]byte(many(1000, 1))) })
	if change > whole/10 {
		t.Errorf("a change takes %.0f allocations, and the whole %.0f", change, whole)
	}
	if more := work(4000); more > change*5 {
		t.Errorf("a change of a document four times as long takes %.0f allocations, and before %.0f", more, change)
	}
}

func BenchmarkParse(b *testing.B) {
	texts := [2][]byte{[]byte(many(10_000, 1)), []byte(many(10_000, 2))}
	b.Run("whole", func(b *testing.B) {
		for b.Loop() {
			if _, err := (&Parser{}).Parse(texts[0]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("change", func(b *testing.B) {
		p, n := &Parser{}, 0
		if _, err := p.Parse(texts[0]); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			n++
			if _, err := p.Parse(texts[n%2]); err != nil {
				b.Fatal(err)
			}
		}
	})
}
