package xprotocol_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/heddle-mesh/heddle/sidecar/rpc/mux"
	"github.com/heddle-mesh/heddle/sidecar/rpc/xprotocol"
)

// The same frames in six descriptions: what is behind the head, by whose length the frame ends, in which order numbers are.
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
	"varints, sums": `
magic: "c5 ec"
head: 20
parts: [meta, body]
tail: 6
lengths: [{varint: leb128, of: meta}, {varint: base128, of: frame}]
id: {at: 4, width: 4}
kind: {at: 3, width: 1, request: [1], answer: [2]}
status: {at: 8, width: 1, failed: 70}
deadline: {at: 16, width: 4}
checksums:
  - {at: 9, width: 1, sum: sum, of: body, verify: true}
  - {at: 12, width: 4, sum: crc32c, of: head, from: 2}
  - {at: -6, width: 2, sum: sum, of: body, from: 1, to: -1}
  - {at: -4, width: 4, sum: crc32}
metadata: {part: meta, varint: leb128, count: 1, service: service}
`,
	"answers' sums, little": `
magic: "c6"
order: little
head: 12
lengths: [{varint: leb128, of: rest, adds: 1}]
answer: {head: 16, tail: 4, lengths: [{varint: base128, of: body}], checksums: [{at: 12, width: 4, sum: adler32, of: body}, {at: -4, width: 4, sum: crc32, of: rest, to: -4}]}
id: {at: 4, width: 4}
kind: {at: 1, width: 1, request: [1], answer: [2]}
status: {at: 2, width: 1, failed: 70}
deadline: {at: 8, width: 4}
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

// summed makes the checksums of a frame of "varints, sums" without metadata right, by the book.
func summed(b []byte) []byte {
	const start, body = 22, 22
	sum := func(b []byte) (n int) {
		for _, c := range b {
			n += int(c)
		}
		return n
	}
	end := len(b) - 6
	b[9] = byte(sum(b[body:end]))
	binary.BigEndian.PutUint32(b[12:], crc32.Checksum(b[2:start], crc32.MakeTable(crc32.Castagnoli)))
	binary.BigEndian.PutUint16(b[end:], uint16(sum(b[body+1:end-1])))
	binary.BigEndian.PutUint32(b[end+2:], crc32.ChecksumIEEE(b))
	return b
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
		p.Seal(out)
		return out
	}
	for name, bare := range map[string][2][]byte{
		"parts":        {[]byte("\xca\xfe\x31\x00\x00\x00\x00\x00\x00\x00\x01\x07\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x0b\xb8what"), []byte("\xca\xfe\x03\x14\x00\x00\x00\x00\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00that")},
		"rest, little": {[]byte("\x80\x01\x02\x01\x07\x01\x00\x00\x00\x00\x00\x00\x0a\x00\x00\x00\x02\x00\x00\x00\xc0\xc6\x2d\x00\x00\x00\x00\x00what\x00\x00"), []byte("\x80\x01\x02\x03\x07\x01\x00\x00\x00\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00that")},
		"frame":        {[]byte("PRP\x20\x00\x00\x00\x14\x00\x00\x01\x07\x00\x00\x00\x00\x00\x03\x00\x00"), []byte("PRP\x21\x00\x00\x00\x0c\x00\x00\x01\x07that")},
		"no metadata":  {[]byte("\xf0\x01\x00\x00\x00\x00\x01\x07\x00\x04what"), []byte("\xf0\x02\x00\x00\x00\x00\x01\x07\x00\x04that")},
		"varints, sums": {
			summed([]byte("\xc5\xec\x00\x01\x00\x00\x01\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0b\xb8\x00\x20what\x00\x00\x00\x00\x00\x00")),
			summed([]byte("\xc5\xec\x00\x02\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x20that\x00\x00\x00\x00\x00\x00")),
		},
		"answers' sums, little": {
			[]byte("\xc6\x01\x00\x00\x07\x01\x00\x00\xb8\x0b\x00\x00\x05what"),
			[]byte("\xc6\x02\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\xb2\x01\x42\x04\x04that\x8c\x9d\x53\xa8"),
		},
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
		"varints, sums": {
			"sum of a frame is wrong": func(b []byte) { b[len(b)-7]++ }, "crc32 of a frame is wrong": func(b []byte) { b[0+len(b)-1]++ }, "crc32c of a frame is wrong": func(b []byte) { b[2]++ },
			"more than 10 bytes": func(b []byte) { copy(b[20:], "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80") }, "more than 64 bits": func(b []byte) { copy(b[20:], "\x00\x82\x80\x80\x80\x80\x80\x80\x80\x80\x00") },
			"longer than may be": func(b []byte) { copy(b[20:], "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01") },
		},
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

// Checksums that are of what has been changed are made right; the others are as they came, and a frame in which one is wrong that is verified is none.
func TestChecksums(t *testing.T) {
	p, _ := compiled(t, rules["varints, sums"])
	q := frames(t)["varints, sums"][0]
	p.SetID(q, 99)
	p.SetDeadline(q, time.Minute)
	if _, _, err := p.Split(q, 1000); err == nil {
		t.Error("a frame with another number has the checksum of before")
	}
	p.Seal(q)
	if f, _, err := p.Split(q, 1000); f == nil || err != nil {
		t.Fatalf("% x, %v", f, err)
	}
	w := p.Write(nil)
	w.Add([]byte("key"), bytes.Repeat([]byte("v"), 300)) // with which the lengths have more bytes
	out, err := w.AppendTo(nil, q)
	if err != nil {
		t.Fatal(err)
	}
	p.Seal(out)
	f, size, err := p.Split(out, 1000)
	if err != nil || size != len(out) || !bytes.Equal(f[20:24], []byte{1 + 1 + 3 + 2 + 300 - 256 + 0x80, 2, 0x82, byte(len(out)) & 0x7f}) {
		t.Fatalf("% x of %d bytes, %v", out, len(out), err)
	}
	if pairs, err := p.AppendPairs(nil, f); err != nil || len(pairs) != 1 || len(pairs[0].Value) != 300 {
		t.Errorf("%q, %v", pairs, err)
	}
	unverified := strings.Replace(rules["varints, sums"], ", verify: true", "", 1)
	p, problems := compiled(t, unverified)
	if p == nil {
		t.Fatal(problems)
	}
	q = frames(t)["varints, sums"][0]
	q[9]++ // of the body alone; and of the head, whose checksum is of it
	q[len(q)-6]++
	if f, _, err := p.Split(q, 1000); f != nil || err == nil {
		t.Error("the checksum of the head is not looked at, which is made anew")
	}
	p.Seal(q)
	if f, _, err := p.Split(q, 1000); f == nil || err != nil {
		t.Error(err)
	}
	if was := frames(t)["varints, sums"][0]; q[9] != was[9]+1 || q[len(q)-6] != was[len(q)-6]+1 {
		t.Error("a wrong checksum of what nobody has changed is made right")
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
		"head: 24|head: 24\nanswer: {lengths: []}":                                      ".answer: what is said of answers' lengths",
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
	for change, want := range map[string]string{
		"sum: crc32c|sum: crc":                                     ".checksums[1].sum: \"crc\" is none of",
		"width: 4, sum: crc32c|width: 2, sum: crc32c":              ".checksums[1].width: a checksum has 1 to 8 bytes, and crc32",
		"of: head, from: 2|of: heads":                              ".checksums[1].of: \"heads\" is none of frame, head, rest",
		"of: head, from: 2|of: head, from: 2, to: 1":               ".checksums[1]: it is of nothing",
		"of: head, from: 2|of: frame":                              ".checksums[1]: it is of a checksum that is made behind it",
		"at: -6, width: 2|at: -5, width: 2":                        ".checksums[3]: it stands where checksums[2] does",
		"at: -6, width: 2|at: -7, width: 2":                        ".checksums[2]: a number has 1 to 8 bytes within the 6 bytes behind",
		"at: 12, width: 4, sum|at: 14, width: 4, sum":              ".checksums[1]: it stands where deadline does",
		"tail: 6|tail: 300":                                        ".tail: behind the parts there are",
		"varint: leb128, of: meta|varint: leb64, of: meta":         ".lengths[0].varint: \"leb64\" is none of",
		"varint: leb128, of: meta|at: 3, varint: leb128, of: meta": ".lengths[0]: numbers of variable length stand behind",
		"varint: leb128, count|varint: leb, count":                 ".metadata.varint: \"leb\" is none of",
		"varint: leb128, count|varint: leb128, key: 1, count":      ".metadata: its numbers are of variable length",
		"tail: 6|answer: {tail: 1}\ntail: 6":                       ".answer: what is said of",
	} {
		from, to, _ := strings.Cut(change, "|")
		text := strings.Replace(rules["varints, sums"], from, to, 1)
		p, problems := compiled(t, text)
		if p != nil || text == rules["varints, sums"] || !slices.ContainsFunc(problems, func(p xprotocol.Problem) bool { return strings.HasPrefix(p.At+": "+p.Message, want) }) {
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
		p.Seal(frame)
		if _, n, err := p.Split(frame, limit); err != nil || n != size {
			t.Fatalf("with another number: %v", err)
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
		p.Seal(out)
		again, n, err := p.Split(out, 2*limit)
		if err != nil || n != len(out) || p.Kind(again) != kind || p.ID(again) != 7 {
			t.Fatalf("with its metadata written again: %v", err)
		}
		if more, err := p.AppendPairs(nil, again); err != nil || len(more) != len(pairs)+1 || fmt.Sprint(more[:len(pairs)]) != fmt.Sprint(pairs) {
			t.Fatalf("%q, %v", more, err)
		}
	})
}

// A length of a whole frame may count only what stands behind itself; so it is 0 where there is nothing, and as long as its own bytes let it be.
func TestVarintsOfWhatIsBehindThem(t *testing.T) {
	p, problems := compiled(t, `
