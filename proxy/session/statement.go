package session

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/parser/distsql"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/digest"
	"github.com/heddle-mesh/heddle/router"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/plan"
)

// Statement is a statement shape as the plan cache keeps it: what was parsed and, if it is one for the shards, the
// plan. It is immutable and shared by sessions.
type Statement struct {
	parsed *parser.Statement
	plan   *plan.Plan // nil: the session answers it itself
	rules  uint64     // version of the rules that the plan was made from
	epoch  uint64     // Catalogs.Epoch before that

	// described and ran are what servers said of a merged answer's columns: of the statement as it is prepared, and as it
	// runs, which depends on its values.
	described, ran shapes
	programs       uint64 // version of what was known of stored programs

	found  foundRule
	cells  cellRule // of an INSERT
	givers givers   // of an INSERT

	opcode  digest.Opcode
	counted atomic.Pointer[digest.Entry] // where executions are counted; alone of all, it changes

	reads readRule
	// within is how late a replica may be that answers, as a hint says; 0: as the rules say.
	within time.Duration
	wish   wish
	usual  bool // one of the session's own, of a form of which no server has to be asked whether it is one

	settles bool  // a SELECT of settings alone: see settled.go
	typed   bool  // a server was asked about the types of the statement's expressions
	params  bool  // parameters may have made them
	limits  []int // the parameters of LIMITs

	// turn is Session.turn when the statement was planned with temporary tables of its session; 0: it was planned without.
	turn  uint64
	known []temporary // those

	like bool // CREATE TABLE … LIKE a table elsewhere: its text is made first, of what is there when it runs

	// Marks stand in the cache where a key does not tell all that a plan depends on, and say by which longer one to look
	// the statement up: by one that tells the lengths of lists, or by one with the literals of these numbers.
	whole    bool
	literals []int
}

// Size estimates the bytes that the statement holds.
func (st *Statement) Size() int {
	n := 1024 + 2*len(st.parsed.Text) + 48*len(st.parsed.Tokens) + 64*len(st.parsed.Tables)
	if st.parsed.AST != nil {
		n += 4<<10 + 230*len(st.parsed.Tokens) // the syntax tree; TestStatementSize weighs it
	}
	return n
}

// valid reports whether the plan still is what would be planned from snap.
func (st *Statement) valid(snap *catalog.Snapshot, epoch uint64) bool {
	if st.plan == nil {
		return true
	}
	if st.rules != snap.RulesVersion() || st.epoch != epoch || st.programs != snap.ProgramsVersion() {
		return false
	}
	for i := range st.plan.Tables {
		t := &st.plan.Tables[i]
		if t.Version != 0 && snap.TableVersion(t.Database, t.Table) != t.Version {
			return false
		}
	}
	return true
}

// lookup finds the statement in the cache or makes it: steps 2, 3 and 5 of the journey. s.scan holds the text's
// arguments afterwards.
func (s *Session) lookup(ctx context.Context, text []byte) (*Statement, error) {
	s.scan.Room = s.mayRead
	if err := s.scan.Scan(text, s.mode); err != nil {
		return nil, s.cutError(ctx, text, err)
	}
	st := s.cached(text)
	if st == nil && len(s.scan.Folds) > 0 {
		if st = s.prepareFolded(ctx, text); st == nil {
			return s.lookupWhole(ctx, text)
		}
	}
	if st != nil {
		if st.whole {
			return s.lookupWhole(ctx, text)
		}
		return st, nil
	}
	return s.prepareStatement(ctx, text[:s.scan.End])
}

// cached finds the statement of s.scan; nil: there is none, or it is out of date.
func (s *Session) cached(text []byte) *Statement {
	s.key = s.baseKey()
	st := s.fetch()
	if st != nil && st.literals != nil {
		s.keyLiterals(text, st.literals)
		st = s.fetch()
	}
	return st
}

// baseKey is what every plan depends on: the session's state, for which tables it gives hints, whether it has locked some,
// and the text.
func (s *Session) baseKey() []byte {
	key := append(append(s.key[:0], s.keyPrefix...), s.hinted...)
	var locked byte
	if s.locked != nil {
		locked = 1
	}
	return append(append(key, 0, locked), s.scan.Key...)
}

