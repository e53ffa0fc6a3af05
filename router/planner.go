package router

import (
	"context"
	"sync"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/keygen"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/router/sharding"
)

// Generators gives the key generator of a column, the same one for the same name, type and properties.
// keygen.Set is one.
type Generators interface {
	Generator(name, typ string, properties map[string]any) (keygen.Generator, error)
}

// Planner makes plans. It keeps the sharding algorithms that it built, for one version of the rules at a time. It
// is safe for concurrent use.
type Planner struct {
	Generators Generators     // nil: a column that has to be generated is refused
	Keyer      sharding.Keyer // for the constants in the rules' properties

	mu      sync.Mutex // guards what follows
	version uint64
	built   map[algorithmKey]sharding.Algorithm
}

type algorithmKey struct {
	table  *rule.ShardedTable
	schema uint64
}

// Plan decides how a statement runs. It answers *NeedTables or *NeedColumns where it has to know more, *NotFolded where
// a folded statement's plan would depend on the lengths of its lists, and *sqlerr.Error for what the client gets. The statement and the snapshot are not
// changed; the facts, which may be nil, keep what was read of the statement's parts.
func (pl *Planner) Plan(ctx context.Context, stmt *parser.Statement, env Env, snap *catalog.Snapshot, facts *Facts) (*plan.Plan, error) {
	if facts == nil {
		facts = &Facts{}
	}
	return pl.plan(ctx, stmt, env, snap, facts, partEnv{given: facts.Given}, 0, new(int))
}

// partEnv is what the planning of a statement knows that is made of parts of another.
type partEnv struct {
	temporary []*gathered // tables that it may name
	given     []string    // Facts.Given of its own arguments
	locks     bool        // it is read by a write: its own parts lock what they read too
}

// plan is Plan for a statement that may name temporary tables.
func (pl *Planner) plan(ctx context.Context, stmt *parser.Statement, env Env, snap *catalog.Snapshot, facts *Facts, of partEnv, depth int, plannings *int) (*plan.Plan, error) {
	return pl.begin(ctx, &planning{planner: pl, stmt: stmt, env: env, snap: snap, facts: facts, plan: &plan.Plan{}, gathered: of.temporary, given: of.given, locks: of.locks, depth: depth, plannings: plannings})
}

func (pl *Planner) begin(ctx context.Context, p *planning) (*plan.Plan, error) {
	if err := p.effort(); err != nil {
		return nil, err
	}
	stmt, env, snap, facts := p.stmt, p.env, p.snap, p.facts
	p.src = rewrite.Source{Text: stmt.Text, Args: make([]rewrite.Span, len(stmt.Args))}
	for i, a := range stmt.Args {
		p.src.Args[i] = rewrite.Span(a.Span())
	}
	for i := range stmt.Folds {
		f := &stmt.Folds[i]
		p.src.Folds = append(p.src.Folds, rewrite.Fold{First: rewrite.Span(f.First), Second: rewrite.Span(f.Second)})
	}
	p.algorithm = func(t *table) (sharding.Algorithm, error) { return pl.algorithm(ctx, snap, t) }
	p.check = func(t *table, s *catalog.TableSchema) []catalog.Finding {
		return catalog.CheckTable(ctx, snap, t.place.Sharded, t.place.Layout, s, pl.Keyer)
	}
	p.part = func(stmt *parser.Statement, given []string) (*plan.Plan, error) {
		return pl.plan(ctx, stmt, env, snap, facts, partEnv{given: given}, p.depth+1, p.plannings)
	}
	p.over = func(stmt *parser.Statement, of partEnv) (*plan.Plan, error) {
		return pl.plan(ctx, stmt, env, snap, facts, of, p.depth+1, p.plannings)
	}
	p.moved = func(whole *parser.Statement) (*plan.Plan, error) {
		return pl.begin(ctx, &planning{planner: pl, stmt: whole, env: env, snap: snap, facts: facts, plan: &plan.Plan{}, given: p.given, intoFirst: true, depth: p.depth, plannings: p.plannings})
	}
	if err := p.resolveTables(); err != nil {
		return nil, p.firstAbsent(err)
	}
	if err := p.absent(); err != nil {
		return nil, err
	}
	if err := p.readHints(); err != nil {
		return nil, err
	}
	p.properties()
	if err := p.guard(); err != nil {
		return nil, err
	}
	if err := p.relevance(); err != nil {
		return nil, err
	}
	if err := p.groupedAliases(); err != nil {
		return nil, err
	}
	if why := p.asksForAccount(); why != "" {
		return nil, p.refuse(why)
	}
	if err := p.dispatch(); err != nil {
		return nil, err
	}
	if err := p.changesAlike(); err != nil {
		return nil, err
	}
	if p.inlined {
		// What type a parameter has is known at its execution only; as a literal it may make another type of an expression.
		return nil, p.refuse(inlinedParameters)
	}
	if why := p.columnRefusal(); why != "" {
		return nil, p.refuse(why)
	}
	p.drift()
	if err := p.engine(); err != nil {
		return nil, err
	}
	if err := p.checkPrograms(); err != nil {
		return nil, err
	}
	if err := p.userLocks(); err != nil {
		return nil, err
	}
	if err := p.keepsOff(); err != nil {
		return nil, err
	}
	if !p.folds() {
		return nil, &NotFolded{}
	}
	p.finish()
	return p.plan, nil
}

