package backend

import (
	"context"
	"errors"
	"net"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// Send sends one command: its byte, then the parts, in one write if they fit a buffer. Commands without an answer
// (COM_STMT_SEND_LONG_DATA, COM_STMT_CLOSE) wait for the next one, or for Flush.
//
// If ctx is cancelled before Finish, the connection is interrupted and broken: a caller that would rather keep it
// calls Kill while it goes on reading, and passes a context that is not cancelled by the same event.
func (c *Conn) Send(ctx context.Context, cmd wire.Command, parts ...[]byte) error {
	if err := c.begin(ctx, "send"); err != nil {
		return err
	}
	err := c.sendClosed()
	if err == nil {
		c.stream.ResetSequence()
		err = c.stream.WriteParts(byte(cmd), parts)
	}
	return c.sent(cmd, err)
}

// Expect says that the next command sent is one whose answer is waited for at once: sending it returns when the answer
// begins, or cannot come. That spares a read in vain. Not for commands that run on several connections at a time.
func (c *Conn) Expect() { c.expects = true }

// SendMessage is Send for a message that knows its own encoding.
func (c *Conn) SendMessage(ctx context.Context, m wire.CommandMessage) error {
	if err := c.begin(ctx, "send"); err != nil {
		return err
	}
	err := c.sendClosed()
	if err == nil {
		err = c.stream.SendCommand(m)
	}
	return c.sent(m.Command(), err)
}

// SendExecute is SendMessage for an execution, which it spares the allocation.
func (c *Conn) SendExecute(ctx context.Context, m *wire.StmtExecute) error {
	if err := c.begin(ctx, "send"); err != nil {
		return err
	}
	err := c.sendClosed()
	if err == nil {
		c.stream.ResetSequence()
		err = c.stream.Finish(m.AppendPayload(c.stream.Start(), c.stream.Caps))
	}
	return c.sent(wire.ComStmtExecute, err)
}

func (c *Conn) sent(cmd wire.Command, err error) error {
	if err == nil && !cmd.NoReply() {
		// Below TLS a command may take several writes; a cancelled one has to be noticed by the read.
		c.link.expects = c.expects && c.net == net.Conn(c.link) && c.link.done == nil
		err = c.stream.Flush()
		c.link.expects = false // of a long command nothing was left to write
	}
	c.expects = false
	if err != nil {
		return c.Fail("send", err)
	}
	if cmd.NoReply() {
		c.busy = false
		c.settled()
	}
	return nil
}

// ReadPacket reads one packet of the answer, valid until the next call. A failure breaks the connection.
func (c *Conn) ReadPacket() ([]byte, error) {
	p, err := c.stream.ReadPacket()
	if err != nil {
		return nil, c.Fail("read", err)
	}
	return p, nil
}

// Exec runs sql and waits for the end of its last result. Rows are read and dropped; the OK is the last one, without
// its texts. An ERR packet is returned as *sqlerr.Error.
func (c *Conn) Exec(ctx context.Context, sql string) (wire.OK, error) {
	if err := c.sendString(ctx, wire.ComQuery, sql); err != nil {
		return wire.OK{}, err
	}
	return c.drain(nil)
}

// QueryRows runs a small control question and returns the columns and rows of its first result, as copies.
func (c *Conn) QueryRows(ctx context.Context, sql string) ([]sqltypes.Column, []sqltypes.Row, error) {
	if err := c.sendString(ctx, wire.ComQuery, sql); err != nil {
		return nil, nil, err
	}
	var got collector
	if _, err := c.drain(&got); err != nil {
		return got.cols, nil, err
	}
	return got.cols, got.rows, nil
}

// QueryRowsWithin is QueryRows of an answer as long as room, which is asked for each row, has place for. Its error is
// returned when the answer is read to its end: the connection goes on.
func (c *Conn) QueryRowsWithin(ctx context.Context, room func(bytes int64) error, sql string) ([]sqltypes.Column, []sqltypes.Row, error) {
	if err := c.sendString(ctx, wire.ComQuery, sql); err != nil {
		return nil, nil, err
	}
	got := collector{room: room}
	if _, err := c.drain(&got); err != nil {
		return got.cols, nil, err
	}
	return got.cols, got.rows, got.refused
}

// FieldList asks for the columns of a table of the connection's schema whose names are like wildcard, "": all.
func (c *Conn) FieldList(ctx context.Context, table, wildcard string) ([]wire.ColumnDef, error) {
	if err := c.sendString(ctx, wire.ComFieldList, table+"\x00"+wildcard); err != nil {
		return nil, err
	}
	var out []wire.ColumnDef
	for {
		p, err := c.ReadPacket()
		if err != nil {
			return nil, err
		}
		if wire.IsErr(p) {
			return nil, c.errPacket(p)
		}
		if wire.IsResultEnd(p) {
			var ok wire.OK
			return out, c.finishWith(wire.ParseResultEnd(p, c.stream.Caps, &ok), &ok)
		}
		d, err := wire.ParseListed(p, c.stream.Caps)
		if err != nil {
			return nil, c.Fail("read", err)
		}
		out = append(out, d)
	}
}

// InitDB changes the connection's schema.
func (c *Conn) InitDB(ctx context.Context, schema string) error {
	if err := c.sendString(ctx, wire.ComInitDB, schema); err != nil {
		return err
	}
	if _, err := c.drain(nil); err != nil {
		return err
	}
	if c.applied.schema != schema {
		c.applied.schema = schema
		c.applied.forget()
	}
	return nil
}

// Ping asks the server whether it is there; the answer also says whether a transaction is open (Status).
func (c *Conn) Ping(ctx context.Context) error {
	if err := c.Send(ctx, wire.ComPing); err != nil {
		return err
	}
	_, err := c.drain(nil)
	return err
}

// sendString spares the caller's string a copy of its own.
func (c *Conn) sendString(ctx context.Context, cmd wire.Command, s string) error {
	if err := c.begin(ctx, "send"); err != nil {
		return err
	}
	err := c.sendClosed()
	if err == nil {
		c.stream.ResetSequence()
		err = c.stream.Finish(append(append(c.stream.Start(), byte(cmd)), s...))
	}
	return c.sent(cmd, err)
}

// Drain reads the answer that is under way to its end and drops it: from its first packet.
func (c *Conn) Drain() (wire.OK, error) { return c.drain(nil) }

// drain reads results up to the last one's end. What the first holds goes to into, unless it is nil.
func (c *Conn) drain(into *collector) (wire.OK, error) {
	for {
		ok, err := c.result(into)
		if err != nil {
			return wire.OK{}, err
		}
		if !ok.Status.Has(wire.StatusMoreResults) {
			ok.Info, ok.Track = nil, nil
			return ok, nil
		}
		into = nil
	}
}

// result reads one result: an OK, or columns and rows, or a request for a file, which is answered with an empty one.
func (c *Conn) result(into *collector) (wire.OK, error) {
	p, err := c.ReadPacket()
	if err != nil {
		return wire.OK{}, err
	}
	var ok wire.OK
	switch {
	case wire.IsErr(p):
		return ok, c.errPacket(p)
	case wire.IsOK(p):
		return ok, c.finishWith(wire.ParseOK(p, c.stream.Caps, &ok), &ok)
	case wire.IsLocalInfile(p):
		return c.refuseFile()
	case wire.IsResultEnd(p) && !c.stream.Caps.Has(wire.CapDeprecateEOF):
		return ok, c.finishWith(wire.ParseResultEnd(p, c.stream.Caps, &ok), &ok)
	}
	n, err := wire.ParseColumnCount(p, c.stream.Caps)
	if err != nil {
		return ok, c.Fail("read", err)
	}
	if err := c.definitions(n, into); err != nil {
		return ok, err
	}
	return c.rows(n.Columns, into)
}

func (c *Conn) errPacket(p []byte) error {
	e := wire.ParseErr(p)
	c.FinishErr(e)
	return e
}

func (c *Conn) finishWith(err error, ok *wire.OK) error {
	if err != nil {
		return c.Fail("read", err)
	}
	c.Finish(ok)
	return nil
}

var errNoFile = errors.New("the server asked for a file that nobody offered")

// refuseFile answers LOAD DATA LOCAL of a control statement, which has no file, with an empty one.
func (c *Conn) refuseFile() (wire.OK, error) {
	err := c.stream.Send(wire.FileData(nil))
	if err == nil {
		err = c.stream.Flush()
	}
	if err != nil {
		return wire.OK{}, c.Fail("send", err)
	}
	if _, err := c.result(nil); err != nil {
		return wire.OK{}, err
	}
	return wire.OK{}, c.Fail("read", errNoFile)
}

func (c *Conn) definitions(n wire.ColumnCount, into *collector) error {
	if n.SkipMetadata {
		return nil
	}
	for range n.Columns {
		p, err := c.ReadPacket()
		if err != nil {
			return err
		}
		if wire.IsErr(p) {
			return c.errPacket(p)
		}
		if into != nil {
			if err := into.column(p, c.stream.Caps); err != nil {
				return c.Fail("read", err)
			}
		}
	}
	if c.stream.Caps.Has(wire.CapDeprecateEOF) {
		return nil
	}
	_, err := c.ReadPacket()
	return err
}

func (c *Conn) rows(columns int, into *collector) (wire.OK, error) {
	var ok wire.OK
	for {
		p, err := c.ReadPacket()
		switch {
		case err != nil:
			return ok, err
		case wire.IsErr(p):
			return ok, c.errPacket(p)
		case wire.IsResultEnd(p):
			return ok, c.finishWith(wire.ParseResultEnd(p, c.stream.Caps, &ok), &ok)
		case into != nil:
			if err := into.row(p, columns); err != nil {
				return ok, c.Fail("read", err)
			}
		}
	}
}
