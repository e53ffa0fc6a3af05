package session

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/parser/distsql"
	"github.com/heddle-mesh/heddle/proxy/sysview"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router/distrule"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/txn"
)

// onDistSQL is a statement about storage units and rules: what it asks of the document of a database is package
// distrule's, and how that comes into force the RuleAdmin's. As DDL does, a change commits.
func onDistSQL(s *Session, ctx context.Context, x *execution) error {
	text := x.st.parsed.Text
	parsed, err := parser.Parse(text, x.st.parsed.Mode)
	if err != nil {
		return s.writeError(syntaxError(err))
	}
	st, err := distsql.Parse(parsed)
	if wrong, ok := errors.AsType[*distsql.Error](err); ok {
		err = sqlerr.DistSQLSyntax(wrong.Explain(text))
	}
	if err == nil && st.Verb == distsql.Preview {
		return s.preview(ctx, x, st)
	}
	if err == nil && !s.who.Admin {
		err = sqlerr.PrivilegeNeeded("admin (of the document of users)")
	}
	if err == nil && st.Verb == distsql.Other {
		err = sqlerr.NotSupported(string(st.Object) + instead[st.Object])
	}
	if err != nil {
		return s.writeError(err)
	}
	switch {
	case st.Object == distsql.Transaction, st.Object == distsql.Transactions:
		return s.operate(ctx, x, st)
	case st.Verb == distsql.Import:
		return s.importRules(ctx, x, st, text)
	case st.Verb == distsql.Enable, st.Verb == distsql.Disable:
		return s.enable(ctx, st)
	case distrule.Changes(st):
		return s.changeRules(ctx, st, text)
	case st.Object == distsql.ComputeNodes, st.Object == distsql.ReadwriteStatus:
		return s.showServers(ctx, x, st)
	}
	return s.showRules(ctx, x, st)
}

// instead says what does what a statement that is not there would do.
var instead = map[distsql.Object]string{
	"CONVERT YAML CONFIGURATION": ": `heddle rules import --from shardingsphere FILE` makes a document of ShardingSphere's YAML",
	"EXPORT METADATA":            ": `heddle rules export` prints documents",
	"IMPORT METADATA":            ": `heddle rules apply -f FILE` applies documents",
	"EXPORT STORAGE NODES":       ": SELECT * FROM heddle.data_sources",
	"CREATE DEFAULT SHARDING":    ": each sharding table rule says its own strategy",
	"ALTER DEFAULT SHARDING":     ": each sharding table rule says its own strategy",
	"SHOW COMPUTE NODE":          ": SELECT * FROM heddle.instances",
	"LABEL COMPUTE NODE":         ": instance.labels of its heddle.yaml",
	"UNLABEL COMPUTE NODE":       ": instance.labels of its heddle.yaml",
	"DISABLE COMPUTE NODE":       ": an instance is ended in order by SIGTERM, and then evicted by `heddle mesh evict` if it does not come back",
	"SHOW DIST VARIABLE":         ": settings stand in heddle.yaml of each instance",
	"SHOW DIST VARIABLES":        ": settings stand in heddle.yaml of each instance",
	"SET DIST VARIABLE":          ": settings stand in heddle.yaml of each instance, which is read again when it changes",
	"SHOW TRANSACTION RULE":      ": SELECT name, xa FROM heddle.data_sources; transactions.type of heddle.yaml",
	"ALTER TRANSACTION RULE":     ": transactions.type of heddle.yaml, or SET heddle_transaction_type",
	"SHOW AUTHORITY RULE":        ": `heddle rules export` has the document of users",
	"SHOW LOGICAL TABLES":        ": SHOW TABLES, or SELECT * FROM heddle.tables",
	"PARSE":                      ": EXPLAIN FORMAT=HEDDLE shows how a statement is planned",
	"COUNT BROADCAST":            ": SELECT kind, COUNT(*) FROM heddle.tables GROUP BY kind",
	"COUNT SINGLE":               ": SELECT kind, COUNT(*) FROM heddle.tables GROUP BY kind",
	"COUNT READWRITE_SPLITTING":  ": SELECT COUNT(DISTINCT data_source) FROM heddle.replicas",
}