magic: "c7"
head: 12
lengths: [{varint: leb128, of: frame, adds: -13}]
id: {at: 4, width: 4}
kind: {at: 1, width: 1, request: [1], answer: [2], heartbeat: [3], heartbeat_answer: [4]}
service: com.shop.Stock
`)
	if p == nil {
		t.Fatal(problems)
	}
	beat := p.AppendHeartbeat(nil, 7)
	if len(beat) != 13 || beat[12] != 0 {
		t.Errorf("a frame with nothing behind its length is %x", beat)
	}
	for _, body := range []int{0, 1, 127} {
		f := append(append(slices.Clone(beat[:12]), byte(body)), make([]byte, body)...)
		if got, size, err := p.Split(append(slices.Clone(f), beat...), 1<<20); err != nil || size != len(f) || !bytes.Equal(got, f) {
			t.Errorf("of %d bytes: %x, %d, %v", body, got, size, err)
		}
	}
	if _, problems := compiled(t, `
magic: "c7"
head: 12
lengths: [{varint: leb128, of: frame, adds: -14}]
id: {at: 4, width: 4}
kind: {at: 1, width: 1, request: [1], answer: [2]}
service: com.shop.Stock
`); len(problems) == 0 {
		t.Error("a frame that would be longer than it is can be told")
	}
}
