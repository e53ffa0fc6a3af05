package differential

import (
	"fmt"

	"github.com/heddle-mesh/heddle/proxy/wire"
)

// Execution is one COM_STMT_EXECUTE of a case.
type Execution struct {
	Params []wire.Param
	Keep   bool // the types are not sent: those of the execution before hold
	Long   int  // 1 + the parameter that goes ahead by COM_STMT_SEND_LONG_DATA; 0: none
	Fetch  int  // rows for each COM_STMT_FETCH from a cursor; 0: no cursor
}

// Execute prepares text, executes it once for each of runs, and closes it. There is an answer for each run, or one for
// a preparation that failed. Anew: each run that sends its types is of a statement of its own. MySQL finds the types of a statement
// anew when an execution's do not fit, and stays with those: what an execution answers hangs on those before it, which heddle keeps
// apart.
func (c *Conn) Execute(text string, runs []Execution, anew bool) ([]*Answer, error) {
	if err := c.command(&wire.StmtPrepare{SQL: []byte(text)}); err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	prepared, id, err := c.readPrepared()
	if err != nil {
		return nil, fmt.Errorf("read the reply to the preparation: %w", err)
	}
	if prepared.Err != nil {
		return []*Answer{{Prepared: prepared}}, nil
	}
	var answers []*Answer
	for i, run := range runs {
		a := &Answer{}
		if i == 0 {
			a.Prepared = prepared
		} else if anew && !run.Keep {
			if id, err = c.prepareAgain(text, id); err != nil {
				return answers, fmt.Errorf("execution %d: %w", i+1, err)
			}
		}
		if err := c.execute(id, run, a); err != nil {
			return answers, fmt.Errorf("execution %d: %w", i+1, err)
		}
		answers = append(answers, a)
	}
	return answers, c.command(wire.StmtClose(id))
}

// prepareAgain closes a statement and prepares its text anew.
func (c *Conn) prepareAgain(text string, id uint32) (uint32, error) {
	if err := c.command(wire.StmtClose(id)); err != nil {
		return 0, err
	}
	if err := c.command(&wire.StmtPrepare{SQL: []byte(text)}); err != nil {
		return 0, err
	}
	prepared, id, err := c.readPrepared()
	if err == nil && prepared.Err != nil {
		err = prepared.Err
	}
	return id, err
}

func (c *Conn) readPrepared() (*Prepared, uint32, error) {
	p, err := c.ReadPacket()
	if err != nil {
		return nil, 0, err
	}
	if wire.IsErr(p) {
		return &Prepared{Err: wire.ParseErr(p)}, 0, nil
	}
	ok, err := wire.ParsePrepareOK(p, c.Caps)
	if err != nil {
		return nil, 0, err
	}
	out := &Prepared{Warnings: ok.Warnings}
	if ok.Params > 0 {
		if out.Params, err = c.readColumns(ok.Params); err != nil {
			return nil, 0, err
		}
	}
	if ok.Columns > 0 {
		if out.Columns, err = c.readColumns(ok.Columns); err != nil {
			return nil, 0, err
		}
	}
	return out, ok.StatementID, nil
}

func (c *Conn) execute(id uint32, run Execution, a *Answer) error {
	if run.Long > 0 {
		v := run.Params[run.Long-1].Value
		half := len(v.Bytes) / 2
		for _, piece := range [][]byte{v.Bytes[:half], v.Bytes[half:]} {
			if err := c.command(&wire.StmtSendLongData{StatementID: id, Param: uint16(run.Long - 1), Data: piece}); err != nil {
				return err
			}
		}
	}
	m := &wire.StmtExecute{StatementID: id, Params: run.Params, LongData: func(i int) bool { return i == run.Long-1 }}
	if run.Fetch > 0 {
		m.Flags = wire.CursorReadOnly
	}
	send := func() error { return c.command(m) }
	if run.Keep {
		packet := withoutTypes(m.AppendPayload(nil, c.Caps), len(run.Params))
		send = func() error { return c.rawCommand(func(b []byte) []byte { return append(b, packet...) }) }
	}
	if err := send(); err != nil {
		return err
	}
	if run.Fetch > 0 {
		return c.readCursor(id, run.Fetch, a)
	}
	return c.readResults(a, true)
}

// withoutTypes cuts the types out of a COM_STMT_EXECUTE with n parameters: the command byte, the head of nine bytes,
// the NULL bitmap, the flag, two bytes for each type, the values.
func withoutTypes(p []byte, n int) []byte {
	if n == 0 {
		return p
	}
	flag := 10 + (n+7)/8
	out := append([]byte(nil), p[:flag]...)
	return append(append(out, 0), p[flag+1+2*n:]...)
}

// readCursor reads the definitions and then the rows, some at a time.
func (c *Conn) readCursor(id uint32, rows int, a *Answer) error {
	p, err := c.ReadPacket()
	if err != nil {
		return err
	}
	r := Result{Binary: true}
	switch {
	case wire.IsErr(p):
		r.Err = wire.ParseErr(p)
	case wire.IsOK(p):
		err = c.parseOK(p, &r.End)
	default:
		err = c.readFetched(p, id, rows, &r)
	}
	a.Results = append(a.Results, r)
	return err
}

func (c *Conn) readFetched(count []byte, id uint32, rows int, r *Result) error {
	n, err := wire.ParseColumnCount(count, c.Caps)
	if err != nil {
		return err
	}
	defs := c.Caps
	c.Caps |= wire.CapDeprecateEOF // one packet ends the definitions here in any case; it carries the cursor's flag
	r.Columns, err = c.readColumns(n.Columns)
	c.Caps = defs
	if err != nil {
		return err
	}
	first, _, err := c.Peek()
	if err != nil {
		return err
	}
	if first == 0xff || first == 0x00 && c.Caps.Has(wire.CapDeprecateEOF) { // no cursor was opened: an error or the rows follow at once
		return c.readRows(r)
	}
	if err := c.readEnd(&r.End); err != nil {
		return err
	}
	if !r.End.Status.Has(wire.StatusCursorExists) {
		if c.Caps.Has(wire.CapDeprecateEOF) { // no cursor was opened, and there are no rows
			return nil
		}
		return c.readRows(r)
	}
	for r.Err == nil && !r.End.Status.Has(wire.StatusLastRowSent) {
		if err := c.command(&wire.StmtFetch{StatementID: id, Rows: uint32(rows)}); err != nil {
			return err
		}
		if err := c.readRows(r); err != nil {
			return err
		}
	}
	return nil
}

func (c *Conn) readEnd(into *wire.OK) error {
	p, err := c.ReadPacket()
	if err != nil {
		return err
	}
	if !wire.IsResultEnd(p) {
		return fmt.Errorf("want the end of the definitions, got %.40q", p)
	}
	return wire.ParseResultEnd(p, c.Caps, into)
}
