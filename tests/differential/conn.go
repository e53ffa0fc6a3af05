package differential

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/heddle-mesh/heddle/proxy/wire"
)

// answerTime is how long one answer may take before its connection counts as hanging.
const answerTime = 30 * time.Second

// ConnOptions are what a client decides when it connects.
type ConnOptions struct {
	Schema string
	Caps   wire.Capability // on top of baseCaps
	Drop   wire.Capability // not asked for although in baseCaps
	First  string          // a statement that is run before all others; "": none
}

// baseCaps are what today's drivers ask for.
const baseCaps = wire.CapLongPassword | wire.CapLongFlag | wire.CapProtocol41 | wire.CapTransactions | wire.CapSecureConnection |
	wire.CapMultiResults | wire.CapPSMultiResults | wire.CapPluginAuth | wire.CapDeprecateEOF

// Conn is one client connection on which everything the server says is visible. It belongs to one goroutine.
type Conn struct {
	*wire.ClientStream
	conn net.Conn
}

// Dial connects to addr (host:port) and logs in as root without a password.
func Dial(ctx context.Context, pool *wire.Pool, addr string, opts ConnOptions) (*Conn, error) {
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	c := &Conn{ClientStream: wire.NewClientStream(raw, wire.Config{Pool: pool}), conn: raw}
	if err := c.logIn(opts); err != nil {
		return nil, errors.Join(fmt.Errorf("log in at %s: %w", addr, err), raw.Close())
	}
	if opts.First != "" {
		if err := c.first(opts.First); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", opts.First, err), raw.Close())
		}
	}
	return c, nil
}

// first runs a statement that has no rows.
func (c *Conn) first(sql string) error {
	if err := c.command(&wire.Query{SQL: []byte(sql)}); err != nil {
		return err
	}
	p, err := c.ReadPacket()
	if err == nil && wire.IsErr(p) {
		err = wire.ParseErr(p)
	}
	return err
}

func (c *Conn) logIn(opts ConnOptions) error {
	if err := c.conn.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return err
	}
	p, err := c.ReadPacket()
	if err != nil {
		return err
	}
	greeting, err := wire.ParseGreeting(p)
	if err != nil {
		return err
	}
	caps := (baseCaps | opts.Caps) &^ opts.Drop
	if opts.Caps.Any(wire.CapMariaDB) {
		caps &^= wire.CapLongPassword // its absence announces the extended flags
	}
	if opts.Schema != "" {
		caps |= wire.CapConnectWithDB
	}
	c.Caps = caps & (greeting.Capabilities | wire.CapLongPassword)
	if missing := caps &^ c.Caps; missing != 0 {
		return fmt.Errorf("the server does not offer the capabilities %#x", uint64(missing))
	}
	login := &wire.Login{Capabilities: c.Caps, MaxPacket: wire.MaxFrame, Collation: byte(wire.CollationUTF8MB4GeneralCI),
		User: "root", AuthPlugin: wire.AuthNative, Database: opts.Schema}
	if err := c.say(login); err != nil {
		return err
	}
	return c.finishLogin()
}

func (c *Conn) finishLogin() error {
	for {
		p, err := c.ReadPacket()
		switch {
		case err != nil:
			return err
		case wire.IsErr(p):
			return wire.ParseErr(p)
		case wire.IsOK(p):
			return nil
		case p[0] == 0xfe:
			if err := c.say(wire.AuthResponse(nil)); err != nil { // the empty password is empty under every plug-in
				return err
			}
		}
	}
}

func (c *Conn) say(m wire.ClientMessage) error {
	if err := c.Send(m); err != nil {
		return err
	}
	return c.Flush()
}

// command sends m and gives the answer its time.
func (c *Conn) command(m wire.CommandMessage) error {
	if err := c.conn.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return err
	}
	if err := c.SendCommand(m); err != nil {
		return err
	}
	return c.Flush()
}

// rawCommand sends a packet that is built by hand.
func (c *Conn) rawCommand(build func(b []byte) []byte) error {
	if err := c.conn.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return err
	}
	c.ResetSequence()
	if err := c.Finish(build(c.Start())); err != nil {
		return err
	}
	return c.Flush()
}

// Close says good-bye and closes the connection.
func (c *Conn) Close() error {
	_ = c.command(wire.Bare(wire.ComQuit)) // the connection is given up in any case
	return c.conn.Close()
}
