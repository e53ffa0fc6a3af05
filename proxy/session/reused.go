package session

import (
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/proxy/merge"
)

// reused is what each statement needs one of, kept from one to the next: on the fast path they were four fifths of the
// bytes that had to be collected. Each is emptied when its statement has ended, so that an idle session holds nothing of
// it, and what should still point there finds nothing rather than another statement's.
type reused struct {
	execution execution       // of a command's own statement; those that run inside of one have theirs
	answer    exec.Answer     // of a single unit
	held      *held           // one that has been given back; nil: there is none
	budgets   []*merge.Budget // of the statement under way and those inside of it, with what they still hold
}

// reuse is a command's own statement, until forgetOwn.
func (s *Session) reuse(x execution) *execution {
	own := &s.reused.execution
	*own = x
	own.args = &own.own
	return own
}

func (s *Session) forgetOwn() {
	s.reused.execution, s.reused.answer = execution{}, exec.Answer{}
	for _, b := range s.reused.budgets {
		b.Close()
	}
	clear(s.reused.budgets)
	s.reused.budgets = s.reused.budgets[:0]
}

// queryBudget is what a statement may hold of memory. It is closed when the command's own statement has ended, however that ends.
func (s *Session) queryBudget() *merge.Budget {
	b := merge.NewBudget(s.config.QueryMemory, "memory.query", s.memory)
	s.reused.budgets = append(s.reused.budgets, b)
	return b
}

// hold is a connection that nothing keeps yet.
func (r *reused) hold(lease *backend.Lease, dataSource string) *held {
	h := r.held
	if h == nil {
		h = new(held)
	}
	r.held = nil
	*h = held{lease: lease, dataSource: dataSource}
	return h
}

// giveBack takes a connection that has been released, unless somebody may ask it for its name yet: the error of a COMMIT does,
// after the statement. No KILL looks at it any more: the caller has the session's mu.
func (r *reused) giveBack(h *held) {
	if !h.known {
		*h = held{}
		r.held = h
	}
}
