package rpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// client2 speaks HTTP/2 only, by prior knowledge.
func client2(t *testing.T) *http.Client {
	t.Helper()
	p := &http.Protocols{}
	p.SetUnencryptedHTTP2(true)
	tr := &http.Transport{Protocols: p}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: time.Minute}
}

// backend2 is a server of HTTP/2; new counts its connections.
func backend2(t *testing.T, h http.HandlerFunc) (addr string, conns *atomic.Int64) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = &http.Protocols{}
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	conns = &atomic.Int64{}
	s.Config.ConnState = func(_ net.Conn, st http.ConnState) {
		if st == http.StateNew {
			conns.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), conns
}

// to2 is a document that has all calls go to a server of HTTP/2.
func to2(addr string) string {
	return fmt.Sprintf("clusters: {web: {protocol: http2, connect_timeout: 60s, endpoints: [%q]}}\nroutes: [{to: web, timeout: 60s}]\n", addr)
}

// pairs runs a test with each protocol of a client, and each of a server, as far as the pair's name begins so.
func pairs(t *testing.T, names string, h http.HandlerFunc, test func(t *testing.T, client *http.Client, addr string, w *watched)) {
	for _, name := range []string{"2 to 1", "2 to 2", "1 to 2"} {
		if !strings.HasPrefix(name, names) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			document := ""
			if strings.HasSuffix(name, "2") {
				addr, _ := backend2(t, h)
				document = to2(addr)
			} else {
				document = to(backend(t, h))
			}
			client := client2(t)
			if strings.HasPrefix(name, "1") {
				client = &http.Client{Timeout: time.Minute}
			}
			addr, _, w := proxy(t, testSettings, document)
			test(t, client, addr, w)
		})
	}
}

func TestBodiesBetweenProtocols(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		w.Header().Set("X-Length", fmt.Sprint(r.ContentLength))
		w.Header().Set("X-Trailer-Got", r.Trailer.Get("X-Sum"))
		if r.URL.Query().Get("open") == "" {
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		} else {
			w.Header().Set("Trailer", "X-Behind")
		}
		for len(body) > 0 {
			n := min(len(body), 1000)
			_, _ = w.Write(body[:n])
			body = body[n:]
		}
		w.Header().Set("X-Behind", "it is over")
	}
	pairs(t, "", echo, func(t *testing.T, client *http.Client, addr string, w *watched) {
		for _, size := range []int{0, 1, 100, 16 << 10, 16<<10 + 1, 100_000, 1 << 20} {
			for _, query := range []string{"", "?open=1"} {
				for _, open := range []bool{false, true} {
					body := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
					r, _ := http.NewRequest("POST", "http://"+addr+"/echo"+query, bytes.NewReader(body))
					if open {
						r.Body, r.ContentLength = io.NopCloser(io.MultiReader(bytes.NewReader(body))), -1
						r.Trailer = http.Header{"X-Sum": {"17"}}
					}
					res, err := client.Do(r)
					if err != nil {
						t.Fatalf("%d bytes, open %v: %v", size, open, err)
					}
					got, err := io.ReadAll(res.Body)
					_ = res.Body.Close()
					if err != nil || !bytes.Equal(got, body) {
						t.Errorf("%d bytes, %q, open %v: %d came back, %v", size, query, open, len(got), err)
					}
					if sized := res.Header.Get("X-Length") != "-1"; sized == open && size > 0 {
						t.Errorf("%d bytes, open %v: the server saw the length %s", size, open, res.Header.Get("X-Length"))
					}
					if got := res.Header.Get("X-Trailer-Got"); open && got != "17" {
						t.Errorf("%d bytes: the server saw the trailer %q", size, got)
					}
					if got := res.Trailer.Get("X-Behind"); query != "" && got != "it is over" {
						t.Errorf("%d bytes: the client saw the trailer %q", size, got)
					}
				}
			}
		}
		if d := w.last(t); d.Status != 200 || d.Route != "1" || d.Cluster != "web" || d.Method != "POST" || d.Path != "/echo" {
			t.Errorf("told %+v", d)
		}
	})
}