const inlinedParameters = "parameters in aggregates beside HAVING or expressions over aggregates over several shards"

// planning is the planning of one statement.
type planning struct {
	planner *Planner
	stmt    *parser.Statement
	env     Env
	snap    *catalog.Snapshot
	facts   *Facts
	plan    *plan.Plan
	src     rewrite.Source

	algorithm func(*table) (sharding.Algorithm, error)              // of a sharded table
	check     func(*table, *catalog.TableSchema) []catalog.Finding  // what a rule does not allow of a schema
	part      func(*parser.Statement, []string) (*plan.Plan, error) // plans a statement made of parts of this one, with what is given of its parameters
	over      func(*parser.Statement, partEnv) (*plan.Plan, error)

	moved     func(*parser.Statement) (*plan.Plan, error) // plans the statement with its INTO at the end
	intoFirst bool                                        // INTO is at the end because it was moved there

	depth     int         // of statements made of parts of others
	plannings *int        // made for the client's statement so far
	gathered  []*gathered // temporary tables that the statement may name
	given     []string    // Facts.Given of its arguments
	locks     bool        // see partEnv

	tables  []*table
	byRef   []*table // by index in stmt.Tables; nil for CTEs and repeated names
	needed  []Name
	helpful []*table // whose schemas could have helped

	within      map[string]bool // the data sources that have what its stored programs need; nil: all
	routines    []routineName   // schemas written in front of routines
	bareRoutine bool            // a routine is looked for in the connection's schema

	values []shardValue // of tables sharded by hint
	route  string       // the data source that a hint names; "": none
	server string       // which of a data source's servers a hint names: "primary", "replica"; "": none

	blocks       []*block
	ctes         []*query
	hasCTE       bool
	sourceCount  int
	lists        []*inList
	inlined      bool         // parameters became literals in a part of the plan
	unfolded     bool         // the plan depends on the length of a folded list
	at           *plan.Target // where the last draft was described
	groupsJudged bool         // the statement's groups are what ONLY_FULL_GROUP_BY wants
	whole        bool         // what is refused cannot be run in parts either
}

// algorithm builds or finds a table's algorithm.
func (pl *Planner) algorithm(ctx context.Context, snap *catalog.Snapshot, t *table) (sharding.Algorithm, error) {
	rules := t.place.Sharded
	key := algorithmKey{rules, t.schema.Version}
	pl.mu.Lock()
	defer pl.mu.Unlock()
	if pl.version != snap.RulesVersion() || pl.built == nil {
		pl.version, pl.built = snap.RulesVersion(), map[algorithmKey]sharding.Algorithm{}
	}
	if a, ok := pl.built[key]; ok {
		return a, nil
	}
	a, err := sharding.New(ctx, rules.Algorithm.Type, rules.Config(t.keys, pl.Keyer))
	if err != nil {
		return nil, sqlerr.NotSupported("the sharding of " + t.db + "." + t.name + ": " + err.Error())
	}
	pl.built[key] = a
	return a, nil
}

// dispatch plans by the statement's kind.
func (p *planning) dispatch() error {
	switch p.stmt.Kind {
	case parser.Select, parser.Do, parser.Set:
		return p.planSelect()
	case parser.Insert, parser.Replace:
		return p.planInsert()
	case parser.Update, parser.Delete:
		return p.planChange()
	case parser.Explain, parser.Analyze:
		return p.planExplain()
	case parser.CreateTable, parser.AlterTable, parser.DropTable, parser.RenameTable, parser.Truncate,
		parser.CreateIndex, parser.DropIndex:
		return p.planDDL()
	case parser.CreateView:
		return p.planView()
	}
	if p.programDDL() {
		return p.planProgram()
	}
	if ok, err := p.serverWide(); ok {
		return err
	}
	return p.planOther()
}