// servedTables are the tables of heddle that SHOW statements about servers are answered from.
var servedTables = map[distsql.Object]string{distsql.ComputeNodes: "instances", distsql.ReadwriteStatus: "replicas"}

// showServers answers SHOW COMPUTE NODES and SHOW STATUS FROM READWRITE_SPLITTING RULES under ShardingSphere's labels, as far as it has them.
func (s *Session) showServers(ctx context.Context, x *execution, st *distsql.Statement) error {
	database := ""
	if st.Object == distsql.ReadwriteStatus {
		var err error
		if database, err = s.ruledDatabase(st); err != nil {
			return s.writeError(err)
		}
	}
	table := s.srv.Tables[servedTables[st.Object]]
	rows, err := table.Rows(ctx, sysview.Reader{User: s.who.User, Admin: s.who.Admin, Warn: s.rowsMissing})
	if err != nil {
		return s.writeError(err)
	}
	of := func(row sqltypes.Row, column string) string {
		return string(row[slices.IndexFunc(table.Columns(), func(c sqltypes.Column) bool { return c.Name == column })])
	}
	if st.Object == distsql.ComputeNodes {
		return s.answerShown(ctx, x, computeNodes(rows, of))
	}
	return s.answerShown(ctx, x, readwriteStatus(rows, of, database, st.Names))
}

func computeNodes(rows []sqltypes.Row, of func(sqltypes.Row, string) string) *distrule.Shown {
	out := &distrule.Shown{Columns: []string{"instance_id", "instance_type", "host", "port", "status", "worker_id", "labels", "version"}}
	for _, row := range rows {
		host, port, err := net.SplitHostPort(of(row, "address"))
		if err != nil { // a socket
			host, port = of(row, "address"), ""
		}
		status := "OK"
		if of(row, "alive") != "yes" {
			status = "LOST"
		}
		out.Rows = append(out.Rows, []string{of(row, "name"), "PROXY", host, port, status, of(row, "number"), of(row, "labels"), of(row, "version")})
	}
	return out
}

// readwriteStatus has a row for each server but the one that takes the writes: only who reads is enabled and disabled.
func readwriteStatus(rows []sqltypes.Row, of func(sqltypes.Row, string) string, database string, names []string) *distrule.Shown {
	out := &distrule.Shown{Columns: []string{"name", "storage_unit", "status", "state", "reason"}}
	for _, row := range rows {
		name := of(row, "data_source")
		if of(row, "db") != database || of(row, "role") == "primary" || len(names) > 0 && !strings.EqualFold(names[0], name) {
			continue
		}
		status := "ENABLED"
		if state := of(row, "state"); state == "disabled" || state == "drained" {
			status = "DISABLED"
		}
		out.Rows = append(out.Rows, []string{name, of(row, "address"), status, of(row, "state"), of(row, "reason")})
	}
	return out
}

// enable has a replica read again, or no more.
func (s *Session) enable(ctx context.Context, st *distsql.Statement) error {
	database, err := s.ruledDatabase(st)
	if err != nil {
		return s.writeError(err)
	}
	rule, server := st.Names[0], st.Names[1]
	l, _ := s.srv.Catalogs.Current().Database(database)
	switch ds := l.DataSource(rule); {
	case ds == nil || len(ds.Replicas) == 0:
		err = sqlerr.RuleRefused("there is no read/write splitting rule " + rule)
	case s.srv.Servers == nil:
		err = sqlerr.NotSupported("ALTER READWRITE_SPLITTING RULE … " + string(st.Verb) + " where the rules are files: such orders are kept in etcd")
	default:
		err = s.commit(ctx)
	}
	if err != nil {
		return s.writeError(err)
	}
	late, err := s.srv.Servers.Enable(ctx, s.who.Client(), rule, server, st.Verb == distsql.Enable)
	if err != nil {
		return s.writeError(err)
	}
	if len(late) > 0 {
		s.diag.note(sqlerr.Explained("not all instances have followed yet: " + strings.Join(late, "; ")))
	}
	return s.sendOK(&wire.OK{Warnings: s.diag.count()})
}

