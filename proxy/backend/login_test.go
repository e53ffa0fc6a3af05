package backend

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/proxy/wire/wiretest"
)

const password = "pa55 wörd"

type script = []wiretest.ServerStep

func scriptedSource(addr string) DataSource {
	ds := DataSource{Name: "ds_0", Addr: addr, User: "u", Password: password, Schema: "shop"}
	ds.Limits = ds.Limits.withDefaults()
	return ds
}

func logIn(t *testing.T, ds DataSource, f Flags) (*Conn, error) {
	t.Helper()
	d := newDialer(wire.NewPool(0), nil, rand.Reader)
	c, err := d.connect(t.Context(), &ds, f, ds.Schema)
	if c != nil {
		t.Cleanup(func() { _ = c.Close() })
	}
	return c, err
}

func greeting(plugin string, caps wire.Capability) *wire.Greeting {
	return &wire.Greeting{
		ServerVersion: "8.0.36", ConnectionID: 7, Salt: []byte(wiretest.Salt), Capabilities: caps,
		Collation: 45, Status: wire.StatusAutocommit, AuthPlugin: plugin,
	}
}

func wantAuth(want []byte) wiretest.ServerStep {
	return wiretest.ExpectLogin(func(l *wire.Login) error {
		if l.User != "u" || string(l.Auth) != string(want) || l.Database != "shop" || l.Collation != 45 {
			return fmt.Errorf("login %+v, want auth %q", l, want)
		}
		return nil
	})
}

var (
	native = wire.NativeScramble([]byte(password), []byte(wiretest.Salt))
	sha2   = wire.Sha2Scramble([]byte(password), []byte(wiretest.Salt))
)

func TestLogin(t *testing.T) {
	ping := script{wiretest.ExpectCommand(wire.ComPing, ""), wiretest.SendOK(), wiretest.ExpectClose()}
	for name, s := range map[string]script{
		"native": {
			wiretest.Greet(greeting(wire.AuthNative, wiretest.ServerCaps)), wantAuth(native), wiretest.SendOK(),
		},
		"sha2 fast": {
			wiretest.Greet(greeting(wire.AuthCachingSha2, wiretest.ServerCaps)), wantAuth(sha2),
			wiretest.Send(&wire.AuthMoreData{Data: []byte{wire.Sha2FastOK}}, &wire.OK{Status: wire.StatusAutocommit}),
		},
		"switch to native": {
			wiretest.Greet(greeting(wire.AuthCachingSha2, wiretest.ServerCaps)), wantAuth(sha2),
			wiretest.Send(&wire.AuthSwitch{Plugin: wire.AuthNative, Salt: []byte("tsrqponmlkjihgfedcba")}),
			wiretest.ExpectPacket(string(wire.NativeScramble([]byte(password), []byte("tsrqponmlkjihgfedcba")))), wiretest.SendOK(),
		},
		"unknown plug-in in the greeting, switch": {
			wiretest.Greet(greeting("dialog_of_tomorrow", wiretest.ServerCaps)), wantAuth(nil),
			wiretest.Send(&wire.AuthSwitch{Plugin: wire.AuthCachingSha2, Salt: []byte(wiretest.Salt)}),
			wiretest.ExpectPacket(string(sha2)),
			wiretest.Send(&wire.AuthMoreData{Data: []byte{wire.Sha2FastOK}}, &wire.OK{Status: wire.StatusAutocommit}),
		},
		"old server": {
			wiretest.Greet(greeting("", wiretest.ServerCaps&^(wire.CapDeprecateEOF|wire.CapSessionTrack|wire.CapPluginAuth|wire.CapPluginAuthLenenc|wire.CapPSMultiResults))),
			wantAuth(native), wiretest.SendOK(),
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := logIn(t, scriptedSource(wiretest.Listen(t, append(s, ping...))), 0)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Ping(t.Context()); err != nil {
				t.Error(err)
			}
			if f := c.Info().Flavour; f != (Flavour{Version: 80036}) || c.Info().ThreadID != 7 || c.Schema() != "shop" {
				t.Errorf("info %+v", c.Info())
			}
			_ = c.Close()
		})
	}
}

