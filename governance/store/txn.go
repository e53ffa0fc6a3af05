package store

import (
	"context"
	"errors"
	"fmt"
)

const (
	// MaxOps bounds the conditions, and the operations, of one transaction; it is etcd's default limit.
	MaxOps = 128
	// MaxValue bounds a value in bytes; etcd's default limit of a whole request is 1.5 MiB.
	MaxValue = 1 << 20
)

// Cond is a condition on one key: that it was last written at revision Modified, where 0 means that it is absent.
type Cond struct {
	Key      string
	Modified int64
}

// Absent is the condition that the key does not exist.
func Absent(key string) Cond { return Cond{Key: key} }

// Unchanged is the condition that the key is as it was read. A zero KV of that key means absent.
func Unchanged(kv KV) Cond { return Cond{Key: kv.Key, Modified: kv.Modified} }

// OpKind says what an Op does.
type OpKind uint8

// The kinds of Op.
const (
	OpPut OpKind = iota + 1
	OpDelete
	OpDeletePrefix
)

// Op is one write of a transaction.
type Op struct {
	Kind  OpKind
	Key   string // or the prefix
	Value []byte
	Lease LeaseID
}

// Put writes a key that lives until it is deleted.
func Put(key string, value []byte) Op { return Op{Kind: OpPut, Key: key, Value: value} }

// PutLeased writes a key that is deleted with the lease.
func PutLeased(key string, value []byte, lease LeaseID) Op {
	return Op{Kind: OpPut, Key: key, Value: value, Lease: lease}
}

// Delete removes a key if it exists.
func Delete(key string) Op { return Op{Kind: OpDelete, Key: key} }

// DeletePrefix removes every key that begins with prefix.
func DeletePrefix(prefix string) Op { return Op{Kind: OpDeletePrefix, Key: prefix} }

// Check is rule 5 of Store, for providers to call first.
func Check(conds []Cond, ops []Op) error {
	if len(conds) > MaxOps || len(ops) > MaxOps {
		return fmt.Errorf("%w: %d conditions and %d operations, at most %d each", ErrInvalid, len(conds), len(ops), MaxOps)
	}
	for _, c := range conds {
		if c.Key == "" {
			return fmt.Errorf("%w: a condition without key", ErrInvalid)
		}
	}
	written := make(map[string]struct{}, len(ops))
	for _, op := range ops {
		if op.Key == "" {
			return fmt.Errorf("%w: an operation without key", ErrInvalid)
		}
		if len(op.Value) > MaxValue {
			return fmt.Errorf("%w: %d bytes for %s, at most %d", ErrInvalid, len(op.Value), op.Key, MaxValue)
		}
		if _, twice := written[op.Key]; twice {
			return fmt.Errorf("%w: %s is written twice", ErrInvalid, op.Key)
		}
		written[op.Key] = struct{}{}
	}
	return nil
}

// Write applies operations without a condition.
func Write(ctx context.Context, s Store, ops ...Op) error {
	_, err := s.Txn(ctx, nil, ops)
	return err
}

// GetOrZero is Get with an absent key as a KV that has only its name, which Unchanged takes for "absent".
func GetOrZero(ctx context.Context, s Store, key string) (KV, error) {
	kv, err := s.Get(ctx, key)
	if IsNotFound(err) {
		return KV{Key: key}, nil
	}
	return kv, err
}

// IsNotFound tells an absent key from a failed question.
func IsNotFound(err error) bool { return errors.Is(err, ErrNotFound) }
