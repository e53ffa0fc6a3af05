// Package memstore is the store of a process without etcd, and of tests: the contract of store.Store in memory.
//
// It is not durable: what must survive a restart belongs to etcd or to a file. A Server holds the data and hands
// out Clients; a Client can be cut off from its Server, and a Server be wiped or compacted, so that everything above
// can be tried against those faults. Its level: beside etcdstore, below the rest of governance.
package memstore

import (
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/governance/store"
)

// historyLimit bounds the revisions kept for watches; older ones are compacted.
const historyLimit = 1024

// Server is the data. Make one with NewServer.
type Server struct {
	mu        sync.Mutex // guards all that follows
	rev       int64
	life      int // counts wipes
	compacted int64
	kvs       map[string]store.KV
	history   []change
	leases    map[store.LeaseID]*grant
	lastLease store.LeaseID
	watches   map[*watch]struct{}
}

type change struct {
	rev    int64
	events []store.Event
}

type grant struct {
	ttl   time.Duration
	timer *time.Timer
}

// NewServer is an empty store at revision 1.
func NewServer() *Server {
	return &Server{rev: 1, kvs: map[string]store.KV{}, leases: map[store.LeaseID]*grant{}, watches: map[*watch]struct{}{}}
}

// Wipe empties the store and sets its revision back, as an etcd that lost its disk: no watch sees deletions.
func (s *Server) Wipe() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.leases {
		g.timer.Stop()
	}
	s.life++
	s.rev, s.compacted, s.history = 1, 0, nil
	s.kvs, s.leases = map[string]store.KV{}, map[store.LeaseID]*grant{}
	s.wake()
}

// Compact forgets the history up to now.
func (s *Server) Compact() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history, s.compacted = nil, s.rev
}

func (s *Server) wake() {
	for w := range s.watches {
		select {
		case w.signal <- struct{}{}:
		default:
		}
	}
}

func (s *Server) list(prefix string) store.Listing {
	out := store.Listing{Revision: s.rev}
	for k, kv := range s.kvs {
		if strings.HasPrefix(k, prefix) {
			out.KVs = append(out.KVs, kv)
		}
	}
	sort.Slice(out.KVs, func(i, j int) bool { return out.KVs[i].Key < out.KVs[j].Key })
	return out
}

func (s *Server) txn(conds []store.Cond, ops []store.Op) (store.Result, error) {
	for _, op := range ops {
		if _, ok := s.leases[op.Lease]; op.Lease != 0 && !ok {
			return store.Result{}, store.ErrLeaseLost
		}
	}
	for _, c := range conds {
		if s.kvs[c.Key].Modified != c.Modified {
			return store.Result{Revision: s.rev}, nil
		}
	}
	var events []store.Event
	rev := s.rev + 1
	for _, op := range ops {
		events = append(events, s.apply(op, rev)...)
	}
	s.commit(events)
	return store.Result{OK: true, Revision: s.rev}, nil
}

func (s *Server) apply(op store.Op, rev int64) []store.Event {
	switch op.Kind {
	case store.OpPut:
		kv := store.KV{Key: op.Key, Value: append([]byte{}, op.Value...), Created: rev, Modified: rev, Lease: op.Lease}
		if old, ok := s.kvs[op.Key]; ok {
			kv.Created = old.Created
		}
		s.kvs[op.Key] = kv
		return []store.Event{{KV: kv}}
	case store.OpDelete:
		if _, ok := s.kvs[op.Key]; !ok {
			return nil
		}
		delete(s.kvs, op.Key)
		return []store.Event{{KV: store.KV{Key: op.Key, Modified: rev}, Deleted: true}}
	case store.OpDeletePrefix:
		var events []store.Event
		for _, kv := range s.list(op.Key).KVs {
			delete(s.kvs, kv.Key)
			events = append(events, store.Event{KV: store.KV{Key: kv.Key, Modified: rev}, Deleted: true})
		}
		return events
	}
	panic("memstore: unknown operation kind")
}

// commit makes a revision of the events, if there are any.
func (s *Server) commit(events []store.Event) {
	if len(events) == 0 {
		return
	}
	s.rev++
	s.history = append(s.history, change{rev: s.rev, events: events})
	if len(s.history) > historyLimit {
		s.compacted = s.history[len(s.history)-historyLimit-1].rev
		s.history = append([]change(nil), s.history[len(s.history)-historyLimit:]...)
	}
	s.wake()
}

// endLease deletes a lease with its keys.
func (s *Server) endLease(id store.LeaseID) {
	g, ok := s.leases[id]
	if !ok {
		return
	}
	g.timer.Stop()
	delete(s.leases, id)
	var events []store.Event
	for _, kv := range s.list("").KVs {
		if kv.Lease == id {
			delete(s.kvs, kv.Key)
			events = append(events, store.Event{KV: store.KV{Key: kv.Key, Modified: s.rev + 1}, Deleted: true})
		}
	}
	s.commit(events)
}
