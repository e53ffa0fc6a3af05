package backend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// Info is what is known of a connection since its login. It does not change.
type Info struct {
	DataSource    string
	Flags         Flags
	ServerVersion string // as VERSION() answers
	Flavour       Flavour
	ThreadID      uint32
	Caps          wire.Capability // agreed on
	TLS           bool
}

// Conn is one connection to a server, logged in. It carries one command at a time and belongs to one goroutine;
// Interrupt, Kill, Broken and Info may be called from any.
//
// A command goes like this: Send, then packets are read from Stream (or by ReadPacket) up to the one that ends the
// answer, and that is told with Finish or FinishErr. Exec, QueryRows and Prepare do all of it.
type Conn struct {
	info   Info
	ds     *DataSource
	dialer *dialer
	base   *Base // of what all sessions start with, when it was made

	link   *link
	net    net.Conn // link, or TLS over it
	stream *wire.ClientStream
	broken atomic.Bool

	status    wire.Status
	types     []byte // PrepareFor's, kept for the next
	busy      bool   // a command's answer has not been read to its end
	uncertain bool   // an ERR ended the last command: it does not say whether a transaction is open
	mark      int64  // link.sent when the command under way began

	applied  applied
	applying bool // the command under way is our own hand-over
	expects  bool // see Expect
	stmts    stmtCache
	epoch    uint64      // of stmts: see Since
	killed   atomic.Bool // a KILL was sent for it
	taint    string      // why it must not be lent again; "": it may
	writer   Writer      // for whom it works; nil: nobody wants to know what is written
	untold   bool        // the server does not tell what is
	cut      atomic.Pointer[string]

	lastID    uint64 // what LAST_INSERT_ID() is on the server,
	lastKnown bool   // if it is known,
	lastWas   bool   // and whether it was before the statement under way

	slot slot // the pool's
}

var errBusy = errors.New("the answer to the command before has not been read to its end")

// Info gives what is known since the login.
func (c *Conn) Info() *Info { return &c.info }

// Status is the server status of the last OK or EOF that was told with Finish.
func (c *Conn) Status() wire.Status { return c.status }

// Stream is the connection's packets, for relaying an answer raw. After an I/O error call Fail.
func (c *Conn) Stream() *wire.ClientStream { return c.stream }

// Broken reports whether the connection is of no further use.
func (c *Conn) Broken() bool {
	return c.broken.Load() || c.link.interrupted.Load() // which a cancellation does also when the answer is there already
}

// Busy reports whether a command's answer has not been read to its end.
func (c *Conn) Busy() bool { return c.busy }

// Schema is the schema the connection is in as far as is known.
func (c *Conn) Schema() string {
	if c.applied.schema == unknownSchema {
		return ""
	}
	return c.applied.schema
}

// Alive looks, without blocking and without a round trip, whether the server has ended the idle connection.
func (c *Conn) Alive() bool {
	return !c.Broken() && !c.busy && c.stream.Buffered() == 0 && c.link.probe.alive()
}

// Interrupt ends whatever the connection waits for, with ErrInterrupted, and breaks it. The server goes on with the
// statement until it wants to write: see Kill.
func (c *Conn) Interrupt() {
	c.broken.Store(true)
	c.link.interrupt()
}

// Close ends the connection; the server is told if that does not block. It may be called twice.
func (c *Conn) Close() error {
	if !c.broken.Swap(true) && !c.busy {
		_ = c.net.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		if c.stream.SendCommand(wire.Bare(wire.ComQuit)) == nil {
			_ = c.stream.Flush() // a courtesy: the server notices the end of the connection as well
		}
	}
	c.link.disarm()
	c.stream.Writer.Discard()
	c.stream.Reader.Release()
	if err := c.link.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close connection to %s: %w", c.ds.Name, err)
	}
	return nil
}

