package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt"
	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt/bolttest"
)

// failing is how servers fail each request, and each of their checks.
type failing int32

const (
	none   failing = iota
	errs           // with 503, gRPC's UNAVAILABLE, Bolt's SERVER_THREADPOOL_BUSY
	breaks         // by the end of the connection, when the request has come
	closes         // by the end of each connection, at once; one is counted as a request
	stalls         // by no answer
	twice          // every other request of a connection with 503, the others by its end
)

var failings = map[failing]string{errs: "answer 503", breaks: "end the connection", closes: "end each connection at once", stalls: "do not answer", twice: "answer 503 or end the connection"}

// fleet are servers of one protocol that do the same.
type fleet struct {
	t       *testing.T
	fails   atomic.Int32 // a failing
	asked   atomic.Int64
	checked atomic.Int64
	addrs   []string

	mu    sync.Mutex
	conns map[string]*fleetConn // by the client's address
}

// fleetConn is a connection to one of a fleet.
type fleetConn struct {
	net.Conn
	of    *fleet
	asked atomic.Int64
}

// Close implements net.Conn.
func (c *fleetConn) Close() error {
	c.of.mu.Lock()
	delete(c.of.conns, c.RemoteAddr().String())
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// fleetListener takes connections of a fleet, but for those that are to end at once.
type fleetListener struct {
	net.Listener
	of *fleet
}

// Accept implements net.Listener.
func (l fleetListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if failing(l.of.fails.Load()) != closes {
			known := &fleetConn{Conn: c, of: l.of}
			l.of.mu.Lock()
			l.of.conns[c.RemoteAddr().String()] = known
			l.of.mu.Unlock()
			return known, nil
		}
		l.of.asked.Add(1)
		_ = c.Close() // as it is to be
	}
}

// newFleet starts n servers, each of which serve has answer until its listener is closed.
func newFleet(t *testing.T, n int, serve func(f *fleet, l net.Listener)) *fleet {
	t.Helper()
	f := &fleet{t: t, conns: map[string]*fleetConn{}}
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var serving sync.WaitGroup
		serving.Go(func() { serve(f, fleetListener{l, f}) })
		t.Cleanup(func() {
			_ = l.Close() // once more
			serving.Wait()
		})
		f.addrs = append(f.addrs, l.Addr().String())
	}
	return f
}

// meets notes a request by a connection, or a check, and says how it is to fail.
func (f *fleet) meets(check bool, from string) failing {
	how := failing(f.fails.Load())
	f.mu.Lock()
	c := f.conns[from]
	f.mu.Unlock()
	if check {
		f.checked.Add(1)
	} else {
		f.asked.Add(1)
		if how == twice && c != nil && c.asked.Add(1)%2 == 1 {
			return errs
		}
	}
	switch how {
	case breaks, closes, twice:
		if c != nil {
			_ = c.Close() // as it is to be
		}
		return breaks
	}
	return how
}

// ServeHTTP implements http.Handler.
func (f *fleet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch f.meets(r.URL.Path == "/healthz", r.RemoteAddr) {
	case errs:
		w.WriteHeader(http.StatusServiceUnavailable)
	case stalls:
		<-r.Context().Done()
	case breaks:
		panic(http.ErrAbortHandler)
	}
}

// web serves HTTP/1.1 and HTTP/2.
func (f *fleet) web(l net.Listener) {
	s := &http.Server{Handler: f, Protocols: &http.Protocols{}}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	f.t.Cleanup(func() { _ = s.Close() }) // of connections that nobody needs any more
	_ = s.Serve(l)                        // until it is closed
}

