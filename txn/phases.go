package txn

import (
	"errors"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// Step is what one data source was asked for at the end of a distributed transaction, for metrics and traces.
type Step struct {
	DataSource string
	// Phase is what was asked: check, prepare, decide, sole, ask, deliver, close, undo or rescue; of a client's transaction enter, hold and settle too.
	Phase string
	Began time.Time
	Took  time.Duration
	Reply xa.Reply
	Err   error
}

// Phase is steps that are of one kind and followed each other, or were taken at the same time.
type Phase struct {
	Name  string // prepare, decide, deliver or abort
	Began time.Time
	Ended time.Time
	Steps []Step // in the order of their answers
}

// phaseNames are the phases by the steps that they are made of. What has only read is ended together with what is delivered.
var phaseNames = map[string]string{
	"check": "prepare", "prepare": "prepare", "enter": "prepare",
	"decide": "decide", "sole": "decide", "ask": "decide", "hold": "decide", "settle": "decide",
	"deliver": "deliver", "close": "deliver", "rescue": "deliver",
	"undo": "abort",
}

// followed are the steps of a transaction that somebody wants to know. Branches note theirs at the same time.
type followed struct {
	mu    sync.Mutex
	steps []Step
}

// Follow has the steps of the next Commit, Rollback, Prepare, CommitClient or RollbackClient be kept for Phases, if several data sources
// have part in it. Without it nothing is kept.
func (t *Txn) Follow() {
	t.followed = nil
	if t.Spread() {
		t.followed = &followed{}
	}
}

// Phases are those of what has ended since Follow, in their order.
func (t *Txn) Phases() (out []Phase) {
	if t.followed == nil {
		return nil
	}
	t.followed.mu.Lock()
	defer t.followed.mu.Unlock()
	for _, s := range t.followed.steps {
		name, ended := phaseNames[s.Phase], s.Began.Add(s.Took)
		if len(out) == 0 || out[len(out)-1].Name != name {
			out = append(out, Phase{Name: name, Began: s.Began, Ended: ended})
		}
		p := &out[len(out)-1]
		p.Steps = append(p.Steps, s)
		if s.Began.Before(p.Began) {
			p.Began = s.Began
		}
		if ended.After(p.Ended) {
			p.Ended = ended
		}
	}
	return out
}

// note keeps a step, if somebody wants to know.
func (t *Txn) note(s Step) {
	if t.followed == nil {
		return
	}
	t.followed.mu.Lock()
	t.followed.steps = append(t.followed.steps, s)
	t.followed.mu.Unlock()
}

// noted does a step of a client's transaction.
func (t *Txn) noted(dataSource, name string, do func() error) error {
	step := t.manager.observed(dataSource, name, do)
	t.note(step)
	return step.Err
}

// observed does a step of a client's transaction that is ended in whatever session.
func (m *Manager) observed(dataSource, name string, do func() error) Step {
	began := time.Now()
	err := do()
	step := Step{dataSource, name, began, time.Since(began), answered(err), err}
	if m.cfg.Observe != nil {
		m.cfg.Observe(step)
	}
	return step
}

// answered is what an error of a client's transaction means, on a branch or in the log.
func answered(err error) xa.Reply {
	doubt, _ := errors.AsType[*InDoubtError](err)
	switch {
	case err == nil:
		return xa.OK
	case errors.Is(err, ErrFenced):
		return xa.Fenced
	case doubt != nil:
		return xa.Unreached
	case errors.Is(err, ErrDuplicate), errors.Is(err, ErrUnknown), sqlerr.As(err) != nil, txnlog.Code(err) != 0:
		return xa.Refused
	}
	return xa.Lost
}
