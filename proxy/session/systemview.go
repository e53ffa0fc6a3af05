package session

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/proxy/sysview"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
)

// Questions about the database itself are answered by package sysview; the session asks the servers for it and runs
// what it decides.

// maxSystemText bounds the statement that carries the rows of information_schema to a server, bytes: servers take 16 MiB.
const maxSystemText = 12 << 20

// view is what the session sees of the servers now.
func (s *Session) view() *sysview.View {
	v := &sysview.View{
		Snapshot: s.srv.Catalogs.Current(), Database: s.db, Mode: s.mode, Servers: dictionary{s},
		User: s.who.User, Host: s.who.Host, Account: [2]string{s.who.User, "%"}, Databases: s.who.Databases,
		MaxText: min(maxSystemText, s.config.MaxPacket), Clients: s.clients,
		Own: s.srv.Tables, Reader: sysview.Reader{User: s.who.User, Admin: s.who.Admin, Warn: s.rowsMissing}, UTF8Results: s.utf8Results(),
	}
	if source, schema, err := s.home(); err == nil {
		v.HomeSource, v.HomeSchema = source, schema
	}
	return v
}

// utf8Results reports whether texts of utf8mb4 reach the client as they are.
func (s *Session) utf8Results() bool {
	name, _ := s.state.Var("character_set_results")
	return strings.EqualFold(plainText(name), "utf8mb4") || strings.EqualFold(name, "NULL")
}

// ownDatabase reports whether a database is that of the proxy's own tables.
func (s *Session) ownDatabase(db string) bool {
	return strings.EqualFold(db, sysview.Heddle) && s.view().OwnDatabase(db)
}

// clients lists the sessions of all instances that the client sees: those of its account, unless it may see all. Of instances that
// did not answer it is warned.
func (s *Session) clients() []sysview.Client {
	all, silent := s.srv.Peers.Everywhere(s.who)
	out := make([]sysview.Client, len(all))
	for n, i := range all {
		out[n] = sysview.Client{
			ID: uint64(i.ID), User: i.User, Host: i.Host, Database: i.Database, Command: i.Command.String(), State: i.State, Info: i.Text,
			For: time.Since(i.Since),
		}
	}
	for _, name := range silent {
		s.diag.warn(sqlerr.PeerSilent(name, "its clients are missing"))
	}
	return out
}

// rowsMissing warns of rows that a table of heddle lacks.
func (s *Session) rowsMissing(err error) { s.diag.warn(sqlerr.As(err)) }

// asksSystem reports whether a statement is answered by runSystem.
func (s *Session) asksSystem(st *parser.Statement) (bool, error) { return s.view().Concerns(st) }

// runSystem answers SHOW, DESCRIBE and queries over information_schema.
func (s *Session) runSystem(ctx context.Context, x *execution) error {
	defer s.settle(ctx)
	if err := s.atHome(ctx, x.st.parsed); err != nil {
		return s.writeError(err)
	}
	answer, err := s.systemAnswer(ctx, x)
	switch {
	case err != nil:
		return s.writeError(err)
	case answer.Again != "":
		return s.runAgain(ctx, x, answer.Again)
	case answer.Own:
		return s.answerRows(ctx, answer.Columns, answer.Rows, x.form)
	case answer.SQL == "":
		return s.writeRows(ctx, merge.NewRows(answer.Columns, answer.Rows), x.form, func() *wire.OK { return &wire.OK{} })
	}
	route, run := s.systemRun(x, answer)
	if answer.Columns == nil {
		return s.run(ctx, run)
	}
	if err := s.relayAs(ctx, run, route, answer.Columns); err != nil {
		return s.writeError(err)
	}
	return nil
}

// runAgain plans and runs a text in which information_schema has been replaced.
func (s *Session) runAgain(ctx context.Context, x *execution, text string) error {
	again, err := parser.Parse(text, s.mode)
	if err != nil {
		return s.writeError(syntaxError(err))
	}
	st, err := s.planStatement(ctx, again)
	if err != nil {
		return s.writeError(err)
	}
	var scan parser.Scan
	body := []byte(text)
	if err := scan.Scan(body, s.mode); err != nil {
		return s.writeError(syntaxError(err))
	}
	return s.run(ctx, &execution{st: st, plan: st.plan, args: &args{scan: &scan, text: body}, form: x.form})
}

