package session

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
)

// toldBy is what one shard has warned of, running its part of a statement.
type toldBy struct {
	target     *plan.Target
	conditions []condition
	extra      int    // conditions that are only counted: max_error_count
	rows       uint64 // that it has sent, or that have met the conditions of a change
}

// hearFrom reads the n conditions of the statement that h has just run.
func (s *Session) hearFrom(ctx context.Context, h *held, route *plan.Route, t *plan.Target, n uint16) (toldBy, error) {
	out := toldBy{target: t}
	if n == 0 {
		return out, nil
	}
	_, rows, err := h.lease.Conn().QueryRows(ctx, "SHOW WARNINGS")
	if err == nil {
		err = s.convertMessages(ctx, h, rows)
	}
	if err != nil {
		return out, err
	}
	s.diag.fetched = true
	for _, row := range rows {
		for i := range row {
			row[i] = s.wide.narrow(row[i])
		}
		code, err := strconv.ParseUint(string(row[1]), 10, 16)
		if err != nil {
			continue
		}
		text := s.diag.numbered(withoutResidual(s.shownText(string(row[2]), route, t)))
		out.conditions = append(out.conditions, condition{level: string(row[0]), code: uint16(code), msg: text})
	}
	out.extra = max(int(n)-len(rows), 0)
	s.diag.limit = int(s.number("max_error_count", maxConditions))
	return out, nil
}

// take adds what the shards of one route have told, each constant of the statement once, which one server would have looked at once.
func (d *diagnostics) take(all []toldBy, text []byte) {
	before := slices.Clone(d.conditions)
	again := len(d.heard) > 0 && d.heard[len(d.heard)-1] != all[0].target
	once := map[condition]int{} // the shard that tells of it
	for i := range all {
		for _, c := range all[i].conditions {
			said := c.told()
			by, known := once[said]
			if !known {
				by = -1
				if d.once(c, all, text) {
					by = loudest(c, all)
				}
				once[said] = by
			}
			if by >= 0 && (by != i || again && slices.ContainsFunc(before, func(b condition) bool { return b.told() == said })) {
				continue
			}
			d.add(c)
		}
		d.total += all[i].extra
		d.heard = append(d.heard, all[i].target)
	}
}

// loudest is the shard that tells of a condition most often, the first of several.
func loudest(c condition, all []toldBy) int {
	most, at := 0, -1
	for i := range all {
		if n := all[i].count(c); n > most {
			most, at = n, i
		}
	}
	return at
}

// halve leaves what shards have said when they sorted their rows, if each has said as much again when it sent what they are sorted by.
func halve(all []toldBy) {
	if slices.ContainsFunc(all, func(t toldBy) bool { return !t.twice() }) {
		return
	}
	for i := range all {
		t := &all[i]
		half := (len(t.conditions) + t.extra) / 2
		kept := min(half, len(t.conditions))
		t.conditions, t.extra = t.conditions[:kept], half-kept
	}
}

// twice reports whether a shard has said all that it has said twice. Of what it has not kept it has kept the beginning.
func (t *toldBy) twice() bool {
	n := len(t.conditions)
	if t.extra > 0 {
		return (n+t.extra)%2 == 0
	}
	first, again := toldBy{conditions: t.conditions[:n/2]}, toldBy{conditions: t.conditions[n/2:]}
	for _, c := range first.conditions {
		if first.count(c) != again.count(c) {
			return false
		}
	}
	return n%2 == 0
}

func (t *toldBy) count(c condition) int {
	n := 0
	for i := range t.conditions {
		if t.conditions[i].told() == c.told() {
			n++
		}
	}
	return n
}

// once reports whether a condition tells of the statement or of a constant of its text, and not of rows.
func (d *diagnostics) once(c condition, all []toldBy, text []byte) bool {
	switch c.code {
	case codeNoDefault:
		return !d.gives(c.msg)
	case codeAmbiguous, codeRecursion, // a server says it once, however many rows it tells of
		sqlerr.CodeSyntax, codeDeprecated, codeDeprecatedAlone, codeAliasOfCharset, codeDeprecatedCollation: // of the text
		return true
	case codeDivision:
		return evenly(c, all) && d.divides()
	}
	kind, value, ok := strings.Cut(strings.TrimPrefix(c.msg, "Truncated incorrect "), " value: ")
	if c.code != codeTruncatedValue || !ok || !d.names(value, text) {
		return false
	}
	if d.eachRow(value) {
		return false
	}
	if kind == "DOUBLE" || kind == "INTEGER" { // those stand in expressions too, which are looked at for each row
		return evenly(c, all) && d.folded(value)
	}
	return evenly(c, all) || !ofEachRow(c, all)
}

// ofEachRow reports whether shards tell of a condition as often as rows are looked at: not if that were more rows than were sent, nor if
// it is as few times as a server looks at a constant when it chooses an index.
func ofEachRow(c condition, all []toldBy) bool {
	most, each := 0, true
	for i := range all {
		n := all[i].count(c)
		if n > 0 && uint64(n) < all[i].rows {
			return false
		}
		most, each = max(most, n), each && uint64(n) == all[i].rows
	}
	return each || most > looksAtConstant
}

