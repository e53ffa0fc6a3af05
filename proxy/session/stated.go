package session

import (
	"context"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/router/plan"
)

// SET STATEMENT … FOR goes to a server as it stands where one server runs all of the statement. Over several, what is
// merged depends on the variables too: there the session has their values while the statement proper runs.

// stateable are the kinds of statements that are run so.
var stateable = map[parser.Kind]bool{
	parser.Select: true, parser.Insert: true, parser.Replace: true, parser.Update: true, parser.Delete: true,
}

// statable reports whether a statement has assignments that hold for it alone, and tables that may be on several shards.
func (s *Session) statable(st *parser.Statement) bool {
	layout, ok := s.srv.Catalogs.Current().Database(s.db)
	return st.Prefix.Present() && stateable[st.Kind] && (!ok || layout.Database != "")
}

// runStated runs a SET STATEMENT over several shards; false if it is none.
func (s *Session) runStated(ctx context.Context, x *execution) (done bool, err error) {
	if !s.statable(x.st.parsed) || x.using != "" {
		return false, nil
	}
	if x.plan == nil {
		if asks, err := s.asksSystem(x.st.parsed); err != nil || asks {
			return false, nil
		}
	} else if s.onOneShard(ctx, x) {
		return false, nil
	}
	parsed, err := parser.Parse(string(x.args.text), x.st.parsed.Mode) // whose spans are those of this text
	if err != nil {
		return true, s.writeError(syntaxError(err))
	}
	prefix, inner := parsed.Text[:parsed.Prefix.End], x.args.text[parsed.Prefix.End:]
	restore, err := s.stateOf(ctx, parsed, prefix)
	if err != nil {
		return true, s.writeError(err)
	}
	defer restore()
	return true, s.runInner(ctx, x, inner)
}

// prepares are the statements whose text is another's, which the variables hold for too: those of how texts read included.
var prepares = map[parser.Kind]bool{parser.Prepare: true, parser.Execute: true, parser.ExecuteImmediate: true}

// runStatedOwn runs a SET STATEMENT of what the session does or answers without giving a server its text; false if it is none.
func (s *Session) runStatedOwn(ctx context.Context, x *execution) (done bool, err error) {
	if x.plan != nil {
		return false, nil
	}
	kind := x.st.parsed.Kind
	own := prepares[kind]
	if !own && s.srv.own[kind] == nil && s.ownShow(x.st.parsed) == nil {
		own, err = s.asksSystem(x.st.parsed)
	}
	if !own || err != nil {
		return false, nil
	}
	text, err := s.interpolated(x)
	if err != nil {
		return true, s.writeError(err)
	}
	parsed, err := parser.Parse(text, x.st.parsed.Mode)
	if err != nil {
		return true, s.writeError(syntaxError(err))
	}
	restore, err := s.stateOf(ctx, parsed, text[:parsed.Prefix.End])
	if err != nil {
		return true, s.writeError(err)
	}
	defer restore()
	if prepares[kind] { // which has been read already
		return true, s.srv.own[kind](s, ctx, x)
	}
	return true, s.runText(ctx, []byte(text[parsed.Prefix.End:]), x.form, x.labels)
}

// onOneShard reports whether one server runs a query.
func (s *Session) onOneShard(ctx context.Context, x *execution) bool {
	route, ok := x.plan.Root.(*plan.Route)
	if !ok || x.plan.Write {
		return false
	}
	units, err := s.router.Route(ctx, route, x.args)
	return err == nil && len(units) == 1
}

// runInner runs the statement proper, with the parameters of the whole: those before it have none.
func (s *Session) runInner(ctx context.Context, x *execution, text []byte) error {
	saved := s.scan
	s.scan = parser.Scan{}
	defer func() { s.scan = saved }()
	st, err := s.lookup(ctx, text)
	if err != nil {
		return s.writeError(err)
	}
	scan := s.scan
	inner := *x
	inner.st, inner.plan, inner.own = st, st.plan, st.argsOf(&scan, text[:scan.End])
	inner.own.params = x.args.params
	inner.args = &inner.own
	return s.execute(ctx, &inner)
}

// stateOf gives the session the values of a SET STATEMENT's assignments, as a server reads them, until restore.
func (s *Session) stateOf(ctx context.Context, st *parser.Statement, prefix string) (restore func(), err error) {
	names := make([]string, len(st.PrefixSet))
	for i := range st.PrefixSet {
		if err := s.mayState(st, &st.PrefixSet[i]); err != nil {
			return nil, err
		}
		names[i] = "@@" + st.PrefixSet[i].Name
	}
	columns, row, err := s.readStated(ctx, prefix, names)
	if err != nil {
		return nil, err
	}
	var undo []func()
	for i, name := range names {
		literal := "NULL"
		if row[i] != nil {
			literal = variableLiteral(row[i], &columns[i])
		}
		undo = append(undo, s.override(name[2:], literal))
	}
	before, set := s.mode, s.modeSet
	s.modeChanged()
	restore = func() {
		for i := len(undo) - 1; i >= 0; i-- {
			undo[i]()
		}
		s.modeChanged()
	}
	changed := before.SQLMode ^ s.mode.SQLMode
	if prepares[st.Kind] {
		changed = 0
		if st.Kind != parser.Prepare {
			s.modeSet = set // a MariaDB server's flags tell the session's then
		}
	}
	if changed&^(parser.NoAutoValueOnZero|parser.OnlyFullGroupBy) != 0 {
		restore()
		return nil, sqlerr.NotSupported("SET STATEMENT of a sql_mode by which texts read otherwise, over several shards")
	}
	return restore, nil
}

// notStated are variables whose values a session cannot be given for one statement: they say how its text reads, or are
// spent by it.
var notStated = map[string]bool{"last_insert_id": true, "identity": true, "completion_type": true}

// mayState refuses what cannot be done by values.
func (s *Session) mayState(st *parser.Statement, a *parser.Assignment) error {
	if notStated[a.Name] || oneShot[a.Name] || strings.HasPrefix(a.Name, "character_set") || strings.HasPrefix(a.Name, "collation") || strings.Contains(a.Name, ".") {
		return sqlerr.NotSupported("SET STATEMENT " + a.Name + ", over several shards")
	}
	for i := range st.Args {
		if st.Args[i].Kind == parser.ArgParam && int(st.Args[i].Start) < st.Prefix.End {
			return sqlerr.NotSupported("SET STATEMENT with a parameter as a value, over several shards")
		}
	}
	return nil
}

// readStated has a server read the assignments.
func (s *Session) readStated(ctx context.Context, prefix string, names []string) ([]sqltypes.Column, sqltypes.Row, error) {
	ds, schema, err := s.home()
	if err != nil {
		return nil, nil, err
	}
	h, done, err := s.borrow(ctx, ds, schema, backend.NeedUserVars)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	conn := h.lease.Conn()
	defer conn.Passing()()
	ask := prefix + " SELECT " + strings.Join(names, ", ") + " LIMIT 1"
	ok, err := conn.Exec(ctx, ask)
	if err != nil {
		return nil, nil, err
	}
	columns, rows, err := conn.QueryRows(ctx, ask)
	switch {
	case err != nil:
		return nil, nil, err
	case ok.Warnings > 0:
		return nil, nil, sqlerr.NotSupported("SET STATEMENT of a value that a server changes with a warning, over several shards")
	case len(rows) != 1 || len(rows[0]) != len(names):
		return nil, nil, sqlerr.Internal("the values of a SET STATEMENT were not answered with one row of them")
	}
	return columns, rows[0], nil
}
