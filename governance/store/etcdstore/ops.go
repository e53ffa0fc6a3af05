package etcdstore

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/heddle-mesh/heddle/governance/store"
)

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, key string) (store.KV, error) {
	c, cancel := s.bound(ctx)
	defer cancel()
	client, err := s.dialer.get(c)
	if err != nil {
		return store.KV{}, s.fail(ctx, err, "get %s", key)
	}
	resp, err := client.Get(c, s.prefix+key)
	if err != nil {
		return store.KV{}, s.fail(ctx, err, "get %s", key)
	}
	if len(resp.Kvs) == 0 {
		return store.KV{}, fmt.Errorf("get %s: %w", key, store.ErrNotFound)
	}
	return s.kv(resp.Kvs[0]), nil
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, prefix string) (store.Listing, error) {
	c, cancel := s.bound(ctx)
	defer cancel()
	client, err := s.dialer.get(c)
	if err != nil {
		return store.Listing{}, s.fail(ctx, err, "list %s", prefix)
	}
	resp, err := client.Get(c, s.prefix+prefix, clientv3.WithPrefix(), clientv3.WithSort(clientv3.SortByKey, clientv3.SortAscend))
	if err != nil {
		return store.Listing{}, s.fail(ctx, err, "list %s", prefix)
	}
	out := store.Listing{Revision: resp.Header.Revision}
	for _, kv := range resp.Kvs {
		if !s.hidden(kv.Key) {
			out.KVs = append(out.KVs, s.kv(kv))
		}
	}
	return out, nil
}

// Txn implements store.Store.
func (s *Store) Txn(ctx context.Context, conds []store.Cond, ops []store.Op) (store.Result, error) {
	if err := store.Check(conds, ops); err != nil {
		return store.Result{}, fmt.Errorf("txn: %w", err)
	}
	cmps := make([]clientv3.Cmp, len(conds))
	for i, c := range conds {
		cmps[i] = clientv3.Compare(clientv3.ModRevision(s.prefix+c.Key), "=", c.Modified)
	}
	then := make([]clientv3.Op, len(ops))
	for i, op := range ops {
		then[i] = s.op(op)
	}
	c, cancel := s.bound(ctx)
	defer cancel()
	client, err := s.dialer.get(c)
	if err != nil {
		return store.Result{}, s.fail(ctx, err, "txn")
	}
	resp, err := client.Txn(c).If(cmps...).Then(then...).Commit()
	if err != nil {
		return store.Result{}, s.fail(ctx, err, "txn")
	}
	return store.Result{OK: resp.Succeeded, Revision: resp.Header.Revision}, nil
}

func (s *Store) op(op store.Op) clientv3.Op {
	key := s.prefix + op.Key
	switch op.Kind {
	case store.OpPut:
		if op.Lease != 0 {
			return clientv3.OpPut(key, string(op.Value), clientv3.WithLease(clientv3.LeaseID(op.Lease)))
		}
		return clientv3.OpPut(key, string(op.Value))
	case store.OpDelete:
		return clientv3.OpDelete(key)
	case store.OpDeletePrefix:
		return clientv3.OpDelete(key, clientv3.WithPrefix())
	}
	panic("etcdstore: unknown operation kind")
}

func (s *Store) kv(kv *mvccpb.KeyValue) store.KV {
	return store.KV{Key: strings.TrimPrefix(string(kv.Key), s.prefix), Value: kv.Value,
		Created: kv.CreateRevision, Modified: kv.ModRevision, Lease: store.LeaseID(kv.Lease)}
}

func (s *Store) hidden(key []byte) bool { return string(key) == s.prefix+identityKey }

// Grant implements store.Store. etcd counts in whole seconds and has a minimum of its own; Lease.TTL is what it gave.
func (s *Store) Grant(ctx context.Context, ttl time.Duration) (*store.Lease, error) {
	c, cancel := s.bound(ctx)
	defer cancel()
	client, err := s.dialer.get(c)
	if err != nil {
		return nil, s.fail(ctx, err, "grant lease")
	}
	sent := time.Now()
	resp, err := client.Grant(c, int64(math.Ceil(ttl.Seconds())))
	if err != nil {
		return nil, s.fail(ctx, err, "grant lease")
	}
	id := resp.ID
	renew := func(ctx context.Context) error {
		if _, err := client.KeepAliveOnce(ctx, id); err != nil {
			return s.fail(ctx, err, "renew lease")
		}
		return nil
	}
	revoke := func(ctx context.Context) error {
		c, cancel := s.bound(ctx)
		defer cancel()
		if _, err := client.Revoke(c, id); err != nil {
			return s.fail(ctx, err, "revoke lease")
		}
		return nil
	}
	return store.KeepLease(store.LeaseID(id), time.Duration(resp.TTL)*time.Second, sent, renew, revoke), nil
}
