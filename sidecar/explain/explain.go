// Package explain plans a statement without a server: from rules, and from what the caller says of the tables. Where
// only a server could tell, it goes by a likely answer and says what the server would be asked.
//
// It runs nothing and opens nothing. Its level: sidecar, below the command line.
package explain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/keygen"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/router/sharding"
)

// Input is what is known.
type Input struct {
	Layouts  []*rule.Layout
	Database string            // the connection's; "": the only one of Layouts
	Schema   string            // CREATE TABLE statements
	Types    map[string]string // SQL types of columns, by table.column
	Flavour  parser.Flavour
}

// Answer is what became of planning.
type Answer struct {
	Plan    string   // plan.Format
	Asked   []string // what servers would be asked first, and which; the plan is for likely answers
	Assumed []string // what was assumed for want of knowledge
	// ByValue are the sharded tables, as database.table, whose shards depend on values that the text does not hold or the plan does not show.
	ByValue []string
}

// Plan plans one statement.
func Plan(ctx context.Context, in Input, text string) (Answer, error) {
	e, err := begin(in)
	if err != nil {
		return Answer{}, err
	}
	stmt, err := parser.Parse(text, e.mode)
	if err != nil {
		return Answer{}, err
	}
	if rest, err := parser.Parse(strings.TrimLeft(text[len(stmt.Text):], "; \t\r\n"), e.mode); err == nil && rest.Kind != parser.Empty {
		return Answer{}, fmt.Errorf("several statements: explain one at a time; after the first there is %.60q", rest.Text)
	}
	if stmt.Kind == parser.Unknown { // a proxy leaves it to its server to say so
		return Answer{}, syntaxError(text, stmt.Tokens[0].Start)
	}
	return e.plan(ctx, stmt)
}

// begin knows what the caller says, and nothing of servers.
func begin(in Input) (*explanation, error) {
	e := &explanation{in: in, mode: parser.Mode{Flavour: in.Flavour}, facts: &router.Facts{}}
	if e.in.Database == "" && len(in.Layouts) == 1 {
		e.in.Database = in.Layouts[0].Database
	}
	snap, err := catalog.New(0).WithRules(1, in.Layouts)
	if err != nil {
		return nil, err
	}
	e.snap, err = e.declared(snap)
	return e, err
}

// syntaxError is a server's error at a place of the text.
func syntaxError(text string, at int) error {
	line := 1 + strings.Count(text[:at], "\n")
	return sqlerr.New(sqlerr.CodeSyntax, "42000", fmt.Sprintf("You have an error in your SQL syntax; near '%.80s' at line %d", text[at:], line))
}

// explanation is one run of Plan.
type explanation struct {
	in      Input
	mode    parser.Mode
	snap    *catalog.Snapshot
	facts   *router.Facts
	assumed []string
	asked   []string
	byValue []string
}

// rounds bounds how often planning may ask.
const rounds = 64

func (e *explanation) plan(ctx context.Context, stmt *parser.Statement) (Answer, error) {
	for range rounds {
		p, err := e.once(ctx, stmt)
		switch {
		case err == nil:
			text, err := e.format(ctx, e.keyer(), p, stmt)
			return e.answer(text), err
		case !e.learn(err):
			return e.answer(""), err
		}
	}
	return Answer{}, errors.New("planning asks without end")
}

func (e *explanation) keyer() sharding.Keyer {
	return sharding.Keyer{Charset: "utf8mb4", ExactText: e.mode.Flavour.MariaDB}
}

// once plans with what is known so far.
func (e *explanation) once(ctx context.Context, stmt *parser.Statement) (*plan.Plan, error) {
	planner := &router.Planner{Generators: keygen.NewSet(nil, nil, nil), Keyer: e.keyer()}
	return planner.Plan(ctx, stmt, router.Env{Database: e.in.Database, Mode: e.mode}, e.snap, e.facts)
}

// learn answers in a server's place what planning asks. It says no to an error that asks nothing.
func (e *explanation) learn(err error) bool {
	var tables *router.NeedTables
	var columns *router.NeedColumns
	var programs *router.NeedPrograms
	switch {
	case errors.As(err, &tables):
		e.assume(tables.Names)
	case errors.As(err, &programs):
		e.noPrograms(programs)
	case errors.As(err, &columns):
		for need := range columns.Each {
			e.guess(need)
		}
	default:
		return false
	}
	return true
}

func (e *explanation) answer(plan string) Answer {
	return Answer{Plan: plan, ByValue: e.byValue, Asked: e.asked, Assumed: slices.Compact(slices.Sorted(slices.Values(e.assumed)))}
}

// noPrograms takes the data sources for ones that keep no view, trigger or routine.
func (e *explanation) noPrograms(need *router.NeedPrograms) {
	if e.facts.Reread == nil {
		e.facts.Reread = map[string]bool{}
	}
	e.facts.Reread[need.Database] = true
	for _, ds := range need.DataSources {
		e.snap = e.snap.WithPrograms(need.Database, ds, &catalog.Programs{})
	}
}

// format prints the plan, with the units of this statement where its text holds all that decides.
func (e *explanation) format(ctx context.Context, keyer sharding.Keyer, p *plan.Plan, stmt *parser.Statement) (string, error) {
	route := plan.Leaf(p.Root)
	e.byValue = byValue(p.Root, nil)
	if route == nil || route.Ask != nil || stmt.Params > 0 || route.Rows != nil && route.Rows.Generate != nil && route.Rows.Generate.Key >= 0 {
		return plan.Format(p, nil), nil
	}
	r := router.Router{Keyer: keyer}
	units, err := r.Route(ctx, route, args{stmt})
	var unknown *router.KeyUnknown
	if errors.As(err, &unknown) && !e.facts.Scatter {
		e.facts.Scatter = true
		answer, err := e.plan(ctx, stmt)
		return answer.Plan, err
	}
	if err != nil {
		return "", err
	}
	e.byValue = byValue(p.Root, route)
	return plan.Format(p, units), nil
}

// byValue finds the tables of routes whose units depend on values, but for one whose units are known.
func byValue(n plan.Node, known *plan.Route) (tables []string) {
	if r, ok := n.(*plan.Route); ok && r != nil && r != known && (r.Selector != nil || r.Rows != nil) {
		for i, t := range r.Tables {
			tables = append(tables, r.Databases[i]+"."+t)
		}
	}
	for _, child := range plan.Children(n) {
		tables = append(tables, byValue(child, known)...)
	}
	return tables
}

// splitName cuts table.column.
func splitName(name string) (table, column string, ok bool) {
	table, column, ok = strings.Cut(name, ".")
	return table, column, ok && table != "" && column != ""
}
