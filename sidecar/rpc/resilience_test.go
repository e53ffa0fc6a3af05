package rpc

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// tallied is a server that counts its calls, and what their bodies were.
type tallied struct {
	addr   string
	calls  atomic.Int64
	mu     sync.Mutex
	bodies []string
}

func count(t *testing.T, h http.HandlerFunc) *tallied { t.Helper(); return countAt(t, backend, h) }

func countAt(t *testing.T, listen func(*testing.T, http.HandlerFunc) string, h http.HandlerFunc) *tallied {
	t.Helper()
	c := &tallied{}
	c.addr = listen(t, func(w http.ResponseWriter, r *http.Request) {
		c.calls.Add(1)
		body, _ := io.ReadAll(r.Body)
		c.mu.Lock()
		c.bodies = append(c.bodies, string(body))
		c.mu.Unlock()
		h(w, r)
	})
	return c
}

// retrying is a document with one route that says so of retries, and a budget that is no bound.
func retrying(retry string, addrs ...string) string {
	return fmt.Sprintf("clusters: {web: {connect_timeout: 60s, endpoints: [%s], retry_budget: {percent: 100}}}\nroutes: [{to: web, timeout: 60s, retry: {backoff: 1ns, %s}}]\n",
		`"`+strings.Join(addrs, `", "`)+`"`, retry)
}

func send(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	q, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(q)
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

func TestRetries(t *testing.T) {
	good := count(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "good") })
	unwell := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, strings.Repeat("no ", 10_000), status) }
	}
	broken := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	silent := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for _, c := range []struct {
		what, retry string
		bad         http.HandlerFunc
		method      string
		status      int // of the call that begins at the bad server; 0: it is answered by the good one
	}{
		{"503", "", unwell(503), "GET", 0},
		{"503 to a call that changes something", "", unwell(503), "PUT", 0},
		{"500, which the route does not name", "", unwell(500), "GET", 500},
		{"500, which it names", "when: [500]", unwell(500), "GET", 0},
		{"503, where it names another", "when: [reset]", unwell(503), "GET", 503},
		{"POST may not be repeated", "", unwell(503), "POST", 503},
		{"but where the route says so", "methods: [POST]", unwell(503), "POST", 0},
		{"a connection that breaks", "", broken, "DELETE", 0},
		{"and where it is not named", "when: [503]", broken, "DELETE", 502},
		{"no answer in time", "when: [timeout], per_try_timeout: 2s, attempts: 5", silent, "GET", 0},
	} {
		t.Run(c.what, func(t *testing.T) {
			bad := count(t, c.bad)
			addr, _, _ := proxy(t, testSettings, retrying(c.retry, bad.addr, good.addr))
			body := ""
			if c.method != "GET" {
				body = "all of it"
			}
			wrong, began := 0, int64(2) // at the bad server: each try takes its turn
			if c.status != 0 {
				began = 1
			}
			for range 2 {
				if status, got := send(t, c.method, "http://"+addr+"/", body); status != 200 || got != "good" {
					if wrong++; status != c.status {
						t.Errorf("%d %q", status, got)
					}
				}
			}
			came := bad.calls.Load()
			if strings.Contains(c.retry, "per_try") {
				came = min(came, began) // on a busy machine the good server may be late, too
			}
			if wrong != min(c.status, 1) || came != began {
				t.Errorf("%d of 2 calls failed; %d came to the bad server", wrong, bad.calls.Load())
			}
			good.mu.Lock()
			defer good.mu.Unlock()
			if last := good.bodies[len(good.bodies)-1]; last != body {
				t.Errorf("the good server got the body %q", last)
			}
		})
	}
}

