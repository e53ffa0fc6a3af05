package router

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/keygen"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/router/sharding"
)

// world is what a golden file declares: rules and schemas.
type world struct {
	snap    *catalog.Snapshot
	schemas map[string]catalog.TableSchema
	stored  map[string][]catalog.Program // by database and data source
	planner *Planner
	mode    parser.Mode
	scatter bool
	folded  int // plans that were compared with those of folded texts
	whole   int // texts that could not be folded
}

func newWorld() *world {
	return &world{
		snap: catalog.New(0), schemas: map[string]catalog.TableSchema{}, stored: map[string][]catalog.Program{},
		planner: &Planner{Generators: fixedGenerators{}}, mode: parser.Mode{Flavour: parser.Flavour{MariaDB: true, Version: 101119}},
	}
}

// fixedGenerators gives generators that count from 100.
type fixedGenerators struct{}

func (fixedGenerators) Generator(string, string, map[string]any) (keygen.Generator, error) {
	return fixedGenerator{}, nil
}

type fixedGenerator struct{}

func (fixedGenerator) Next(context.Context, int) (keygen.Batch, error) {
	return keygen.Batch{First: 100, Step: 1}, nil
}

// rules reads documents, separated by a line "+++".
func (w *world) rules(text string) error {
	var layouts []*rule.Layout
	for _, doc := range strings.Split(text, "+++\n") {
		d, problems := rule.Parse([]byte(doc))
		if err := problems.Err(); err != nil {
			return err
		}
		l, err := d.Resolve()
		if err != nil {
			return err
		}
		layouts = append(layouts, l)
	}
	snap, err := w.snap.WithRules(1, layouts)
	w.snap = snap
	return err
}

// schema reads a table: a line with its name, then a line a column: name, type, and flags pk, null, auto, unique,
// invisible, on-update, default=…, collate=….
func (w *world) schema(db, text string) error {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	t := catalog.TableSchema{Database: db, Name: strings.TrimSpace(lines[0])}
	pk := catalog.Index{Name: catalog.Primary, Unique: true}
	for _, line := range lines[1:] {
		f := strings.Fields(line)
		c := catalog.Column{Name: f[0], Type: f[1]}
		c.DataType, _, _ = strings.Cut(f[1], "(")
		if c.DataType == "varchar" || c.DataType == "text" || c.DataType == "char" || c.DataType == "enum" {
			c.Collation = "utf8mb4_general_ci"
		}
		for _, flag := range f[2:] {
			name, value, _ := strings.Cut(flag, "=")
			switch name {
			case "pk":
				pk.Columns = append(pk.Columns, catalog.IndexColumn{Name: c.Name})
			case "null":
				c.Nullable = true
			case "auto":
				c.AutoIncrement = true
			case "invisible":
				c.Invisible = true
			case "on-update":
				c.OnUpdate = true
			case "unsigned":
				c.Type += " unsigned"
			case "default":
				c.HasDefault, c.Default = true, value
			case "collate":
				c.Collation = value
			case "unique":
				t.Indexes = append(t.Indexes, catalog.Index{Name: c.Name, Unique: true, Columns: []catalog.IndexColumn{{Name: c.Name}}})
			default:
				return fmt.Errorf("flag %q", flag)
			}
		}
		c.Key = sharding.ParseKeyType(c.Type, c.Collation, !c.Nullable)
		t.Columns = append(t.Columns, c)
	}
	if pk.Columns != nil {
		t.Indexes = append([]catalog.Index{pk}, t.Indexes...)
	}
	w.schemas[db+"."+t.Name] = t
	return nil
}

// program reads stored programs, separated by lines "--": data sources, kind, name and, of a trigger, table and when,
// separated by '|'; the body follows.
func (w *world) program(db, text string) {
	for _, one := range strings.Split(text, "\n--\n") {
		head, body, _ := strings.Cut(one, "\n")
		f := append(strings.Split(head, "|"), "", "")
		for _, ds := range strings.Fields(f[0]) {
			w.stored[db+"."+ds] = append(w.stored[db+"."+ds], catalog.Program{
				Kind: catalog.ProgramKind(f[1]), Name: f[2], Table: f[3], When: f[4], Body: body, Readable: body != "",
			})
		}
	}
}

