package ops

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/heddle-mesh/heddle/governance/journal"
	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/ddl"
	"github.com/heddle-mesh/heddle/router/rule"
)

// ErrBusy is an entry that somebody else is at work on: its own session, another resume, or a server that still runs its
// statement though nobody reads the answer.
var ErrBusy = errors.New("somebody is at work on this entry")

// Resume finishes DDL that is not done on every shard.
type Resume struct {
	Journal *journal.Journal
	Layouts []*rule.Layout // in force
	Pools   *backend.Pools // of their data sources
	DryRun  bool           // look, and say what would be done
	Force   bool           // run the statement too where it cannot be told whether it was done
}

// Step is what was found on one target and what was done about it.
type Step struct {
	Shard      string         `json:"shard"`
	DataSource string         `json:"data_source"`
	Was        journal.Status `json:"was"`
	Found      string         `json:"found"`
	Action     string         `json:"action"` // keep, run, note, none
	Now        journal.Status `json:"now"`
	Error      string         `json:"error,omitempty"`

	definition string
	looked     bool
	err        error
}

// The actions.
const (
	actKeep = "keep" // it was done before
	actNote = "note" // it is done already, which the journal did not know
	actRun  = "run"
	actNone = "none" // nothing: it cannot be told, or the server does not answer
)

// Report is what a Resume did.
type Report struct {
	Entry journal.Entry `json:"-"`
	ID    string        `json:"id"`
	State string        `json:"state"` // of the entry, after it
	Steps []*Step       `json:"steps"`
}

// run is one resume under way.
type run struct {
	*Resume
	entry   journal.Entry
	later   string // an entry that has changed the tables since; ""
	layout  *rule.Layout
	held    map[string]*backend.Lease // with the entry's lock, by data source
	steps   []*Step
	done    string // the definition on shards that have the change
	hasDone bool
	where   string // one of them
}

// Run resumes an entry. What it could do stands in the report, also beside an error.
func (r *Resume) Run(ctx context.Context, id string) (*Report, error) {
	entry, err := r.Journal.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	w := &run{Resume: r, entry: entry, held: map[string]*backend.Lease{}}
	defer w.release(ctx)
	if entry.Finished() {
		return w.report(ctx)
	}
	if err := w.prepare(); err != nil {
		return nil, err
	}
	if err := w.lock(ctx); err != nil {
		return nil, err
	}
	if w.entry, err = r.Journal.Get(ctx, entry.ID); err != nil { // it may have ended while the lock was waited for
		return nil, err
	}
	if w.later, err = w.superseded(ctx); err != nil {
		return nil, err
	}
	w.look(ctx)
	w.reference()
	for i, s := range w.steps {
		w.decide(&w.entry.Targets[i], s)
	}
	if r.DryRun {
		return w.report(ctx)
	}
	w.execute(ctx)
	if err := w.tell(ctx); err != nil {
		return nil, err
	}
	return w.report(ctx)
}

// prepare checks the entry against the rules in force.
func (w *run) prepare() error {
	for _, l := range w.Layouts {
		if l.Database == w.entry.Tables[0].Database {
			w.layout = l
		}
	}
	if w.layout == nil {
		return fmt.Errorf("no rules are in force for the database %s; if it is gone for good: heddle ddl forget %s", w.entry.Tables[0].Database, w.entry.ID)
	}
	for i := range w.entry.Targets {
		t := &w.entry.Targets[i]
		w.steps = append(w.steps, &Step{Shard: t.Where(), DataSource: t.DataSource, Was: t.Status, Now: t.Status})
		if w.layout.DataSource(t.DataSource) == nil {
			return fmt.Errorf("the rules in force do not name the data source %s; if it is gone for good: heddle ddl forget %s", t.DataSource, w.entry.ID)
		}
	}
	return nil
}

// lock takes the entry's lock on every server that answers, in one order. Servers that do not answer are left out.
func (w *run) lock(ctx context.Context) error {
	names := map[string]bool{}
	for i := range w.entry.Targets {
		names[w.entry.Targets[i].DataSource] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		lease, err := w.Pools.Acquire(ctx, name, 0, nil)
		if err == nil {
			err = lease.Apply(ctx, ddl.Neutral(), 0)
		}
		ours := false
		if err == nil {
			ours, err = ddl.Lock(ctx, lease.Conn(), w.entry.ID)
		}
		switch {
		case err != nil:
			if lease != nil {
				lease.Destroy()
			}
			w.unreachable(name, err)
		case !ours:
			lease.Release()
			return fmt.Errorf("%w: the server of %s says so", ErrBusy, name)
		default:
			w.held[name] = lease
		}
	}
	return nil
}