// What does not wait as a whole cannot be sent again; the answer is passed on.
func TestLongBodiesAreSentOnce(t *testing.T) {
	bad := count(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	addr, _, _ := proxy(t, testSettings, retrying("attempts: 3", bad.addr))
	if status, _ := send(t, "PUT", "http://"+addr+"/", strings.Repeat("x", 1<<20)); status != 503 || bad.calls.Load() != 1 {
		t.Errorf("status %d after %d calls", status, bad.calls.Load())
	}
	if status, _ := send(t, "PUT", "http://"+addr+"/", "short"); status != 503 || bad.calls.Load() != 5 || bad.bodies[4] != "short" {
		t.Errorf("status %d after %d calls", status, bad.calls.Load())
	}
}

// A server that fails every call gets no more than a quarter more than it is offered, however often a call may be tried again.
func TestRetriesHaveABudget(t *testing.T) {
	for _, fails := range []http.HandlerFunc{
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
		func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		bad := count(t, fails)
		addr, _, _ := proxy(t, testSettings, fmt.Sprintf(`
clusters: {web: {endpoints: [%q], retry_budget: {per_second: 0}}}
routes: [{to: web, retry: {attempts: 10, backoff: 1ns}}]`, bad.addr))
		const offered = 400
		var clients sync.WaitGroup
		for range 4 {
			clients.Go(func() {
				for range offered / 4 {
					if res, err := http.Get("http://" + addr + "/"); err != nil || res.StatusCode/100 != 5 {
						t.Errorf("%v, %v", res, err)
					} else {
						_ = res.Body.Close()
					}
				}
			})
		}
		clients.Wait()
		if got := bad.calls.Load(); got <= offered || got > offered*5/4 {
			t.Errorf("%d calls came of %d", got, offered)
		}
	}
}

func TestLimits(t *testing.T) {
	good := backend(t, func(http.ResponseWriter, *http.Request) {})
	document := func(rate string) string {
		return fmt.Sprintf("clusters: {web: {endpoints: [%q]}}\nroutes: [{name: all, to: web, limits: [{by: \"header:X-Key\", %s}, {by: client, rate: 0.001, burst: 5}]}]", good, rate)
	}
	addr, srv, _ := proxy(t, testSettings, document("rate: 0.01, burst: 2"))
	call := func(key string) *http.Response {
		q, _ := http.NewRequest(http.MethodGet, "http://"+addr+"/", nil)
		if key != "" {
			q.Header.Set("X-Key", key)
		}
		res, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res
	}
	want := func(what, key string, status int) {
		t.Helper()
		if res := call(key); res.StatusCode != status {
			t.Errorf("%s: %d", what, res.StatusCode)
		}
	}
	want("the first of a", "a", 200)
	want("the second of a", "a", 200)
	res := call("a")
	if after, err := strconv.Atoi(res.Header.Get("Retry-After")); res.StatusCode != 429 || err != nil || after < 1 || after > 100 {
		t.Errorf("the third of a: %d, again after %d s, %v", res.StatusCode, after, err)
	}
	want("the first of b", "b", 200)
	if err := srv.Adopt(table(t, document("rate: 0.01, burst: 2"))); err != nil {
		t.Fatal(err)
	}
	want("a, when the same limits are read again", "a", 429)
	if err := srv.Adopt(table(t, document("rate: 0.01, burst: 1"))); err != nil {
		t.Fatal(err)
	}
	want("a, when it has another limit", "a", 200)
	want("the fifth without a key", "", 200)
	want("the sixth of the address", "", 429)
}

// Limits are a route's own, whatever another one is called.
func TestLimitsOfRoutesWithOneName(t *testing.T) {
	twice := route.Compile(&route.Document{Routes: []*route.Rule{
		{Name: "2", To: route.Target{{Cluster: "web", Weight: 1}}, Limits: []route.Limit{{By: "route", Rate: 1}}},
		{To: route.Target{{Cluster: "web", Weight: 1}}, Limits: []route.Limit{{By: "client", Rate: 2}}},
	}})
	r := governed(twice, nil)
	for again := range 2 {
		for i, of := range twice.Routes() {
			if of.Name != "2" || len(r.limits[of]) != 1 || r.limits[of][0].by != of.Limits[0].By {
				t.Errorf("the route %d has the limits %v", i+1, r.limits[of])
			}
		}
		if again == 0 {
			r = governed(twice, r)
		}
	}
}

func TestACallerWithoutTimeIsRefused(t *testing.T) {
	good := count(t, func(http.ResponseWriter, *http.Request) {})
	addr, _, w := proxy(t, testSettings, fmt.Sprintf("clusters: {web: {endpoints: [%q]}}\nroutes: [{to: web, timeout: 20m, least_time: 10m}]", good.addr))
	got := say(t, addr, "GET / HTTP/1.1\r\nhost: x\r\n"+TimeoutHeader+": 599999\r\n\r\n") // nobody waits so long for it
	if !strings.HasPrefix(got, "HTTP/1.1 504 ") || good.calls.Load() != 0 {
		t.Errorf("without time enough: %q, %d calls came", got, good.calls.Load())
	}
	if got := say(t, addr, "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("with time enough: %q, %+v", got, w.last(t))
	}
}

// Calls with the same field go to the same server, and no other where it is shared by all.
func TestCallsOfAKeyStayTogether(t *testing.T) {
	var addrs []string
	for i := range 4 {
		addrs = append(addrs, backend(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strconv.Itoa(i)) }))
	}
	for _, policy := range []string{"policy: maglev", "policy: zone_first, properties: {zone: south, then: ring_hash}"} {
		t.Run(policy, func(t *testing.T) {
			addr, _, _ := proxy(t, testSettings, fmt.Sprintf(`
clusters: {web: {endpoints: [%s], balance: {%s, by: "header:X-User"}}}
routes: [{to: web}]`, `"`+strings.Join(addrs, `", "`)+`"`, policy))
			usersStay(t, addr)
		})
	}
}

func usersStay(t *testing.T, addr string) {
	t.Helper()
	seen := map[string]bool{}
	for user := range 40 {
		first := ""
		for range 3 {
			got := say(t, addr, fmt.Sprintf("GET / HTTP/1.1\r\nhost: x\r\nx-user: u%d\r\nconnection: close\r\n\r\n", user))
			server := got[len(got)-1:]
			if first == "" {
				first = server
			}
			if server != first {
				t.Fatalf("user %d is answered by %s and by %s", user, first, server)
			}
		}
		seen[first] = true
	}
	if len(seen) < 2 { // by chance of one in 4^39
		t.Errorf("all users are answered by %v", seen)
	}
}

