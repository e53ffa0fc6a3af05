package xprotocol_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/heddle-mesh/heddle/sidecar/rpc/mux"
	"github.com/heddle-mesh/heddle/sidecar/rpc/xprotocol"
)

// The same frames in four descriptions: what is behind the head, by whose length the frame ends, in which order numbers are.
var rules = map[string]string{
	"parts": `
magic: "ca fe"
head: 24
parts: [meta, body]
lengths: [{at: 12, width: 4, of: meta}, {at: 16, width: 4, of: body}]
id: {at: 4, width: 8}
kind: {at: 2, width: 1, mask: 0x0f, request: [1], oneway: [2], answer: [3], heartbeat: [4], heartbeat_answer: [5], parting: [6]}
status: {at: 3, width: 1, ok: [20, 21], failed: 70, tell: {404: 60, 504: 31}, count: {60: 404, 31: 504}, unexecuted: [100]}
deadline: {at: 20, width: 4}
metadata: {part: meta, key: 2, value: 4, service: service, method: method, deadline: timeout}
`,
	"rest, little": `
magic: "80 01 02"
order: little
head: 28
parts: [body, meta]
lengths: [{at: 12, width: 4, of: rest, adds: 4}, {at: 16, width: 4, of: meta}]
id: {at: 4, width: 4}
kind: {at: 3, width: 1, request: [1, 7], answer: [3]}
status: {at: 8, width: 2, failed: 0x101, ok: [0]}
deadline: {at: 20, width: 8, unit: us}
metadata: {part: meta, key: 1, value: 2, count: 2, service: s}
`,
	"frame": `
magic: "505250"
head: 20
parts: [meta]
lengths: [{at: 4, width: 4, of: frame}]
answer: {head: 12, lengths: [{at: 4, width: 4, of: frame, adds: -4}]}
id: {at: 8, width: 4}
kind: {at: 3, width: 1, request: [0x20], answer: [0x21]}
deadline: {at: 16, width: 2, unit: s}
metadata: {part: meta, key: 4, value: 1}
`,
	"no metadata": `
magic: "f0"
head: 10
lengths: [{at: 8, width: 2, of: body}]
id: {at: 4, width: 4}
kind: {at: 1, width: 1, request: [1], answer: [2]}
service: com.shop.Stock
`,
}

