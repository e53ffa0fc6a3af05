package router

import (
	"strings"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rule"
)

// A server runs the programs that it keeps (routines, triggers, views, events) by itself, on what it has: one shard's
// rows, one copy of a broadcast table. What a statement uses of them is looked up on the servers, with what they use in
// turn, and judged by the names in their bodies before anything is sent.

// guard judges the stored programs that the statement uses. It leaves in p.within the data sources that have what
// they need.
func (p *planning) guard() error {
	if p.stmt.Kind == parser.LockTables {
		return p.lockedViews()
	}
	g := &judge{p: p, seen: map[string]bool{}}
	if err := p.usedFunctions(g); err != nil {
		return err
	}
	if err := p.usedViews(g); err != nil {
		return err
	}
	if err := p.firedTriggers(g); err != nil {
		return err
	}
	switch {
	case p.stmt.Called != nil:
		if err := p.calledProcedure(g); err != nil {
			return err
		}
	case p.stmt.Kind == parser.Compound:
		if l := p.defaultLayout(); guarded(l) {
			if err := g.own(l, "a compound statement", p.stmt.Body()); err != nil {
				return err
			}
		}
	}
	return p.judged(g)
}

// judged takes over what a judge has found.
func (p *planning) judged(g *judge) error {
	if g.why != "" {
		return p.refuse(g.why)
	}
	if g.within != nil && len(g.within) == 0 {
		return p.refuse("stored programs that need tables of different data sources")
	}
	p.within = g.within
	if g.used {
		p.plan.Clock = p.plan.Clock || g.uses&parser.UseNow != 0
		p.plan.Program = &plan.Program{Vars: g.vars, Ends: g.ends && g.apart}
		if g.keeps || g.uses&parser.UseLock != 0 {
			p.plan.Pin = "stored program"
		}
	}
	return nil
}

// guarded reports whether a database's stored programs may mean something else than on one server: its tables are in
// more than one place, or have other names there.
func guarded(l *rule.Layout) bool {
	if l == nil || l.Database == "" {
		return false
	}
	return len(l.DataSources) > 1 || len(l.Tables) > 0 || len(l.DataSources) == 1 && l.DataSources[0].Schema != l.Database
}

// kept is what one data source's schema of a database keeps.
type kept struct {
	layout   *rule.Layout
	ds       string
	schema   string
	programs *catalog.Programs
}

// keptAt is what a data source keeps of a database, or the question for it.
func (p *planning) keptAt(l *rule.Layout, ds string) (kept, error) {
	programs, known := p.snap.Programs(l.Database, ds)
	if !known {
		return kept{}, &NeedPrograms{Database: l.Database, DataSources: []string{ds}}
	}
	return kept{layout: l, ds: ds, schema: l.SingleNode(ds, "").Schema, programs: programs}, nil
}

// keptBy is what all data sources of a database keep.
func (p *planning) keptBy(l *rule.Layout) ([]kept, error) {
	var out []kept
	var unknown []string
	for i := range l.DataSources {
		k, err := p.keptAt(l, l.DataSources[i].Name)
		if err != nil {
			unknown = append(unknown, l.DataSources[i].Name)
		}
		out = append(out, k)
	}
	if unknown != nil {
		return nil, &NeedPrograms{Database: l.Database, DataSources: unknown}
	}
	return out, nil
}

// again asks once more for what the servers keep: something that should be there was not.
func (p *planning) again(l *rule.Layout) error {
	if p.facts.Reread[l.Database] {
		return nil
	}
	all := make([]string, len(l.DataSources))
	for i := range l.DataSources {
		all[i] = l.DataSources[i].Name
	}
	return &NeedPrograms{Database: l.Database, DataSources: all}
}

// holders are the data sources that keep a program. fresh says that one which nobody keeps is asked for once more.
func (p *planning) holders(l *rule.Layout, kind catalog.ProgramKind, name string, fresh bool) ([]kept, error) {
	all, err := p.keptBy(l)
	if err != nil {
		return nil, err
	}
	var out []kept
	for _, k := range all {
		if k.programs.Find(kind, name) != nil {
			out = append(out, k)
		}
	}
	if len(out) == 0 && fresh {
		return nil, p.again(l)
	}
	return out, nil
}