// kept is what a data source keeps: the programs, and the tables whose schemas were declared.
func (w *world) kept(db, ds string) *catalog.Programs {
	p := &catalog.Programs{Programs: w.stored[db+"."+ds], Tables: map[string]bool{}}
	for _, s := range w.schemas {
		if place, ok := w.snap.Place(db, s.Name); ok && s.Database == db && place.Single.DataSource == ds {
			p.Tables[s.Name] = true
		}
	}
	return p
}

// plan plans like a session: it answers what the planner asks until there is a plan.
func (w *world) plan(stmt *parser.Statement, env Env) (p *plan.Plan, drafts []string, err error) {
	facts := &Facts{Reread: map[string]bool{}, Scatter: w.scatter, Columns: map[string][]sqltypes.Column{}, Collations: oracleCollations}
	for range 20 {
		p, err = w.planner.Plan(context.Background(), stmt, env, w.snap, facts)
		var tables *NeedTables
		var columns *NeedColumns
		var programs *NeedPrograms
		switch {
		case errors.As(err, &tables):
			for _, n := range tables.Names {
				if s, ok := w.schemas[n.Database+"."+n.Table]; ok {
					w.snap = w.snap.WithTables(s)
				} else {
					w.snap = w.snap.WithoutTable(n.Database, n.Table)
				}
			}
		case errors.As(err, &programs):
			facts.Reread[programs.Database] = true
			for _, ds := range programs.DataSources {
				w.snap = w.snap.WithPrograms(programs.Database, ds, w.kept(programs.Database, ds))
			}
		case errors.As(err, &columns):
			for need := range columns.Each {
				drafts = append(drafts, need.SQL)
				cols, err := w.describe(need.SQL, env)
				if err != nil {
					return nil, drafts, fmt.Errorf("describing %s: %w", need.SQL, err)
				}
				facts.Columns[need.Key] = cols
			}
		default:
			return p, drafts, err
		}
	}
	return nil, drafts, errors.New("the planner never ends asking")
}

// testArgs are a statement's own arguments, parameters given by the test.
type testArgs struct {
	ownArgs
	params []sqltypes.Value
	ids    map[int]sqltypes.Value
}

func (a testArgs) Value(i int) (sqltypes.Value, error) {
	if n := a.stmt.Args[a.place(i)].Ordinal; n >= 0 {
		if int(n) >= len(a.params) {
			return sqltypes.Value{}, fmt.Errorf("parameter %d is not bound", n)
		}
		return a.params[n], nil
	}
	return a.stmt.Value(a.place(i))
}

func (a testArgs) Generated(i int) sqltypes.Value {
	if v, ok := a.ids[i]; ok {
		return v
	}
	return sqltypes.NullValue
}

// generate fills the ids that a plan needs, from 100.
func (a *testArgs) generate(route *plan.Route) error {
	if route == nil || route.Rows == nil || route.Rows.Generate == nil {
		return nil
	}
	g := route.Rows.Generate
	a.ids = map[int]sqltypes.Value{}
	for i := range route.Rows.Count(a) {
		given := route.Rows.GivenAt(i)
		need := given == nil
		if !need {
			v, _, err := value(given, a)
			if err != nil {
				return err
			}
			need = v.IsNull() || v.Kind == sqltypes.KindInt && v.Int == 0 && !g.ZeroIsValue
		}
		if need {
			a.ids[i] = sqltypes.IntValue(int64(100 + len(a.ids)))
		}
	}
	return nil
}

func (w *world) run(t *testing.T, d *datadriven.TestData) string {
	db := "shop"
	if d.HasArg("db") {
		db = ""
		if len(d.CmdArgs) > 0 {
			d.ScanArgs(t, "db", &db)
		}
		if db == "none" {
			db = ""
		}
	}
	switch d.Cmd {
	case "rules":
		if err := w.rules(d.Input); err != nil {
			return err.Error()
		}
		return "ok"
	case "schema":
		for _, one := range strings.Split(d.Input, "\n--\n") {
			if err := w.schema(db, one); err != nil {
				return err.Error()
			}
		}
		return "ok"
	case "program":
		w.program(db, d.Input)
		return "ok"
	case "plan":
		return w.golden(d, db)
	case "refuse":
		return w.refusals(d, db)
	}
	return "unknown command " + d.Cmd
}