// systemAnswer decides a statement with the session's own values in its text.
func (s *Session) systemAnswer(ctx context.Context, x *execution) (*sysview.Answer, error) {
	text, err := s.interpolated(x)
	if err != nil {
		return nil, err
	}
	st, err := parser.Parse(text, s.mode)
	if err == nil {
		if err := s.answerable(st); err != nil {
			return nil, err
		}
	}
	if err == nil && s.substitutes(st) && (st.Show == nil || st.Show.What != "GRANTS") {
		st, err = parser.Parse(s.substitute(st), s.mode)
	}
	if err != nil {
		return nil, syntaxError(err)
	}
	v := s.view()
	limit, _ := s.state.Var("sql_select_limit")
	v.Preparing = x.preparing || limit == "0" // of which no row is asked for
	return v.Answer(ctx, st, string(x.args.text))
}

// systemRun is the execution of what an answer sends to one data source.
func (s *Session) systemRun(x *execution, a *sysview.Answer) (*plan.Route, *execution) {
	route := &plan.Route{Template: &rewrite.Template{Identity: true}, Targets: []plan.Target{{DataSource: a.DataSource, Schema: a.Schema}}}
	if t := a.Table; t.Name != "" {
		route.Tables, route.Databases = []string{t.Name}, []string{t.Database}
		route.Targets[0].Names, route.Targets[0].Schemas = []string{t.Actual}, []string{t.Schema}
	}
	return route, &execution{
		st: x.st, plan: &plan.Plan{Root: route}, args: &args{scan: &parser.Scan{}, text: []byte(a.SQL)}, form: x.form,
		need: needs(x.st.parsed) | backend.NeedUserVars,
	}
}

// relayAs runs a query on one data source and gives its rows under other definitions.
func (s *Session) relayAs(ctx context.Context, x *execution, route *plan.Route, columns []sqltypes.Column) error {
	t := &tree{s: s, x: x}
	defer t.release()
	target := &route.Targets[0]
	u := exec.Unit{SQL: x.args.text, Form: exec.TextRows}
	h, answer, err := s.start(ctx, x, target, &u)
	if err != nil {
		return s.failed(ctx, h, route, target, err)
	}
	stream := &shardRows{Answer: answer, s: s, h: h, route: route, target: target}
	t.streams = append(t.streams, stream)
	if err := stream.begin(ctx); err != nil {
		return err
	}
	if len(stream.columns) != len(columns) {
		return sqlerr.Internal("a query over information_schema changed its columns")
	}
	return s.writeRows(ctx, redefined{stream, columns}, x.form, func() *wire.OK { return t.end(ctx) })
}

// redefined are rows under other definitions.
type redefined struct {
	merge.RowStream
	columns []sqltypes.Column
}

// Columns returns the definitions that clients see.
func (r redefined) Columns() []sqltypes.Column { return r.columns }

// systemShape is what COM_STMT_PREPARE answers for a statement of runSystem.
func (s *Session) systemShape(ctx context.Context, stmt *prepared, params []sqltypes.Column) (_, columns []sqltypes.Column, err error) {
	x := execution{st: stmt.st, args: &args{scan: &stmt.scan, text: stmt.text}, form: exec.BinaryRows, preparing: true}
	if show := stmt.st.parsed.Show; show != nil && strings.HasPrefix(show.What, "CREATE ") && !s.srv.Flavour.MariaDB {
		return s.checkedShape(ctx, stmt) // MySQL looks for nothing before it runs
	}
	if len(params) > 0 {
		if described, _, err := s.checkedShape(ctx, stmt); err == nil && len(described) == len(params) {
			params = described
		}
	}
	(&tree{s: s, x: &x}).anyArguments()
	a, err := s.systemAnswer(ctx, &x)
	switch {
	case err != nil:
		return nil, nil, err
	case a.Again != "" && x.st.parsed.Kind == parser.Select && x.st.parsed.Clauses != nil && !x.st.parsed.Clauses.Into.Present():
		return nil, nil, sqlerr.NotSupported("a preparation of a query over heddle and other tables")
	case a.Asked != "":
		a.SQL = a.Asked // before a SHOW CREATE runs, servers describe it otherwise
	case a.Columns != nil || a.SQL == "":
		return params, a.Columns, nil
	}
	columns, err = dictionary{s}.Shape(ctx, a.DataSource, a.Schema, a.SQL)
	return params, columns, err
}

