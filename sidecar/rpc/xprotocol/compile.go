package xprotocol

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
)

// Problem is a mistake in a Rule: At is its field, as .kind.mask; empty: the whole.
type Problem struct{ At, Message string }

// Protocol is a rule that is ready for frames. It does not change.
type Protocol struct {
	Name   string
	rule   Rule
	said   string // the rule, as a text
	little bool   // the order of bytes

	request, answer layout
	decisive        int // bytes by which a frame's kind is known
	kinds           []kinded
	kindMask        uint64
	part            int    // of metadata; -1: none
	pairs           varint // how its numbers are written
	starts          []byte // the magic
	fails, asks, is []byte
	parting         []byte // tells that no more calls are taken; nil: nothing does
}

// layout is Layout with its lengths by the numbers of parts.
type layout struct {
	head, tail int
	lengths    []length
	checksums  []checksum
}

type length struct {
	field  Field
	varint varint // where it is none of the head
	of     int    // a part, or ofFrame, ofRest
	adds   int64
}

const (
	ofFrame = -1
	ofRest  = -2

	maxParts = 4
	maxHead  = 256
)

type kinded struct {
	value uint64
	kind  FrameKind
}

// compiling is a rule being made ready, with what is wrong with it.
type compiling struct {
	*Protocol
	problems []Problem
}

func (c *compiling) problem(at, format string, args ...any) {
	c.problems = append(c.problems, Problem{at, fmt.Sprintf(format, args...)})
}

// Compile makes a rule ready. Where there are problems there is no protocol.
func Compile(name string, r Rule) (*Protocol, []Problem) {
	c := &compiling{Protocol: &Protocol{Name: name, rule: r, said: fmt.Sprintf("%+v", r), part: -1}}
	switch r.Order {
	case "", "big":
	case "little":
		c.little = true
	default:
		c.problem(".order", "the order %q is none of big and little", r.Order)
	}
	if len(r.Parts) == 0 {
		c.rule.Parts = []string{"body"}
	}
	c.magic()
	c.parts()
	if r.Answer.Head == 0 && (r.Answer.Lengths != nil || r.Answer.Tail != 0 || r.Answer.Checksums != nil) {
		c.problem(".answer", "what is said of answers' lengths and checksums wants the head of answers")
	}
	c.request = c.layout("", r.Head, r.Tail, r.Lengths)
	if r.Answer.Head != 0 {
		c.answer = c.layout(".answer", r.Answer.Head, r.Answer.Tail, r.Answer.Lengths)
	} else {
		c.answer = layout{head: c.request.head, tail: c.request.tail, lengths: c.request.lengths}
	}
	c.fields()
	c.kind()
	c.status()
	c.metadata()
	c.sums()
	if _, ok := units[r.Deadline.Unit]; !ok {
		c.problem(".deadline.unit", "the unit %q is none of us, ms and s", r.Deadline.Unit)
	}
	if len(c.problems) == 0 {
		c.templates()
	}
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	return c.Protocol, nil
}

// Same says whether two are described alike; q may be nil.
func (p *Protocol) Same(q *Protocol) bool {
	return p == q || p != nil && q != nil && p.Name == q.Name && p.said == q.said
}

// bytes are those that are written at a place.
func (c *compiling) bytes(at string, h Hex) []byte {
	b, ok := h.bytes()
	if !ok {
		c.problem(at, "%q are no bytes, as \"ca fe 01\"", string(h))
	}
	return b
}

// methods are what a client of HTTP may begin with.
var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace, "PRI"}

const tlsHandshake = 0x16

func (c *compiling) magic() {
	c.starts = c.bytes(".magic", c.rule.Magic)
	m := string(c.starts)
	switch {
	case m == "" && c.rule.Magic != "":
	case len(m) < 1 || len(m) > 8:
		c.problem(".magic", "a protocol has a magic of 1 to 8 bytes, by which it is told from others")
	case m[0] == tlsHandshake:
		c.problem(".magic", "what begins with 16 is TLS")
	case m[0] == '\r' || m[0] == '\n':
		c.problem(".magic", "what begins with an end of line may be HTTP")
	}
	for _, method := range methods {
		if m == "" {
			break
		}
		if line := method + " "; strings.HasPrefix(line, m) || strings.HasPrefix(m, line) {
			c.problem(".magic", "what begins with %q may be HTTP", m)
		}
	}
}

func (c *compiling) parts() {
	if len(c.rule.Parts) > maxParts {
		c.problem(".parts", "there are more than %d parts", maxParts)
	}
	for i, name := range c.rule.Parts {
		if name == "" || name == frame || name == rest || slices.Contains(c.rule.Parts[:i], name) {
			c.problem(".parts", "the name %q is another part's, or means something else", name)
		}
	}
}

