package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
)

// grpcFailing is a server that fails calls, once it has all of them: a unary one by a head that is its answer's end, a stream behind a message.
type grpcFailing struct {
	addr  string
	calls atomic.Int64
	code  atomic.Uint32
}

func failsBy(t *testing.T, code codes.Code) *grpcFailing {
	t.Helper()
	f := &grpcFailing{}
	f.code.Store(uint32(code))
	fails := func() error {
		f.calls.Add(1)
		return status.Error(codes.Code(f.code.Load()), "as it is to be")
	}
	_, f.addr = grpcBackend(t, "127.0.0.1:0", &service{
		unary: func(context.Context) error { return fails() },
		stream: func(s testgrpc.TestService_FullDuplexCallServer) error {
			if err := s.Send(&testgrpc.StreamingOutputCallResponse{}); err != nil {
				return err
			}
			return fails()
		},
	})
	return f
}

// stream makes a call that is a stream, and reads it to its end.
func stream(ctx context.Context, c testgrpc.TestServiceClient) (messages int, err error) {
	s, err := c.FullDuplexCall(ctx)
	if err != nil {
		return 0, err
	}
	if err := s.CloseSend(); err != nil {
		return 0, err
	}
	for {
		if _, err := s.Recv(); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return messages, err
		}
		messages++
	}
}

// A code that speaks against a server has it be passed over, whether it comes with the head or behind messages; another one has not.
func TestGRPCFailuresSpeakAgainstServers(t *testing.T) {
	for _, c := range []struct {
		code    codes.Code
		against bool
	}{
		{codes.Unavailable, true},
		{codes.Internal, true},
		{codes.Unknown, true},
		{codes.DataLoss, true},
		{codes.DeadlineExceeded, true},
		{codes.ResourceExhausted, false},
		{codes.Unimplemented, false},
		{codes.NotFound, false},
		{codes.Canceled, false},
		{codes.Aborted, false},
	} {
		for _, streams := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", c.code, streams), func(t *testing.T) {
				bad, good := failsBy(t, c.code), failsBy(t, codes.OK)
				addr, srv, w := proxy(t, testSettings, fmt.Sprintf(`
clusters: {web: {protocol: http2, endpoints: [%q, %q], health: {eject: {failures: 2, for: 1h, longest: 1h}}}}
routes: [{to: web}]`, bad.addr, good.addr))
				client := grpcClient(t, addr)
				const calls = 12
				failed := 0
				for i := range calls {
					err := error(nil)
					if streams {
						_, err = stream(t.Context(), client)
					} else {
						_, err = client.EmptyCall(t.Context(), &testgrpc.Empty{})
					}
					if err != nil {
						failed++
					}
					if want := status.Code(err); err != nil && want != c.code {
						t.Errorf("call %d: %v", i, err)
					}
					w.nth(t, i+1) // its server knows of it by then
				}
				v := srv.Clusters()["web"].Views()[0]
				want, state := calls/2, "up"
				if c.against {
					want, state = 2, "suspect"
				}
				if failed != want || v.State != state || c.against && !strings.Contains(v.Why, fmt.Sprintf("status %d of gRPC", c.code)) {
					t.Errorf("%d of %d calls failed, and the server is %+v", failed, calls, v)
				}
			})
		}
	}
}

// A server whose caller waits less long than the route would, and that says that this time is over, is none that fails.
func TestGRPCHurriedCallersSpeakAgainstNoServer(t *testing.T) {
	bad, good := failsBy(t, codes.DeadlineExceeded), failsBy(t, codes.OK)
	addr, srv, w := proxy(t, testSettings, fmt.Sprintf(`
clusters: {web: {protocol: http2, endpoints: [%q, %q], health: {eject: {failures: 1, for: 1h, longest: 1h}}}}
routes: [{to: web, timeout: 1h}]`, bad.addr, good.addr))
	client := grpcClient(t, addr)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for i := range 4 {
		_, _ = client.EmptyCall(ctx, &testgrpc.Empty{})
		w.nth(t, i+1)
	}
	if v := srv.Clusters()["web"].Views()[0]; v.State != "up" || bad.calls.Load() != 2 {
		t.Errorf("after %d calls the server is %+v", bad.calls.Load(), v)
	}
}

