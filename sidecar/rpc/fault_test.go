package rpc

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt"
	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt/bolttest"
)

// ways are all pairs of protocols of HTTP, as documents whose only route says this too, beside a server.
func ways(t *testing.T, route string, h http.HandlerFunc, test func(t *testing.T, client *http.Client, addr string, s *Server, w *watched)) {
	t.Helper()
	waysBy(t, "connect_timeout: 60s", route, h, test)
}

// waysBy is ways, with what else the document says of the server's cluster.
func waysBy(t *testing.T, cluster, route string, h http.HandlerFunc, test func(t *testing.T, client *http.Client, addr string, s *Server, w *watched)) {
	t.Helper()
	for _, name := range []string{"1 to 1", "1 to 2", "2 to 1", "2 to 2"} {
		t.Run(name, func(t *testing.T) {
			addr, protocol := "", "http1"
			if strings.HasSuffix(name, "2") {
				addr, _ = backend2(t, h)
				protocol = "http2"
			} else {
				addr = backend(t, h)
			}
			client := &http.Client{Timeout: time.Minute}
			if strings.HasPrefix(name, "2") {
				client = client2(t)
			}
			settings := testSettings // whose times a busy machine may need
			settings.Silence, settings.HeadTimeout = time.Minute, time.Minute
			proxied, s, w := proxyTraced(t, settings, fmt.Sprintf("clusters: {web: {protocol: %s, endpoints: [%q], %s}}\nroutes: [{name: r, to: web, %s}]\n", protocol, addr, cluster, route), make(come, 1))
			test(t, client, proxied, s, w)
		})
	}
}

// ask sends a call with fields, and returns its answer.
func ask(t *testing.T, c *http.Client, addr, body string, set ...string) (int, string) {
	t.Helper()
	q, err := http.NewRequest(http.MethodPost, "http://"+addr+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(set); i += 2 {
		q.Header.Set(set[i], set[i+1])
	}
	res, err := c.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(got)
}

// echo answers with what it got, once it has all of it.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_, _ = w.Write(body)
}

// A call is aborted where its fields are as the fault has them, and no other; no server sees it.
func TestFaultsAbort(t *testing.T) {
	seen := make(chan string, 10)
	h := func(w http.ResponseWriter, r *http.Request) { seen <- r.Header.Get("x-try"); echo(w, r) }
	ways(t, `fault: {headers: {x-try: "yes"}, abort: {status: 418}}`, h, func(t *testing.T, c *http.Client, addr string, _ *Server, w *watched) {
		if status, body := ask(t, c, addr, "all", "x-try", "yes"); status != 418 || body != "aborted on purpose\n" {
			t.Errorf("aborted: %d %q", status, body)
		}
		if status, body := ask(t, c, addr, "all", "x-try", "no"); status != 200 || body != "all" || <-seen != "no" {
			t.Errorf("another: %d %q", status, body)
		}
		w.told(t, "it says why", func(d *Done) bool { return d.Aborted && d.Why == "aborted on purpose" && d.Endpoint == "" })
		w.told(t, "the other is not aborted", func(d *Done) bool { return !d.Aborted && d.Why == "" && d.Status == 200 })
	})
}

// A call waits as long as it is to, and is then answered as any, its body whole; what is told of it says so.
func TestFaultsDelay(t *testing.T) {
	const delay = 50 * time.Millisecond
	ways(t, `fault: {delay: {for: 50ms}}`, echo, func(t *testing.T, c *http.Client, addr string, _ *Server, w *watched) {
		long := strings.Repeat("x", 200_000)
		for _, body := range []string{"short", long} {
			began := time.Now()
			if status, got := ask(t, c, addr, body); status != 200 || got != body || time.Since(began) < delay {
				t.Errorf("%d, %d bytes of %d after %v", status, len(got), len(body), time.Since(began))
			}
		}
		w.told(t, "it says why", func(d *Done) bool {
			return d.Delayed == delay && d.Why == "delayed by 50ms on purpose" && d.Status == 200
		})
	})
}

