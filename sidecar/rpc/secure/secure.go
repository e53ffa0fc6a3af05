// Package secure has calls be encrypted, and says who is at the other end: a listener's and a cluster's TLS, whose files may
// change at any time, and identities in the form of SPIFFE (the URI of a certificate). Which identity may do what is the
// routes' business. Level: sidecar/rpc.
package secure

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/heddle-mesh/heddle/internal/certs"
)

// Listener returns the TLS of those who take calls: the first of the certificates that a client can do with. With a file of
// authorities a client's certificate has to be from one of them; without strict it may show none. Sessions go on with tickets.
func Listener(chains, keys []string, authorities string, strict bool, tickets *Tickets) (*tls.Config, error) {
	pairs, err := certs.Pairs(chains, keys)
	if err != nil {
		return nil, err
	}
	c := &tls.Config{Certificates: pairs, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	if err := tickets.issue(c, authorities); err != nil {
		return nil, err
	}
	if authorities == "" {
		return c, nil
	}
	if c.ClientCAs, err = certs.Authorities(authorities); err != nil {
		return nil, err
	}
	c.ClientAuth = tls.VerifyClientCertIfGiven
	if strict {
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, nil
}

// Identity is who the other end is by its verified certificate: its only URI. Empty: it has shown none, or no such one.
func Identity(s tls.ConnectionState) string {
	if len(s.VerifiedChains) == 0 || len(s.PeerCertificates) == 0 {
		return ""
	}
	return identity(s.PeerCertificates[0])
}

func identity(c *x509.Certificate) string {
	if len(c.URIs) != 1 { // an SVID has exactly one (SPIFFE X509-SVID, section 2)
		return ""
	}
	u := c.URIs[0]
	if u.Scheme != "spiffe" || u.Host == "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.User != nil { // SPIFFE-ID, section 2
		return ""
	}
	return u.String()
}

// Matches says whether an identity is one of those, of which "spiffe://mesh/ns/*" are all below spiffe://mesh/ns.
func Matches(patterns []string, identity string) bool {
	if identity == "" {
		return false
	}
	for _, p := range patterns {
		if below, ok := strings.CutSuffix(p, "*"); ok && strings.HasPrefix(identity, below) && len(identity) > len(below) || p == identity {
			return true
		}
	}
	return false
}

// Files are what a cluster's TLS is made of. Authorities "" are the system's, chain and key "" none.
type Files struct {
	Authorities, Chain, Key string
	Name                    string   // that the servers' certificates are for; "": the host of their addresses
	Identities              []string // one of which they have, instead of a name
	HTTP2                   bool     // what they have to speak; else HTTP/1
	Unnamed                 bool     // what they speak has no name that TLS could tell (ALPN)
}

// Cluster returns the TLS of who calls a cluster's servers; a ServerName is yet to be set where Files have no Name.
func (f *Files) Cluster() (*tls.Config, error) {
	protocols := []string{"http/1.1"}
	switch {
	case f.Unnamed:
		protocols = nil
	case f.HTTP2:
		protocols = []string{"h2"}
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: f.Name, NextProtos: protocols, ClientSessionCache: tls.NewLRUClientSessionCache(0)}
	var err error
	if f.Authorities != "" {
		if c.RootCAs, err = certs.Authorities(f.Authorities); err != nil {
			return nil, err
		}
	}
	if f.Chain != "" {
		if c.Certificates, err = certs.Pairs([]string{f.Chain}, []string{f.Key}); err != nil {
			return nil, err
		}
	}
	if len(f.Identities) > 0 {
		c.InsecureSkipVerify = true // the chain and the identity are verified here, the name is not looked at
		c.VerifyConnection = func(s tls.ConnectionState) error { return f.verify(c.RootCAs, s) }
	}
	return c, nil
}

func (f *Files) verify(roots *x509.CertPool, s tls.ConnectionState) error {
	if len(s.PeerCertificates) == 0 {
		return errors.New("the server has shown no certificate")
	}
	opts := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
	for _, c := range s.PeerCertificates[1:] {
		opts.Intermediates.AddCert(c)
	}
	if _, err := s.PeerCertificates[0].Verify(opts); err != nil {
		return err
	}
	if got := identity(s.PeerCertificates[0]); !Matches(f.Identities, got) {
		return fmt.Errorf("the server is %q, which is none of %s", got, strings.Join(f.Identities, ", "))
	}
	return nil
}
