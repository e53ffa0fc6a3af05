package differential

import (
	"strings"
)

// token is a word, a number or a sign of a statement, with its place and the depth of parentheses around it. Strings,
// quoted names and comments are one token each of kind ' ` " or #.
type token struct {
	text       string
	start, end int
	depth      int
	kind       byte // 'w' word, 's' sign, or the quote
}

// tokens cuts sql roughly: enough to find clauses at the top level of statements that the case files and the
// generator have. Quotes are doubled or escaped by a backslash.
func tokens(sql string) []token {
	var list []token
	depth := 0
	for i := 0; i < len(sql); {
		start := i
		kind := byte('s')
		switch c := sql[i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case c == '\'' || c == '"' || c == '`':
			i, kind = quoted(sql, i), c
		case strings.HasPrefix(sql[i:], "/*") || strings.HasPrefix(sql[i:], "-- ") || c == '#':
			i, kind = comment(sql, i), '#'
		case wordByte(c):
			for i < len(sql) && wordByte(sql[i]) {
				i++
			}
			kind = 'w'
		default:
			i++
			if c == ')' {
				depth--
			}
		}
		list = append(list, token{text: sql[start:i], start: start, end: i, depth: depth, kind: kind})
		if sql[start] == '(' && kind == 's' {
			depth++
		}
	}
	return list
}

func wordByte(c byte) bool {
	return c == '_' || c == '$' || c == '@' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80
}

func quoted(sql string, i int) int {
	quote := sql[i]
	for i++; i < len(sql); i++ {
		switch {
		case sql[i] == '\\' && quote != '`':
			i++
		case sql[i] == quote && i+1 < len(sql) && sql[i+1] == quote:
			i++
		case sql[i] == quote:
			return i + 1
		}
	}
	return len(sql)
}

func comment(sql string, i int) int {
	end, width := strings.Index(sql[i:], "\n"), 1
	if strings.HasPrefix(sql[i:], "/*") {
		end, width = strings.Index(sql[i:], "*/"), 2
	}
	if end < 0 {
		return len(sql)
	}
	return i + end + width
}

// clauses are the clauses at the top level that decide how answers are compared.
type clauses struct {
	first   string // the first word, upper case
	ordered bool   // ORDER BY
	limit   int    // where LIMIT begins; -1: nowhere
	tail    int    // where what follows LIMIT begins (FOR UPDATE …), or the end
}

func clausesOf(sql string) clauses {
	c := clauses{limit: -1, tail: len(sql)}
	list := tokens(sql)
	for i, t := range list {
		if t.kind != 'w' && t.text != "(" {
			continue
		}
		word := strings.ToUpper(t.text)
		if c.first == "" && t.kind == 'w' {
			c.first = word
		}
		if t.depth > 0 {
			continue
		}
		switch {
		case word == "ORDER" && i+1 < len(list) && strings.EqualFold(list[i+1].text, "BY"):
			c.ordered = true
		case word == "UNION" || word == "EXCEPT" || word == "INTERSECT":
			c.ordered, c.limit, c.tail = false, -1, len(sql)
		case word == "LIMIT" && i > 0:
			c.limit = t.start
		case c.limit >= 0 && (word == "FOR" || word == "LOCK" || word == "PROCEDURE" || word == "INTO"):
			c.tail = min(c.tail, t.start)
		}
	}
	return c
}

// reads reports whether the statement, by its first word, changes no table.
func (c clauses) reads() bool {
	switch c.first {
	case "SELECT", "SHOW", "DESC", "DESCRIBE", "EXPLAIN", "SET", "USE", "VALUES", "DO", "HELP", "TABLE", "ANALYZE", "":
		return true
	}
	return false
}

// unlimited is sql without its LIMIT.
func unlimited(sql string) string {
	c := clausesOf(sql)
	if c.limit < 0 {
		return sql
	}
	return strings.TrimSpace(sql[:c.limit] + " " + sql[c.tail:])
}

// createdTable is the name in CREATE TABLE, "" for anything else.
func createdTable(sql string) string {
	list := tokens(sql)
	if len(list) < 3 || !strings.EqualFold(list[0].text, "CREATE") || !strings.EqualFold(list[1].text, "TABLE") {
		return ""
	}
	return strings.Trim(list[2].text, "`")
}
