package txn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// Listed is a global transaction that is not over everywhere.
type Listed struct {
	GTRID    xa.GTRID
	Home     string        // the data source that has the decision; "" where none of this mesh has its log
	Decision string        // "committed", "aborted", "prepared" by a client who is to decide, "" for none
	Age      time.Duration // since it was decided; 0: it is not, or that is not known
	// Prepared is since when it is prepared, where nothing is decided: by its client, or, of one that is undecided, its oldest branch. 0: that is not known.
	Prepared time.Duration
	Branches []ListedBranch
}

// ListedBranch is a branch that is prepared, or that the decision names and whose mark is not there.
type ListedBranch struct {
	DataSource string // or the log, where no data source is known to have it
	Conn       uint32 // the number of its connection; 0: not known
	Prepared   bool   // false: decided to commit and not seen done, nor prepared
	// Statements are what it did, where that is kept and it is not prepared. By Show.
	Statements []txnlog.Statement
	xid        xa.XID
}

// List asks all data sources for what is prepared and what is decided. Those of another cluster are left out. What one
// cannot be asked is in the error; the rest is listed.
func (s *Shards) List(ctx context.Context, cluster uint32) ([]Listed, error) {
	found := map[xa.GTRID]*Listed{}
	of := func(g xa.GTRID) *Listed {
		if found[g] == nil {
			found[g] = &Listed{GTRID: g}
			if home := s.ByLog(g.Log); home != nil {
				found[g].Home = home.DataSource
			}
		}
		return found[g]
	}
	errs := []error{s.unreached()}
	var servers []*txnlog.Server
	for _, name := range s.Names() {
		server := s.Server(name)
		if server == nil {
			continue
		}
		servers = append(servers, server)
		prepared, _, err := server.Prepared(ctx)
		errs = append(errs, err)
		for _, x := range prepared {
			known := s.ByLog(x.Branch.Log)
			if x.GTRID.Cluster == cluster&(1<<xa.ClusterBits-1) && (known == nil || known == server) {
				l := of(x.GTRID)
				l.Branches = append(l.Branches, ListedBranch{DataSource: name, Conn: x.Branch.Conn, Prepared: true, xid: x})
			}
		}
	}
	silent := away{}
	for _, server := range servers {
		errs = append(errs, s.listDecisions(ctx, server, cluster, silent, of))
	}
	errs = append(errs, silent.err())
	for _, server := range servers {
		errs = append(errs, since(ctx, server, found))
	}
	out := make([]Listed, 0, len(found))
	for _, l := range found {
		if len(l.Branches) > 0 {
			slices.SortFunc(l.Branches, func(a, b ListedBranch) int { return cmp.Compare(a.DataSource, b.DataSource) })
			out = append(out, *l)
		}
	}
	slices.SortFunc(out, func(a, b Listed) int { return cmp.Compare(a.GTRID.String(), b.GTRID.String()) })
	return out, errors.Join(errs...)
}

// listDecisions adds what one log says. Decisions whose branches are all done are over. What branches whose servers are silent have done is not known.
func (s *Shards) listDecisions(ctx context.Context, server *txnlog.Server, cluster uint32, silent away, of func(xa.GTRID) *Listed) error {
	for after := ""; ; {
		rows, next, err := server.Decisions(ctx, after, page)
		if err != nil {
			return err
		}
		rows = slices.DeleteFunc(rows, func(d txnlog.Decided) bool { return d.GTRID.Cluster != cluster&(1<<xa.ClusterBits-1) })
		marked := s.marks(ctx, rows, silent)
		for _, d := range rows {
			l := of(d.GTRID)
			switch {
			case d.Commit:
				l.Decision, l.Age = "committed", d.Age
			case d.Held:
				l.Decision, l.Prepared = PreparedState, d.Age
			default:
				l.Decision, l.Age = "aborted", d.Age
			}
			for _, p := range d.Parts {
				listed := slices.ContainsFunc(l.Branches, func(b ListedBranch) bool { return b.xid.Branch.Log == p })
				if marked[p][d.GTRID] || listed || silent[p] != nil {
					continue
				}
				b := ListedBranch{DataSource: p.String(), xid: xa.XID{GTRID: d.GTRID, Branch: xa.Qualifier{Log: p}}}
				if at := s.ByLog(p); at != nil {
					b.DataSource = at.DataSource
				}
				l.Branches = append(l.Branches, b)
			}
		}
		if after = next; after == "" {
			return nil
		}
	}
}

// since finds for how long the branches that a server has of what nobody has decided are prepared: as old as their marks, which are in them.
func since(ctx context.Context, server *txnlog.Server, found map[xa.GTRID]*Listed) error {
	var undecided []xa.XID
	for _, l := range found {
		for _, b := range l.Branches {
			if l.Decision == "" && b.DataSource == server.DataSource {
				undecided = append(undecided, b.xid)
			}
		}
	}
	for some := range slices.Chunk(undecided, page) {
		ages, err := server.Ages(ctx, some)
		if err != nil {
			return err
		}
		for g, age := range ages {
			found[g].Prepared = max(found[g].Prepared, age)
		}
	}
	return nil
}

