package session

import (
	"context"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/router/plan"
)

// ownShape is what COM_STMT_PREPARE answers for a statement that the session itself runs: such statements have no
// columns, but for those that ask a question, whose definitions a server gives with stand-ins for the answers.
func (s *Session) ownShape(ctx context.Context, stmt *prepared, params []sqltypes.Column) (_, columns []sqltypes.Column, err error) {
	parsed := stmt.st.parsed
	if formatHeddle(parsed) {
		return params, []sqltypes.Column{planColumn}, nil
	}
	if parsed.Kind == parser.DistSQL {
		return nil, nil, sqlerr.NotSupported("a preparation of a statement about rules")
	}
	if parsed.Kind == parser.Use || parsed.Kind == parser.Empty {
		if !s.srv.Flavour.MariaDB { // MySQL prepares neither
			return s.checkedShape(ctx, stmt)
		}
		return params, nil, nil
	}
	reads := parsed.Kind == parser.Set && s.setReads(parsed) // it is planned, as any other
	if !reads && s.srv.own[parsed.Kind] != nil || s.ownShow(parsed) != nil {
		return s.checkedShape(ctx, stmt)
	}
	if asks, err := s.asksSystem(parsed); err == nil && asks {
		return s.systemShape(ctx, stmt, params)
	}
	text, err := s.replaced(ctx, stmt.st, parsed)
	if err != nil {
		return nil, nil, err
	}
	again, err := parser.Parse(text, s.mode)
	if err != nil {
		return nil, nil, syntaxError(err)
	}
	st, err := s.planStatement(ctx, again)
	if err != nil {
		return nil, nil, err
	}
	replaced := &prepared{text: []byte(again.Text), st: st, params: stmt.params}
	if err := replaced.scan.Scan(replaced.text, s.mode); err != nil {
		return nil, nil, syntaxError(err)
	}
	params, columns, err = s.shape(ctx, replaced)
	stmt.warnings = replaced.warnings
	return params, columns, err
}

// checkedShape has a server prepare a statement that it will not run: it says whether the statement can be prepared at
// all, and with which parameters and columns.
func (s *Session) checkedShape(ctx context.Context, stmt *prepared) (params, columns []sqltypes.Column, err error) {
	h, done, err := s.borrowHome(ctx, backend.NeedUserVars)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	described, err := h.lease.Conn().PrepareOwn(ctx, string(stmt.text))
	if err != nil {
		return nil, nil, s.homeError(err)
	}
	h.lease.Conn().CloseStmt(described)
	if described.Warnings > 0 {
		s.diag.reset()
		if err := s.warnings(ctx, h, &plan.Route{}, &plan.Target{Database: s.db}, described.Warnings); err != nil {
			return nil, nil, err
		}
		stmt.warnings = s.diag.count()
	}
	return described.Params, described.Columns, nil
}
