package sqlgen

import (
	"fmt"
	"strings"
)

// executed is a statement inside of an EXECUTE IMMEDIATE, its literals behind USING.
type executed struct{ inner Statement }

// Render gives the text.
func (e executed) Render() (string, string) {
	sql, codes := e.inner.Render()
	text, values := marked(sql)
	out := "EXECUTE IMMEDIATE " + quote(text)
	if len(values) > 0 {
		out += " USING " + strings.Join(values, ", ")
	}
	return out, codes
}

// Smaller is the statement itself, or smaller.
func (e executed) Smaller() []Statement {
	out := []Statement{e.inner}
	for _, s := range e.inner.Smaller() {
		out = append(out, executed{s})
	}
	return out
}

// coded is a statement that cannot be made smaller, with its exceptions.
type coded struct{ text, codes string }

// Render gives the text.
func (c coded) Render() (string, string) { return c.text, c.codes }

// Smaller has nothing.
func (c coded) Smaller() []Statement { return nil }

// prepared is a statement by way of PREPARE and EXECUTE, its literals in user variables.
func (g *Generator) prepared(inner Statement) []Statement {
	sql, codes := inner.Render()
	text, values := marked(sql)
	g.names++
	name := fmt.Sprintf("p%d", g.names)
	list := []Statement{Plain("PREPARE " + name + " FROM " + quote(text))}
	execute := "EXECUTE " + name
	for i, v := range values {
		variable := fmt.Sprintf("@v%d", i)
		list = append(list, Plain("SET "+variable+" = "+v))
		if execute += ", "; i == 0 {
			execute = "EXECUTE " + name + " USING "
		}
		execute += variable
	}
	list = append(list, coded{execute, codes})
	if g.chance(30) {
		list = append(list, coded{execute, codes})
	}
	if g.chance(30) {
		list = append(list, Plain("DEALLOCATE PREPARE "+name))
	}
	return list
}

// limited reports whether the statement's rows are some of those that it could have: only its own text says which ones.
func limited(s Statement) bool {
	_, codes := s.Render()
	return strings.Contains(codes, "limit")
}

func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// marked is a rendered text with question marks, and the SQL of the literals in their places.
func marked(sql string) (text string, values []string) {
	text, _ = split(sql, func(_, text string) string {
		values = append(values, text)
		return "?"
	})
	return text, values
}