// golden prints a statement's plan, its drafts and what each unit runs.
func (w *world) golden(d *datadriven.TestData, db string) string {
	text, params, _ := strings.Cut(d.Input, "\nparams: ")
	mode := w.mode
	if d.HasArg("only-full-group-by") {
		mode.SQLMode |= parser.OnlyFullGroupBy
	}
	stmt, err := parser.Parse(text, mode)
	if err != nil {
		return "parse: " + err.Error()
	}
	p, drafts, err := w.plan(stmt, Env{Database: db, Mode: mode})
	if err != nil {
		return err.Error()
	}

	switch root := p.Root.(type) { // their texts are whole
	case *plan.DropEach:
		return plan.Format(p, nil) + strings.Join(root.Texts, "\n") + "\n"
	case *plan.Lock:
		return plan.Format(p, nil)
	}
	args := &testArgs{ownArgs: ownArgs{stmt: stmt}, params: readParams(params)}
	if err := args.generate(firstRoute(p.Root)); err != nil {
		return err.Error()
	}
	printAsk(&strings.Builder{}, firstRoute(p.Root), args)
	if _, err := (&Router{}).Route(context.Background(), firstRoute(p.Root), args); errors.As(err, new(*KeyUnknown)) {
		w.scatter = true
		if p, drafts, err = w.plan(stmt, Env{Database: db, Mode: mode}); err != nil {
			return err.Error()
		}
		w.scatter = false
	}
	var b strings.Builder
	if d.HasArg("drafts") {
		for _, s := range drafts {
			b.WriteString("draft:   " + s + "\n")
		}
	}
	w.execute(&b, p, args)
	if err == nil && !w.scatter {
		b.WriteString(w.checkFolded(text, Env{Database: db, Mode: mode}, args.params))
	}
	return b.String()
}

func (w *world) execute(b *strings.Builder, p *plan.Plan, args *testArgs) {
	route := firstRoute(p.Root)
	if err := args.generate(route); err != nil {
		b.WriteString(err.Error())
		return
	}
	var asked strings.Builder
	printAsk(&asked, route, args)
	units, err := (&Router{}).Route(context.Background(), route, args)
	b.WriteString(plan.Format(p, units))
	b.WriteString(asked.String())
	w.render(b, p, args, units, err)
}

// render prints what each unit runs.
func (w *world) render(b *strings.Builder, p *plan.Plan, args *testArgs, units []RouteUnit, err error) {
	route := firstRoute(p.Root)
	if err != nil {
		b.WriteString("route: " + err.Error() + "\n")
		return
	}
	for _, u := range units {
		r, err := rewrite.Render(nil, route.Template, rewrite.Names{Tables: u.Target.Names, Schemas: u.Target.Schemas}, u.Keep, args)
		if err != nil {
			b.WriteString(err.Error() + "\n")
			continue
		}
		name := u.Target.DataSource
		if u.Target.Shard != "" {
			name = u.Target.Shard
		}
		fmt.Fprintf(b, "%s: %s", name, r.SQL)
		if len(r.Params) > 0 {
			fmt.Fprintf(b, "   params=%v", r.Params)
		}
		b.WriteString("\n")
		if r, ok := p.Root.(*plan.Residual); ok && u.Index == units[0].Index {
			printResidual(b, r, args)
		}
		if g, ok := p.Root.(*plan.Gather); ok && u.Index == units[0].Index {
			printGather(b, g, args)
		}
		if k, ok := p.Root.(*plan.ByKey); ok && u.Index == units[0].Index {
			s, err := rewrite.Render(nil, k.Write.Template, rewrite.Names{Tables: u.Target.Names, Schemas: u.Target.Schemas}, nil, args)
			fmt.Fprintf(b, "write: %s %v\n", s.SQL, errText(err))
			printImage(b, k.Image, rewrite.Names{Tables: u.Target.Names, Schemas: u.Target.Schemas}, args)
		}
	}
}

// printAsk prints what a server is asked first, and answers with 7.
func printAsk(b *strings.Builder, route *plan.Route, args *testArgs) {
	if route == nil || route.Ask == nil {
		return
	}
	a := route.Ask
	names := rewrite.Names{Tables: route.Targets[0].Names, Schemas: route.Targets[0].Schemas}
	templates, slots := []*rewrite.Template{a.Select}, a.Values
	if a.Stored != nil {
		templates = append(templates, a.Stored.Create, a.Stored.Fill, a.Stored.Read)
		slots += len(a.Stored.Fill.Lists[0].Items) * len(a.Stored.Kinds)
	}
	if args.ids == nil {
		args.ids = map[int]sqltypes.Value{}
	}
	for i := range slots {
		args.ids[a.Base+i] = sqltypes.IntValue(7)
	}
	for _, t := range templates {
		if t == nil {
			continue
		}
		r, err := rewrite.Render(nil, t, names, nil, args)
		fmt.Fprintf(b, "ask:   %s %s\n", r.SQL, errText(err))
	}
}

