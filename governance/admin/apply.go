package admin

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
)

// Application is a document that someone wants in force.
type Application struct {
	Name     string
	Document []byte
	Author   string
	Comment  string
	Base     int64 // the version the author started from; 0: the document is new; AnyBase
	DryRun   bool  // say what would happen, and do nothing
	// Check may forbid a placement change at the moment when no instance writes to the tables. Its error is Apply's.
	Check func(context.Context) error
	// Canary, if there is one, says which instances run the document beside the one in force, which stays. Its Version,
	// By, Time, Comment and Bound are filled in.
	Canary *layout.Canary
}

// Result is what came of a change.
type Result struct {
	Pointer   layout.Pointer // in force now; of a dry run: as it is
	Before    int64          // the version in force before; 0: none
	Unchanged bool           // the document in force says the same already
	// Tables are those whose placement changes (changed): through the barrier.
	Tables []string
	Diff   string   // unified, from what was in force; "" if unchanged
	Chosen []string // the living instances that run it as a canary, or would
}

// Apply validates a document and brings it into force. Errors: *Invalid, *Conflict, ErrPlacement without an Activator,
// what the Activator returns, and those of the store, after which Get tells whether it was done.
func (d *Documents) Apply(ctx context.Context, a Application) (Result, error) {
	by, err := author(a.Author)
	if err != nil {
		return Result{}, fmt.Errorf("apply %s: %w", d.doc(a.Name), err)
	}
	if a.Name == "" {
		return Result{}, fmt.Errorf("apply %s: no name", d.cfg.Kind)
	}
	if err := d.cfg.Validate(ctx, a.Name, a.Document); err != nil {
		return Result{}, &Invalid{Document: d.doc(a.Name), Err: err}
	}
	v := layout.Version{Author: by, Comment: a.Comment, Text: string(a.Document)}
	return d.change(ctx, a.Name, a.Base, v, a)
}

// Drop ends a document. Instances that follow the kind then run without it; its history stays.
func (d *Documents) Drop(ctx context.Context, name, by, comment string, base int64) (Result, error) {
	by, err := author(by)
	if err != nil {
		return Result{}, fmt.Errorf("drop %s: %w", d.doc(name), err)
	}
	return d.change(ctx, name, base, layout.Version{Author: by, Comment: comment, Dropped: true}, Application{})
}

// change is Apply and Drop: compare with what is in force, store the version, move the pointer.
func (d *Documents) change(ctx context.Context, name string, base int64, v layout.Version, a Application) (Result, error) {
	st, err := d.read(ctx, name)
	if err != nil {
		return Result{}, err
	}
	if err := d.checkBase(st, name, base); err != nil {
		return Result{}, err
	}
	res := Result{Pointer: st.active.Pointer, Before: st.active.Pointer.Version}
	exists := st.pointer.Modified != 0 && !st.active.Version.Dropped
	if v.Dropped && !exists {
		return res, fmt.Errorf("%s: %w", d.doc(name), ErrNotFound)
	}
	if exists && !v.Dropped && st.active.Version.Text == v.Text {
		res.Unchanged = true
		return res, nil
	}
	res.Diff = Unified(label(name, st.active.Version), name+" (new)", st.active.Version.Text, v.Text)
	if res.Tables, err = d.placement(ctx, name, st, v, exists); err != nil {
		return res, err
	}
	reason := layout.Applied
	if v.Dropped {
		reason = layout.Dropped
	}
	switch {
	case a.Canary != nil && !exists:
		return res, fmt.Errorf("%s: a canary runs beside a document in force: %w", d.doc(name), ErrNotFound)
	case a.Canary != nil && len(res.Tables) > 0:
		return res, fmt.Errorf("%s: a canary of tables %v: %w", d.doc(name), res.Tables, ErrPlacement)
	case a.Canary != nil:
		res.Pointer, res.Chosen, err = d.try(ctx, name, st, v, *a.Canary, a.DryRun)
	case a.DryRun:
	case len(res.Tables) > 0:
		res.Pointer, err = d.activate(ctx, name, st, v, res.Tables, a.Check)
	default:
		res.Pointer, err = d.swap(ctx, name, st, v, reason)
	}
	return res, err
}

func (d *Documents) checkBase(st state, name string, base int64) error {
	active := st.active.Pointer.Version
	if st.active.Pointer.Canary != nil { // it would end unseen, or be promoted over what it was not tried beside
		return &Conflict{Document: d.doc(name), Base: base, Active: st.active.Pointer}
	}
	if st.active.Version.Dropped && base == 0 {
		return nil // to create it again
	}
	if base == AnyBase || base == active {
		return nil
	}
	return &Conflict{Document: d.doc(name), Base: base, Active: st.active.Pointer}
}

func (d *Documents) placement(ctx context.Context, name string, st state, v layout.Version, exists bool) ([]string, error) {
	if d.cfg.Placement == nil || !exists {
		return nil, nil
	}
	var next []byte
	if !v.Dropped {
		next = []byte(v.Text)
	}
	tables, err := d.cfg.Placement(ctx, name, []byte(st.active.Version.Text), next)
	if err != nil {
		return nil, fmt.Errorf("%s: compare the placement with version %d: %w", d.doc(name), st.active.Version.Number, err)
	}
	return tables, nil
}