// The breaker of a server that is not available opens.
func TestGRPCBreaker(t *testing.T) {
	bad := failsBy(t, codes.Unavailable)
	addr, _, w := proxy(t, testSettings, fmt.Sprintf(`
clusters: {web: {protocol: http2, endpoints: [%q], breaker: {failures: 100, calls: 3, window: 1h, open: 1h}}}
routes: [{to: web}]`, bad.addr))
	client := grpcClient(t, addr)
	for i := range 3 {
		if _, err := client.EmptyCall(t.Context(), &testgrpc.Empty{}); status.Code(err) != codes.Unavailable || strings.Contains(err.Error(), "breaker") {
			t.Errorf("before it opens: %v", err)
		}
		w.nth(t, i+1)
	}
	if _, err := client.EmptyCall(t.Context(), &testgrpc.Empty{}); status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "breaker is open: 3 of 3 failed") {
		t.Errorf("while it is open: %v", err)
	}
}

// An answer that is UNAVAILABLE at once waits for the other server's, whichever gives it.
func TestGRPCHedgesThatFail(t *testing.T) {
	for _, broken := range []int64{1, 2} {
		var order atomic.Int64
		second, failed := make(chan struct{}), make(chan struct{})
		s := &service{unary: func(context.Context) error {
			n := order.Add(1)
			if n == 2 {
				close(second)
			}
			if n != broken {
				<-failed
				return nil
			}
			<-second
			defer close(failed)
			return status.Error(codes.Unavailable, "as it is to be")
		}}
		_, one := grpcBackend(t, "127.0.0.1:0", s)
		_, two := grpcBackend(t, "127.0.0.1:0", s)
		addr, _, w := proxy(t, testSettings, fmt.Sprintf("clusters: {web: {protocol: http2, endpoints: [%q, %q], breaker: {}}}\nroutes: [{to: web, hedge: {after: 1ms, percent: 100, methods: [POST]}}]\n", one, two))
		if _, err := grpcClient(t, addr).EmptyCall(t.Context(), &testgrpc.Empty{}); err != nil {
			t.Errorf("the server that got the call as number %d failed: %v", broken, err)
		}
		w.told(t, "it is hedged", func(d *Done) bool { return d.Hedged && d.Code == "0" })
	}
}

// A copy that its server fails so has failed, and speaks against it, unless it is the caller's time that was over.
func TestGRPCMirrorsThatFail(t *testing.T) {
	for code, state := range map[codes.Code]string{codes.Unavailable: "open", codes.DeadlineExceeded: "up"} {
		t.Run(code.String(), func(t *testing.T) { mirrorsFail(t, code, state) })
	}
}

// mirrorsFail has two copies be made of the calls of a caller that waits less long than the route would.
func mirrorsFail(t *testing.T, code codes.Code, state string) {
	web, shadow := failsBy(t, codes.OK), failsBy(t, code)
	addr, srv, w := proxy(t, testSettings, fmt.Sprintf(`
clusters: {web: {protocol: http2, endpoints: [%q]}, shadow: {protocol: http2, endpoints: [%q], breaker: {failures: 100, calls: 2, window: 1h, open: 1h}}}
routes: [{to: web, timeout: 1h, mirror: {cluster: shadow}}]`, web.addr, shadow.addr))
	client := grpcClient(t, addr)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	if _, err := client.EmptyCall(ctx, &testgrpc.Empty{}); err != nil {
		t.Error(err)
	}
	if _, err := stream(ctx, client); err != nil {
		t.Error(err)
	}
	eventually(t, "both copies have failed", func() bool { return w.mirrored(MirrorFailed) == 2 })
	if v := srv.Clusters()["shadow"].Views()[0]; v.State != state {
		t.Errorf("the copies' server is %+v", v)
	}
}

// grpcRetrying is a document whose route has calls of gRPC tried again, by a budget that is no bound.
func grpcRetrying(when string, addrs ...string) string {
	return fmt.Sprintf("clusters: {web: {protocol: http2, connect_timeout: 60s, endpoints: [%s], retry_budget: {percent: 100}}}\nroutes: [{to: web, timeout: 1h, retry: {when: [%s], methods: [POST], backoff: 1ns}}]\n",
		`"`+strings.Join(addrs, `", "`)+`"`, when)
}

