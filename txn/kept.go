package txn

import (
	"cmp"
	"strings"

	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// keptBytes is how much of the statements of one transaction is kept with its decision. Of what is beyond, only the number is.
const keptBytes = 64 << 10

// Statement is one that is sent to a branch and may write, with all that its outcome hangs on.
type Statement struct {
	Text, Schema, Settings, Once, Unsafe string // as of txnlog.Statement
}

// Effect is what a statement has done.
type Effect struct {
	Rows    int64  // that it changed; -1: that is not known
	FirstID uint64 // see txnlog.Statement
	Unsafe  string // the same
}

// kept is a statement that a branch has been sent, and that goes into the log with the decision: should a failover lose the branch, an
// operator learns what it did, and can have it run again.
type kept struct {
	Statement
	Effect
	savepoint bool // it is none, but a savepoint of that name in Text
}

// KeepsStatements reports whether statements that write are to be told by Sending. Those of a client's own XA are not: who ends it may have another process.
func (t *Txn) KeepsStatements() bool {
	return t.manager != nil && t.manager.cfg.KeepStatements && t.client == nil && t.Spread()
}

// Sending is told of a statement that is about to be sent to a branch and may write, when Touched has been. Home's are not kept: it commits with
// the decision, or is not decided.
func (t *Txn) Sending(b Branch, s Statement) {
	for _, p := range t.parts {
		if p.branch != b || p.home || !t.KeepsStatements() {
			continue
		}
		bytes := len(s.Text) + len(s.Once)
		if n := len(p.kept); n == 0 || p.kept[n-1].Settings != s.Settings {
			bytes += len(s.Settings)
		}
		p.untold = max(0, p.untold-1)
		if p.running = t.keptBytes+bytes <= keptBytes; !p.running {
			p.unkept++
			continue
		}
		t.keptBytes += bytes
		p.kept = append(p.kept, kept{Statement: s, Effect: Effect{Rows: -1}})
	}
}

// Ran is told what the statement that was sent to a branch last has done.
func (t *Txn) Ran(b Branch, o Effect) {
	for _, p := range t.parts {
		if n := len(p.kept); p.branch == b && p.running && n > 0 {
			p.kept[n-1].Effect, p.running = o, false
		}
	}
}

// Refused is told that the statement that was sent to a branch last has failed, and has changed nothing.
func (t *Txn) Refused(b Branch) {
	for _, p := range t.parts {
		if n := len(p.kept); p.branch == b && p.running && n > 0 {
			p.kept, p.running = p.kept[:n-1], false
		}
	}
}

// Saved is told of a savepoint that was set on a branch: what follows may be undone.
func (t *Txn) Saved(b Branch, quoted string) {
	for _, p := range t.parts {
		if n := len(p.kept); p.branch == b && !p.home && t.KeepsStatements() && (n == 0 || !p.kept[n-1].savepoint || p.kept[n-1].Text != quoted) {
			point := kept{savepoint: true, Statement: Statement{Text: quoted}}
			if n > 0 {
				point.Settings = p.kept[n-1].Settings
			}
			p.kept, p.running = append(p.kept, point), false
		}
	}
}

// undone forgets what a branch has undone.
func (p *part) undone(sql string) {
	quoted, is := strings.CutPrefix(sql, "ROLLBACK TO SAVEPOINT ")
	if !is {
		return
	}
	for i := len(p.kept) - 1; i >= 0; i-- {
		if p.kept[i].savepoint && strings.EqualFold(p.kept[i].Text, quoted) {
			p.kept, p.running = p.kept[:i+1], false
			return
		}
	}
}

// statements are what is kept of the branches that the decision is about.
func (t *Txn) statements() (all []txnlog.Statement) {
	if !t.KeepsStatements() {
		return nil
	}
	if home := t.manager.cfg.Shards.ByLog(t.gtrid.Log); home == nil || !home.Keeps {
		return nil
	}
	for _, p := range t.parts {
		if p.home || !p.written() {
			continue
		}
		branch := p.xid.Branch.Log
		for i := range p.kept {
			if k := &p.kept[i]; !k.savepoint {
				all = append(all, txnlog.Statement{Branch: branch, Text: k.Text, Rows: k.Rows, FirstID: k.FirstID, Schema: k.Schema,
					Settings: k.Settings, Once: k.Once, Unsafe: cmp.Or(k.Statement.Unsafe, k.Effect.Unsafe)})
			}
		}
		if more := p.unkept + p.untold; more > 0 { // what nobody has told of is missing as well
			all = append(all, txnlog.Statement{Branch: branch, Rows: int64(more)})
		}
	}
	return all
}

// lost are the branches of what is listed that are decided to commit and not seen, with what is kept of them.
func (l *Listed) lost() (branches []*ListedBranch) {
	for i := range l.Branches {
		if b := &l.Branches[i]; !b.Prepared && l.Decision == "committed" {
			branches = append(branches, b)
		}
	}
	return branches
}

// of are a branch's.
func of(all []txnlog.Statement, branch xa.Log) (out []txnlog.Statement) {
	for _, s := range all {
		if s.Branch == branch {
			out = append(out, s)
		}
	}
	return out
}
