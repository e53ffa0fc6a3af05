package rpc

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/internal/certs"
	"github.com/heddle-mesh/heddle/internal/certs/certstest"
	"github.com/heddle-mesh/heddle/sidecar/rpc/secure"
)

// listening is the TLS of a proxy at 127.0.0.1.
func listening(t *testing.T, a *certstest.Authority, strict bool) *tls.Config {
	t.Helper()
	cert, key := a.Issue(t, "proxy", certstest.Leaf{Name: "127.0.0.1", URI: "spiffe://mesh/proxy"})
	c, err := secure.Listener([]string{cert}, []string{key}, a.File, strict, &secure.Tickets{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// callerAs is a client whose certificate has that URI; "": none.
func callerAs(t *testing.T, a *certstest.Authority, uri string) *http.Client {
	t.Helper()
	roots, err := certs.Authorities(a.File)
	if err != nil {
		t.Fatal(err)
	}
	c := &tls.Config{RootCAs: roots}
	if uri != "" {
		cert, key := a.Issue(t, "caller"+strings.NewReplacer(":", "-", "/", "-").Replace(uri), certstest.Leaf{URI: uri})
		if c.Certificates, err = certs.Pairs([]string{cert}, []string{key}); err != nil {
			t.Fatal(err)
		}
	}
	tr := &http.Transport{TLSClientConfig: c}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: time.Minute}
}

func fetch(t *testing.T, c *http.Client, url string, set ...string) (int, string) {
	t.Helper()
	q, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(set); i += 2 {
		q.Header.Set(set[i], set[i+1])
	}
	r, err := c.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("not within a minute: " + what)
		}
	}
}

// who answers with what a server is told of a call's client.
func who(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "%s %q", r.Header.Get("x-forwarded-proto"), r.Header["X-Forwarded-Client-Cert"])
}

func TestOnePortForBoth(t *testing.T) {
	a := certstest.New(t)
	settings := testSettings
	settings.TLS = listening(t, a, false)
	addr, s, w := proxy(t, settings, to(backend(t, who)))
	shop := callerAs(t, a, "spiffe://mesh/ns/shop")
	for _, c := range []struct {
		client     *http.Client
		url, wants string
	}{
		{shop, "https://", `https ["URI=spiffe://mesh/ns/shop"]`},
		{callerAs(t, a, "spiffe://mesh/a;b,c"), "https://", `https ["URI=\"spiffe://mesh/a;b,c\""]`},
		{callerAs(t, a, ""), "https://", `https []`},
		{callerAs(t, a, ""), "http://", `http []`},
	} {
		for range 2 { // the second on the same connection
			if status, text := fetch(t, c.client, c.url+addr, "x-forwarded-client-cert", "URI=spiffe://mesh/forged"); status != 200 || text != c.wants {
				t.Errorf("%s: %d %s, want %s", c.url, status, text, c.wants)
			}
		}
	}
	w.told(t, "a call with its identity", func(d *Done) bool { return d.Identity == "spiffe://mesh/ns/shop" })
	w.told(t, "a call without an identity", func(d *Done) bool { return d.Identity == "" })
	strict := settings
	strict.Strict, strict.TLS = true, listening(t, a, true)
	kept := dial(t, addr)
	if _, err := io.WriteString(kept, "GET / HTTP/1.1\r\nhost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if r, err := http.ReadResponse(bufio.NewReader(kept), nil); err != nil || r.StatusCode != 200 {
		t.Fatalf("a plain call: %v, %v", r, err)
	}
	s.Set(strict)
	if _, err := io.Copy(io.Discard, kept); err != nil {
		t.Errorf("a plain connection is not ended when there is TLS only: %v", err)
	}
	if status, text := fetch(t, callerAs(t, a, ""), "http://"+addr); status != http.StatusForbidden || !strings.Contains(text, "by TLS") {
		t.Errorf("a plain call where there is TLS only: %d %s", status, text)
	}
	if _, err := callerAs(t, a, "").Get("https://" + addr); err == nil {
		t.Error("a client without a certificate is let in")
	}
	eventually(t, "one handshake is told to have failed", func() bool { return w.lost.Load() == 1 }) // whose client knew it earlier
	if status, text := fetch(t, shop, "https://"+addr); status != 200 || text != `https ["URI=spiffe://mesh/ns/shop"]` {
		t.Errorf("a client with a certificate: %d %s", status, text)
	}
}

