package server

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"net"
	"sync"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/session"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// digests are what the fast path of caching_sha2_password compares with, learnt at full logins: by user, with the
// verifier that the password was checked against, so that a changed password forgets the old digest.
type digests struct {
	mu    sync.RWMutex // guards known
	known map[string]digest
}

type digest struct {
	verifier string
	sum      [sha256.Size]byte
}

func (d *digests) get(user, verifier string) ([sha256.Size]byte, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	k, ok := d.known[user]
	return k.sum, ok && k.verifier == verifier
}

func (d *digests) put(user, verifier string, sum [sha256.Size]byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil {
		d.known = map[string]digest{}
	}
	d.known[user] = digest{verifier, sum}
}

// newServerKey returns the RSA key by which clients send passwords over unencrypted connections, made when it is first
// needed: most processes never need it.
func newServerKey() func() (*rsa.PrivateKey, error) {
	return sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })
}

// defaultPlugin is the one that the greeting names, as servers of the claimed flavour do.
func (s *Server) defaultPlugin() string {
	if s.shared.Flavour.MariaDB || s.shared.Flavour.Version < 80000 {
		return wire.AuthNative
	}
	return wire.AuthCachingSha2
}

// authentication is the exchange that proves an account, at login or at COM_CHANGE_USER.
type authentication struct {
	server *Server
	stream *wire.ServerStream
	conn   net.Conn
	salt   []byte

	user    string
	plugin  string // that the client used for first; "": it did not say
	first   []byte // its first answer
	plugins bool   // the client can switch plug-ins
}

// run returns the account, or sqlerr.AccessDenied. A user that does not exist takes the same steps as one that does.
func (a *authentication) run() (Account, error) {
	account, known := a.server.opts.Accounts.Account(a.user)
	if account.Empty && known {
		return account, a.empty()
	}
	want, err := a.verifierPlugin(&account, known)
	if err != nil {
		return account, err
	}
	if a.plugin == "" {
		a.plugin = wire.AuthNative
	}
	if a.plugin != want {
		if err := a.switchTo(want); err != nil {
			return account, err
		}
	}
	var ok bool
	if want == wire.AuthNative {
		ok, err = a.native(&account)
	} else {
		ok, err = a.caching(&account)
	}
	if err != nil {
		return account, err
	}
	if !ok || !known {
		return account, a.denied()
	}
	return account, nil
}

func (a *authentication) denied() error {
	host, _, err := net.SplitHostPort(a.conn.RemoteAddr().String())
	if err != nil {
		host = "localhost"
	}
	return sqlerr.AccessDenied(a.user, host, a.withPassword())
}

// withPassword reports whether the client has given a password. caching_sha2_password says with a NUL that there is none.
func (a *authentication) withPassword() bool {
	return len(a.first) > 1 || len(a.first) == 1 && a.first[0] != 0
}

// empty lets in an account without a password, whose client must not have sent one. A client that answers with a plug-in that is not
// known here expects to be asked to switch, and would take the OK for a part of its plug-in's own exchange: libmariadb does so with
// "dummy_fallback_auth", when two threads of a process load a plug-in at a time.
func (a *authentication) empty() error {
	if a.plugins && a.plugin != "" && a.plugin != wire.AuthNative && a.plugin != wire.AuthCachingSha2 {
		if err := a.switchTo(a.server.defaultPlugin()); err != nil {
			return err
		}
	}
	if !a.withPassword() {
		return nil
	}
	return a.denied()
}

// verifierPlugin is the plug-in that the account's verifier needs; with a clear password, whichever the client uses.
func (a *authentication) verifierPlugin(account *Account, known bool) (string, error) {
	switch {
	case !known:
		return a.server.defaultPlugin(), nil
	case account.Native != nil:
		return wire.AuthNative, nil
	case account.Caching != nil:
		return wire.AuthCachingSha2, nil
	case a.plugin == wire.AuthCachingSha2:
		return wire.AuthCachingSha2, nil
	}
	return wire.AuthNative, nil
}

// switchTo has the client answer with another plug-in.
func (a *authentication) switchTo(plugin string) error {
	if !a.plugins {
		return sqlerr.BadHandshake()
	}
	salt, err := newSalt()
	if err != nil {
		return err
	}
	a.salt, a.plugin = salt, plugin
	if err := a.say(&wire.AuthSwitch{Plugin: plugin, Salt: salt}); err != nil {
		return err
	}
	a.first, err = a.hear()
	return err
}

