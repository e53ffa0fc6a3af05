package rpc

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/grpclog"
	"google.golang.org/grpc/interop"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
)

// grpcServer is the server of gRPC's interoperability tests.
func grpcServer(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	testgrpc.RegisterTestServiceServer(s, interop.NewTestServer())
	go func() { _ = s.Serve(l) }() // until Stop
	t.Cleanup(s.Stop)
	return l.Addr().String()
}

func routes2(addr string) string {
	return fmt.Sprintf("clusters: {web: {protocol: http2, endpoints: [%q]}}\nroutes: [{name: all, to: web}]\n", addr)
}

// told panics with what the interoperability tests say before they end the process.
type told struct{ grpclog.LoggerV2 }

func (told) Fatal(args ...any)                 { panic(fmt.Sprint(args...)) }
func (told) Fatalln(args ...any)               { panic(fmt.Sprint(args...)) }
func (told) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// gRPC's own client and server agree through the process in all that their interoperability tests ask.
func TestGRPCInterop(t *testing.T) {
	grpclog.SetLoggerV2(told{grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard)})
	m := start(t, routes2(grpcServer(t)))
	conn, err := grpc.NewClient("passthrough:///"+m.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := testgrpc.NewTestServiceClient(conn)
	for name, test := range map[string]func(context.Context, testgrpc.TestServiceClient, ...grpc.CallOption){
		"empty_unary": interop.DoEmptyUnaryCall, "large_unary": interop.DoLargeUnaryCall, "client_streaming": interop.DoClientStreaming,
		"server_streaming": interop.DoServerStreaming, "ping_pong": interop.DoPingPong, "empty_stream": interop.DoEmptyStream,
		"timeout_on_sleeping_server": interop.DoTimeoutOnSleepingServer, "cancel_after_begin": interop.DoCancelAfterBegin,
		"cancel_after_first_response": interop.DoCancelAfterFirstResponse, "custom_metadata": interop.DoCustomMetadata,
		"status_code_and_message": interop.DoStatusCodeAndMessage, "special_status_message": interop.DoSpecialStatusMessage,
		"unimplemented_service": func(ctx context.Context, _ testgrpc.TestServiceClient, _ ...grpc.CallOption) {
			interop.DoUnimplementedService(ctx, testgrpc.NewUnimplementedServiceClient(conn))
		},
		"unimplemented_method": func(ctx context.Context, _ testgrpc.TestServiceClient, _ ...grpc.CallOption) {
			interop.DoUnimplementedMethod(ctx, conn)
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if p := recover(); p != nil {
					t.Error(p)
				}
			}()
			test(t.Context(), c)
		})
	}
	eventually(t, "calls are counted by code", func() bool {
		_, metrics := get(t, "http://"+m.admin+"/metrics")
		return strings.Contains(metrics, `heddle_rpc_grpc_calls_total{cluster="web",code="12",route="all"} 2`) &&
			strings.Contains(metrics, `heddle_rpc_grpc_calls_total{cluster="web",code="0",route="all"}`)
	})
}

// A cluster that cannot be reached, and one that speaks HTTP/1, are errors that gRPC's clients understand.
func TestGRPCWithoutAServer(t *testing.T) {
	m := start(t, `clusters: {gone: {protocol: http2, endpoints: ["127.0.0.1:1"]}, old: {endpoints: ["127.0.0.1:1"]}}
routes: [{path: {exact: /grpc.testing.TestService/EmptyCall}, to: gone}, {path: {exact: /grpc.testing.TestService/UnaryCall}, to: old}]
`)
	conn, err := grpc.NewClient("passthrough:///"+m.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := testgrpc.NewTestServiceClient(conn)
	_, err = c.EmptyCall(t.Context(), &testgrpc.Empty{})
	if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "connect to 127.0.0.1:1") {
		t.Errorf("nobody listens: %v", err)
	}
	_, err = c.UnaryCall(t.Context(), &testgrpc.SimpleRequest{})
	if status.Code(err) != codes.Unimplemented || !strings.Contains(err.Error(), "protocol: http2") {
		t.Errorf("a cluster of HTTP/1: %v", err)
	}
	_, err = c.CacheableUnaryCall(t.Context(), &testgrpc.SimpleRequest{})
	if status.Code(err) != codes.Unimplemented || !strings.Contains(err.Error(), "no route") {
		t.Errorf("no route: %v", err)
	}
}

// Stock clients of HTTP/2: files arrive whole both ways, and none of many calls fails.
func TestStockClients2(t *testing.T) {
	m := start(t, routes(server(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Asked", r.Method+" "+r.Host+r.URL.String())
		_, _ = io.Copy(w, r.Body)
	})))
	dir := t.TempDir()
	sent := bytes.Repeat([]byte("all of it, "), 300_000)
	if err := os.WriteFile(filepath.Join(dir, "sent"), sent, 0o600); err != nil {
		t.Fatal(err)
	}
	for how, wants := range map[string]string{"--http2-prior-knowledge": "HTTP/2 200", "--http2": "HTTP/1.1 200"} { // the second asks for an upgrade
		out, err := exec.CommandContext(t.Context(), "curl", "-sS", how, "-D", filepath.Join(dir, "head"), "-o", filepath.Join(dir, "got"),
			"--data-binary", "@"+filepath.Join(dir, "sent"), "-H", "Host: shop.example", "http://"+m.addr+"/echo?x=1").CombinedOutput()
		if err != nil {
			t.Fatalf("curl %s: %v\n%s", how, err, out)
		}
		got, err := os.ReadFile(filepath.Join(dir, "got"))
		if err != nil {
			t.Fatal(err)
		}
		head, err := os.ReadFile(filepath.Join(dir, "head"))
		if err != nil {
			t.Fatal(err)
		}
		if text := strings.ToLower(string(head)); !bytes.Equal(got, sent) || !strings.Contains(text, "x-asked: post shop.example/echo?x=1") || !strings.Contains(string(head), wants) {
			t.Errorf("curl %s got %d bytes of %d, and\n%s", how, len(got), len(sent), head)
		}
	}
	for _, protocol := range []string{"--h1", ""} {
		args := []string{"-n", "500", "-c", "4", "-m", "10", "-d", filepath.Join(dir, "small"), "http://" + m.addr + "/"}
		if protocol != "" {
			args = append([]string{protocol}, args...)
		}
		if err := os.WriteFile(filepath.Join(dir, "small"), []byte("hello"), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), "h2load", args...).CombinedOutput()
		if err != nil || !regexp.MustCompile(`500 succeeded, 0 failed, 0 errored, 0 timeout`).Match(out) {
			t.Errorf("h2load %s: %v\n%s", protocol, err, out)
		}
	}
}