// operate answers SHOW TRANSACTIONS, SHOW TRANSACTION and RESOLVE TRANSACTION. The client's own transaction stays as it is.
func (s *Session) operate(ctx context.Context, x *execution, st *distsql.Statement) error {
	var l *Listing
	var err error
	switch {
	case st.Verb == distsql.Resolve:
		l, err = s.srv.Doubts.Resolve(ctx, s.who.Client(), st.Text, txn.Order{Commit: st.Commit, Force: st.Force, Mended: st.Mended, Redo: st.Redo})
	case st.Object == distsql.Transaction:
		l, err = s.srv.Doubts.Show(ctx, st.Text, s.rowsMissing)
	default:
		l, err = s.srv.Doubts.List(ctx, s.rowsMissing)
	}
	if err != nil {
		return s.writeError(err)
	}
	return s.answerRows(ctx, l.Columns, l.Rows, x.form)
}

// ruledDatabase is the one that a statement is about, which a document has to name.
func (s *Session) ruledDatabase(st *distsql.Statement) (string, error) {
	name := st.Database
	if name == "" {
		name = s.db
	}
	if name == "" {
		return "", sqlerr.NoDatabase()
	}
	l, ok := s.srv.Catalogs.Current().Database(name)
	if !ok {
		return "", sqlerr.UnknownDatabase(name)
	}
	if l.Database == "" {
		return "", sqlerr.NotSupported(string(st.Verb) + " " + string(st.Object) + " of a database that passes through, which has no rules")
	}
	return l.Database, nil
}

// changeRules brings a change into force.
func (s *Session) changeRules(ctx context.Context, st *distsql.Statement, text string) error {
	name, err := s.ruledDatabase(st)
	if err != nil {
		return s.writeError(err)
	}
	if st.Verb == distsql.Unregister {
		if err := s.mayUnregister(ctx, name, st.Names); err != nil {
			return s.writeError(err)
		}
	}
	if err := s.commit(ctx); err != nil {
		return s.writeError(err)
	}
	var notes []string
	done, err := s.srv.Rules.Change(ctx, s.who.Client(), name, commentOf(text), func(d *rule.Document) (err error) {
		notes, err = distrule.Apply(d, st)
		return err
	})
	if err != nil {
		return s.writeError(err)
	}
	return s.rulesChanged(name, &done, notes)
}

// rulesChanged answers a change that is in force.
func (s *Session) rulesChanged(name string, done *RuleChange, notes []string) error {
	for _, note := range slices.Concat(notes, done.Notes) {
		s.diag.note(sqlerr.Explained(note))
	}
	s.lagging(done.Late, name)
	return s.sendOK(&wire.OK{Warnings: s.diag.count()})
}

// mayUnregister refuses to lose sight of tables that no rule names: they are served from where they are found.
func (s *Session) mayUnregister(ctx context.Context, database string, units []string) error {
	l, _ := s.srv.Catalogs.Current().Database(database)
	for _, name := range units {
		ds := l.DataSource(name)
		if ds == nil {
			continue
		}
		_, rows, err := dictionary{s}.Rows(ctx, name, "", "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = "+
			string(sqltypes.StringValue(ds.Schema).AppendSQL(nil))+" LIMIT 1")
		if err != nil {
			return sqlerr.RuleRefused("whether " + name + " has tables could not be asked: " + err.Error())
		}
		if len(rows) > 0 {
			return sqlerr.RuleRefused("the storage unit " + name + " has tables, such as " + string(rows[0][0]))
		}
	}
	return nil
}

// maxComment bounds how much of a statement the history of rules shows, in bytes.
const maxComment = 200

