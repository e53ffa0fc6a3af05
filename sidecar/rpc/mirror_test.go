package rpc

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
)

// copied is what a server got of a call.
type copied struct{ what, body, marked, team string }

func taken(all chan<- copied) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		all <- copied{r.Method + " " + r.Host + r.URL.String(), string(body), r.Header.Get(MirrorHeader), r.Header.Get("x-team")}
		_, _ = io.WriteString(w, "a copy's answer")
	}
}

// mirroring runs a test for all pairs of protocols, and all of the cluster that gets the copies. first is the cluster web's endpoint.
func mirroring(t *testing.T, more string, first, second http.HandlerFunc, test func(t *testing.T, c *http.Client, addr string, w *watched)) {
	for _, protocol := range []string{"http1", "http2"} {
		shadow := ""
		if protocol == "http2" {
			shadow, _ = backend2(t, second)
		} else {
			shadow = backend(t, second)
		}
		for _, name := range []string{"1 to http1", "1 to http2", "2 to http1", "2 to http2"} {
			t.Run(name+" beside "+protocol, func(t *testing.T) {
				web := ""
				if strings.HasSuffix(name, "http2") {
					web, _ = backend2(t, first)
				} else {
					web = backend(t, first)
				}
				client := &http.Client{Timeout: time.Minute}
				if strings.HasPrefix(name, "2") {
					client = client2(t)
				}
				settings := testSettings
				settings.Silence, settings.HeadTimeout, settings.MaxConnections = time.Minute, time.Minute, 1000
				addr, _, w := proxy(t, settings, fmt.Sprintf(`
clusters: {web: {protocol: %s, endpoints: [%q]}, shadow: {protocol: %s, endpoints: [%q]}}
routes: [{to: web, timeout: 1m, request_headers: {set: {x-team: checkout}}, mirror: {cluster: shadow, %s}}]
`, name[5:], web, protocol, shadow, more))
				test(t, client, addr, w)
			})
		}
	}
}

// A copy is what the server gets, but for a mark; its answer is nobody's. A call that is a copy has none.
func TestMirrors(t *testing.T) {
	got := make(chan copied, 10)
	mirroring(t, "max_body: 300000", echo, taken(got), func(t *testing.T, c *http.Client, addr string, w *watched) {
		for _, body := range []string{"", "short", strings.Repeat("long ", 50_000)} {
			if status, answer := ask(t, c, addr, body); status != 200 || answer != body {
				t.Fatalf("%d, %d bytes of %d", status, len(answer), len(body))
			}
			if is, want := <-got, (copied{"POST " + addr + "/", body, "1", "checkout"}); is != want {
				t.Errorf("the copy of a call with %d bytes is %.60v with %d", len(body), is, len(is.body))
			}
		}
		if status, _ := ask(t, c, addr, "x", MirrorHeader, "1"); status != 200 {
			t.Errorf("status %d", status)
		}
		eventually(t, "they are counted", func() bool { return w.mirrored(MirrorAnswered) == 3 })
		if len(got) > 0 {
			t.Errorf("a copy has been copied: %v", <-got)
		}
	})
}

// Chunks that a client of HTTP/1 sends are the copy's body without what is around them.
func TestMirrorsOfChunks(t *testing.T) {
	got := make(chan copied, 10)
	mirroring(t, "percent: 100", echo, taken(got), func(t *testing.T, c *http.Client, addr string, _ *watched) {
		r, w := io.Pipe()
		go func() {
			for _, part := range []string{"a", "bc", "def"} {
				_, _ = io.WriteString(w, part)
			}
			_ = w.Close()
		}()
		res, err := c.Post("http://"+addr+"/", "text/plain", r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if is := <-got; string(body) != "abcdef" || is.body != "abcdef" {
			t.Errorf("%q is answered, and the copy is %q", body, is.body)
		}
	})
}

// Bodies are bounded: a call with a longer one is answered as any, and has no copy.
func TestMirrorsAreBounded(t *testing.T) {
	mirroring(t, "max_body: 1000", echo, func(http.ResponseWriter, *http.Request) { t.Error("there is a copy") }, func(t *testing.T, c *http.Client, addr string, w *watched) {
		body := strings.Repeat("x", 50_000)
		if status, answer := ask(t, c, addr, body); status != 200 || answer != body {
			t.Errorf("%d, %d bytes of %d", status, len(answer), len(body))
		}
		eventually(t, "it is counted", func() bool { return w.mirrored(MirrorTooLong) == 1 })
	})
}

// A cluster that hangs has so many copies at most, and no call waits for it: each of these has its answer before any copy has.
func TestMirrorsThatHang(t *testing.T) {
	second := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}
	mirroring(t, "", echo, second, func(t *testing.T, c *http.Client, addr string, w *watched) {
		for range mostMirrors + 7 {
			if status, answer := ask(t, c, addr, "x"); status != 200 || answer != "x" {
				t.Fatalf("%d %q", status, answer)
			}
		}
		eventually(t, "those beyond are counted", func() bool { return w.mirrored(MirrorDropped) == 7 })
		if w.mirrored(MirrorAnswered)+w.mirrored(MirrorFailed) > 0 {
			t.Error("a copy is over")
		}
	})
}

// Copies that fail, or that nobody can be reached for, change no answer.
func TestMirrorsThatFail(t *testing.T) {
	mirroring(t, "", echo, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", 500) }, func(t *testing.T, c *http.Client, addr string, w *watched) {
		if status, answer := ask(t, c, addr, "x"); status != 200 || answer != "x" {
			t.Errorf("%d %q", status, answer)
		}
		eventually(t, "it is counted", func() bool { return w.mirrored(MirrorFailed) == 1 })
	})
	addr, _, w := proxy(t, testSettings, fmt.Sprintf("clusters: {web: {endpoints: [%q]}, shadow: {endpoints: [\"127.0.0.1:1\"]}}\nroutes: [{to: web, mirror: {cluster: shadow}}]\n", backend(t, echo)))
	if status, answer := ask(t, http.DefaultClient, addr, "x"); status != 200 || answer != "x" {
		t.Errorf("%d %q", status, answer)
	}
	eventually(t, "it is counted", func() bool { return w.mirrored(MirrorFailed) == 1 })
}

func TestMirrorsOfGRPC(t *testing.T) {
	marks := make(chan []string, 10)
	_, first := grpcBackend(t, "127.0.0.1:0", &service{unary: func(context.Context) error { return nil }})
	_, second := grpcBackend(t, "127.0.0.1:0", &service{unary: func(ctx context.Context) error {
		md, _ := metadata.FromIncomingContext(ctx)
		marks <- md.Get(MirrorHeader)
		return nil
	}})
	addr, _, w := proxy(t, testSettings, fmt.Sprintf(`
clusters: {web: {protocol: http2, endpoints: [%q]}, shadow: {protocol: http2, endpoints: [%q]}}
routes: [{to: web, mirror: {cluster: shadow}}]
`, first, second))
	if _, err := grpcClient(t, addr).EmptyCall(t.Context(), &testgrpc.Empty{}); err != nil {
		t.Fatal(err)
	}
	if got := <-marks; len(got) != 1 || got[0] != "1" {
		t.Errorf("the copy is marked %q", got)
	}
	eventually(t, "it is counted", func() bool { return w.mirrored(MirrorAnswered) == 1 })
}