func TestManyCallsAtOnce(t *testing.T) {
	pairs(t, "", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s", r.URL.Path, body)
	}, func(t *testing.T, client *http.Client, addr string, _ *watched) {
		var callers sync.WaitGroup
		for i := range 16 {
			callers.Go(func() {
				for j := range 20 {
					res, err := client.Post(fmt.Sprintf("http://%s/%d/%d", addr, i, j), "text/plain", strings.NewReader(strings.Repeat("x", i*j)))
					if err != nil {
						t.Error(err)
						return
					}
					got, err := io.ReadAll(res.Body)
					_ = res.Body.Close()
					if want := fmt.Sprintf("/%d/%d %s", i, j, strings.Repeat("x", i*j)); err != nil || string(got) != want {
						t.Errorf("call %d of %d was answered %q, %v", j, i, got, err)
					}
				}
			})
		}
		callers.Wait()
	})
}

func TestStreamsShareConnections(t *testing.T) {
	all := make(chan struct{})
	var n atomic.Int64
	addr2, conns := backend2(t, func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 50 {
			close(all)
		}
		<-all // no call ends before all have begun
	})
	addr, srv, _ := proxy(t, testSettings, to2(addr2))
	var callers sync.WaitGroup
	for range 50 {
		client := client2(t) // each has a connection
		callers.Go(func() {
			res, err := client.Get("http://" + addr + "/")
			if err != nil || res.StatusCode != 200 {
				t.Error(res, err)
			}
		})
	}
	callers.Wait()
	if open, _ := srv.Clusters()["web"].Endpoints[0].Connections(); conns.Load() != 1 || open != 1 {
		t.Errorf("50 calls at once took %d connections, %d are open", conns.Load(), open)
	}
}

func TestFieldsBetweenProtocols(t *testing.T) {
	seen := make(chan *http.Request, 1)
	pairs(t, "", func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Clone(context.Background())
		w.Header().Set("X-Own", "y")
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		w.WriteHeader(201)
	}, func(t *testing.T, client *http.Client, addr string, _ *watched) {
		r, _ := http.NewRequest("GET", "http://"+addr+"/a%2fb?q=1", nil)
		r.Host = "shop.example:80"
		r.Header = http.Header{"X-Forwarded-For": {"10.0.0.1"}, "X-Keep": {"1", "2"}, "Cookie": {"c=3; d=4"}, "Te": {"trailers"}}
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		got := <-seen
		want := map[string]string{"X-Keep": "1|2", "X-Forwarded-For": "10.0.0.1, 127.0.0.1", "X-Forwarded-Proto": "http", "Te": "", "Cookie": "c=3; d=4"}
		for name, value := range want {
			if has := strings.Join(got.Header.Values(name), "|"); has != value {
				t.Errorf("the server got %s: %q, want %q", name, has, value)
			}
		}
		if got.RequestURI != "/a%2fb?q=1" || got.Host != "shop.example:80" {
			t.Errorf("the server was asked for %s of %s", got.RequestURI, got.Host)
		}
		var left int
		if _, err := fmt.Sscan(got.Header.Get(TimeoutHeader), &left); err != nil || left > 60_000 || left < 1 {
			t.Errorf("the server may take %q ms", got.Header.Get(TimeoutHeader))
		}
		if res.StatusCode != 201 || res.Header.Get("X-Own") != "y" || len(res.Header.Values("Set-Cookie")) != 2 {
			t.Errorf("answered %d %v", res.StatusCode, res.Header)
		}
	})
}

func TestTimeIsOverBetweenProtocols(t *testing.T) {
	pairs(t, "", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, func(t *testing.T, client *http.Client, addr string, w *watched) {
		calls := 0
		inTime(t, func(ms int) string {
			r, _ := http.NewRequest("GET", "http://"+addr+"/", nil)
			r.Header.Set(TimeoutHeader, strconv.Itoa(ms))
			res, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, _ := io.ReadAll(res.Body)
			calls++
			if d := w.nth(t, calls); res.StatusCode != 504 || d.Status != 504 || d.Why+"\n" != string(body) {
				t.Errorf("answered %d %q, told %+v", res.StatusCode, body, d)
			}
			return string(body)
		})
	})
}

