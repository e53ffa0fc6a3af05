// Package instance is who is there: instances registered under leases, their numbers, and the connection ids made of
// them.
//
// It does not balance, does not check backends, and decides nothing about documents. Its level: above governance/store
// and layout.
package instance

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
)

// ErrNameTaken is an instance of the same name that is alive elsewhere.
var ErrNameTaken = errors.New("another instance of this name is alive")

// Config is what a Registry needs.
type Config struct {
	Store   store.Store
	Name    string // unique in the mesh; stable over restarts where the disk is
	Address string // of the MySQL listener, as peers reach it
	Version string // of the program
	Labels  map[string]string
	Offline layout.Offline
	// Secret stays on the instance's disk. An instance that comes back with it takes its own registration over at once;
	// without it, it waits until the old lease has run out. The caller makes sure (a locked data directory) that no two
	// processes have it.
	Secret string
	TTL    time.Duration // of the lease; 0 means 10 s
	Now    func() time.Time
	// Joined and Lost are called, in turn, by Join and Run: after every registration, and as soon as the lease is lost.
	// They must not block. Problem is told why a registration has to be tried again.
	Joined  func(Session)
	Lost    func(error)
	Problem func(error)
}

// Session is one registration.
type Session struct {
	Lease  *store.Lease
	Number uint16 // 1 … MaxNumber
}

// Registry keeps one instance registered. Join it, then Run it, and Leave in the end.
type Registry struct {
	cfg Config

	mu        sync.Mutex // guards what follows
	session   Session    // the present or last one
	published map[string][]byte
	left      bool
}

// New checks the configuration.
func New(cfg Config) (*Registry, error) {
	switch {
	case cfg.Store == nil || cfg.Name == "" || cfg.Now == nil:
		return nil, errors.New("instance: Store, Name and Now are needed")
	case cfg.Offline != layout.Serve && cfg.Offline != layout.Fence:
		return nil, fmt.Errorf("instance: offline must be %s or %s, not %q", layout.Serve, layout.Fence, cfg.Offline)
	}
	if cfg.TTL <= 0 {
		cfg.TTL = 10 * time.Second
	}
	if cfg.Joined == nil {
		cfg.Joined = func(Session) {}
	}
	if cfg.Lost == nil {
		cfg.Lost = func(error) {}
	}
	if cfg.Problem == nil {
		cfg.Problem = func(error) {}
	}
	return &Registry{cfg: cfg, published: map[string][]byte{}}, nil
}

// Join registers the instance, once: it waits no longer than the store does. Run does it again after that.
func (r *Registry) Join(ctx context.Context) (Session, error) {
	lease, err := r.cfg.Store.Grant(ctx, r.cfg.TTL)
	if err != nil {
		return Session{}, fmt.Errorf("register instance %s: %w", r.cfg.Name, err)
	}
	s, err := r.register(ctx, lease)
	if err != nil {
		if rerr := lease.Revoke(ctx); rerr != nil && !errors.Is(rerr, store.ErrUnavailable) {
			err = errors.Join(err, rerr)
		}
		return Session{}, fmt.Errorf("register instance %s: %w", r.cfg.Name, err)
	}
	r.cfg.Joined(s)
	return s, nil
}

// register writes instance, number and member in one transaction, and what was published after it.
func (r *Registry) register(ctx context.Context, lease *store.Lease) (Session, error) {
	for range 20 {
		self, err := store.GetOrZero(ctx, r.cfg.Store, layout.InstanceKey(r.cfg.Name))
		if err != nil {
			return Session{}, err
		}
		if err := r.mayTake(self); err != nil {
			return Session{}, err
		}
		number, err := r.freeNumber(ctx)
		if err != nil {
			return Session{}, err
		}
		ops, err := r.records(lease, number)
		if err != nil {
			return Session{}, err
		}
		res, err := r.cfg.Store.Txn(ctx, []store.Cond{store.Unchanged(self), store.Unchanged(number.kv)}, ops)
		if err != nil {
			return Session{}, err
		}
		if res.OK {
			return r.begin(ctx, Session{Lease: lease, Number: number.n})
		}
	}
	return Session{}, errors.New("too many instances register at once")
}

func (r *Registry) mayTake(self store.KV) error {
	if self.Modified == 0 {
		return nil
	}
	old, err := layout.DecodeInstance(self.Value)
	if err != nil {
		return err
	}
	if r.cfg.Secret == "" || old.Proof != r.proof() {
		return fmt.Errorf("%w: at %s, since %s", ErrNameTaken, old.Address, old.Started.Format(time.RFC3339))
	}
	return nil
}

func (r *Registry) proof() string {
	if r.cfg.Secret == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("heddle instance\x00" + r.cfg.Name + "\x00" + r.cfg.Secret))
	return hex.EncodeToString(sum[:])
}

type claimed struct {
	n  uint16
	kv store.KV
}

