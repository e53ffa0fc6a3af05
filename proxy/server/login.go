package server

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/tcp"
	"github.com/heddle-mesh/heddle/proxy/session"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// serverCaps is what Heddle offers to clients of either flavour.
const serverCaps = wire.CapFoundRows | wire.CapLongFlag | wire.CapConnectWithDB | wire.CapODBC | wire.CapLocalFiles |
	wire.CapIgnoreSpace | wire.CapProtocol41 | wire.CapInteractive | wire.CapIgnoreSigpipe | wire.CapTransactions |
	wire.CapReserved | wire.CapSecureConnection | wire.CapMultiStatements | wire.CapMultiResults |
	wire.CapPSMultiResults | wire.CapPluginAuth | wire.CapConnectAttrs | wire.CapPluginAuthLenenc |
	wire.CapSessionTrack | wire.CapDeprecateEOF | wire.CapCompress

// loginPacket is the longest packet that a client may send before it is known, bytes.
const loginPacket = 64 << 10

// login is one client's handshake.
type login struct {
	server *Server
	// settings are those of the login's beginning.
	settings *Settings
	conn     net.Conn
	stream   *wire.ServerStream
	id       uint32
	salt     []byte

	database  string
	collation uint16
}

// offered is what the greeting offers.
func (l *login) offered() wire.Capability {
	caps := serverCaps
	if l.settings.TLS != nil {
		caps |= wire.CapSSL
	}
	if l.server.shared.Flavour.MariaDB {
		caps |= wire.CapMariaDBExtendedMetadata
	} else {
		caps |= wire.CapLongPassword | wire.CapQueryAttributes | wire.CapZstd
	}
	return caps
}

// firstStatus is the status of a session that has done nothing.
func (s *Server) firstStatus() wire.Status {
	if s.shared.Initial.Autocommit {
		return wire.StatusAutocommit
	}
	return 0
}

// newSalt makes 20 bytes without NUL or '$', as servers do.
func newSalt() ([]byte, error) {
	salt := make([]byte, wire.SaltSize)
	if _, err := rand.Read(salt); err != nil {
		return nil, fmt.Errorf("make a salt: %w", err)
	}
	for i, c := range salt {
		if c &= 0x7f; c == 0 || c == '$' {
			c++
		}
		salt[i] = c
	}
	return salt, nil
}

// run does the whole exchange, within its time, up to the OK. What is wrong has been told to the client.
func (l *login) run() (session.Identity, error) {
	if err := l.conn.SetDeadline(time.Now().Add(l.settings.HandshakeTime)); err != nil {
		return session.Identity{}, err
	}
	if l.server.isDraining() { // it may just have undone what hurry had set
		_ = l.conn.SetDeadline(time.Now().Add(tcp.PartTime)) // fails only on a closed connection
	}
	l.stream = wire.NewServerStream(l.conn, wire.Config{Pool: l.server.opts.Buffers, MaxPacket: loginPacket})
	who, counted, err := l.exchange()
	if err != nil {
		if counted {
			l.server.registry.logout(who.User)
		}
		l.tell(err)
		return who, err
	}
	l.stream.SetMaxPacket(l.settings.MaxPacket)
	return who, l.conn.SetDeadline(time.Time{})
}

// tell sends the error, if it is one for the client.
func (l *login) tell(err error) {
	e := sqlerr.As(err)
	var timeout net.Error
	if e == nil && !(errors.As(err, &timeout) && timeout.Timeout()) {
		return
	}
	switch {
	case e != nil:
	case l.server.isDraining():
		e = sqlerr.ShuttingDown()
	default:
		e = sqlerr.BadHandshake()
	}
	_ = l.conn.SetWriteDeadline(time.Now().Add(time.Second))
	if l.stream.Send(wire.Err{Error: e}) == nil {
		_ = l.stream.Flush() // the connection ends in any case
	}
}

