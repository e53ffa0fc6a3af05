package session

import (
	"context"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router/plan"
)

// A cursor of one shard lives in that shard, on a connection that stays with the session until the cursor is closed.
// A result that the proxy merges has none: it is sent at once, which the protocol allows a server that opens no
// cursor.

const cursorPin = "open cursor"

// cursorCan reports whether a statement's cursor can be its shard's.
func (s *Session) cursorCan(x *execution) bool {
	if x.plan == nil || x.st.parsed.Kind != parser.Select {
		return false
	}
	_, ok := x.plan.Root.(*plan.Route)
	return ok
}

// openCursor runs the statement with a cursor on its shard.
func (s *Session) openCursor(ctx context.Context, stmt *prepared, x *execution) error {
	defer s.settle(ctx)
	if err := s.enter(ctx, x); err != nil {
		return s.writeError(err)
	}
	if err := s.pass(ctx, x); err != nil {
		return s.writeError(err)
	}
	route, ok := x.plan.Root.(*plan.Route)
	if !ok { // by other rules than those that it was looked up under
		return s.run(ctx, x)
	}
	x.need = needs(x.st.parsed)
	units, err := s.router.Route(ctx, route, x.args)
	if err != nil {
		return s.writeError(err)
	}
	if len(units) != 1 {
		if err := s.runTree(ctx, x, route); err != nil {
			return s.writeError(err)
		}
		return nil
	}
	if err := s.startCursor(ctx, stmt, x, route, &units[0]); err != nil {
		return s.writeError(err)
	}
	return nil
}

func (s *Session) startCursor(ctx context.Context, stmt *prepared, x *execution, route *plan.Route, unit *plan.RouteUnit) error {
	sql, params, err := s.sql(x, route.Template, unit)
	if err != nil {
		return err
	}
	h, err := s.hold(ctx, unit.Target.DataSource, unit.Target.Schema, x.need)
	if err != nil {
		return err
	}
	conn := h.lease.Conn()
	shard, err := conn.PrepareOwn(ctx, string(sql))
	if err != nil {
		return s.failed(ctx, h, route, unit.Target, err)
	}
	execute := wire.StmtExecute{StatementID: shard.ID, Flags: wire.CursorReadOnly, Params: params}
	if err := conn.SendMessage(ctx, &execute); err != nil {
		return s.failed(ctx, h, route, unit.Target, err)
	}
	answer := exec.NewAnswer(conn, exec.BinaryRows)
	head, err := answer.Begin()
	if err != nil || head != exec.HeadRows {
		conn.CloseStmt(shard)
		if err == nil {
			err = sqlerr.Internal("a cursor over a statement without rows")
		}
		return s.failed(ctx, h, route, unit.Target, err)
	}
	open, err := answer.RelayCursor(s.client, s.renamer(x.plan, route, unit.Target))
	if err != nil {
		return s.failed(ctx, h, route, unit.Target, err)
	}
	if !open {
		conn.CloseStmt(shard) // the server sent the rows at once
		return s.relayRest(answer)
	}
	stmt.cursor = &cursor{h: h, stmt: shard}
	s.pinned(h, cursorPin)
	return s.clientError(s.sendEnd(&answer.OK))
}

// relayRest passes on the rows that a server sends although a cursor was asked for.
func (s *Session) relayRest(answer *exec.Answer) error {
	if err := s.endOfColumns(0); err != nil {
		return s.clientError(err)
	}
	rows, err := answer.RelayRows(s.client)
	if err != nil {
		return err
	}
	s.diag.rowsSent(uint64(rows))
	return s.clientError(s.sendEnd(&answer.OK))
}

// comStmtFetch passes on the next rows of a cursor.
func (s *Session) comStmtFetch(ctx context.Context, payload []byte) error {
	fetch, err := wire.ParseStmtFetch(payload)
	if err != nil {
		return s.writeError(err)
	}
	stmt := s.prepared.byID[fetch.StatementID]
	if stmt == nil {
		return s.writeError(sqlerr.UnknownStatement(fetch.StatementID, "mysqld_stmt_fetch"))
	}
	if stmt.cursor == nil || stmt.cursor.h.lease.Conn().Broken() {
		return s.writeError(sqlerr.NoCursor(fetch.StatementID))
	}
	defer s.settle(ctx)
	c := stmt.cursor
	conn := c.h.lease.Conn()
	if err := conn.SendMessage(ctx, &wire.StmtFetch{StatementID: c.stmt.ID, Rows: fetch.Rows}); err != nil {
		return s.writeError(err)
	}
	answer := exec.NewAnswer(conn, exec.BinaryRows)
	if _, err := answer.RelayRows(s.client); err != nil {
		return s.writeError(err)
	}
	if answer.OK.Status.Has(wire.StatusLastRowSent) {
		s.closeCursor(ctx, stmt)
	}
	return s.sendEnd(&answer.OK)
}

// closeCursor ends a statement's cursor, if it has one, and lets go of its connection.
func (s *Session) closeCursor(_ context.Context, stmt *prepared) {
	c := stmt.cursor
	if c == nil {
		return
	}
	stmt.cursor = nil
	c.h.lease.Conn().CloseStmt(c.stmt)
	for _, other := range s.prepared.byID {
		if other.cursor != nil && other.cursor.h == c.h {
			return
		}
	}
	c.h.unpin(cursorPin)
}

// clientError marks a failure to write to the client.
func (s *Session) clientError(err error) error {
	if err == nil {
		return nil
	}
	return &exec.ClientError{Err: err}
}