// freeNumber prefers the number of before, then the one that the name leads to, so that numbers are seldom reused by
// others soon.
func (r *Registry) freeNumber(ctx context.Context) (claimed, error) {
	l, err := r.cfg.Store.List(ctx, layout.Numbers)
	if err != nil {
		return claimed{}, err
	}
	taken := map[string]store.KV{}
	for _, kv := range l.KVs {
		taken[kv.Key] = kv
	}
	r.mu.Lock()
	first := r.session.Number
	r.mu.Unlock()
	if first == 0 {
		h := fnv.New32a()
		h.Write([]byte(r.cfg.Name))
		first = uint16(h.Sum32()%MaxNumber) + 1
	}
	mine := r.cfg.Name + " " + r.proof()
	for i := range MaxNumber {
		n := uint16((int(first)-1+i)%MaxNumber) + 1
		kv, ok := taken[layout.Number(n)]
		if !ok {
			return claimed{n, store.KV{Key: layout.Number(n)}}, nil
		}
		if r.cfg.Secret != "" && string(kv.Value) == mine {
			return claimed{n, kv}, nil
		}
	}
	return claimed{}, fmt.Errorf("all %d instance numbers are taken", MaxNumber)
}

func (r *Registry) records(lease *store.Lease, number claimed) ([]store.Op, error) {
	now := r.cfg.Now().UTC()
	self, err1 := layout.Instance{Name: r.cfg.Name, Address: r.cfg.Address, Version: r.cfg.Version, Labels: r.cfg.Labels,
		Number: number.n, Started: now, Proof: r.proof()}.Encode()
	member, err2 := layout.Member{Name: r.cfg.Name, Address: r.cfg.Address, Offline: r.cfg.Offline, Joined: now}.Encode()
	return []store.Op{
		store.PutLeased(layout.InstanceKey(r.cfg.Name), self, lease.ID()),
		store.PutLeased(number.kv.Key, []byte(r.cfg.Name+" "+r.proof()), lease.ID()),
		store.Put(layout.MemberKey(r.cfg.Name), member),
		store.Put(layout.Membership, []byte(r.cfg.Name)),
	}, errors.Join(err1, err2)
}

// begin makes the session the present one and writes under its lease what was published under earlier ones.
func (r *Registry) begin(ctx context.Context, s Session) (Session, error) {
	r.mu.Lock()
	r.session = s
	published := maps.Clone(r.published)
	r.mu.Unlock()
	for key, value := range published {
		if err := store.Write(ctx, r.cfg.Store, store.PutLeased(key, value, s.Lease.ID())); err != nil {
			return Session{}, fmt.Errorf("publish %s again: %w", key, err)
		}
	}
	return s, nil
}

// Publish writes a key under the instance's lease, now and after every registration to come. Without a lease it only
// remembers.
func (r *Registry) Publish(ctx context.Context, key string, value []byte) error {
	r.mu.Lock()
	r.published[key] = value
	lease := r.session.Lease
	r.mu.Unlock()
	if lease == nil || !lease.Alive() {
		return nil
	}
	err := store.Write(ctx, r.cfg.Store, store.PutLeased(key, value, lease.ID()))
	if errors.Is(err, store.ErrLeaseLost) {
		return nil // the next registration writes it
	}
	return err
}

// Number is the instance's present number, or the last one; 0 before the first registration.
func (r *Registry) Number() uint16 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.session.Number
}

// Alive tells whether the instance is registered at this moment, by the clock (store.Lease.Alive).
func (r *Registry) Alive() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.session.Lease != nil && r.session.Lease.Alive()
}

// Run keeps the instance registered until ctx is done or it has left. It does not leave, but the lease is kept no more when
// it returns: an orderly end drains, leaves, and only then ends Run.
func (r *Registry) Run(ctx context.Context) error {
	defer r.abandon()
	for {
		r.mu.Lock()
		lease, left := r.session.Lease, r.left
		r.mu.Unlock()
		if left {
			return nil
		}
		if lease != nil {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-lease.Done():
			}
			if r.hasLeft() {
				return nil
			}
			r.cfg.Lost(lease.Err())
		}
		if err := r.rejoin(ctx); err != nil {
			return err
		}
	}
}

func (r *Registry) abandon() {
	r.mu.Lock()
	lease := r.session.Lease
	r.mu.Unlock()
	if lease != nil {
		lease.Abandon()
	}
}

func (r *Registry) hasLeft() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.left
}

func (r *Registry) rejoin(ctx context.Context) error {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 3*time.Second) {
		_, err := r.Join(ctx)
		if err == nil || r.hasLeft() {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.cfg.Problem(err)
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
	}
}

// Leave gives the registration back: after the last statement. With forget, the instance also ceases to be a member, so
// that placement changes do not wait for it: then it must not start again from a last good copy, which the caller
// deletes before. Without, it stays a member that is away.
func (r *Registry) Leave(ctx context.Context, forget bool) error {
	r.mu.Lock()
	r.left = true
	lease := r.session.Lease
	r.mu.Unlock()
	if lease == nil {
		return nil
	}
	err := lease.Revoke(ctx)
	if forget {
		_, ferr := r.cfg.Store.Txn(ctx, []store.Cond{store.Absent(layout.InstanceKey(r.cfg.Name))}, []store.Op{store.Delete(layout.MemberKey(r.cfg.Name))})
		err = errors.Join(err, ferr)
	}
	if err != nil {
		return fmt.Errorf("leave as %s: %w", r.cfg.Name, err)
	}
	return nil
}