func (w *run) unreachable(dataSource string, err error) {
	for _, s := range w.steps {
		if s.DataSource == dataSource {
			s.Found, s.Error = "the server does not answer", err.Error()
		}
	}
}

// look reads what the tables are on each server.
func (w *run) look(ctx context.Context) {
	for i, s := range w.steps {
		t := &w.entry.Targets[i]
		s.Was, s.Now = t.Status, t.Status
		lease := w.held[t.DataSource]
		if lease == nil {
			continue
		}
		definition, err := ddl.Look(ctx, lease.Conn(), t.Tables, ddl.Renames(w.layout, t.DataSource, t.Schema))
		if err != nil {
			s.Found, s.Error = "the tables cannot be looked at", err.Error()
			continue
		}
		s.definition, s.looked = definition, true
	}
}

// reference finds the definition that the statement makes: that of the shards that are done; without one, that of those
// whose tables are others than before the statement, if they agree.
func (w *run) reference() {
	w.hasDone = w.agree(func(t *journal.Target, _ *Step) bool { return t.Status == journal.Done })
	if !w.hasDone && w.entry.Count(journal.Done) == 0 {
		w.hasDone = w.agree(func(t *journal.Target, s *Step) bool {
			return t.Before != "" && ddl.Digest(s.definition) != t.Before
		})
	}
}

// agree takes the definition of the targets that f chooses, if there are any and they are alike.
func (w *run) agree(f func(*journal.Target, *Step) bool) bool {
	found := false
	for i, s := range w.steps {
		if !s.looked || !f(&w.entry.Targets[i], s) {
			continue
		}
		if found && s.definition != w.done {
			return false
		}
		found, w.done, w.where = true, s.definition, s.Shard
	}
	return found
}

// decide says what a target needs.
func (w *run) decide(t *journal.Target, s *Step) {
	s.Action = actNone
	now := ddl.Digest(s.definition)
	switch {
	case t.Status == journal.Done:
		s.Action, s.Found = actKeep, "done before"
	case !s.looked:
	case t.Before == "":
		s.Found = "what the tables were before is not known"
		w.uncertain(t, s)
	case now != t.Before && w.hasDone && s.definition == w.done:
		s.Action, s.Found = actNote, "it has the change: as on "+w.where
		if w.where == s.Shard {
			s.Found = "it has a change since the statement began"
		}
	case now != t.Before:
		s.Found = "it is neither as before nor as on the shards that are done: somebody has changed it otherwise"
		if ddl.Absent(s.definition) {
			s.Found = "the table does not exist any more"
		}
		w.forced(s)
	case w.entry.Destroys:
		s.Found = "the statement takes rows away and leaves the definition as it is"
		w.uncertain(t, s)
	default:
		s.Action, s.Found = actRun, "it is as before the statement"
	}
	if s.Action == actRun && w.later != "" {
		s.Action = actNone
		s.Found += ", but " + w.later + " has changed the table since, or may have"
		w.forced(s)
	}
}

// superseded is the id of a later entry that has changed one of the tables, as a damaged one may have: what is as before this statement may then be
// so because of that one.
func (w *run) superseded(ctx context.Context) (string, error) {
	all, err := w.Journal.List(ctx)
	if err != nil {
		return "", err
	}
	for _, e := range all {
		if e.ID > w.entry.ID && e.State() != journal.StateFailed && (e.Damaged != "" || slices.ContainsFunc(w.entry.Tables, e.Concerns)) {
			return e.ID, nil
		}
	}
	return "", nil
}

// uncertain is a target whose look says nothing: what is known to have failed is run.
func (w *run) uncertain(t *journal.Target, s *Step) {
	if t.Status == journal.Failed {
		s.Action = actRun
		return
	}
	s.Found += ", so it cannot be told whether it was done"
	w.forced(s)
}

func (w *run) forced(s *Step) {
	if w.Force {
		s.Action = actRun
	}
}

// execute runs the statement where it was decided: on all servers at the same time, on one server in turn.
func (w *run) execute(ctx context.Context) {
	var g errgroup.Group
	for name, lease := range w.held {
		g.Go(func() error {
			for i, s := range w.steps {
				if s.DataSource == name && s.Action == actRun {
					w.runOn(ctx, lease, &w.entry.Targets[i], s)
				}
			}
			return nil
		})
	}
	_ = g.Wait() // what failed stands in the steps
}

