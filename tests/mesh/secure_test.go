package mesh

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
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"

	"github.com/heddle-mesh/heddle/governance/store/etcdstore"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// authority signs certificates for a test.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir(), cert: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	a.file = a.write(name+"-ca.pem", "CERTIFICATE", der)
	return a
}

func (a *authority) write(name, kind string, der []byte) string {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// sign makes a certificate for loopback, good until end.
func (a *authority) sign(name string, end time.Time) etcdstore.TLSFiles {
	a.t.Helper()
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: end.Add(-2 * time.Hour), NotAfter: end,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	key, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	der, err2 := x509.CreateCertificate(rand.Reader, leaf, a.cert, &key.PublicKey, a.key)
	private, err3 := x509.MarshalPKCS8PrivateKey(key)
	if err := errors.Join(err1, err2, err3); err != nil {
		a.t.Fatal(err)
	}
	return etcdstore.TLSFiles{CA: a.file, Cert: a.write(name+".pem", "CERTIFICATE", der), Key: a.write(name+"-key.pem", "PRIVATE KEY", private)}
}

// secureEtcd is an etcd that wants TLS, a client certificate, a user and a password, and lets the user have one prefix.
func secureEtcd(t *testing.T, a *authority, prefix string) (endpoint string) {
	t.Helper()
	pair := a.sign("etcd", time.Now().Add(time.Hour))
	cfg := embed.NewConfig()
	cfg.Dir, cfg.Logger, cfg.LogLevel, cfg.UnsafeNoFsync = t.TempDir(), "zap", "fatal", true
	cfg.BcryptCost, cfg.TickMs, cfg.ElectionMs = 4, 10, 100
	client, peer := url.URL{Scheme: "https", Host: "127.0.0.1:0"}, url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.ClientTLSInfo = transport.TLSInfo{CertFile: pair.Cert, KeyFile: pair.Key, TrustedCAFile: a.file, ClientCertAuth: true}
	server, err := embed.StartEtcd(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	select {
	case <-server.Server.ReadyNotify():
	case <-time.After(20 * time.Second):
		t.Fatal("the etcd is not ready")
	}
	endpoint = server.Clients[0].Addr().String()

	config, err := a.sign("root", time.Now().Add(time.Hour)).Load()
	if err != nil {
		t.Fatal(err)
	}
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, TLS: config, DialTimeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, end := t.Context(), clientv3.GetPrefixRangeEnd(prefix)
	_, err1 := c.UserAdd(ctx, "root", "rootpw")
	_, err2 := c.UserGrantRole(ctx, "root", "root")
	_, err3 := c.RoleAdd(ctx, "mesh")
	_, err4 := c.RoleGrantPermission(ctx, "mesh", prefix, end, clientv3.PermissionType(clientv3.PermReadWrite))
	_, err5 := c.UserAdd(ctx, "weaver", "secret")
	_, err6 := c.UserGrantRole(ctx, "weaver", "mesh")
	_, err7 := c.AuthEnable(ctx)
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7); err != nil {
		t.Fatal(err)
	}
	return endpoint
}

// An instance enters an etcd with TLS, a certificate of its own, a user and a password, and keeps below its prefix.
func TestSecureStore(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "test")
	good := a.sign("weaver", time.Now().Add(time.Hour))
	name := labName(t)
	endpoint := secureEtcd(t, a, "/"+name+"/")
	config, err := good.Load()
	if err != nil {
		t.Fatal(err)
	}
	l := newLabBy(t, name, etcdstore.Config{Endpoints: []string{endpoint}, TLS: config, Username: "weaver", Password: "secret"})
	options := func(name string, files etcdstore.TLSFiles, password string, set ...string) harness.HeddleOptions {
		o := l.options(name, "", append([]string{"etcd.user", "weaver", "etcd.password", "env:ETCD_PASSWORD",
			"etcd.tls.ca", files.CA, "etcd.tls.cert", files.Cert, "etcd.tls.key", files.Key}, set...)...)
		o.Env = []string{"ETCD_PASSWORD=" + password}
		return o
	}
	h := env.Heddle(t, options("a", good, "secret"))
	db := l.open(h)
	l.create(db)
	if err := round(t.Context(), db, 1); err != nil {
		t.Fatal(err)
	}
	l.runs(l.apply(l.rules("  fresh: {key: id}\n")), 10*time.Second, "a")

	stranger := newAuthority(t, "stranger").sign("weaver", time.Now().Add(time.Hour))
	refused := []struct {
		name, says string
		options    harness.HeddleOptions
	}{
		{"a wrong password", "authentication failed", options("b", good, "wrong")},
		{"no client certificate", "certificate", options("b", etcdstore.TLSFiles{CA: a.file}, "secret")},
		{"an expired certificate", "expired", options("b", a.sign("late", time.Now().Add(-time.Hour)), "secret")},
		{"a certificate of a stranger", "certificate", options("b", etcdstore.TLSFiles{CA: a.file, Cert: stranger.Cert, Key: stranger.Key}, "secret")},
		{"another authority", "certificate signed by unknown authority", options("b", etcdstore.TLSFiles{CA: stranger.CA, Cert: good.Cert, Key: good.Key}, "secret")},
		{"another prefix", "permission denied", options("b", good, "secret", "etcd.prefix", "/elsewhere")},
	}
	t.Run("refused", func(t *testing.T) {
		for _, c := range refused {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				began := time.Now()
				wrong, err := env.StartHeddle(t.Context(), c.options)
				if err == nil {
					t.Fatal("is accepted", wrong.Close())
				}
				if last := lastLine(err.Error()); !strings.Contains(last, c.says) || time.Since(began) > 20*time.Second {
					t.Errorf("after %v it does not say %q:\n%v", time.Since(began), c.says, err)
				}
			})
		}
	})

	// One that has served before goes on with what it has, and says why.
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	o := options("a", good, "changed")
	o.Set["state.dir"] = filepath.Join(h.Dir, "state")
	again := env.Heddle(t, o)
	if _, err := l.open(again).ExecContext(t.Context(), "UPDATE t SET n = n + 1"); err != nil {
		t.Error(err)
	}
	if log := again.Log(); !strings.Contains(log, "authentication failed") || !strings.Contains(log, "ago (2") {
		t.Errorf("the log does not say why, and how old the rules are:\n%s", log)
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