// looksAtConstant is how often a server looks at a constant of a condition for which it might use an index.
const looksAtConstant = 2

// evenly reports whether all shards that tell of a condition tell of it as often.
func evenly(c condition, all []toldBy) bool {
	most := 0
	for i := range all {
		n := all[i].count(c)
		if n > 0 && most > 0 && n != most {
			return false
		}
		most = max(most, n)
	}
	return true
}

// folded reports whether a constant of the conditions is compared, or calculated with another one: a server does that once.
func (d *diagnostics) folded(value string) bool {
	return d.constant(func(tokens []parser.Token, i int) bool {
		if !d.args.is(tokens[i].Arg, strings.Trim(value, "'")) {
			return false
		}
		beside := func(k int, further int) bool {
			return k >= 0 && k < len(tokens) && (comparing[tokens[k].Word] || calculating[tokens[k].Word] && further >= 0 && further < len(tokens) && tokens[further].Arg >= 0)
		}
		return beside(i-1, i-2) && !calculates(tokens, i+1) || beside(i+1, i+2) && !calculates(tokens, i-1)
	})
}

// eachRow reports whether a constant of the conditions is converted for each row: one that stands beside constants of another kind in a
// list, or behind a WHEN.
func (d *diagnostics) eachRow(value string) bool {
	return d.constant(func(tokens []parser.Token, i int) bool {
		if !d.args.is(tokens[i].Arg, strings.Trim(value, "'")) {
			return false
		}
		if i > 0 && tokens[i-1].Is("WHEN") {
			return i+1 < len(tokens) && tokens[i+1].Is("THEN")
		}
		if i+1 >= len(tokens) || !tokens[i+1].Is(",") && !tokens[i+1].Is(")") || i == 0 || !tokens[i-1].Is(",") && !tokens[i-1].Is("(") {
			return false // an expression of constants is converted once
		}
		open := i
		for open > 0 && tokens[open].Depth >= tokens[i].Depth {
			open--
		}
		if open == 0 || !tokens[open-1].Is("IN") {
			return false
		}
		texts, others := false, false
		for k := open + 1; k < len(tokens) && tokens[k].Depth >= tokens[i].Depth; k++ {
			if arg := tokens[k].Arg; arg >= 0 {
				text := d.args.isText(arg)
				texts, others = texts || text, others || !text
			}
		}
		return texts && others
	})
}

// calculates reports whether a token calculates with what is not a constant.
func calculates(tokens []parser.Token, i int) bool {
	return i >= 0 && i < len(tokens) && calculating[tokens[i].Word]
}

// divides reports whether a constant of the conditions is divided by another one.
func (d *diagnostics) divides() bool {
	return d.constant(func(tokens []parser.Token, i int) bool {
		return i+2 < len(tokens) && (tokens[i+1].Is("/") || tokens[i+1].Is("%") || tokens[i+1].Is("DIV") || tokens[i+1].Is("MOD")) && tokens[i+2].Arg >= 0
	})
}

// constant reports whether a literal behind WHERE or HAVING is as is says.
func (d *diagnostics) constant(is func(tokens []parser.Token, i int) bool) bool {
	if d.parsed == nil || d.args == nil {
		return false
	}
	behind := false
	for i, t := range d.parsed.Tokens {
		behind = behind || t.Is("WHERE") || t.Is("HAVING") || t.Is("ON") && !(i+1 < len(d.parsed.Tokens) && d.parsed.Tokens[i+1].Is("DUPLICATE"))
		if behind && t.Arg >= 0 && is(d.parsed.Tokens, i) {
			return true
		}
	}
	return false
}

var (
	comparing   = map[string]bool{"=": true, "<": true, ">": true, "<=": true, ">=": true, "<>": true, "!=": true, "<=>": true, "BETWEEN": true, "AND": true}
	calculating = map[string]bool{"+": true, "-": true, "*": true, "/": true, "%": true, "DIV": true, "MOD": true}
)

// strictly makes an error of the first warning behind a mark: in strict mode it is one where a statement that writes has come to it.
func (s *Session) strictly(kept int, otherwise string) error {
	d := &s.diag
	if kept > len(d.conditions) {
		return nil
	}
	at := slices.IndexFunc(d.conditions[kept:], func(c condition) bool { return c.level == "Warning" })
	if at < 0 {
		return nil
	}
	at += kept
	d.cut(at+1, at+1)
	found := &d.conditions[at]
	state, known := strictStates[found.code]
	if !known {
		return sqlerr.NotSupported(otherwise)
	}
	found.level = "Error"
	return sqlerr.New(found.code, state, found.msg)
}

// strictStates are the SQLSTATEs of the conditions that expressions of a query cause.
var strictStates = map[uint16]string{
	codeTruncatedValue: "22007",
	1260:               "HY000", // ER_CUT_VALUE_GROUP_CONCAT
	codeDivision:       "22012",
	1411:               "HY000", // ER_WRONG_VALUE_FOR_TYPE
}