// fetch finds the statement of s.key.
func (s *Session) fetch() *Statement {
	if st, ok := s.srv.Cache.Get(s.key); ok && st.valid(s.srv.Catalogs.Current(), s.srv.Catalogs.Epoch()) {
		return st
	}
	return nil
}

// keyLiterals adds literals to s.key.
func (s *Session) keyLiterals(text []byte, numbers []int) {
	a := args{scan: &s.scan, text: text, folds: s.scan.Folds}
	for _, i := range numbers {
		arg, _ := a.arg(i)
		s.key = binary.AppendUvarint(append(s.key, parser.Marker, keyLiteral), uint64(arg.End-arg.Start))
		s.key = append(s.key, text[arg.Start:arg.End]...)
	}
}

// keyLiteral follows parser.Marker in a key in front of a literal.
const keyLiteral = 0xfd

// keep puts a statement into the cache. A plan for which a server was asked about types depends on the literals that
// make them.
func (s *Session) keep(st *Statement, text []byte) {
	if st.typed && st.plan != nil {
		var numbers []int
		for _, i := range st.parsed.Defining() {
			if st.parsed.Args[i].Kind != parser.ArgParam {
				numbers = append(numbers, i)
			}
		}
		if numbers != nil {
			s.key = s.baseKey()
			s.srv.Cache.Put(s.key, &Statement{parsed: &parser.Statement{}, literals: numbers})
			s.keyLiterals(text, numbers)
		}
	}
	s.srv.Cache.Put(s.key, st)
}

// lookupWhole is lookup for a text whose lists are not folded.
func (s *Session) lookupWhole(ctx context.Context, text []byte) (*Statement, error) {
	if err := s.scan.ScanWhole(text, s.mode); err != nil {
		return nil, syntaxError(err)
	}
	if st := s.cached(text); st != nil {
		return st, nil
	}
	return s.prepareStatement(ctx, text[:s.scan.End])
}

// prepareFolded makes one statement for all texts that differ from this one in the lengths of their lists only. Nil:
// there is none, or an error that is to be told of the text as it is.
func (s *Session) prepareFolded(ctx context.Context, text []byte) *Statement {
	defer s.planning()()
	parsed, err := s.srv.parseInTurn(text, func() (*parser.Statement, error) { return s.scan.ParseFolded(s.room) })
	if err != nil || !cacheable[parsed.Kind] || s.srv.own[parsed.Kind] != nil || s.substitutes(parsed) || s.mayPlan(parsed) != nil {
		return nil
	}
	if asks, err := s.asksSystem(parsed); err != nil || asks {
		return nil
	}
	st, err := s.planStatement(ctx, parsed)
	if _, ok := errors.AsType[*router.NotFolded](err); ok {
		st, err = &Statement{parsed: &parser.Statement{}, whole: true}, nil
	}
	if err != nil {
		return nil
	}
	s.keep(st, text)
	return st
}

// planAgain plans the statement of an execution again. Where a folded one cannot be any more it is planned as it is.
func (s *Session) planAgain(ctx context.Context, x *execution, scatter bool) error {
	defer s.planning()()
	if len(x.st.parsed.Folds) > 0 && x.st.typesParams() {
		return s.planWhole(ctx, x, scatter)
	}
	st, err := s.planWith(ctx, x.st.parsed, scatter, x.given(x.st.parsed))
	if _, ok := errors.AsType[*router.NotFolded](err); ok {
		return s.planWhole(ctx, x, scatter)
	}
	if err == nil {
		x.st, x.plan = st, st.plan
	}
	return err
}

// planWhole is planAgain without folds.
func (s *Session) planWhole(ctx context.Context, x *execution, scatter bool) error {
	parsed, err := parser.ParseWithin(string(x.args.text), x.st.parsed.Mode, s.room)
	if err != nil {
		return err
	}
	x.args.folds = nil
	st, err := s.planWith(ctx, parsed, scatter, x.given(parsed))
	if err == nil {
		x.st, x.plan = st, st.plan
	}
	return err
}

