package instance

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
)

// Peer is one instance as the store knows it.
type Peer struct {
	Name    string
	Address string
	Alive   bool
	// Member is true if placement changes wait for it (with Offline == Fence only while it is alive).
	Member  bool
	Offline layout.Offline
	Joined  time.Time
	// Number, Version, Labels and Started are known of a living one only.
	Number  uint16
	Version string
	Labels  map[string]string
	Started time.Time
}

// Peers are all instances, alive or members, by name.
func Peers(ctx context.Context, s store.Store) ([]Peer, error) {
	members, err1 := s.List(ctx, layout.Members)
	alive, err2 := s.List(ctx, layout.Instances)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("list instances: %w", err)
	}
	byName := map[string]*Peer{}
	for _, kv := range members.KVs {
		m, err := layout.DecodeMember(kv.Value)
		if err != nil {
			return nil, err
		}
		byName[m.Name] = &Peer{Name: m.Name, Address: m.Address, Member: true, Offline: m.Offline, Joined: m.Joined}
	}
	for _, kv := range alive.KVs {
		i, err := layout.DecodeInstance(kv.Value)
		if err != nil {
			return nil, err
		}
		p, ok := byName[i.Name]
		if !ok {
			p = &Peer{Name: i.Name}
			byName[i.Name] = p
		}
		p.Alive, p.Address, p.Number, p.Version, p.Labels, p.Started = true, i.Address, i.Number, i.Version, i.Labels, i.Started
	}
	out := make([]Peer, 0, len(byName))
	for _, p := range byName {
		out = append(out, *p)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out, nil
}

// OwnerOf is the living instance that gave the connection id. It is not found if that instance has died, or has lost its
// number since.
func OwnerOf(ctx context.Context, s store.Store, connection uint32) (Peer, error) {
	peers, err := Peers(ctx, s)
	if err != nil {
		return Peer{}, err
	}
	for _, p := range peers {
		if p.Alive && p.Number == NumberOf(connection) && p.Number != 0 {
			return p, nil
		}
	}
	return Peer{}, fmt.Errorf("connection %d: %w", connection, store.ErrNotFound)
}

// Evict ends the membership of an instance that is gone for good, so that placement changes do not wait for it any more.
// The caller vouches that it serves nothing and will not start from its disk without the store: the mesh cannot
// know. An instance that is alive is not evicted.
func Evict(ctx context.Context, s store.Store, name string) error {
	member, err := s.Get(ctx, layout.MemberKey(name))
	if err != nil {
		return fmt.Errorf("evict instance %s: %w", name, err)
	}
	res, err := s.Txn(ctx, []store.Cond{store.Unchanged(member), store.Absent(layout.InstanceKey(name))},
		[]store.Op{store.Delete(member.Key), store.Put(layout.Membership, []byte("evicted "+name))})
	if err == nil && !res.OK {
		err = errors.New("it is alive")
	}
	if err != nil {
		return fmt.Errorf("evict instance %s: %w", name, err)
	}
	return nil
}
