package exec

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// Form is how the rows of an answer are written.
type Form uint8

// The two row formats of the protocol.
const (
	TextRows   Form = iota // COM_QUERY
	BinaryRows             // COM_STMT_EXECUTE
)

// Head says what kind of answer a shard gives.
type Head uint8

// The kinds of answers. An ERR is a Go error.
const (
	HeadOK     Head = iota // Answer.OK holds it
	HeadRows               // column definitions follow, then rows
	HeadInfile             // the server wants the client's file
)

// Answer reads what one shard says to one command: first Begin, then, if there are rows, the column definitions by
// Columns or RelayColumns, then the rows by Next or RelayRows, which end with Answer.OK set. An answer that is left
// before its end must be drained or its connection given up. It is a merge.RowStream once Columns has been called.
type Answer struct {
	conn *backend.Conn
	form Form

	Infile []byte // the request's packet, after Begin said HeadInfile
	Count  int    // columns, after Begin said HeadRows
	// Keep has Close read everything, however much it is: the connection holds a transaction or more of its session.
	Keep bool
	// Left: a schema was dropped, and the server says that the connection is in none since.
	Left bool
	// Tells has OK.Track kept, as a copy. Else it is gone: the connection has taken note of it.
	Tells bool
	// Over is told when the answer has ended, and whether by an error; nil: nobody is.
	Over func(failed bool)
	OK   wire.OK // after the end; Info is a copy

	columns []sqltypes.Column
	row     sqltypes.Row
	scratch []byte
	view    wire.ColumnView // of the definition that is being renamed
	rows    bool            // the definitions have been read
	begun   bool            // the first packet has been asked for
	done    bool
	began   time.Time // when the unit was sent, until its answer begins
}

// NewAnswer reads the answer to the command that was just sent on conn.
func NewAnswer(conn *backend.Conn, form Form) *Answer { return &Answer{conn: conn, form: form} }

// Begin reads the first packet of the answer, or of its next result. An ERR packet is returned as *sqlerr.Error and ends the answer.
func (a *Answer) Begin() (Head, error) {
	a.begun, a.done, a.rows, a.columns = true, false, false, nil // it may be the next of several results
	p, err := a.read()
	if !a.began.IsZero() {
		a.conn.Answered(time.Since(a.began), err != nil || wire.IsErr(p))
		a.began = time.Time{}
	}
	if err != nil {
		return 0, err
	}
	switch {
	case wire.IsOK(p):
		a.done = true
		return HeadOK, a.end(wire.ParseOK(p, a.caps(), &a.OK))
	case wire.IsErr(p):
		a.done = true
		return 0, a.failed(p)
	case wire.IsLocalInfile(p):
		a.Infile = append([]byte(nil), p...)
		return HeadInfile, nil
	}
	n, err := wire.ParseColumnCount(p, a.caps())
	if err != nil {
		return 0, a.fail(err)
	}
	a.Count = n.Columns
	return HeadRows, nil
}

// read reads one packet and marks the answer lost when that fails.
func (a *Answer) read() ([]byte, error) {
	p, err := a.conn.ReadPacket()
	if err != nil {
		a.done = true
		a.over(true)
		return nil, err
	}
	return p, nil
}

func (a *Answer) over(failed bool) {
	if over := a.Over; over != nil {
		a.Over = nil
		over(failed)
	}
}

func (a *Answer) caps() wire.Capability { return a.conn.Info().Caps }

// fail gives the connection up: its stream cannot be followed any more.
func (a *Answer) fail(err error) error {
	a.done = true
	a.over(true)
	return a.conn.Fail("read", err)
}

// Refuse gives the connection up because the server asks for what it may not have.
func (a *Answer) Refuse(what string) error {
	return a.fail(fmt.Errorf("exec: %s asks for %s", a.conn.Info().DataSource, what))
}

// failed reads the ERR packet that ends the answer.
func (a *Answer) failed(p []byte) error {
	e := wire.ParseErr(p)
	a.over(true)
	a.conn.FinishErr(e)
	return e
}

