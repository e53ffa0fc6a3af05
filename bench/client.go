package main

import (
	"fmt"
	"net"
	"strings"

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
	stmts  map[*statement]uint32 // what is prepared
	sql    []byte
	exec   wire.StmtExecute
	params []wire.Param
	onRow  func() // called for a row, if it is set
}

// statement is a text with a question mark for each parameter, and no other.
type statement struct{ pieces []string }

func newStatement(sql string) *statement { return &statement{strings.Split(sql, "?")} }

// connect logs in as root, without a password.
func connect(addr, database string, buffers *wire.Pool) (*client, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn, stmts: map[*statement]uint32{}, stream: wire.NewClientStream(conn, wire.Config{Pool: buffers})}
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

// prepare gives the server's number of a statement, which is prepared when it is first needed.
func (c *client) prepare(st *statement) (uint32, error) {
	if id, ok := c.stmts[st]; ok {
		return id, nil
	}
	c.stream.ResetSequence()
	if err := c.send(&wire.StmtPrepare{SQL: []byte(strings.Join(st.pieces, "?"))}); err != nil {
		return 0, err
	}
	p, err := c.stream.ReadPacket()
	if err != nil {
		return 0, err
	}
	head, err := wire.ParsePrepareOK(p, c.stream.Caps)
	if err != nil {
		return 0, err
	}
	for range head.Params + head.Columns {
		if _, err := c.stream.ReadPacket(); err != nil {
			return 0, err
		}
	}
	c.stmts[st] = head.StatementID
	return head.StatementID, nil
}

// run sends a statement with its arguments and reads its answer; rows is 0 for one without a result.
func (c *client) run(f form, st *statement, args ...sqltypes.Value) (rows int, err error) {
	if f == prepared {
		err = c.sendExecute(st, args)
	} else {
		c.stream.ResetSequence()
		c.sql = append(append(c.sql[:0], byte(wire.ComQuery)), st.pieces[0]...)
		for i, a := range args {
			c.sql = append(a.AppendSQL(c.sql), st.pieces[i+1]...)
		}
		err = c.stream.WritePacket(c.sql)
	}
	if err == nil {
		err = c.stream.Flush()
	}
	if err == nil {
		rows, err = c.readRows()
	}
	c.stream.Release()
	return rows, err
}

func (c *client) sendExecute(st *statement, args []sqltypes.Value) error {
	id, err := c.prepare(st)
	if err != nil {
		return err
	}
	c.params = c.params[:0]
	for _, a := range args {
		p := wire.Param{ParamType: wire.ParamType{Type: sqltypes.LongLong}, Value: a}
		if a.Kind != sqltypes.KindInt {
			p.Type = sqltypes.VarString
		}
		c.params = append(c.params, p)
	}
	c.stream.ResetSequence()
	c.exec = wire.StmtExecute{StatementID: id, Params: c.params}
	return c.stream.Send(&c.exec)
}

// readRows reads an answer and counts its rows.
func (c *client) readRows() (rows int, err error) {
	p, err := c.stream.ReadPacket()
	if err != nil {
		return 0, err
	}
	switch {
	case wire.IsErr(p):
		return 0, wire.ParseErr(p)
	case wire.IsOK(p):
		return 0, nil
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
		if c.onRow != nil {
			c.onRow()
		}
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
