package session

import (
	"context"
	"slices"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
)

// pass takes a statement through the gate, with a plan of the rules that are in force inside: they may have changed
// since it was planned, at the latest while it waited. settle leaves, once no transaction needs the tables any more.
func (s *Session) pass(ctx context.Context, x *execution) error {
	if s.visit == nil {
		return nil
	}
	for range maxPlanningRounds {
		if err := s.visit.Enter(ctx, x.plan.Tables); err != nil {
			return err
		}
		if x.st.valid(s.srv.Catalogs.Current(), s.srv.Catalogs.Epoch()) {
			return nil
		}
		if err := s.planAgain(ctx, x, false); err != nil {
			return err
		}
	}
	return sqlerr.Internal("the rules change faster than a statement can be planned")
}

// hasCursor reports whether a cursor is open, which reads on as its statement did.
func (s *Session) hasCursor() bool {
	return slices.ContainsFunc(s.held, func(h *held) bool { return h.pinnedBy(cursorPin) })
}

// cut ends the session, for the gate.
func (s *Session) cut() {
	ctx, cancel := context.WithTimeout(context.Background(), cutTimeout)
	defer cancel()
	s.Kill(ctx, false)
}

// cutTimeout bounds the KILLs that cut sends to backends.
const cutTimeout = 5 * time.Second