// What a client gives up is given up by its server too.
func TestAClientThatGivesUp(t *testing.T) {
	begun, ended := make(chan struct{}, 1), make(chan struct{}, 1)
	pairs(t, "", func(w http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		<-r.Context().Done()
		ended <- struct{}{}
	}, func(t *testing.T, client *http.Client, addr string, _ *watched) {
		ctx, cancel := context.WithCancel(t.Context())
		r, _ := http.NewRequestWithContext(ctx, "GET", "http://"+addr+"/", nil)
		failed := make(chan error)
		go func() { _, err := client.Do(r); failed <- err }()
		<-begun
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		<-ended
	})
}

// A body that nobody takes makes its sender wait, and no other call. How much is taken before that is the sockets' to say, and the client's own.
func TestBackPressure(t *testing.T) {
	const most = 256 << 20 // more than all of these hold
	var taken, enough chan struct{}
	var sent atomic.Int64
	pairs(t, "", func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			<-taken
			n, _ := io.Copy(io.Discard, r.Body)
			_, _ = fmt.Fprint(w, n)
		case "/long":
			for p := make([]byte, 1<<10); !closed(enough); {
				if _, err := w.Write(p); err != nil {
					return
				}
				sent.Add(int64(len(p)))
			}
		}
	}, func(t *testing.T, client *http.Client, addr string, _ *watched) {
		taken, enough = make(chan struct{}), make(chan struct{})
		t.Cleanup(func() { // where it fails
			for _, c := range []chan struct{}{enough, taken} {
				if !closed(c) {
					close(c)
				}
			}
		})
		sent.Store(0)
		read := &endless{enough: enough}
		answer := make(chan string)
		go func() {
			res, err := client.Post("http://"+addr+"/slow", "text/plain", read)
			if err != nil {
				answer <- err.Error()
				return
			}
			got, _ := io.ReadAll(res.Body)
			_ = res.Body.Close()
			answer <- string(got)
		}()
		res, err := client.Get("http://" + addr + "/long")
		if err != nil {
			t.Fatal(err)
		}
		for last, same := int64(-1), 0; same < 10; same++ { // until both stand still
			now := sent.Load() + read.n.Load()
			if now > most {
				t.Fatalf("%d and %d bytes went to those who take none", sent.Load(), read.n.Load())
			}
			if now != last || read.n.Load() == 0 {
				last, same = now, 0
			}
			for range 3 {
				other, err := client.Get("http://" + addr + "/other")
				if err != nil || other.StatusCode != 200 {
					t.Fatal(other, err)
				}
				_ = other.Body.Close()
			}
		}
		close(enough)
		got, err := io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if got != sent.Load() || err != nil {
			t.Errorf("%d of %d bytes of the long answer, %v", got, sent.Load(), err)
		}
		close(taken)
		if got := <-answer; got != fmt.Sprint(read.n.Load()) {
			t.Errorf("the slow server took %s of %d bytes", got, read.n.Load())
		}
	})
}

// endless is bytes until it is enough, and how many were read of them.
type endless struct {
	enough chan struct{}
	n      atomic.Int64
}

func (e *endless) Read(p []byte) (int, error) {
	if closed(e.enough) {
		return 0, io.EOF
	}
	clear(p)
	e.n.Add(int64(len(p)))
	return len(p), nil
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestDrain2(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	server, _ := backend2(t, func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-release
		_, _ = io.WriteString(w, "done")
	})
	addr, srv, w := proxy(t, testSettings, to2(server))
	client := client2(t)
	answer := make(chan string)
	go func() {
		res, err := client.Get("http://" + addr + "/")
		if err != nil {
			answer <- err.Error()
			return
		}
		got, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		answer <- string(got)
	}()
	<-begun
	ended := make(chan error)
	go func() { ended <- srv.Shutdown(context.Background()) }()
	for down := false; !down; { // it listens no more
		c, err := net.Dial("tcp", addr)
		if down = err != nil; !down {
			_ = c.Close()
		}
		runtime.Gosched()
	}
	close(release)
	if got := <-answer; got != "done" {
		t.Errorf("the call under way was answered %q", got)
	}
	if err := <-ended; err != nil || w.conns.Load() != 0 {
		t.Errorf("%v, and %d connections are left", err, w.conns.Load())
	}
}
