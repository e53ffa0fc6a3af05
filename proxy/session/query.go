package session

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router"
	"github.com/heddle-mesh/heddle/router/plan"
)

// comQuery runs the statements of a COM_QUERY, one after the other, up to the first that fails.
func (s *Session) comQuery(ctx context.Context, payload []byte) error {
	q, err := wire.ParseQuery(payload, s.client.Caps)
	if err != nil {
		return s.writeError(err)
	}
	text := s.called(q.SQL, q.Attrs)
	if limit, ok := s.limits(s.caller.comment, q.Attrs); ok {
		if err := s.bound(limit); err != nil {
			return s.writeError(err)
		}
		defer s.unbound()
	}
	for first := true; ; first = false {
		rest, err := s.query(ctx, text, first)
		if err != nil || rest == nil {
			return err
		}
		text = rest
	}
}

// query runs the first statement of text and returns what follows it, nil at the end: after the last statement and
// after one that failed. An error it returns is the client connection's.
func (s *Session) query(ctx context.Context, text []byte, first bool) (rest []byte, err error) {
	s.observe()
	s.showing(text)
	st, err := s.lookup(ctx, text)
	s.planned()
	if s.scan.Empty && s.scan.Next >= 0 {
		err = s.wrongAt(text, s.scan.End) // servers know an empty statement at the end only
	}
	if err == nil && s.scan.Next >= 0 {
		if !s.client.Caps.Has(wire.CapMultiStatements) {
			err = s.wrongAt(text, s.scan.Next)
		} else {
			rest = text[s.scan.Next:]
			if first { // the client's buffer is read into where one of the statements loads its file
				rest = append([]byte(nil), rest...)
			}
		}
	}
	if err == nil && s.scan.Comment >= 0 && s.client.Caps.Has(wire.CapMultiStatements) {
		rest = append([]byte(nil), text[s.scan.Comment:]...)
	}
	if err != nil {
		s.diag.reset()
		return nil, s.writeError(err)
	}
	s.more = rest != nil
	s.observed.runs(st)
	release, err := s.admit(ctx)
	if err != nil {
		return nil, s.writeError(err)
	}
	defer release()
	s.srv.Meter.Statement(st.parsed.Kind)
	failed := s.failures()
	x := s.reuse(execution{st: st, plan: st.plan, form: exec.TextRows, own: st.argsOf(&s.scan, text[:s.scan.End])})
	defer s.forgetOwn()
	if err := s.execute(ctx, x); err != nil {
		return nil, err
	}
	if s.failures() != failed {
		return nil, nil
	}
	return rest, nil
}

// execute runs one statement, the session's own or one for the shards, and writes its answer.
func (s *Session) execute(ctx context.Context, x *execution) error {
	kind := x.st.parsed.Kind
	s.diag.begin(x.st.parsed, s.srv.Flavour.MariaDB)
	s.wish = x.st.wish
	if len(s.held) > 0 || x.st.turn != 0 {
		s.obscure(kind)
		if err := s.mayMeet(ctx, x); err != nil {
			return s.writeError(err)
		}
	}
	s.turn++
	if x.st.known != nil {
		defer s.know(x.st.known)()
	}
	if s.xa != nil {
		if err := s.inXA(x); err != nil {
			return s.writeError(err)
		}
	}
	if err := s.mourn(kind); err != nil {
		return s.writeError(err)
	}
	if err := s.mayRun(x.st.parsed); err != nil {
		return s.writeError(err)
	}
	if formatHeddle(x.st.parsed) {
		return s.explain(ctx, x)
	}
	if s.tracking.state {
		s.trackKind(x)
	}
	if x.st.parsed.Prefix.Present() {
		defer s.trackStated(ctx, x)()
		if done, err := s.runStated(ctx, x); done {
			return err
		}
		if done, err := s.runStatedOwn(ctx, x); done {
			return err
		}
	}
	if x.st.settles {
		if done, err := s.runSettled(ctx, x); done {
			return err
		}
	}
	if x.plan != nil {
		return s.run(ctx, x)
	}
	if err := s.wellFormed(ctx, x); err != nil {
		return s.writeError(err)
	}
	if handler := s.srv.own[kind]; handler != nil {
		err := handler(s, ctx, x)
		if kind == parser.Set && x.st.parsed.Uses.Has(parser.UseSubquery) {
			s.diag.unfound(foundElsewhere)
		}
		return err
	}
	if handler := s.ownShow(x.st.parsed); handler != nil {
		return handler(s, ctx, x)
	}
	if asks, err := s.asksSystem(x.st.parsed); err == nil && asks {
		return s.runSystem(ctx, x)
	}
	return s.runSubstituted(ctx, x)
}

// handler answers a statement that is the session's own business.
type handler func(s *Session, ctx context.Context, x *execution) error

// admit waits for the statement's turn.
func (s *Session) admit(ctx context.Context) (release func(), err error) {
	if s.srv.Admitter == nil {
		return func() {}, nil
	}
	return s.srv.Admitter.Admit(ctx, s.who.User)
}

// failures counts the statements that ended with an error.
func (s *Session) failures() int { return s.errors }

// maxShown is how much of a statement SHOW PROCESSLIST keeps, bytes.
const maxShown = 1024

// showing notes the statement for SHOW PROCESSLIST. The text is cut and copied: it belongs to the client's buffer.
func (s *Session) showing(text []byte) {
	if len(text) > maxShown {
		text = text[:maxShown]
	}
	s.mu.Lock()
	s.shown = append(s.shown[:0], text...)
	s.mu.Unlock()
}

// syntaxError turns a text that cannot be cut into tokens into what the server would say.
func syntaxError(err error) error {
	if sqlerr.As(err) != nil {
		return err
	}
	return sqlerr.Syntax(err.Error())
}

// cutError is syntaxError of a text that the client has sent. What is wrong before the place where it ends too early, a server knows.
func (s *Session) cutError(ctx context.Context, text []byte, err error) error {
	if !bytes.Contains(text, []byte(";")) {
		if ds, schema, none := s.home(); none == nil {
			at := &router.NeedColumns{Target: &plan.Target{DataSource: ds, Schema: schema, Database: s.db}, Route: &plan.Route{}, SQL: string(text)}
			if _, said := s.describe(ctx, at); sqlerr.As(said) != nil && sqlerr.As(said).Code == sqlerr.CodeSyntax {
				return said
			}
		}
	}
	if at, ok := errors.AsType[*parser.TextError](err); ok && at.Pos <= len(text) {
		return s.wrongAt(text, at.Pos)
	}
	return syntaxError(err)
}

// wrongAt is a server's error of a text that is wrong from a byte on.
func (s *Session) wrongAt(text []byte, at int) error {
	return sqlerr.SyntaxAt(map[bool]string{true: "MariaDB", false: "MySQL"}[s.srv.Flavour.MariaDB], string(text), at)
}

// wrongAsWritten is a server's error of a text with actual names in it, as it is of the client's own.
func (s *Session) wrongAsWritten(ctx context.Context, x *execution, err error) error {
	e, route := sqlerr.As(err), plan.Leaf(x.plan.Root)
	if e == nil || e.Code != sqlerr.CodeSyntax || !x.plan.Rename || route == nil || len(route.Targets) == 0 {
		return err
	}
	return s.asWritten(ctx, x.st.parsed, &router.NeedColumns{Target: &route.Targets[0], Route: route, Own: x.st.parsed.Text}, err)
}

// isEOF reports the end of rows. An error that has io.EOF inside is another thing: a connection that ended too early.
func isEOF(err error) bool { return err == io.EOF }
