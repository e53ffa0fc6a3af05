package session

import (
	"fmt"
	"strconv"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
)

// foundRule says what FOUND_ROWS() is after a statement, by the rows that it has sent. The server that ran it would
// know, but its connection may be another client's by then; where the rows sent do not tell, FOUND_ROWS() is refused.
type foundRule uint8

const (
	foundSent    foundRule = iota // as many as were sent: LIMIT ends the statement where it has sent enough
	foundBehind                   // those that OFFSET has passed over are found too
	foundUnited                   // a UNION is made whole before a LIMIT, the session's as well
	foundHidden                   // the server alone knows
	foundStored                   // as many as INSERT … SELECT has read
	foundMatched                  // as many as UPDATE has found: on MySQL
	foundWhole                    // the row of aggregates without GROUP BY, or what it was before
)

// foundElsewhere names what makes FOUND_ROWS() unknown.
const foundElsewhere = "a UNION or parenthesised query with LIMIT, LIMIT … WITH TIES, VALUES, a stored program, a query inside of a statement " +
	"that is no SELECT, INSERT … RETURNING or a change over several tables"

// foundRuleOf finds the rule of a statement.
func foundRuleOf(st *parser.Statement) foundRule {
	switch st.Kind {
	case parser.Select:
	case parser.Call, parser.Compound:
		return foundHidden // it is the count of some query of a body
	case parser.Insert, parser.Replace:
		return foundByInsert(st)
	case parser.Update, parser.Delete:
		if st.Uses.Has(parser.UseSubquery) || st.Clauses == nil || st.Clauses.MultiTable {
			return foundHidden
		}
		if st.Kind == parser.Update && !st.Mode.Flavour.MariaDB {
			return foundMatched
		}
		return foundSent
	case parser.Do, parser.CreateTable:
		if st.Uses.Has(parser.UseSubquery) || st.DDL != nil && st.DDL.Select.Present() {
			return foundHidden
		}
		return foundSent
	default:
		return foundSent
	}
	limited := false
	for _, t := range st.Tokens {
		limited = limited || t.Is("LIMIT") || t.Is("FETCH")
	}
	c := st.Clauses
	for c != nil && c.Paren && c.Inner != nil && !limited {
		c = c.Inner
	}
	if c != nil && len(c.Branches) == 0 && aggregatesWhole(st, c) && !alwaysLooks(st, c) {
		return foundWhole
	}
	c = st.Clauses
	switch {
	case len(st.Tokens) > 0 && (st.Tokens[0].Is("VALUES") || st.Tokens[0].Is("TABLE")):
		return foundHidden
	case c == nil || c.Paren || c.Inner != nil:
		return map[bool]foundRule{true: foundHidden, false: foundSent}[limited]
	case len(c.Branches) > 0:
		return map[bool]foundRule{true: foundHidden, false: foundUnited}[limited]
	case c.Limit == nil:
		return foundSent
	case c.Limit.WithTies || c.Limit.RowsExamined || c.Limit.Offset < 0 && c.Limit.OffsetSpan.Present():
		return foundHidden
	case c.Limit.Offset >= 0:
		return foundBehind
	}
	return foundSent
}

// findsRows reports whether a statement that fails while it runs changes what FOUND_ROWS() is.
func findsRows(st *parser.Statement) bool {
	switch st.Kind {
	case parser.Select, parser.Call, parser.Compound, parser.Execute, parser.ExecuteImmediate:
		return true
	}
	c := st.Clauses
	return st.Uses.Has(parser.UseSubquery|parser.UseUnknownFunction) || st.DDL != nil && st.DDL.Select.Present() ||
		c != nil && (c.MultiTable || c.Source != nil || c.Returning.Present())
}

// beforeRows are the errors of statements that have not begun to run: FOUND_ROWS() stays what it was.
var beforeRows = map[uint16]bool{
	sqlerr.CodeSyntax: true, sqlerr.CodeBadField: true, sqlerr.CodeNoSuchTable: true, sqlerr.CodeNoDB: true, sqlerr.CodeBadDB: true,
	sqlerr.CodeNotSupportedYet: true, sqlerr.CodeDBAccessDenied: true, sqlerr.CodeTableAccessDenied: true, sqlerr.CodeUnknownStmtHandler: true,
	1052: true, // ER_NON_UNIQ_ERROR
	1111: true, // ER_INVALID_GROUP_FUNC_USE
	1241: true, // ER_OPERAND_COLUMNS
	1305: true, // ER_SP_DOES_NOT_EXIST
}