// layout is that of heads of so many bytes, whose lengths tell how long each part is.
func (c *compiling) layout(at string, head, tail int, lengths []Length) layout {
	l := layout{head: head, tail: tail}
	if tail < 0 || tail > maxHead {
		c.problem(at+".tail", "behind the parts there are 0 to %d bytes", maxHead)
	}
	if head < 1 || head > maxHead {
		c.problem(at+".head", "a head has 1 to %d bytes", maxHead)
	}
	seen := map[string]bool{}
	for i, n := range lengths {
		at := fmt.Sprintf("%s.lengths[%d]", at, i)
		made := length{Field{n.At, n.Width}, varints[n.Varint], slices.Index(c.rule.Parts, n.Of), int64(n.Adds)}
		if _, known := varints[n.Varint]; !known {
			c.problem(at+".varint", "%q is none of leb128 and base128", n.Varint)
		} else if made.varint != fixed && made.field != (Field{}) {
			c.problem(at, "numbers of variable length stand behind the head, in their order: they have no at and no width")
		}
		switch {
		case n.Of == frame:
			made.of = ofFrame
		case n.Of == rest:
			made.of = ofRest
		case made.of < 0:
			c.problem(at+".of", "%q is none of frame, rest, and the parts %s", n.Of, strings.Join(c.rule.Parts, ", "))
		}
		if seen[n.Of] || n.Of == frame && seen[rest] || n.Of == rest && seen[frame] {
			c.problem(at+".of", "there are two lengths of the same")
		}
		if n.Adds < -maxHead || n.Adds > maxHead {
			c.problem(at+".adds", "a length adds %d to %d bytes", -maxHead, maxHead)
		}
		seen[n.Of] = true
		l.lengths = append(l.lengths, made)
	}
	untold := 0
	for _, name := range c.rule.Parts {
		if !seen[name] {
			untold++
		}
	}
	if all := seen[frame] || seen[rest]; untold > 1 || untold == 1 && !all {
		c.problem(at+".lengths", "where a frame ends is not known: all parts have a length, or all but one and the frame")
	}
	return l
}

// placed is a field of heads, for what is wrong with its place.
type placed struct {
	at string
	Field
}

// appendSums appends the checksums that stand in heads.
func appendSums(all []placed, at string, sums []Checksum) []placed {
	for i, s := range sums {
		if s.At >= 0 {
			all = append(all, placed{fmt.Sprintf("%s.checksums[%d]", at, i), Field{s.At, s.Width}})
		}
	}
	return all
}

// most is the highest number of so many bytes.
func most(width int) uint64 {
	if width >= 8 {
		return math.MaxUint64
	}
	return 1<<(8*max(width, 0)) - 1
}

func (c *compiling) kind() {
	k := &c.rule.Kind
	c.kindMask = cmp.Or(k.Mask, most(k.Width))
	c.decisive = max(len(c.starts), k.At+k.Width)
	for _, of := range []struct {
		at     string
		values []uint64
		kind   FrameKind
	}{{"request", k.Request, Request}, {"oneway", k.Oneway, Oneway}, {"answer", k.Answer, Answer}, {"heartbeat", k.Heartbeat, Heartbeat}, {"heartbeat_answer", k.HeartbeatAnswer, HeartbeatAnswer}, {"parting", k.Parting, Parting}} {
		if len(of.values) == 0 && (of.kind == Request || of.kind == Answer) {
			c.problem(".kind", "it is not said which frames are a %s", of.at)
		}
		for _, v := range of.values {
			if v&^c.kindMask != 0 || v > most(k.Width) {
				c.problem(".kind."+of.at, "the value %#x has bits that do not count", v)
			}
			if slices.ContainsFunc(c.kinds, func(o kinded) bool { return o.value == v }) {
				c.problem(".kind."+of.at, "the value %#x says two things", v)
			}
			c.kinds = append(c.kinds, kinded{v, of.kind})
		}
	}
	if len(k.HeartbeatAnswer) > 0 && len(k.Heartbeat) == 0 {
		c.problem(".kind.heartbeat_answer", "there are answers to heartbeats, and no heartbeats")
	}
}

func (c *compiling) status() {
	s := &c.rule.Status
	if s.Width == 0 {
		if s.At != 0 || s.OK != nil || s.Tell != nil || s.Count != nil || s.Unexecuted != nil || s.Failed != 0 {
			c.problem(".status", "there is no status without its width")
		}
		return
	}
	if len(s.OK) == 0 {
		s.OK = []uint64{0}
	}
	fits := func(at string, v uint64, fails bool) {
		if v > most(s.Width) {
			c.problem(".status."+at, "the status %d does not fit into %d bytes", v, s.Width)
		}
		if fails && slices.Contains(s.OK, v) {
			c.problem(".status."+at, "the status %d says that all is well", v)
		}
	}
	for _, v := range s.OK {
		fits("ok", v, false)
	}
	fits("failed", s.Failed, true)
	for _, v := range s.Unexecuted {
		fits("unexecuted", v, true)
	}
	for _, status := range slices.Sorted(maps.Keys(s.Tell)) {
		if fits("tell", s.Tell[status], true); status < 400 || status > 599 {
			c.problem(".status.tell", "what has happened is one of 400 to 599")
		}
	}
	for _, v := range slices.Sorted(maps.Keys(s.Count)) {
		if fits("count", v, true); s.Count[v] < 200 || s.Count[v] > 599 {
			c.problem(".status.count", "a status is counted as one of 200 to 599")
		}
	}
}

