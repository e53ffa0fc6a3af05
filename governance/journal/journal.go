package journal

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// What is kept. Finished entries go, oldest first; unfinished ones only by somebody's hand, so that there is a bound for
// them beyond which no more DDL is taken.
const (
	KeepFinished      = 200
	KeepFinishedBytes = 8 << 20
	KeepFor           = 30 * 24 * time.Hour
	MaxUnfinished     = 500
)

// The errors of a Journal, to be tested with errors.Is.
var (
	ErrNotFound = errors.New("no such entry in the DDL journal")
	ErrFull     = errors.New("the DDL journal is full of unfinished entries")
	errChanged  = errors.New("somebody else has written the entry")
)

// A DamagedError is an entry whose record cannot be read.
type DamagedError struct {
	ID  string
	Err error
}

// Error implements error.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("entry %s of the DDL journal is damaged (%v); once you know that its tables are alike on all shards: heddle ddl forget %s", e.ID, e.Err, e.ID)
}

// Unwrap gives the cause.
func (e *DamagedError) Unwrap() error { return e.Err }

// record is an entry as it is kept; version is the keeper's own.
type record struct {
	id      string
	data    []byte
	version string // "": it does not exist
	damaged error  // the keeper cannot say what data is
}

// entry reads a record.
func (r *record) entry() (Entry, error) {
	var e Entry
	err := r.damaged
	if err == nil {
		e, err = Decode(r.data)
	}
	if err != nil {
		return Entry{}, &DamagedError{r.id, err}
	}
	return e, nil
}

// keeper is where entries lie.
type keeper interface {
	read(ctx context.Context, id string) (record, error) // ErrNotFound
	all(ctx context.Context) ([]record, error)           // by id
	write(ctx context.Context, r record) error           // durable when it returns; errChanged if version is not what is kept
	remove(ctx context.Context, ids []string) error
}

// Journal is the journal of one mesh, or of an instance that stands alone. It is safe for concurrent use, and so are
// several of them over one store or directory.
type Journal struct {
	keep     keeper
	limits   limits
	instance string
	now      func() time.Time

	begun atomic.Uint64 // entries since this Journal was opened
}

// pruneEvery is how many entries are begun before all are read again to see which of them go: what is kept may exceed its
// bounds by as many for each instance.
const pruneEvery = 16

// limits are those above, and smaller ones in tests.
type limits struct {
	finished, finishedBytes, unfinished int
	pruneEvery                          uint64
}

func open(keep keeper, instance string, now func() time.Time) *Journal {
	return &Journal{keep: keep, limits: limits{KeepFinished, KeepFinishedBytes, MaxUnfinished, pruneEvery}, instance: instance, now: now}
}

// New prepares an entry of this instance: it gives it its id and its time.
func (j *Journal) New() *Entry {
	e := &Entry{Started: j.now().UTC(), Instance: j.instance}
	e.ID = newID(e.Started)
	return e
}

// Begin makes an entry durable. Nothing of its statement may be sent to a server before it returns without an error.
func (j *Journal) Begin(ctx context.Context, e *Entry) error {
	if j.begun.Load()%j.limits.pruneEvery == 0 {
		if err := j.prune(ctx); err != nil {
			return err
		}
	}
	j.begun.Add(1)
	data, err := marshal(e)
	if err != nil {
		return err
	}
	if err := j.keep.write(ctx, record{id: e.ID, data: data}); err != nil {
		_ = j.keep.remove(ctx, []string{e.ID}) // it may have been written all the same, for a statement that will not run
		return err
	}
	return nil
}

// End notes the outcomes by target and that the statement's client has its answer.
func (j *Journal) End(ctx context.Context, id string, outcomes map[int]Outcome) error {
	return j.change(ctx, id, func(e *Entry) error {
		e.Ended = j.now().UTC()
		return e.apply(outcomes)
	})
}