// A call whose answer is a status alone is tried again where the route names its code, and only there.
func TestGRPCRetries(t *testing.T) {
	for _, c := range []struct {
		code  codes.Code
		when  string
		again bool
	}{
		{codes.Unavailable, "unavailable", true},
		{codes.Internal, "internal", true},
		{codes.Canceled, "cancelled", true},
		{codes.DeadlineExceeded, "deadline-exceeded", true},
		{codes.ResourceExhausted, "resource-exhausted", true},
		{codes.Aborted, "aborted", true},
		{codes.Aborted, "unavailable, aborted", true},
		{codes.Unavailable, "reset, 502, 503, 504", false}, // the status is 200
		{codes.Internal, "unavailable", false},
		{codes.Unknown, "internal, unavailable, aborted", false},
	} {
		t.Run(c.code.String()+"/"+c.when, func(t *testing.T) {
			bad, good := failsBy(t, c.code), failsBy(t, codes.OK)
			addr, srv, w := proxy(t, testSettings, grpcRetrying(c.when, bad.addr, good.addr))
			client := grpcClient(t, addr)
			const calls = 4
			failed, began, retries := 0, int64(calls), 0 // each try takes its turn
			for i := range calls {
				if _, err := client.EmptyCall(t.Context(), &testgrpc.Empty{}); err != nil {
					if failed++; status.Code(err) != c.code {
						t.Error(err)
					}
				}
				retries += w.nth(t, i+1).Retries
			}
			want := 0
			if !c.again {
				want, began = calls/2, calls/2
			}
			if failed != want || bad.calls.Load() != began || retries != int(began)-want {
				t.Errorf("%d of %d calls failed; %d came to the bad server, and %d were tried again", failed, calls, bad.calls.Load(), retries)
			}
			if v := srv.Clusters()["web"].Views()[0]; v.Active != 0 {
				t.Errorf("the bad server is %+v", v)
			}
		})
	}
}

// A call that is tried again comes as it was. One of which a message has reached the client is not, nor is one whose messages have not all come, or are longer than is kept.
func TestGRPCRetriesOfStreams(t *testing.T) {
	var calls atomic.Int64
	_, server := grpcBackend(t, "127.0.0.1:0", &service{stream: func(s testgrpc.TestService_FullDuplexCallServer) error {
		first := calls.Add(1)%2 == 1
		var all []string
		for {
			q, err := s.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			if string(q.GetPayload().GetBody()) == "fail at once" {
				return status.Error(codes.Unavailable, "before all has come")
			}
			all = append(all, string(q.GetPayload().GetBody()))
		}
		if first && all[0] != "a message" {
			return status.Error(codes.Unavailable, "before a message")
		}
		if err := s.Send(&testgrpc.StreamingOutputCallResponse{Payload: &testgrpc.Payload{Body: []byte(strings.Join(all, "+"))}}); err != nil {
			return err
		}
		if first {
			return status.Error(codes.Unavailable, "behind a message")
		}
		return nil
	}})
	addr, _, w := proxy(t, testSettings, grpcRetrying("unavailable", server))
	client := grpcClient(t, addr)
	long := strings.Repeat("x", mostKept)
	for i, c := range []struct {
		what   string
		send   []string
		open   bool // the client goes on with its side
		answer string
		code   codes.Code
		comes  int64
	}{
		{"short messages", []string{"one", "two"}, false, "one+two", codes.OK, 2},
		{"an answer that has begun", []string{"a message"}, false, "a message", codes.Unavailable, 1},
		{"messages longer than is kept", []string{"one", long}, false, "", codes.Unavailable, 1},
		{"messages that go on", []string{"fail at once"}, true, "", codes.Unavailable, 1},
	} {
		calls.Store(0)
		s, err := client.FullDuplexCall(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range c.send {
			if err := s.Send(&testgrpc.StreamingOutputCallRequest{Payload: &testgrpc.Payload{Body: []byte(text)}}); err != nil {
				t.Fatalf("%s: %v", c.what, err)
			}
		}
		if !c.open {
			if err := s.CloseSend(); err != nil {
				t.Fatalf("%s: %v", c.what, err)
			}
		}
		got := ""
		for err == nil {
			var m *testgrpc.StreamingOutputCallResponse
			if m, err = s.Recv(); err == nil {
				got += string(m.GetPayload().GetBody())
			}
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
		if got != c.answer || status.Code(err) != c.code || calls.Load() != c.comes {
			t.Errorf("%s: %q and %v of %d servers", c.what, got, err, calls.Load())
		}
		w.nth(t, i+1)
	}
}

// Where there is no time to try a call again, its caller is told the code that its server gave.
func TestGRPCRetriesWithoutTime(t *testing.T) {
	bad := failsBy(t, codes.ResourceExhausted)
	addr, _, _ := proxy(t, testSettings, strings.Replace(grpcRetrying("resource-exhausted", bad.addr), "backoff: 1ns", "backoff: 1000000h, longest_backoff: 2000000h", 1))
	if _, err := grpcClient(t, addr).EmptyCall(t.Context(), &testgrpc.Empty{}); status.Code(err) != codes.ResourceExhausted || bad.calls.Load() != 1 {
		t.Errorf("after %d calls: %v", bad.calls.Load(), err)
	}
}