func (l *login) exchange() (who session.Identity, counted bool, err error) {
	answer, err := l.greet()
	if err != nil {
		return who, false, err
	}
	if l.settings.RequireTLS && !private(l.conn) {
		return who, false, sqlerr.TLSRequired()
	}
	l.stream.Caps = answer.Capabilities & l.offered()
	l.collation = uint16(answer.Collation)
	a := authentication{
		server: l.server, stream: l.stream, conn: l.conn, salt: l.salt,
		user: answer.User, plugin: answer.AuthPlugin, first: answer.Auth,
		plugins: l.stream.Caps.Has(wire.CapPluginAuth),
	}
	account, err := a.run()
	if err != nil {
		return who, false, err
	}
	who = identity(account, l.conn, answer.Attrs)
	who.WithPassword = a.withPassword()
	if err := l.server.registry.login(who.User, account.MaxConnections); err != nil {
		return who, false, err
	}
	if l.database = answer.Database; l.database != "" {
		if err := l.server.shared.MayOpen(who, l.database); err != nil {
			return who, true, err
		}
	}
	if err := l.stream.Send(&wire.OK{Status: l.server.firstStatus(), Track: l.server.shared.Initial.LoginTrack(l.database)}); err != nil {
		return who, true, err
	}
	if err := l.stream.Flush(); err != nil {
		return who, true, err
	}
	return who, true, l.compress(answer)
}

// greet sends the greeting and reads the client's answer, through TLS if it asks for that.
func (l *login) greet() (*wire.Login, error) {
	s := l.server
	var err error
	if l.salt, err = newSalt(); err != nil {
		return nil, err
	}
	greeting := wire.Greeting{
		ServerVersion: s.shared.Version, ConnectionID: l.id, Salt: l.salt, Capabilities: l.offered(),
		Collation: s.opts.Collation, Status: s.firstStatus(), AuthPlugin: s.defaultPlugin(),
	}
	if err := l.stream.Send(&greeting); err != nil {
		return nil, err
	}
	if err := l.stream.Flush(); err != nil {
		return nil, err
	}
	p, err := l.stream.ReadPacket()
	if err != nil {
		return nil, err
	}
	if request, ok := wire.ParseSSLRequest(p); ok && l.settings.TLS != nil && request.Capabilities.Has(wire.CapSSL) {
		if p, err = l.encrypt(); err != nil {
			return nil, err
		}
	}
	answer, err := wire.ParseLogin(p)
	if err != nil {
		return nil, err
	}
	answer.Auth = append([]byte(nil), answer.Auth...)
	return answer, nil
}

// encrypt switches to TLS and reads the login that follows inside.
func (l *login) encrypt() ([]byte, error) {
	// A client need not wait after its request: the beginning of its handshake may have come with it.
	secured := tls.Server(&prefixed{Conn: l.conn, first: l.stream.TakeBuffered()}, l.settings.TLS)
	if err := l.stream.Upgrade(secured); err != nil {
		return nil, err
	}
	if err := secured.Handshake(); err != nil {
		return nil, fmt.Errorf("TLS with the client: %w", err)
	}
	l.conn = secured
	return l.stream.ReadPacket()
}

// prefixed is a connection of which some bytes have been read already.
type prefixed struct {
	net.Conn
	first []byte
}

// NetConn is the connection below.
func (p *prefixed) NetConn() net.Conn { return p.Conn }

// Read gives the bytes that were read ahead before it reads on.
func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.first) == 0 {
		return p.Conn.Read(b)
	}
	n := copy(b, p.first)
	p.first = p.first[n:]
	return n, nil
}

// compress switches to the compressed protocol where both ends want it.
func (l *login) compress(answer *wire.Login) error {
	switch caps := l.stream.Caps; {
	case caps.Has(wire.CapCompress):
		return l.stream.Compress(wire.Zlib, 0)
	case caps.Has(wire.CapZstd):
		return l.stream.Compress(wire.Zstd, int(answer.ZstdLevel))
	}
	return nil
}

// identity is who an account's client is.
func identity(account Account, conn net.Conn, attrs []wire.Attr) session.Identity {
	host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		host = "localhost"
	}
	who := session.Identity{User: account.User, Host: host, Databases: account.Databases, Admin: account.Admin, Transactions: account.Transactions}
	if len(attrs) > 0 {
		who.Attributes = make(map[string]string, len(attrs))
		for _, a := range attrs {
			who.Attributes[a.Name] = a.Value
		}
	}
	return who
}