func TestAllowedByIdentityAndNetwork(t *testing.T) {
	a := certstest.New(t)
	settings := testSettings
	settings.TLS = listening(t, a, false)
	addr, _, w := proxy(t, settings, "clusters: {web: {endpoints: [\""+backend(t, who)+`"]}}
routes:
  - {path: {exact: /shop}, allow: {identities: ["spiffe://mesh/ns/shop/*", "spiffe://mesh/ops"]}, to: web}
  - {path: {exact: /near}, allow: {networks: [127.0.0.0/8]}, to: web}
  - {path: {exact: /far}, allow: {networks: [10.0.0.0/8, "fd00::1"]}, to: web}
  - {path: {exact: /both}, allow: {identities: ["spiffe://mesh/ops"], networks: [127.0.0.1]}, respond: {status: 200}}
`)
	web, ops := callerAs(t, a, "spiffe://mesh/ns/shop/web"), callerAs(t, a, "spiffe://mesh/ops")
	for _, c := range []struct {
		client *http.Client
		path   string
		status int
	}{
		{web, "/shop", 200}, {ops, "/shop", 200}, {callerAs(t, a, "spiffe://mesh/ns/bank/web"), "/shop", 403}, {callerAs(t, a, ""), "/shop", 403},
		{web, "/near", 200}, {web, "/far", 403}, {web, "/both", 403}, {ops, "/both", 200},
	} {
		if status, text := fetch(t, c.client, "https://"+addr+c.path); status != c.status {
			t.Errorf("%s: %d %s, want %d", c.path, status, text, c.status)
		}
	}
	if status, _ := fetch(t, web, "http://"+addr+"/shop"); status != 403 {
		t.Errorf("without TLS: %d", status)
	}
	w.told(t, "a call that was not allowed", func(d *Done) bool { return d.Status == 403 && d.Why != "" && d.Route == "1" && d.Identity == "" })
}

// A caller is limited by who it is, wherever it calls from; who does not say it shares what there is with all who do not.
func TestLimitsByIdentity(t *testing.T) {
	a := certstest.New(t)
	settings := testSettings
	settings.TLS = listening(t, a, false)
	addr, _, w := proxy(t, settings, "clusters: {web: {endpoints: [\""+backend(t, who)+`"]}}
routes: [{to: web, limits: [{by: identity, rate: 0.001, burst: 2}]}]
`)
	shop, again, bank := callerAs(t, a, "spiffe://mesh/shop"), callerAs(t, a, "spiffe://mesh/shop"), callerAs(t, a, "spiffe://mesh/bank")
	for i, c := range []struct {
		client *http.Client
		scheme string
		status int
	}{
		{shop, "https", 200}, {again, "https", 200}, {shop, "https", 429}, {again, "https", 429},
		{bank, "https", 200}, {callerAs(t, a, ""), "https", 200}, {shop, "http", 200}, {bank, "http", 429},
	} {
		if status, text := fetch(t, c.client, c.scheme+"://"+addr); status != c.status {
			t.Errorf("%d: %d %s, want %d", i, status, text, c.status)
		}
	}
	w.told(t, "who is too many", func(d *Done) bool { return d.Status == 429 && d.Why == "too many calls, by identity" })
}

// Servers that demand certificates are called with one, and are seen to be whom they ought to be.
func TestCallsOfServersByTLS(t *testing.T) {
	a := certstest.New(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprint(w, secure.Identity(*r.TLS), " ", string(body))
	}))
	cert, key := a.Issue(t, "server", certstest.Leaf{Name: "127.0.0.1", URI: "spiffe://mesh/stock"})
	c, err := secure.Listener([]string{cert}, []string{key}, a.File, true, &secure.Tickets{})
	if err != nil {
		t.Fatal(err)
	}
	server.TLS, server.Config.ErrorLog = c, log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	cert, key = a.Issue(t, "outgoing", certstest.Leaf{URI: "spiffe://mesh/proxy"})
	document := func(more string) string {
		return fmt.Sprintf("clusters: {web: {connect_timeout: 60s, endpoints: [%q], health: {check: {path: /, interval: 10ms}}, tls: {ca: %q, cert: %q, key: %q%s}}}\nroutes: [{to: web}]\n", server.Listener.Addr(), a.File, cert, key, more)
	}
	addr, s, _ := proxy(t, testSettings, document(""))
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for range 3 {
		r, err := http.Post("http://"+addr, "text/plain", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if want := "spiffe://mesh/proxy " + string(body); err != nil || string(got) != want {
			t.Fatalf("%d bytes, want %d; %v", len(got), len(want), err)
		}
	}
	if open, _ := s.Clusters()["web"].Endpoints[0].Connections(); open != 1 {
		t.Errorf("%d connections after three calls in turns", open)
	}
	for more, want := range map[string]int{
		`, identities: ["spiffe://mesh/stock"]`: 200, `, identities: ["spiffe://mesh/bank"]`: 503, `, server_name: stock.example`: 503,
	} {
		if err := s.Adopt(table(t, document(more))); err != nil {
			t.Fatal(err)
		}
		if status, text := fetch(t, http.DefaultClient, "http://"+addr); status != want {
			t.Errorf("%s: %d %s", more, status, text)
		}
	}
	missing := strings.Replace(document(""), a.File, a.File+".gone", 1)
	if err := s.Adopt(table(t, missing)); err == nil {
		t.Error("a cluster whose authorities are not there is taken")
	}
}

