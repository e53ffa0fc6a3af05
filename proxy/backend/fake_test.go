package backend

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/proxy/wire/wiretest"
)

// fakeServer says OK to everything, over pipes: for tests of pools in synctest's time.
type fakeServer struct {
	down   atomic.Bool  // dials fail
	hang   atomic.Bool  // dials do not come back
	status atomic.Int32 // of every OK
	dials  atomic.Int32
	open   atomic.Int32
	most   atomic.Int32
	wg     sync.WaitGroup
	ice    atomic.Pointer[ice]

	mu    sync.Mutex // guards conns
	conns []net.Conn // the server's ends
}

// ice keeps back what the server would answer, until it is closed.
type ice struct {
	melted chan struct{}
	only   wire.Command // 0: all that is asked, and logins
}

// freeze has the server stand still; the result ends that.
func (f *fakeServer) freeze(only wire.Command) (thaw func()) {
	i := &ice{make(chan struct{}), only}
	f.ice.Store(i)
	return func() { f.ice.Store(nil); close(i.melted) }
}

func (f *fakeServer) waits(cmd wire.Command) {
	if i := f.ice.Load(); i != nil && (i.only == 0 || i.only == cmd) {
		<-i.melted
	}
}

var errRefused = errors.New("connection refused")

func (f *fakeServer) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	f.dials.Add(1)
	if f.hang.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if f.down.Load() {
		return nil, errRefused
	}
	ours, theirs := net.Pipe()
	f.mu.Lock()
	f.conns = append(f.conns, theirs)
	f.mu.Unlock()
	if n := f.open.Add(1); n > f.most.Load() {
		f.most.Store(n)
	}
	f.wg.Go(func() {
		defer f.open.Add(-1)
		f.waits(0)
		_ = wiretest.Serve(theirs, wiretest.Accept(), f.serve) // ends with the client, in whichever way
	})
	return ours, nil
}

func (f *fakeServer) serve(s *wiretest.Server) error {
	for {
		cmd, _, err := s.ReadCommand()
		if err != nil || cmd == wire.ComQuit {
			return err
		}
		f.waits(cmd)
		err = s.Send(&wire.OK{Status: wire.StatusAutocommit | wire.Status(f.status.Load())})
		if err == nil {
			err = s.Flush()
		}
		if err != nil {
			return err
		}
	}
}

// cut ends all connections.
func (f *fakeServer) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		_ = c.Close()
	}
	f.conns = nil
}

// pools makes Pools of sources over f. It is to be closed with closePools.
func (f *fakeServer) pools(t *testing.T, sources ...DataSource) *Pools {
	t.Helper()
	p := NewPools(Options{Buffers: wire.NewPool(0), Dial: f.dial, SweepEvery: time.Second})
	if err := p.Set(sources); err != nil {
		t.Fatal(err)
	}
	return p
}

func (f *fakeServer) close(t *testing.T, p *Pools) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := p.Close(ctx); err != nil {
		t.Error(err)
	}
	f.wg.Wait()
}
