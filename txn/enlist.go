package txn

import (
	"context"
	"fmt"
	"sync"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/txn/txnlog"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// enlistXA opens branches of a distributed transaction, all at the same time; the first of a transaction that has none is home. What a
// branch needs of home is its log and the number of its connection, which are known before it has begun.
func (t *Txn) enlistXA(ctx context.Context, all []Branch) error {
	home, further, fresh := all[0], all[1:], true
	if len(t.parts) > 0 {
		home, further, fresh = t.parts[0].branch, all, false
	}
	parts, err := t.further(home, further)
	if err != nil {
		return err
	}
	at := t.manager.cfg.At
	for range parts {
		if err := at.hit(ctx, "start", "before"); err != nil {
			return err
		}
	}
	errs := make([]error, len(parts))
	var starts sync.WaitGroup
	for i, p := range parts {
		starts.Go(func() { errs[i] = p.branch.Exec(ctx, t.starting(p)...) })
	}
	opened := t.openHome(ctx, home, fresh)
	starts.Wait()
	if err := t.join(ctx, home, fresh, opened, parts, errs); err != nil {
		return err
	}
	for range parts {
		if err := at.hit(ctx, "start", "after"); err != nil {
			return err
		}
	}
	return nil
}

// further are the parts of branches that are not home. With the first of them the transaction gets its name.
func (t *Txn) further(home Branch, all []Branch) (parts []*part, err error) {
	shards := t.manager.cfg.Shards
	logs := make([]xa.Log, len(all))
	for i, b := range all {
		if logs[i], err = shards.Fit(b.DataSource()); err != nil {
			return nil, err
		}
	}
	if !t.Spread() {
		log, err := shards.Fit(home.DataSource())
		if err != nil {
			return nil, err
		}
		t.gtrid = t.manager.name(log)
	}
	for i, b := range all {
		parts = append(parts, &part{branch: b, xid: xa.XID{GTRID: t.gtrid, Branch: xa.Qualifier{
			Log: logs[i], Conn: b.ConnectionID(), Home: home.ConnectionID(),
		}}})
	}
	return parts, nil
}

// starting is the packet that begins a branch, with the savepoints that are set.
func (t *Txn) starting(p *part) []string {
	packet := append(t.options.ahead(), txnlog.Start(p.xid))
	if t.options.Snapshot {
		packet = append(packet, txnlog.Snapshot)
	}
	for _, name := range t.savepoints {
		packet = append(packet, "SAVEPOINT "+name)
	}
	return packet
}

// openHome begins home's transaction, where it has not begun, and guards it.
func (t *Txn) openHome(ctx context.Context, home Branch, fresh bool) error {
	if !fresh {
		return t.guard(ctx)
	}
	err := home.Exec(ctx, append(t.opening(), "SAVEPOINT "+GuardPoint)...)
	t.guarded = err == nil
	if e := sqlerr.As(err); e != nil && e.Code == codeNoSavepoint && len(t.savepoints) == 0 { // it has begun, and stays without
		err = nil
	}
	if err != nil {
		return fmt.Errorf("begin on %s: %w", home.DataSource(), err)
	}
	return nil
}

// join makes branches of what has begun, and undoes the rest. Where home has not, nothing has.
func (t *Txn) join(ctx context.Context, home Branch, fresh bool, opened error, parts []*part, errs []error) (failed error) {
	if failed = opened; fresh && opened == nil {
		t.Adopt(home)
		t.parts[0].xid.GTRID = t.gtrid
	} else if fresh {
		t.gtrid, t.guarded = xa.GTRID{}, false
	} else {
		t.parts[0].xid.GTRID = t.gtrid
	}
	for i, p := range parts {
		if opened == nil && errs[i] == nil {
			t.insert(p.branch)
			t.parts = append(t.parts, p)
			for _, name := range t.savepoints {
				t.Saved(p.branch, name)
			}
			continue
		}
		if failed == nil {
			failed = fmt.Errorf("begin on %s: %w", p.branch.DataSource(), errs[i])
		}
		if r, _ := t.undo(context.WithoutCancel(ctx), p); r != xa.OK {
			p.branch.Discard() // it may have begun
		}
	}
	return failed
}

// GuardPoint is a savepoint of home's, in backticks, for as long as the transaction is distributed. It goes with the transaction, so that nothing is
// decided on a connection whose transaction has ended unnoticed: the row would commit by itself, without home's data.
const GuardPoint = "`heddle txn`"

// guard sets home's savepoint when the second branch comes. An engine that has none leaves the transaction without.
func (t *Txn) guard(ctx context.Context) error {
	if t.guarded || len(t.parts) > 1 {
		return nil
	}
	err := t.parts[0].branch.Exec(ctx, "SAVEPOINT "+GuardPoint)
	if e := sqlerr.As(err); e != nil && e.Code == codeNoSavepoint {
		return nil
	}
	if err != nil {
		return fmt.Errorf("savepoint on %s: %w", t.parts[0].branch.DataSource(), err)
	}
	t.guarded = true
	return nil
}

const codeNoSavepoint = 1178 // ER_CHECK_NOT_IMPLEMENTED

// Undoing are the statements by which sql, which takes savepoints away, is run on a branch: home gets its guard back with it.
func (t *Txn) Undoing(b Branch, sql string) []string {
	for _, p := range t.parts {
		if p.branch == b {
			p.undone(sql)
		}
	}
	if t.guarded && b == t.parts[0].branch {
		return []string{sql, "SAVEPOINT " + GuardPoint}
	}
	return []string{sql}
}
