package parser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/pingcap/tidb/pkg/parser/ast"
)

var maria = Mode{Flavour: Flavour{MariaDB: true, Version: 101119}}
var mysql80 = Mode{Flavour: Flavour{Version: 80036}}

// TestGolden runs testdata/*: each case is one statement, its output all that Parse found. Arguments of the
// command: mysql (else MariaDB), and sql_mode=… .
func TestGolden(t *testing.T) {
	datadriven.Walk(t, "testdata/parse", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			mode := maria
			if d.HasArg("mysql") {
				mode = mysql80
			}
			if d.HasArg("sql_mode") {
				var s string
				d.ScanArgs(t, "sql_mode", &s)
				mode.SQLMode = ParseSQLMode(s)
			}
			st, err := Parse(d.Input, mode)
			if err != nil {
				return "error: " + err.Error() + "\n"
			}
			invariants(t, st)
			if d.Cmd == "kind" {
				return st.Kind.String() + "\n"
			}
			return describeText(t, st)
		})
	})
}

// describeText writes all that a Statement knows.
func describeText(t *testing.T, st *Statement) string {
	var b strings.Builder
	p := func(f string, a ...any) { fmt.Fprintf(&b, f+"\n", a...) }
	grammar := "exact"
	if st.AST == nil {
		grammar = "no tree"
	} else if !confirmed(t, st) {
		grammar = "unconfirmed"
	}
	p("%s, %s", st.Kind, grammar)
	if st.Prefix.Present() {
		p("prefix %q %s", st.Prefix.In(st.Text), assignments(st, st.PrefixSet))
	}
	roles := []string{"read", "insert", "update", "delete", "ddl", "reference", "lock", "show"}
	for _, t := range st.Tables {
		s := t.NameSpan.In(st.Text)
		if t.Schema != "" {
			s = t.SchemaSpan.In(st.Text) + "." + s
		}
		if t.Alias != "" {
			s += " as " + t.AliasSpan.In(st.Text)
		}
		if t.CTE {
			s += " (cte)"
		}
		if t.DeleteRef {
			s += " (ref)"
		}
		p("table %s %s", roles[t.Role], s)
	}
	for _, q := range st.Qualifiers {
		p("qualifier %s|%s|%s", q.SchemaSpan.In(st.Text), q.NameSpan.In(st.Text), q.ColumnSpan.In(st.Text))
	}
	for _, h := range st.Hints {
		p("hint %s=%q", h.Key, h.Value)
	}
	clausesText(p, st, st.Clauses, "")
	details(p, st)
	if len(st.Uses.At) > 0 {
		var u []string
		for _, x := range st.Uses.At {
			u = append(u, strings.TrimSpace(useNames[x.Use]+" "+x.Name))
		}
		p("uses %s", strings.Join(u, ", "))
	}
	if st.AST != nil {
		v := &spans{st: st}
		st.AST.Accept(v)
		p("linked %d of %d args, spans %d of %d expressions", v.args, len(st.Args), v.ok, v.all)
		for _, m := range v.missing {
			p("  no span: %s", m)
		}
	}
	if st.Inner != nil {
		p("inner at %d:\n%s", st.InnerStart, describeText(t, st.Inner))
	}
	return b.String()
}

var useNames = map[Feature]string{
	UseLastInsertID: "last-insert-id", UseLastInsertIDArg: "last-insert-id-arg", UseFoundRows: "found-rows", UseRowCount: "row-count",
	UseCalcFoundRows: "calc-found-rows", UseUserVarRead: "read @", UseUserVarWrite: "write @", UseSysVar: "sysvar", UseLock: "lock",
	UseNow: "now", UseSysdate: "sysdate", UseRand: "rand", UseUUID: "uuid", UseNonDeterministic: "nondeterministic",
	UseSequence: "sequence", UseConnectionID: "connection-id", UseCurrentUser: "current-user", UseDatabase: "database",
	UseVersion: "version", UseForUpdate: "for-update", UseForShare: "for-share", UseWindow: "window", UseAggregate: "aggregate",
	UseSubquery: "subquery", UseUnknownFunction: "function", UseMatch: "match", UseOutfile: "outfile", UseSQLNoCache: "no-cache",
	UseGrouping: "grouping", UseJSONTable: "json-table", UseSystemTime: "system-time", UsePartition: "partition",
	UseIndexHint: "index-hint", UseProcedureAnalyse: "analyse", UseDefaultFunc: "default",
}

// spans asks for the span of each expression of a tree.
type spans struct {
	st            *Statement
	ok, all, args int
	missing       []string
}

func (v *spans) Enter(n ast.Node) (ast.Node, bool) {
	if e, ok := n.(ast.ExprNode); ok {
		v.all++
		if _, ok := v.st.ArgIndex(e); ok {
			v.args++
		}
		if _, ok := v.st.Span(e); ok {
			v.ok++
		} else {
			v.missing = append(v.missing, fmt.Sprintf("%T", n))
		}
	}
	return n, false
}

func (v *spans) Leave(n ast.Node) (ast.Node, bool) { return n, true }

