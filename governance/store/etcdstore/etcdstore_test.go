package etcdstore

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"

	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/governance/store/storetest"
)

func openAt(t *testing.T, cfg Config, addr string) *Store {
	t.Helper()
	cfg.Endpoints = []string{addr}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	cfg.CheckEvery = 50 * time.Millisecond
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConform(t *testing.T) {
	inRealTime := func(t *testing.T, rule func(*testing.T)) { rule(t) }
	storetest.Conform(t, inRealTime, func(t *testing.T) storetest.Env {
		addr, stop := startEtcd(t, nil)
		var relays []*relay
		through := func(t *testing.T, timeout time.Duration) (*Store, *relay) {
			r := newRelay(t, addr)
			relays = append(relays, r)
			return openAt(t, Config{Prefix: "mesh/test", Timeout: timeout}, r.addr()), r
		}
		return storetest.Env{
			Open: func(t *testing.T) store.Store {
				s, _ := through(t, 20*time.Second)
				return s
			},
			OpenCuttable: func(t *testing.T) (store.Store, func(bool)) {
				s, r := through(t, 3*time.Second)
				return s, func(cut bool) { r.set(addr, cut) }
			},
			Compact: func(t *testing.T) { compact(t, addr) },
			Wipe: func(t *testing.T) {
				for _, r := range relays {
					r.set(addr, true) // or the etcd would wait for its clients to go
				}
				stop()
				addr, stop = startEtcd(t, nil)
				for _, r := range relays {
					r.set(addr, false)
				}
			},
			TTL:      3 * time.Second, // a busy machine is late to renew it
			Patience: 60 * time.Second,
		}
	})
}

// TestPrefixes has two meshes in one etcd that do not see each other, one name being the beginning of the other's.
func TestPrefixes(t *testing.T) {
	addr, _ := startEtcd(t, nil)
	a, b := openAt(t, Config{Prefix: "mesh"}, addr), openAt(t, Config{Prefix: "/mesh2/"}, addr)
	defer a.Close()
	defer b.Close()
	for i, s := range []*Store{a, b} {
		if err := store.Write(t.Context(), s, store.Put("k", []byte{byte('a' + i)})); err != nil {
			t.Fatal(err)
		}
	}
	for i, s := range []*Store{a, b} {
		l, err := s.List(t.Context(), "")
		if err != nil || len(l.KVs) != 1 || l.KVs[0].Key != "k" || l.KVs[0].Value[0] != byte('a'+i) {
			t.Fatalf("store %d: %+v, %v", i, l, err)
		}
	}
	if err := store.Write(t.Context(), a, store.DeletePrefix("k")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Get(t.Context(), "k"); err != nil {
		t.Fatalf("deleted in the other mesh: %v", err)
	}
}

// TestUserAndPassword runs against an etcd with authentication whose user may touch the mesh's prefix only.
func TestUserAndPassword(t *testing.T) {
	addr, _ := startEtcd(t, nil)
	c := raw(t, addr)
	ctx := t.Context()
	perm := clientv3.PermissionType(clientv3.PermReadWrite)
	steps := []func() error{
		func() error { _, err := c.UserAdd(ctx, "root", "rootpw"); return err },
		func() error { _, err := c.UserGrantRole(ctx, "root", "root"); return err },
		func() error { _, err := c.RoleAdd(ctx, "mesh"); return err },
		func() error {
			_, err := c.RoleGrantPermission(ctx, "mesh", "/heddle/", clientv3.GetPrefixRangeEnd("/heddle/"), perm)
			return err
		},
		func() error { _, err := c.UserAdd(ctx, "weaver", "secret"); return err },
		func() error { _, err := c.UserGrantRole(ctx, "weaver", "mesh"); return err },
		func() error { _, err := c.AuthEnable(ctx); return err },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	good := openAt(t, Config{Username: "weaver", Password: "secret"}, addr)
	defer good.Close()
	lease, err := good.Grant(ctx, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Abandon()
	if err := store.Write(ctx, good, store.PutLeased("a", []byte("1"), lease.ID())); err != nil {
		t.Fatal(err)
	}
	if u := <-good.Watch(ctx, "", 0); u.Kind != store.Reset || len(u.KVs) != 1 {
		t.Fatalf("watch: %+v", u)
	}
	outside := openAt(t, Config{Prefix: "elsewhere", Username: "weaver", Password: "secret"}, addr)
	defer outside.Close()
	if _, err := outside.Get(ctx, "a"); err == nil || errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "refuses") {
		t.Fatalf("a prefix that is not permitted: %v", err)
	}
	bad := openAt(t, Config{Username: "weaver", Password: "wrong"}, addr)
	defer bad.Close()
	if _, err := bad.Get(ctx, "a"); err == nil || !strings.Contains(err.Error(), "refuses") {
		t.Fatalf("a wrong password: %v", err)
	}
	testStartsWithoutEtcd(t, addr)
}

// testStartsWithoutEtcd opens a store with a user name while the etcd is away: it logs in when the etcd is there.
func testStartsWithoutEtcd(t *testing.T, addr string) {
	r := newRelay(t, addr)
	r.set(addr, true)
	s := openAt(t, Config{Username: "weaver", Password: "secret", Timeout: 2 * time.Second, DialTimeout: time.Second}, r.addr())
	defer s.Close()
	if _, err := s.Get(t.Context(), "a"); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("without the etcd: %v", err)
	}
	ch := s.Watch(t.Context(), "", 0)
	if u := <-ch; u.Kind != store.Lost {
		t.Fatalf("watch without the etcd: %+v", u)
	}
	r.set(addr, false)
	if u := <-ch; u.Kind != store.Reset {
		t.Fatalf("watch with the etcd: %+v", u)
	}
	if _, err := s.List(t.Context(), ""); err != nil {
		t.Fatalf("with the etcd: %v", err)
	}
	away := openAt(t, Config{Username: "weaver", Password: "secret"}, "127.0.0.1:1")
	if err := away.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	ca, cert, key := makeCertificates(t, dir)
	addr, _ := startEtcd(t, func(cfg *embed.Config) {
		cfg.ListenClientUrls[0].Scheme, cfg.AdvertiseClientUrls[0].Scheme = "https", "https"
		cfg.ClientTLSInfo = transport.TLSInfo{CertFile: cert, KeyFile: key, TrustedCAFile: ca, ClientCertAuth: true}
	})
	conf, err := TLSFiles{CA: ca, Cert: cert, Key: key}.Load()
	if err != nil {
		t.Fatal(err)
	}
	s := openAt(t, Config{TLS: conf}, addr)
	defer s.Close()
	if err := store.Write(t.Context(), s, store.Put("a", nil)); err != nil {
		t.Fatal(err)
	}
	anonymous, err := TLSFiles{CA: ca}.Load()
	if err != nil {
		t.Fatal(err)
	}
	n := openAt(t, Config{TLS: anonymous, Timeout: 300 * time.Millisecond}, addr)
	defer n.Close()
	if _, err := n.Get(t.Context(), "a"); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("without a client certificate: %v", err)
	}
}

// makeCertificates writes an authority and one pair for 127.0.0.1 that serves both ends.
func makeCertificates(t *testing.T, dir string) (ca, cert, key string) {
	t.Helper()
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	caKey, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	leafKey, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	caDER, err3 := x509.CreateCertificate(rand.Reader, authority, authority, &caKey.PublicKey, caKey)
	leafDER, err4 := x509.CreateCertificate(rand.Reader, leaf, authority, &leafKey.PublicKey, caKey)
	keyDER, err5 := x509.MarshalPKCS8PrivateKey(leafKey)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("ca.pem", "CERTIFICATE", caDER), write("cert.pem", "CERTIFICATE", leafDER), write("key.pem", "PRIVATE KEY", keyDER)
}

func TestConfigErrors(t *testing.T) {
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk.pem")
	if err := os.WriteFile(junk, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]TLSFiles{
		"no file": {CA: filepath.Join(dir, "none")}, "not a certificate": {CA: junk},
		"key alone": {Key: junk}, "bad pair": {Cert: junk, Key: junk},
	} {
		if _, err := f.Load(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for name, c := range map[string]Config{"no endpoints": {}, "no password": {Endpoints: []string{"127.0.0.1:1"}, Username: "u"}} {
		if _, err := Open(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
