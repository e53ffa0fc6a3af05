package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/txn"
)

// ownStatus are the status flags that are the session's own, whatever a backend's say.
const ownStatus = wire.StatusInTrans | wire.StatusAutocommit | wire.StatusMoreResults | wire.StatusInTransReadonly |
	wire.StatusNoBackslashEscapes | wire.StatusAnsiQuotes | wire.StatusSessionStateChanged

// serverStatus replaces the flags of a backend that are the session's business.
func (s *Session) serverStatus(backend wire.Status) wire.Status {
	st := backend &^ ownStatus
	if s.autocommit {
		st |= wire.StatusAutocommit
	}
	if s.txn != nil && !s.unseen {
		st |= wire.StatusInTrans
		if s.txn.Options().ReadOnly {
			st |= wire.StatusInTransReadonly
		}
	}
	if s.more {
		st |= wire.StatusMoreResults
	}
	if s.statesMode {
		return st | backend&(wire.StatusNoBackslashEscapes|wire.StatusAnsiQuotes)
	}
	return st | s.modeStatus()
}

// sendOK writes an OK with the session's status.
func (s *Session) sendOK(ok *wire.OK) error {
	ok.Status = s.serverStatus(ok.Status)
	s.trackTransaction()
	if s.tracking.changed {
		ok.Track = s.told()
	}
	return s.ended(ok.Status, s.client.Finish(ok.AppendPayload(s.client.Start(), s.client.Caps))) // not Send: that allocates
}

// ended notes that an answer has ended, unless another result follows: nothing can be written behind it then, whatever
// fails later.
func (s *Session) ended(status wire.Status, err error) error {
	if err == nil && !status.Has(wire.StatusMoreResults) {
		s.client.Complete()
	}
	return err
}

// sendEnd writes the packet after the last row.
func (s *Session) sendEnd(ok *wire.OK) error {
	end := wire.ResultEnd{OK: wire.OK{Status: s.serverStatus(ok.Status), Warnings: ok.Warnings, Info: ok.Info}}
	if s.client.Caps.Has(wire.CapDeprecateEOF) {
		s.trackTransaction()
	}
	if s.tracking.changed {
		if s.tracking.changed = false; s.client.Caps.Has(wire.CapDeprecateEOF) {
			end.Track = s.told()
		}
	}
	return s.ended(end.Status, s.client.Finish(end.AppendPayload(s.client.Start(), s.client.Caps)))
}

// writeError is the one edge at which errors become ERR packets. An error of the client's own connection is returned,
// since nobody is left to read it, and so is one that comes when the answer has ended: the client cannot be told any
// more, and must not go on in a session of which it believes otherwise. Whatever was to follow in a multi-statement does not.
func (s *Session) writeError(err error) error {
	var client *exec.ClientError
	if errors.As(err, &client) {
		return err
	}
	if s.client.Completed() {
		return fmt.Errorf("session: after the end of an answer: %w", err)
	}
	s.more, s.tracking.changed = false, false
	s.errors++
	e := s.readable(s.inFlavour(s.translate(err)))
	s.parted = s.parted || s.killState() == killConnection
	s.diag.failed(e)
	if partial, ok := errors.AsType[*txn.PartialError](err); ok {
		s.warnPartial(partial)
	}
	s.srv.Meter.Failed(e.Code)
	s.observed.Code = e.Code
	if s.killState() == killConnection {
		_ = s.conn.SetWriteDeadline(time.Now().Add(lastWrite)) // the server may have taken its time to end the statement
	}
	return s.ended(0, s.client.Send(wire.Err{Error: e}))
}

const codeXATemporary = 4091 // ER_XA_TEMP_TABLE

// inFlavour is an error as MySQL has it, and a refusal of what a MySQL server cannot do in a branch that any connection may finish: a
// client's transaction on one server could.
func (s *Session) inFlavour(e *sqlerr.Error) *sqlerr.Error {
	switch {
	case s.srv.Flavour.MariaDB:
	case e.Code == codeXATemporary && s.xa == nil:
		return sqlerr.XATemporary()
	case e.Code == sqlerr.CodeReadOnlyTxn && !strings.HasSuffix(e.Msg, "."):
		return sqlerr.New(e.Code, e.State, e.Msg+".")
	}
	return e
}

