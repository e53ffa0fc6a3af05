package reload

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
)

// compare brings what runs to what is in force. An error means that the store was not reached; everything else is a
// refusal with an alarm.
func (f *Follower[T]) compare(ctx context.Context) error {
	l, err := f.cfg.Store.List(ctx, layout.ActivePrefix(f.cfg.Kind))
	if err != nil {
		return err
	}
	found := map[string]bool{}
	var next []Document
	for _, kv := range l.KVs {
		name, ok := layout.NameIn(f.cfg.Kind, kv.Key)
		if !ok {
			continue
		}
		found[name] = true
		d, isNew, err := f.fetch(ctx, name, kv.Value)
		if err != nil {
			return err
		}
		if isNew {
			next = append(next, d)
		}
	}
	f.vanished(found)
	f.adopt(ctx, next)
	f.mu.Lock()
	f.connected, f.source, f.confirmed = true, layout.FromStore, f.cfg.Now()
	f.mu.Unlock()
	if f.Current() == nil { // nothing in force, nothing on disk: the one case in which "no documents" is an answer
		if value, err := f.build(nil); err == nil && len(found) == 0 {
			f.publish(value)
		}
	}
	f.report(ctx)
	return nil
}

// fetch reads the version that a pointer names, if it is news. An error means that the store was not reached.
func (f *Follower[T]) fetch(ctx context.Context, name string, value []byte) (d Document, isNew bool, err error) {
	pointer, err := layout.DecodePointer(value)
	if err != nil {
		f.refuse(name, pointer, Invalid, err)
		return d, false, nil
	}
	number := pointer.For(f.cfg.Instance, f.cfg.Labels)
	f.mu.Lock()
	was, runs := f.docs[name]
	f.mu.Unlock()
	switch {
	case runs && pointer.Serial == was.Pointer.Serial && number == was.Version.Number:
		f.accept(name)
		return d, false, nil
	case runs && pointer.Serial < was.Pointer.Serial:
		f.refuse(name, pointer, SetBack, fmt.Errorf("the store names version %d of %s, older than version %d of %s that runs; apply it anew if that is meant",
			pointer.Version, pointer.Time.Format("2006-01-02 15:04:05"), was.Pointer.Version, was.Pointer.Time.Format("2006-01-02 15:04:05")))
		return d, false, nil
	}
	kv, err := f.cfg.Store.Get(ctx, layout.Document{Kind: f.cfg.Kind, Name: name}.Version(number))
	if err != nil && !store.IsNotFound(err) {
		return d, false, err
	}
	version := layout.Version{}
	if err == nil {
		version, err = layout.DecodeVersion(kv.Value)
	}
	if err == nil && version.Number != number {
		err = fmt.Errorf("the record of version %d says %d", number, version.Number)
	}
	if err != nil {
		f.refuse(name, pointer, Invalid, err)
		return d, false, nil
	}
	return Document{Name: name, Pointer: pointer, Version: version}, true, nil
}

// adopt takes all together, because they may need each other; if that cannot be, one after the other by name.
func (f *Follower[T]) adopt(ctx context.Context, next []Document) {
	if len(next) == 0 || f.take(ctx, next) == nil {
		return
	}
	slices.SortFunc(next, func(a, b Document) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	for _, d := range next {
		if err := f.take(ctx, []Document{d}); err != nil {
			reason := Invalid
			if errors.Is(err, errUnannounced) {
				reason = Unannounced
			}
			f.refuse(d.Name, d.Pointer, reason, err)
		}
	}
}

var errUnannounced = errors.New("it changes where rows live, but was not activated by a placement barrier")

// take validates, builds, swaps and saves, with the tables held whose placement changes.
func (f *Follower[T]) take(ctx context.Context, next []Document) error {
	f.mu.Lock()
	docs := maps.Clone(f.docs)
	f.mu.Unlock()
	type move struct {
		owner, name string
		tables      []string
	}
	var moves []move
	for _, d := range next {
		tables, err := f.moved(docs, d)
		if err != nil {
			return err
		}
		if len(tables) > 0 {
			moves = append(moves, move{fmt.Sprintf("adopt %s %d", d.Name, d.Pointer.Serial), d.Name, tables})
		}
		docs[d.Name] = d
	}
	value, err := f.value(docs, next)
	if err != nil {
		return err
	}
	for _, m := range moves {
		defer f.cfg.Gate.Release(m.owner)
		if err := f.cfg.Gate.Hold(ctx, m.owner, m.name, m.tables); err != nil {
			return fmt.Errorf("hold %v: %w", m.tables, err)
		}
	}
	now := f.cfg.Now()
	f.mu.Lock()
	f.docs, f.source, f.confirmed = docs, layout.FromStore, now
	for _, d := range next {
		f.adopted[d.Name] = now
		delete(f.refused, d.Name)
	}
	f.mu.Unlock()
	f.publish(value)
	f.save()
	return nil
}

// moved are the tables that d places elsewhere than what runs; an error if no barrier brought it.
func (f *Follower[T]) moved(docs map[string]Document, d Document) ([]string, error) {
	was, runs := docs[d.Name]
	if !runs || f.cfg.Placement == nil {
		return nil, nil
	}
	tables, err := f.cfg.Placement(was, d)
	if err != nil {
		return nil, fmt.Errorf("compare the placement with version %d: %w", was.Version.Number, err)
	}
	if len(tables) > 0 && d.Pointer.Placement <= was.Pointer.Placement {
		return nil, fmt.Errorf("tables %v: %w", tables, errUnannounced)
	}
	return tables, nil
}

// value is what docs come to. Where none of next says anything else than what runs, as on an instance that a canary
// passes by, it is what runs: nothing is to be planned anew then.
func (f *Follower[T]) value(docs map[string]Document, next []Document) (T, error) {
	f.mu.Lock()
	same := f.Current() != nil
	for _, d := range next {
		was, runs := f.docs[d.Name]
		same = same && runs && was.Version.Number == d.Version.Number && was.Version.Checksum == d.Version.Checksum
	}
	f.mu.Unlock()
	if same {
		return f.Current().Value, nil
	}
	return f.build(docs)
}

// build is the caller's Build without the dropped documents.
func (f *Follower[T]) build(docs map[string]Document) (T, error) {
	return f.cfg.Build(inForce(docs))
}

func inForce(docs map[string]Document) map[string]Document {
	out := map[string]Document{}
	for name, d := range docs {
		if !d.Version.Dropped {
			out[name] = d
		}
	}
	return out
}

// publish swaps the pointer.
func (f *Follower[T]) publish(value T) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.current.Store(&Snapshot[T]{Value: value, Documents: inForce(f.docs), Source: f.source, Confirmed: f.confirmed})
	close(f.changed)
	f.changed = make(chan struct{})
}

// save writes the last good file, with now as the time of the confirmation.
func (f *Follower[T]) save() {
	if f.cfg.Path == "" {
		return
	}
	f.mu.Lock()
	kept := lastGood{Kind: f.cfg.Kind, Saved: f.cfg.Now(), Confirmed: f.confirmed, Documents: f.docs}
	f.mu.Unlock()
	if err := kept.write(f.cfg.Path); err != nil {
		f.cfg.Alarm(Alarm{Document: layout.Document{Kind: f.cfg.Kind}, Reason: DiskUnwritten, Err: err})
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, d := range kept.Documents {
		f.saved[name] = d.Pointer.Serial
	}
	close(f.changed)
	f.changed = make(chan struct{})
}
