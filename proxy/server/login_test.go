//go:build unix

package server

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/session"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/proxy/wire/wiretest"
	"github.com/heddle-mesh/heddle/router"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/rule"
)

// knows is a Catalogs with one database, shop, of which nothing is asked.
type knows struct{ snapshot *catalog.Snapshot }

func (k knows) Current() *catalog.Snapshot { return k.snapshot }
func (k knows) Load(context.Context, []router.Name) (*catalog.Snapshot, error) {
	return k.snapshot, nil
}
func (knows) LoadPrograms(_ context.Context, need *router.NeedPrograms) (*catalog.Snapshot, error) {
	return nil, need
}
func (knows) Forget(string, ...string) {}
func (knows) Epoch() uint64            { return 0 }

type accountsByName map[string]Account

func (a accountsByName) Account(user string) (Account, bool) {
	account, ok := a[user]
	return account, ok
}

// counted gives ids in their order.
type counted struct {
	mu   sync.Mutex
	last uint32
}

func (c *counted) Next() (uint32, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	return c.last, nil
}
func (*counted) Put(uint32) {}

const password = "a long password"

func testAccounts(t *testing.T) accountsByName {
	t.Helper()
	stored := wire.NativeStored([]byte(password))
	verifier, err := wire.NewSha2Verifier([]byte(password), []byte("01234567890123456789"))
	if err != nil {
		t.Fatal(err)
	}
	return accountsByName{
		"open":    {User: "open", Empty: true},
		"native":  {User: "native", Native: stored[:]},
		"caching": {User: "caching", Caching: []byte(verifier.String())},
		"secret":  {User: "secret", Password: func() (string, error) { return password, nil }},
		"broken":  {User: "broken", Password: func() (string, error) { return "", errors.New("no such variable") }},
		"one":     {User: "one", Empty: true, MaxConnections: 1},
		"fenced":  {User: "fenced", Empty: true, Databases: []string{"other"}},
	}
}

// serve starts a server and returns its address.
func serve(t *testing.T, mariaDB bool, settings Settings) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, newServer(t, mariaDB, settings), l)
}

func newServer(t *testing.T, mariaDB bool, settings Settings) *Server {
	t.Helper()
	doc, problems := rule.Parse([]byte("database: shop\ndefaults: {user: x}\ndata_sources: {ds: {address: \"127.0.0.1:1\"}}\n"))
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	layout, err := doc.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := catalog.New(0).WithRules(1, []*rule.Layout{layout})
	if err != nil {
		t.Fatal(err)
	}
	shared := &session.Server{
		Catalogs: knows{snapshot}, Log: zap.NewNop(), Version: "8.0.36", Flavour: parser.Flavour{MariaDB: mariaDB, Version: 80036},
		Initial: session.Initial{Autocommit: true, Tracking: map[string]string{"session_track_schema": "ON"}}, Config: session.Config{WaitTimeout: time.Minute, InteractiveTimeout: time.Minute, MaxPacket: 1 << 20},
		Collations: map[uint16]string{45: "utf8mb4_general_ci"},
	}
	if mariaDB {
		shared.Version, shared.Flavour.Version = "10.11.9-MariaDB", 101109
	}
	shared.Init()
	return New(Options{Accounts: testAccounts(t), Buffers: wire.NewPool(0), IDs: &counted{}, Log: zap.NewNop(), Settings: settings}, shared)
}

// serveOn has a server take clients on a listener.
func serveOn(t *testing.T, s *Server, l net.Listener) string {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := errors.Join(s.Shutdown(ctx), <-done); err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func dial(t *testing.T, addr string) *wiretest.Client {
	t.Helper()
	network := "tcp"
	if strings.HasPrefix(addr, "/") {
		network = "unix"
	}
	c, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // the tests may have closed it
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return wiretest.NewClient(c)
}

// attempt is the client's part of one login, as the parts of a test want it.
type attempt struct {
	user, password, database string
	plugin                   string          // that the client answers with at first
	without                  wire.Capability // of the usual ones
	with                     wire.Capability // on top of them
}

// play logs in by every step there is, and gives the ERR that came. The way tells how the password went: "switch", "fast",
// "clear", "RSA".
func (a attempt) play(c *wiretest.Client, secure bool) (way string, err error) {
	if err := c.Play(wiretest.ExpectGreeting(nil)); err != nil {
		return "", err
	}
	if secure {
		ask := &wire.SSLRequest{Capabilities: wiretest.ClientCaps | wire.CapSSL, MaxPacket: wire.MaxFrame, Collation: 45}
		if err := c.Play(wiretest.SendAnswer(ask)); err != nil {
			return "", err
		}
		inside := tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true})
		if err := c.Upgrade(inside); err != nil {
			return "", err
		}
	}
	salt := c.Greeting.Salt
	l := &wire.Login{Capabilities: wiretest.ClientCaps&^a.without | a.with, ZstdLevel: 3, MaxPacket: wire.MaxFrame, Collation: 45, User: a.user, AuthPlugin: a.plugin, Auth: a.scramble(a.plugin, salt)}
	if secure {
		l.Capabilities |= wire.CapSSL
	}
	if a.database != "" {
		l.Capabilities |= wire.CapConnectWithDB
		l.Database = a.database
	}
	if err := c.Play(wiretest.SendLogin(l)); err != nil {
		return "", err
	}
	return a.prove(c, salt, secure || c.Conn.LocalAddr().Network() == "unix")
}

