// Package etcdstore is store.Store over an etcd (API v3), below one key prefix.
//
// It is the only package that may import the etcd client, so that the store can be swapped. It does not start an
// etcd: the embedded one of `heddle dev` belongs to sidecar/dev. Its level: beside memstore.
//
// etcd's client hides reconnections. Two things it does not do are done here: it notices a store that was wiped
// or restored (a watch on a revision that lies in the new store's future would wait for ever), and it counts a lease from
// the moment the renewal was sent.
package etcdstore

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/heddle-mesh/heddle/governance/store"
)

// identityKey names the store's life: written once by whoever comes first, gone when the store is wiped. It is not
// listed.
const identityKey = ".identity"

// reconnect replaces grpc's pauses of up to two minutes: an etcd that is back should be used at once.
var reconnect = grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 3 * time.Second},
	MinConnectTimeout: 3 * time.Second,
}

// Config says where the etcd is.
type Config struct {
	Endpoints []string // host:port or URL; at least one
	Prefix    string   // of every key, as in "heddle/prod"; empty means "heddle"
	TLS       *tls.Config
	Username  string // with Password, or both empty
	Password  string
	// DialTimeout bounds one connection attempt, Timeout one operation (5 s each by default).
	DialTimeout, Timeout time.Duration
	// CheckEvery is how often a watch asks whether the store is still the same one (2 s by default).
	CheckEvery time.Duration
	Logger     *zap.Logger // nil: silent
}

// Store is a connection to an etcd.
type Store struct {
	dialer     *dialer
	prefix     string
	timeout    time.Duration
	checkEvery time.Duration
	handshake  atomic.Pointer[error] // why TLS fails; nil: it does not

	cancel  context.CancelFunc              // ends what runs in the background
	done    <-chan struct{}                 // closed by cancel
	onClose func(func()) (stop func() bool) // runs a function when cancel is called

	mu   sync.Mutex // guards shut, and the wait group against Add after Wait
	shut bool
	wg   sync.WaitGroup // watches
}

var _ store.Store = (*Store)(nil)

// Open checks the configuration and makes a Store. It does not wait for the etcd: operations do.
func Open(cfg Config) (*Store, error) {
	if len(cfg.Endpoints) == 0 {
		return nil, errors.New("etcd store: no endpoints")
	}
	if (cfg.Username == "") != (cfg.Password == "") {
		return nil, errors.New("etcd store: user name and password go together")
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	prefix := strings.Trim(cfg.Prefix, "/")
	if prefix == "" {
		prefix = "heddle"
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Store{prefix: "/" + prefix + "/", timeout: orDefault(cfg.Timeout, 5*time.Second),
		checkEvery: orDefault(cfg.CheckEvery, 2*time.Second), cancel: cancel, done: ctx.Done()}
	s.dialer = &dialer{open: cfg.opener(ctx, &s.handshake)}
	s.onClose = func(f func()) func() bool { return context.AfterFunc(ctx, f) }
	return s, nil
}

// opener makes the etcd client that lives as long as ctx.
func (cfg Config) opener(ctx context.Context, handshake *atomic.Pointer[error]) func() (*clientv3.Client, error) {
	conf := clientv3.Config{
		Endpoints: cfg.Endpoints, TLS: cfg.TLS, Username: cfg.Username, Password: cfg.Password, Context: ctx,
		DialTimeout: orDefault(cfg.DialTimeout, 5*time.Second), DialKeepAliveTime: 5 * time.Second,
		DialKeepAliveTimeout: orDefault(cfg.Timeout, 5*time.Second), Logger: cfg.Logger,
		DialOptions: []grpc.DialOption{grpc.WithConnectParams(reconnect)},
	}
	if cfg.TLS != nil {
		conf.DialOptions = append(conf.DialOptions, grpc.WithTransportCredentials(newHandshakes(cfg.TLS, handshake)))
	}
	return func() (*clientv3.Client, error) { return clientv3.New(conf) }
}

func orDefault(d, def time.Duration) time.Duration {
	if d <= 0 {
		return def
	}
	return d
}

// Close implements store.Store. Leases should be revoked or abandoned before.
func (s *Store) Close() error {
	s.mu.Lock()
	shut := s.shut
	s.shut = true
	s.mu.Unlock()
	if shut {
		return nil
	}
	s.cancel()
	s.wg.Wait()
	if err := s.dialer.close(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("close etcd store: %w", err)
	}
	return nil
}

// enter counts a watch in, unless the store is closed.
func (s *Store) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.shut {
		s.wg.Add(1)
	}
	return !s.shut
}

func (s *Store) closed() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// bound is ctx with the operation's timeout; it is over at once when the store is closed.
func (s *Store) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	stop := s.onClose(cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// fail wraps err with the operation; caller is the context the operation was given.
func (s *Store) fail(caller context.Context, err error, format string, args ...any) error {
	op := fmt.Sprintf(format, args...)
	switch {
	case s.closed():
		err = store.ErrClosed
	case caller.Err() != nil:
		err = caller.Err()
	default:
		err = translate(err)
	}
	if cause := s.handshake.Load(); cause != nil && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, store.ErrUnavailable)) {
		err = fmt.Errorf("%w (%w)", err, *cause)
	}
	return fmt.Errorf("%s: %w", op, err)
}

// translate gives etcd's errors the store's meaning.
func translate(err error) error {
	switch {
	case errors.Is(err, rpctypes.ErrLeaseNotFound):
		return store.ErrLeaseLost
	case errors.Is(err, rpctypes.ErrTooManyOps), errors.Is(err, rpctypes.ErrRequestTooLarge), errors.Is(err, rpctypes.ErrDuplicateKey):
		return fmt.Errorf("%w: %w", store.ErrInvalid, err)
	case errors.Is(err, rpctypes.ErrPermissionDenied), errors.Is(err, rpctypes.ErrAuthFailed), errors.Is(err, rpctypes.ErrUserEmpty):
		return fmt.Errorf("the etcd refuses: %w", err)
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

// identity is the name of the store's life; it gives the store one if it has none.
func (s *Store) identity(ctx context.Context) (id string, rev int64, err error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	client, err := s.dialer.get(ctx)
	if err != nil {
		return "", 0, err
	}
	key := s.prefix + identityKey
	resp, err := client.Get(ctx, key)
	if err != nil {
		return "", 0, err
	}
	if len(resp.Kvs) > 0 {
		return string(resp.Kvs[0].Value), resp.Header.Revision, nil
	}
	made := rand.Text()
	put, err := client.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
		Then(clientv3.OpPut(key, made)).Else(clientv3.OpGet(key)).Commit()
	if errors.Is(err, rpctypes.ErrPermissionDenied) {
		return "", resp.Header.Revision, nil // a reader: it goes by the revision alone
	}
	if err != nil {
		return "", 0, err
	}
	if put.Succeeded {
		return made, put.Header.Revision, nil
	}
	return string(put.Responses[0].GetResponseRange().Kvs[0].Value), put.Header.Revision, nil
}