// end keeps what an OK carries beyond the packet.
func (a *Answer) end(err error) error {
	if err != nil {
		return a.fail(err)
	}
	a.over(false)
	if len(a.OK.Info) > 0 {
		a.OK.Info = append([]byte(nil), a.OK.Info...)
	}
	a.conn.Finish(&a.OK)
	if a.Left = false; a.OK.Status.Has(wire.StatusDBDropped) {
		// What cannot be read has made the connection a tainted one, of which nothing is believed.
		_ = wire.SessionChanges(a.OK.Track, func(c wire.SessionChange) bool {
			a.Left = a.Left || c.Kind == wire.ChangeSchema && len(c.Value) == 0
			return true
		})
	}
	if a.Tells {
		a.OK.Track = bytes.Clone(a.OK.Track)
	} else {
		a.OK.Track = nil
	}
	return nil
}

// ReadColumns reads the column definitions, or returns them if they have been read.
func (a *Answer) ReadColumns() ([]sqltypes.Column, error) {
	if a.columns != nil {
		return a.columns, nil
	}
	cols := make([]sqltypes.Column, a.Count)
	for i := range cols {
		p, err := a.read()
		if err != nil {
			return nil, err
		}
		if err := wire.ParseColumn(p, a.caps(), &cols[i]); err != nil {
			return nil, a.fail(err)
		}
	}
	if err := a.endOfColumns(); err != nil {
		return nil, err
	}
	a.columns, a.row = cols, make(sqltypes.Row, a.Count)
	return cols, nil
}

// endOfColumns reads the EOF between definitions and rows where the connection has one.
func (a *Answer) endOfColumns() error {
	a.rows = true
	if a.caps().Has(wire.CapDeprecateEOF) {
		return nil
	}
	p, err := a.read()
	if err != nil {
		return err
	}
	if !wire.IsResultEnd(p) {
		return a.fail(fmt.Errorf("exec: no EOF after the column definitions of %s", a.conn.Info().DataSource))
	}
	// This packet ends the definitions, not the answer: it is not told to the connection.
	if err := wire.ParseResultEnd(p, a.caps(), &a.OK); err != nil {
		return a.fail(err)
	}
	return nil
}

// RelayColumns passes the column count and the definitions to the client, with the names that rename puts in; nil
// passes them as they are.
func (a *Answer) RelayColumns(client *wire.ServerStream, rename func(*wire.ColumnView)) error {
	count := wire.ColumnCount{Columns: a.Count}
	if err := client.Finish(count.AppendPayload(client.Start(), client.Caps)); err != nil { // not Send: that allocates
		return &ClientError{err}
	}
	for range a.Count {
		p, err := a.read()
		if err != nil {
			return err
		}
		if rename == nil {
			err = client.WritePacket(p)
		} else {
			if a.view, err = wire.ViewColumn(p); err != nil {
				return a.fail(err)
			}
			rename(&a.view)
			err = client.Finish(a.view.Append(client.Start()))
		}
		if err != nil {
			return &ClientError{err}
		}
	}
	return a.endOfColumns()
}

// RelayCursor passes the count and the definitions to the client and reads the packet behind them, which says whether
// the server has opened a cursor: then there are no rows before a FETCH, and OK holds the packet. open is false where
// the server sends the rows at once; the packet behind the definitions is then written neither here nor there.
func (a *Answer) RelayCursor(client *wire.ServerStream, rename func(*wire.ColumnView)) (open bool, err error) {
	if err := a.RelayColumns(client, rename); err != nil {
		return false, err
	}
	if !a.caps().Has(wire.CapDeprecateEOF) {
		if open = a.OK.Status.Has(wire.StatusCursorExists); open {
			a.done = true
			a.conn.Finish(&a.OK)
		}
		return open, nil
	}
	// With CapDeprecateEOF an OK follows where a cursor was opened; where none was, the first row or the end does. Only
	// the status of an end packet tells them apart.
	first, length, err := a.conn.Stream().Peek()
	if err != nil {
		return false, a.fail(err)
	}
	if first != 0xfe || length >= wire.MaxFrame {
		return false, nil
	}
	p, err := a.read()
	if err != nil {
		return false, err
	}
	if err := a.finish(p); err != nil {
		return false, err
	}
	return a.OK.Status.Has(wire.StatusCursorExists), nil
}

