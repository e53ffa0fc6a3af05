// Package store is the small set of operations that the mesh asks of a consistent key-value service:
// read, list, compare-and-write, watch and lease.
//
// It is not a cache and not a configuration format: keys and records belong to governance/layout, and what is
// done with them to the packages above. Its level: below everything in governance; it imports nothing of the mesh.
// The implementations are etcdstore (a real etcd) and memstore (one process, and tests).
package store

import (
	"context"
	"errors"
	"time"
)

// LeaseID names a lease in the store; 0 is "no lease".
type LeaseID int64

// KV is one key with its value. The value must not be modified.
type KV struct {
	Key   string
	Value []byte
	// Created is the revision that created the key, Modified the one that wrote this value; both are above 0.
	Created, Modified int64
	// Lease is the lease that the key dies with, or 0.
	Lease LeaseID
}

// Listing is what stood below a prefix at one revision.
type Listing struct {
	KVs      []KV // by key, ascending in bytes
	Revision int64
}

// Result is the outcome of a transaction.
type Result struct {
	// OK is true if all conditions held and all operations were applied; false if none was.
	OK bool
	// Revision is the store's revision after the transaction.
	Revision int64
}

// UpdateKind says what an Update is.
type UpdateKind uint8

// The kinds of Update.
const (
	Reset    UpdateKind = iota + 1 // KVs is the whole prefix at Revision and replaces all that is known
	Change                         // Events are all changes below the prefix of one Revision
	Lost                           // the store cannot be reached until any other update; Err says why; the watch goes on trying
	Regained                       // the store is reached again, nothing was missed; what is known holds at Revision
)

// Event is one change of one key.
type Event struct {
	KV      KV // of a deletion: Key, and Modified is the revision that deleted
	Deleted bool
}

// Update is one message of a watch.
type Update struct {
	Kind     UpdateKind
	Revision int64
	KVs      []KV
	Events   []Event
	Err      error
}

// Store is what a provider implements; all methods are safe for concurrent use. Its contract, which
// storetest.Conform checks rule by rule:
//
//  1. Get and List are linearizable: they see every transaction that ended before they began.
//  2. Get of an absent key is ErrNotFound; List of a prefix without keys is an empty Listing with the revision.
//  3. Txn is atomic: it applies all operations at one new revision if every condition holds, and none otherwise.
//  4. Revisions grow by the transactions that change something; a KV carries the revision of its creation and of
//     its last write; a key that is deleted and written again has a new creation revision.
//  5. A Txn with more than MaxOps conditions or operations, with a key written twice, an empty key or a value of
//     more than MaxValue bytes is ErrInvalid, and nothing is applied.
//  6. Any other error of Txn but ErrInvalid and ErrLeaseLost leaves its outcome unknown: the caller reads before
//     it writes again.
//  7. Watch delivers the changes below the prefix in revision order, each revision in one Update, each once.
//     With after == 0 it begins with a Reset; with after > 0 it delivers what happened after that revision.
//  8. A watch never misses a change silently: where the history it needs is gone (compaction, a store that was
//     wiped or set back) it delivers a Reset. Reconnecting is its own business; Lost and Regained only tell.
//  9. The watch's channel is closed when ctx is done or the Store is closed, and for no other reason.
//  10. A lease is kept alive until it is revoked or lost; its keys are deleted with it, at one revision.
//     A Txn that puts under a lease that does not exist is ErrLeaseLost and applies nothing.
//  11. A holder knows first: Lease.Done is closed, and Lease.Alive is false, before the store deletes the keys of a
//     lease that could not be renewed. (Revoke excepted: it deletes, then tells.)
//  12. After Close every method returns ErrClosed; leases are left to run out.
//  13. When the store cannot be reached, methods fail with ErrUnavailable within the configured time.
type Store interface {
	Get(ctx context.Context, key string) (KV, error)
	List(ctx context.Context, prefix string) (Listing, error)
	Txn(ctx context.Context, conds []Cond, ops []Op) (Result, error)
	// Watch starts to watch; the channel must be read until it is closed, or ctx be cancelled.
	Watch(ctx context.Context, prefix string, after int64) <-chan Update
	// Grant makes a lease of at least ttl (rounded up to what the provider can do) and keeps it alive.
	Grant(ctx context.Context, ttl time.Duration) (*Lease, error)
	Close() error
}

// The errors of a Store, to be tested with errors.Is.
var (
	ErrNotFound    = errors.New("key not found in the store")
	ErrInvalid     = errors.New("invalid store request")
	ErrLeaseLost   = errors.New("store lease lost")
	ErrUnavailable = errors.New("store unavailable")
	ErrClosed      = errors.New("store closed")
)