// The full path of caching_sha2_password without TLS: the password goes under the server's RSA key, which is asked
// for unless it is configured.
func TestLoginSha2RSA(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := wire.EncodePublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	decrypt := func(s *wiretest.Server) error {
		p, err := s.ReadPacket()
		if err != nil {
			return err
		}
		got, err := wire.DecryptPassword(key, p, []byte(wiretest.Salt))
		if err != nil || string(got) != password {
			return fmt.Errorf("password %q: %w", got, err)
		}
		return nil
	}
	begin := script{
		wiretest.Greet(greeting(wire.AuthCachingSha2, wiretest.ServerCaps)), wantAuth(sha2),
		wiretest.Send(&wire.AuthMoreData{Data: []byte{wire.Sha2FullAuth}}),
	}
	ask := script{wiretest.ExpectPacket(string([]byte{wire.Sha2RequestKey})), wiretest.Send(&wire.AuthMoreData{Data: pem})}
	end := script{decrypt, wiretest.SendOK(), wiretest.ExpectClose()}
	t.Run("asked", func(t *testing.T) {
		c, err := logIn(t, scriptedSource(wiretest.Listen(t, append(append(begin[:3:3], ask...), end...))), 0)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
	})
	t.Run("configured", func(t *testing.T) {
		ds := scriptedSource(wiretest.Listen(t, append(begin[:3:3], end...)))
		ds.ServerKey = &key.PublicKey
		c, err := logIn(t, ds, 0)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
	})
}

// sslRequestSize is an SSLRequest with its header, bytes.
const sslRequestSize = 36

// patientConn reads no further than the SSLRequest at first: clients send the TLS handshake right behind it.
type patientConn struct {
	net.Conn
	read int
}

func (c *patientConn) Read(p []byte) (int, error) {
	if left := sslRequestSize - c.read; left > 0 && len(p) > left {
		p = p[:left]
	}
	n, err := c.Conn.Read(p)
	c.read += n
	return n, err
}