// A delay ends with the call's time, and the server never sees the call; behind a delay there may be an abort.
func TestFaultsDelayAndEnd(t *testing.T) {
	h := func(http.ResponseWriter, *http.Request) { t.Error("the server has got it") }
	ways(t, `fault: {delay: {for: 1h}}, timeout: 20ms`, h, func(t *testing.T, c *http.Client, addr string, _ *Server, w *watched) {
		if status, _ := ask(t, c, addr, "all"); status != 504 {
			t.Errorf("status %d", status)
		}
		w.told(t, "it says why", func(d *Done) bool { return strings.HasPrefix(d.Why, "delayed by 1h0m0s on purpose; the ") })
	})
	ways(t, `fault: {delay: {for: 1ms}, abort: {grpc_status: 8}}`, h, func(t *testing.T, c *http.Client, addr string, _ *Server, w *watched) {
		if status, _ := ask(t, c, addr, "all"); status != 429 {
			t.Errorf("status %d", status)
		}
		w.told(t, "both", func(d *Done) bool { return d.Why == "delayed by 1ms on purpose; aborted on purpose" })
	})
}

// A client that leaves while its call is delayed ends it.
func TestClientsLeaveDelays(t *testing.T) {
	h := func(http.ResponseWriter, *http.Request) { t.Error("the server has got it") }
	ways(t, `fault: {delay: {for: 1h}}, timeout: 2h`, h, func(t *testing.T, c *http.Client, addr string, s *Server, w *watched) {
		ctx, cancel := context.WithCancel(t.Context())
		q, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/", nil)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if res, err := c.Do(q); err == nil {
				_ = res.Body.Close()
				t.Error("it was answered")
			}
		}()
		<-s.tracer.(come)
		cancel()
		<-ended
		w.told(t, "the call is over", func(d *Done) bool { return strings.HasPrefix(d.Why, "delayed by 1h0m0s on purpose; the client") })
	})
}

// come is told of calls that have come, and traces none.
type come chan struct{}

func (c come) Call(string, time.Time) Trace {
	select {
	case c <- struct{}{}:
	default:
	}
	return nil
}

func TestFaultsOfGRPC(t *testing.T) {
	_, server := grpcBackend(t, "127.0.0.1:0", &service{unary: func(context.Context) error { return nil }})
	addr, _, w := proxy(t, testSettings, fmt.Sprintf(`
clusters: {web: {protocol: http2, endpoints: [%q]}}
routes:
- {headers: {kind: code}, to: web, fault: {abort: {grpc_status: 9}}}
- {headers: {kind: both}, to: web, fault: {abort: {grpc_status: 10, status: 500}}}
- {headers: {kind: status}, to: web, fault: {abort: {status: 429}}}
- {headers: {kind: late}, to: web, fault: {delay: {for: 20ms}, abort: {grpc_status: 15}}}
- {headers: {kind: never}, to: web, fault: {delay: {for: 1h, percent: 0}, abort: {status: 500, percent: 0}}}
`, server))
	c := grpcClient(t, addr)
	for kind, want := range map[string]codes.Code{"code": codes.FailedPrecondition, "both": codes.Aborted, "status": codes.ResourceExhausted, "late": codes.DataLoss, "never": codes.OK} {
		_, err := c.EmptyCall(metadata.AppendToOutgoingContext(t.Context(), "kind", kind), &testgrpc.Empty{})
		if status.Code(err) != want {
			t.Errorf("%s: %v, want %v", kind, err, want)
		}
	}
	w.told(t, "the code is counted", func(d *Done) bool { return d.Code == "15" && d.Aborted && d.Delayed > 0 })
}

func TestFaultsOfBolt(t *testing.T) {
	server, _ := boltServer(t, bolttest.Echo)
	addr, _, w := proxy(t, testSettings, fmt.Sprintf(`
clusters: {stock: {protocol: bolt, endpoints: [%q]}}
routes:
- {headers: {kind: abort}, to: stock, timeout: 1m, fault: {abort: {status: 429}}}
- {headers: {kind: both}, to: stock, timeout: 1m, fault: {delay: {for: 20ms}, abort: {status: 404}}}
- {to: stock, timeout: 1m, fault: {delay: {for: 20ms}}}
`, server))
	a := askBolt(t, addr)
	kind := func(id uint32, kind string) bolttest.Message {
		m := stock(id)
		m.Header = bolttest.Map("sofa_head_target_service", "stock", "kind", kind)
		return m
	}
	a.send(kind(1, "abort"))
	a.expect(1, bolt.Busy)
	a.send(kind(2, "both"))
	a.expect(2, bolt.NoProcessor)
	began := time.Now()
	a.send(kind(3, "delay"))
	a.expect(3, bolt.Success)
	if time.Since(began) < 20*time.Millisecond {
		t.Errorf("answered after %v", time.Since(began))
	}
	w.told(t, "both", func(d *Done) bool { return d.Aborted && d.Delayed > 0 && d.Status == 404 })
}