// prepareStatement parses and plans, and caches what is worth it.
func (s *Session) prepareStatement(ctx context.Context, text []byte) (*Statement, error) {
	defer s.planning()()
	parsed, err := s.srv.parseInTurn(text, func() (*parser.Statement, error) { return s.parse(text) })
	if err != nil {
		return nil, syntaxError(err)
	}
	s.observed.reads(parsed)
	if distsql.Recognise(parsed) {
		return &Statement{parsed: &parser.Statement{Kind: parser.DistSQL, Text: parsed.Text, Mode: parsed.Mode}}, nil
	}
	if err := s.mayPlan(parsed); err != nil {
		return nil, err
	}
	if parsed.Kind == parser.Begin {
		return &Statement{parsed: parsed, wish: wishOf(parsed), usual: isUsual(parsed)}, nil
	}
	if s.srv.own[parsed.Kind] != nil || s.ownShow(parsed) != nil || formatHeddle(parsed) {
		return &Statement{parsed: parsed, usual: isUsual(parsed)}, nil
	}
	if asks, err := s.asksSystem(parsed); err != nil || asks {
		return &Statement{parsed: parsed}, err
	}
	if s.substitutes(parsed) {
		return &Statement{parsed: parsed, settles: parsed.Kind == parser.Select && settles(parsed)}, nil
	}
	st, err := s.planStatement(ctx, parsed)
	if _, ok := errors.AsType[*router.LikeElsewhere](err); ok {
		return &Statement{parsed: parsed, like: true}, nil
	}
	if err != nil && s.statable(parsed) {
		return &Statement{parsed: parsed}, nil // the statement proper is planned, and has what errors there are
	}
	if err != nil {
		return nil, err
	}
	if cacheable[parsed.Kind] && st.turn == 0 {
		s.keep(st, text)
	}
	return st, nil
}

// ofOwnAccount reports whether a statement on accounts names CURRENT_USER, or as SET PASSWORD none.
func ofOwnAccount(st *parser.Statement) bool {
	for _, at := range st.Uses.At {
		if at.Use == parser.UseCurrentUser && at.Name == "CURRENT_USER" {
			return true
		}
	}
	t := st.Tokens
	return len(t) > 2 && t[0].Is("SET") && t[1].Is("PASSWORD") && !t[2].Is("FOR")
}

// mayPlan says what is never planned: what the client may not run, before planning tells whether the table exists.
func (s *Session) mayPlan(parsed *parser.Statement) error {
	if err := s.mayRun(parsed); err != nil {
		return err
	}
	for i := range parsed.PrefixSet {
		if err := s.mayLimit(&parsed.PrefixSet[i], nil); err != nil {
			return err
		}
	}
	if parsed.Kind == parser.Account && ofOwnAccount(parsed) {
		return sqlerr.NotSupported("statements on the client's own account") // it would be the data source's
	}
	for _, at := range parsed.Uses.At {
		if at.Use == parser.UseLock && at.Name == "IS_USED_LOCK" {
			// It answers with a server's connection id, which says nothing to a client of Heddle.
			return sqlerr.NotSupported("IS_USED_LOCK()")
		}
	}
	return nil
}

// cacheable are the kinds that applications repeat.
var cacheable = map[parser.Kind]bool{
	parser.Select: true, parser.Insert: true, parser.Replace: true, parser.Update: true, parser.Delete: true,
	parser.Do: true, parser.Call: true,
}

// maxPlanningRounds bounds how often planning may ask for facts: more is a planner that never has enough.
const maxPlanningRounds = 64

// planStatement plans, and gets the planner the facts that it asks for.
func (s *Session) planStatement(ctx context.Context, parsed *parser.Statement) (*Statement, error) {
	return s.planWith(ctx, parsed, false, nil)
}

// planAlone plans a statement that other sessions may be planning too, by other rules.
func (s *Session) planAlone(ctx context.Context, parsed *parser.Statement, env router.Env, snap *catalog.Snapshot, facts *router.Facts) (*plan.Plan, error) {
	parsed.Walk.Lock()
	defer parsed.Walk.Unlock()
	return s.srv.Planner.Plan(ctx, parsed, env, snap, facts)
}