// marks are, by branch, the transactions of rows that have its mark. Branches of unknown logs have none. Of those that are silent, or become so, nothing
// is known.
func (s *Shards) marks(ctx context.Context, rows []txnlog.Decided, silent away) map[xa.Log]map[xa.GTRID]bool {
	of := map[xa.Log][]xa.GTRID{}
	for _, d := range rows {
		for _, p := range d.Parts {
			if silent[p] == nil { // looked at before any that asks may add to them
				of[p] = append(of[p], d.GTRID)
			}
		}
	}
	var mu sync.Mutex // guards marked and silent
	marked := map[xa.Log]map[xa.GTRID]bool{}
	var wg sync.WaitGroup
	for log, gtrids := range of {
		server := s.ByLog(log)
		if server == nil {
			continue
		}
		wg.Go(func() {
			asking, cancel := context.WithTimeout(ctx, answerTime)
			defer cancel()
			found, err := server.Marks(asking, gtrids, log)
			mu.Lock()
			defer mu.Unlock()
			if marked[log] = found; err != nil {
				silent[log] = fmt.Errorf("%s: %w", server.DataSource, err)
			}
		})
	}
	wg.Wait()
	return marked
}

// ErrOver is a transaction of which nothing is left: it has ended everywhere, or there was none of that name.
var ErrOver = errors.New("txn: nothing is left of it: it has ended everywhere, or there was none of that name")

// Show is one transaction. Of one that has ended everywhere it has the decision, for as long as that is kept. An error beside a name is
// that of data sources that could not be asked.
func (s *Shards) Show(ctx context.Context, gtrid string) (Listed, error) {
	g, err := xa.ParseGTRID(strings.TrimSpace(gtrid))
	if err != nil {
		return Listed{}, err
	}
	listed, err := s.List(ctx, g.Cluster)
	if at := slices.IndexFunc(listed, func(l Listed) bool { return l.GTRID == g }); at >= 0 {
		return listed[at], errors.Join(err, s.statements(ctx, &listed[at]))
	}
	l := Listed{GTRID: g}
	home := s.ByLog(g.Log)
	if home == nil {
		return Listed{}, errors.Join(fmt.Errorf("%s: %w", g, errNoLog), err)
	}
	l.Home = home.DataSource
	found, asked := home.Decision(ctx, g)
	switch {
	case asked != nil:
		return Listed{}, errors.Join(asked, err)
	case found == xa.DecidedCommit:
		l.Decision = "committed"
	case found == xa.DecidedAbort:
		l.Decision = "aborted"
	case found == xa.Kept:
		l.Decision = PreparedState
	default:
		return Listed{}, errors.Join(fmt.Errorf("%s: %w", g, ErrOver), err)
	}
	return l, err
}

// statements adds what lost branches did.
func (s *Shards) statements(ctx context.Context, l *Listed) error {
	lost, home := l.lost(), s.ByLog(l.GTRID.Log)
	if len(lost) == 0 || home == nil {
		return nil
	}
	all, err := home.Statements(ctx, l.GTRID)
	for _, b := range lost {
		b.Statements = of(all, b.xid.Branch.Log)
	}
	return err
}

var errBusy = errors.New("it is being decided")

// PreparedState is the state of a transaction that its client has prepared, and has to decide.
const PreparedState = "prepared"

// Against is why an operator may not have it end so; nil: it may.
func (l *Listed) Against(commit, force bool) error {
	switch {
	case l.Decision == "" && commit && !force:
		return ErrUndecided
	case l.Decision == PreparedState:
		return nil
	case l.Decision != "" && commit != (l.Decision == "committed"):
		return ErrDecided
	}
	return nil
}

// ErrDecided is a transaction that is decided otherwise than an operator wants it: some of it may be done already.
var ErrDecided = errors.New("txn: it is decided otherwise")

// ErrUndecided is a transaction that an operator wants committed although its owner has not decided so: only by force,
// for what its first branch did is lost then, and the others' part is committed without it.
var ErrUndecided = errors.New("txn: it is not decided, and its first branch is not prepared; by force only the others' part is committed")

// ErrPartLost is a transaction that its client has prepared, and of which a branch is gone: committed, it would be there in part.
var ErrPartLost = errors.New("txn: a branch of it is lost; by force the others are committed without it")