func (c *compiling) metadata() {
	m := &c.rule.Metadata
	if m.Part == "" {
		if *m != (Metadata{}) {
			c.problem(".metadata", "it is not said which part has it")
		}
		return
	}
	if c.part = slices.Index(c.rule.Parts, m.Part); c.part < 0 {
		c.problem(".metadata.part", "%q is none of the parts %s", m.Part, strings.Join(c.rule.Parts, ", "))
	}
	var known bool
	if c.pairs, known = varints[m.Varint]; !known {
		c.problem(".metadata.varint", "%q is none of leb128 and base128", m.Varint)
	}
	switch {
	case c.pairs != fixed && (m.Key != 0 || m.Value != 0):
		c.problem(".metadata", "its numbers are of variable length: the lengths of keys and values have no bytes of their own")
	case c.pairs == fixed && (m.Key < 1 || m.Key > 4 || m.Value < 1 || m.Value > 4 || m.Count < 0 || m.Count > 4):
		c.problem(".metadata", "the lengths of keys and values have 1 to 4 bytes, the number of pairs 0 to 4")
	}
	if c.rule.Service != "" && m.Service != "" {
		c.problem(".service", "what is called is said by the metadata")
	}
	names := []string{m.Service, m.Method, m.Traceparent, m.Deadline, m.Caller}
	for i, name := range names {
		if name != "" && slices.ContainsFunc(names[:i], func(o string) bool { return strings.EqualFold(o, name) }) {
			c.problem(".metadata", "the key %s stands for two things", name)
		}
		if c.pairs == fixed && uint64(len(name)) > most(m.Key) {
			c.problem(".metadata", "the key %s is longer than can be", name)
		}
	}
}

// templates are the frames that are sent, each with a kind, of which the head says the rest.
func (c *compiling) templates() {
	r := &c.rule
	is := r.Kind.HeartbeatAnswer
	if len(is) == 0 {
		is = r.Kind.Answer
	}
	c.fails = c.template(".failure", r.Failure, r.Kind.Answer[0], &c.answer)
	if len(r.Kind.Heartbeat) > 0 {
		c.asks = c.template(".heartbeat", r.Heartbeat, r.Kind.Heartbeat[0], &c.request)
		c.is = c.template(".heartbeat_answer", r.HeartbeatAnswer, is[0], &c.answer)
	} else if r.Heartbeat != "" || r.HeartbeatAnswer != "" {
		c.problem(".heartbeat", "it is not said which frames are heartbeats")
	}
	switch {
	case r.Parting != "" && len(r.Kind.Parting) == 0:
		c.problem(".parting", "it is not said by which kind of frames an end parts")
	case r.Parting != "":
		c.parting = c.template(".parting", r.Parting, r.Kind.Parting[0], &c.request)
	}
	if c.is != nil && r.Status.Width > 0 {
		c.put(c.is, Field{r.Status.At, r.Status.Width}, r.Status.OK[0])
		c.Seal(c.is)
	}
}

// template is a frame that was given whole, or one of a head and no parts. Its checksums are made right.
func (c *compiling) template(at string, written Hex, kind uint64, l *layout) []byte {
	k := Field{c.rule.Kind.At, c.rule.Kind.Width}
	b := c.bytes(at, written)
	if b == nil {
		b = make([]byte, l.head)
		copy(b, c.starts)
		c.put(b, k, kind)
		var err error
		if b, err = c.tell(l, b, 0, [maxParts]int{}); err != nil {
			c.problem(at, "a frame without parts cannot be told: %v", err)
			return nil
		}
		b = append(b, make([]byte, l.tail)...)
	}
	f, m, _, err := c.cut(b, len(b))
	switch {
	case err != nil:
		c.problem(at, "%v", err)
	case f == nil || m.size != len(b):
		c.problem(at, "%d bytes are no whole frame of %d", len(b), m.size)
	case c.get(f, k)&c.kindMask != kind:
		c.problem(at, "its kind is %#x, and has to be %#x", c.get(f, k)&c.kindMask, kind)
	default:
		c.seal(l, f, &m, true)
	}
	return b
}
