// Package admin is the life of a document: apply, canary, promote, abort, get, diff, history, rollback, drop, status. The command line, SQL and
// tests call it; it is a library without a listener.
//
// It does not know what a document says: the caller passes what validates one and what compares placements. It does not
// activate placement changes itself: the barrier does. Its level: above governance/store and layout, beside reload.
package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
)

// Activator brings a placement change into force; the sidecar makes one of reload/barrier.Activator.
type Activator interface {
	Activate(ctx context.Context, ch Change) (layout.Pointer, error)
}

// Change is a stored version that is to be activated by the barrier.
type Change struct {
	Document    layout.Document
	Base        layout.Pointer
	Version     int64
	Tables      []string
	By, Comment string
	Check       func(context.Context) error // asked when nobody writes to the tables; nil: nothing is
}

// Config is what Documents needs.
type Config struct {
	Store store.Store
	Kind  string // layout.Rules, layout.Users …
	// Validate refuses a document that instances could not run; the error's text is for its author.
	Validate func(ctx context.Context, name string, document []byte) error
	// Placement names the tables whose rows live elsewhere under next than under was; nil if the kind has no placement.
	// A drop has a nil next.
	Placement func(ctx context.Context, name string, was, next []byte) (tables []string, err error)
	// Apart names what else two instances must not take differently for long, as a canary has them do; nil: nothing.
	Apart     func(ctx context.Context, name string, was, next []byte) (what []string, err error)
	Activator Activator // nil: placement changes are refused
	Now       func() time.Time
}

// Documents administers the documents of one kind. It has no state: any number may work on one store.
type Documents struct{ cfg Config }

// New checks the configuration.
func New(cfg Config) (*Documents, error) {
	if cfg.Store == nil || cfg.Kind == "" || cfg.Validate == nil || cfg.Now == nil {
		return nil, errors.New("admin: Store, Kind, Validate and Now are needed")
	}
	return &Documents{cfg: cfg}, nil
}

// AnyBase is the base of a change that is meant whatever is in force.
const AnyBase int64 = -1

// ErrNotFound is a document or version that does not exist, or a document that was dropped.
var ErrNotFound = errors.New("no such document")

// ErrPlacement is a placement change where none is possible.
var ErrPlacement = errors.New("it changes where rows live")

// Conflict is a change whose base is no longer in force.
type Conflict struct {
	Document layout.Document
	Base     int64          // what the author started from; 0: that there is none
	Active   layout.Pointer // what is in force; the zero Pointer: nothing is
}

// Error implements error.
func (c *Conflict) Error() string {
	if c.Active.Version == 0 {
		return fmt.Sprintf("%s: version %d is not in force: the document does not exist", c.Document, c.Base)
	}
	if t := c.Active.Canary; t != nil {
		return fmt.Sprintf("%s: version %d runs as a canary on %s, by %s at %s%s: it is to be promoted or aborted first", c.Document, t.Version, t, t.By,
			t.Time.UTC().Format("2006-01-02 15:04:05Z"), quoted(t.Comment))
	}
	started := fmt.Sprintf("you started from version %d", c.Base)
	if c.Base == 0 {
		started = "you meant to create it"
	}
	return fmt.Sprintf("%s: %s, but version %d is in force, by %s at %s%s", c.Document, started, c.Active.Version, c.Active.By,
		c.Active.Time.UTC().Format("2006-01-02 15:04:05Z"), quoted(c.Active.Comment))
}

func quoted(comment string) string {
	if comment == "" {
		return ""
	}
	return fmt.Sprintf(" (%q)", comment)
}

// Invalid is a document that Validate refused.
type Invalid struct {
	Document layout.Document
	Err      error
}

// Error implements error.
func (e *Invalid) Error() string { return fmt.Sprintf("%s: %v", e.Document, e.Err) }

// Unwrap implements errors.
func (e *Invalid) Unwrap() error { return e.Err }

// Active is a document in force.
type Active struct {
	Pointer layout.Pointer
	Version layout.Version
}

// Bytes is the document as its author wrote it.
func (a Active) Bytes() []byte { return []byte(a.Version.Text) }

func (d *Documents) doc(name string) layout.Document {
	return layout.Document{Kind: d.cfg.Kind, Name: name}
}

// Get is the document in force.
func (d *Documents) Get(ctx context.Context, name string) (Active, error) {
	st, err := d.read(ctx, name)
	if err != nil {
		return Active{}, err
	}
	if st.pointer.Modified == 0 || st.active.Version.Dropped {
		return Active{}, fmt.Errorf("%s: %w", d.doc(name), ErrNotFound)
	}
	return st.active, nil
}

// GetVersion is one version, in force or not.
func (d *Documents) GetVersion(ctx context.Context, name string, version int64) (layout.Version, error) {
	kv, err := d.cfg.Store.Get(ctx, d.doc(name).Version(version))
	if store.IsNotFound(err) {
		return layout.Version{}, fmt.Errorf("%s version %d: %w", d.doc(name), version, ErrNotFound)
	}
	if err != nil {
		return layout.Version{}, fmt.Errorf("%s version %d: %w", d.doc(name), version, err)
	}
	return layout.DecodeVersion(kv.Value)
}

// Names are the documents in force.
func (d *Documents) Names(ctx context.Context) ([]string, error) {
	l, err := d.cfg.Store.List(ctx, layout.ActivePrefix(d.cfg.Kind))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", d.cfg.Kind, err)
	}
	var out []string
	for _, kv := range l.KVs {
		p, err := layout.DecodePointer(kv.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", kv.Key, err)
		}
		if name, ok := layout.NameIn(d.cfg.Kind, kv.Key); ok && p.Reason != layout.Dropped {
			out = append(out, name)
		}
	}
	return out, nil
}

// state is a document as it stands: for a change to be conditional on.
type state struct {
	active  Active
	pointer store.KV // Modified 0: there is none
	latest  store.KV
}

func (d *Documents) read(ctx context.Context, name string) (state, error) {
	doc := d.doc(name)
	var st state
	var err error
	if st.latest, err = store.GetOrZero(ctx, d.cfg.Store, doc.Latest()); err != nil {
		return st, fmt.Errorf("read %s: %w", doc, err)
	}
	if st.pointer, err = store.GetOrZero(ctx, d.cfg.Store, doc.Active()); err != nil {
		return st, fmt.Errorf("read %s: %w", doc, err)
	}
	if st.pointer.Modified == 0 {
		return st, nil
	}
	if st.active.Pointer, err = layout.DecodePointer(st.pointer.Value); err != nil {
		return st, fmt.Errorf("read %s: %w", doc, err)
	}
	st.active.Version, err = d.GetVersion(ctx, name, st.active.Pointer.Version)
	return st, err
}

// author is who a change is written down to.
func author(by string) (string, error) {
	if strings.TrimSpace(by) == "" {
		return "", errors.New("a change needs an author")
	}
	return by, nil
}
