package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/heddle-mesh/heddle/sidecar/dev"
)

// service is a server of gRPC whose methods a test gives.
type service struct {
	testgrpc.UnimplementedTestServiceServer
	unary  func(ctx context.Context) error
	stream func(s testgrpc.TestService_FullDuplexCallServer) error
}

func (s *service) EmptyCall(ctx context.Context, _ *testgrpc.Empty) (*testgrpc.Empty, error) {
	return &testgrpc.Empty{}, s.unary(ctx)
}

func (s *service) FullDuplexCall(stream testgrpc.TestService_FullDuplexCallServer) error {
	return s.stream(stream)
}

func grpcBackend(t *testing.T, addr string, s *service) (*grpc.Server, string) {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
	testgrpc.RegisterTestServiceServer(srv, s)
	go func() { _ = srv.Serve(l) }() // until Stop
	t.Cleanup(srv.Stop)
	return srv, l.Addr().String()
}

// aPort is an address whose port outgoing connections are not given: a server that is started again finds it free.
func aPort(t *testing.T) string {
	t.Helper()
	port, err := dev.FreePort(0)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

func grpcClient(t *testing.T, addr string) testgrpc.TestServiceClient {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return testgrpc.NewTestServiceClient(conn)
}

// A call's time goes on in gRPC's field and in Heddle's, the same in both; one without a time has none.
func TestGRPCTimeGoesOn(t *testing.T) {
	type seen struct {
		left    time.Duration // 0: for ever
		header  string
		forward string
	}
	got := make(chan seen, 1)
	_, server := grpcBackend(t, "127.0.0.1:0", &service{unary: func(ctx context.Context) error {
		s := seen{}
		if end, ok := ctx.Deadline(); ok {
			s.left = time.Until(end)
		}
		md, _ := metadata.FromIncomingContext(ctx)
		s.header, s.forward = strings.Join(md.Get(TimeoutHeader), "|"), strings.Join(md.Get("x-forwarded-for"), "|")
		got <- s
		return nil
	}})
	document := fmt.Sprintf("clusters: {web: {protocol: http2, endpoints: [%q]}}\nroutes:\n- {headers: {short: \"*\"}, to: web, timeout: 20s}\n- {path: {prefix: /grpc.testing.TestService}, to: web}\n", server)
	addr, _, w := proxy(t, testSettings, document)
	c := grpcClient(t, addr)
	for name, call := range map[string]struct {
		ctx    time.Duration
		fields []string
		most   time.Duration // 0: for ever
	}{
		"none":           {0, nil, 0},
		"gRPC's":         {30 * time.Second, nil, 30 * time.Second},
		"Heddle's":       {0, []string{TimeoutHeader, "25000"}, 25 * time.Second},
		"both":           {30 * time.Second, []string{TimeoutHeader, "25000"}, 25 * time.Second},
		"the route's":    {0, []string{"short", "1"}, 20 * time.Second},
		"all":            {30 * time.Second, []string{"short", "1", TimeoutHeader, "25000"}, 20 * time.Second},
		"the least":      {0, []string{TimeoutHeader, "25000", TimeoutHeader, "20000"}, 20 * time.Second},
		"none that is":   {0, []string{TimeoutHeader, "soon"}, 0},
		"a longer route": {15 * time.Second, []string{"short", "1"}, 15 * time.Second},
	} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), call.fields...)
		if call.ctx > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, call.ctx)
			defer cancel()
		}
		if _, err := c.EmptyCall(ctx, &testgrpc.Empty{}); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		s := <-got
		if call.most == 0 {
			if s.left != 0 || s.header != "" {
				t.Errorf("%s: the server has %+v", name, s)
			}
			continue
		}
		ms, err := strconv.Atoi(s.header)
		if told := time.Duration(ms) * time.Millisecond; err != nil || told > call.most || told <= call.most-14*time.Second || s.left > call.most || s.left <= 0 { // they are reckoned one after the other
			t.Errorf("%s: the server has %+v of %v", name, s, call.most)
		}
		if s.forward != "127.0.0.1" {
			t.Errorf("%s: the caller is %q", name, s.forward)
		}
	}
	for w.count() < 9 {
		runtime.Gosched()
	}
	if d := w.last(t); d.Code != "0" || d.Status != 200 || d.Path != "/grpc.testing.TestService/EmptyCall" {
		t.Errorf("told %+v", d)
	}
}

