package session

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/router"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/txn"
)

// temporary is a temporary table of the client's that a statement names.
type temporary struct {
	router.Temporary
	definition string // what makes the same table on another connection, for drafts to name it there
}

// straight reports whether a plan is the client's text for one server. Where that has the statement's temporary tables, nothing else
// has to be known of them: a server sees them before it sees others of their names.
func straight(p *plan.Plan) bool {
	route := plan.Straight(p.Root)
	return route != nil && len(route.Targets) == 1
}

// knowing plans a statement that names temporary tables and is for more than their server: planning is told of them. first is what
// planning without that has said.
func (s *Session) knowing(ctx context.Context, parsed *parser.Statement, first *Statement, said error, again func() (*Statement, error)) (*Statement, error) {
	name := s.temporaryOf(parsed)
	if name == "" || said == nil && straight(first.plan) {
		return first, said
	}
	known, err := s.temporariesOf(ctx, parsed)
	if err != nil {
		return nil, err
	}
	if known == nil {
		return nil, besideOthers(name)
	}
	defer s.know(known)()
	st, err := again()
	if err != nil {
		return nil, err
	}
	st.turn, st.known = s.turn, known
	return st, nil
}

// know has drafts be described beside temporary tables.
func (s *Session) know(tables []temporary) (restore func()) {
	before := s.known
	s.known = tables
	return func() { s.known = before }
}

// temporariesOf reads the temporary tables that a statement names; nil: one is in a database of which no rule tells.
func (s *Session) temporariesOf(ctx context.Context, parsed *parser.Statement) ([]temporary, error) {
	var out []temporary
	for _, h := range slices.Clone(s.held) {
		var done []string
		for i := range parsed.Tables {
			db := parsed.Tables[i].Schema
			if db == "" {
				db = s.db
			}
			name := parsed.Tables[i].Name
			if !h.temporary.names[db+"."+name] || slices.Contains(done, db+"."+name) {
				continue
			}
			done = append(done, db+"."+name)
			layout, ok := s.srv.Catalogs.Current().Database(db)
			if !ok {
				return nil, nil
			}
			t, err := s.readTemporary(ctx, layout.SingleNode(h.dataSource, name).Schema, db, name, h.dataSource)
			if err != nil {
				return nil, err
			}
			out = append(out, t)
		}
	}
	return out, nil
}

// readTemporary asks the connection that has a temporary table for its schema: other connections do not see it, and neither does
// INFORMATION_SCHEMA.
func (s *Session) readTemporary(ctx context.Context, schema, db, name, dataSource string) (temporary, error) {
	at := "`" + schema + "`.`" + strings.ReplaceAll(name, "`", "``") + "`"
	defer s.override("character_set_results", "utf8mb4")()
	h, done, err := s.borrow(ctx, dataSource, schema, backend.NeedUserVars)
	if err != nil {
		return temporary{}, err
	}
	defer done()
	ask := func(sql string) []sqltypes.Row {
		var rows []sqltypes.Row
		if err == nil {
			_, rows, err = h.lease.Conn().QueryRows(ctx, sql)
		}
		return rows
	}
	columns, indexes := ask("SHOW FULL COLUMNS FROM "+at), ask("SHOW INDEX FROM "+at)
	created := ask(map[bool]string{true: "SET STATEMENT sql_mode='' FOR "}[s.srv.Flavour.MariaDB] + "SHOW CREATE TABLE " + at)
	if err != nil {
		return temporary{}, err
	}
	const verb = "CREATE TEMPORARY TABLE "
	if len(created) != 1 || len(created[0]) < 2 || !bytes.HasPrefix(created[0][1], []byte(verb)) {
		return temporary{}, besideOthers(name)
	}
	_, body, _ := strings.Cut(string(created[0][1]), " (")
	t := temporary{definition: verb + at + " (" + body}
	for _, r := range t.definition {
		if r > '~' { // which is in the charset of an answer, not in that of a statement
			return temporary{}, sqlerr.NotSupported("a temporary table with names or texts beyond ASCII in a statement that runs in parts or over several shards")
		}
	}
	t.DataSource = dataSource
	t.Schema, err = shownSchema(db, name, columns, indexes, body)
	return t, err
}

