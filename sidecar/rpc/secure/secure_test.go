package secure

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/internal/certs"
	"github.com/heddle-mesh/heddle/internal/certs/certstest"
)

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, identity string
		want              bool
	}{
		{"spiffe://mesh/ns/shop", "spiffe://mesh/ns/shop", true},
		{"spiffe://mesh/ns/shop", "spiffe://mesh/ns/shop/x", false},
		{"spiffe://mesh/ns/*", "spiffe://mesh/ns/shop", true},
		{"spiffe://mesh/ns/*", "spiffe://mesh/ns/shop/sa/web", true},
		{"spiffe://mesh/ns/*", "spiffe://mesh/ns/", false},
		{"spiffe://mesh/ns/*", "spiffe://mesh/ns", false},
		{"spiffe://mesh/ns/*", "spiffe://mesh/nsx/shop", false},
		{"spiffe://mesh/*", "", false},
	} {
		if got := Matches([]string{"spiffe://other/x", c.pattern}, c.identity); got != c.want {
			t.Errorf("%s is one of %s: %t", c.identity, c.pattern, got)
		}
	}
}

// serving takes TLS connections and answers each with the identity of its client.
func serving(t *testing.T, c *tls.Config) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if conn.(*tls.Conn).Handshake() == nil {
					_, _ = io.WriteString(conn, Identity(conn.(*tls.Conn).ConnectionState()))
				}
			}()
		}
	}()
	return l.Addr().String()
}

// asks is what a server says to a client with that TLS.
func asks(t *testing.T, addr string, o *Outgoing) (string, error) {
	t.Helper()
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	c, err := o.Handshake(raw, addr, time.Now().Add(time.Minute))
	if err != nil {
		return "", err
	}
	said, err := io.ReadAll(c)
	return string(said), err
}

func outgoing(t *testing.T, f Files) *Outgoing {
	t.Helper()
	o, err := NewOutgoing(f)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// Each end tells who it is, and neither speaks with who is not whom it wants.
func TestBothEndsAreKnown(t *testing.T) {
	mesh, strangers := certstest.New(t), certstest.New(t)
	cert, key := mesh.Issue(t, "server", certstest.Leaf{Name: "127.0.0.1", URI: "spiffe://mesh/ns/shop/sa/stock"})
	listener, err := Listener([]string{cert}, []string{key}, mesh.File, true, &Tickets{})
	if err != nil {
		t.Fatal(err)
	}
	addr := serving(t, listener)
	cert, key = mesh.Issue(t, "client", certstest.Leaf{URI: "spiffe://mesh/ns/shop/sa/web"})
	bare, bareKey := mesh.Issue(t, "nobody", certstest.Leaf{})
	foreign, foreignKey := strangers.Issue(t, "client", certstest.Leaf{URI: "spiffe://mesh/ns/shop/sa/web"})
	for name, c := range map[string]struct {
		files Files
		says  string
		fails string
	}{
		"by the host":                 {Files{Authorities: mesh.File, Chain: cert, Key: key}, "spiffe://mesh/ns/shop/sa/web", ""},
		"by an identity":              {Files{Authorities: mesh.File, Chain: cert, Key: key, Identities: []string{"spiffe://mesh/ns/shop/*"}}, "spiffe://mesh/ns/shop/sa/web", ""},
		"no identity of its own":      {Files{Authorities: mesh.File, Chain: bare, Key: bareKey}, "", ""},
		"another identity":            {Files{Authorities: mesh.File, Chain: cert, Key: key, Identities: []string{"spiffe://mesh/ns/bank/*"}}, "", "none of spiffe://mesh/ns/bank/*"},
		"another name":                {Files{Authorities: mesh.File, Chain: cert, Key: key, Name: "shop.example"}, "", "valid for"},
		"a foreign authority":         {Files{Authorities: strangers.File, Chain: cert, Key: key}, "", "unknown authority"},
		"a foreign one by identity":   {Files{Authorities: strangers.File, Chain: cert, Key: key, Identities: []string{"spiffe://mesh/*"}}, "", "unknown authority"},
		"a certificate of strangers":  {Files{Authorities: mesh.File, Chain: foreign, Key: foreignKey}, "", "certificate"},
		"none, where one is demanded": {Files{Authorities: mesh.File}, "", "certificate required"},
	} {
		said, err := asks(t, addr, outgoing(t, c.files))
		if c.fails == "" && (err != nil || said != c.says) {
			t.Errorf("%s: %q, %v", name, said, err)
		}
		if c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
			t.Errorf("%s: %q, %v; want an error that says %q", name, said, err, c.fails)
		}
	}
}