// What Heddle has to say itself is a status of gRPC, before an answer has begun and behind.
func TestGRPCTimeIsOver(t *testing.T) {
	release := make(chan struct{})
	server, _ := backend2(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "FullDuplexCall") {
			w.Header().Set("Content-Type", "application/grpc")
			w.WriteHeader(200)
			_ = http.NewResponseController(w).Flush()
		}
		select { // gRPC's time is not this server's
		case <-release:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(release) })
	addr, _, _ := proxy(t, testSettings, fmt.Sprintf("clusters: {web: {protocol: http2, endpoints: [%q]}}\nroutes: [{to: web}]\n", server))
	c := grpcClient(t, addr)
	ctx := metadata.AppendToOutgoingContext(t.Context(), TimeoutHeader, "50")
	if _, err := c.EmptyCall(ctx, &testgrpc.Empty{}); status.Code(err) != codes.DeadlineExceeded || !strings.Contains(err.Error(), "time") {
		t.Errorf("an answer that did not begin: %v", err)
	}
	ctx = metadata.AppendToOutgoingContext(t.Context(), TimeoutHeader, "200")
	stream, err := c.FullDuplexCall(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.DeadlineExceeded || !strings.Contains(err.Error(), "time") {
		t.Errorf("an answer that did not end: %v", err)
	}
	if _, err := c.EmptyCall(metadata.AppendToOutgoingContext(t.Context(), TimeoutHeader, "0"), &testgrpc.Empty{}); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("a call without time: %v", err)
	}
	long := metadata.AppendToOutgoingContext(t.Context(), "long", strings.Repeat("x", testSettings.HeadSize))
	if _, err := c.EmptyCall(long, &testgrpc.Empty{}); status.Code(err) == codes.OK {
		t.Errorf("a head that is too long: %v", err)
	}
}

// A server that is gone in the middle is told of by a status, and its connection is not used again.
func TestGRPCServerGone(t *testing.T) {
	s := &service{stream: func(s testgrpc.TestService_FullDuplexCallServer) error {
		if err := s.Send(&testgrpc.StreamingOutputCallResponse{}); err != nil {
			return err
		}
		<-s.Context().Done()
		return s.Context().Err()
	}, unary: func(context.Context) error { return nil }}
	srv, server := grpcBackend(t, aPort(t), s)
	addr, _, w := proxy(t, testSettings, to2(server))
	c := grpcClient(t, addr)
	stream, err := c.FullDuplexCall(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	srv.Stop()
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("the stream ended with %v", err)
	}
	for w.count() < 1 {
		runtime.Gosched()
	}
	if d := w.last(t); d.Code != "14" || d.Why == "" {
		t.Errorf("told %+v", d)
	}
	if _, err := c.EmptyCall(t.Context(), &testgrpc.Empty{}); status.Code(err) != codes.Unavailable {
		t.Errorf("without a server: %v", err)
	}
	_, _ = grpcBackend(t, server, s)
	for err = errors.New("not yet"); err != nil; { // it is set aside for a moment, and tried all the same, as there is no other
		_, err = c.EmptyCall(t.Context(), &testgrpc.Empty{})
	}
}

// Servers that go away in order, one after the other, cost no call.
func TestGRPCServersThatGoAway(t *testing.T) {
	s := &service{unary: func(context.Context) error { return nil }, stream: func(s testgrpc.TestService_FullDuplexCallServer) error {
		for {
			if _, err := s.Recv(); err != nil {
				if errors.Is(err, io.EOF) {
					return nil
				}
				return err
			}
			if err := s.Send(&testgrpc.StreamingOutputCallResponse{}); err != nil {
				return err
			}
		}
	}}
	one, addr1 := grpcBackend(t, aPort(t), s)
	two, addr2 := grpcBackend(t, aPort(t), s)
	document := fmt.Sprintf("clusters: {web: {protocol: http2, endpoints: [%q, %q]}}\nroutes: [{to: web}]\n", addr1, addr2)
	addr, _, _ := proxy(t, testSettings, document)
	ctx, stop := context.WithCancel(t.Context())
	called := make(chan struct{})
	var callers sync.WaitGroup
	for i := range 4 {
		c := grpcClient(t, addr)
		callers.Go(func() {
			for ctx.Err() == nil {
				if err := goAndReturn(t.Context(), c, i%2 == 0); err != nil {
					t.Error(err)
				}
				select {
				case called <- struct{}{}:
				case <-ctx.Done():
				}
			}
		})
	}
	enough := func() {
		for range 50 {
			<-called
		}
	}
	enough()
	for range 3 {
		for i, srv := range []**grpc.Server{&one, &two} {
			down := make(chan struct{})
			go func() { (*srv).GracefulStop(); close(down) }()
			for waits := true; waits; {
				select {
				case <-called:
				case <-down:
					waits = false
				}
			}
			enough()
			*srv, _ = grpcBackend(t, []string{addr1, addr2}[i], s)
			enough()
		}
	}
	stop()
	callers.Wait()
}