// properties sets what every kind of plan says of its statement.
func (p *planning) properties() {
	uses := p.stmt.Uses
	p.plan.Clock = uses.Has(parser.UseNow)
	p.plan.Write = writes[p.stmt.Kind] || uses.Has(parser.UseForUpdate|parser.UseForShare|parser.UseSequence)
	p.plan.ImplicitCommit = implicitCommits[p.stmt.Kind] && !p.keepsTransaction()
	switch {
	case p.stmt.Kind == parser.CreateTemporaryTable:
		p.plan.Pin = "temporary table"
	case p.stmt.Kind == parser.Handler:
		p.plan.Pin = "HANDLER"
	case uses.Has(parser.UseLock):
		p.plan.Pin = "GET_LOCK"
	case uses.Has(parser.UseUserVarWrite) && p.stmt.Kind != parser.Set:
		p.plan.Pin = "user variable assigned in a query"
	case p.stmt.Kind == parser.Call || p.stmt.Kind == parser.Compound:
		p.plan.Pin = "stored program"
	}
}

// keepsTransaction reports whether a statement on tables is one of those that do not commit: CHECKSUM TABLE, and on MariaDB
// the two on MyISAM's key caches.
func (p *planning) keepsTransaction() bool {
	if p.stmt.Kind != parser.TableAdmin || len(p.stmt.Tokens) < 2 {
		return false
	}
	t := p.stmt.Tokens
	return t[0].Is("CHECKSUM") || p.env.Mode.Flavour.MariaDB && (t[0].Is("CACHE") || t[0].Is("LOAD"))
}

var writes = map[parser.Kind]bool{
	parser.Insert: true, parser.Replace: true, parser.Update: true, parser.Delete: true, parser.Truncate: true,
	parser.Call: true, parser.CreateTable: true, parser.CreateTemporaryTable: true, parser.AlterTable: true,
	parser.DropTable: true, parser.DropTemporaryTable: true, parser.RenameTable: true, parser.CreateIndex: true,
	parser.DropIndex: true, parser.CreateView: true, parser.DropView: true, parser.OtherDDL: true,
	parser.LockTables: true, parser.LoadData: true, parser.TableAdmin: true, parser.Compound: true,
	parser.CreateDatabase: true, parser.AlterDatabase: true, parser.DropDatabase: true, parser.Account: true,
	parser.Unknown: true,
}

var implicitCommits = map[parser.Kind]bool{
	parser.Truncate: true, parser.CreateTable: true, parser.AlterTable: true, parser.DropTable: true,
	parser.RenameTable: true, parser.CreateIndex: true, parser.DropIndex: true, parser.CreateView: true,
	parser.DropView: true, parser.OtherDDL: true, parser.LockTables: true, parser.TableAdmin: true,
	parser.CreateDatabase: true, parser.AlterDatabase: true, parser.DropDatabase: true, parser.Account: true,
}

// finish records what the plan depends on.
func (p *planning) finish() {
	p.plan.Locked = p.env.Locked
	p.plan.Anywhere = p.anywhere()
	for _, t := range p.tables {
		if t.system || t.gathered != nil || t.own {
			continue
		}
		p.plan.Unguarded = p.plan.Unguarded || !guarded(t.place.Layout)
		v := plan.TableVersion{Database: t.db, Table: t.name, Version: p.snap.TableVersion(t.db, t.name)}
		p.plan.Tables = append(p.plan.Tables, v)
		if t.place.Unlisted && t.place.Layout.Database != "" {
			p.plan.Notes = append(p.plan.Notes, t.db+"."+t.name+" is not in the rules: taken for a single table of "+t.place.Single.DataSource)
		}
	}
}

// anywhere reports whether any server can answer a statement.
func (p *planning) anywhere() bool {
	const bound = parser.UseLock | parser.UseSequence | parser.UseUnknownFunction | parser.UseWordCall | parser.UseOutfile
	if len(p.tables) > 0 || p.within != nil || p.plan.Program != nil || p.route != "" || p.stmt.Uses.Has(bound) {
		return false
	}
	if l := p.defaultLayout(); l == nil || l.Database == "" && p.stmt.Uses.Has(parser.UseDatabase) { // its server knows
		return false
	}
	route, ok := p.plan.Root.(*plan.Route)
	return ok && len(route.Targets) == 1 && (p.stmt.Kind == parser.Select || p.stmt.Kind == parser.Do)
}

// tableNames lists the logical names, in the order of Target.Names.
func (p *planning) tableNames() []string {
	var out []string
	for _, t := range p.tables {
		out = append(out, t.name)
	}
	return out
}

// databaseNames lists the tables' logical databases, in the order of tableNames.
func (p *planning) databaseNames() []string {
	var out []string
	for _, t := range p.tables {
		out = append(out, t.db)
	}
	return out
}

// anySharded is the first sharded table of the statement, nil if there is none.
func (p *planning) anySharded() *table {
	for _, t := range p.tables {
		if t.sharded() {
			return t
		}
	}
	return nil
}

// refuse turns a reason into the client's error, or into a question where schemas could make it vanish.
func (p *planning) refuse(what string) error {
	for _, t := range p.helpful {
		p.need(t)
	}
	if err := p.missing(); err != nil {
		return err
	}
	return sqlerr.NotSupported(what)
}
