package session

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
)

// Heddle has some variables of a session that no server has. SHOW VARIABLES and the tables of session variables answer as one server
// would, and so they list these only for who asks by name: in whose LIKE or WHERE, or query, a string begins with heddle.

// heddleVariables are their names, in order, and values; that of one that is NULL is empty, as in every list of variables.
func (s *Session) heddleVariables() [][2]string {
	return [][2]string{{readVar, s.readText()}, {shardValueVar, s.shardValueSaid()}, {transactionTypeVar, s.transactionType.String()}}
}

// asksHeddle reports whether a statement asks for them.
func asksHeddle(st *parser.Statement) bool {
	return slices.ContainsFunc(st.Tokens, func(t parser.Token) bool {
		return t.Kind == parser.String && strings.HasPrefix(strings.ToLower(strings.TrimLeft(t.In(st.Text), `'"`)), "heddle")
	})
}

// heddleRows are those of them that a SHOW VARIABLES of that text chooses, by its server's own rules.
func (s *Session) heddleRows(ctx context.Context, h *held, text string) ([]sqltypes.Row, error) {
	if !strings.Contains(strings.ToLower(text), "heddle") {
		return nil, nil
	}
	st, err := parser.Parse(text, s.mode)
	if err != nil {
		return nil, syntaxError(err)
	}
	d := st.Show
	if d == nil || d.What != "VARIABLES" || d.Global || !asksHeddle(st) {
		return nil, nil
	}
	condition := text[d.Where.Body.Start:d.Where.Body.End]
	if d.Like.Present() {
		condition = "Variable_name LIKE " + text[d.Like.Start:d.Like.End]
	}
	_, rows, err := h.lease.Conn().QueryRows(ctx, "SELECT Variable_name, Value FROM ("+s.heddleTable("Variable_name", "Value")+") AS `variables` WHERE ("+condition+"\n)"+everyRow)
	return rows, err
}

// heddleTable is a query of all of them.
func (s *Session) heddleTable(name, value string) string {
	var parts []string
	for _, v := range s.heddleVariables() {
		parts = append(parts, "SELECT "+sqlString(v[0])+" AS "+name+", "+sqlString(v[1])+" AS "+value)
	}
	return strings.Join(parts, " UNION ALL ")
}

// byName puts rows of SHOW VARIABLES that are not a server's among those that are.
func byName(rows, more []sqltypes.Row) []sqltypes.Row {
	if len(more) == 0 {
		return rows
	}
	rows = append(rows, more...)
	slices.SortStableFunc(rows, func(a, b sqltypes.Row) int { return bytes.Compare(a[0], b[0]) })
	return rows
}