// A client that knows no ECDSA gets the certificate of RSA.
func TestTheCertificateThatAClientCanDoWith(t *testing.T) {
	a := certstest.New(t)
	cert, key := a.Issue(t, "ecdsa", certstest.Leaf{Name: "127.0.0.1"})
	old, oldKey := a.Issue(t, "rsa", certstest.Leaf{Name: "127.0.0.1", RSA: true})
	listener, err := Listener([]string{cert, old}, []string{key, oldKey}, "", false, &Tickets{})
	if err != nil {
		t.Fatal(err)
	}
	addr := serving(t, listener)
	roots, err := certs.Authorities(a.File)
	if err != nil {
		t.Fatal(err)
	}
	for want, suite := range map[string]uint16{"ecdsa": tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "rsa": tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256} {
		c, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}})
		if err != nil {
			t.Errorf("%s: %v", want, err)
			continue
		}
		if got := c.ConnectionState().PeerCertificates[0].Subject.CommonName; got != want {
			t.Errorf("with the suite of %s: the certificate %s", want, got)
		}
		_ = c.Close()
	}
}

// Files are followed, and what is wrong with them changes nothing.
func TestRefresh(t *testing.T) {
	a := certstest.New(t)
	cert, key := a.Issue(t, "server", certstest.Leaf{Name: "127.0.0.1"})
	listener, err := Listener([]string{cert}, []string{key}, a.File, true, &Tickets{})
	if err != nil {
		t.Fatal(err)
	}
	addr := serving(t, listener)
	cert, key = a.Issue(t, "client", certstest.Leaf{URI: "spiffe://mesh/old"})
	o := outgoing(t, Files{Authorities: a.File, Chain: cert, Key: key})
	if changed, err := o.Refresh(); changed || err != nil {
		t.Errorf("nothing has changed: %t, %v", changed, err)
	}
	whole, err := os.ReadFile(cert)
	if err == nil {
		err = os.WriteFile(cert, whole[:len(whole)/2], 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Refresh(); err == nil {
		t.Error("half a certificate is taken")
	}
	if o.Wrong() == nil {
		t.Error("nothing is wrong with half a certificate")
	}
	if said, err := asks(t, addr, o); said != "spiffe://mesh/old" {
		t.Errorf("beside half a certificate: %q, %v", said, err)
	}
	a.Issue(t, "client", certstest.Leaf{URI: "spiffe://mesh/new"})
	if changed, err := o.Refresh(); !changed || err != nil {
		t.Errorf("a new certificate: %t, %v", changed, err)
	}
	if err := o.Wrong(); err != nil {
		t.Errorf("with a new certificate is wrong: %v", err)
	}
	if said, err := asks(t, addr, o); said != "spiffe://mesh/new" {
		t.Errorf("with a new certificate: %q, %v", said, err)
	}
}

func TestPeek(t *testing.T) {
	for first, want := range map[string]bool{"GET / HTTP/1.1\r\n": false, "\x16\x03\x01\x02": true} {
		ours, theirs := net.Pipe()
		go func() {
			_, _ = io.WriteString(theirs, first)
			_, _ = io.WriteString(theirs, "rest")
			_ = theirs.Close()
		}()
		got, isTLS, err := Peek(ours)
		if err != nil || isTLS != want {
			t.Fatalf("%q: TLS %t, %v", first, isTLS, err)
		}
		if all, err := io.ReadAll(&Peeked{ours, got}); string(all) != first+"rest" || err != nil {
			t.Errorf("%q, %v", all, err)
		}
	}
}

// A client's session goes on when the certificate has changed, and with it who the client is; not when others say who clients are.
func TestSessionsOutliveCertificates(t *testing.T) {
	a, others := certstest.New(t), certstest.New(t)
	tickets := &Tickets{}
	chain, own := a.Issue(t, "client", certstest.Leaf{URI: "spiffe://mesh/web"})
	pairs, err := certs.Pairs([]string{chain}, []string{own})
	if err != nil {
		t.Fatal(err)
	}
	roots, err := certs.Authorities(a.File)
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		client := &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", Certificates: pairs, ClientSessionCache: tls.NewLRUClientSessionCache(0), MaxVersion: version}
		for i, c := range []struct {
			authorities string
			strict      bool
			resumed     bool
			identity    string
		}{
			{a.File, true, false, "spiffe://mesh/web"}, {a.File, true, true, "spiffe://mesh/web"}, {a.File, false, true, "spiffe://mesh/web"},
			{others.File, false, false, "fails"}, {"", false, false, ""},
		} {
			cert, key := a.Issue(t, "server", certstest.Leaf{Name: "127.0.0.1"}) // another each time
			listener, err := Listener([]string{cert}, []string{key}, c.authorities, c.strict, tickets)
			if err != nil {
				t.Fatal(err)
			}
			conn, err := tls.Dial("tcp", serving(t, listener), client)
			said := []byte("fails")
			if err == nil {
				if text, failed := io.ReadAll(conn); failed == nil { // the ticket comes before it
					said = text
				}
				if resumed := conn.ConnectionState().DidResume; resumed != c.resumed {
					t.Errorf("version %x, %d: resumed is %v", version, i, resumed)
				}
				_ = conn.Close() // it is read to its end
			}
			if string(said) != c.identity {
				t.Errorf("version %x, %d: the client is %q", version, i, said)
			}
		}
	}
}
