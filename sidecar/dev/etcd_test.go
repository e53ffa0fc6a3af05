package dev

import (
	"context"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

func etcdClient(t *testing.T, e *Etcd) *clientv3.Client {
	t.Helper()
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{e.Endpoint()}, DialTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestEtcdKeepsItsDataAndAddress(t *testing.T) {
	dir := t.TempDir()
	e, err := StartEtcd(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := etcdClient(t, e).Put(t.Context(), "k", "v"); err != nil {
		t.Fatal(err)
	}
	first := e.Endpoint()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e, err = StartEtcd(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if e.Endpoint() != first {
		t.Errorf("endpoint moved from %s to %s", first, e.Endpoint())
	}
	got, err := etcdClient(t, e).Get(t.Context(), "k")
	if err != nil || len(got.Kvs) != 1 || string(got.Kvs[0].Value) != "v" {
		t.Errorf("kept value: %v, %v", got, err)
	}
}

func TestEtcdStartEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if e, err := StartEtcd(ctx, t.TempDir()); err == nil {
		// Ready before the context was looked at: both answers are right, but a server must not be leaked.
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}
