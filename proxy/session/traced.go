package session

import (
	"bytes"
	"time"

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
	if from, to := traceparent(s.caller.comment); to > from {
		s.caller.parent = string(s.caller.comment[from:to])
	}
	for i := range attrs {
		if attrs[i].Name == "traceparent" {
			s.caller.parent = string(attrs[i].Value.Bytes)
		}
	}
	if s.caller.parent == "" {
		s.caller.parent = s.who.Attributes["traceparent"]
	}
	return text
}

const parentKey = "traceparent='"

// traceparent is where a comment has the value.
func traceparent(comment []byte) (from, to int) {
	at := bytes.Index(comment, []byte(parentKey))
	if at < 0 {
		return 0, 0
	}
	from = at + len(parentKey)
	return from, from + max(bytes.IndexByte(comment[from:], '\''), 0)
}

// cutComment cuts the comment off that a text ends with, if it is one of sqlcommenter's with a traceparent or a timeout. What may be inside of
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

// isTags reports whether a comment is key='value',… with a traceparent or a timeout.
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
	return bytes.Contains(comment, []byte(parentKey)) || bytes.Contains(comment, []byte(timeoutKey))
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
	c := s.caller.comment
	marked := make([]byte, 0, len(u.SQL)+len(c)+len(parentKey)+len(parent)+8)
	switch from, to := traceparent(c); {
	case parent == "":
		marked = append(marked, c...)
	case c == nil:
		marked = append(append(append(append(marked, "/*"...), parentKey...), parent...), "'*/"...)
	default:
		marked = append(append(append(marked, c[:from]...), parent...), c[to:]...)
	}
	u.SQL = append(append(marked, ' '), u.SQL...)
	return over
}
