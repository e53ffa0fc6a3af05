package session

import (
	"slices"

	"github.com/heddle-mesh/heddle/parser"
)

// A query of aggregates without GROUP BY has one row. A server that finds, while it plans, that no row can meet the conditions,
// sends that row at once and leaves FOUND_ROWS() as it was; which conditions it finds so hangs on its indexes and rows.

// foundAggregate names what makes FOUND_ROWS() unknown then. SQL_CALC_FOUND_ROWS does not help: it is left as well.
const foundAggregate = "aggregates without GROUP BY, of which the server alone knows whether it has looked for rows"

// aggregatesWhole reports whether a query is one of aggregates without GROUP BY.
func aggregatesWhole(st *parser.Statement, c *parser.Clauses) bool {
	if c.GroupBy.Present() || !st.Uses.Has(parser.UseAggregate) {
		return false
	}
	return slices.ContainsFunc(st.Uses.At, func(at parser.UseAt) bool {
		span := st.Tokens[at.Tok].Span
		outer := within(c.ListSpan, span) || within(c.Having.Span, span) || within(c.OrderBy.Span, span)
		return at.Use == parser.UseAggregate && outer && !windowed(st.Tokens, at.Tok) && !inQuery(st.Tokens, at.Tok, c)
	})
}

func within(outer, inner parser.Span) bool {
	return outer.Present() && outer.Start <= inner.Start && inner.End <= outer.End
}

// windowed reports whether OVER follows the call at i.
func windowed(tokens []parser.Token, i int) bool {
	depth := tokens[i].Depth
	for i++; i < len(tokens); i++ {
		if tokens[i].Depth == depth && tokens[i].Is(")") {
			return i+1 < len(tokens) && tokens[i+1].Is("OVER")
		}
	}
	return false
}

// inQuery reports whether token i is inside of a query that stands in the clauses c.
func inQuery(tokens []parser.Token, i int, c *parser.Clauses) bool {
	depth := tokens[i].Depth
	for i--; i > 0 && tokens[i].Start >= c.Start; i-- {
		if t := &tokens[i]; t.Depth < depth {
			depth = t.Depth
			if t.Is("(") && (tokens[i+1].Is("SELECT") || tokens[i+1].Is("WITH") || tokens[i+1].Is("(") && tokens[i+2].Is("SELECT")) {
				return true
			}
		}
	}
	return false
}

// alwaysLooks reports whether a server looks for the rows of a query of aggregates, whatever its tables hold: it only counts those of
// one table, or has none.
func alwaysLooks(st *parser.Statement, c *parser.Clauses) bool {
	if c.With.Present() || c.Where.Present() || c.Having.Present() || c.Limit != nil || len(st.Tables) > 1 || st.Uses.Has(parser.UseSubquery) {
		return false
	}
	if len(st.Tables) == 0 {
		return !c.From.Present() || c.From.Body.Len() == len("DUAL")
	}
	return !slices.ContainsFunc(st.Uses.At, func(at parser.UseAt) bool {
		return at.Use == parser.UseAggregate && !(st.Tokens[at.Tok].Is("COUNT") && st.Tokens[at.Tok+2].Is("*"))
	})
}

// foundByAggregates takes note of FOUND_ROWS() after such a query that has sent n rows.
func (s *Session) foundByAggregates(x *execution, n uint64) {
	st := x.st.parsed
	derived := x.plan != nil && x.plan.Program != nil || st.Uses.Has(parser.UseSubquery) || len(st.Tables) == 0 || st.Clauses == nil || st.Clauses.With.Present()
	if !s.diag.knownBefore || s.diag.foundBefore != n || derived {
		s.diag.unfound(foundAggregate)
	}
}
