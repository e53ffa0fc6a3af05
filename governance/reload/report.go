package reload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/heddle-mesh/heddle/governance/layout"
)

// refuse notes that the pointer's version is not adopted, and raises the alarm if that is news.
func (f *Follower[T]) refuse(name string, p layout.Pointer, reason Reason, err error) {
	f.mu.Lock()
	was, known := f.refused[name]
	f.refused[name] = refusal{pointer: p, reason: reason, err: err}
	close(f.changed)
	f.changed = make(chan struct{})
	f.mu.Unlock()
	if known && was.reason == reason && was.pointer.Serial == p.Serial && was.err.Error() == err.Error() {
		return
	}
	f.cfg.Alarm(Alarm{Document: layout.Document{Kind: f.cfg.Kind, Name: name}, Version: p.For(f.cfg.Instance, f.cfg.Labels), Reason: reason, Err: err})
}

// accept notes that what is in force is what runs.
func (f *Follower[T]) accept(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.refused, name)
}

// vanished raises an alarm for each document that runs and that the store does not name any more.
func (f *Follower[T]) vanished(found map[string]bool) {
	f.mu.Lock()
	var gone []Document
	for name, d := range f.docs {
		if !found[name] && !d.Version.Dropped {
			gone = append(gone, d)
		}
	}
	f.mu.Unlock()
	for _, d := range gone {
		f.refuse(d.Name, layout.Pointer{}, Vanished, errVanished)
	}
}

var errVanished = errors.New("the store has no active pointer; the last good version stays in force")

func awayError(age time.Duration, confirmed time.Time, err error) error {
	return fmt.Errorf("running documents that the store confirmed %s ago (%s): %w", age.Round(time.Second), confirmed.UTC().Format(time.RFC3339), err)
}

// disconnected notes that the store is away.
func (f *Follower[T]) disconnected(err error) {
	f.mu.Lock()
	confirmed := f.confirmed
	news := f.connected || !f.told
	f.connected, f.told = false, true
	f.mu.Unlock()
	if news {
		f.cfg.Alarm(Alarm{Document: layout.Document{Kind: f.cfg.Kind}, Reason: StoreAway, Err: awayError(f.Age(), confirmed, err)})
	}
}

// report publishes the status.
func (f *Follower[T]) report(ctx context.Context) {
	if f.cfg.Publisher == nil {
		return
	}
	value, err := f.Status().Encode()
	if err == nil {
		err = f.cfg.Publisher.Publish(ctx, layout.StatusOf(f.cfg.Kind, f.cfg.Instance), value)
	}
	if err != nil && ctx.Err() == nil {
		f.disconnected(err)
	}
}

// Status is what this instance runs, and what it could not adopt.
func (f *Follower[T]) Status() layout.Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := layout.Status{Instance: f.cfg.Instance, Source: f.source, Confirmed: f.confirmed.UTC(), Documents: map[string]layout.DocumentStatus{}}
	for name, d := range f.docs {
		s.Documents[name] = layout.DocumentStatus{Version: d.Version.Number, Serial: d.Pointer.Serial, Adopted: f.adopted[name].UTC()}
	}
	for name, r := range f.refused {
		d := s.Documents[name]
		d.Refused, d.Problem = r.pointer.For(f.cfg.Instance, f.cfg.Labels), string(r.reason)+": "+r.err.Error()
		s.Documents[name] = d
	}
	return s
}
