package claim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
)

// SequencesConfig is what Sequences needs.
type SequencesConfig struct {
	Store    store.Store
	Instance string
	Now      func() time.Time
	// Floor is the highest value of the sequence that exists where the values are stored: the greatest key in the table,
	// over all shards; 0 for none. It is asked when the store does not know the sequence.
	Floor func(ctx context.Context, name string) (uint64, error)
}

// Sequences hands out ranges of named sequences; it implements router/keygen.Segments.
type Sequences struct {
	cfg SequencesConfig

	mu   sync.Mutex        // guards next
	next map[string]uint64 // the lowest value that may not have been handed out, as far as this process knows
}

// sequence is the record in the store.
type sequence struct {
	Next uint64    `json:"next"` // the lowest value never handed out
	Made time.Time `json:"made"`
}

// NewSequences checks the configuration.
func NewSequences(cfg SequencesConfig) (*Sequences, error) {
	if cfg.Store == nil || cfg.Now == nil || cfg.Floor == nil {
		return nil, errors.New("claim: Store, Now and Floor are needed")
	}
	return &Sequences{cfg: cfg, next: map[string]uint64{}}, nil
}

// NextRange implements router/keygen.Segments: n values from first on that were never handed out and never will be. A
// range whose answer is lost is lost too. In a store that does not know the sequence it begins above Floor; if that store is
// not fresh, not before everything that was handed out before can have ended (see For): a generator must not use
// a range for longer than that.
func (s *Sequences) NextRange(ctx context.Context, name string, n uint64) (first uint64, err error) {
	if n == 0 || n > math.MaxInt64 {
		return 0, fmt.Errorf("sequence %s: a range of %d", name, n)
	}
	return s.advance(ctx, name, 0, n)
}

// Raise implements router/keygen.Segments: the sequence goes on at next or above, of keys that a client gave.
func (s *Sequences) Raise(ctx context.Context, name string, next uint64) (mark uint64, err error) {
	return s.advance(ctx, name, next, 0)
}

func (s *Sequences) advance(ctx context.Context, name string, least, n uint64) (uint64, error) {
	for range 100 {
		kv, err := store.GetOrZero(ctx, s.cfg.Store, layout.Sequence(name))
		if err != nil {
			return 0, fmt.Errorf("sequence %s: %w", name, err)
		}
		seq, conds, err := s.read(ctx, name, kv)
		if err != nil {
			return 0, fmt.Errorf("sequence %s: %w", name, err)
		}
		first := max(seq.Next, least, s.known(name))
		if first > math.MaxInt64 || n > math.MaxInt64-first {
			return 0, fmt.Errorf("sequence %s has run out at %d", name, first)
		}
		if n == 0 && kv.Modified != 0 && first == seq.Next {
			s.remember(name, first)
			return first, nil
		}
		seq.Next = first + n
		data, err := json.Marshal(seq)
		if err != nil {
			return 0, fmt.Errorf("encode sequence %s: %w", name, err)
		}
		res, err := s.cfg.Store.Txn(ctx, append(conds, store.Unchanged(kv)), []store.Op{store.Put(kv.Key, data)})
		if err != nil {
			return 0, fmt.Errorf("sequence %s: %w", name, err)
		}
		if res.OK {
			s.remember(name, seq.Next)
			return first, nil
		}
	}
	return 0, fmt.Errorf("sequence %s: too many instances want a range at once", name)
}

// read is the sequence as it stands, or as it begins.
func (s *Sequences) read(ctx context.Context, name string, kv store.KV) (sequence, []store.Cond, error) {
	var seq sequence
	if kv.Modified != 0 {
		err := json.Unmarshal(kv.Value, &seq)
		if err == nil && seq.Next == 0 {
			err = errors.New("its record is empty")
		}
		return seq, nil, err
	}
	now := s.cfg.Now()
	e, same, err := readEpoch(ctx, s.cfg.Store, now, s.cfg.Instance)
	if err != nil {
		return seq, nil, err
	}
	if usable := e.usable(); now.Before(usable) {
		return seq, nil, fmt.Errorf("the store does not know it, and until %s ranges of an earlier store may be in use "+
			"(unless somebody vouches that the mesh is fresh)", usable.Format(time.RFC3339))
	}
	floor, err := s.cfg.Floor(ctx, name)
	if err != nil {
		return seq, nil, fmt.Errorf("its highest value in use: %w", err)
	}
	if floor >= math.MaxInt64 {
		return seq, nil, fmt.Errorf("it has run out at %d", floor)
	}
	return sequence{Next: floor + 1, Made: now.UTC()}, []store.Cond{same}, nil
}

func (s *Sequences) known(name string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next[name]
}

func (s *Sequences) remember(name string, next uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next[name] = max(s.next[name], next)
}
