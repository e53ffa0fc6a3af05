// Package certstest issues certificates for tests.
package certstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority signs certificates.
type Authority struct {
	File string // of its certificate, PEM

	dir  string
	cert *x509.Certificate
	key  crypto.Signer
}

// New returns an authority, whose files end with the test.
func New(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{dir: t.TempDir()}
	a.File = filepath.Join(a.dir, "ca.pem")
	a.key = newKey(t, false)
	a.cert = sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, a.key.Public(), a.key)
	write(t, a.File, "CERTIFICATE", a.cert.Raw)
	return a
}

// Leaf is what a certificate is for.
type Leaf struct {
	Name string // of a host or an address; "": none
	URI  string // an identity; "": none
	RSA  bool   // in place of ECDSA
}

// Issue writes a certificate and its key to files of that name, in place of those that are there, and returns them.
func (a *Authority) Issue(t testing.TB, file string, l Leaf) (cert, key string) {
	t.Helper()
	made := newKey(t, l.RSA)
	request := &x509.Certificate{
		Subject: pkix.Name{CommonName: file}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(l.Name); ip != nil {
		request.IPAddresses = []net.IP{ip}
	} else if l.Name != "" {
		request.DNSNames = []string{l.Name}
	}
	if l.URI != "" {
		u, err := url.Parse(l.URI)
		if err != nil {
			t.Fatal(err)
		}
		request.URIs = []*url.URL{u}
	}
	der, err := x509.MarshalPKCS8PrivateKey(made)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(a.dir, file+".pem"), filepath.Join(a.dir, file+".key")
	write(t, key, "PRIVATE KEY", der)
	write(t, cert, "CERTIFICATE", sign(t, request, a.cert, made.Public(), a.key).Raw)
	return cert, key
}

func newKey(t testing.TB, isRSA bool) crypto.Signer {
	t.Helper()
	var key crypto.Signer
	var err error
	if isRSA {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign makes a certificate of a request; without a parent it signs itself.
func sign(t testing.TB, request, parent *x509.Certificate, public crypto.PublicKey, by crypto.Signer) *x509.Certificate {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	request.SerialNumber, request.NotBefore, request.NotAfter = serial, time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	if parent == nil {
		parent = request
	}
	der, err := x509.CreateCertificate(rand.Reader, request, parent, public, by)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// write replaces a file as a whole: who reads it meanwhile sees the one or the other.
func write(t testing.TB, path, kind string, der []byte) {
	t.Helper()
	next := path + ".next"
	if err := os.WriteFile(next, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
}