// systemSet puts what only the session knows into the text of a SET.
func (s *Session) systemSet(ctx context.Context, st *parser.Statement, text string) (string, error) {
	asks, err := s.asksSystem(st)
	if err != nil || !asks && !s.substitutes(st) {
		return text, err
	}
	if err := s.answerable(st); err != nil {
		return "", err
	}
	again, err := parser.Parse(text, s.mode)
	if err == nil && s.substitutes(again) {
		again, err = parser.Parse(s.substitute(again), s.mode)
	}
	if err != nil {
		return "", syntaxError(err)
	}
	if !asks {
		return again.Text, nil
	}
	return s.view().Rewrite(ctx, again)
}

// dictionary asks the servers for sysview. It implements sysview.Servers.
type dictionary struct{ s *Session }

// Rows runs a text, unlimited by sql_select_limit.
func (d dictionary) Rows(ctx context.Context, dataSource, schema, sql string) ([]sqltypes.Column, []sqltypes.Row, error) {
	if limit, ok := d.s.state.Var("sql_select_limit"); ok {
		d.s.state.UnsetVar("sql_select_limit")
		defer d.s.state.SetVar("sql_select_limit", limit)
	}
	h, done, err := d.s.borrow(ctx, dataSource, schema, backend.NeedUserVars)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	return h.lease.Conn().QueryRows(ctx, sql)
}

// Shape has a server prepare a text.
func (d dictionary) Shape(ctx context.Context, dataSource, schema, sql string) ([]sqltypes.Column, error) {
	h, done, err := d.s.borrow(ctx, dataSource, schema, backend.NeedUserVars)
	if err != nil {
		return nil, err
	}
	defer done()
	stmt, err := h.lease.Conn().Prepare(ctx, sql)
	if err != nil {
		return nil, err
	}
	return slices.Clone(stmt.Columns), nil
}

// Running has a server run a text, and end it when it has described the columns.
func (d dictionary) Running(ctx context.Context, dataSource, schema, sql string) ([]sqltypes.Column, error) {
	st, err := parser.Parse(sql, d.s.mode)
	if err != nil || st.Uses.Has(parser.UseUserVarWrite|parser.UseLock|parser.UseUnknownFunction) {
		return d.Shape(ctx, dataSource, schema, sql)
	}
	text, ok := router.TrialText(st)
	if !ok {
		return d.Shape(ctx, dataSource, schema, sql)
	}
	h, done, err := d.s.borrow(ctx, dataSource, schema, backend.NeedUserVars)
	if err != nil {
		return nil, err
	}
	defer done()
	for _, text := range []string{text, strings.Replace(text, plan.TrialBound, plan.TrialBoundLong, 1)} {
		answer, err := exec.Start(ctx, h.lease.Conn(), &exec.Unit{SQL: []byte(text)})
		if err != nil {
			return nil, err
		}
		columns, late, err := tried(answer)
		if err != nil || columns != nil {
			return columns, err
		}
		if !late {
			break
		}
	}
	return d.Shape(ctx, dataSource, schema, sql)
}

// Place finds a table, after a look at the servers if no rule names it.
func (d dictionary) Place(ctx context.Context, database, table string) (catalog.Placement, error) {
	snap := d.s.srv.Catalogs.Current()
	place, ok := snap.Place(database, table)
	if ok && place.Kind == catalog.KindUnknown && len(place.Layout.DataSources) > 1 {
		if _, known := snap.Table(database, table); !known {
			loaded, err := d.s.loadTables(ctx, []router.Name{{Database: database, Table: table}})
			if err != nil {
				return place, err
			}
			place, ok = loaded.Place(database, table)
		}
	}
	if !ok {
		return place, sqlerr.UnknownDatabase(database)
	}
	if len(place.Conflict) > 0 {
		return place, sqlerr.NotSupported("the table " + database + "." + table + ", which is on the data sources " + strings.Join(place.Conflict, " and "))
	}
	return place, nil
}