// shownSchema makes a table's schema of what SHOW says of it.
func shownSchema(db, name string, columns, indexes []sqltypes.Row, body string) (*catalog.TableSchema, error) {
	_, options, _ := strings.Cut(body[strings.LastIndex(body, "\n)")+1:], "ENGINE=")
	var engine []byte
	if word, _, _ := strings.Cut(options, " "); !strings.EqualFold(word, "InnoDB") {
		engine = []byte(word)
	}
	var cols, keys []catalog.Row
	for _, r := range columns { // Field, Type, Collation, Null, Key, Default, Extra
		charset, _, _ := bytes.Cut(r[2], []byte("_"))
		kind := bytes.FieldsFunc(r[1], func(c rune) bool { return c == '(' || c == ' ' })
		cols = append(cols, catalog.Row{r[0], r[1], kind[0], charset, r[2], r[3], r[5], r[6], nil, engine})
	}
	for _, r := range indexes { // Table, Non_unique, Key_name, Seq_in_index, Column_name, Collation, Cardinality, Sub_part, Packed, Null, Index_type
		var fullText []byte
		if string(r[10]) == "FULLTEXT" {
			fullText = []byte("InnoDB")
			if engine != nil {
				fullText = engine
			}
		}
		keys = append(keys, catalog.Row{r[2], r[1], r[4], r[7], fullText})
	}
	schema, err := catalog.FromRows(db, name, cols, keys, nil)
	return &schema, err
}

// lendTemporaries makes the temporary tables that the statement under way names on a connection to their data source on which drafts are
// described. No plan reads them elsewhere.
func (s *Session) lendTemporaries(ctx context.Context, l *backend.Lease, dataSource string) error {
	for i := range s.known {
		if s.known[i].DataSource != dataSource {
			continue
		}
		l.Taint("a temporary table") // and so closed when it is given back
		sql := s.known[i].definition
		if s.srv.Flavour.MariaDB {
			sql = "SET STATEMENT sql_mode='' FOR " + sql
		}
		if _, err := l.Conn().ExecTogether(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// where is the data source that has a temporary table of the session; "": there is none of that name.
func (s *Session) where(db, name string) string {
	for _, h := range s.held {
		if h.temporary.names[db+"."+name] {
			return h.dataSource
		}
	}
	return ""
}

// reachesTemporaries reports whether all that a plan runs on temporary tables runs where they are.
func (s *Session) reachesTemporaries(node plan.Node) bool {
	at := func(r *plan.Route) bool {
		if r == nil {
			return true
		}
		for i, name := range r.Tables {
			there := s.where(r.Databases[i], name)
			if there != "" && slices.ContainsFunc(r.Targets, func(t plan.Target) bool { return t.DataSource != there }) {
				return false
			}
		}
		return true
	}
	switch n := node.(type) {
	case *plan.Route:
		if !at(n) {
			return false
		}
	case *plan.Gather:
		if !at(n.Place) {
			return false
		}
	case *plan.DDL, *plan.DropEach, *plan.TableAdmin, *plan.Lock:
		return false
	}
	return !slices.ContainsFunc(plan.Children(node), func(child plan.Node) bool { return !s.reachesTemporaries(child) })
}

// runGatherCreate is CREATE TEMPORARY TABLE … SELECT, whose query is run first. What that locks is locked for as long as it runs.
func (s *Session) runGatherCreate(ctx context.Context, x *execution, n *plan.Gather) error {
	if !s.mayWrite() {
		return inReadOnly()
	}
	_, restore := s.selectLimit(x) // which does not limit what CREATE … SELECT reads
	defer restore()
	defer s.stopClock(x)()
	t := &tree{s: s, x: x, budget: s.queryBudget(), began: time.Now()}
	defer t.release()
	defer t.dropTemporary(ctx)
	own := s.txn == nil
	if own {
		defer s.ownTransaction(txn.Options{})()
	}
	kept, _ := s.diag.mark()
	err := t.runParts(ctx, n)
	if own {
		err = s.endOwn(ctx, err)
	}
	if err != nil {
		return err
	}
	if len(s.diag.conditions) > kept {
		return sqlerr.NotSupported("CREATE TEMPORARY TABLE … SELECT over several shards of rows whose reading causes warnings")
	}
	t.measured()
	last := n.Input.(*plan.Route)
	return s.runSingle(ctx, x, last, &plan.RouteUnit{Target: &last.Targets[0]})
}