// Certificates of both ends of the proxy change all the time, and no call sees it: neither those on kept connections nor new ones.
func TestCertificatesAreRotatedUnderLoad(t *testing.T) {
	a := certstest.New(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(who))
	cert, key := a.Issue(t, "server", certstest.Leaf{Name: "127.0.0.1"})
	var err error
	if server.TLS, err = secure.Listener([]string{cert}, []string{key}, a.File, true, &secure.Tickets{}); err != nil {
		t.Fatal(err)
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	settings := testSettings
	settings.TLS = listening(t, a, true)
	cert, key = a.Issue(t, "outgoing", certstest.Leaf{URI: "spiffe://mesh/proxy"})
	document := fmt.Sprintf("clusters: {web: {connect_timeout: 60s, endpoints: [%q], idle_timeout: 1ms, tls: {ca: %q, cert: %q, key: %q}}}\nroutes: [{to: web}]\n", server.Listener.Addr(), a.File, cert, key)
	addr, s, _ := proxy(t, settings, document)
	kept, fresh := callerAs(t, a, "spiffe://mesh/kept"), callerAs(t, a, "spiffe://mesh/fresh")
	fresh.Transport.(*http.Transport).DisableKeepAlives = true
	var done atomic.Bool
	var calls [2]atomic.Int64
	var running sync.WaitGroup
	for i, c := range []*http.Client{kept, fresh} {
		running.Go(func() {
			for !done.Load() {
				r, err := c.Get("https://" + addr)
				if err != nil || r.StatusCode != 200 {
					t.Errorf("a call failed: %v, %v", r, err)
					return
				}
				_ = r.Body.Close()
				calls[i].Add(1)
			}
		})
	}
	stop := func() {
		done.Store(true)
		running.Wait()
	}
	defer stop()
	for range 20 {
		before := [2]int64{calls[0].Load(), calls[1].Load()}
		settings.TLS = listening(t, a, true)
		s.Set(settings)
		a.Issue(t, "outgoing", certstest.Leaf{URI: "spiffe://mesh/proxy"})
		if err := s.Adopt(table(t, document)); err != nil { // as Run does each second
			t.Error(err)
		}
		eventually(t, "both call on", func() bool { return calls[0].Load() >= before[0]+3 && calls[1].Load() >= before[1]+3 })
	}
	stop()
	t.Logf("%d and %d calls", calls[0].Load(), calls[1].Load())
}

// What does not come to its handshake's end is waited for no longer than for a head; a drain ends it too.
func TestHandshakesAreBounded(t *testing.T) {
	settings := testSettings
	settings.TLS, settings.HeadTimeout = listening(t, certstest.New(t), false), 50*time.Millisecond
	addr, _, w := proxy(t, settings, to("127.0.0.1:1"))
	c := dial(t, addr)
	if _, err := c.Write([]byte("\x16\x03\x01\x02\x00\x01")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, c); err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the connection's end: %v", err)
	}
	if got := w.lost.Load(); got != 1 {
		t.Errorf("%d handshakes are told to have failed", got)
	}
	dial(t, addr) // says nothing; the end of the test drains
}

// HTTP/2 is agreed on where both ends can, with clients and with servers, and both are known as by HTTP/1.
func TestHTTP2ByTLS(t *testing.T) {
	a := certstest.New(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Proto, " ", secure.Identity(*r.TLS), " ")
		who(w, r)
	}))
	cert, key := a.Issue(t, "server", certstest.Leaf{Name: "127.0.0.1"})
	var err error
	if server.TLS, err = secure.Listener([]string{cert}, []string{key}, a.File, true, &secure.Tickets{}); err != nil {
		t.Fatal(err)
	}
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	cert, key = a.Issue(t, "outgoing", certstest.Leaf{URI: "spiffe://mesh/proxy"})
	settings := testSettings
	settings.TLS = listening(t, a, true)
	addr, s, _ := proxy(t, settings, fmt.Sprintf("clusters: {web: {connect_timeout: 60s, endpoints: [%q], protocol: http2, health: {check: {path: /, interval: 10ms}}, tls: {ca: %q, cert: %q, key: %q}}}\n"+
		"routes: [{path: {exact: /ops}, allow: {identities: [\"spiffe://mesh/ops\"]}, to: web}, {to: web}]\n", server.Listener.Addr(), a.File, cert, key))
	two := callerAs(t, a, "spiffe://mesh/shop")
	two.Transport.(*http.Transport).ForceAttemptHTTP2 = true
	r, err := two.Get("https://" + addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	if r.Proto != "HTTP/2.0" {
		t.Errorf("the client is spoken to by %s", r.Proto)
	}
	const want = `HTTP/2.0 spiffe://mesh/proxy https ["URI=spiffe://mesh/shop"]`
	for name, c := range map[string]*http.Client{"HTTP/2": two, "HTTP/1": callerAs(t, a, "spiffe://mesh/shop")} {
		if status, text := fetch(t, c, "https://"+addr+"/", "x-forwarded-client-cert", "URI=forged"); status != 200 || text != want {
			t.Errorf("%s: %d %s", name, status, text)
		}
		if status, _ := fetch(t, c, "https://"+addr+"/ops"); status != 403 {
			t.Errorf("%s, not allowed: %d", name, status)
		}
	}
	eventually(t, "the server is well", func() bool { return s.Clusters()["web"].Views()[0].State == "up" })
}
