package wiretest

import (
	"bytes"
	"fmt"
	"net"
	"slices"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// ClientCaps is what the scripted client asks for unless a login says otherwise.
const ClientCaps = ServerCaps &^ (wire.CapConnectWithDB | wire.CapFoundRows | wire.CapIgnoreSpace | wire.CapInteractive | wire.CapConnectAttrs)

// Client is a scripted client's end of one connection.
type Client struct {
	*wire.ClientStream
	Conn     net.Conn
	Greeting *wire.Greeting // after ExpectGreeting
	LoggedIn wire.OK        // after LogIn
}

// ClientStep is one step of a client's script.
type ClientStep func(*Client) error

// NewClient returns a client on c, for tests that go on by hand.
func NewClient(c net.Conn) *Client {
	return &Client{ClientStream: wire.NewClientStream(c, wire.Config{Pool: wire.NewPool(0)}), Conn: c}
}

// Play plays steps. An error names the step. The connection stays open.
func (c *Client) Play(steps ...ClientStep) error {
	for i, step := range steps {
		if err := step(c); err != nil {
			return fmt.Errorf("wiretest: client step %d: %w", i, err)
		}
	}
	return nil
}

// LogIn reads the greeting and logs in with password under mysql_native_password or caching_sha2_password, following
// one switch between them; a full authentication by caching_sha2_password is an error.
func LogIn(user, password, database string) ClientStep {
	return func(c *Client) error {
		if err := ExpectGreeting(nil)(c); err != nil {
			return err
		}
		l := &wire.Login{
			Capabilities: ClientCaps & c.Greeting.Capabilities, MaxPacket: wire.MaxFrame,
			Collation: byte(wire.CollationUTF8MB4GeneralCI), User: user, AuthPlugin: c.Greeting.AuthPlugin,
			Auth: scramble(c.Greeting.AuthPlugin, password, c.Greeting.Salt),
		}
		if database != "" {
			l.Capabilities |= wire.CapConnectWithDB
			l.Database = database
		}
		if err := SendLogin(l)(c); err != nil {
			return err
		}
		return c.finishLogin(password)
	}
}

func scramble(plugin, password string, salt []byte) []byte {
	if plugin == wire.AuthCachingSha2 {
		return wire.Sha2Scramble([]byte(password), salt)
	}
	return wire.NativeScramble([]byte(password), salt)
}

func (c *Client) finishLogin(password string) error {
	for {
		p, err := c.ReadPacket()
		switch {
		case err != nil:
			return err
		case wire.IsErr(p):
			return wire.ParseErr(p)
		case wire.IsOK(p):
			err := wire.ParseOK(p, c.Caps, &c.LoggedIn)
			c.LoggedIn.Info, c.LoggedIn.Track = bytes.Clone(c.LoggedIn.Info), bytes.Clone(c.LoggedIn.Track)
			return err
		case p[0] == 0xfe:
			sw, err := wire.ParseAuthSwitch(p)
			if err != nil {
				return err
			}
			if err := c.Send(wire.AuthResponse(scramble(sw.Plugin, password, sw.Salt))); err != nil {
				return err
			}
			if err := c.Flush(); err != nil {
				return err
			}
		case len(p) != 2 || p[0] != 1 || p[1] != wire.Sha2FastOK:
			return fmt.Errorf("log in: unexpected packet %q", p)
		}
	}
}

// ExpectGreeting reads the greeting and has check look at it unless it is nil.
func ExpectGreeting(check func(*wire.Greeting) error) ClientStep {
	return func(c *Client) error {
		p, err := c.ReadPacket()
		if err != nil {
			return fmt.Errorf("expect greeting: %w", err)
		}
		if c.Greeting, err = wire.ParseGreeting(append([]byte(nil), p...)); err != nil || check == nil {
			return err
		}
		return check(c.Greeting)
	}
}

// SendLogin sends l, whose capabilities then hold.
func SendLogin(l *wire.Login) ClientStep {
	return func(c *Client) error {
		c.Caps = l.Capabilities
		return SendAnswer(l)(c)
	}
}

// SendAnswer sends a message within an exchange.
func SendAnswer(m wire.ClientMessage) ClientStep {
	return func(c *Client) error {
		if err := c.Send(m); err != nil {
			return err
		}
		return c.Flush()
	}
}

// SendCommand sends a command.
func SendCommand(m wire.CommandMessage) ClientStep {
	return func(c *Client) error {
		if err := c.SendCommand(m); err != nil {
			return err
		}
		return c.Flush()
	}
}

// SendQuery sends COM_QUERY.
func SendQuery(sql string) ClientStep { return SendCommand(&wire.Query{SQL: []byte(sql)}) }

// SendRaw sends bytes without a header: broken packets.
func SendRaw(b string) ClientStep {
	return func(c *Client) error {
		_, err := c.Conn.Write([]byte(b))
		return err
	}
}

// ExpectOK reads an OK and has check look at it unless it is nil.
func ExpectOK(check func(*wire.OK) error) ClientStep {
	return func(c *Client) error {
		p, err := c.ReadPacket()
		if err != nil {
			return fmt.Errorf("expect OK: %w", err)
		}
		if !wire.IsOK(p) {
			return fmt.Errorf("expect OK: got %q", p)
		}
		var ok wire.OK
		if err := wire.ParseOK(p, c.Caps, &ok); err != nil || check == nil {
			return err
		}
		return check(&ok)
	}
}

// ExpectErr reads an ERR with that number.
func ExpectErr(code uint16) ClientStep {
	return func(c *Client) error {
		p, err := c.ReadPacket()
		if err != nil {
			return fmt.Errorf("expect error %d: %w", code, err)
		}
		if !wire.IsErr(p) || wire.ParseErr(p).Code != code {
			return fmt.Errorf("expect error %d: got %q", code, p)
		}
		return nil
	}
}

// ExpectRows reads a result set of the text protocol with these labels and rows; nil cells are NULL.
func ExpectRows(labels []string, rows ...sqltypes.Row) ClientStep {
	return func(c *Client) error {
		gotLabels, gotRows, err := c.ReadResult()
		if err != nil {
			return fmt.Errorf("expect rows: %w", err)
		}
		same := slices.EqualFunc(gotRows, rows, func(a, b sqltypes.Row) bool {
			return slices.EqualFunc(a, b, func(x, y []byte) bool { return (x == nil) == (y == nil) && string(x) == string(y) })
		})
		if !same || !slices.Equal(gotLabels, labels) {
			return fmt.Errorf("expect rows %q %q: got %q %q", labels, rows, gotLabels, gotRows)
		}
		return nil
	}
}

// ReadResult reads a result set of the text protocol.
func (c *Client) ReadResult() (labels []string, rows []sqltypes.Row, err error) {
	p, err := c.ReadPacket()
	if err != nil {
		return nil, nil, err
	}
	if wire.IsErr(p) {
		return nil, nil, wire.ParseErr(p)
	}
	n, err := wire.ParseColumnCount(p, c.Caps)
	if err != nil {
		return nil, nil, err
	}
	for range n.Columns {
		if p, err = c.ReadPacket(); err != nil {
			return nil, nil, err
		}
		var col sqltypes.Column
		if err := wire.ParseColumn(p, c.Caps, &col); err != nil {
			return nil, nil, err
		}
		labels = append(labels, col.Name)
	}
	if !c.Caps.Has(wire.CapDeprecateEOF) {
		if _, err := c.ReadPacket(); err != nil {
			return nil, nil, err
		}
	}
	for {
		if p, err = c.ReadPacket(); err != nil {
			return nil, nil, err
		}
		switch {
		case wire.IsErr(p):
			return labels, rows, wire.ParseErr(p)
		case wire.IsResultEnd(p):
			return labels, rows, nil
		}
		row := make(sqltypes.Row, n.Columns)
		if err := wire.ParseTextRow(append([]byte(nil), p...), row); err != nil {
			return labels, rows, err
		}
		rows = append(rows, row)
	}
}

// ExpectPayload reads a packet with exactly this payload.
func ExpectPayload(payload string) ClientStep {
	return func(c *Client) error {
		p, err := c.ReadPacket()
		if err != nil {
			return fmt.Errorf("expect payload %q: %w", payload, err)
		}
		if string(p) != payload {
			return fmt.Errorf("expect payload %q: got %q", payload, p)
		}
		return nil
	}
}

// ExpectClosed waits until the server closes the connection.
func ExpectClosed() ClientStep {
	return func(c *Client) error {
		p, err := c.ReadPacket()
		if err == nil {
			return fmt.Errorf("expect close: got %q", p)
		}
		return closed(err)
	}
}