// swap stores the version and moves the pointer in one transaction.
func (d *Documents) swap(ctx context.Context, name string, st state, v layout.Version, reason string) (layout.Pointer, error) {
	doc := d.doc(name)
	conds, ops, number, err := d.store(name, st, v)
	if err != nil {
		return layout.Pointer{}, err
	}
	next := st.active.Pointer.Next(number, reason, v.Author, v.Comment, d.cfg.Now())
	data, err := next.Encode()
	if err != nil {
		return layout.Pointer{}, err
	}
	conds = append(conds, store.Unchanged(st.pointer), store.Absent(doc.Prepare()))
	ops = append(ops, store.Put(doc.Active(), data), store.Put(doc.Move(next.Serial), data))
	return next, d.commit(ctx, name, st, conds, ops)
}

// activate stores the version and leaves the rest to the barrier.
func (d *Documents) activate(ctx context.Context, name string, st state, v layout.Version, tables []string, check func(context.Context) error) (layout.Pointer, error) {
	doc := d.doc(name)
	if d.cfg.Activator == nil {
		return layout.Pointer{}, fmt.Errorf("%s: tables %v: %w, which cannot be done here", doc, tables, ErrPlacement)
	}
	conds, ops, number, err := d.store(name, st, v)
	if err != nil {
		return layout.Pointer{}, err
	}
	if err := d.commit(ctx, name, st, append(conds, store.Unchanged(st.pointer)), ops); err != nil {
		return layout.Pointer{}, err
	}
	return d.cfg.Activator.Activate(ctx, Change{Document: doc, Base: st.active.Pointer, Version: number, Tables: tables, By: v.Author, Comment: v.Comment, Check: check})
}

// store is how the version gets the next number.
func (d *Documents) store(name string, st state, v layout.Version) ([]store.Cond, []store.Op, int64, error) {
	doc := d.doc(name)
	var last int64
	if st.latest.Modified != 0 {
		n, err := strconv.ParseInt(string(st.latest.Value), 10, 64)
		if err != nil {
			return nil, nil, 0, fmt.Errorf("%s: the number of its latest version: %w", doc, err)
		}
		last = n
	}
	v.Number = max(last, st.active.Pointer.Version) + 1
	v.Time = d.cfg.Now().UTC()
	data, err := v.Encode()
	if err != nil {
		return nil, nil, 0, &Invalid{Document: doc, Err: err}
	}
	conds := []store.Cond{store.Unchanged(st.latest), store.Absent(doc.Version(v.Number))}
	ops := []store.Op{store.Put(doc.Latest(), strconv.AppendInt(nil, v.Number, 10)), store.Put(doc.Version(v.Number), data)}
	return conds, ops, v.Number, nil
}

// commit writes; if the conditions do not hold, it says who came first.
func (d *Documents) commit(ctx context.Context, name string, was state, conds []store.Cond, ops []store.Op) error {
	res, err := d.cfg.Store.Txn(ctx, conds, ops)
	if err != nil {
		return fmt.Errorf("change %s (whether it was done is not known): %w", d.doc(name), err)
	}
	if res.OK {
		return nil
	}
	now, err := d.read(ctx, name)
	if err != nil {
		return err
	}
	if now.pointer.Modified != was.pointer.Modified {
		return &Conflict{Document: d.doc(name), Base: was.active.Pointer.Version, Active: now.active.Pointer}
	}
	return fmt.Errorf("change %s: %w", d.doc(name), errBusy)
}

var errBusy = errors.New("another change is under way, perhaps a placement change; try again when it is done")

// Rollback brings an older version into force again, by moving the pointer. A placement change cannot be undone so: rows
// were written by the new placement since.
func (d *Documents) Rollback(ctx context.Context, name string, version int64, by, comment string, base int64) (Result, error) {
	by, err := author(by)
	if err != nil {
		return Result{}, fmt.Errorf("roll %s back: %w", d.doc(name), err)
	}
	st, err := d.read(ctx, name)
	if err != nil {
		return Result{}, err
	}
	if st.pointer.Modified == 0 {
		return Result{}, fmt.Errorf("%s: %w", d.doc(name), ErrNotFound)
	}
	if err := d.checkBase(st, name, base); err != nil {
		return Result{}, err
	}
	v, err := d.GetVersion(ctx, name, version)
	if err != nil {
		return Result{}, err
	}
	res := Result{Pointer: st.active.Pointer, Before: st.active.Pointer.Version}
	if version == st.active.Pointer.Version {
		res.Unchanged = true
		return res, nil
	}
	if v.Dropped {
		return res, fmt.Errorf("roll %s back to version %d, which dropped it: drop it instead", d.doc(name), version)
	}
	if err := d.cfg.Validate(ctx, name, []byte(v.Text)); err != nil {
		return res, &Invalid{Document: d.doc(name), Err: fmt.Errorf("version %d is not valid any more: %w", version, err)}
	}
	if res.Tables, err = d.placement(ctx, name, st, v, !st.active.Version.Dropped); err != nil {
		return res, err
	}
	if len(res.Tables) > 0 {
		return res, fmt.Errorf("roll %s back to version %d: tables %v: %w", d.doc(name), version, res.Tables, ErrPlacement)
	}
	res.Diff = Unified(label(name, st.active.Version), label(name, v), st.active.Version.Text, v.Text)
	res.Pointer, err = d.move(ctx, name, st, st.active.Pointer.Next(version, layout.RolledBack, by, comment, d.cfg.Now()))
	return res, err
}

func (d *Documents) move(ctx context.Context, name string, st state, next layout.Pointer) (layout.Pointer, error) {
	doc := d.doc(name)
	data, err := next.Encode()
	if err != nil {
		return next, err
	}
	return next, d.commit(ctx, name, st, []store.Cond{store.Unchanged(st.pointer), store.Absent(doc.Prepare())},
		[]store.Op{store.Put(doc.Active(), data), store.Put(doc.Move(next.Serial), data)})
}
