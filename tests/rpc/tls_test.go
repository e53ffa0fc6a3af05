package rpc

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/internal/certs"
	"github.com/heddle-mesh/heddle/internal/certs/certstest"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// curl speaks with a mesh over TLS, shows who it is, and is let in by that; certificates are exchanged under its eyes.
func TestTLS(t *testing.T) {
	a := certstest.New(t)
	cert, key := a.Issue(t, "proxy", certstest.Leaf{Name: "127.0.0.1"})
	old, oldKey := a.Issue(t, "rsa", certstest.Leaf{Name: "127.0.0.1", RSA: true})
	web := server(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Header.Get("x-forwarded-client-cert")) })
	m := start(t, fmt.Sprintf("clusters: {web: {endpoints: [%q]}}\nroutes: [{path: {prefix: /shop}, allow: {identities: [\"spiffe://mesh/shop/*\"]}, to: web}, {respond: {status: 200, body: all}}]\n", web),
		"rpc.tls.cert", cert+","+old, "rpc.tls.key", key+","+oldKey, "rpc.tls.ca", a.File)
	own, ownKey := a.Issue(t, "own", certstest.Leaf{URI: "spiffe://mesh/shop/web"})
	for _, c := range []struct{ args, wants string }{
		{"http://ADDR/", "200 all"},
		{"--cacert CA https://ADDR/", "200 all"},
		{"--cacert CA https://ADDR/shop", "403 the route is for clients with a certificate\n"},
		{"--cacert CA --cert OWN --key KEY https://ADDR/shop", "200 URI=spiffe://mesh/shop/web"},
		{"--cacert CA --tls-max 1.2 --ciphers ECDHE-RSA-AES128-GCM-SHA256 https://ADDR/", "200 all"},
	} {
		args := strings.Fields(strings.NewReplacer("ADDR", m.addr, "CA", a.File, "OWN", own, "KEY", ownKey).Replace(c.args))
		out, err := exec.CommandContext(t.Context(), "curl", append([]string{"-sS", "-w", "\n%{http_code}"}, args...)...).CombinedOutput()
		body, status, _ := strings.Cut(string(out), "\n")
		if i := strings.LastIndexByte(string(out), '\n'); i >= 0 {
			body, status = string(out[:i]), string(out[i+1:])
		}
		if got := status + " " + body; err != nil || got != c.wants {
			t.Errorf("curl %s: %q, %v; want %q", c.args, got, err, c.wants)
		}
	}
	roots, err := certs.Authorities(a.File)
	if err != nil {
		t.Fatal(err)
	}
	serial := func() string {
		c, err := tls.Dial("tcp", m.addr, &tls.Config{RootCAs: roots})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	was := serial()
	a.Issue(t, "proxy", certstest.Leaf{Name: "127.0.0.1"})
	eventually(t, "the new certificate is shown", func() bool { return serial() != was })
}

// The two sides of a sidecar: others come in by TLS, with a certificate, and only to the service; the service goes out in plain, to others. Each
// listener has its routes.
func TestTwoSidesOfASidecar(t *testing.T) {
	a := certstest.New(t)
	cert, key := a.Issue(t, "proxy", certstest.Leaf{Name: "127.0.0.1"})
	own, ownKey := a.Issue(t, "own", certstest.Leaf{URI: "spiffe://mesh/shop/web"})
	inbound, err := harness.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	outbound, err := harness.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(outbound)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("clusters: {own: {endpoints: [%q]}, others: {endpoints: [%q]}}\nroutes:\n- {listeners: [%q], to: own}\n- {listeners: [\":%s\"], to: others}\n",
		server(t, says("own")), server(t, says("others")), inbound, port)
	start(t, text, "rpc.address", inbound+","+outbound, "rpc.tls.cert", cert, "rpc.tls.key", key, "rpc.tls.ca", a.File, "rpc.tls.strict_on", inbound)
	roots, err := certs.Authorities(a.File)
	if err != nil {
		t.Fatal(err)
	}
	pairs, err := certs.Pairs([]string{own}, []string{ownKey})
	if err != nil {
		t.Fatal(err)
	}
	named := &tls.Config{RootCAs: roots, Certificates: pairs}
	for _, c := range []struct {
		url    string
		client *tls.Config
		want   string
	}{
		{"https://" + inbound, named, "200 own"},
		{"https://" + inbound, &tls.Config{RootCAs: roots}, "fails"},
		{"http://" + inbound, nil, "403 calls have to come by TLS\n"},
		{"http://" + outbound, nil, "200 others"},
		{"https://" + outbound, &tls.Config{RootCAs: roots}, "200 others"},
	} {
		client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: c.client, DisableKeepAlives: true}}
		got := "fails"
		if res, err := client.Get(c.url); err == nil {
			body, err := io.ReadAll(res.Body)
			if err != nil {
				t.Error(err)
			}
			_ = res.Body.Close() // it is read
			got = fmt.Sprintf("%d %s", res.StatusCode, body)
		}
		if got != c.want {
			t.Errorf("%s: %q, not %q", c.url, got, c.want)
		}
	}
}
