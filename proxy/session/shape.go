package session

import (
	"context"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
)

// ownShape is what COM_STMT_PREPARE answers for a statement that the session itself runs: such statements have no
// columns, but for those that ask a question, whose definitions a server gives with stand-ins for the answers.
func (s *Session) ownShape(ctx context.Context, stmt *prepared, params []sqltypes.Column) (_, columns []sqltypes.Column, err error) {
	parsed := stmt.st.parsed
	if s.srv.own[parsed.Kind] != nil || s.ownShow(parsed) != nil {
		return params, nil, nil
	}
	again, err := parser.Parse(s.substitute(parsed), s.mode)
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
	return s.shape(ctx, replaced)
}