// grpc serves every method of gRPC.
func (f *fleet) grpc(l net.Listener) {
	s := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(stream)
		check := strings.HasPrefix(method, "/grpc.health.v1.")
		client, _ := peer.FromContext(stream.Context())
		switch f.meets(check, client.Addr.String()) {
		case errs, breaks:
			return status.Error(codes.Unavailable, "it fails all")
		case stalls:
			<-stream.Context().Done()
			return stream.Context().Err()
		}
		if check {
			return stream.SendMsg(&grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_SERVING})
		}
		return stream.SendMsg(&testgrpc.Empty{})
	}))
	f.t.Cleanup(s.Stop)
	_ = s.Serve(l) // until Stop
}

// bolt serves Bolt.
func (f *fleet) bolt(l net.Listener) {
	var serving sync.WaitGroup
	defer serving.Wait()
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		serving.Go(func() {
			defer c.Close()
			stop := context.AfterFunc(f.t.Context(), func() { _ = c.Close() }) // which ends the reading
			defer stop()
			r := bolt.NewReader(c, 1<<20, nil)
			for {
				q, err := r.Next()
				if err == nil && q == nil {
					err = r.More()
				}
				if err != nil {
					return
				}
				if q == nil {
					continue
				}
				status := bolt.Success
				switch f.meets(q.Heartbeat(), c.RemoteAddr().String()) {
				case stalls:
					continue
				case errs:
					status = bolt.Busy
				}
				if _, err := c.Write(q.AppendAnswer(nil, status)); err != nil {
					return
				}
			}
		})
	}
}

// asker makes a call and waits for its answer, of whatever sort. fine says whether that is no failure.
type asker func(ctx context.Context) (fine bool, err error)

// webAsker makes calls by HTTP/1.1 or HTTP/2.
func webAsker(t *testing.T, url string, two bool) asker {
	tr := &http.Transport{Protocols: &http.Protocols{}, MaxIdleConnsPerHost: 100}
	tr.Protocols.SetHTTP1(!two)
	tr.Protocols.SetUnencryptedHTTP2(two)
	t.Cleanup(tr.CloseIdleConnections)
	return func(ctx context.Context) (bool, error) {
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return false, err
		}
		res, err := tr.RoundTrip(q)
		if err != nil {
			return false, err
		}
		defer res.Body.Close()
		_, err = io.Copy(io.Discard, res.Body)
		return res.StatusCode == http.StatusOK, err
	}
}

// grpcAsker makes calls by gRPC, each of them once.
func grpcAsker(t *testing.T, addr, method string) asker {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableRetry())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return func(ctx context.Context) (bool, error) {
		err := conn.Invoke(ctx, method, &testgrpc.Empty{}, &testgrpc.Empty{})
		if _, is := status.FromError(err); !is {
			return false, err
		}
		return err == nil, nil
	}
}

// boltAsker makes calls by Bolt, each caller on a connection of its own.
func boltAsker(t *testing.T, addr, service string) asker {
	idle := make(chan *boltClient, 100)
	return func(ctx context.Context) (bool, error) {
		var c *boltClient
		select {
		case c = <-idle:
		default:
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
			if err != nil {
				return false, err
			}
			t.Cleanup(func() { _ = conn.Close() })
			c = &boltClient{conn: conn, id: 1}
		}
		fine, err := c.ask(service)
		if err == nil {
			idle <- c
		}
		return fine, err
	}
}

type boltClient struct {
	conn net.Conn
	id   uint32
}

func (c *boltClient) ask(service string) (fine bool, err error) {
	c.id++
	r := bolt.NewReader(c.conn, 1<<20, nil)
	_, err = c.conn.Write(bolttest.Message{Type: bolt.Request, ID: c.id, Timeout: 30_000, Header: bolttest.Map("service", service)}.Append(nil))
	err = errors.Join(err, c.conn.SetDeadline(time.Now().Add(time.Minute)))
	for err == nil {
		var f bolt.Frame
		if f, err = r.Next(); f != nil {
			if f.ID() != c.id {
				return false, fmt.Errorf("%d is answered for %d", f.ID(), c.id)
			}
			return f.Status() == bolt.Success, nil
		}
		if err == nil {
			err = r.More()
		}
	}
	return false, err
}