// planWith plans; scatter asks for a plan that does not depend on which shard a value of the key is on, given for one for
// parameters of the types of these expressions (router.Facts.Given).
func (s *Session) planWith(ctx context.Context, parsed *parser.Statement, scatter bool, given []string) (*Statement, error) {
	st, err := s.planKnowing(ctx, parsed, scatter, given)
	if len(s.held) == 0 {
		return st, err
	}
	return s.knowing(ctx, parsed, st, err, func() (*Statement, error) { return s.planKnowing(ctx, parsed, scatter, given) })
}

// planKnowing is planWith that knows of the temporary tables in s.known.
func (s *Session) planKnowing(ctx context.Context, parsed *parser.Statement, scatter bool, given []string) (*Statement, error) {
	epoch := s.srv.Catalogs.Epoch()
	snap := s.srv.Catalogs.Current()
	facts := &router.Facts{Columns: map[string][]sqltypes.Column{}, Refused: map[string]bool{}, Collations: s.srv.Collations, Scatter: scatter, Given: given, Reread: map[string]bool{}}
	env := router.Env{
		Database: s.db, User: s.who.User, Mode: s.mode, Limited: s.who.Databases != nil, Locked: s.locked != nil, NoAutoValueOnZero: s.mode.SQLMode.Has(parser.NoAutoValueOnZero),
		Hinted: s.hintedTables(),
	}
	for i := range s.known {
		env.Temporary = append(env.Temporary, s.known[i].Temporary)
	}
	reread := false
	var loaded []router.Name // by this planning
	for range maxPlanningRounds {
		p, err := s.planAlone(ctx, parsed, env, snap, facts)
		if err == nil {
			st := &Statement{parsed: parsed, plan: p, rules: snap.RulesVersion(), epoch: epoch, programs: snap.ProgramsVersion(), found: foundRuleOf(parsed), cells: cellRuleOf(parsed)}
			st.opcode = opcodeOf(p, parsed)
			st.givers.begin(parsed, p)
			st.settles = parsed.Kind == parser.Select && settles(parsed)
			st.reads, st.wish = readRuleOf(parsed, p, snap), wishOf(parsed)
			st.within = lagHint(parsed)
			st.typed = len(facts.Columns)+len(facts.Refused) > 0
			st.limits = limitParams(parsed)
			st.params = st.typed && definesParams(parsed)
			return st, nil
		}
		var tables *router.NeedTables
		var columns *router.NeedColumns
		var drifted *router.Drifted
		var programs *router.NeedPrograms
		switch {
		case errors.As(err, &tables):
			loaded = append(loaded, tables.Names...)
			snap, err = s.loadTables(ctx, tables.Names)
		case errors.As(err, &programs):
			facts.Reread[programs.Database] = true
			snap, err = s.loadPrograms(ctx, programs)
		case errors.As(err, &columns):
			err = s.describeAll(ctx, parsed, columns, facts)
		case errors.As(err, &drifted) && !reread:
			reread = true // somebody may have mended it
			snap, err = s.loadTables(ctx, []router.Name{drifted.Table})
		case errors.As(err, &drifted):
			err = s.differBy(ctx, drifted.Table, drifted.Detail)
		default:
			if names := s.absentBefore(parsed, snap, err, loaded); len(names) > 0 {
				loaded = append(loaded, names...)
				snap, err = s.loadTables(ctx, names)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, sqlerr.Internal("planning asked for facts without end")
}

// absentBefore are the tables that err may miss because they were not there when they were looked for, by another statement. Others may
// have made them since: another instance tells of DDL on several nodes alone, and of that late; who is beside the instances tells nobody.
func (s *Session) absentBefore(parsed *parser.Statement, snap *catalog.Snapshot, err error, loaded []router.Name) (names []router.Name) {
	if e := sqlerr.As(err); e == nil || e.Code != sqlerr.CodeNoSuchTable {
		return nil
	}
	for i := range parsed.Tables {
		ref := &parsed.Tables[i]
		if ref.CTE || ref.DeleteRef {
			continue
		}
		name := router.Name{Database: ref.Schema, Table: ref.Name}
		if name.Database == "" {
			name.Database = s.db
		}
		schema, known := snap.Table(name.Database, name.Table)
		if known && schema == nil && !slices.Contains(loaded, name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// describeAll puts the columns of drafts into the facts.
func (s *Session) describeAll(ctx context.Context, parsed *parser.Statement, drafts *router.NeedColumns, facts *router.Facts) error {
	for need := range drafts.Each {
		if _, known := facts.Columns[need.Key]; known {
			continue
		}
		columns, err := s.describe(ctx, need)
		switch {
		case err == nil:
			facts.Columns[need.Key] = columns
		case need.MayFail && sqlerr.As(err) != nil:
			facts.Columns[need.Key], facts.Refused[need.Key] = nil, true
		default:
			return s.explained(ctx, parsed, s.asWritten(ctx, parsed, need, err))
		}
	}
	return nil
}

// asWritten is what a server says of the client's own text, where a draft that was made of it is wrong: of a syntax error's place, of
// the clause of an unknown column.
func (s *Session) asWritten(ctx context.Context, parsed *parser.Statement, draft *router.NeedColumns, err error) error {
	e := sqlerr.As(err)
	if e == nil || draft.Own == "" {
		return err
	}
	own := *draft
	if own.SQL = draft.Own; e.Code == sqlerr.CodeSyntax {
		own.SQL = parsed.Text // it is read before tables are looked for
	}
	if _, said := s.describe(ctx, &own); sqlerr.As(said) != nil && sqlerr.As(said).Code == e.Code {
		return said
	}
	return err
}

// describe asks a server for the columns of a draft without running it. It does so on a connection of its own, which
// reports collations as they are and not as the client would see them, and type names where the server has them.
func (s *Session) describe(ctx context.Context, need *router.NeedColumns) ([]sqltypes.Column, error) {
	flags := s.flags
	if s.srv.Flavour.MariaDB {
		flags |= backend.FlagExtendedMetadata
	}
	defer s.override("character_set_results", "NULL")()
	lease, err := s.aside(ctx, need.Target, flags, backend.NeedUserVars)
	if err != nil {
		return nil, err
	}
	defer lease.Release()
	stmt, err := lease.Conn().PrepareOwn(ctx, need.SQL) // not from the cache, which may know the table as it was
	if e := sqlerr.As(err); e != nil {
		if s.locked != nil && e.Code == sqlerr.CodeLockWaitTimeout {
			return nil, sqlerr.NotSupported("a statement over several shards of which a server has to be asked, on a table that has been locked and altered")
		}
		return nil, s.logicalError(e, need.Route, need.Target)
	}
	if err != nil {
		return nil, err
	}
	lease.Conn().CloseStmt(stmt)
	return stmt.Columns, nil
}

// aside takes a connection in the session's state that is no part of its transaction: for questions that leave something
// behind in one.
func (s *Session) aside(ctx context.Context, t *plan.Target, flags backend.Flags, need backend.Need) (*backend.Lease, error) {
	lease, err := s.srv.Pools.AcquireFor(ctx, backend.Request{DataSource: t.DataSource, Flags: flags})
	if err != nil {
		return nil, err
	}
	state := backend.NewState()
	for name, literal := range s.state.Vars() {
		state.SetVar(name, literal)
	}
	for name, expr := range s.state.UserVars() {
		state.SetUserVar(name, expr)
	}
	state.UnsetVar("autocommit")
	if s.locked != nil {
		state.SetVar("lock_wait_timeout", "1") // it would wait for what the session itself has locked and altered
	}
	state.SetSchema(t.Schema)
	state.SetLastInsertID(s.diag.lastID)
	if err = s.reachable(lease); err == nil {
		err = lease.Apply(ctx, state, need)
	}
	if err == nil {
		err = s.lendTemporaries(ctx, lease, t.DataSource)
	}
	if err != nil {
		lease.Destroy()
		return nil, err
	}
	return lease, nil
}
