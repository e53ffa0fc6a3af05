package backend

import (
	"context"
	"strings"

	"github.com/heddle-mesh/heddle/proxy/wire"
)

// ExecTogether runs statements one after the other, up to the first that fails, in one round trip. The OK is the last one's.
//
// A connection whose client may not send several statements at a time is told otherwise for this one packet, in the same write: a
// server that refused that would find an error in the statements, and run none.
func (c *Conn) ExecTogether(ctx context.Context, statements ...string) (ok wire.OK, err error) {
	if len(statements) == 1 {
		return c.Exec(ctx, statements[0])
	}
	sql := strings.Join(statements, ";")
	if c.stream.Caps.Has(wire.CapMultiStatements) {
		return c.Exec(ctx, sql)
	}
	if err := c.sendTogether(ctx, sql); err != nil {
		return ok, err
	}
	if err := c.optionSet(); err != nil {
		return ok, err
	}
	ok, err = c.drain(nil)
	if c.Broken() {
		return ok, err
	}
	c.busy = true
	c.link.arm(ctx.Done())
	if lost := c.optionSet(); lost != nil {
		return ok, lost
	}
	c.busy = false
	c.settled()
	return ok, err
}

// sendTogether sends a text of several statements between the two options that let it be one.
func (c *Conn) sendTogether(ctx context.Context, sql string) error {
	if err := c.begin(ctx, "send"); err != nil {
		return err
	}
	err := c.sendClosed()
	if err == nil {
		err = c.stream.SendCommand(wire.MultiStatementsOn)
	}
	if err == nil {
		c.stream.ResetSequence()
		err = c.stream.Finish(append(append(c.stream.Start(), byte(wire.ComQuery)), sql...))
	}
	if err == nil {
		err = c.stream.SendCommand(wire.MultiStatementsOff)
	}
	return c.sent(wire.ComQuery, err)
}

// optionSet reads the answer to a COM_SET_OPTION. A server that refuses it is not one to go on with: what it takes for one statement
// is not known any more.
func (c *Conn) optionSet() error {
	p, err := c.ReadPacket()
	switch {
	case err != nil:
		return err
	case wire.IsErr(p):
		return c.Fail("read", wire.ParseErr(p))
	}
	return nil
}