// goAndReturn is one call.
func goAndReturn(ctx context.Context, c testgrpc.TestServiceClient, unary bool) error {
	if unary {
		_, err := c.EmptyCall(ctx, &testgrpc.Empty{})
		return err
	}
	stream, err := c.FullDuplexCall(ctx)
	if err != nil {
		return err
	}
	for range 3 {
		if err := stream.Send(&testgrpc.StreamingOutputCallRequest{}); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if _, err := stream.Recv(); err != nil {
			return err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("the end of the stream: %w", err)
	}
	return nil
}

func TestGRPCTimeout(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1H": time.Hour, "2M": 2 * time.Minute, "3S": 3 * time.Second, "40m": 40 * time.Millisecond, "5u": 5 * time.Microsecond, "6n": 6, "0m": 0,
		"99999999H": 1<<63 - 1, "": -1, "m": -1, "1": -1, "1x": -1, "-1m": -1, "123456789m": -1,
	} {
		got, ok := parseGRPCTimeout(text)
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("%q is %v, %v; want %v", text, got, ok, want)
		}
	}
	for ms, want := range map[int64]string{1: "1m", 99_999_999: "99999999m", 100_000_000: "100000S"} {
		if got := string(appendGRPCTimeout(nil, ms)); got != want {
			t.Errorf("%d ms are %s", ms, got)
		}
	}
	if got := grpcMessage("50 % of ü\n"); got != "50 %25 of %C3%BC%0A" {
		t.Errorf("a message is %s", got)
	}
}

// traced makes one trace of all calls, and keeps what is told of them.
type traced struct {
	mu      sync.Mutex
	parents []string
	ended   []Done
}

func (r *traced) Call(parent string, _ time.Time) Trace {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.parents = append(r.parents, parent)
	return r
}

func (r *traced) Parent() string { return "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01" }

func (r *traced) End(d *Done) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = append(r.ended, *d)
}

// A call is a span of its caller's trace, whatever either end speaks, and its server is told of that.
func TestTracesBetweenProtocols(t *testing.T) {
	const caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	seen := make(chan []string, 1)
	h := func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header.Values(parentHeader) }
	two, _ := backend2(t, h)
	r := &traced{}
	addr, _, _ := proxyTraced(t, testSettings, fmt.Sprintf("clusters: {one: {endpoints: [%q]}, two: {protocol: http2, endpoints: [%q]}}\n"+
		"routes: [{path: {exact: /one}, to: one}, {path: {exact: /two}, to: two}]\n", backend(t, h), two), r)
	for i, client := range []*http.Client{client2(t), client2(t), http.DefaultClient} {
		q, _ := http.NewRequest("GET", "http://"+addr+[]string{"/one", "/two", "/two"}[i], nil)
		q.Header.Set(parentHeader, caller)
		res, err := client.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if got := <-seen; len(got) != 1 || got[0] != r.Parent() {
			t.Errorf("the server got %q", got)
		}
		for ended := 0; ended <= i; {
			runtime.Gosched()
			r.mu.Lock()
			ended = len(r.ended)
			r.mu.Unlock()
		}
		r.mu.Lock()
		if r.parents[i] != caller || r.ended[i].Status != 200 || r.ended[i].Cluster != []string{"one", "two", "two"}[i] {
			t.Errorf("%q, told %+v", r.parents, r.ended)
		}
		r.mu.Unlock()
	}
}
