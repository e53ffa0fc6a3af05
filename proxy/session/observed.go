package session

import (
	"time"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/digest"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// observed is what the Meter is told of the statement under way when it has ended. It is filled in by the session's
// goroutine as it runs, and costs no clock but the two that each command has anyway.
type observed struct {
	digest.Execution
	open   bool
	sentAt int64 // bytes that the client had been sent before
}

// observe begins with a statement of the command under way; a statement before it in the same command has ended then.
func (s *Session) observe() {
	began := s.since // read by this goroutine, which alone writes it
	if s.observed.open {
		began = time.Now()
		s.observedEnd(began, s.pinReasons())
	}
	o := &s.observed
	o.open, o.sentAt = true, s.client.Sent()
	o.Cell, o.Parsed, o.Opcode, o.Began = nil, nil, digest.Local, began
	s.trace()
	o.Transaction = xa.GTRID{}
	o.Planning, o.Shards, o.Shipped, o.Returned, o.Code = 0, 0, 0, 0, 0
}

// runs notes which statement it is.
func (o *observed) runs(st *Statement) {
	o.Cell, o.Parsed, o.Opcode = &st.counted, st.parsed, st.opcode
}

// reads notes what the text under way says, which is all that is known of one that is refused when it is planned.
func (o *observed) reads(parsed *parser.Statement) {
	if o.Parsed == nil {
		o.Parsed = parsed
	}
}

// observeRefused begins with a statement that could not be prepared, for it to be counted: a client will not run it.
func (s *Session) observeRefused() {
	parsed := s.observed.Parsed
	s.observe()
	s.observed.Parsed = parsed
}

// observedEnd tells the Meter of the statement that has ended.
func (s *Session) observedEnd(now time.Time, pins string) {
	o := &s.observed
	if !o.open {
		return
	}
	o.open = false
	if o.Shards <= 1 && (o.Opcode == digest.Scatter || o.Opcode == digest.Write) {
		o.Opcode = digest.Single
	}
	o.Schema, o.Connection, o.User, o.Host, o.Text, o.Pins = s.db, s.id, s.who.User, s.who.Host, s.shown, pins
	o.Took, o.Bytes = now.Sub(o.Began), s.client.Sent()-o.sentAt
	if o.TraceID = ""; s.traced != nil {
		o.TraceID = s.traced.ID()
	}
	s.srv.Meter.Ended(&o.Execution)
	if s.traced != nil {
		s.traced.End(&o.Execution)
		s.traced = nil
	}
	o.Cell, o.Parsed, o.Text = nil, nil, nil // an idle session holds nothing of its last statement
}

// planning adds the time until the result is called to what the statement under way was planned for.
func (s *Session) planning() func() {
	began := time.Now()
	return func() { s.observed.Planning += time.Since(began) }
}

// opcodeOf is how a plan runs where it runs on several shards.
func opcodeOf(p *plan.Plan, parsed *parser.Statement) digest.Opcode {
	switch p.Root.(type) {
	case *plan.Gather, *plan.ByKey, *plan.Keeping, *plan.Transfer:
		return digest.Parts
	case *plan.DDL, *plan.DropEach:
		return digest.DDL
	}
	switch {
	case parsed.DDL != nil:
		return digest.DDL
	case p.Write && parsed.Kind != parser.Select:
		return digest.Write
	}
	return digest.Scatter
}
