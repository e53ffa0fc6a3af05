package session

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/heddle-mesh/heddle/governance/journal"
	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/ddl"
	"github.com/heddle-mesh/heddle/router/plan"
)

// ddlPin keeps the connections of one DDL between the lock that shows that it is at work and its end.
const ddlPin = "DDL"

// journaled is a statement that stands in the journal; nil: there is none.
type journaled struct {
	entry *journal.Entry
	moot  []string // unfinished entries of which nothing is left once this one is done
}

func (j *journaled) id() string {
	if j == nil {
		return ""
	}
	return j.entry.ID
}

// journal writes down what is about to be run where, durably, and has every server know that somebody is at work on it.
// After an error nothing has been run.
func (w *write) journal(ctx context.Context, node *plan.DDL) (*journaled, error) {
	if w.s.srv.Journal == nil || node.Database == "" { // FLUSH changes nothing that could be left half done
		return nil, nil
	}
	e := w.s.srv.Journal.New()
	if err := w.describeEntry(ctx, e, node); err != nil {
		return nil, err
	}
	j := &journaled{entry: e}
	err := w.lockEntry(ctx, e.ID)
	if err == nil {
		j.moot, err = w.unfinished(ctx, e)
	}
	if err != nil {
		w.unlockEntry(ctx, j)
		return nil, err
	}
	if err := w.s.srv.Journal.Begin(ctx, e); err != nil {
		w.unlockEntry(ctx, j)
		return nil, sqlerr.DDLNotJournaled(err.Error())
	}
	return j, nil
}

// unfinished refuses DDL on tables of which earlier DDL is not done on every shard: after it nobody could tell any more what
// is missing where. Dropped tables have nothing left to be finished: their entries are returned.
func (w *write) unfinished(ctx context.Context, e *journal.Entry) (moot []string, err error) {
	for _, name := range e.Tables {
		before, err := w.s.srv.Journal.Unfinished(ctx, name)
		if err != nil {
			return nil, sqlerr.DDLNotJournaled(err.Error())
		}
		if before == nil {
			continue
		}
		if over, err := w.isOver(ctx, before); err != nil || !over {
			return nil, err // the servers have the two wait for each other
		}
		if before, err = w.s.srv.Journal.Unfinished(ctx, name); err != nil {
			return nil, sqlerr.DDLNotJournaled(err.Error())
		}
		switch {
		case before == nil: // it has ended in between
		case w.x.st.parsed.Kind == parser.DropTable && !slices.ContainsFunc(before.Tables, func(t journal.Name) bool { return !e.Concerns(t) }):
			moot = append(moot, before.ID)
		default:
			return nil, sqlerr.DDLUnfinished(name.Database+"."+name.Table, before.ID)
		}
	}
	return moot, nil
}

// isOver reports whether nobody is at work on an entry, as far as the servers of this statement know.
func (w *write) isOver(ctx context.Context, e *journal.Entry) (bool, error) {
	for _, q := range w.queues() {
		h := w.s.find(q[0].Target.DataSource) // lockEntry has taken it
		got, err := ddl.Lock(ctx, h.lease.Conn(), e.ID)
		if err == nil && got {
			err = ddl.Unlock(ctx, h.lease.Conn(), e.ID)
		}
		if err != nil || !got {
			return false, err
		}
	}
	return true, nil
}

// describeEntry fills in what the statement is, with what it is run, and what its tables are before it.
func (w *write) describeEntry(ctx context.Context, e *journal.Entry, node *plan.DDL) error {
	s := w.s
	if len(w.x.params) > 0 {
		return sqlerr.NotSupported("parameters in DDL over several shards")
	}
	e.Database, e.Statement, e.Account = s.db, journal.Text(w.x.args.text), s.who.Account()
	if node.Table == "" {
		e.Database = node.Database // whose stored programs other instances have to read anew
	}
	e.Destroys = destroys(w.x.st.parsed)
	e.Vars = maps.Collect(s.state.Vars())
	if w.x.need&backend.NeedUserVars != 0 {
		e.UserVars = maps.Collect(s.state.UserVars())
	}
	for _, i := range node.Changes {
		e.Tables = append(e.Tables, journal.Name{Database: node.Route.Databases[i], Table: node.Route.Tables[i]})
	}
	texts := map[string]int{}
	for i := range w.units {
		t := w.units[i].Target
		sql, _, err := s.sql(w.x, w.route.Template, &w.units[i])
		if err != nil {
			return err
		}
		text := string(w.clock(sql))
		if _, ok := texts[text]; !ok {
			texts[text] = len(e.Texts)
			e.Texts = append(e.Texts, journal.Text(text))
		}
		target := journal.Target{Shard: t.Shard, DataSource: t.DataSource, Schema: t.Schema, Text: texts[text]}
		target.Status = journal.Pending
		for _, k := range node.Changes {
			target.Tables = append(target.Tables, journal.Name{Database: t.Schemas[k], Table: t.Names[k]})
		}
		e.Targets = append(e.Targets, target)
	}
	return w.look(ctx, e)
}

