// Package sqlgen generates SQL statements over the tables of cases/generated.sql and cases/generatedkeys.sql: reads with conditions, joins,
// groups, aggregates, orders and limits, writes and transactions, in sessions of many settings, and by way of PREPARE and EXECUTE. What a statement may differ in between two servers
// is said with it, in the codes of the case files; what has no such code it avoids. A statement can be made smaller,
// part by part, for a shrinker. It runs nothing and is deterministic by its seed. Level: tests.
package sqlgen

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Statement is one generated statement.
type Statement interface {
	// Render gives the statement's text, in which Literal may stand, and the codes of its exceptions.
	Render() (sql, codes string)
	// Smaller are the same statement with one part less, the largest parts first.
	Smaller() []Statement
}

// Generator makes statements. It belongs to one goroutine.
type Generator struct {
	r *rand.Rand
	session
	names int // of prepared statements so far
	inTxn bool
	keyed bool // the statements are on the tables of generatedkeys.sql
}

// New returns a generator; equal seeds give equal statements.
func New(seed uint64) *Generator { return &Generator{r: rand.New(rand.NewPCG(seed, 0x68656464))} }

// Sequence makes n statements that follow each other on one connection; keyed: on the tables of generatedkeys.sql. A transaction that is begun is ended.
func (g *Generator) Sequence(n int, keyed bool) []Statement {
	g.inTxn, g.keyed = false, keyed
	list := g.settings()
	for len(list) < n {
		s := g.statement()
		switch {
		case g.chance(6) && !limited(s):
			list = append(list, executed{s})
		case g.chance(3) && !limited(s):
			list = append(list, g.prepared(s)...)
		default:
			list = append(list, s)
		}
		if g.chance(12) {
			list = append(list, g.following(list[len(list)-1]))
		}
	}
	if g.inTxn {
		list = append(list, Plain("COMMIT"))
	}
	return list
}

// Keyed reports whether the next sequence is on the tables of generatedkeys.sql.
func (g *Generator) Keyed() bool { return g.chance(35) }

// Binary reports whether the next sequence goes through the binary protocol.
func (g *Generator) Binary() bool { return g.chance(40) }

// Fetch is how many rows the next sequence fetches at a time, 0 if it uses no cursors.
func (g *Generator) Fetch() int {
	if g.chance(25) {
		return 1 + g.r.IntN(3)
	}
	return 0
}

func (g *Generator) statement() Statement {
	switch n := g.r.IntN(100); {
	case n < 62:
		return g.query()
	case n < 74:
		return g.insert()
	case n < 84:
		return g.update()
	case n < 89:
		return g.remove()
	case n < 93:
		return g.union()
	case n < 95:
		return g.constants()
	}
	return g.transaction()
}

// Plain is a statement that cannot be made smaller.
type Plain string

// Render gives the text.
func (p Plain) Render() (string, string) { return string(p), "" }

// Smaller has nothing.
func (p Plain) Smaller() []Statement { return nil }

func (g *Generator) transaction() Statement {
	words := []string{"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT a", "ROLLBACK TO a", "START TRANSACTION", "SAVEPOINT b", "RELEASE SAVEPOINT a"}
	text := words[g.r.IntN(len(words))]
	switch {
	case text == "BEGIN" || text == "START TRANSACTION":
		g.inTxn = true
	case text == "COMMIT" || text == "ROLLBACK":
		g.inTxn = false
	}
	return Plain(text)
}

func (g *Generator) chance(percent int) bool { return g.r.IntN(100) < percent }

func pick[T any](g *Generator, list []T) T { return list[g.r.IntN(len(list))] }

// some takes n different elements.
func some[T any](g *Generator, list []T, n int) []T {
	var out []T
	for _, i := range g.r.Perm(len(list))[:min(n, len(list))] {
		out = append(out, list[i])
	}
	return out
}

// The marks of a literal inside a rendered text: its kind and value as a parameter, and its SQL.
const (
	markStart, markText, markEnd = "\x01", "\x02", "\x03"
)

// Literal is a value that can be written into the statement or sent as a parameter.
func literal(kind, value, text string) string {
	return markStart + kind + " " + value + markText + text + markEnd
}

// Inline writes the literals of a rendered text into it.
func Inline(sql string) string {
	text, _ := split(sql, func(_, text string) string { return text })
	return text
}

// Parameters replaces the literals by question marks; params are their kinds and values, as a case file has them.
func Parameters(sql string) (text string, params []string) {
	return split(sql, func(param, _ string) string { return "?" })
}

func split(sql string, write func(param, text string) string) (string, []string) {
	var b strings.Builder
	var params []string
	for {
		before, rest, found := strings.Cut(sql, markStart)
		b.WriteString(before)
		if !found {
			return b.String(), params
		}
		param, rest, _ := strings.Cut(rest, markText)
		text, rest, _ := strings.Cut(rest, markEnd)
		params = append(params, param)
		b.WriteString(write(param, text))
		sql = rest
	}
}

func (g *Generator) number(low, high int) string {
	v := fmt.Sprint(low + g.r.IntN(high-low+1))
	return literal("int", v, v)
}