// usedFunctions judges the functions that the statement calls and that are none of the server's own.
func (p *planning) usedFunctions(g *judge) error {
	for _, at := range p.stmt.Uses.At {
		if at.Use == parser.UseUnknownFunction && strings.EqualFold(at.Name, "mysql_query_attribute_string") {
			return p.refuse("mysql_query_attribute_string(), for a query's attributes do not get beyond Heddle")
		}
		if at.Use != parser.UseUnknownFunction && at.Use != parser.UseWordCall || p.insideBody() {
			continue
		}
		l, schema := p.qualifierOf(at.Tok)
		if !guarded(l) {
			continue
		}
		name := p.stmt.Name(at.Tok)
		holders, err := p.holders(l, catalog.Function, name, at.Use == parser.UseUnknownFunction)
		if err != nil {
			return err
		}
		if err := p.routineSchema(l, schema, len(holders) > 0); err != nil {
			return err
		}
		if len(holders) > 0 {
			if err := g.program(holders, catalog.Function, name, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// insideBody reports whether the statement's functions are those of a body, which is judged as a whole.
func (p *planning) insideBody() bool { return p.stmt.Kind == parser.Compound || p.programDDL() }

// qualifierOf is the database that a routine's name at a token is looked for in, and where that is written.
func (p *planning) qualifierOf(tok int) (*rule.Layout, parser.Span) {
	if tok < 2 || !p.stmt.Tokens[tok-1].Is(".") || !p.stmt.Tokens[tok-2].Ident() {
		return p.defaultLayout(), parser.Span{}
	}
	if l, ok := p.snap.Database(p.stmt.Name(tok - 2)); ok {
		return l, p.stmt.Tokens[tok-2].Span
	}
	return p.defaultLayout(), parser.Span{} // of a package, or an error of the server
}

// routineSchema has the schema in front of a routine's name replaced by the servers' own.
func (p *planning) routineSchema(l *rule.Layout, schema parser.Span, found bool) error {
	if !schema.Present() {
		p.bareRoutine = p.bareRoutine || found
		return nil
	}
	r := routineName{schema: schema, layout: l}
	if !p.sameName(l.Database, p.env.Database) {
		for i := range l.DataSources {
			if l.DataSources[i].Schema != l.DataSources[0].Schema {
				return p.refuse("a routine of another database, which has other names on its servers")
			}
		}
		r.physical = l.DataSources[0].Schema
	} else {
		p.bareRoutine = p.bareRoutine || found
	}
	p.routines = append(p.routines, r)
	return nil
}

// routineName is the schema written in front of a routine's name.
type routineName struct {
	schema   parser.Span
	layout   *rule.Layout
	physical string // "": the connection's own
}

// usedViews judges the views among the statement's tables.
func (p *planning) usedViews(g *judge) error {
	for i := range p.stmt.Tables {
		if err := p.usedView(g, i); err != nil {
			return err
		}
	}
	return nil
}

// usedView judges the view that the statement names as its table i, if that is one.
func (p *planning) usedView(g *judge, i int) error {
	t := p.byRef[i]
	if t == nil || t.system || !t.single() || !guarded(t.place.Layout) || p.stmt.Tables[i].Role == parser.RoleDDL {
		return nil
	}
	k, err := p.keptAt(t.place.Layout, t.place.Single.DataSource)
	if err != nil {
		return err
	}
	if t.schema != nil && !p.snap.HasTable(k.programs, t.place.Single.Table) {
		if err := p.again(t.place.Layout); err != nil {
			return err
		}
	}
	view := p.snap.View(k.programs, t.place.Single.Table)
	if view == nil {
		return nil
	}
	switch p.stmt.Tables[i].Role {
	case parser.RoleShow:
		return nil
	case parser.RoleInsert, parser.RoleUpdate, parser.RoleDelete:
		g.through = true
	}
	if err := g.view(k, view, ""); err != nil {
		return err
	}
	if g.through && g.copies != "" {
		return p.refuse("a change through the view " + t.name + ", which reads the broadcast table " + g.copies)
	}
	g.through = false
	return nil
}

// calledProcedure judges the procedure of CALL.
func (p *planning) calledProcedure(g *judge) error {
	c := p.stmt.Called
	l := p.defaultLayout()
	kind, name, schema := catalog.Procedure, c.Name, c.SchemaSpan
	if c.Schema != "" {
		if named, ok := p.snap.Database(c.Schema); ok {
			l = named
		} else if guarded(l) {
			kind, name, schema = catalog.PackageBody, c.Schema, parser.Span{}
		}
	}
	if !guarded(l) {
		return nil
	}
	holders, err := p.holders(l, kind, name, true)
	if err != nil {
		return err
	}
	if err := p.routineSchema(l, schema, true); err != nil || len(holders) == 0 {
		return err // a server says that there is none
	}
	if err := g.program(holders, kind, name, ""); err != nil {
		return err
	}
	for _, at := range p.stmt.Uses.At {
		if at.Use == parser.UseUserVarRead {
			g.vars = append(g.vars, at.Name) // it may be an OUT parameter
		}
	}
	return nil
}

// permitted reports whether a data source has what the statement's stored programs need.
func (p *planning) permitted(ds string) bool { return p.within == nil || p.within[ds] }

// checkPrograms refuses a plan that would run where the statement's stored programs are not.
func (p *planning) checkPrograms() error {
	if p.plan.Program == nil {
		return nil
	}
	switch p.plan.Root.(type) {
	case *plan.Route, *plan.Insert, *plan.Update, *plan.Delete, *plan.DDL:
	default:
		if len(p.plan.Program.Vars) > 0 {
			return p.refuse("a stored program with user variables, in a statement that no one server runs")
		}
	}
	var check func(plan.Node) error
	check = func(n plan.Node) error {
		switch n := n.(type) {
		case *plan.Route:
			return p.checkRoute(n)
		case *plan.Gather: // its columns are described at Place; its parts, and what is left, are statements that have been checked
			return p.checkRoute(n.Place)
		case *plan.Residual:
			if !p.permitted(n.Target.DataSource) {
				return p.refuse("a stored program that is not on the data source " + n.Target.DataSource + ", or needs what is not there")
			}
		}
		for _, c := range plan.Children(n) {
			if err := check(c); err != nil {
				return err
			}
		}
		return nil
	}
	return check(p.plan.Root)
}

func (p *planning) checkRoute(route *plan.Route) error {
	home := p.defaultLayout()
	for i := range route.Targets {
		t := &route.Targets[i]
		if !p.permitted(t.DataSource) {
			return p.refuse("a stored program that is not on the data source " + t.DataSource + ", or needs what is not there")
		}
		if p.bareRoutine && home != nil && t.Schema != home.SingleNode(t.DataSource, "").Schema {
			return p.refuse("a stored function of the default database in a statement on tables of another")
		}
	}
	if len(route.Targets) > 1 && len(p.plan.Program.Vars) > 0 {
		return p.refuse("a stored program with user variables, over several shards")
	}
	return nil
}

// kindName is how a sentence names a program.
func kindName(kind catalog.ProgramKind) string { return strings.ToLower(string(kind)) }