// listenTLS is wiretest.Listen for one script that may switch to TLS.
func listenTLS(t *testing.T, s script) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			err = wiretest.Serve(&patientConn{Conn: c}, s...)
		}
		done <- err
	}()
	t.Cleanup(func() {
		_ = l.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// startTLS is the server's side of a switch to TLS.
func startTLS(cert tls.Certificate) wiretest.ServerStep {
	return func(s *wiretest.Server) error {
		p, err := s.ReadPacket()
		if err != nil {
			return err
		}
		if _, ok := wire.ParseSSLRequest(p); !ok {
			return fmt.Errorf("no SSLRequest: %q", p)
		}
		return s.Upgrade(tls.Server(s.Conn, &tls.Config{Certificates: []tls.Certificate{cert}}))
	}
}

func certificate(t *testing.T, host string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, roots
}

func TestLoginTLS(t *testing.T) {
	cert, roots := certificate(t, "db.example")
	caps := wiretest.ServerCaps | wire.CapSSL
	full := script{
		wiretest.Greet(greeting(wire.AuthCachingSha2, caps)), startTLS(cert), wantAuth(sha2),
		wiretest.Send(&wire.AuthMoreData{Data: []byte{wire.Sha2FullAuth}}),
		wiretest.ExpectPacket(password + "\x00"), wiretest.SendOK(),
		wiretest.ExpectCommand(wire.ComPing, ""), wiretest.SendOK(), wiretest.ExpectClose(),
	}
	clear := script{
		wiretest.Greet(greeting(wire.AuthNative, caps)), startTLS(cert), wantAuth(native),
		wiretest.Send(&wire.AuthSwitch{Plugin: wire.AuthClear}),
		wiretest.ExpectPacket(password + "\x00"), wiretest.SendOK(),
		wiretest.ExpectCommand(wire.ComPing, ""), wiretest.SendOK(), wiretest.ExpectClose(),
	}
	plain := script{
		wiretest.Greet(greeting(wire.AuthNative, wiretest.ServerCaps)), wantAuth(native), wiretest.SendOK(),
		wiretest.ExpectCommand(wire.ComPing, ""), wiretest.SendOK(), wiretest.ExpectClose(),
	}
	for name, tc := range map[string]struct {
		script script
		tls    TLS
		secure bool
	}{
		"verified, full password":      {full, TLS{Mode: TLSVerify, Config: &tls.Config{RootCAs: roots, ServerName: "db.example"}}, true},
		"required, not verified":       {full, TLS{Mode: TLSRequired}, true},
		"preferred, clear password":    {clear, TLS{Mode: TLSPreferred}, true},
		"preferred, but not on offer":  {plain, TLS{Mode: TLSPreferred}, false},
		"off, though it is not needed": {plain, TLS{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			ds := scriptedSource(listenTLS(t, tc.script))
			ds.TLS = tc.tls
			c, err := logIn(t, ds, 0)
			if err != nil {
				t.Fatal(err)
			}
			if c.Info().TLS != tc.secure {
				t.Errorf("encrypted: %t", c.Info().TLS)
			}
			eventually(t, "an idle encrypted connection is alive", c.Alive)
			if err := c.Ping(t.Context()); err != nil {
				t.Error(err)
			}
			_ = c.Close()
		})
	}
}

func TestLoginRefused(t *testing.T) {
	cert, roots := certificate(t, "db.example")
	greet := wiretest.Greet(greeting(wire.AuthNative, wiretest.ServerCaps))
	anyLogin := wiretest.ExpectLogin(nil)
	fails := func(step wiretest.ServerStep) wiretest.ServerStep { // the client hangs up
		return func(s *wiretest.Server) error {
			if step(s) == nil {
				return errors.New("the client went on")
			}
			return nil
		}
	}
	verify := TLS{Mode: TLSVerify, Config: &tls.Config{RootCAs: roots}}
	for name, tc := range map[string]struct {
		script script
		tls    TLS
		code   uint16 // of the server's ERR; 0: none
	}{
		"too many connections": {script{wiretest.Send(wire.Err{Error: sqlerr.TooManyConnections()})}, TLS{}, 1040},
		"access denied":        {script{greet, anyLogin, wiretest.Send(wire.Err{Error: sqlerr.AccessDenied("u", "h", true)})}, TLS{}, 1045},
		"unknown database":     {script{greet, anyLogin, wiretest.Send(wire.Err{Error: sqlerr.UnknownDatabase("shop")})}, TLS{}, 1049},
		"TLS not on offer":     {script{greet, wiretest.ExpectClose()}, TLS{Mode: TLSRequired}, 0},
		"wrong certificate": {script{
			wiretest.Greet(greeting(wire.AuthNative, wiretest.ServerCaps|wire.CapSSL)), startTLS(cert), fails(anyLogin),
		}, verify, 0},
		"clear password without TLS": {script{
			greet, anyLogin, wiretest.Send(&wire.AuthSwitch{Plugin: wire.AuthClear}), wiretest.ExpectClose(),
		}, TLS{}, 0},
		"unknown plug-in": {script{
			greet, anyLogin, wiretest.Send(&wire.AuthSwitch{Plugin: "dialog_of_tomorrow"}), wiretest.ExpectClose(),
		}, TLS{}, 0},
		"protocol of 1999":    {script{wiretest.SendPackets("\x093.21\x00"), wiretest.ExpectClose()}, TLS{}, sqlerr.CodeMalformedPacket},
		"closed at once":      {script{wiretest.Close()}, TLS{}, 0},
		"nonsense for an OK":  {script{greet, anyLogin, wiretest.SendPackets("\x42"), wiretest.ExpectClose()}, TLS{}, 0},
		"empty for an OK":     {script{greet, anyLogin, wiretest.SendPackets(""), wiretest.ExpectClose()}, TLS{}, 0},
		"no 4.1":              {script{wiretest.Greet(greeting("", wire.CapLongPassword)), wiretest.ExpectClose()}, TLS{}, 0},
		"a key not asked for": {script{greet, anyLogin, wiretest.Send(&wire.AuthMoreData{Data: []byte("key")}), wiretest.ExpectClose()}, TLS{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			ds := scriptedSource(listenTLS(t, tc.script))
			ds.TLS = tc.tls
			_, err := logIn(t, ds, 0)
			var e *Error
			if !errors.As(err, &e) || e.DataSource != "ds_0" || e.Op != "login" || !SafeToRetry(err) {
				t.Fatalf("error %v", err)
			}
			want := tc.code
			if want == 0 {
				want = sqlerr.CodeConnectToForeign
			}
			if got := sqlerr.As(err); got == nil || got.Code != want {
				t.Errorf("for the client %v, want %d", got, want)
			}
		})
	}
}

// A server that accepts and then says nothing.
func TestLoginTimeout(t *testing.T) {
	hold := make(chan struct{})
	ds := scriptedSource(wiretest.Listen(t, script{wiretest.WaitFor(hold)}))
	defer close(hold)
	ds.Limits.ConnectTimeout = 50 * time.Millisecond
	began := time.Now()
	_, err := logIn(t, ds, 0)
	if err == nil || time.Since(began) > 20*time.Second { // the script's time is 30 s
		t.Errorf("after %v: %v", time.Since(began), err)
	}
	if got := sqlerr.As(err); got == nil || got.Code != sqlerr.CodeConnectToForeign {
		t.Errorf("for the client: %v", got)
	}
}

// MariaDB's extended capabilities and flags that change answers are asked for exactly when they are wanted.
func TestNegotiatedCapabilities(t *testing.T) {
	maria := wiretest.ServerCaps&^wire.CapLongPassword | wire.CapMariaDBExtendedMetadata | wire.CapMariaDBCacheMetadata | wire.CapMariaDBBulk
	for name, tc := range map[string]struct {
		server  wire.Capability
		version string
		flags   Flags
		with    wire.Capability
		without wire.Capability
	}{
		"MySQL plain":   {wiretest.ServerCaps, "8.0.36", 0, wire.CapDeprecateEOF | wire.CapSessionTrack | wire.CapLongPassword, wire.CapFoundRows | wire.CapMultiStatements | wire.CapLocalFiles | wire.CapIgnoreSpace | wire.CapInteractive},
		"MySQL flags":   {wiretest.ServerCaps, "8.0.36", FlagCacheMetadata<<1 - 1, wire.CapFoundRows | wire.CapMultiStatements | wire.CapLocalFiles | wire.CapIgnoreSpace | wire.CapInteractive, wire.CapMariaDB},
		"MariaDB plain": {maria, "5.5.5-10.11.19-MariaDB", 0, wire.CapLongPassword, wire.CapMariaDB},
		"MariaDB flags": {maria, "5.5.5-10.11.19-MariaDB", FlagExtendedMetadata, wire.CapMariaDBExtendedMetadata, wire.CapLongPassword | wire.CapMariaDBCacheMetadata | wire.CapMariaDBBulk},
	} {
		t.Run(name, func(t *testing.T) {
			g := greeting(wire.AuthNative, tc.server)
			g.ServerVersion = tc.version
			check := wiretest.ExpectLogin(func(l *wire.Login) error {
				if !l.Capabilities.Has(tc.with) || l.Capabilities.Any(tc.without) {
					return fmt.Errorf("capabilities %x", uint64(l.Capabilities))
				}
				return nil
			})
			c, err := logIn(t, scriptedSource(wiretest.Listen(t, script{wiretest.Greet(g), check, wiretest.SendOK(), wiretest.ExpectClose()})), tc.flags)
			if err != nil {
				t.Fatal(err)
			}
			if !c.Info().Caps.Has(tc.with) {
				t.Errorf("agreed on %x", uint64(c.Info().Caps))
			}
			_ = c.Close()
		})
	}
}

// A server without a capability that changes answers is not used as if it had it.
func TestMissingFlagIsRefused(t *testing.T) {
	g := greeting(wire.AuthNative, wiretest.ServerCaps&^wire.CapFoundRows)
	addr := wiretest.Listen(t, script{wiretest.Greet(g), wiretest.ExpectClose()})
	if _, err := logIn(t, scriptedSource(addr), FlagFoundRows); !errors.Is(err, errFlags) {
		t.Errorf("error %v", err)
	}
}

// Results of a server without DEPRECATE_EOF, several of them, and prepared statements.
func TestOldServersResults(t *testing.T) {
	cols := []sqltypes.Column{{Name: "a", Type: sqltypes.VarString, Collation: 45}}
	old := wiretest.ServerCaps &^ (wire.CapDeprecateEOF | wire.CapSessionTrack)
	addr := wiretest.Listen(t, script{
		wiretest.Greet(greeting(wire.AuthNative, old)), wantAuth(native), wiretest.SendOK(),
		wiretest.ExpectQuery("q1"), wiretest.SendResult(cols, sqltypes.Row{[]byte("x")}, sqltypes.Row{nil}),
		wiretest.ExpectCommand(wire.ComStmtPrepare, "SELECT ?"),
		wiretest.Send(&wire.PrepareOK{StatementID: 3, Params: 1, Columns: 1}, &wire.ColumnDef{Column: cols[0]}),
		wiretest.SendPackets("\xfe\x00\x00\x02\x00"),
		wiretest.Send(&wire.ColumnDef{Column: cols[0]}), wiretest.SendPackets("\xfe\x00\x00\x02\x00"),
		wiretest.ExpectQuery("q2"), wiretest.Send(&wire.OK{Status: wire.StatusMoreResults}, &wire.OK{AffectedRows: 5, Status: wire.StatusInTrans}),
		wiretest.ExpectClose(),
	})
	c, err := logIn(t, scriptedSource(addr), 0)
	if err != nil {
		t.Fatal(err)
	}
	_, rows, err := c.QueryRows(t.Context(), "q1")
	if err != nil || len(rows) != 2 || string(rows[0][0]) != "x" || rows[1][0] != nil {
		t.Errorf("rows %q, %v", rows, err)
	}
	s, err := c.Prepare(t.Context(), "SELECT ?")
	if err != nil || s.ID != 3 || len(s.Params) != 1 || len(s.Columns) != 1 {
		t.Errorf("statement %+v, %v", s, err)
	}
	ok, err := c.Exec(t.Context(), "q2")
	if err != nil || ok.AffectedRows != 5 || !c.Status().Has(wire.StatusInTrans) {
		t.Errorf("ok %+v, %v", ok, err)
	}
	_ = c.Close()
}

// What a server sends to an idle connection, and its end, are seen without a round trip.
func TestAliveSeesLastWords(t *testing.T) {
	for name, last := range map[string]script{
		"closed": {wiretest.Close()},
		"ERR":    {wiretest.Send(wire.Err{Error: sqlerr.New(4031, "HY000", "disconnected because of inactivity")})},
	} {
		t.Run(name, func(t *testing.T) {
			more := make(chan struct{})
			s := script{wiretest.Accept(), wiretest.WaitFor(more)}
			c, err := logIn(t, scriptedSource(wiretest.Listen(t, append(s, last...))), 0)
			if err != nil {
				t.Fatal(err)
			}
			if !c.Alive() {
				t.Error("dead before its time")
			}
			close(more)
			eventually(t, "the end is seen", func() bool { return !c.Alive() })
		})
	}
}

// Whether bytes had left when a connection fails decides whether the statement may be repeated.
func TestErrorSaysWhatWasSent(t *testing.T) {
	addr := wiretest.Listen(t, script{wiretest.Accept(), wiretest.ExpectQuery("INSERT"), wiretest.Close()})
	c, err := logIn(t, scriptedSource(addr), 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Exec(context.Background(), "INSERT")
	var e *Error
	if !errors.As(err, &e) || !e.Sent || SafeToRetry(err) || sqlerr.As(err).Code != sqlerr.CodeErrorDuringComm {
		t.Errorf("after it was sent: %v", err)
	}
	_, err = c.Exec(context.Background(), "INSERT")
	if !errors.As(err, &e) || e.Sent || !SafeToRetry(err) || sqlerr.As(err).Code != sqlerr.CodeConnectToForeign {
		t.Errorf("before it was sent: %v", err)
	}
}