// Fail marks the connection broken and wraps the I/O error err of the command under way. An *Error is returned as it
// is; nil stays nil.
func (c *Conn) Fail(op string, err error) error {
	if err == nil {
		return nil
	}
	c.broken.Store(true)
	c.link.disarm()
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	switch {
	case c.cut.Load() != nil:
		err = errors.New(*c.cut.Load())
	case c.link.interrupted.Load():
		err = ErrInterrupted
	case err == io.EOF: // between two packets: no end of rows must be seen in it
		err = io.ErrUnexpectedEOF
	}
	if c.link.sent > c.mark {
		c.doubt()
	}
	return &Error{DataSource: c.ds.Name, Op: op, Sent: c.link.sent > c.mark, Err: err}
}

// begin checks that a command can be sent and arms its interruption.
func (c *Conn) begin(ctx context.Context, op string) error {
	var err error
	switch {
	case c.cut.Load() != nil:
		err = errors.New(*c.cut.Load())
	case c.broken.Load():
		err = ErrBroken
	case c.busy:
		err = errBusy
	case ctx.Err() != nil:
		err = fmt.Errorf("%w: %w", ErrInterrupted, context.Cause(ctx))
	}
	if err != nil {
		return &Error{DataSource: c.ds.Name, Op: op, Err: err}
	}
	c.busy = true
	c.mark = c.link.sent
	c.link.arm(ctx.Done())
	return nil
}

// Finish tells that the packet that ends an answer has been read: ok is what it held. If more results follow, it only
// takes note of ok. It must be called for each result, so that nothing of what the server tells of its session is
// missed.
func (c *Conn) Finish(ok *wire.OK) {
	c.status = ok.Status
	if len(ok.Track) > 0 {
		c.track(ok.Track)
	}
	if c.untold {
		c.doubt()
	}
	if ok.Status.Has(wire.StatusDBDropped) {
		c.applied.schema = unknownSchema
		c.applied.forget()
	}
	if ok.Status.Has(wire.StatusMoreResults) {
		return
	}
	c.busy, c.uncertain = false, false
	c.settled()
}

// settled ends an operation whose answer is there. A cancellation that has come since then must not harm the next one: what
// was waited for with a limit would end somebody else's statement.
func (c *Conn) settled() {
	c.link.disarm()
	if c.link.interrupted.Load() && !c.broken.Load() { // Interrupt sets both
		c.link.resume()
	}
}

// FinishErr tells that the answer ended with the ERR packet e. Some errors say that the server ends the connection.
func (c *Conn) FinishErr(e *sqlerr.Error) {
	c.busy, c.uncertain = false, true
	c.settled()
	c.doubt()
	if endsConnection(e.Code) {
		c.broken.Store(true)
	}
}

// endsConnection: after these errors a server closes the connection.
func endsConnection(code uint16) bool {
	switch code {
	case sqlerr.CodeServerShutdown, sqlerr.CodeNetPacketTooLarge, sqlerr.CodeConnectionKilled,
		sqlerr.CodeClientInteractionTimeout, sqlerr.CodeNewAbortingConnection:
		return true
	}
	return false
}

// track takes note of what a server says has changed in its session.
func (c *Conn) track(track []byte) {
	err := wire.SessionChanges(track, func(change wire.SessionChange) bool {
		switch change.Kind {
		case wire.ChangeSchema:
			if s := string(change.Value); s != c.applied.schema {
				c.applied.schema = s
				c.applied.forget()
			}
		case wire.ChangeVariable:
			if string(change.Name) == LastGTID {
				c.wrote(change.Value)
			} else if !c.applying {
				c.applied.noteVar(string(change.Name), string(change.Value))
			}
		case wire.ChangeGTIDs: // of MySQL
			c.wrote(change.Value)
		}
		return true
	})
	if err != nil {
		c.taint = "a session change that cannot be read"
	}
}

// Passing tells that what the server says has changed is so for the statement under way only, until done: it tells of
// the values of SET STATEMENT, and not of their end.
func (c *Conn) Passing() (done func()) {
	c.applying = true
	return func() { c.applying = false }
}

// Taint makes the connection be closed instead of lent again: its state cannot be tracked for the reason given.
func (c *Conn) Taint(reason string) { c.taint = reason }
