package session

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/replica"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/txn"
)

// readRule says which of a data source's servers may run a statement.
type readRule uint8

const (
	atPrimary readRule = iota // what is not known to be a plain read
	byPolicy
	atReplica // a hint says so
)

// onlyAtPrimary are what has a meaning on the primary alone, or on one connection: what is locked, counted, kept or given there,
// and functions that may write.
const onlyAtPrimary = parser.UseLastInsertID | parser.UseLastInsertIDArg | parser.UseFoundRows | parser.UseRowCount |
	parser.UseUserVarWrite | parser.UseSysVar | parser.UseLock | parser.UseNonDeterministic | parser.UseSequence |
	parser.UseForUpdate | parser.UseForShare | parser.UseUnknownFunction | parser.UseWordCall | parser.UseOutfile | parser.UseProcedureAnalyse

// serversOwn are the schemas that each server has for itself.
var serversOwn = []string{"information_schema", "performance_schema", "mysql", "sys"}

// readRuleOf is found out once for each plan.
func readRuleOf(st *parser.Statement, p *plan.Plan, snap *catalog.Snapshot) readRule {
	rule := byPolicy
	for i := range st.Hints {
		switch h := &st.Hints[i]; {
		case h.Key == "heddle.primary", h.Key == "maxscale.route" && h.Value == "master",
			h.Key == "shardingsphere.write_route_only" && strings.EqualFold(h.Value, "true"):
			return atPrimary
		case h.Key == "heddle.replica", h.Key == "maxscale.route" && h.Value == "slave":
			rule = atReplica
		case h.Key == "proxysql.min_gtid", h.Key == "proxysql.max_lag_ms" && h.Value == "0", h.Key == "maxscale.max_lag" && h.Value == "0":
			return atPrimary
		case h.Key == "proxysql.hostgroup":
			if group := groupRule(h.Value, p, snap); group == atPrimary {
				return atPrimary
			} else if group == atReplica {
				rule = atReplica
			}
		}
	}
	if st.Kind != parser.Select || st.Prefix.Present() || st.Uses.Has(onlyAtPrimary) || p.Write || p.ImplicitCommit || p.Pin != "" ||
		p.UserLocks || p.Anywhere || p.Program != nil || p.Engine != "" || len(p.Tables) == 0 || !onlyReads(p.Root) {
		return atPrimary
	}
	for i := range st.Tables {
		if slices.Contains(serversOwn, strings.ToLower(st.Tables[i].Schema)) {
			return atPrimary
		}
	}
	for i := range p.Tables {
		if slices.Contains(serversOwn, strings.ToLower(p.Tables[i].Database)) {
			return atPrimary
		}
		schema, _ := snap.Table(p.Tables[i].Database, p.Tables[i].Table)
		if schema != nil && strings.EqualFold(schema.Engine, "MEMORY") {
			return atPrimary // which a replica that was started anew has lost
		}
	}
	return rule
}

// groupRule is what ProxySQL's number of a host group means for a plan's first table; byPolicy: nothing.
func groupRule(number string, p *plan.Plan, snap *catalog.Snapshot) readRule {
	n, err := strconv.Atoi(number)
	if err != nil || len(p.Tables) == 0 {
		return byPolicy
	}
	l, ok := snap.Database(p.Tables[0].Database)
	if !ok {
		return byPolicy
	}
	for i := range l.DataSources {
		switch split := l.DataSources[i].Splitting; { // one for all of a database
		case split == nil:
		case split.WriterHostgroup != nil && *split.WriterHostgroup == n:
			return atPrimary
		case split.ReaderHostgroup != nil && *split.ReaderHostgroup == n:
			return atReplica
		}
	}
	return byPolicy
}

// lagHint is how late a replica may be that answers the statement, as comments of other proxies say; 0: they do not.
func lagHint(st *parser.Statement) (within time.Duration) {
	for i := range st.Hints {
		h, value := &st.Hints[i], ""
		switch h.Key {
		case "proxysql.max_lag_ms":
			value = h.Value + "ms"
		case "maxscale.max_lag":
			if value = h.Value; strings.Trim(value, "0123456789") == "" {
				value += "s"
			}
		default:
			continue
		}
		if d, err := time.ParseDuration(value); err == nil && d > 0 && (within == 0 || d < within) {
			within = d
		}
	}
	return within
}

// mayReadOf reports whether the policy, or a hint, has the replicas of a group answer the session's read. What a hint says of their lag is taken by the
// bound that the rules hold them to.
func (s *Session) mayReadOf(g *replica.Group) bool {
	if g == nil {
		return false
	}
	p := g.Policy()
	return (p.Reads || s.readHinted) && (s.readWithin == 0 || p.MaxLag > 0 && p.MaxLag <= s.readWithin)
}