func compiled(t testing.TB, text string) (p *xprotocol.Protocol, problems []xprotocol.Problem) {
	t.Helper()
	var r xprotocol.Rule
	if err := yaml.UnmarshalWithOptions([]byte(text), &r, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	return xprotocol.Compile("x-stock", r)
}

// frames are a request with pairs and an answer, of each rule.
func frames(t testing.TB) map[string][3][]byte {
	all := map[string][3][]byte{}
	meta := func(name string, bare []byte) []byte {
		p, problems := compiled(t, rules[name])
		if p == nil {
			t.Fatal(name, problems)
		}
		if !p.Tells() {
			return bare
		}
		w := p.Write(nil)
		w.Add([]byte("service"), []byte("stock"))
		w.Add([]byte("s"), nil)
		out, err := w.AppendTo(nil, bare)
		if err != nil {
			t.Fatal(name, err)
		}
		return out
	}
	for name, bare := range map[string][2][]byte{
		"parts":        {[]byte("\xca\xfe\x31\x00\x00\x00\x00\x00\x00\x00\x01\x07\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x0b\xb8what"), []byte("\xca\xfe\x03\x14\x00\x00\x00\x00\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00that")},
		"rest, little": {[]byte("\x80\x01\x02\x01\x07\x01\x00\x00\x00\x00\x00\x00\x0a\x00\x00\x00\x02\x00\x00\x00\xc0\xc6\x2d\x00\x00\x00\x00\x00what\x00\x00"), []byte("\x80\x01\x02\x03\x07\x01\x00\x00\x00\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00that")},
		"frame":        {[]byte("PRP\x20\x00\x00\x00\x14\x00\x00\x01\x07\x00\x00\x00\x00\x00\x03\x00\x00"), []byte("PRP\x21\x00\x00\x00\x0c\x00\x00\x01\x07that")},
		"no metadata":  {[]byte("\xf0\x01\x00\x00\x00\x00\x01\x07\x00\x04what"), []byte("\xf0\x02\x00\x00\x00\x00\x01\x07\x00\x04that")},
	} {
		all[name] = [3][]byte{meta(name, bare[0]), bare[1], bare[0]}
	}
	return all
}

func TestFrames(t *testing.T) {
	for name, all := range frames(t) {
		p, _ := compiled(t, rules[name])
		for i, b := range all {
			for n := range b {
				if is, may := p.Begins(b[:n]); is != (n >= len(p.Magic())) || !may {
					t.Errorf("%s: %d bytes: %t, %t", name, n, is, may)
				}
				if f, size, err := p.Split(b[:n], 1000); f != nil || err != nil || size <= n || size > len(b) {
					t.Fatalf("%s %d: %d bytes of %d: %d, %v", name, i, n, len(b), size, err)
				}
			}
			f, size, err := p.Split(append(slices.Clone(b), "more"...), 1000)
			if err != nil || size != len(b) || !bytes.Equal(f, b) {
				t.Fatalf("%s %d: %d bytes of %d, %v", name, i, size, len(b), err)
			}
			if _, _, err := p.Split(b, len(b)-1); err == nil {
				t.Errorf("%s %d: longer than may be", name, i)
			}
		}
		q := slices.Clone(all[0])
		if p.Kind(q) != xprotocol.Request || p.ID(q) != 0x107 || p.Kind(all[1]) != xprotocol.Answer {
			t.Errorf("%s: kind %d of %#x", name, p.Kind(q), p.ID(q))
		}
		if d := p.Deadline(q); d != 3*time.Second && name != "no metadata" {
			t.Errorf("%s: a deadline of %v", name, d)
		}
		p.SetDeadline(q, time.Nanosecond)
		if d := p.Deadline(q); d < 0 || d > time.Second {
			t.Errorf("%s: a nanosecond is %v", name, d)
		}
		p.SetDeadline(q, 1000*time.Hour)
		if d := p.Deadline(q); d < time.Hour && name != "no metadata" {
			t.Errorf("%s: many hours are %v", name, d)
		}
		p.SetID(q, 0xfedcba98)
		if p.ID(q) != 0xfedcba98 || len(q) != len(all[0]) {
			t.Errorf("%s: the number %#x", name, p.ID(q))
		}
		pairs, err := p.AppendPairs(nil, q)
		if want := []mux.Pair{{Key: []byte("service"), Value: []byte("stock")}, {Key: []byte("s"), Value: []byte{}}}; err != nil || p.Tells() && fmt.Sprint(pairs) != fmt.Sprint(want) {
			t.Errorf("%s: %q, %v", name, pairs, err)
		}
		if pairs, err := p.AppendPairs(nil, all[2]); err != nil || len(pairs) != 0 {
			t.Errorf("%s: without metadata: %q, %v", name, pairs, err)
		}
		f := p.AppendFailure([]byte("x"), 0x99, 504)[1:]
		if made, size, err := p.Split(f, 1000); err != nil || size != len(f) || p.ID(made) != 0x99 || p.Kind(made) != xprotocol.Answer {
			t.Errorf("%s: a failure is % x, %v", name, f, err)
		}
		if p.Beats() {
			q, a := p.AppendHeartbeat(nil, 5), p.AppendBeat(nil, 5)
			if is, err := p.IsBeat(a, 5); p.Kind(q) != xprotocol.Heartbeat || !is || err != nil {
				t.Errorf("%s: % x, %t, %v", name, a, is, err)
			}
			if is, err := p.IsBeat(a, 6); is || err == nil {
				t.Errorf("%s: another's: %t, %v", name, is, err)
			}
		}
	}
}

func TestStatuses(t *testing.T) {
	p, _ := compiled(t, rules["parts"])
	for status, want := range map[int]byte{404: 60, 504: 31, 503: 70} {
		f := p.AppendFailure(nil, 1, status)
		if f[3] != want {
			t.Errorf("%d is told as %d", status, f[3])
		}
	}
	f := p.AppendFailure(nil, 1, 404)
	for status, want := range map[byte]int{20: 200, 21: 200, 60: 404, 31: 504, 100: 500} {
		if f[3] = status; p.Counts(f) != want || p.Unexecuted(f) != (status == 100) {
			t.Errorf("%d counts as %d", status, p.Counts(f))
		}
	}
	p, _ = compiled(t, rules["frame"])
	if f := p.AppendFailure(nil, 1, 404); p.Counts(f) != 200 || p.Unexecuted(f) {
		t.Error("a protocol without a status has one")
	}
}

func TestNoFrames(t *testing.T) {
	all := frames(t)
	for name, changes := range map[string]map[string]func(b []byte){
		"parts": {
			"is no frame": func(b []byte) { b[1] = 0 }, "of kind 0x9": func(b []byte) { b[2] = 9 },
			"longer than may": func(b []byte) { b[12] = 0xff }, "than may be": func(b []byte) { b[17] = 0xff },
		},
		"rest, little": {"at least": func(b []byte) { b[12] = 3 }, "not as long": func(b []byte) { b[12] = 5 }},
		"frame":        {"is of has at least": func(b []byte) { b[7] = 19 }},
	} {
		for what, change := range changes {
			p, _ := compiled(t, rules[name])
			b := slices.Clone(all[name][0])
			change(b)
			if f, _, err := p.Split(b, 1000); err == nil || !strings.Contains(err.Error(), what) {
				t.Errorf("%s: %s: % x, %v", name, what, f, err)
			}
		}
	}
	p, _ := compiled(t, rules["rest, little"])
	q := all["rest, little"][0]
	for n := 1; n < 9; n++ { // the metadata is the last part: cut it, and the lengths with it
		b := slices.Clone(q[:len(q)-n])
		b[12], b[16] = b[12]-byte(n), b[16]-byte(n)
		if f, _, err := p.Split(b, 1000); f == nil || err != nil {
			t.Fatal(err)
		}
		if pairs, err := p.AppendPairs(nil, b); err == nil {
			t.Errorf("%d bytes less are %q", n, pairs)
		}
	}
	b := append(slices.Clone(q), 0)
	b[12], b[16] = b[12]+1, b[16]+1
	if _, err := p.AppendPairs(nil, b); err == nil {
		t.Error("metadata goes on behind its end")
	}
	w := p.Write(nil)
	w.Add(make([]byte, 300), nil)
	if _, err := w.AppendTo(nil, q); err == nil {
		t.Error("a key is longer than can be told")
	}
}

// What is wrong with a description is told with its field.
func TestProblems(t *testing.T) {
	const good = "parts"
	for change, want := range map[string]string{
		`magic: "ca fe"|magic: "16 03"`:                                      ".magic: what begins with 16 is TLS",
		`magic: "ca fe"|magic: "50 52 49"`:                                   ".magic: what begins with \"PRI\" may be HTTP",
		`magic: "ca fe"|magic: "47"`:                                         ".magic: what begins with \"G\" may be HTTP",
		`magic: "ca fe"|magic: "0d 0a"`:                                      ".magic: what begins with an end of line",
		`magic: "ca fe"|magic: "xyz"`:                                        ".magic: \"xyz\" are no bytes",
		`magic: "ca fe"|magic: 0xcafe`:                                       ".magic: \"the number 51966\" are no bytes",
		`magic: "ca fe"|magic: ""`:                                           ".magic: a protocol has a magic of 1 to 8 bytes",
		`head: 24|head: 24` + "\norder: middle":                              ".order: the order",
		"head: 24|head: 0":                                                   ".head: a head has 1 to 256 bytes",
		"head: 24|head: 22":                                                  ".deadline: a number has 1 to 8 bytes within the 22",
		"parts: [meta, body]|parts: [meta, meta]":                            ".parts: the name \"meta\"",
		"parts: [meta, body]|parts: [meta, body, rest]":                      ".parts: the name \"rest\"",
		"parts: [meta, body]|parts: [meta, body, more]":                      ".lengths: where a frame ends is not known",
		"of: body|of: bdy":                                                   ".lengths[1].of: \"bdy\" is none of frame, rest, and the parts meta, body",
		"of: body|of: meta":                                                  ".lengths[1].of: there are two lengths",
		"of: body|of: body, adds: 1000":                                      ".lengths[1].adds: a length adds",
		"at: 16, width: 4, of|at: 14, width: 4, of":                          ".lengths[1]: it stands where lengths[0] does",
		"id: {at: 4, width: 8}|id: {at: 4, width: 2}":                        ".id.width: a number of less than 4 bytes",
		"id: {at: 4, width: 8}|id: {at: -1, width: 4}":                       ".id: a number has 1 to 8 bytes",
		"id: {at: 4, width: 8}|id: {at: 1, width: 4}":                        ".kind: it stands where id does",
		"request: [1]|request: [0x11]":                                       ".kind.request: the value 0x11 has bits that do not count",
		"request: [1]|request: [3]":                                          ".kind.answer: the value 0x3 says two things",
		"request: [1], |":                                                    ".kind: it is not said which frames are a request",
		"heartbeat: [4], |":                                                  ".kind.heartbeat_answer: there are answers",
		"failed: 70|failed: 20":                                              ".status.failed: the status 20 says that all is well",
		"failed: 70|failed: 700":                                             ".status.failed: the status 700 does not fit",
		"404: 60|200: 60":                                                    ".status.tell: what has happened",
		"60: 404|60: 100":                                                    ".status.count: a status is counted",
		"status: {at: 3, width: 1, |status: {at: 3, ":                        ".status: there is no status without its width",
		"deadline: {at: 20, width: 4}|deadline: {at: 20, width: 4, unit: m}": ".deadline.unit: the unit \"m\"",
		"part: meta|part: head":                                              ".metadata.part: \"head\" is none",
		"part: meta, |":                                                      ".metadata: it is not said which part",
		"key: 2|key: 9":                                                      ".metadata: the lengths of keys",
		"method: method|method: Service":                                     ".metadata: the key Service stands for two things",
		"head: 24|head: 24\nservice: shop":                                   ".service: what is called is said by the metadata",
		"head: 24|head: 24\nfailure: \"ca fe\"":                              ".failure: 2 bytes are no whole frame",
		"head: 24|head: 24\nparting: \"ca fe\"":                              ".parting: 2 bytes are no whole frame",
		"parting: [6]}|}\nparting: \"ca fe\"":                                ".parting: it is not said by which kind",
		"head: 24|head: 24\nfailure: \"ca ff 00\"":                           ".failure: what begins with",
		"head: 24|head: 24\nfailure: \"ca fe 01" + strings.Repeat(" 00", 21) + "\"":     ".failure: its kind is 0x1, and has to be 0x3",
		"head: 24|head: 24\nanswer: {lengths: []}":                                      ".answer: lengths of answers",
		"head: 24|head: 24\nanswer: {head: 10, lengths: [{at: 4, width: 4, of: rest}]}": ".id: a number has 1 to 8 bytes within the 10",
	} {
		from, to, _ := strings.Cut(change, "|")
		text := strings.Replace(rules[good], from, to, 1)
		if text == rules[good] {
			t.Errorf("%s: nothing is changed", change)
		}
		p, problems := compiled(t, text)
		if p != nil || !slices.ContainsFunc(problems, func(p xprotocol.Problem) bool { return strings.HasPrefix(p.At+": "+p.Message, want) }) {
			t.Errorf("%s: %v, want %s", change, problems, want)
		}
	}
	a, _ := compiled(t, rules[good])
	b, _ := compiled(t, rules[good])
	c, _ := compiled(t, rules["frame"])
	if !a.Same(b) || a.Same(c) || a.Same(nil) || a.MayCollide(c.Magic()) || !a.MayCollide([]byte{0xca}) {
		t.Error("what is described alike is another, or the other way round")
	}
}

// FuzzFrame: what is taken for a frame is as long as it says, and can be changed.
func FuzzFrame(f *testing.F) {
	var names []string
	for name := range rules {
		names = append(names, name)
	}
	slices.Sort(names)
	all := frames(f)
	protocols := make([]*xprotocol.Protocol, len(names))
	for i, name := range names {
		protocols[i], _ = compiled(f, rules[name])
		for _, b := range all[name] {
			f.Add(i, b)
		}
	}
	f.Fuzz(func(t *testing.T, which int, b []byte) {
		p := protocols[uint(which)%uint(len(protocols))]
		const limit = 1 << 12
		frame, size, err := p.Split(b, limit)
		if err != nil {
			if frame != nil {
				t.Fatal("a frame and an error")
			}
			return
		}
		if frame == nil {
			if size <= len(b) || size > limit {
				t.Fatalf("%d bytes are too few for one of %d", len(b), size)
			}
			return
		}
		if len(frame) != size || size > limit {
			t.Fatalf("%d bytes of %d", len(frame), size)
		}
		kind, counted := p.Kind(frame), 0
		if p.SetID(frame, 7); p.ID(frame) != 7 {
			t.Fatal("another number")
		}
		if kind == xprotocol.Answer || kind == xprotocol.HeartbeatAnswer {
			if counted = p.Counts(frame); counted < 200 || counted > 599 {
				t.Fatalf("a status of %d", counted)
			}
			return
		}
		if p.Deadline(frame) < 0 {
			t.Fatal("a deadline is below 0")
		}
		p.SetDeadline(frame, time.Second)
		pairs, err := p.AppendPairs(nil, frame)
		if err != nil || !p.Tells() {
			return
		}
		w := p.Write(nil)
		for i := range pairs {
			w.Add(pairs[i].Key, pairs[i].Value)
		}
		w.Add([]byte("more"), []byte("of it"))
		out, err := w.AppendTo(nil, frame)
		if err != nil {
			return
		}
		again, n, err := p.Split(out, 2*limit)
		if err != nil || n != len(out) || p.Kind(again) != kind || p.ID(again) != 7 {
			t.Fatalf("with its metadata written again: %v", err)
		}
		if more, err := p.AppendPairs(nil, again); err != nil || len(more) != len(pairs)+1 || fmt.Sprint(more[:len(pairs)]) != fmt.Sprint(pairs) {
			t.Fatalf("%q, %v", more, err)
		}
	})
}