// Resolve finishes a transaction as an operator wants it, without waiting for its owner. Nothing resolves it against a decision.
func (s *Shards) Resolve(ctx context.Context, gtrid string, commit, force bool) ([]Resolved, error) {
	l, err := s.Show(ctx, gtrid)
	if l.GTRID == (xa.GTRID{}) {
		return nil, err
	}
	home := s.ByLog(l.GTRID.Log)
	if home == nil {
		return nil, errors.Join(fmt.Errorf("resolve %s: %w", l.GTRID, errNoLog), err)
	}
	if commit && err != nil && (l.Decision == "" || l.Decision == PreparedState) { // a decision has to name all branches
		return nil, fmt.Errorf("resolve %s: it may have branches that cannot be seen: %w", l.GTRID, err)
	}
	r := resolver{shards: s, operator: true}
	if err := r.decide(ctx, home, &l, commit, force); err != nil {
		return nil, fmt.Errorf("resolve %s: %w", l.GTRID, err)
	}
	done, errs := make([]Resolved, len(l.Branches)), make([]error, len(l.Branches))
	var work sync.WaitGroup
	for i, b := range l.Branches {
		begin := (*xa.Recovery).Begin
		if commit && !b.Prepared {
			begin = (*xa.Recovery).Suspect
		}
		work.Go(func() { done[i], errs[i] = r.finish(ctx, s.branchServer(b), b.xid, begin) })
	}
	work.Wait()
	var out []Resolved
	for i := range done {
		if errs[i] == nil {
			out = append(out, done[i])
		}
	}
	return out, errors.Join(append(errs, err)...)
}

// ErrNotLost is a transaction that an operator says to have mended, and of which no branch is lost.
var ErrNotLost = errors.New("txn: no branch of it is lost")

// Mend finishes a transaction that is decided to commit, and has the branches of it that are lost count as committed: an operator has put
// right by hand what they did, or takes the blame. A branch that its server has in any way is none of them.
func (s *Shards) Mend(ctx context.Context, gtrid string) ([]Resolved, error) {
	done, err := s.Resolve(ctx, gtrid, true, false)
	if err != nil {
		return done, err
	}
	mended := 0
	for i := range done {
		d := &done[i]
		if d.Trouble != xa.Missing && d.Trouble != xa.Heuristic {
			continue
		}
		at := s.ByLog(d.XID.Branch.Log)
		if at == nil {
			return done, fmt.Errorf("mend %s: %w", d.XID, errNoLog)
		}
		if err := at.Mend(ctx, d.XID); err != nil {
			return done, err
		}
		d.Trouble, d.Mended = xa.NoTrouble, true
		mended++
	}
	if mended == 0 {
		return done, ErrNotLost
	}
	return done, nil
}

// branchServer is where a branch was found.
func (s *Shards) branchServer(b ListedBranch) *txnlog.Server {
	if at := s.ByLog(b.xid.Branch.Log); at != nil {
		return at
	}
	return s.Server(b.DataSource)
}

// logs are those of its branches.
func (l *Listed) logs() (logs []xa.Log) {
	for _, b := range l.Branches {
		logs = append(logs, b.xid.Branch.Log)
	}
	return logs
}

// decideKept decides what a client has prepared.
func (r resolver) decideKept(ctx context.Context, home *txnlog.Server, l *Listed, commit, force bool) error {
	if commit && l.Decision != PreparedState { // it is since it was listed: there may be more branches
		return errBusy
	}
	if commit && !force {
		branches, err := r.shards.branches(ctx, &txnlog.Client{GTRID: l.GTRID, Parts: l.logs()})
		if err != nil {
			return err
		}
		for _, b := range branches {
			if b.state == xa.Unmarked {
				return ErrPartLost
			}
		}
	}
	found, err := home.Settle(ctx, l.GTRID, l.logs(), commit)
	switch {
	case err != nil:
		return err
	case found != xa.Fine:
		return errBusy
	}
	return nil
}

// decide has the log say what the operator wants, if it says nothing yet.
func (r resolver) decide(ctx context.Context, home *txnlog.Server, l *Listed, commit, force bool) error {
	found, err := home.Decision(ctx, l.GTRID)
	switch {
	case err != nil:
		return err
	case found == xa.Kept:
		return r.decideKept(ctx, home, l, commit, force)
	case found == xa.Undecided && commit && !force:
		return ErrUndecided
	case found == xa.Undecided && commit:
		if err = home.Force(ctx, l.GTRID, l.logs()); txnlog.Code(err) == txnlog.CodeDuplicate { // somebody has decided since
			return r.decide(ctx, home, l, commit, force)
		}
		return err
	case found == xa.Undecided:
		conn := uint32(0)
		if len(l.Branches) > 0 {
			conn = l.Branches[0].xid.Branch.Home
		}
		if found, _, err = r.verdict(ctx, l.GTRID, conn); err != nil {
			return err
		}
		if found == xa.Kept {
			return errBusy
		}
	}
	if commit != (found == xa.DecidedCommit) {
		return ErrDecided
	}
	return nil
}
