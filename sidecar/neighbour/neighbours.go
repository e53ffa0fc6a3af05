package neighbour

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/heddle-mesh/heddle/governance/instance"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/session"
)

// The bounds of waiting.
const (
	storeWait = time.Second     // for the list of instances; then the last one is used
	listWait  = 2 * time.Second // for the clients of all others
	killWait  = 7 * time.Second // for a KILL, which the other gives 5 s to reach servers
	freshFor  = time.Second     // a list of instances is not read again for so long on behalf of who is not in it
	atOnce    = 32              // instances that are asked at the same time
)

// Local are the sessions of this instance.
type Local interface {
	// Kill ends a session's statement, or the session. It returns sqlerr.NoSuchThread, or KillDenied.
	Kill(by session.Identity, id uint32, query bool) error
	// List returns the sessions.
	List() []session.Info
	// Rows are those of one of the instance's own tables; without columns it has no such table, or not for whoever asks.
	Rows(Question) (columns []string, rows []sqltypes.Row)
}

// Publisher writes a key that lives as long as the instance's lease; instance.Registry is one.
type Publisher interface {
	Publish(ctx context.Context, key string, value []byte) error
}

// Config is what Neighbours needs.
type Config struct {
	Store  store.Store
	Name   string // of this instance
	Listen string // host:port; port 0: any
	Public string // host under which others reach it; "": that of Listen
	Log    *zap.Logger
}

// Neighbours asks the other instances and answers them. Make one with Listen, then Serve it.
type Neighbours struct {
	cfg         Config
	listener    net.Listener
	fingerprint string
	http        http.Server
	client      *http.Client
	serving     errgroup.Group

	mu   sync.Mutex // guards what follows
	last []record
	read time.Time
}

// Listen makes the instance's key and begins to listen.
func Listen(cfg Config) (*Neighbours, error) {
	cert, print, err := newCertificate(cfg.Name)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("instance.peer_address: listen for the other instances: %w", err)
	}
	n := &Neighbours{cfg: cfg, fingerprint: print}
	// Certificates are their own authorities: the fingerprint is all that counts, and it is compared below.
	n.listener = tls.NewListener(l, &tls.Config{
		Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAnyClientCert,
		VerifyConnection: n.admits, NextProtos: []string{"http/1.1"},
	})
	n.client = n.clientBy(cert)
	return n, nil
}

// clientBy asks others by a certificate.
func (n *Neighbours) clientBy(cert tls.Certificate) *http.Client {
	return &http.Client{Transport: &http.Transport{DialTLSContext: n.dialer(cert), DisableCompression: true, MaxIdleConnsPerHost: 1, IdleConnTimeout: 30 * time.Second}}
}

// Publish tells the other instances where this one is.
func (n *Neighbours) Publish(ctx context.Context, p Publisher) error {
	address := n.listener.Addr().String()
	if n.cfg.Public != "" {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return fmt.Errorf("the address for other instances: %w", err)
		}
		address = net.JoinHostPort(n.cfg.Public, port)
	}
	value, err := json.Marshal(record{Name: n.cfg.Name, Address: address, Fingerprint: n.fingerprint})
	if err != nil {
		return fmt.Errorf("the record for other instances: %w", err)
	}
	return p.Publish(ctx, layout.NeighbourKey(n.cfg.Name), value)
}

// Close ends the answers and the questions.
func (n *Neighbours) Close(ctx context.Context) error {
	n.client.CloseIdleConnections()
	if n.http.Shutdown(ctx) != nil {
		_ = n.http.Close() // what is left is a KILL that waits for a server
	}
	return errors.Join(ignoreClosed(n.listener.Close()), n.serving.Wait())
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// admits lets an instance in whose fingerprint the store has.
func (n *Neighbours) admits(state tls.ConnectionState) error {
	print := shown(state)
	known := func(all []record) bool {
		return slices.ContainsFunc(all, func(r record) bool { return r.Fingerprint == print && print != "" })
	}
	n.mu.Lock()
	last, fresh := n.last, time.Since(n.read) < freshFor
	n.mu.Unlock()
	if known(last) && fresh {
		return nil
	}
	if !fresh { // who has left is not known any more, and who has just come is
		ctx, cancel := context.WithTimeout(context.Background(), storeWait)
		defer cancel()
		last = n.records(ctx)
	}
	if !known(last) {
		return errors.New("neighbour: no instance has this certificate")
	}
	return nil
}

// records are the instances as the store has them, or as it had them last.
func (n *Neighbours) records(ctx context.Context) []record {
	all, err := read(ctx, n.cfg.Store)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.read = time.Now()
	if err == nil {
		n.last = all
	}
	return n.last
}

// others are the instances beside this one.
func (n *Neighbours) others() []record {
	ctx, cancel := context.WithTimeout(context.Background(), storeWait)
	defer cancel()
	return slices.DeleteFunc(slices.Clone(n.records(ctx)), func(r record) bool { return r.Name == n.cfg.Name || r.visits() })
}

// owner is the instance that gave a connection id.
func (n *Neighbours) owner(id uint32) (record, bool) {
	number := instance.NumberOf(id)
	for _, r := range n.others() {
		if number != 0 && r.Number == number {
			return r, true
		}
	}
	return record{}, false
}