// prove plays what follows the first answer.
func (a attempt) prove(c *wiretest.Client, salt []byte, secure bool) (way string, err error) {
	for {
		p, err := c.ReadPacket()
		switch {
		case err != nil:
			return way, err
		case wire.IsErr(p):
			return way, wire.ParseErr(p)
		case wire.IsOK(p):
			return way, nil
		case p[0] == 0xfe:
			next, err := wire.ParseAuthSwitch(p)
			if err != nil {
				return way, err
			}
			way += "switch "
			salt = append([]byte(nil), next.Salt...)
			if err := c.Play(wiretest.SendAnswer(wire.AuthResponse(a.scramble(next.Plugin, salt)))); err != nil {
				return way, err
			}
		case len(p) == 2 && p[1] == fastAuthOK:
			way += "fast"
		case len(p) == 2 && p[1] == fullAuthAsk && secure:
			way += "clear"
			if err := c.Play(wiretest.SendAnswer(wire.AuthResponse(wire.ClearPassword([]byte(a.password))))); err != nil {
				return way, err
			}
		case len(p) == 2 && p[1] == fullAuthAsk:
			way += "RSA"
			if err := c.Play(wiretest.SendAnswer(wire.AuthResponse{publicKeyAsk})); err != nil {
				return way, err
			}
		default:
			more, err := wire.ParseAuthMoreData(p)
			if err != nil {
				return way, err
			}
			key, err := wire.ParsePublicKey(more.Data)
			if err != nil {
				return way, err
			}
			sealed, err := wire.EncryptPassword(rand.Reader, key, []byte(a.password), salt)
			if err != nil {
				return way, err
			}
			if err := c.Play(wiretest.SendAnswer(wire.AuthResponse(sealed))); err != nil {
				return way, err
			}
		}
	}
}

func (a attempt) scramble(plugin string, salt []byte) []byte {
	switch {
	case a.password == "" && plugin == wire.AuthCachingSha2:
		return []byte{0} // as libmysqlclient says it
	case a.password == "":
		return nil
	case plugin == wire.AuthCachingSha2:
		return wire.Sha2Scramble([]byte(a.password), salt)
	}
	return wire.NativeScramble([]byte(a.password), salt)
}

// usable reports whether the session behind the login answers.
func usable(c *wiretest.Client) error {
	return c.Play(wiretest.SendCommand(wire.Bare(wire.ComPing)), wiretest.ExpectOK(nil))
}

