package session

import (
	"context"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/txn"
)

// A cursor of one shard lives in that shard, on a connection that stays with the session until the cursor is closed.
// A result that the proxy merges has none: it is sent at once, which the protocol allows a server that opens no
// cursor.

const cursorPin = "open cursor"

// leavesMore are what a statement leaves in the session beside its rows, which is read when they have been sent.
const leavesMore = parser.UseUserVarWrite | parser.UseLastInsertIDArg | parser.UseCalcFoundRows

// cursorUnit is where a statement's cursor can be its shard's; nil: it runs without one, as any other.
func (s *Session) cursorUnit(ctx context.Context, x *execution) *plan.RouteUnit {
	st := x.st.parsed
	if x.plan == nil || st.Kind != parser.Select || st.Prefix.Present() || st.Uses.Has(leavesMore) || x.plan.UserLocks || x.plan.Program != nil ||
		s.locked != nil || s.next != (txn.Options{}) {
		return nil
	}
	route, ok := x.plan.Root.(*plan.Route)
	if !ok {
		return nil
	}
	units, err := s.router.Route(ctx, route, x.args)
	if err != nil || len(units) != 1 {
		return nil
	}
	return &units[0]
}

// openCursor runs the statement with a cursor on its shard, if it can have one.
func (s *Session) openCursor(ctx context.Context, stmt *prepared, x *execution) error {
	if s.cursorUnit(ctx, x) == nil {
		x.stored = true
		err := s.execute(ctx, x)
		if x.st.parsed.Kind == parser.Select && len(x.st.parsed.Tables) == 0 {
			s.diag.unfound(foundByCursor)
		}
		return err
	}
	kind := x.st.parsed.Kind
	s.diag.begin(x.st.parsed, s.srv.Flavour.MariaDB)
	if len(s.held) > 0 {
		s.obscure(kind)
	}
	if err := s.mourn(kind); err != nil {
		return s.writeError(err)
	}
	if err := s.mayRun(x.st.parsed); err != nil {
		return s.writeError(err)
	}
	defer s.settle(ctx)
	if err := s.enter(ctx, x); err != nil {
		return s.writeError(err)
	}
	if err := s.pass(ctx, x); err != nil {
		return s.writeError(err)
	}
	unit := s.cursorUnit(ctx, x)
	if unit == nil { // by other rules than those that it was looked up under
		x.stored = true
		return s.run(ctx, x)
	}
	x.need = needs(x.st.parsed)
	if err := s.startCursor(ctx, stmt, x, x.plan.Root.(*plan.Route), unit); err != nil {
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
		if err := s.relayRest(x, answer); err != nil {
			return err
		}
		_ = s.warnings(ctx, h, route, unit.Target, answer.OK.Warnings)
		return nil
	}
	stmt.cursor = &cursor{h: h, stmt: shard, sent: x.st.found == foundSent && len(x.st.parsed.Tables) > 0}
	s.pinned(h, cursorPin)
	s.diag.opened(stmt.cursor)
	if err := s.clientError(s.sendEnd(&answer.OK)); err != nil {
		return err
	}
	_ = s.warnings(ctx, h, route, unit.Target, answer.OK.Warnings) // the answer has ended; settle sees a broken connection
	return nil
}

// ofCursor is the end of rows that a client has asked a cursor for. A server says nothing of what it has met while it stored them.
func (s *Session) ofCursor(x *execution, ok *wire.OK) *wire.OK {
	if x.stored {
		s.diag.reset()
		ok.Warnings = 0
	}
	return ok
}

// storedAlike refuses rows that one server shows otherwise for a cursor: it stores them first, and rounds what it stores with a fixed
// number of decimals. A column's own values have been stored so.
func storedAlike(columns []sqltypes.Column) error {
	for i := range columns {
		if c := &columns[i]; c.Type.IsFloat() && c.Decimals < wholeDecimals && c.OrgName == "" {
			return sqlerr.NotSupported("a FLOAT or DOUBLE of a fixed number of decimals that is no column, by a cursor over several shards")
		}
	}
	return nil
}

// wholeDecimals is the number of decimals of a FLOAT or DOUBLE that shows all of them.
const wholeDecimals = 31

// relayRest passes on the rows that a server sends although a cursor was asked for.
func (s *Session) relayRest(x *execution, answer *exec.Answer) error {
	if err := s.endOfColumns(0); err != nil {
		return s.clientError(err)
	}
	rows, err := answer.RelayRows(s.client)
	if err != nil {
		return err
	}
	s.diag.rowsSent(uint64(rows))
	s.observed.Shipped += uint64(rows)
	s.observed.Returned += uint64(rows)
	if x.st.found != foundSent {
		s.foundBy(x, uint64(rows))
	}
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
	rows, err := answer.RelayRows(s.client)
	if err != nil {
		return s.writeError(err)
	}
	if c.rows += uint64(rows); answer.OK.Status.Has(wire.StatusLastRowSent) {
		s.diag.ended(c)
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
