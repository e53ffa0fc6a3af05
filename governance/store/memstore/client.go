package memstore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/governance/store"
)

// Client is one process's way to a Server; it implements store.Store.
type Client struct {
	srv  *Server
	done chan struct{}

	mu     sync.Mutex // guards what follows; taken before srv.mu
	cut    bool
	closed bool
}

var _ store.Store = (*Client)(nil)

// New is a Client of a Server of its own.
func New() *Client { return NewServer().Client() }

// Client is a new way to the server.
func (s *Server) Client() *Client { return &Client{srv: s, done: make(chan struct{})} }

// Cut makes the server unreachable for this client, or reachable again.
func (c *Client) Cut(cut bool) {
	c.mu.Lock()
	c.cut = cut
	c.mu.Unlock()
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	c.srv.wake()
}

func (c *Client) usable(ctx context.Context, op string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return fmt.Errorf("%s: %w", op, store.ErrClosed)
	case c.cut:
		return fmt.Errorf("%s: %w: cut off", op, store.ErrUnavailable)
	}
	return nil
}

// Get implements store.Store.
func (c *Client) Get(ctx context.Context, key string) (store.KV, error) {
	if err := c.usable(ctx, "get "+key); err != nil {
		return store.KV{}, err
	}
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	kv, ok := c.srv.kvs[key]
	if !ok {
		return store.KV{}, fmt.Errorf("get %s: %w", key, store.ErrNotFound)
	}
	return kv, nil
}

// List implements store.Store.
func (c *Client) List(ctx context.Context, prefix string) (store.Listing, error) {
	if err := c.usable(ctx, "list "+prefix); err != nil {
		return store.Listing{}, err
	}
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	return c.srv.list(prefix), nil
}

// Txn implements store.Store.
func (c *Client) Txn(ctx context.Context, conds []store.Cond, ops []store.Op) (store.Result, error) {
	if err := store.Check(conds, ops); err != nil {
		return store.Result{}, fmt.Errorf("txn: %w", err)
	}
	if err := c.usable(ctx, "txn"); err != nil {
		return store.Result{}, err
	}
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	res, err := c.srv.txn(conds, ops)
	if err != nil {
		return res, fmt.Errorf("txn: %w", err)
	}
	return res, nil
}

// Grant implements store.Store.
func (c *Client) Grant(ctx context.Context, ttl time.Duration) (*store.Lease, error) {
	if err := c.usable(ctx, "grant lease"); err != nil {
		return nil, err
	}
	now := time.Now()
	c.srv.mu.Lock()
	c.srv.lastLease++
	id := c.srv.lastLease
	c.srv.leases[id] = &grant{ttl: ttl, timer: time.AfterFunc(ttl, func() {
		c.srv.mu.Lock()
		defer c.srv.mu.Unlock()
		c.srv.endLease(id)
	})}
	c.srv.mu.Unlock()
	renew := func(ctx context.Context) error { return c.renew(ctx, id) }
	revoke := func(ctx context.Context) error { return c.revoke(ctx, id) }
	return store.KeepLease(id, ttl, now, renew, revoke), nil
}

func (c *Client) renew(ctx context.Context, id store.LeaseID) error {
	if err := c.usable(ctx, "renew lease"); err != nil {
		return err
	}
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	g, ok := c.srv.leases[id]
	if !ok {
		return store.ErrLeaseLost
	}
	g.timer.Reset(g.ttl)
	return nil
}

func (c *Client) revoke(ctx context.Context, id store.LeaseID) error {
	if err := c.usable(ctx, "revoke lease"); err != nil {
		return err
	}
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	c.srv.endLease(id)
	return nil
}

// Close implements store.Store. The Server and its other clients live on.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		close(c.done)
	}
	return nil
}