// Calls are tried again whatever protocols are on the way; between two of the same protocol with their bodies.
func TestRetriesBetweenProtocols(t *testing.T) {
	const late = "no answer in time"
	long := strings.Repeat("long ", 200) // comes with its head
	for client, c := range map[string]*http.Client{"HTTP/1": http.DefaultClient, "HTTP/2": client2(t)} {
		for server, listen := range map[string]func(*testing.T, http.HandlerFunc) string{
			"HTTP/1": backend, "HTTP/2": func(t *testing.T, h http.HandlerFunc) string { addr, _ := backend2(t, h); return addr },
		} {
			for what, bad := range map[string]http.HandlerFunc{
				"503":                 func(w http.ResponseWriter, _ *http.Request) { http.Error(w, strings.Repeat("no ", 10_000), 503) },
				"a broken connection": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
				late:                  func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			} {
				t.Run(client+" to "+server+", "+what, func(t *testing.T) {
					t.Parallel()
					unwell := countAt(t, listen, bad)
					good := countAt(t, listen, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "good") })
					retry := "when: [503, reset], methods: [GET, POST]"
					if what == late {
						retry = "when: [timeout], methods: [GET, POST], per_try_timeout: 2s, attempts: 5"
					}
					document := retrying(retry, unwell.addr, good.addr)
					protocol := strings.ToLower(strings.Replace(server, "/", "", 1))
					addr, _, _ := proxy(t, testSettings, strings.Replace(document, "web: {", "web: {protocol: "+protocol+", ", 1))
					bodies := []string{"", ""}
					if client == server {
						bodies = append(bodies, long, long)
					}
					for _, body := range bodies {
						method := http.MethodGet
						if body != "" {
							method = http.MethodPost
						}
						q, err := http.NewRequest(method, "http://"+addr+"/", strings.NewReader(body))
						if err != nil {
							t.Fatal(err)
						}
						res, err := c.Do(q)
						if err != nil {
							t.Fatal(err)
						}
						got, err := io.ReadAll(res.Body)
						_ = res.Body.Close()
						if err != nil || res.StatusCode != 200 || string(got) != "good" {
							t.Errorf("%s of %d bytes: %d %.20q, %v", method, len(body), res.StatusCode, got, err)
						}
					}
					if n := unwell.calls.Load(); n == 0 {
						t.Error("no call came to the bad server")
					}
					good.mu.Lock()
					defer good.mu.Unlock()
					if what == late { // on a busy machine the good server may be late, too
						good.bodies, bodies = slices.Compact(good.bodies), slices.Compact(bodies)
					}
					if !slices.Equal(good.bodies, bodies) {
						t.Errorf("the good server got %d bodies: %.20q", len(good.bodies), good.bodies)
					}
				})
			}
		}
	}
}

// A body that is longer than what is kept is sent once, and the client may send all of it.
func TestLongBodiesAreSentOnceByHTTP2(t *testing.T) {
	addr2, _ := backend2(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		w.WriteHeader(503)
		fmt.Fprint(w, n)
	})
	addr, _, _ := proxy(t, testSettings, strings.Replace(retrying("methods: [POST], attempts: 3", addr2), "web: {", "web: {protocol: http2, ", 1))
	res, err := client2(t).Post("http://"+addr+"/", "text/plain", strings.NewReader(strings.Repeat("x", 1<<20)))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got, err := io.ReadAll(res.Body); err != nil || res.StatusCode != 503 || string(got) != strconv.Itoa(1<<20) {
		t.Errorf("%d %q, %v", res.StatusCode, got, err)
	}
}

// A server that has calls come later speaks against itself no more where they are tried again elsewhere than where the caller is told.
func TestRetriesUponTooManyRequests(t *testing.T) {
	eachHedged(t, false, func(t *testing.T, c *http.Client, serve func(h http.HandlerFunc) string, cluster string) {
		var busy atomic.Int64
		bad := serve(func(w http.ResponseWriter, _ *http.Request) {
			busy.Add(1)
			w.WriteHeader(http.StatusTooManyRequests)
		})
		good := serve(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "good") })
		addr, srv, _ := proxy(t, testSettings, fmt.Sprintf("clusters: {web: {%s, endpoints: [%q, %q], health: {eject: {failures: 1, for: 1h, longest: 1h}}}}\nroutes: [{to: web, retry: {when: [429], backoff: 1ns}}]\n", cluster, bad, good))
		const calls = 4
		for range calls {
			res, err := c.Get("http://" + addr + "/")
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if err != nil || string(got) != "good" {
				t.Errorf("%d %q, %v", res.StatusCode, got, err)
			}
		}
		if v := srv.Clusters()["web"].Views()[0]; v.State != "up" || busy.Load() != calls { // each try takes its turn
			t.Errorf("after %d calls the server is %+v", busy.Load(), v)
		}
	})
}