func printImage(b *strings.Builder, image *plan.Image, names rewrite.Names, args *testArgs) {
	if image == nil {
		return
	}
	for _, t := range []*rewrite.Template{image.Read, image.Write} {
		r, err := rewrite.Render(nil, t, names, nil, args)
		fmt.Fprintf(b, "image: %s %v\n", r.SQL, errText(err))
	}
}

// printGather prints what the parts of a statement, and what is left of it, are at their first targets.
func printGather(b *strings.Builder, g *plan.Gather, args *testArgs) {
	print := func(what string, t *rewrite.Template, target *plan.Target) {
		r, err := rewrite.Render(nil, t, rewrite.Names{Tables: target.Names, Schemas: target.Schemas}, nil, args)
		fmt.Fprintf(b, "%s: %s %v\n", what, r.SQL, errText(err))
	}
	for i := range g.Parts {
		part := &g.Parts[i]
		route := firstRoute(part.Node)
		print("part "+strconv.Itoa(i), route.Template, &route.Targets[0])
		print("shape "+strconv.Itoa(i), part.Shape, &g.Place.Targets[0])
	}
	route := firstRoute(g.Input)
	print("rest on "+route.Targets[0].DataSource, route.Template, &route.Targets[0])
	if r, ok := g.Input.(*plan.Residual); ok {
		printResidual(b, r, args)
	}
}

func printResidual(b *strings.Builder, r *plan.Residual, args *testArgs) {
	names := rewrite.Names{Tables: r.Target.Names, Schemas: r.Target.Schemas}
	shape, err := rewrite.Render(nil, r.Shape, names, nil, args)
	fmt.Fprintf(b, "shape: %s %v\n", shape.SQL, errText(err))
	names.Tables = []string{"temp"}
	final, err := rewrite.Render(nil, r.Final, names, nil, args)
	fmt.Fprintf(b, "final: %s %v\n", final.SQL, errText(err))
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// firstRoute is the Route that is run first.
func firstRoute(n plan.Node) *plan.Route {
	if r, ok := n.(*plan.Route); ok {
		return r
	}
	for _, c := range plan.Children(n) {
		if r := firstRoute(c); r != nil {
			return r
		}
	}
	return nil
}

func readParams(s string) []sqltypes.Value {
	var out []sqltypes.Value
	for _, f := range strings.Fields(s) {
		var i int64
		switch {
		case f == "NULL":
			out = append(out, sqltypes.NullValue)
		case strings.HasPrefix(f, "'"):
			out = append(out, sqltypes.StringValue(strings.Trim(f, "'")))
		default:
			_, _ = fmt.Sscan(f, &i)
			out = append(out, sqltypes.IntValue(i))
		}
	}
	return out
}

// refusals prints, for a statement a line, the error that it gets.
func (w *world) refusals(d *datadriven.TestData, db string) string {
	var b strings.Builder
	for _, line := range strings.Split(d.Input, "\n") {
		stmt, err := parser.Parse(line, w.mode)
		if err == nil {
			_, _, err = w.plan(stmt, Env{Database: db, Mode: w.mode, User: "app"})
		}
		e := sqlerr.As(err)
		switch {
		case err == nil:
			b.WriteString(line + "\n    NOT REFUSED\n")
		case e == nil:
			b.WriteString(line + "\n    UNEXPECTED " + err.Error() + "\n")
		default:
			fmt.Fprintf(&b, "%s\n    %d %s\n", line, e.Code, e.Msg)
		}
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	folded, notFolded := 0, 0
	datadriven.Walk(t, "testdata/plan", func(t *testing.T, path string) {
		w := newWorld()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string { return w.run(t, d) })
		folded, notFolded = folded+w.folded, notFolded+w.whole
	})
	if folded < 100 {
		t.Errorf("%d plans compared with those of folded texts", folded)
	}
	if notFolded == 0 {
		t.Error("no plan depends on the length of a list")
	}
}