// commentOf is the comment of a version that a statement has made: the statement.
func commentOf(text string) string {
	text = strings.ToValidUTF8(strings.Join(strings.Fields(text), " "), "?")
	if len(text) > maxComment {
		text = strings.ToValidUTF8(text[:maxComment], "") + "…"
	}
	return text
}

// showRules answers SHOW, COUNT and EXPORT from the document that this instance runs.
func (s *Session) showRules(ctx context.Context, x *execution, st *distsql.Statement) error {
	name, err := s.ruledDatabase(st)
	if err != nil {
		return s.writeError(err)
	}
	doc, ok := s.srv.Rules.Document(name)
	if !ok {
		return s.writeError(sqlerr.UnknownDatabase(name))
	}
	shown := &distrule.Shown{Columns: []string{"result"}, Rows: [][]string{{string(doc.Text)}}}
	switch {
	case st.Verb == distsql.Export && st.Text != "":
		err = sqlerr.NotSupported("EXPORT DATABASE CONFIGURATION TO FILE, which would write on the instance's machine: without TO FILE it answers with the document, " +
			"as `heddle rules export` prints it")
	case st.Verb != distsql.Export:
		d, problems := rule.Parse(doc.Text)
		if err = problems.Err(); err == nil {
			shown, err = distrule.Show(d, st)
		}
	}
	if err != nil {
		return s.writeError(err)
	}
	return s.answerShown(ctx, x, shown)
}

func (s *Session) answerShown(ctx context.Context, x *execution, shown *distrule.Shown) error {
	columns := make([]sqltypes.Column, len(shown.Columns))
	for i, name := range shown.Columns {
		columns[i] = sysview.Text(name, 1024)
	}
	rows := make([]sqltypes.Row, len(shown.Rows))
	for i, cells := range shown.Rows {
		for _, cell := range cells {
			rows[i] = append(rows[i], []byte(cell))
		}
	}
	return s.answerRows(ctx, columns, rows, x.form)
}

// preview answers which data sources a statement would reach, and with which text, where the text is all that is sent; a
// statement that runs in parts is shown as its plan.
func (s *Session) preview(ctx context.Context, x *execution, st *distsql.Statement) error {
	defer s.settle(ctx)
	parsed, err := parser.Parse(st.Text, s.mode)
	if err != nil {
		return s.writeError(syntaxError(err))
	}
	inner, err := s.inner(ctx, &execution{st: &Statement{parsed: &parser.Statement{Inner: parsed}}, args: x.args})
	if err != nil {
		return s.writeError(err)
	}
	shown := &distrule.Shown{Columns: []string{"data_source_name", "actual_sql"}}
	if inner.plan == nil {
		shown.Rows = append(shown.Rows, []string{"", "answered by the proxy"})
		return s.answerShown(ctx, x, shown)
	}
	if err := s.previewed(ctx, inner, shown); err != nil {
		return s.writeError(err)
	}
	return s.answerShown(ctx, x, shown)
}

// previewed writes the units of a plan.
func (s *Session) previewed(ctx context.Context, x *execution, shown *distrule.Shown) error {
	route := plan.Leaf(x.plan.Root)
	switch x.plan.Root.(type) {
	case *plan.Gather, *plan.ByKey, *plan.Keeping, *plan.Transfer:
		route = nil // more is sent than one text
	}
	if route == nil || route.Ask != nil || route.Rows != nil && route.Rows.Generate != nil {
		return sqlerr.NotSupported("PREVIEW of a statement that runs in parts, asks a server first or has ids generated; EXPLAIN FORMAT=HEDDLE shows its plan")
	}
	units, err := s.router.Route(ctx, route, x.args)
	if err != nil {
		return err
	}
	for i := range units {
		u := &units[i]
		text, _, err := s.sql(x, route.Template, u)
		if err != nil {
			return err
		}
		shown.Rows = append(shown.Rows, []string{u.Target.DataSource, string(text)})
	}
	return nil
}