func TestLogins(t *testing.T) {
	const native, caching = wire.AuthNative, wire.AuthCachingSha2
	certificate := &tls.Config{Certificates: []tls.Certificate{testCertificate(t)}}
	addr := map[bool]string{false: serve(t, false, Settings{TLS: certificate}), true: serve(t, true, Settings{TLS: certificate})}
	for _, c := range []struct {
		name    string
		mariaDB bool
		tls     bool
		attempt
		way  string
		code uint16 // 0: it is let in
	}{
		{"no password", false, false, attempt{user: "open", plugin: native}, "", 0},
		{"no password, by a plug-in that is not known", false, false, attempt{user: "open", plugin: "dummy_fallback_auth"}, "switch ", 0},
		{"no password, by a plug-in that is not known, before MariaDB", true, false, attempt{user: "open", plugin: "dummy_fallback_auth"}, "switch ", 0},
		{"a password that is none, by a plug-in that is not known", false, false, attempt{user: "open", plugin: "dummy_fallback_auth", password: "x"}, "switch ", 1045},
		{"a password that is none", false, false, attempt{user: "open", plugin: native, password: "x"}, "", 1045},
		{"native", true, false, attempt{user: "native", plugin: native, password: password}, "", 0},
		{"native, wrong", true, false, attempt{user: "native", plugin: native, password: "x"}, "", 1045},
		{"native, no password", true, false, attempt{user: "native", plugin: native}, "", 1045},
		{"native, switched to", false, false, attempt{user: "native", plugin: caching, password: password}, "switch ", 0},
		{"native, switched to, wrong", false, false, attempt{user: "native", plugin: caching, password: "x"}, "switch ", 1045},
		{"native, a client that cannot switch", false, false, attempt{user: "caching", plugin: native, password: password, without: wire.CapPluginAuth}, "", 1043},
		{"caching, wrong by RSA", false, false, attempt{user: "caching", plugin: caching, password: "x"}, "RSA", 1045},
		{"caching, wrong by TLS", false, true, attempt{user: "caching", plugin: caching, password: "x"}, "clear", 1045},
		{"caching by RSA", false, false, attempt{user: "caching", plugin: caching, password: password}, "RSA", 0},
		{"caching by the digest", false, false, attempt{user: "caching", plugin: caching, password: password}, "fast", 0},
		{"caching by the digest, wrong", false, false, attempt{user: "caching", plugin: caching, password: "x"}, "", 1045},
		{"caching, switched to, by TLS", true, true, attempt{user: "caching", plugin: native, password: password}, "switch clear", 0},
		{"caching, no password", false, false, attempt{user: "caching", plugin: caching}, "", 1045},
		{"a secret by native", true, false, attempt{user: "secret", plugin: native, password: password}, "", 0},
		{"a secret by caching", false, false, attempt{user: "secret", plugin: caching, password: password}, "fast", 0},
		{"a secret, wrong", false, false, attempt{user: "secret", plugin: caching, password: "x"}, "", 1045},
		{"nobody, native", true, false, attempt{user: "nobody", plugin: native, password: "x"}, "", 1045},
		{"nobody, caching", false, false, attempt{user: "nobody", plugin: caching, password: "x"}, "RSA", 1045},
		{"nobody, no password", true, false, attempt{user: "nobody", plugin: native}, "", 1045},
		{"no password by caching", false, false, attempt{user: "open", plugin: caching}, "", 0},
		{"native, switched to, no password", true, false, attempt{user: "native", plugin: caching}, "switch ", 1045},
		{"caching, switched to, no password", true, false, attempt{user: "caching", plugin: native}, "switch ", 1045},
		{"a secret, no password, by native", true, false, attempt{user: "secret", plugin: native}, "", 1045},
		{"a secret, no password, by caching", false, false, attempt{user: "secret", plugin: caching}, "", 1045},
		{"nobody, no password, by caching", false, false, attempt{user: "nobody", plugin: caching}, "", 1045},
		{"nobody, no password, switched", true, false, attempt{user: "nobody", plugin: caching}, "switch ", 1045},
		{"a database", false, false, attempt{user: "open", plugin: native, database: "shop"}, "", 0},
		{"an unknown database", false, false, attempt{user: "open", plugin: native, database: "nope"}, "", 1049},
		{"a database of others", false, false, attempt{user: "fenced", plugin: native, database: "shop"}, "", 1044},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := dial(t, addr[c.mariaDB])
			way, err := c.play(client, c.tls)
			if got := number(err); way != c.way || got != c.code || err != nil && got == 0 {
				t.Fatalf("%q, %v; want %q and error %d", way, err, c.way, c.code)
			}
			using := map[bool]string{false: "(using password: NO)", true: "(using password: YES)"}[c.password != ""]
			if c.code == 1045 && !strings.HasSuffix(err.Error(), using) {
				t.Errorf("%v, want %s", err, using)
			}
			if c.code == 0 {
				err = usable(client)
			} else {
				err = client.Play(wiretest.ExpectClosed())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// A client that becomes another proves it as at a login: over TLS and a socket of this machine by the password as it is, else under the RSA key.
func TestChangeUser(t *testing.T) {
	certificate := &tls.Config{Certificates: []tls.Certificate{testCertificate(t)}}
	for _, c := range []struct {
		network, address, way string
		tls                   bool
	}{
		{"tcp", "127.0.0.1:0", "RSA", false}, {"tcp", "127.0.0.1:0", "clear", true},
		{"unix", filepath.Join(t.TempDir(), "s"), "clear", false},
	} {
		t.Run(fmt.Sprint(c.network, c.tls), func(t *testing.T) {
			l, err := net.Listen(c.network, c.address)
			if err != nil {
				t.Fatal(err)
			}
			client := dial(t, serveOn(t, newServer(t, false, Settings{TLS: certificate}), l))
			if _, err := (attempt{user: "open", plugin: wire.AuthNative}).play(client, c.tls); err != nil {
				t.Fatal(err)
			}
			a := attempt{user: "caching", password: password, plugin: wire.AuthCachingSha2}
			change := &wire.ChangeUser{User: a.user, Auth: a.scramble(a.plugin, client.Greeting.Salt), AuthPlugin: a.plugin}
			if err := client.Play(wiretest.SendCommand(change)); err != nil {
				t.Fatal(err)
			}
			if way, err := a.prove(client, client.Greeting.Salt, c.way == "clear"); err != nil || way != c.way {
				t.Fatalf("%q, %v; want %q", way, err, c.way)
			}
			if err := usable(client); err != nil {
				t.Error(err)
			}
		})
	}
}

// Over a socket of this machine clients send a password as it is, and need no TLS.
func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	addr := serveOn(t, newServer(t, false, Settings{TLS: &tls.Config{Certificates: []tls.Certificate{testCertificate(t)}}, RequireTLS: true}), l)
	client := dial(t, addr)
	way, err := attempt{user: "caching", plugin: wire.AuthCachingSha2, password: password}.play(client, false)
	if err != nil || way != "clear" || usable(client) != nil {
		t.Errorf("%q, %v", way, err)
	}
}

// TestCompressedLogins compresses what follows the login by each algorithm, of which a MariaDB server has no zstd.
func TestCompressedLogins(t *testing.T) {
	for _, c := range []struct {
		mariaDB bool
		asks    wire.Capability
		by      wire.Algorithm
	}{{false, wire.CapCompress, wire.Zlib}, {false, wire.CapZstd, wire.Zstd}, {true, wire.CapCompress, wire.Zlib}} {
		t.Run(fmt.Sprint(c.mariaDB, c.asks), func(t *testing.T) {
			client := dial(t, serve(t, c.mariaDB, Settings{}))
			if _, err := (attempt{user: "open", plugin: wire.AuthNative, with: c.asks}).play(client, false); err != nil {
				t.Fatal(err)
			}
			if err := client.Compress(c.by, 3); err != nil {
				t.Fatal(err)
			}
			ping := func() error {
				return client.Play(wiretest.SendCommand(wire.Bare(wire.ComPing)), wiretest.ExpectOK(nil))
			}
			long := wire.InitDB(strings.Repeat("warp and weft ", 50_000)) // of several frames
			unknown := client.Play(wiretest.SendCommand(long), wiretest.ExpectErr(1049))
			if err := errors.Join(ping(), unknown, ping()); err != nil {
				t.Fatal(err)
			}
		})
	}
	client := dial(t, serve(t, true, Settings{}))
	if err := client.Play(wiretest.ExpectGreeting(nil)); err != nil || client.Greeting.Capabilities.Has(wire.CapZstd) {
		t.Errorf("zstd before MariaDB's servers: %v", err)
	}
}

// number is a server's error number; 0 for any other error.
func number(err error) uint16 {
	if e := sqlerr.As(err); e != nil {
		return e.Code
	}
	return 0
}

// An account whose secret cannot be read lets nobody in, and tells the client nothing of it.
func TestUnreadableSecret(t *testing.T) {
	client := dial(t, serve(t, true, Settings{}))
	_, err := attempt{user: "broken", plugin: wire.AuthNative, password: password}.play(client, false)
	if err == nil || number(err) != 0 {
		t.Errorf("%v, want the end of the connection", err)
	}
}

func TestTLSRequired(t *testing.T) {
	addr := serve(t, true, Settings{TLS: &tls.Config{Certificates: []tls.Certificate{testCertificate(t)}}, RequireTLS: true})
	if _, err := (attempt{user: "open", plugin: wire.AuthNative}).play(dial(t, addr), false); number(err) != 3159 {
		t.Errorf("without TLS: %v", err)
	}
	client := dial(t, addr)
	if _, err := (attempt{user: "open", plugin: wire.AuthNative}).play(client, true); err != nil || usable(client) != nil {
		t.Errorf("with TLS: %v", err)
	}
}

// A client that does not say who it is is told so after the handshake's time, and its place is free again.
func TestSlowHandshake(t *testing.T) {
	addr := serve(t, true, Settings{HandshakeTime: 50 * time.Millisecond, MaxConnections: 1})
	client := dial(t, addr)
	if err := client.Play(wiretest.ExpectGreeting(nil)); err != nil {
		t.Fatal(err)
	}
	client.Caps = wiretest.ClientCaps
	if err := client.Play(wiretest.ExpectErr(1043), wiretest.ExpectClosed()); err != nil {
		t.Error(err)
	}
	again := dial(t, addr)
	for tries := 1; ; tries++ {
		_, err := attempt{user: "open", plugin: wire.AuthNative}.play(again, false)
		if err == nil {
			break
		}
		if number(err) == 1040 || tries == 50 {
			t.Fatalf("after %d tries: %v", tries, err)
		}
		for err = nil; err == nil; { // a busy machine has not come to it in the handshake's time
			_, err = again.ReadPacket()
		}
		again = dial(t, addr)
	}
	<-time.After(100 * time.Millisecond) // the handshake's time is not the session's
	if err := usable(again); err != nil {
		t.Error(err)
	}
}

func TestTooMany(t *testing.T) {
	addr := serve(t, true, Settings{MaxConnections: 2})
	first, second := dial(t, addr), dial(t, addr)
	if _, err := (attempt{user: "one", plugin: wire.AuthNative}).play(first, false); err != nil {
		t.Fatal(err)
	}
	if _, err := (attempt{user: "one", plugin: wire.AuthNative}).play(second, false); number(err) != 1203 && number(err) != 1226 {
		t.Errorf("a second connection of an account that may have one: %v", err)
	}
	if err := second.Play(wiretest.ExpectClosed()); err != nil {
		t.Fatal(err)
	}
	third := dial(t, addr)
	if _, err := (attempt{user: "open", plugin: wire.AuthNative}).play(third, false); err != nil {
		t.Fatal(err)
	}
	if err := dial(t, addr).Play(wiretest.ExpectErr(1040), wiretest.ExpectClosed()); err != nil {
		t.Errorf("a third connection of two: %v", err)
	}
	if err := first.Play(wiretest.SendCommand(wire.Bare(wire.ComQuit)), wiretest.ExpectClosed()); err != nil {
		t.Fatal(err)
	}
	if _, err := (attempt{user: "one", plugin: wire.AuthNative}).play(dial(t, addr), false); err != nil {
		t.Errorf("when the first has left: %v", err)
	}
}

// What is no login ends the connection, in bounded memory.
func TestBrokenLogins(t *testing.T) {
	addr := serve(t, true, Settings{HandshakeTime: 10 * time.Second})
	for name, bytes := range map[string]string{
		"nothing in the packet": "\x00\x00\x00\x01", "a short packet": "\x03\x00\x00\x01abc", "another sequence": "\x03\x00\x00\x07abc",
		"a packet that is too long": "\xff\xff\xff\x01" + string(make([]byte, 70_000)),
	} {
		client := dial(t, addr)
		err := client.Play(wiretest.ExpectGreeting(nil), wiretest.SendRaw(bytes))
		if err != nil {
			t.Fatal(err)
		}
		for err == nil { // an ERR may come first
			_, err = client.ReadPacket()
		}
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			t.Errorf("%s: the connection stays open", name)
		}
	}
	client := dial(t, addr)
	if _, err := (attempt{user: "open", plugin: wire.AuthNative}).play(client, false); err != nil {
		t.Error(err)
	}
}

// Who wants to be told of the session hears of the database that the login has chosen.
func TestLoginTellsDatabase(t *testing.T) {
	addr := serve(t, true, Settings{MaxConnections: 10, HandshakeTime: 10 * time.Second, MaxPacket: 1 << 20})
	for database, want := range map[string]string{"": "", "shop": "\x01\x05\x04shop"} {
		c := dial(t, addr)
		if err := c.Play(wiretest.LogIn("open", "", database)); err != nil {
			t.Fatal(err)
		}
		if got := string(c.LoggedIn.Track); got != want || c.LoggedIn.Status.Has(wire.StatusSessionStateChanged) != (want != "") {
			t.Errorf("database %q: %q under %#x", database, got, c.LoggedIn.Status)
		}
	}
}
