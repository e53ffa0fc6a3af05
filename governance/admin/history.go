package admin

import (
	"context"
	"errors"
	"fmt"
	"sort"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
)

// History is what became of a document.
type History struct {
	Versions []layout.Version // newest first, with their texts; some were never in force
	Moves    []layout.Pointer // of the active pointer, newest first
	Active   int64            // 0: none
}

// History reads it.
func (d *Documents) History(ctx context.Context, name string) (History, error) {
	doc := d.doc(name)
	var h History
	versions, err1 := d.cfg.Store.List(ctx, doc.Versions())
	moves, err2 := d.cfg.Store.List(ctx, doc.Moves())
	active, err3 := store.GetOrZero(ctx, d.cfg.Store, doc.Active())
	if err := errors.Join(err1, err2, err3); err != nil {
		return h, fmt.Errorf("history of %s: %w", doc, err)
	}
	if len(versions.KVs) == 0 {
		return h, fmt.Errorf("%s: %w", doc, ErrNotFound)
	}
	for _, kv := range versions.KVs {
		v, err := layout.DecodeVersion(kv.Value)
		if err != nil {
			return h, fmt.Errorf("history of %s: %s: %w", doc, kv.Key, err)
		}
		h.Versions = append([]layout.Version{v}, h.Versions...)
	}
	for _, kv := range moves.KVs {
		p, err := layout.DecodePointer(kv.Value)
		if err != nil {
			return h, fmt.Errorf("history of %s: %s: %w", doc, kv.Key, err)
		}
		h.Moves = append([]layout.Pointer{p}, h.Moves...)
	}
	if active.Modified != 0 {
		p, err := layout.DecodePointer(active.Value)
		if err != nil {
			return h, fmt.Errorf("history of %s: %w", doc, err)
		}
		h.Active = p.Version
	}
	return h, nil
}

// Diff is the unified difference of two versions; 0 stands for the one in force. No difference is "".
func (d *Documents) Diff(ctx context.Context, name string, from, to int64) (string, error) {
	was, err := d.versionOrActive(ctx, name, from)
	if err != nil {
		return "", err
	}
	next, err := d.versionOrActive(ctx, name, to)
	if err != nil {
		return "", err
	}
	return Unified(label(name, was), label(name, next), was.Text, next.Text), nil
}

// DiffWith is the unified difference of the document in force to another text.
func (d *Documents) DiffWith(ctx context.Context, name string, document []byte) (string, error) {
	was, err := d.Get(ctx, name)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", err
	}
	return Unified(label(name, was.Version), name+" (new)", was.Version.Text, string(document)), nil
}

func (d *Documents) versionOrActive(ctx context.Context, name string, n int64) (layout.Version, error) {
	if n != 0 {
		return d.GetVersion(ctx, name, n)
	}
	a, err := d.Get(ctx, name)
	return a.Version, err
}

func label(name string, v layout.Version) string {
	if v.Number == 0 {
		return "/dev/null"
	}
	return fmt.Sprintf("%s (version %d)", name, v.Number)
}

// InstanceStatus is what one living instance runs.
type InstanceStatus struct {
	layout.Status
	// Behind are the documents of which the instance does not run what is in force, by name, with the reason as far as
	// it is known.
	Behind map[string]string
}

// Status is what is in force, and what each living instance runs; by instance.
func (d *Documents) Status(ctx context.Context) (map[string]layout.Pointer, []InstanceStatus, error) {
	active, err1 := d.cfg.Store.List(ctx, layout.ActivePrefix(d.cfg.Kind))
	statuses, err2 := d.cfg.Store.List(ctx, layout.StatusPrefix(d.cfg.Kind))
	if err := errors.Join(err1, err2); err != nil {
		return nil, nil, fmt.Errorf("status of %s: %w", d.cfg.Kind, err)
	}
	pointers := map[string]layout.Pointer{}
	for _, kv := range active.KVs {
		p, err := layout.DecodePointer(kv.Value)
		if err != nil {
			return nil, nil, fmt.Errorf("status of %s: %s: %w", d.cfg.Kind, kv.Key, err)
		}
		if name, ok := layout.NameIn(d.cfg.Kind, kv.Key); ok {
			pointers[name] = p
		}
	}
	var out []InstanceStatus
	for _, kv := range statuses.KVs {
		s, err := layout.DecodeStatus(kv.Value)
		if err != nil {
			return nil, nil, fmt.Errorf("status of %s: %s: %w", d.cfg.Kind, kv.Key, err)
		}
		out = append(out, InstanceStatus{Status: s, Behind: behind(pointers, s)})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Instance < out[j].Instance })
	return pointers, out, nil
}

func behind(pointers map[string]layout.Pointer, s layout.Status) map[string]string {
	out := map[string]string{}
	for name, p := range pointers {
		doc, runs := s.Documents[name]
		switch {
		case runs && doc.Serial == p.Serial:
		case doc.Problem != "":
			out[name] = doc.Problem
		default:
			out[name] = "not adopted yet"
		}
	}
	for name, doc := range s.Documents {
		if _, ok := pointers[name]; !ok && doc.Problem != "" {
			out[name] = doc.Problem
		}
	}
	return out
}
