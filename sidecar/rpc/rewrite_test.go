package rpc

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// A path is rewritten by an expression, and fields are added beside those that are there, from each version of HTTP to each, and for gRPC.
func TestRewritesAndAddedFields(t *testing.T) {
	for _, from := range []string{"http1", "http2", "grpc"} {
		for _, to := range []string{"http1", "http2"} {
			if from == "grpc" && to == "http1" {
				continue // which has no place for it
			}
			t.Run(from+" to "+to, func(t *testing.T) {
				asked := make(chan *http.Request, 10)
				answer := func(w http.ResponseWriter, r *http.Request) {
					asked <- r
					w.Header().Add("X-Seen", "server")
					if from == "grpc" {
						w.Header().Set("Content-Type", "application/grpc")
						w.Header().Set("Grpc-Status", "0")
					}
				}
				var server string
				if to == "http2" {
					server, _ = backend2(t, answer)
				} else {
					server = backend(t, answer)
				}
				addr, _, _ := proxy(t, testSettings, fmt.Sprintf(`
clusters: {web: {protocol: %s, endpoints: [%q]}}
routes:
  - to: web
    headers: {x-tenant: {from: 10, below: 20}}
    rewrite: {regex: "^/v[0-9]+/([^/]+)/(.*)$", with: "/$2/of/$1"}
    request_headers: {set: {x-team: checkout}, add: {X-Label: added}}
    response_headers: {add: {X-Seen: heddle}, remove: [x-none]}
`, to, server))
				c := client2(t)
				if from == "http1" {
					c = http.DefaultClient
				}
				ask := func(path, tenant string) *http.Response {
					q, err := http.NewRequest(http.MethodPost, "http://"+addr+path, nil)
					if err != nil {
						t.Fatal(err)
					}
					q.Header = http.Header{"X-Label": {"own"}, "X-Tenant": {tenant}, "X-Team": {"other"}}
					if from == "grpc" {
						q.Header.Set("Content-Type", "application/grpc")
					}
					res, err := c.Do(q)
					if err != nil {
						t.Fatal(err)
					}
					_ = res.Body.Close()
					return res
				}
				res := ask("/v2/orders/a%2fb?q=/v3/x", "12")
				r := <-asked
				if r.RequestURI != "/a%2fb/of/orders?q=/v3/x" || strings.Join(r.Header.Values("X-Label"), "|") != "own|added" || strings.Join(r.Header.Values("X-Team"), "|") != "checkout" {
					t.Errorf("the server was asked for %s with %v", r.RequestURI, r.Header)
				}
				if got := strings.Join(res.Header.Values("X-Seen"), "|"); got != "server|heddle" {
					t.Errorf("the client got %s", got)
				}
				ask("/v2/orders", "12") // as it is
				if r := <-asked; r.RequestURI != "/v2/orders" {
					t.Errorf("the server was asked for %s", r.RequestURI)
				}
				if res := ask("/v2/a/b", "20"); res.StatusCode != http.StatusNotFound && res.Header.Get("Grpc-Status") != "12" {
					t.Errorf("a number that is not in range: %d, %v", res.StatusCode, res.Header)
				}
			})
		}
	}
}

// What an expression makes has to be a path that all take for the same.
func TestRewritesThatMakeNoPath(t *testing.T) {
	server := count(t, func(http.ResponseWriter, *http.Request) {})
	for _, rewrite := range []string{`regex: "^/", with: ""`, `regex: "/x", with: "/.."`, `regex: "-", with: "%2e"`, `regex: ".", with: "` + strings.Repeat("/x", 500) + `"`} {
		addr, _, w := proxy(t, testSettings, fmt.Sprintf("clusters: {web: {endpoints: [%q]}}\nroutes: [{to: web, rewrite: {%s}}]\n", server.addr, rewrite))
		for i, c := range []*http.Client{http.DefaultClient, client2(t)} {
			res, err := c.Get("http://" + addr + "/x/--/" + strings.Repeat("y", 100))
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if d := w.nth(t, i+1); res.StatusCode != 400 || !strings.Contains(d.Why, "the path that the route makes of it") {
				t.Errorf("%s: %d, %s", rewrite, res.StatusCode, d.Why)
			}
		}
	}
	if n := server.calls.Load(); n != 0 {
		t.Errorf("%d calls came to the server", n)
	}
}
