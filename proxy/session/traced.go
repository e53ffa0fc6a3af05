package session

import (
	"bytes"
	"net/url"
	"slices"
	"time"

	"github.com/heddle-mesh/heddle/internal/tracecontext"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// caller is what came with a command about who called: the comment of an instrumented application, as sqlcommenter writes it
// (key='value',… at the end of a text, the values URL-encoded), or the attributes of the query.
//
// The comment differs with every call. It is taken off before the statement is looked for, or no plan would be found
// again, and stands in front of the text that shards get: at the end it would be quoted by their syntax errors.
type caller struct {
	comment []byte // with its /* and */; nil: none
	parent  string // its traceparent, or that of the attributes; kept for as long as traces are made
}

// called takes the comment of an instrumented application off a text.
func (s *Session) called(text []byte, attrs []wire.Param) []byte {
	s.caller.parent = ""
	text, s.caller.comment = cutComment(text)
	if s.srv.Tracer == nil {
		return text
	}
	s.caller.parent = parentOf(func(name string) string { return tagText(s.caller.comment, name) })
	s.attributed(attrs)
	if s.caller.parent == "" {
		s.caller.parent = parentOf(func(name string) string { return s.who.Attributes[name] })
	}
	return text
}

// attributed notes what the attributes of a query say of the trace that it is of.
func (s *Session) attributed(attrs []wire.Param) {
	if len(attrs) == 0 {
		return
	}
	if parent := parentOf(func(name string) string {
		for i := range attrs {
			if attrs[i].Name == name {
				return string(attrs[i].Value.Bytes)
			}
		}
		return ""
	}); parent != "" {
		s.caller.parent = parent
	}
}

// The tags and attributes that say which trace a statement is of: W3C's, Zipkin's, SkyWalking's. Of several the first is taken.
const (
	parentName = "traceparent"
	b3Name     = "b3"
	sw8Name    = "sw8"
)

// parentOf is the traceparent of a caller that says so in one of the spellings; "": it says nothing.
func parentOf(get func(name string) string) string {
	if parent := get(parentName); parent != "" {
		return parent
	}
	if b3 := get(b3Name); b3 != "" {
		return tracecontext.FromB3(b3)
	}
	if sw8 := get(sw8Name); sw8 != "" {
		return tracecontext.FromSW8(sw8)
	}
	return ""
}

// tag is where a comment of tags has a key's value; to is 0 where it has none.
func tag(comment []byte, key string) (from, to int) {
	for at := 0; ; {
		next := bytes.Index(comment[at:], []byte(key))
		if next < 0 {
			return 0, 0
		}
		at += next + len(key)
		if before := at - len(key) - 1; before < 0 || comment[before] != '*' && comment[before] != ',' || !bytes.HasPrefix(comment[at:], []byte("='")) {
			continue
		}
		from = at + len("='")
		return from, from + max(bytes.IndexByte(comment[from:], '\''), 0)
	}
}

// tagText is a tag's value, decoded; "": there is none.
func tagText(comment []byte, key string) string {
	from, to := tag(comment, key)
	if to <= from {
		return ""
	}
	text, err := url.PathUnescape(string(comment[from:to]))
	if err != nil {
		return ""
	}
	return text
}

// cutComment cuts the comment off that a text ends with, if it is one of sqlcommenter's with a trace or a timeout. What may be inside of
// another comment, or a statement of its own behind a ';', is left alone.
func cutComment(text []byte) (rest, comment []byte) {
	if !bytes.HasSuffix(text, []byte("*/")) {
		return text, nil
	}
	at := bytes.LastIndex(text, []byte("/*"))
	if at < 0 || !isTags(text[at:]) || bytes.LastIndex(text[:at], []byte("/*")) > bytes.LastIndex(text[:at], []byte("*/")) {
		return text, nil
	}
	if before := bytes.TrimRight(text[:at], " \t\r\n"); len(before) == 0 || before[len(before)-1] == ';' {
		return text, nil
	}
	return text[:at], text[at:]
}

// isTags reports whether a comment is key='value',… with a trace or a timeout.
func isTags(comment []byte) bool {
	if len(comment) < 4 || comment[2] == '+' { // a hint
		return false
	}
	for _, tag := range bytes.Split(comment[2:len(comment)-2], []byte(",")) {
		key, value, ok := bytes.Cut(tag, []byte("='"))
		if !ok || len(key) == 0 || !plain(key) || !bytes.HasSuffix(value, []byte("'")) || !plain(value[:len(value)-1]) {
			return false
		}
	}
	for _, key := range [...]string{parentName, timeoutName, b3Name, sw8Name} {
		if _, to := tag(comment, key); to > 0 {
			return true
		}
	}
	return false
}

// plain reports whether a text has only what URL encoding leaves.
func plain(b []byte) bool {
	for _, c := range b {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' || c == '%' || c == '~' || c == '+') {
			return false
		}
	}
	return true
}

// trace begins the trace of the statement under way, if it is sampled.
func (s *Session) trace() {
	if s.srv.Tracer != nil {
		s.traced = s.srv.Tracer.Begin(s.caller.parent, s.observed.Began)
	}
}

// planned notes that the statement under way has its plan.
func (s *Session) planned() {
	if s.traced != nil {
		s.traced.Step("parse and plan", s.observed.Began, time.Now())
	}
}

// follow has the steps be kept with which the transaction will end, where the statement is traced.
func (s *Session) follow() {
	if s.traced != nil {
		s.txn.Follow()
	}
}

// followed notes which transaction over several data sources the statement under way has ended, and how.
func (s *Session) followed() {
	if !s.txn.Spread() {
		return
	}
	s.observed.Transaction = s.txn.Name()
	if s.traced != nil {
		s.traced.Transaction(s.txn.GTRID(), s.txn.Phases())
	}
}

// mark puts in front of a unit's text who called, for the server's logs. Prepared statements carry nothing: each text would be
// another statement. over is to be told of the answer's end; nil: nobody wants to know.
func (s *Session) mark(x *execution, dataSource string, u *exec.Unit) (over func(failed bool)) {
	var parent string
	if s.traced != nil {
		parent, over = s.traced.Shard(dataSource)
	}
	if u.Form != exec.TextRows || !cacheable[x.st.parsed.Kind] || parent == "" && s.caller.comment == nil {
		return over
	}
	marked := make([]byte, 0, len(u.SQL)+len(s.caller.comment)+2*len(parent)+32)
	u.SQL = append(append(appendMarked(marked, s.caller.comment, parent), ' '), u.SQL...)
	return over
}

// appendMarked appends a caller's comment, with a span as the parent of what the server does; "": as it is.
func appendMarked(out, comment []byte, parent string) []byte {
	if parent == "" {
		return append(out, comment...)
	}
	if from, to := tag(comment, b3Name); to > 0 {
		comment = slices.Concat(comment[:from], []byte(tracecontext.B3(parent)), comment[to:])
	}
	if from, to := tag(comment, parentName); to > 0 {
		return append(append(append(out, comment[:from]...), parent...), comment[to:]...)
	}
	out = append(append(append(out, "/*"+parentName+"='"...), parent...), '\'')
	if comment == nil {
		return append(out, "*/"...)
	}
	return append(append(out, ','), comment[len("/*"):]...)
}
