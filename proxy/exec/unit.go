package exec

import (
	"context"
	"time"

	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// Unit is one text for one shard. With BinaryRows it is run as a prepared statement with Params; the connection keeps
// the statement for the next time.
type Unit struct {
	SQL    []byte
	Form   Form
	Params []wire.Param
	// Anew: it reads user variables, whose types a server may keep from the time when it prepared the statement.
	Anew bool
	// Alone: nothing else is sent before its answer is read.
	Alone bool
	// Answer is what Start returns, of whatever was in it before; nil: one that is made.
	Answer *Answer
}

// Start sends a unit. Its answer is to be read from conn before anything else is sent there.
func Start(ctx context.Context, conn *backend.Conn, u *Unit) (*Answer, error) {
	began := time.Now()
	if u.Form == TextRows {
		if u.Alone {
			conn.Expect()
		}
		if err := conn.Send(ctx, wire.ComQuery, u.SQL); err != nil {
			return nil, err
		}
		return u.answer(conn, began), nil
	}
	own := u.Anew && conn.KeepsTypes()
	var stmt *backend.Stmt
	var err error
	if own {
		stmt, err = conn.PrepareOwn(ctx, string(u.SQL))
	} else {
		stmt, err = conn.PrepareFor(ctx, u.SQL, u.Params)
	}
	if err != nil {
		return nil, err
	}
	if u.Alone {
		conn.Expect()
	}
	execute := wire.StmtExecute{StatementID: stmt.ID, Params: u.Params}
	if err := conn.SendExecute(ctx, &execute); err != nil {
		return nil, err
	}
	if own {
		conn.CloseStmt(stmt) // with the next command
	}
	return u.answer(conn, began), nil
}

func (u *Unit) answer(conn *backend.Conn, began time.Time) *Answer {
	if u.Answer == nil {
		u.Answer = new(Answer)
	}
	*u.Answer = Answer{conn: conn, form: u.Form, began: began}
	return u.Answer
}
