package etcdstore

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
)

// startEtcd runs an etcd in this process, without fsync, and returns its client address.
func startEtcd(t *testing.T, change func(*embed.Config)) (addr string, stop func()) {
	t.Helper()
	cfg := embed.NewConfig()
	cfg.Dir = t.TempDir()
	cfg.Logger, cfg.LogLevel = "zap", "fatal"
	cfg.LogOutputs = []string{"stderr"}
	cfg.UnsafeNoFsync = true
	cfg.BcryptCost = 4
	cfg.TickMs, cfg.ElectionMs = 10, 100
	local := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{local}, []url.URL{local}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{local}, []url.URL{local}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	if change != nil {
		change(cfg)
	}
	e, err := embed.StartEtcd(cfg)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-e.Server.ReadyNotify():
	case <-time.After(time.Minute):
		t.Fatal("the embedded etcd is not ready")
	}
	var once sync.Once
	stop = func() { once.Do(e.Close) }
	t.Cleanup(stop)
	return e.Clients[0].Addr().String(), stop
}

// relay is a TCP relay whose target can change and which can be cut.
type relay struct {
	l  net.Listener
	wg sync.WaitGroup

	mu     sync.Mutex
	target string
	cut    bool
	conns  map[net.Conn]struct{}
}

func newRelay(t *testing.T, target string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{l: l, target: target, conns: map[net.Conn]struct{}{}}
	r.wg.Go(r.accept)
	t.Cleanup(func() {
		l.Close()
		r.set(target, true)
		r.wg.Wait()
	})
	return r
}

func (r *relay) addr() string { return r.l.Addr().String() }

// set changes target and switch, and breaks all connections.
func (r *relay) set(target string, cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target, r.cut = target, cut
	for c := range r.conns {
		c.Close()
	}
	clear(r.conns)
}

func (r *relay) accept() {
	for {
		c, err := r.l.Accept()
		if err != nil {
			return
		}
		r.mu.Lock()
		var up net.Conn
		if err := net.ErrClosed; !r.cut {
			if up, err = net.Dial("tcp", r.target); err == nil {
				r.conns[c], r.conns[up] = struct{}{}, struct{}{}
			}
		}
		r.mu.Unlock()
		if up == nil {
			c.Close()
			continue
		}
		r.wg.Go(func() { pump(c, up) })
		r.wg.Go(func() { pump(up, c) })
	}
}

func pump(dst, src net.Conn) {
	io.Copy(dst, src)
	dst.Close()
	src.Close()
}

// raw is a plain client of the etcd, for what store.Store has no words for.
func raw(t *testing.T, addr string) *clientv3.Client {
	t.Helper()
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{addr}, DialTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func compact(t *testing.T, addr string) {
	t.Helper()
	c := raw(t, addr)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	resp, err := c.Get(ctx, "x")
	if err == nil {
		_, err = c.Compact(ctx, resp.Header.Revision)
	}
	if err != nil {
		t.Fatal(err)
	}
}
