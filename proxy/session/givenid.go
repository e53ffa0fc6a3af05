package session

import (
	"context"
	"strconv"

	"github.com/heddle-mesh/heddle/parser"
)

// The insert id of an answer is one that the server has generated, or one that the client gave: only the first kind is what
// LAST_INSERT_ID() is from then on.

// generated takes note of the insert id of a statement that one server ran, before which LAST_INSERT_ID() was before. Where
// the id may have come with its row, the server is asked.
func (s *Session) generated(ctx context.Context, x *execution, h *held, id, before uint64) error {
	if mayGive(x, id) {
		_, row, err := oneRow(ctx, h, "LAST_INSERT_ID()")
		if err != nil {
			return err
		}
		if string(row[0]) != strconv.FormatUint(id, 10) { // nor is it before: the connection's own may be another session's
			s.diag.lastID = before
			return nil
		}
	}
	h.lease.Generated(s.state, id)
	return nil
}

// mayGive reports whether rows of an INSERT may have come with that id: from its query, or as one of its constants.
func mayGive(x *execution, id uint64) bool {
	st := x.st.parsed
	if st.Kind != parser.Insert && st.Kind != parser.Replace || st.Uses.Has(parser.UseLastInsertIDArg) {
		return false
	}
	return st.Clauses == nil || st.Clauses.Source != nil || x.args.holds(strconv.FormatUint(id, 10), false)
}