// foundByInsert finds the rule of an INSERT. A query that a server answers without reading, as one without tables or a MAX() of
// a key, has found nothing, though it has a row.
func foundByInsert(st *parser.Statement) foundRule {
	c := st.Clauses
	switch {
	case c == nil:
		return foundHidden
	case c.Source == nil:
		return map[bool]foundRule{true: foundHidden, false: foundSent}[st.Uses.Has(parser.UseSubquery) || c.Returning.Present()]
	case c.Returning.Present(), c.Source.Paren, c.Source.Inner != nil, len(c.Source.Branches) > 0, st.Uses.Has(parser.UseCalcFoundRows):
		return foundHidden
	}
	if aggregatesWhole(st, c.Source) && !alwaysLooks(st, c.Source) {
		return foundHidden
	}
	if l := c.Source.Limit; l != nil && (l.WithTies || l.RowsExamined || l.Offset >= 0 || l.OffsetSpan.Present()) {
		return foundHidden
	}
	from := false
	for i, t := range st.Tokens {
		from = from || t.Is("FROM") && t.Depth == 0 && i+1 < len(st.Tokens) && !st.Tokens[i+1].Is("DUAL")
		if t.Is("MIN") || t.Is("MAX") {
			return foundHidden
		}
	}
	return map[bool]foundRule{true: foundStored, false: foundHidden}[from]
}

// foundByChange takes note of FOUND_ROWS() after a statement that is no query, by the text that servers say of it.
func (s *Session) foundByChange(st *Statement, info []byte) {
	switch st.found {
	case foundStored:
		var records uint64
		if _, err := fmt.Sscanf(string(info), "Records: %d", &records); err != nil {
			s.diag.unfound(foundElsewhere)
			return
		}
		s.diag.found(records)
	case foundMatched:
		var matched uint64
		if _, err := fmt.Sscanf(string(info), "Rows matched: %d", &matched); err != nil {
			s.diag.unfound(foundElsewhere)
			return
		}
		s.diag.found(matched)
	case foundHidden:
		s.diag.unfound(foundElsewhere)
	}
}

// foundBy takes note of FOUND_ROWS() after a statement that has sent n rows.
func (s *Session) foundBy(x *execution, n uint64) {
	s.diag.found(n)
	switch x.st.found {
	case foundBehind:
		offset, err := x.args.Value(x.st.parsed.Clauses.Limit.Offset)
		skipped := uint64(offset.Int) // of either sign: the same bits
		if offset.Kind == sqltypes.KindInt {
			skipped = uint64(offset.Int)
		}
		switch {
		case err != nil || offset.Kind != sqltypes.KindInt && offset.Kind != sqltypes.KindUint || n == 0 && skipped > 0:
			s.diag.unfound("a LIMIT whose OFFSET is behind the last row")
		default:
			s.diag.foundRows = n + skipped
		}
	case foundUnited:
		if _, limited := s.state.Var("sql_select_limit"); limited {
			s.diag.unfound("a UNION under sql_select_limit")
		}
	case foundHidden:
		s.diag.unfound(foundElsewhere)
	case foundWhole:
		s.foundByAggregates(x, n)
	}
}

// sqlRowCount is ORACLE mode's SQL%ROWCOUNT: what ROW_COUNT() is, or FOUND_ROWS() behind a query.
func (d *diagnostics) sqlRowCount() string {
	if d.rowCount != -1 {
		return strconv.FormatInt(d.rowCount, 10)
	}
	return strconv.FormatUint(d.foundRows, 10)
}

// answerable refuses a question whose answer the session does not know.
func (s *Session) answerable(st *parser.Statement) error {
	if s.diag.foundAfter == "" {
		return nil
	}
	for _, at := range st.Uses.At {
		name := "FOUND_ROWS()"
		switch {
		case at.Name == parser.SQLRowCount && s.diag.rowCount == -1:
			name = parser.SQLRowCount
		case at.Use != parser.UseFoundRows:
			continue
		}
		if s.diag.foundAfter == foundAggregate {
			return sqlerr.NotSupported(name + " after " + foundAggregate)
		}
		return sqlerr.NotSupported(name + " after " + s.diag.foundAfter + "; SQL_CALC_FOUND_ROWS makes it known")
	}
	return nil
}