// readable writes what Heddle's own refusals have beyond ASCII in the client's charset: every charset has three dots.
func (s *Session) readable(e *sqlerr.Error) *sqlerr.Error {
	if e.Code != sqlerr.CodeNotSupportedYet || strings.HasPrefix(s.resultsCharset(), "utf8") || !strings.Contains(e.Msg, "…") {
		return e
	}
	return sqlerr.New(e.Code, e.State, strings.ReplaceAll(e.Msg, "…", "..."))
}

// translate finds what a client is to see of an error.
func (s *Session) translate(err error) *sqlerr.Error {
	if e := decidedError(err); e != nil {
		return e
	}
	if s.killState() != alive {
		// That it was interrupted says that it is not done: not of what was lost on the way.
		if lost, ok := errors.AsType[*backend.Error](err); ok && lost.Sent {
			why := lost.Err.Error()
			if errors.Is(err, backend.ErrInterrupted) {
				why = "it was killed, and the server could not be told"
			}
			return sqlerr.BackendLost(lost.DataSource, why)
		}
		if s.drains() {
			return sqlerr.ShuttingDown()
		}
		if s.wasLate() {
			return s.late()
		}
		return sqlerr.Interrupted()
	}
	if e := commitError(err); e != nil {
		return e
	}
	if e := sqlerr.As(err); e != nil {
		return e
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return sqlerr.Interrupted()
	}
	return sqlerr.Internal(err.Error())
}

// writeRows writes a stream of rows as a result set and closes it. end is asked for warnings and status after the
// last row.
func (s *Session) writeRows(ctx context.Context, rows merge.RowStream, form exec.Form, end func() *wire.OK) error {
	defer func() { _ = rows.Close() }() // by then the answer has ended
	columns := rows.Columns()
	if err := s.sendColumns(columns); err != nil {
		return err
	}
	var sent uint64
	for {
		row, err := rows.Next(ctx)
		if isEOF(err) {
			break
		}
		if err == nil {
			err = s.sendRow(columns, row, form)
		}
		if err != nil {
			return s.writeError(err)
		}
		sent++
	}
	s.diag.rowsSent(sent)
	s.observed.Returned += sent
	return s.sendEnd(end())
}

func (s *Session) sendColumns(columns []sqltypes.Column) error {
	if err := s.client.Send(&wire.ColumnCount{Columns: len(columns)}); err != nil {
		return err
	}
	for i := range columns {
		if err := s.client.Finish(wire.AppendColumn(s.client.Start(), &columns[i], s.client.Caps)); err != nil {
			return err
		}
	}
	return s.endOfColumns(0)
}

// endOfColumns writes the EOF between definitions and rows for clients that expect one.
func (s *Session) endOfColumns(warnings uint16) error {
	if s.client.Caps.Has(wire.CapDeprecateEOF) {
		return nil
	}
	return s.client.Finish(wire.AppendEOF(s.client.Start(), warnings, s.serverStatus(0), s.client.Caps))
}

// sendRow writes a row. An error that is not the client's connection's is to be told in its place.
func (s *Session) sendRow(columns []sqltypes.Column, row sqltypes.Row, form exec.Form) error {
	b := s.client.Start()
	if form == exec.TextRows {
		return s.clientError(s.client.Finish(wire.AppendTextRow(b, row)))
	}
	b, err := wire.AppendBinaryRow(b, columns, row)
	if err != nil {
		s.client.Abandon()
		return err
	}
	return s.clientError(s.client.Finish(b))
}

// sendAffected answers a statement of the session's own that has changed n rows, with its warnings.
func (s *Session) sendAffected(n uint64) error {
	s.diag.rowCount = int64(n)
	return s.sendOK(&wire.OK{AffectedRows: n, Warnings: s.diag.count()})
}
