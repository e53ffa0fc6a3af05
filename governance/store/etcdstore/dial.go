package etcdstore

import (
	"context"
	"fmt"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/heddle-mesh/heddle/governance/store"
)

// dialer makes the etcd client when it is first needed. etcd's own constructor logs in, and fails if it cannot: with a user
// name, a process could not start while the etcd is away.
type dialer struct {
	open func() (*clientv3.Client, error)

	mu     sync.Mutex // guards what follows
	client *clientv3.Client
	err    error         // of the last attempt
	trying chan struct{} // closed when the attempt under way has ended; nil: none is
	closed bool
}

// get is the client. If there is none yet, one attempt serves all who wait; it goes on when ctx ends.
func (d *dialer) get(ctx context.Context) (*clientv3.Client, error) {
	d.mu.Lock()
	if d.closed || d.client != nil {
		defer d.mu.Unlock()
		if d.closed {
			return nil, store.ErrClosed
		}
		return d.client, nil
	}
	if d.trying == nil {
		d.trying = make(chan struct{})
		go d.attempt()
	}
	trying := d.trying
	d.mu.Unlock()
	select {
	case <-trying:
	case <-ctx.Done():
		return nil, fmt.Errorf("connect: %w", ctx.Err())
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return nil, store.ErrClosed
	case d.client == nil:
		return nil, fmt.Errorf("connect: %w", d.err)
	}
	return d.client, nil
}

func (d *dialer) attempt() {
	client, err := d.open()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.client, d.err = client, err
	close(d.trying)
	d.trying = nil
}

// close waits for an attempt under way, which the caller has cancelled, and closes the client. Once.
func (d *dialer) close() error {
	d.mu.Lock()
	d.closed = true
	trying := d.trying
	d.mu.Unlock()
	if trying != nil {
		<-trying
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.client == nil {
		return nil
	}
	return d.client.Close()
}
