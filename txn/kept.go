package txn

import (
	"strings"

	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// keptBytes is how much of the statements of one transaction is kept with its decision. Of what is beyond, only the number is.
const keptBytes = 64 << 10

// kept is a statement that a branch has been sent, and that goes into the log with the decision: should a failover lose the branch, an
// operator learns what it did. Nothing runs it again, see DESIGN.md.
type kept struct {
	text string
	rows int64 // that it has changed; -1: it has failed, or nobody has said
}

// KeepsStatements reports whether statements that write are to be told by Sending. Those of a client's own XA are not: who ends it may have another process.
func (t *Txn) KeepsStatements() bool {
	return t.manager != nil && t.manager.cfg.KeepStatements && t.client == nil && t.Spread()
}

// Sending is told of a statement that is about to be sent to a branch and may write. Home's are not kept: it commits with the decision, or
// is not decided.
func (t *Txn) Sending(b Branch, text string) {
	for _, p := range t.parts {
		switch {
		case p.branch != b || p.home || !t.KeepsStatements():
		case t.keptBytes+len(text) > keptBytes:
			p.unkept++
			p.running = false
		default:
			t.keptBytes += len(text)
			p.kept, p.running = append(p.kept, kept{text, -1}), true
		}
	}
}

// Ran is told how many rows the statement that was sent to a branch last has changed.
func (t *Txn) Ran(b Branch, rows uint64) {
	for _, p := range t.parts {
		if n := len(p.kept); p.branch == b && p.running && n > 0 {
			p.kept[n-1].rows, p.running = int64(rows), false
		}
	}
}

const savepointWord = "SAVEPOINT "

// Saved is told of a savepoint that was set on a branch: what follows may be undone.
func (t *Txn) Saved(b Branch, quoted string) {
	text := savepointWord + quoted
	for _, p := range t.parts {
		if n := len(p.kept); p.branch == b && !p.home && t.KeepsStatements() && (n == 0 || p.kept[n-1].text != text) {
			p.kept, p.running = append(p.kept, kept{text, -1}), false
		}
	}
}

// undone forgets what a branch has undone.
func (p *part) undone(sql string) {
	quoted, is := strings.CutPrefix(sql, "ROLLBACK TO "+savepointWord)
	if !is {
		return
	}
	for i := len(p.kept) - 1; i >= 0; i-- {
		if strings.EqualFold(p.kept[i].text, savepointWord+quoted) {
			p.kept = p.kept[:i+1]
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
		for _, k := range p.kept {
			if !strings.HasPrefix(k.text, savepointWord) {
				all = append(all, txnlog.Statement{Branch: p.xid.Branch.Log, Text: k.text, Rows: k.rows})
			}
		}
		if p.unkept > 0 {
			all = append(all, txnlog.Statement{Branch: p.xid.Branch.Log, Rows: int64(p.unkept)})
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