// onlyReads reports whether a plan makes nothing on its servers, no temporary table either.
func onlyReads(node plan.Node) bool {
	switch n := node.(type) {
	case *plan.Route:
		return n.Ask == nil && n.Rows == nil
	case *plan.MergeSort, *plan.Sort, *plan.Limit, *plan.Distinct, *plan.Aggregate, *plan.Project:
		return !slices.ContainsFunc(plan.Children(node), func(c plan.Node) bool { return !onlyReads(c) })
	}
	return false
}

// reads reports whether replicas may run the statement. It is asked of every statement, and allocates nothing.
func (s *Session) reads(x *execution) bool {
	if x.st.reads == atPrimary || s.srv.Replicas == nil || !s.srv.Replicas.Any() {
		return false
	}
	if s.txn != nil || !s.autocommit || s.locked != nil || len(s.held) > 0 || s.next != (txn.Options{}) ||
		x.seen != nil || x.stored || x.using != "" {
		return false
	}
	_, own := s.state.Var("transaction_read_only") // which would be given to connections that must not write
	return !own
}

// maxReadTries bounds on how many servers a read is begun.
const maxReadTries = 3

// readAgain runs a read that a replica has failed once more: on another replica if the first was lost, else on the primary, which
// may have what a replica does not have yet. Not if the client has been sent a part of the answer, nor if it was told to stop.
func (s *Session) readAgain(ctx context.Context, x *execution, err error, written int64) error {
	for try := 1; err != nil && s.reading && s.mayReadAgain(err, written); try++ {
		if lost, ok := errors.AsType[*backend.Error](err); !ok || !lost.Sent || try == maxReadTries {
			s.reading = false
		}
		s.giveUp(func(h *held) bool { return !h.kept() })
		s.diag.begin(x.st.parsed, s.srv.Flavour.MariaDB)
		s.diag.args, s.diag.parsed = x.args, x.st.parsed
		err = s.attempt(ctx, x)
	}
	return err
}

// mayReadAgain reports whether nobody has seen of a failed read what a second one would contradict.
func (s *Session) mayReadAgain(err error, written int64) bool {
	if s.written() != written || s.killState() != alive {
		return false
	}
	if lost, ok := errors.AsType[*backend.Error](err); ok && lost.Sent {
		return true // the primary's too, whose successor may be found
	}
	if !slices.ContainsFunc(s.held, (*held).isReplica) {
		return false
	}
	if e := sqlerr.As(err); e != nil {
		switch e.Code {
		case sqlerr.CodeQueryInterrupted, sqlerr.CodeConnectionKilled, codeStatementTimeout, codeQueryTimeout:
			return false
		}
	}
	return true
}

// What ends a statement that has taken its time.
const (
	codeStatementTimeout = 1969 // ER_STATEMENT_TIMEOUT, MariaDB
	codeQueryTimeout     = 3024 // ER_QUERY_TIMEOUT, MySQL
)

// written is how much the client has been sent so far, or is about to be.
func (s *Session) written() int64 { return s.client.Sent() + int64(s.client.Writer.Buffered()) }

func (h *held) isReplica() bool { return h.replica != nil }

// giveUp ends the loans of a statement that is begun anew.
func (s *Session) giveUp(which func(*held) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = slices.DeleteFunc(s.held, func(h *held) bool {
		if !which(h) {
			return false
		}
		h.ended()
		h.lease.Release()
		return true
	})
}

// ended tells the balancer that the connection's work is done.
func (h *held) ended() {
	if h.replica != nil {
		h.replica.End(time.Since(h.since))
	}
}

// readFrom takes a connection to a replica for a read of the session's; nil: the primary is to be asked.
func (s *Session) readFrom(ctx context.Context, dataSource string) (*backend.Lease, *replica.Endpoint, error) {
	g := s.srv.Replicas.Group(dataSource)
	if !s.mayReadOf(g) {
		return nil, nil, nil
	}
	var waiting, e *replica.Endpoint
	for i := 0; ; i++ {
		if e = g.Pick(i, e); e == nil {
			break
		}
		switch s.fit(g, dataSource, e) {
		case replica.Primary:
			return nil, nil, nil
		case replica.Waits:
			if waiting == nil {
				waiting = e
			}
			continue
		}
		lease, err := s.acquireAt(ctx, e.Name)
		if err == nil {
			e.Begin()
			return lease, e, nil
		}
		if s.killState() != alive {
			return nil, nil, err
		}
	}
	if waiting != nil {
		lease, err := s.awaitWrites(ctx, dataSource, waiting)
		if lease != nil || err != nil {
			waiting.Begin()
		}
		return lease, waiting, err
	}
	if g.Policy().ErrorIfNone {
		return nil, nil, backend.NoEndpoint(dataSource)
	}
	return nil, nil, nil
}