// RelayInfile passes a server's request for a file to the client and the client's packets to the server, up to the
// empty one; then the server's answer follows, by Begin. wait is called before each wait for the client.
func (a *Answer) RelayInfile(request []byte, client *wire.ServerStream, wait func() error) error {
	if err := client.WritePacket(request); err != nil {
		return &ClientError{err}
	}
	if err := client.Flush(); err != nil {
		return &ClientError{err}
	}
	relay := wire.Relay{End: wire.EndOfFile, Wait: wait}
	stream := a.conn.Stream()
	if err := relay.Run(stream.Writer, client.Reader); err != nil {
		if failed, ok := err.(*wire.RelayError); ok && failed.FromSource {
			return &ClientError{failed.Err}
		}
		// The client sends on, whatever became of the server, and must not have its rows taken for commands.
		if rest := relay.Drop(client.Reader); rest != nil {
			return &ClientError{rest}
		}
		return a.fail(err)
	}
	if err := stream.Flush(); err != nil {
		return a.fail(err)
	}
	return nil
}

// RelayRows passes the rows to the client untouched and reads the packet that ends them into OK.
func (a *Answer) RelayRows(client *wire.ServerStream) (rows int64, err error) {
	if a.done {
		return 0, nil // RelayCursor has read the end
	}
	var relay wire.Relay
	for {
		done, err := relay.Step(client.Writer, a.conn.Stream().Reader)
		if err != nil {
			if failed, ok := err.(*wire.RelayError); ok && !failed.FromSource {
				return relay.Packets, &ClientError{failed.Err}
			}
			return relay.Packets, a.fail(err)
		}
		if done {
			return relay.Packets, a.readEnd()
		}
	}
}

// readEnd reads the packet after the last row.
func (a *Answer) readEnd() error {
	p, err := a.read()
	if err != nil {
		return err
	}
	return a.finish(p)
}

func (a *Answer) finish(p []byte) error {
	a.done = true
	if wire.IsErr(p) {
		return a.failed(p)
	}
	return a.end(wire.ParseResultEnd(p, a.caps(), &a.OK))
}

// Columns returns the definitions that ReadColumns has read.
func (a *Answer) Columns() []sqltypes.Column { return a.columns }

// Next returns the next row, decoded.
func (a *Answer) Next(ctx context.Context) (sqltypes.Row, error) {
	if a.done {
		return nil, io.EOF
	}
	if err := ctx.Err(); err != nil {
		return nil, sqlerr.Interrupted()
	}
	p, err := a.read()
	if err != nil {
		return nil, err
	}
	if wire.IsErr(p) || wire.IsResultEnd(p) {
		if err := a.finish(p); err != nil {
			return nil, err
		}
		return nil, io.EOF
	}
	if a.form == TextRows {
		err = wire.ParseTextRow(p, a.row)
	} else {
		a.scratch, err = wire.ParseBinaryRow(p, a.columns, a.row, a.scratch[:0])
	}
	if err != nil {
		return nil, a.fail(err)
	}
	return a.row, nil
}

// drainLimit is how many bytes of an answer nobody wants are read before the connection is given up instead: reading
// costs the shard less than a new connection up to about there.
const drainLimit = 256 << 10

// Close ends the answer: what is left of it is read and dropped while it is little, else the connection is given up,
// and a transaction on it with it.
func (a *Answer) Close() error {
	if a.done {
		return nil
	}
	start := a.conn.Stream().Received()
	if !a.begun {
		if head, err := a.Begin(); err != nil || head == HeadOK {
			return nil // that was all, or the connection is broken
		} else if head == HeadInfile {
			a.giveUp()
			return nil
		}
	}
	if !a.rows {
		if _, err := a.ReadColumns(); err != nil {
			return nil // the connection is broken
		}
	}
	for !a.done {
		if !a.Keep && a.conn.Stream().Received()-start > drainLimit {
			a.giveUp()
			return nil
		}
		p, err := a.read()
		if err != nil {
			return nil // the connection is broken
		}
		if wire.IsErr(p) || wire.IsResultEnd(p) {
			_ = a.finish(p) // nobody wants the answer any more
		}
	}
	return nil
}

func (a *Answer) giveUp() {
	a.done = true
	a.conn.Interrupt()
}

// Done reports whether the answer has been read to its end.
func (a *Answer) Done() bool { return a.done }

// ClientError is a failure to write to the client: nobody is left to be told.
type ClientError struct{ Err error }

// Error implements error.
func (e *ClientError) Error() string { return fmt.Sprintf("write to client: %v", e.Err) }

// Unwrap gives the cause.
func (e *ClientError) Unwrap() error { return e.Err }
