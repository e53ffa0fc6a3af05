package rpc

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/internal/certs"
	"github.com/heddle-mesh/heddle/internal/certs/certstest"
)

// rotateEvery is how often files of certificates are written anew.
const rotateEvery = 2 * time.Second

// Files of certificates are written anew every two seconds, key and certificate one after the other, while clients of a process call by TLS, on connections that stay and on new
// ones: no call fails, and new connections are shown the new certificates. HEDDLE_ROTATIONS says how often.
func TestCertificatesInFilesAreRotated(t *testing.T) {
	rotations, err := strconv.Atoi(cmp.Or(os.Getenv("HEDDLE_ROTATIONS"), "2"))
	if err != nil {
		t.Fatal(err)
	}
	a := certstest.New(t)
	cert, key := a.Issue(t, "proxy", certstest.Leaf{Name: "127.0.0.1"})
	own, ownKey := a.Issue(t, "own", certstest.Leaf{URI: "spiffe://mesh/shop/web"})
	roots, err := certs.Authorities(a.File)
	if err != nil {
		t.Fatal(err)
	}
	pairs, err := certs.Pairs([]string{own}, []string{ownKey})
	if err != nil {
		t.Fatal(err)
	}
	m := start(t, fmt.Sprintf("clusters: {web: {endpoints: [%q]}}\nroutes: [{allow: {identities: [\"spiffe://mesh/shop/*\"]}, to: web, timeout: 1m}]\n", server(t, says("a"))),
		"rpc.tls.cert", cert, "rpc.tls.key", key, "rpc.tls.ca", a.File, "rpc.tls.mode", "strict", "rpc.log", "none")
	var done atomic.Bool
	var running sync.WaitGroup
	defer running.Wait()
	defer done.Store(true)
	calls := make([]atomic.Int64, 2)
	var shown sync.Map // by serial number
	for i, keeps := range []bool{true, false} {
		running.Go(func() {
			tr := &http.Transport{DisableKeepAlives: !keeps, TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: pairs, VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
				c, err := x509.ParseCertificate(raw[0])
				if err == nil {
					shown.Store(c.SerialNumber.String(), true)
				}
				return err
			}}}
			defer tr.CloseIdleConnections()
			client := &http.Client{Transport: tr, Timeout: time.Minute}
			for !done.Load() {
				res, err := client.Get("https://" + m.addr)
				if err != nil {
					t.Errorf("a call fails: %v", err)
					return
				}
				body, err := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if err != nil || res.StatusCode != http.StatusOK || string(body) != "a" {
					t.Errorf("a call is answered %d %q, %v", res.StatusCode, body, err)
					return
				}
				calls[i].Add(1)
			}
		})
	}
	count := func() (n int) {
		shown.Range(func(any, any) bool { n++; return true })
		return n
	}
	eventually(t, "both call", func() bool { return calls[0].Load() > 0 && calls[1].Load() > 0 })
	for range rotations {
		before := count()
		began := time.Now()
		a.Issue(t, "proxy", certstest.Leaf{Name: "127.0.0.1"})
		eventually(t, "the new certificate is shown", func() bool { return count() > before || t.Failed() })
		<-time.After(time.Until(began.Add(rotateEvery)))
	}
	done.Store(true)
	running.Wait()
	t.Logf("%d rotations, %d certificates shown, %d calls on kept connections, %d on new ones", rotations, count(), calls[0].Load(), calls[1].Load())
}
