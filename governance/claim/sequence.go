package claim

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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
	// Secret stays on the instance's disk: ranges that a process with it held are the next one's to give up. Two processes
	// must not have it at once. "": ranges of a process that crashed are held until they expire.
	Secret string
	Now    func() time.Time
	// Floor is the highest value of the sequence that exists where the values are stored: the greatest key in the table,
	// over all shards; 0 for none. It is asked when the store does not know the sequence.
	Floor func(ctx context.Context, name string) (uint64, error)
	// Problem is told why ranges could not be given up yet; nil: nobody.
	Problem func(error)
}

// Sequences hands out ranges of named sequences; it implements router/keygen.Segments. Run gives ranges up that others
// revoke.
type Sequences struct {
	cfg    SequencesConfig
	holder string // in sequence.Held

	mu   sync.Mutex        // guards next
	next map[string]uint64 // the lowest value that may not have been handed out, as far as this process knows
}

// sequence is the record in the store.
type sequence struct {
	Next uint64    `json:"next"` // the lowest value never handed out
	Made time.Time `json:"made"`
	// Held is who may still give values that were handed out, by holder. Who is not in it gives none below Next.
	Held map[string]hold `json:"held"`
}

// hold is that an instance may give values from First up to, not including, End, until Until. Values of others may lie
// between.
type hold struct {
	Instance string    `json:"instance"`
	First    uint64    `json:"first"`
	End      uint64    `json:"end"`
	Until    time.Time `json:"until"`
}

// NewSequences checks the configuration.
func NewSequences(cfg SequencesConfig) (*Sequences, error) {
	if cfg.Store == nil || cfg.Now == nil || cfg.Floor == nil {
		return nil, errors.New("claim: Store, Now and Floor are needed")
	}
	if cfg.Problem == nil {
		cfg.Problem = func(error) {}
	}
	proof := cfg.Secret
	if proof == "" {
		proof = rand.Text()
	}
	sum := sha256.Sum256([]byte("heddle ranges\x00" + proof))
	return &Sequences{cfg: cfg, holder: cfg.Instance + "@" + hex.EncodeToString(sum[:8]), next: map[string]uint64{}}, nil
}

// NextRange implements router/keygen.Segments: n values from first on that were never handed out and never will be. A
// range whose answer is lost is lost too. In a store that does not know the sequence it begins above Floor; if that store is
// not fresh, not before everything that was handed out before can have ended (see For): a generator must not use
// a range for longer than that. low is the lowest value of earlier ranges that the caller may still give or has not
// stored yet; 0: none.
func (s *Sequences) NextRange(ctx context.Context, name string, n, low uint64) (first uint64, err error) {
	if n == 0 || n > math.MaxInt64 {
		return 0, fmt.Errorf("sequence %s: a range of %d", name, n)
	}
	err = s.change(ctx, name, func(seq *sequence) (bool, error) {
		first = max(seq.Next, s.known(name))
		if first > math.MaxInt64 || n > math.MaxInt64-first {
			return false, fmt.Errorf("it has run out at %d", first)
		}
		seq.Next = first + n
		h := hold{Instance: s.cfg.Instance, First: first, End: first + n, Until: s.cfg.Now().Add(For).UTC()}
		if low > 0 {
			h.First = min(h.First, low)
		}
		seq.Held[s.holder] = h
		return true, nil
	})
	return first, err
}

// Raise implements router/keygen.Segments: the sequence goes on at next or above, of keys that a client gave.
func (s *Sequences) Raise(ctx context.Context, name string, next uint64) (mark uint64, err error) {
	err = s.change(ctx, name, func(seq *sequence) (bool, error) {
		mark, err = s.raised(seq, name, next)
		changed := mark != seq.Next
		seq.Next = mark
		return changed, err
	})
	return mark, err
}

func (s *Sequences) raised(seq *sequence, name string, next uint64) (uint64, error) {
	mark := max(seq.Next, next, s.known(name))
	if mark > math.MaxInt64 {
		return 0, fmt.Errorf("it has run out at %d", mark)
	}
	return mark, nil
}

// change has the sequence changed by do, which may be called again when others were faster, and tells whether there is
// something to write.
func (s *Sequences) change(ctx context.Context, name string, do func(*sequence) (bool, error)) error {
	for range 100 {
		kv, err := store.GetOrZero(ctx, s.cfg.Store, layout.Sequence(name))
		if err != nil {
			return fmt.Errorf("sequence %s: %w", name, err)
		}
		seq, conds, err := s.read(ctx, name, kv)
		if err != nil {
			return fmt.Errorf("sequence %s: %w", name, err)
		}
		changed, err := do(&seq)
		if err != nil {
			return fmt.Errorf("sequence %s: %w", name, err)
		}
		if !changed && kv.Modified != 0 {
			s.remember(name, seq.Next)
			return nil
		}
		data, err := json.Marshal(seq)
		if err != nil {
			return fmt.Errorf("encode sequence %s: %w", name, err)
		}
		res, err := s.cfg.Store.Txn(ctx, append(conds, store.Unchanged(kv)), []store.Op{store.Put(kv.Key, data)})
		if err != nil {
			return fmt.Errorf("sequence %s: %w", name, err)
		}
		if res.OK {
			s.remember(name, seq.Next)
			return nil
		}
	}
	return fmt.Errorf("sequence %s: too many instances change it at once", name)
}

// read is the sequence as it stands, or as it begins.
func (s *Sequences) read(ctx context.Context, name string, kv store.KV) (sequence, []store.Cond, error) {
	var seq sequence
	now := s.cfg.Now()
	if kv.Modified != 0 {
		err := json.Unmarshal(kv.Value, &seq)
		if err == nil && seq.Next == 0 {
			err = errors.New("its record is empty")
		}
		seq.settle(now)
		return seq, nil, err
	}
	e, same, err := readEpoch(ctx, s.cfg.Store, now, s.cfg.Instance)
	if err != nil {
		return seq, nil, err
	}
	if usable := e.usable(); now.Before(usable) {
		return seq, nil, errors.New(NotBefore(usable))
	}
	floor, err := s.cfg.Floor(ctx, name)
	if err != nil {
		return seq, nil, fmt.Errorf("its highest value in use: %w", err)
	}
	if floor >= math.MaxInt64 {
		return seq, nil, fmt.Errorf("it has run out at %d", floor)
	}
	return sequence{Next: floor + 1, Made: now.UTC(), Held: map[string]hold{}}, []store.Cond{same}, nil
}

// settle removes what has ended. A record that does not say who holds ranges is of a version of Heddle that did not note it:
// any of its values may be held.
func (q *sequence) settle(now time.Time) {
	if q.Held == nil {
		q.Held = map[string]hold{"": {Instance: "an instance of an earlier version", First: 1, End: q.Next, Until: now.Add(For).UTC()}}
	}
	maps.DeleteFunc(q.Held, func(_ string, h hold) bool { return now.After(h.Until.Add(Skew)) })
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
