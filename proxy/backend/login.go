package backend

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/proxy/wire"
)

var (
	errNoTLS   = errors.New("the server does not offer TLS, which the data source requires")
	errTooOld  = errors.New("the server does not speak the 4.1 protocol with authentication plug-ins")
	errFlags   = errors.New("the server does not offer the capabilities that the client's answers depend on")
	errAnswers = errors.New("the server sent something else than its part of a login")
)

// alwaysAsked are the capabilities that a connection takes wherever the server offers them. Compression is not among
// them: backends are near. Query attributes are not, as MariaDB lacks them.
const alwaysAsked = wire.CapLongFlag | wire.CapProtocol41 | wire.CapTransactions | wire.CapSecureConnection |
	wire.CapMultiResults | wire.CapPSMultiResults | wire.CapPluginAuth | wire.CapPluginAuthLenenc |
	wire.CapSessionTrack | wire.CapDeprecateEOF

const required = wire.CapProtocol41 | wire.CapSecureConnection

// clientMaxPacket is what the login announces as our limit of a packet; servers cut nothing by it.
const clientMaxPacket = 1 << 30

// login takes c from the server's greeting to its OK.
func (c *Conn) login(ctx context.Context, flags Flags, schema string) error {
	p, err := c.stream.ReadPacket()
	if err != nil {
		return fmt.Errorf("read greeting: %w", err)
	}
	greeting, err := wire.ParseGreeting(p)
	if err != nil {
		return err
	}
	caps := c.negotiate(greeting, flags, schema)
	if !caps.Has(required) {
		return errTooOld
	}
	if !caps.Has(flags.capabilities() & mustHave) {
		return errFlags
	}
	if caps, err = c.encrypt(ctx, greeting, caps); err != nil {
		return err
	}
	auth := authenticator{c: c, plugin: greeting.AuthPlugin, salt: slices.Clone(greeting.Salt)}
	if auth.plugin == "" {
		auth.plugin = wire.AuthNative
	}
	first, err := auth.first()
	if err != nil {
		// Another plug-in's data would be read as this one's; an empty answer makes the server name the account's.
		auth.plugin, first = wire.AuthNative, nil
	}
	c.stream.Caps = caps
	err = c.stream.Send(&wire.Login{
		Capabilities: caps, MaxPacket: clientMaxPacket, Collation: connectCollationID,
		User: c.ds.User, Auth: first, Database: schema, AuthPlugin: auth.plugin, Attrs: c.attrs(),
	})
	if err == nil {
		err = c.stream.Flush()
	}
	if err != nil {
		return fmt.Errorf("send login: %w", err)
	}
	ok, err := auth.run()
	if err != nil {
		return err
	}
	c.loggedIn(greeting, flags, schema, ok)
	return nil
}

func (c *Conn) loggedIn(g *wire.Greeting, flags Flags, schema string, ok wire.OK) {
	_, encrypted := c.net.(*tls.Conn)
	c.info = Info{
		DataSource: c.ds.Name, Flags: flags, ServerVersion: g.Version(), Flavour: flavourOf(g),
		ThreadID: g.ConnectionID, Caps: c.stream.Caps, TLS: encrypted,
	}
	c.status = ok.Status
	c.applied = applied{
		schema: schema, vars: map[string]string{}, user: map[string]string{}, flags: flags, flavour: c.info.Flavour,
	}
	c.stream.Reader.Release()
}

// negotiate is what both sides can and the data source wants.
func (c *Conn) negotiate(g *wire.Greeting, flags Flags, schema string) wire.Capability {
	want := alwaysAsked | flags.capabilities()
	if schema != "" {
		want |= wire.CapConnectWithDB
	}
	if len(c.ds.Attrs) > 0 {
		want |= wire.CapConnectAttrs
	}
	if c.ds.TLS.Mode != TLSOff {
		want |= wire.CapSSL
	}
	if !g.MariaDB() {
		want &^= wire.CapMariaDB
	}
	caps := want & g.Capabilities
	if !caps.Any(wire.CapMariaDB) {
		caps |= wire.CapLongPassword // without it a MariaDB server reads extended capabilities
	}
	return caps
}

// encrypt puts TLS below the packets, as far as the data source wants it and the server can.
func (c *Conn) encrypt(ctx context.Context, g *wire.Greeting, caps wire.Capability) (wire.Capability, error) {
	if !caps.Has(wire.CapSSL) {
		if c.ds.TLS.Mode >= TLSRequired {
			return 0, errNoTLS
		}
		return caps, nil
	}
	c.stream.Caps = caps
	err := c.stream.Send(&wire.SSLRequest{Capabilities: caps, MaxPacket: clientMaxPacket, Collation: connectCollationID})
	if err == nil {
		err = c.stream.Flush()
	}
	if err != nil {
		return 0, fmt.Errorf("ask for TLS: %w", err)
	}
	secure := tls.Client(c.link, c.tlsConfig())
	if err := secure.HandshakeContext(ctx); err != nil {
		return 0, fmt.Errorf("TLS handshake: %w", err)
	}
	if err := c.stream.Upgrade(secure); err != nil {
		return 0, fmt.Errorf("begin TLS: %w", err)
	}
	c.net = secure
	return caps, nil
}

func (c *Conn) tlsConfig() *tls.Config {
	cfg := &tls.Config{}
	if c.ds.TLS.Config != nil {
		cfg = c.ds.TLS.Config.Clone()
	}
	if cfg.ServerName == "" {
		cfg.ServerName = c.ds.Addr
		if host, _, err := net.SplitHostPort(c.ds.Addr); err == nil {
			cfg.ServerName = host
		}
	}
	cfg.InsecureSkipVerify = c.ds.TLS.Mode != TLSVerify
	return cfg
}

// attrs are the connection attributes in the order of their names.
func (c *Conn) attrs() []wire.Attr {
	attrs := make([]wire.Attr, 0, len(c.ds.Attrs))
	for name, value := range c.ds.Attrs {
		attrs = append(attrs, wire.Attr{Name: name, Value: value})
	}
	slices.SortFunc(attrs, func(a, b wire.Attr) int { return strings.Compare(a.Name, b.Name) })
	return attrs
}

// flavourOf reads family and version from a greeting: "10.11.19-MariaDB" gives 101119, "8.0.36" 80036.
func flavourOf(g *wire.Greeting) Flavour {
	return Flavour{MariaDB: g.MariaDB(), Version: versionNumber(g.Version())}
}

func versionNumber(v string) uint32 {
	var parts [3]uint32
	for i := range parts {
		digits := 0
		for digits < len(v) && v[digits] >= '0' && v[digits] <= '9' {
			digits++
		}
		n, err := strconv.ParseUint(v[:digits], 10, 16)
		if err != nil {
			break
		}
		parts[i] = uint32(n)
		if v = v[digits:]; !strings.HasPrefix(v, ".") {
			break
		}
		v = v[1:]
	}
	return parts[0]*10000 + parts[1]*100 + parts[2]
}
