package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
)

// ErrNoCanary is a promotion or an end of a canary where none runs.
var ErrNoCanary = errors.New("no canary runs")

// ErrNobody is a canary that no living instance would run.
var ErrNobody = errors.New("no living instance would run it")

// try stores the version and has some instances run it, in one transaction. What is in force stays. On a dry run it says
// who would run it.
func (d *Documents) try(ctx context.Context, name string, st state, v layout.Version, c layout.Canary, dry bool) (layout.Pointer, []string, error) {
	doc := d.doc(name)
	if d.cfg.Apart != nil {
		what, err := d.cfg.Apart(ctx, name, []byte(st.active.Version.Text), []byte(v.Text))
		if err == nil && len(what) > 0 {
			err = fmt.Errorf("a canary that has others than those in force: %s: %w", strings.Join(what, ", "), ErrPlacement)
		}
		if err != nil {
			return layout.Pointer{}, nil, fmt.Errorf("%s: %w", doc, err)
		}
	}
	conds, ops, number, err := d.store(name, st, v)
	if err != nil {
		return layout.Pointer{}, nil, err
	}
	c.Version, c.By, c.Comment, c.Time = number, v.Author, v.Comment, d.cfg.Now().UTC()
	chosen, err := d.choose(ctx, &c)
	if err != nil {
		return layout.Pointer{}, nil, fmt.Errorf("%s, canary %s: %w", doc, &c, err)
	}
	if dry {
		return st.active.Pointer, chosen, nil
	}
	next := st.active.Pointer.Next(st.active.Pointer.Version, layout.Tried, v.Author, v.Comment, d.cfg.Now())
	next.Canary = &c
	data, err := next.Encode()
	if err != nil {
		return layout.Pointer{}, nil, err
	}
	conds = append(conds, store.Unchanged(st.pointer), store.Absent(doc.Prepare()))
	ops = append(ops, store.Put(doc.Active(), data), store.Put(doc.Move(next.Serial), data))
	return next, chosen, d.commit(ctx, name, st, conds, ops)
}

// choose draws a share, and names the living instances that the canary covers.
func (d *Documents) choose(ctx context.Context, c *layout.Canary) ([]string, error) {
	l, err := d.cfg.Store.List(ctx, layout.Instances)
	if err != nil {
		return nil, err
	}
	var alive []layout.Instance
	var names []string
	for _, kv := range l.KVs {
		i, err := layout.DecodeInstance(kv.Value)
		if err != nil {
			return nil, err
		}
		alive, names = append(alive, i), append(names, i.Name)
	}
	c.Draw(names)
	var chosen []string
	for _, i := range alive {
		if c.Covers(i.Name, i.Labels) {
			chosen = append(chosen, i.Name)
		}
	}
	slices.Sort(chosen)
	if len(chosen) == 0 {
		return nil, fmt.Errorf("%w (there are: %s)", ErrNobody, strings.Join(names, ", "))
	}
	return chosen, nil
}

// Promote brings the canary into force for all instances. One that some instance could not adopt is promoted only by force.
func (d *Documents) Promote(ctx context.Context, name, by, comment string, force bool) (Result, error) {
	return d.endCanary(ctx, name, by, comment, layout.Promoted, func(st state, c *layout.Canary) error {
		v, err := d.GetVersion(ctx, name, c.Version)
		if err != nil {
			return err
		}
		if err := d.cfg.Validate(ctx, name, []byte(v.Text)); err != nil {
			return &Invalid{Document: d.doc(name), Err: fmt.Errorf("version %d is not valid any more: %w", c.Version, err)}
		}
		tables, err := d.placement(ctx, name, st, v, true)
		if err == nil && len(tables) > 0 {
			err = fmt.Errorf("promote version %d of %s: tables %v: %w", c.Version, d.doc(name), tables, ErrPlacement)
		}
		if err != nil || force {
			return err
		}
		return d.refusedBy(ctx, name, c.Version)
	})
}

// refusedBy is an error that names the instances that could not adopt a version.
func (d *Documents) refusedBy(ctx context.Context, name string, version int64) error {
	_, all, err := d.Status(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, i := range all {
		if s := i.Documents[name]; s.Refused == version {
			errs = append(errs, fmt.Errorf("%s, version %d: %s could not adopt it: %s", d.doc(name), version, i.Instance, s.Problem))
		}
	}
	return errors.Join(errs...)
}

// Abort ends the canary: all instances run what is in force.
func (d *Documents) Abort(ctx context.Context, name, by, comment string) (Result, error) {
	return d.endCanary(ctx, name, by, comment, layout.Aborted, func(state, *layout.Canary) error { return nil })
}

func (d *Documents) endCanary(ctx context.Context, name, by, comment, reason string, may func(state, *layout.Canary) error) (Result, error) {
	by, err := author(by)
	if err != nil {
		return Result{}, fmt.Errorf("%s %s: %w", reason, d.doc(name), err)
	}
	st, err := d.read(ctx, name)
	if err != nil {
		return Result{}, err
	}
	if st.pointer.Modified == 0 || st.active.Version.Dropped {
		return Result{}, fmt.Errorf("%s: %w", d.doc(name), ErrNotFound)
	}
	res := Result{Pointer: st.active.Pointer, Before: st.active.Pointer.Version}
	c := st.active.Pointer.Canary
	if c == nil {
		return res, fmt.Errorf("%s: %w", d.doc(name), ErrNoCanary)
	}
	if err := may(st, c); err != nil {
		return res, err
	}
	version := st.active.Pointer.Version
	if reason == layout.Promoted {
		version = c.Version
	}
	res.Pointer, err = d.move(ctx, name, st, st.active.Pointer.Next(version, reason, by, comment, d.cfg.Now()))
	return res, err
}
