package session

import (
	"context"
	"errors"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/txn"
)

// What a stored program, or a statement that fails on its way, leaves in the session of its server is taken over: no other client
// may find it there.

// programPin is the planner's reason to keep a connection on which a stored program has run.
const programPin = "stored program"

// toldVars are the variables of which servers tell unasked that a program has set them, but not in an ERR.
var toldVars = []string{"@@autocommit", "@@character_set_client", "@@character_set_results", "@@character_set_connection", "@@collation_connection", "@@time_zone", "@@last_insert_id"}

// leftBehind takes over what a statement has set before it failed, as from one that has not: it is the session's and nobody
// else's.
func (s *Session) leftBehind(ctx context.Context, x *execution, h *held, failed error) {
	var client *exec.ClientError
	if errors.As(failed, &client) || h.lease.Conn().Broken() {
		return
	}
	var err error
	if x.plan.Pin == programPin {
		s.pinned(h, programPin)
		s.strayed = true
		err = s.adopt(ctx, h, toldVars, nil)
	}
	if err == nil && (assignsUserVars(x) || saysLastInsertID(x.st.parsed)) {
		err = s.readBackAssigned(ctx, x, h)
	}
	if err != nil {
		h.lease.Conn().Taint("what a statement has set before it failed")
	}
}

// saysLastInsertID reports whether LAST_INSERT_ID() may be another one after a statement that has failed: what
// LAST_INSERT_ID(expr) has said stays, and so does the id of a row of INSERT … RETURNING.
func saysLastInsertID(st *parser.Statement) bool {
	return st.Uses.Has(parser.UseLastInsertIDArg) || returnsInserted(st)
}

// saidInVain is what is left of a statement that has failed on the connection that the proxy ran it on by itself.
func (s *Session) saidInVain(ctx context.Context, st *parser.Statement, h *held) {
	if h == nil || !h.used || !saysLastInsertID(st) || h.lease.Conn().Broken() || h.lease.Conn().Busy() {
		return
	}
	if id, err := oneNumber(ctx, h, "LAST_INSERT_ID()"); err == nil { // else the client is told of the failure of its own statement
		s.diag.lastID = id
	}
}

// runsProgram reports whether a statement runs a stored program, or is one.
func runsProgram(x *execution) bool {
	kind := x.st.parsed.Kind
	return kind == parser.Call || kind == parser.Compound || x.plan.Program != nil
}

// followProgram makes variables that a program has set the session's, as far as its server tells of them: those that are set back
// when a connection is handed over. Others stay with the connection, and that with the session.
func (s *Session) followProgram(track []byte) {
	if len(track) == 0 {
		return
	}
	// What cannot be read has made the connection a tainted one.
	_ = wire.SessionChanges(track, func(c wire.SessionChange) bool {
		name, value := string(c.Name), string(c.Value)
		switch {
		case c.Kind != wire.ChangeVariable, name == backend.LastGTID:
			return true
		case name == "autocommit":
			s.switchAutocommit(value == "ON")
		case value == "" && name == "character_set_results":
			s.state.SetVar(name, "NULL")
		default:
			s.state.SetVar(name, quoted(value))
		}
		if s.tracking.wants(name) {
			s.tracking.set(name, value)
			s.tracking.changed = true
		}
		s.trackState()
		return true
	})
	s.modeChanged()
}

// followTransaction takes note of what a stored program has done to the transaction: it can end the one that is open on
// its server, and leave one open.
func (s *Session) followTransaction(x *execution, t *plan.Target, ok *wire.OK) {
	if kind := x.st.parsed.Kind; kind != parser.Call && kind != parser.Compound || ok.Status.Has(wire.StatusMoreResults) {
		return
	}
	s.strayed = true
	h, open := s.find(t.DataSource), ok.Status.Has(wire.StatusInTrans)
	switch {
	case h == nil:
	case open && s.txn == nil:
		s.txn = s.newTransaction(txn.Options{})
		s.txn.Adopt(h)
		h.branch, h.known = true, true
	case !open && s.txn != nil && h.branch && len(s.txn.Branches()) == 1:
		s.endTransaction()
	}
}