func (a *authentication) say(m wire.ServerMessage) error {
	if err := a.stream.Send(m); err != nil {
		return err
	}
	return a.stream.Flush()
}

func (a *authentication) hear() ([]byte, error) {
	p, err := a.stream.ReadPacket()
	if err != nil {
		return nil, err
	}
	return append([]byte(nil), p...), nil
}

// native checks a mysql_native_password answer.
func (a *authentication) native(account *Account) (bool, error) {
	stored := [sha1.Size]byte{}
	switch {
	case len(account.Native) == sha1.Size:
		copy(stored[:], account.Native)
	case account.Password != nil:
		password, err := account.Password()
		if err != nil {
			return false, fmt.Errorf("password of account %s: %w", a.user, err)
		}
		if password == "" {
			return len(a.first) == 0, nil
		}
		stored = wire.NativeStored([]byte(password))
	default:
		return false, nil
	}
	return len(a.first) > 0 && wire.VerifyNative(a.first, a.salt, stored), nil
}

// The bytes that caching_sha2_password says in between.
const (
	fastAuthOK   = 3
	fullAuthAsk  = 4
	publicKeyAsk = 2
)

// caching checks a caching_sha2_password answer: by the cached digest, else by the password itself, which comes over
// TLS or a socket of this machine as it is and otherwise under the server's RSA key.
func (a *authentication) caching(account *Account) (bool, error) {
	if !a.withPassword() {
		return false, nil
	}
	verifier := string(account.Caching)
	if sum, ok := a.digest(account, verifier); ok {
		if !wire.VerifySha2Fast(a.first, a.salt, sum) {
			return false, nil
		}
		return true, a.say(&wire.AuthMoreData{Data: []byte{fastAuthOK}})
	}
	if err := a.say(&wire.AuthMoreData{Data: []byte{fullAuthAsk}}); err != nil {
		return false, err
	}
	password, err := a.password()
	if err != nil {
		return false, err
	}
	stored, err := wire.ParseSha2Verifier(verifier)
	if err != nil || !stored.Verify(password) {
		return false, nil // an unknown user has no verifier
	}
	a.server.sha2.put(account.User, verifier, wire.Sha2Digest(password))
	return true, nil
}

// digest is what the fast path needs, where it is known.
func (a *authentication) digest(account *Account, verifier string) ([sha256.Size]byte, bool) {
	if account.Password != nil {
		password, err := account.Password()
		return wire.Sha2Digest([]byte(password)), err == nil && password != ""
	}
	return a.server.sha2.get(account.User, verifier)
}

// private reports whether nobody else reads what a connection carries: clients then send a password as it is.
func private(conn net.Conn) bool {
	_, encrypted := conn.(*tls.Conn)
	return encrypted || conn.LocalAddr().Network() == "unix"
}

// password reads the password in clear or under the RSA key.
func (a *authentication) password() ([]byte, error) {
	p, err := a.hear()
	if err != nil {
		return nil, err
	}
	if private(a.conn) {
		return wire.ParseClearPassword(p), nil
	}
	key, err := a.server.key()
	if err != nil {
		return nil, fmt.Errorf("make the RSA key: %w", err)
	}
	if len(p) == 1 && p[0] == publicKeyAsk {
		pem, err := wire.EncodePublicKey(&key.PublicKey)
		if err != nil {
			return nil, err
		}
		if err := a.say(&wire.AuthMoreData{Data: pem}); err != nil {
			return nil, err
		}
		if p, err = a.hear(); err != nil {
			return nil, err
		}
	}
	password, err := wire.DecryptPassword(key, p, a.salt)
	if err != nil {
		return nil, a.denied()
	}
	return password, nil
}

// ChangeUser implements session.Authenticator.
func (s *Server) ChangeUser(client *wire.ServerStream, conn net.Conn, before session.Identity, salt []byte, request *wire.ChangeUser) (session.Identity, error) {
	a := authentication{
		server: s, stream: client, conn: conn, salt: salt,
		user: request.User, plugin: request.AuthPlugin, first: request.Auth,
		plugins: client.Caps.Has(wire.CapPluginAuth),
	}
	account, err := a.run()
	if err != nil {
		return session.Identity{}, err
	}
	who := identity(account, conn, request.Attrs)
	who.WithPassword = a.withPassword()
	if err := s.registry.login(who.User, account.MaxConnections); err != nil {
		return session.Identity{}, err
	}
	s.registry.logout(before.User)
	return who, nil
}
