package session

import (
	"github.com/heddle-mesh/heddle/proxy/exec"
)

// keepStatement tells the transaction what is about to be sent to a branch and may write, where that is kept with the decision.
func (s *Session) keepStatement(x *execution, h *held, u *exec.Unit) {
	if s.txn == nil || !h.branch || !s.txn.KeepsStatements() || changesNothing(x) {
		return
	}
	text := append([]byte(nil), u.SQL...)
	for i, p := range u.Params {
		if i == 0 {
			text = append(text, " -- with "...)
		} else {
			text = append(text, ", "...)
		}
		text = p.Value.AppendSQL(text)
	}
	s.txn.Sending(h, string(text))
}

// ran tells how many rows it has changed.
func (s *Session) ran(h *held, rows uint64) {
	if s.txn != nil && h.branch && s.txn.KeepsStatements() {
		s.txn.Ran(h, rows)
	}
}