// resumeLockWait is how long a resumed statement waits for the table, seconds, unless its session had said otherwise: an
// operator waits for the answer.
const resumeLockWait = "15"

// runOn runs the statement on one target as its session would have, and looks at what it made.
func (w *run) runOn(ctx context.Context, lease *backend.Lease, t *journal.Target, s *Step) {
	state := backend.NewState()
	state.SetVar("lock_wait_timeout", resumeLockWait)
	for name, literal := range w.entry.Vars {
		state.SetVar(name, literal)
	}
	for name, expr := range w.entry.UserVars {
		state.SetUserVar(name, expr)
	}
	state.SetSchema(t.Schema)
	err := lease.Apply(ctx, state, backend.NeedUserVars)
	if err == nil {
		_, err = lease.Conn().Exec(ctx, string(w.entry.Texts[t.Text]))
	}
	s.Now = journal.Done
	if err != nil {
		s.Now, s.Error, s.err = journal.Failed, err.Error(), err
		switch {
		case !lease.Conn().Broken():
			w.refused(ctx, lease, t, s)
		case !backend.SafeToRetry(err):
			s.Now = journal.Unknown
		}
		return
	}
	w.verify(ctx, lease, t, s)
}

// refused is a statement that the server did not take, perhaps because the shard had the change all along.
func (w *run) refused(ctx context.Context, lease *backend.Lease, t *journal.Target, s *Step) {
	if !w.hasDone || w.entry.Destroys || lease.Apply(ctx, ddl.Neutral(), 0) != nil {
		return
	}
	definition, err := ddl.Look(ctx, lease.Conn(), t.Tables, ddl.Renames(w.layout, t.DataSource, t.Schema))
	if err == nil && definition == w.done {
		s.Action, s.Found, s.Error = actNote, "it had the change before the statement: as on "+w.where, ""
	}
}

// verify compares what the statement has made with the shards that were done before.
func (w *run) verify(ctx context.Context, lease *backend.Lease, t *journal.Target, s *Step) {
	if !w.hasDone {
		return
	}
	err := lease.Apply(ctx, ddl.Neutral(), 0)
	var definition string
	if err == nil {
		definition, err = ddl.Look(ctx, lease.Conn(), t.Tables, ddl.Renames(w.layout, t.DataSource, t.Schema))
	}
	switch {
	case err != nil:
		s.Error = "it ran, but the tables cannot be looked at: " + err.Error()
	case definition != w.done:
		s.Error = "it ran, but the tables are not as on " + w.where
	}
}

// tell has the journal note what is known now.
func (w *run) tell(ctx context.Context) error {
	now := time.Now().UTC()
	outcomes := map[int]journal.Outcome{}
	for i, s := range w.steps {
		switch {
		case s.Action == actNote:
			s.Now = journal.Done
			outcomes[i] = journal.Outcome{Status: journal.Done, Time: now, Message: s.Found}
		case s.Action == actRun:
			o := journal.Outcome{Status: s.Now, Time: now}
			if e := sqlerr.As(s.err); e != nil {
				o.Code, o.State, o.Message = e.Code, e.State, e.Msg
			} else if s.Now != journal.Done {
				o.Message = s.Error
			}
			outcomes[i] = o
		}
	}
	if len(outcomes) == 0 {
		return nil
	}
	return w.Journal.End(context.WithoutCancel(ctx), w.entry.ID, outcomes)
}

func (w *run) report(ctx context.Context) (*Report, error) {
	entry, err := w.Journal.Get(ctx, w.entry.ID)
	if err != nil {
		return nil, err
	}
	return &Report{Entry: entry, ID: entry.ID, State: entry.State(), Steps: w.steps}, nil
}

// Unfinished names the shards on which an entry is not done; "" if there are none.
func (r *Report) Unfinished() string {
	var list []string
	for i := range r.Entry.Targets {
		if t := &r.Entry.Targets[i]; t.Status != journal.Done {
			list = append(list, t.Where())
		}
	}
	return strings.Join(list, ", ")
}

func (w *run) release(ctx context.Context) {
	for _, lease := range w.held {
		if ddl.Unlock(ctx, lease.Conn(), w.entry.ID) != nil {
			lease.Destroy()
			continue
		}
		lease.Release()
	}
}