// Settle takes an entry off the list of unfinished ones, whatever is done of it. A damaged one is removed: there is nothing
// to keep. A prefix of its id will do, if it is the only one.
func (j *Journal) Settle(ctx context.Context, id, by, why string) (settled string, err error) {
	r, err := j.find(ctx, id)
	if err != nil {
		return "", err
	}
	if _, err := r.entry(); err != nil {
		return r.id, j.keep.remove(ctx, []string{r.id})
	}
	return r.id, j.change(ctx, r.id, func(e *Entry) error {
		e.Settled = &Settled{By: by, Why: why, Time: j.now().UTC()}
		return nil
	})
}

// Get returns an entry. A prefix of its id will do, if it is the only one. One that cannot be read is a *DamagedError.
func (j *Journal) Get(ctx context.Context, id string) (Entry, error) {
	r, err := j.find(ctx, id)
	if err != nil {
		return Entry{}, err
	}
	return r.entry()
}

func (j *Journal) find(ctx context.Context, id string) (record, error) {
	r, err := j.keep.read(ctx, id)
	if errors.Is(err, ErrNotFound) {
		r, err = j.byPrefix(ctx, id)
	}
	return r, err
}

func (j *Journal) byPrefix(ctx context.Context, prefix string) (record, error) {
	all, err := j.keep.all(ctx)
	if err != nil {
		return record{}, err
	}
	all = slices.DeleteFunc(all, func(r record) bool { return !strings.HasPrefix(r.id, prefix) })
	switch len(all) {
	case 0:
		return record{}, fmt.Errorf("%w: %s", ErrNotFound, prefix)
	case 1:
		return all[0], nil
	}
	return record{}, fmt.Errorf("%d entries of the DDL journal begin with %s", len(all), prefix)
}

// List returns all entries, oldest first, the damaged ones with nothing but their ids and what is wrong.
func (j *Journal) List(ctx context.Context) ([]Entry, error) {
	all, err := j.keep.all(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Entry, len(all))
	for i, r := range all {
		if out[i], err = r.entry(); err != nil {
			out[i] = Entry{ID: r.id, Damaged: err.Error()}
		}
	}
	return out, nil
}

// Unfinished is the newest unfinished entry of a table; nil without one.
func (j *Journal) Unfinished(ctx context.Context, n Name) (*Entry, error) {
	all, err := j.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range slices.Backward(all) {
		if !e.Finished() && e.Concerns(n) {
			return &e, nil
		}
	}
	return nil, nil
}

// change rewrites an entry, again if somebody else wrote it in between.
func (j *Journal) change(ctx context.Context, id string, f func(*Entry) error) error {
	for {
		r, err := j.keep.read(ctx, id)
		if err != nil {
			return err
		}
		e, err := r.entry()
		if err != nil {
			return err
		}
		if err := f(&e); err != nil {
			return err
		}
		if r.data, err = marshal(&e); err != nil {
			return err
		}
		if err := j.keep.write(ctx, r); !errors.Is(err, errChanged) {
			return err
		}
	}
}

// prune removes the finished entries that are more, older or longer than what is kept.
func (j *Journal) prune(ctx context.Context) error {
	all, err := j.keep.all(ctx)
	if err != nil {
		return err
	}
	var gone []string
	var finished, unfinished, size int
	for _, r := range slices.Backward(all) {
		e, err := r.entry()
		if err != nil || !e.Finished() { // a damaged one waits for somebody's hand as well
			unfinished++
			continue
		}
		finished++
		size += len(r.data)
		if finished >= j.limits.finished || size > j.limits.finishedBytes || j.now().Sub(e.Started) > KeepFor {
			gone = append(gone, r.id)
		}
	}
	if unfinished >= j.limits.unfinished {
		return fmt.Errorf("%w: there are %d; look at them with heddle ddl list", ErrFull, unfinished)
	}
	if len(gone) == 0 {
		return nil
	}
	return j.keep.remove(ctx, gone)
}

// newID sorts by time.
func newID(at time.Time) string {
	return at.Format("20060102-150405.000") + "-" + strings.ToLower(rand.Text()[:4])
}

func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