// destroys reports whether a statement takes rows away without a trace in the definition of its table.
func destroys(st *parser.Statement) bool {
	if st.Kind == parser.Truncate {
		return true
	}
	return st.Kind == parser.AlterTable && slices.ContainsFunc(st.Tokens, func(t parser.Token) bool {
		return t.Is("TRUNCATE") || t.Is("EXCHANGE") || t.Is("DISCARD") || t.Is("IMPORT")
	})
}

// look notes what the tables are before the statement, so that it can be told afterwards whether it was done. It asks on
// connections of its own: what a client has set changes how a server writes definitions. Where the session has locked
// tables, on its own: any other would wait for it.
func (w *write) look(ctx context.Context, e *journal.Entry) error {
	s := w.s
	layout, _ := s.srv.Catalogs.Current().Database(e.Database)
	if len(e.Tables) > 0 {
		layout, _ = s.srv.Catalogs.Current().Database(e.Tables[0].Database)
	}
	for _, q := range w.queues() {
		ds := q[0].Target.DataSource
		lease, done, err := w.onlooker(ctx, ds)
		if err != nil {
			return err
		}
		for i := range e.Targets {
			t := &e.Targets[i]
			if err != nil || t.DataSource != ds {
				continue
			}
			var definition string
			definition, err = ddl.Look(ctx, lease.Conn(), t.Tables, ddl.Renames(layout, ds, t.Schema))
			if e := sqlerr.As(err); e != nil && e.Code == sqlerr.CodeLockWaitTimeout {
				err = nil // somebody has locked the table: the statement itself waits for him, and nothing is known
				continue
			}
			t.Before = ddl.Digest(definition)
		}
		done()
		if err != nil {
			return err
		}
	}
	return nil
}

// onlooker is the connection with which the tables of a data source are looked at.
func (w *write) onlooker(ctx context.Context, dataSource string) (lease *backend.Lease, done func(), err error) {
	neutral := ddl.Neutral()
	if h := w.s.find(dataSource); h != nil && h.pinnedBy(lockPin) {
		if off, ok := w.s.state.Var("autocommit"); ok {
			neutral.SetVar("autocommit", off)
		}
		return h.lease, func() {}, h.lease.Apply(ctx, neutral, 0) // whoever holds it next brings it back
	}
	if lease, err = w.s.srv.Pools.AcquireFor(ctx, backend.Request{DataSource: dataSource}); err != nil {
		return nil, nil, err
	}
	if err = w.s.reachable(lease); err == nil {
		err = lease.Apply(ctx, neutral, 0)
	}
	if err != nil {
		lease.Release()
		return nil, nil, err
	}
	return lease, lease.Release, nil
}

// lockEntry takes the entry's lock on every server, in the order in which connections are taken, and keeps the
// connections that have it.
func (w *write) lockEntry(ctx context.Context, id string) error {
	for _, q := range w.queues() {
		t := q[0].Target
		h, err := w.s.hold(ctx, t.DataSource, t.Schema, w.x.need)
		if err == nil {
			w.s.pinned(h, ddlPin)
			_, err = ddl.Lock(ctx, h.lease.Conn(), id)
		}
		if err != nil {
			return w.s.failed(ctx, h, w.route, t, err)
		}
	}
	return nil
}

// unlockEntry gives the locks back. A connection that cannot is lost, and its lock with it.
func (w *write) unlockEntry(ctx context.Context, j *journaled) {
	for _, q := range w.queues() {
		if h := w.s.find(q[0].Target.DataSource); h != nil && !h.lease.Conn().Broken() {
			_ = ddl.Unlock(ctx, h.lease.Conn(), j.id())
		}
	}
	w.s.unpin(ddlPin)
}

// ended tells the journal what became of the statement, while the servers still say that somebody is at work on it.
func (w *write) ended(ctx context.Context, j *journaled, outcomes []outcome) error {
	if j == nil {
		return nil
	}
	defer w.unlockEntry(ctx, j)
	now := time.Now().UTC()
	told := map[int]journal.Outcome{}
	for _, o := range outcomes {
		for i := range w.units {
			if &w.units[i] == o.unit {
				told[i] = outcomeOf(o, now)
			}
		}
	}
	if err := w.s.srv.Journal.End(ctx, j.id(), told); err != nil {
		return err
	}
	if slices.ContainsFunc(outcomes, func(o outcome) bool { return o.err != nil }) {
		return nil
	}
	for _, id := range j.moot {
		if _, err := w.s.srv.Journal.Settle(ctx, id, w.s.who.Account(), "its table was dropped by "+j.id()); err != nil {
			return err
		}
	}
	return nil
}

func outcomeOf(o outcome, now time.Time) journal.Outcome {
	if o.err == nil {
		return journal.Outcome{Status: journal.Done, Time: now}
	}
	e := asError(o.err)
	out := journal.Outcome{Status: journal.Failed, Code: e.Code, State: e.State, Message: e.Msg, Time: now}
	if o.unknown {
		out.Status = journal.Unknown
	}
	return out
}
