package backend

import (
	"context"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// Stmt is a prepared statement of one connection. It is not changed after its preparation.
type Stmt struct {
	ID       uint32
	Params   []sqltypes.Column
	Columns  []sqltypes.Column // of its result as known at preparation; none for a statement without one
	Warnings uint16

	key  stmtKey
	size int

	newer, older *Stmt // in the cache's order of use
}

// stmtKey is what decides what a text prepares to: beside the text, the schema of its unqualified names, and the
// variables under which it is read.
type stmtKey struct {
	schema, dialect, sql string
	types                string // of the parameters, where the server keeps them; see appendTypes
}

// Prepare gives the prepared statement for sql in the connection's schema, from the connection's cache if it is
// there. The result may be used until the next Prepare on this connection, which may close it.
func (c *Conn) Prepare(ctx context.Context, sql string) (*Stmt, error) {
	return c.prepare(ctx, stmtKey{c.applied.schema, c.applied.dialect, sql, ""})
}

// KeepsTypes reports whether the server keeps what it has found a statement's types to be when it prepared it: of
// parameters, and of user variables.
func (c *Conn) KeepsTypes() bool { return c.info.Flavour.keepsTypes() }

// PrepareFor is Prepare for an execution with params. It allocates nothing where the statement is in the cache.
func (c *Conn) PrepareFor(ctx context.Context, sql []byte, params []wire.Param) (*Stmt, error) {
	c.types = c.types[:0]
	if c.info.Flavour.keepsTypes() {
		c.types = appendTypes(c.types, params)
	}
	if !c.broken.Load() {
		if s := c.stmts.find(c.applied.schema, c.applied.dialect, sql, c.types); s != nil {
			return s, nil
		}
	}
	return c.prepare(ctx, stmtKey{c.applied.schema, c.applied.dialect, string(sql), string(c.types)})
}

// appendTypes appends what decides how a server understands params. MySQL resolves a statement anew at an execution
// whose types do not fit, and stays with that: a parameter that was a number once is a number when it is a string the
// next time. One client's numbers must not change what another client's strings find, so each list of types has a
// statement of its own.
func appendTypes(b []byte, params []wire.Param) []byte {
	for i := range params {
		p := &params[i]
		typ := byte(p.Type)
		if p.Value.Kind == sqltypes.KindNull {
			typ = byte(sqltypes.Null)
		}
		if p.Unsigned {
			b = append(b, typ, 'u')
		} else {
			b = append(b, typ, 's')
		}
	}
	return b
}

func (c *Conn) prepare(ctx context.Context, key stmtKey) (*Stmt, error) {
	if s := c.stmts.get(key); s != nil && !c.broken.Load() {
		return s, nil
	}
	sql := key.sql
	s, err := c.PrepareOwn(ctx, sql)
	if err != nil {
		return nil, err
	}
	s.key = key
	c.stmts.put(s)
	return s, nil
}

// Since drops the cached statements that were prepared in an earlier epoch: definitions may have changed since, and a
// server that prepares a statement anew at its next execution does not tell.
func (c *Conn) Since(epoch uint64) {
	if c.epoch == epoch {
		return
	}
	c.epoch = epoch
	for c.stmts.oldest != nil {
		c.stmts.remove(c.stmts.oldest)
	}
}

// PrepareOwn prepares sql anew, outside the cache: for a statement that must outlive others, as one with an open
// cursor. The caller ends it with CloseStmt.
func (c *Conn) PrepareOwn(ctx context.Context, sql string) (*Stmt, error) {
	if err := c.sendString(ctx, wire.ComStmtPrepare, sql); err != nil {
		return nil, err
	}
	p, err := c.ReadPacket()
	if err != nil {
		return nil, err
	}
	if wire.IsErr(p) {
		return nil, c.errPacket(p)
	}
	head, err := wire.ParsePrepareOK(p, c.stream.Caps)
	if err != nil {
		return nil, c.Fail("prepare", err)
	}
	s := &Stmt{ID: head.StatementID, Warnings: head.Warnings}
	if !head.SkipMetadata {
		if s.Params, err = c.readColumns(head.Params); err == nil {
			s.Columns, err = c.readColumns(head.Columns)
		}
		if err != nil {
			return nil, err
		}
	}
	c.busy = false // the answer carries no status
	c.settled()
	return s, nil
}

// CloseStmt closes a statement of PrepareOwn, or one of Prepare ahead of its time. The server is told with the next
// command.
func (c *Conn) CloseStmt(s *Stmt) {
	if c.stmts.remove(s) {
		return
	}
	c.stmts.closing = append(c.stmts.closing, s.ID)
}

// readColumns reads n definitions and the EOF that follows them, if any.
func (c *Conn) readColumns(n int) ([]sqltypes.Column, error) {
	if n == 0 {
		return nil, nil
	}
	cols := make([]sqltypes.Column, 0, min(n, 64))
	for range n {
		p, err := c.ReadPacket()
		if err != nil {
			return nil, err
		}
		if wire.IsErr(p) {
			return nil, c.errPacket(p)
		}
		var col sqltypes.Column
		if err := wire.ParseColumn(p, c.stream.Caps, &col); err != nil {
			return nil, c.Fail("prepare", err)
		}
		cols = append(cols, col)
	}
	if !c.stream.Caps.Has(wire.CapDeprecateEOF) {
		if _, err := c.ReadPacket(); err != nil {
			return nil, err
		}
	}
	return cols, nil
}

// sendClosed puts COM_STMT_CLOSE for what the cache has dropped in front of the next command.
func (c *Conn) sendClosed() error {
	for _, id := range c.stmts.closing {
		if err := c.stream.SendCommand(wire.StmtClose(id)); err != nil {
			return err
		}
	}
	c.stmts.closing = c.stmts.closing[:0]
	return nil
}