func (s *Session) fit(g *replica.Group, dataSource string, e *replica.Endpoint) replica.Fit {
	if s.readHinted {
		return replica.Fits
	}
	return s.writes.Fit(g, dataSource, e)
}

// writesWait is how long a replica is given to come to have what the user wrote: longer than replication takes when nothing is in
// its way, and not so long that the primary, which has it, would not have answered long since.
const writesWait = 100 * time.Millisecond

// awaitWrites takes a connection to a replica and waits until the user's writes are there; nil: they are not in time.
func (s *Session) awaitWrites(ctx context.Context, dataSource string, e *replica.Endpoint) (*backend.Lease, error) {
	lease, err := s.acquireAt(ctx, e.Name)
	if err != nil {
		if s.killState() != alive {
			return nil, err
		}
		return nil, nil
	}
	behind := s.writes.Behind(dataSource)
	_, rows, err := lease.Conn().QueryRows(ctx, behind.Wait(writesWait))
	if err != nil || len(rows) != 1 || string(rows[0][0]) != "0" {
		lease.Release()
		return nil, nil // a server that cannot be asked, or that says no
	}
	e.Has(behind)
	return lease, nil
}

// acquireAt takes a connection from the pool of that name, the one that the session had last if it is free.
func (s *Session) acquireAt(ctx context.Context, pool string) (*backend.Lease, error) {
	lease, err := s.srv.Pools.AcquireFor(ctx, backend.Request{DataSource: pool, Flags: s.flags, Hint: s.hints[pool], State: s.state})
	if err == nil && s.writes != nil {
		lease.For(s.writes)
	}
	return lease, err
}

// readFit is a replica that may answer without a wait, for a statement that reads from several data sources at a time; nil: the
// primary is to be asked.
func (s *Session) readFit(dataSource string) (*replica.Endpoint, error) {
	g := s.srv.Replicas.Group(dataSource)
	if !s.mayReadOf(g) {
		return nil, nil
	}
	var e *replica.Endpoint
	for i := 0; ; i++ {
		if e = g.Pick(i, e); e == nil {
			break
		}
		if s.fit(g, dataSource, e) == replica.Fits {
			return e, nil
		}
	}
	if g.Len() == 0 && g.Policy().ErrorIfNone {
		return nil, backend.NoEndpoint(dataSource)
	}
	return nil, nil
}

// writeAgain runs a statement again that a server has refused because it takes no writes any more: it is about to have a successor.
// Nothing of it has been done, as long as it is all there is of its transaction.
func (s *Session) writeAgain(ctx context.Context, x *execution, err error, written int64) error {
	began := time.Now()
	for s.successorNears(x, err, written, began) {
		s.giveUp(func(h *held) bool { return !h.kept() })
		select {
		case <-ctx.Done():
			return err
		case <-time.After(successorPause):
		}
		s.diag.begin(x.st.parsed, s.srv.Flavour.MariaDB)
		s.diag.args, s.diag.parsed = x.args, x.st.parsed
		err = s.attempt(ctx, x)
	}
	return err
}

// mayPrepareAgain reports whether a preparation whose server was lost can be begun anew, as it has no effect: on who takes its place, for whom
// the pool waits. The loans that have failed are ended then.
func (s *Session) mayPrepareAgain(ctx context.Context, err error, written int64, began time.Time) bool {
	lost, ok := errors.AsType[*backend.Error](err)
	if !ok || !lost.Sent || s.srv.Replicas == nil || s.txn != nil || s.xa != nil || s.locked != nil || slices.ContainsFunc(s.held, (*held).kept) ||
		s.written() != written || s.killState() != alive {
		return false
	}
	g := s.srv.Replicas.Group(lost.DataSource)
	if g == nil || time.Since(began) >= g.Policy().FailoverWait {
		return false
	}
	s.giveUp(func(*held) bool { return true })
	select {
	case <-ctx.Done():
		return false
	case <-time.After(successorPause):
		return true
	}
}

const (
	codeReadOnlyServer = 1290 // ER_OPTION_PREVENTS_STATEMENT
	// successorPause is between two attempts at a server that takes no writes: less than it takes to find out who does.
	successorPause = 50 * time.Millisecond
)

// successorNears reports whether err says that a server has become read-only, and another may still take its place.
func (s *Session) successorNears(x *execution, err error, written int64, began time.Time) bool {
	e := sqlerr.As(err)
	if e == nil || e.Code != codeReadOnlyServer || !strings.Contains(e.Msg, "read") || !strings.Contains(e.Msg, "only") {
		return false
	}
	if s.txn != nil || x.several || len(s.held) != 1 || s.held[0].kept() || s.written() != written || s.killState() != alive {
		return false
	}
	g := s.srv.Replicas.Group(s.held[0].dataSource)
	return g != nil && time.Since(began) < g.Policy().FailoverWait
}
