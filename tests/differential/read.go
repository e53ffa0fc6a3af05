package differential

import (
	"bytes"
	"fmt"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// Query runs text under the text protocol and reads every result. The error is one of the connection; the server's
// are in the answer.
func (c *Conn) Query(text string) (*Answer, error) {
	if err := c.command(&wire.Query{SQL: []byte(text)}); err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	a := &Answer{}
	return a, c.readResults(a, false)
}

func (c *Conn) readResults(a *Answer, binary bool) error {
	for {
		r, err := c.readResult(binary)
		if err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		a.Results = append(a.Results, r)
		if r.Err != nil || !r.End.Status.Has(wire.StatusMoreResults) {
			return nil
		}
	}
}

func (c *Conn) readResult(binary bool) (r Result, err error) {
	r.Binary = binary
	p, err := c.ReadPacket()
	switch {
	case err != nil:
		return r, err
	case wire.IsErr(p):
		r.Err = wire.ParseErr(p)
		return r, nil
	case wire.IsOK(p):
		return r, c.parseOK(p, &r.End)
	}
	n, err := wire.ParseColumnCount(p, c.Caps)
	if err != nil {
		return r, fmt.Errorf("%w (packet %.40q)", err, p)
	}
	if r.Columns, err = c.readColumns(n.Columns); err != nil {
		return r, err
	}
	return r, c.readRows(&r)
}

func (c *Conn) parseOK(p []byte, into *wire.OK) error {
	err := wire.ParseOK(p, c.Caps, into)
	into.Info, into.Track = bytes.Clone(into.Info), bytes.Clone(into.Track)
	return err
}

// readColumns reads n definitions and the EOF after them, where there is one.
func (c *Conn) readColumns(n int) ([]sqltypes.Column, error) {
	cols := make([]sqltypes.Column, n)
	for i := range cols {
		p, err := c.ReadPacket()
		if err != nil {
			return nil, err
		}
		if err := wire.ParseColumn(p, c.Caps, &cols[i]); err != nil {
			return nil, fmt.Errorf("definition %d of %d: %w (packet %.60q)", i+1, n, err, p)
		}
	}
	if c.Caps.Has(wire.CapDeprecateEOF) {
		return cols, nil
	}
	p, err := c.ReadPacket()
	if err == nil && !wire.IsResultEnd(p) {
		err = fmt.Errorf("want the EOF after the definitions, got %.40q", p)
	}
	return cols, err
}

func (c *Conn) readRows(r *Result) error {
	for {
		p, err := c.ReadPacket()
		switch {
		case err != nil:
			return err
		case wire.IsErr(p):
			r.Err = wire.ParseErr(p)
			return nil
		case wire.IsResultEnd(p):
			err := wire.ParseResultEnd(p, c.Caps, &r.End)
			r.End.Info, r.End.Track = bytes.Clone(r.End.Info), bytes.Clone(r.End.Track)
			return err
		}
		row := Row{Cells: make(sqltypes.Row, len(r.Columns)), Raw: string(p)}
		if r.Binary {
			_, err = wire.ParseBinaryRow([]byte(row.Raw), r.Columns, row.Cells, nil)
		} else {
			err = wire.ParseTextRow([]byte(row.Raw), row.Cells)
		}
		if err != nil {
			return fmt.Errorf("%w (packet %.60q)", err, p)
		}
		r.Rows = append(r.Rows, row)
	}
}

// ReadWarnings asks SHOW WARNINGS.
func (c *Conn) ReadWarnings() ([]Warning, error) {
	a, err := c.Query("SHOW WARNINGS")
	if err != nil {
		return nil, err
	}
	if e := a.Err(); e != nil {
		return nil, e
	}
	var list []Warning
	for _, row := range a.Results[0].Rows {
		if len(row.Cells) != 3 {
			return nil, fmt.Errorf("SHOW WARNINGS gave %d columns", len(row.Cells))
		}
		list = append(list, Warning{string(row.Cells[0]), string(row.Cells[1]), string(row.Cells[2])})
	}
	return list, nil
}