func clausesText(p func(string, ...any), st *Statement, c *Clauses, in string) {
	if c == nil {
		return
	}
	cl := func(name string, s Span) {
		if s.Present() {
			p("%s%s %q", in, name, s.In(st.Text))
		}
	}
	items := func(name string, list []Item) {
		for _, i := range list {
			s := fmt.Sprintf("%q", i.Expr.In(st.Text))
			if i.Alias != "" {
				s += " as " + i.Alias
			}
			if i.Desc {
				s += " desc"
			}
			if i.Star {
				s += " star"
			}
			if i.Position > 0 {
				s += fmt.Sprintf(" position %d", i.Position)
			}
			p("%s%s %s", in, name, s)
		}
	}
	assigns := func(name string, list []Assign) {
		for _, a := range list {
			p("%s%s %s[%s] = %q", in, name, a.Column, a.Qualifier, a.Expr.In(st.Text))
		}
	}
	cl("with", c.With.Span)
	cl("verb", c.Verb)
	items("item", c.List)
	cl("targets", c.Targets)
	for _, n := range c.Columns {
		p("%scolumn %s", in, n.Name)
	}
	for _, r := range c.Rows {
		var vs []string
		for _, v := range r.Values {
			vs = append(vs, v.In(st.Text))
		}
		p("%srow %s", in, strings.Join(vs, " | "))
	}
	cl("row-alias", c.RowAlias)
	assigns("set", c.Assigns)
	cl("into", c.Into.Body)
	cl("from", c.From.Body)
	cl("where", c.Where.Body)
	items("group", c.GroupItems)
	if c.Rollup {
		p("%srollup", in)
	}
	cl("having", c.Having.Body)
	cl("window", c.Window.Body)
	items("order", c.OrderItems)
	if l := c.Limit; l != nil {
		p("%slimit offset=%q(%d) count=%q(%d)", in, l.OffsetSpan.In(st.Text), l.Offset, l.CountSpan.In(st.Text), l.Count)
	}
	cl("lock", c.Lock.Span)
	cl("procedure", c.Procedure.Span)
	assigns("on-duplicate", c.OnDupSet)
	items("returning", c.ReturnItems)
	if c.MultiTable {
		p("%smulti-table", in)
	}
	for i, x := range c.Branches {
		if i > 0 {
			p("%s%s all=%v", in, c.SetOps[i-1].Op, c.SetOps[i-1].All)
		}
		p("%sbranch", in)
		clausesText(p, st, x, in+"  ")
	}
	if c.Inner != nil {
		p("%sin parentheses", in)
		clausesText(p, st, c.Inner, in+"  ")
	}
	if c.Source != nil {
		p("%ssource", in)
		clausesText(p, st, c.Source, in+"  ")
	}
}

func assignments(st *Statement, as []Assignment) string {
	names := []string{"session", "global", "local", "persist", "persist-only", "user", "names", "charset", "password", "role",
		"default-role", "resource-group", "once"}
	var out []string
	for _, a := range as {
		s := fmt.Sprintf("%s %s=%q", names[a.Scope], a.Name, a.Value.In(st.Text))
		if a.Collation != "" {
			s += " collate " + a.Collation
		}
		if a.Default {
			s += " default"
		}
		if a.Arg >= 0 {
			s += fmt.Sprintf(" arg %d", a.Arg)
		}
		if a.Word != "" {
			s += " word " + a.Word
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

func details(p func(string, ...any), st *Statement) {
	if st.Set != nil {
		p("set %s", assignments(st, st.Set))
	}
	if st.Use != "" {
		p("use %s", st.Use)
	}
	if st.Txn != nil {
		p("txn %+v", *st.Txn)
	}
	if k := st.Kill; k != nil {
		p("kill query=%v soft=%v byid=%v user=%v %q arg %d", k.Query, k.Soft, k.ByID, k.User, k.ID.In(st.Text), k.Arg)
	}
	if d := st.Prepare; d != nil {
		var using []string
		for _, u := range d.Using {
			using = append(using, u.In(st.Text))
		}
		p("prepare name=%q text=%q arg=%d var=%q using=%q", d.Name, d.Text.In(st.Text), d.Arg, d.Var, using)
	}
	if d := st.Show; d != nil {
		p("show %q full=%v global=%v session=%v object=%q db=%q like=%q where=%q limit=%q", d.What, d.Full, d.Global, d.Session, d.Object,
			d.DB, d.Like.In(st.Text), d.Where.Body.In(st.Text), d.Limit.In(st.Text))
	}
	if d := st.Explain; d != nil {
		p("explain analyze=%v extended=%v partitions=%v format=%q connection=%q", d.Analyze, d.Extended, d.Partitions, d.Format, d.Connection.In(st.Text))
	}
	if d := st.DDL; d != nil {
		p("ddl %s %q if-exists=%v if-not-exists=%v or-replace=%v temporary=%v like=%v select=%q", d.Object, d.Name, d.IfExists, d.IfNotExists,
			d.OrReplace, d.Temporary, d.Like, d.Select.In(st.Text))
	}
	if st.Local {
		p("local")
	}
}

// invariants holds for every Statement.
func invariants(t *testing.T, st *Statement) {
	t.Helper()
	in := func(what string, s Span) {
		if s.Start < 0 || s.End > len(st.Text) || s.Start > s.End {
			t.Errorf("%s %v is outside of %q", what, s, st.Text)
		}
	}
	last := 0
	for _, k := range st.Tokens {
		in("token", k.Span)
		if k.Start < last || !k.Present() {
			t.Errorf("token %v overlaps in %q", k, st.Text)
		}
		last = k.End
	}
	for _, x := range st.Tables {
		in("table", x.NameSpan)
		in("schema", x.SchemaSpan)
		in("alias", x.AliasSpan)
	}
	for _, q := range st.Qualifiers {
		in("qualifier", q.NameSpan)
		in("column", q.ColumnSpan)
	}
	for i, a := range st.Args {
		in("arg", a.Span())
		if i > 0 && a.Start < st.Args[i-1].End {
			t.Errorf("args overlap in %q", st.Text)
		}
	}
}
