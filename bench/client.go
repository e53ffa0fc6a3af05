package main

import (
	"fmt"
	"net"
	"strconv"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// form is how statements are sent.
type form string

const (
	text     form = "text"     // COM_QUERY with the value in the text
	prepared form = "prepared" // COM_STMT_EXECUTE
)

// clientCaps is what the driver asks of all targets alike.
const clientCaps = wire.CapLongFlag | wire.CapConnectWithDB | wire.CapProtocol41 | wire.CapTransactions |
	wire.CapSecureConnection | wire.CapPluginAuth | wire.CapPluginAuthLenenc | wire.CapDeprecateEOF | wire.CapMultiResults

// client is one connection of the driver.
type client struct {
	conn   net.Conn
	stream *wire.ClientStream
	stmt   uint32 // of the prepared point select; 0: not prepared yet
	sql    []byte
	exec   wire.StmtExecute
	params [1]wire.Param
}

// connect logs in as root, without a password.
func connect(addr, database string, buffers *wire.Pool) (*client, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn, stream: wire.NewClientStream(conn, wire.Config{Pool: buffers})}
	if err := c.logIn(database); err != nil {
		return nil, fmt.Errorf("log in at %s: %w", addr, err)
	}
	return c, nil
}

func (c *client) logIn(database string) error {
	p, err := c.stream.ReadPacket()
	if err != nil {
		return err
	}
	greeting, err := wire.ParseGreeting(p)
	if err != nil {
		return err
	}
	c.stream.Caps = clientCaps & (greeting.Capabilities | wire.CapConnectWithDB)
	l := wire.Login{
		Capabilities: c.stream.Caps, MaxPacket: wire.MaxFrame, Collation: byte(wire.CollationUTF8MB4GeneralCI),
		User: "root", Database: database, AuthPlugin: wire.AuthNative,
	}
	if err := c.send(&l); err != nil {
		return err
	}
	for {
		p, err := c.stream.ReadPacket()
		switch {
		case err != nil:
			return err
		case wire.IsErr(p):
			return wire.ParseErr(p)
		case wire.IsOK(p):
			return nil
		}
		if err := c.send(wire.AuthResponse(nil)); err != nil { // whatever the plug-in, the password is empty
			return err
		}
	}
}

func (c *client) send(m wire.ClientMessage) error {
	if err := c.stream.Send(m); err != nil {
		return err
	}
	return c.stream.Flush()
}

// prepare prepares the point select unless that has been done.
func (c *client) prepare() error {
	if c.stmt != 0 {
		return nil
	}
	c.stream.ResetSequence()
	if err := c.send(&wire.StmtPrepare{SQL: []byte(pointSelect + "?")}); err != nil {
		return err
	}
	p, err := c.stream.ReadPacket()
	if err != nil {
		return err
	}
	head, err := wire.ParsePrepareOK(p, c.stream.Caps)
	if err != nil {
		return err
	}
	for range head.Params + head.Columns {
		if _, err := c.stream.ReadPacket(); err != nil {
			return err
		}
	}
	c.stmt = head.StatementID
	return nil
}

// ask runs one point select and reads its answer, which must be one row.
func (c *client) ask(f form, id int) error {
	c.stream.ResetSequence()
	if f == text {
		c.sql = append(append(c.sql[:0], byte(wire.ComQuery)), pointSelect...)
		c.sql = strconv.AppendInt(c.sql, int64(id), 10)
		if err := c.stream.WritePacket(c.sql); err != nil {
			return err
		}
	} else {
		c.params[0] = wire.Param{ParamType: wire.ParamType{Type: sqltypes.LongLong}, Value: sqltypes.IntValue(int64(id))}
		c.exec = wire.StmtExecute{StatementID: c.stmt, Params: c.params[:]}
		if err := c.stream.Send(&c.exec); err != nil {
			return err
		}
	}
	if err := c.stream.Flush(); err != nil {
		return err
	}
	rows, err := c.readRows()
	c.stream.Release()
	if err == nil && rows != 1 {
		err = fmt.Errorf("%d rows for id %d", rows, id)
	}
	return err
}

// readRows reads a result and counts its rows.
func (c *client) readRows() (rows int, err error) {
	p, err := c.stream.ReadPacket()
	if err != nil {
		return 0, err
	}
	if wire.IsErr(p) {
		return 0, wire.ParseErr(p)
	}
	n, err := wire.ParseColumnCount(p, c.stream.Caps)
	if err != nil {
		return 0, err
	}
	for range n.Columns {
		if _, err := c.stream.ReadPacket(); err != nil {
			return 0, err
		}
	}
	for {
		p, err := c.stream.ReadPacket()
		switch {
		case err != nil:
			return rows, err
		case wire.IsErr(p):
			return rows, wire.ParseErr(p)
		case wire.IsResultEnd(p):
			return rows, nil
		}
		rows++
	}
}

// command runs a statement without rows.
func (c *client) command(sql string) error {
	c.stream.ResetSequence()
	if err := c.send(&wire.Query{SQL: []byte(sql)}); err != nil {
		return err
	}
	p, err := c.stream.ReadPacket()
	if err == nil && wire.IsErr(p) {
		err = wire.ParseErr(p)
	}
	c.stream.Release()
	return err
}

func (c *client) close() { _ = c.conn.Close() }
