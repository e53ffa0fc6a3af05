package session

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router/plan"
)

// SQL's PREPARE keeps a text under a name. EXECUTE runs it with the values of its USING in the places of the '?',
// written as literals: the answer is a text result, as from a server.

// onPrepare is PREPARE name FROM text.
func onPrepare(s *Session, ctx context.Context, x *execution) error {
	d := x.st.parsed.Prepare
	if t := x.st.parsed.Tokens; len(t) > 1 && t[0].Is("PREPARE") && (!t[1].Ident() || len(t) < 3 || !t[2].Is("FROM")) {
		return s.writeError(sqlerr.Syntax(x.st.parsed.Text[t[1].Start:]))
	}
	text, err := s.preparedText(ctx, x, d)
	if err != nil {
		return s.writeError(err)
	}
	s.forgetNamed(strings.ToLower(d.Name)) // as servers do, even if the new text is wrong
	stmt, _, columns, err := s.prepareText(ctx, text)
	s.settle(ctx)
	if err != nil {
		return s.writeError(err)
	}
	if len(s.named) >= s.config.MaxPrepared {
		return s.writeError(sqlerr.TooManyPrepared(s.config.MaxPrepared))
	}
	if err := s.prepared.charge(stmt); err != nil {
		return s.writeError(err)
	}
	if s.srv.Flavour.MariaDB && !letsStand(stmt.st.parsed) {
		s.diag.reset()
	}
	stmt.label(columns)
	s.named[strings.ToLower(d.Name)] = stmt
	return s.sendOK(&wire.OK{Info: []byte("Statement prepared")})
}

// label notes what the columns of expressions are called, which is their text: with values in it, it would be another.
// What is computed from a parameter may be NULL, also where the value in its place is not; the bare value is none of it.
func (p *prepared) label(columns []sqltypes.Column) {
	if p.params == 0 {
		return
	}
	p.labels = make([]label, len(columns))
	for i := range columns {
		c := &columns[i]
		if c.OrgName != "" && !strings.Contains(c.Name, "?") { // that of a UNION or of a derived table is its own name, too
			continue
		}
		p.labels[i].name = c.Name
		if c.Name != "?" {
			p.labels[i].instead.Without = sqltypes.FlagNotNull &^ c.Flags
		}
	}
}

// preparedText is what FROM says: a literal, or the value of a variable or expression.
func (s *Session) preparedText(ctx context.Context, x *execution, d *parser.PrepareDetail) ([]byte, error) {
	if d.Arg >= 0 {
		arg, _ := x.args.arg(d.Arg)
		v, err := x.args.Value(d.Arg)
		if err == nil && arg.Introducer == 0 && (s.connectionCharset() == s.clientCharset() || !beyondASCII(v.Bytes)) {
			return v.AppendText(nil), nil
		}
		// A server knows how to read what is not decoded here or of another charset, and what the connection's lacks.
	}
	if charset, set := s.state.Var("character_set_client"); set {
		defer s.override("character_set_results", charset)() // a text is read as one that the client has sent
	}
	what := "PREPARE..FROM"
	if x.st.parsed.Kind == parser.ExecuteImmediate {
		what = "EXECUTE IMMEDIATE"
	}
	values, _, err := s.evaluateFor(ctx, what, x.st.parsed.Text[d.Text.Start:d.Text.End])
	if err != nil {
		return nil, err
	}
	if values[0].IsNull() {
		return []byte("NULL"), nil // and no statement: servers say the same
	}
	return values[0].AppendText(nil), nil
}

// evaluate has a server compute expressions of the session. It says what they are, too.
func (s *Session) evaluate(ctx context.Context, expressions ...string) ([]sqltypes.Value, []sqltypes.Column, error) {
	if len(expressions) == 0 {
		return nil, nil, nil
	}
	sql := "SELECT " + strings.Join(expressions, ", ")
	if asked, err := parser.Parse(sql, s.mode); err == nil {
		if err := s.atHome(ctx, asked); err != nil {
			return nil, nil, err
		}
	}
	h, done, err := s.borrowHome(ctx, backend.NeedUserVars|backend.NeedLastInsertID)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	columns, row, err := oneRow(ctx, h, expressions...)
	if err != nil {
		return nil, nil, s.homeError(err)
	}
	out := make([]sqltypes.Value, len(expressions))
	for i := range out {
		out[i] = valueOf(row[i], &columns[i])
	}
	return out, columns, nil
}

// evaluateUsing evaluates what stands behind USING, in a charset that has all characters, whatever that of the results lacks.
func (s *Session) evaluateUsing(ctx context.Context, expressions []string) ([]sqltypes.Value, []sqltypes.Column, error) {
	if len(expressions) == 0 {
		return nil, nil, nil
	}
	if s.resultsCharset() != "utf8mb4" {
		defer s.override("character_set_results", "'utf8mb4'")()
	}
	n := len(expressions)
	if s.srv.Flavour.MariaDB {
		expressions = withCollations(expressions)
	}
	values, columns, err := s.evaluateFor(ctx, "EXECUTE..USING", expressions...)
	if err != nil || len(values) == n {
		return values, columns, err
	}
	var others []*sqltypes.Value
	for i := range n {
		if s.collate(&values[i], values[n+i].AppendText(nil)) {
			others = append(others, &values[i])
		}
	}
	return values[:n], columns[:n], s.asClientWrites(ctx, others)
}

// evaluateFor is evaluate for a clause in which servers read neither tables nor stored functions.
func (s *Session) evaluateFor(ctx context.Context, what string, expressions ...string) ([]sqltypes.Value, []sqltypes.Column, error) {
	for _, e := range expressions {
		if asked, err := parser.Parse("SELECT "+e, s.mode); err == nil && asked.Uses.Has(parser.UseSubquery) {
			return nil, nil, sqlerr.NoSubqueries(what)
		}
	}
	values, columns, err := s.evaluate(ctx, expressions...)
	if e := sqlerr.As(err); e != nil && e.Code == sqlerr.CodeNoSuchRoutine {
		return nil, nil, sqlerr.NoSubqueries(what)
	}
	return values, columns, err
}

// valueOf makes a value of a cell.
func valueOf(cell []byte, column *sqltypes.Column) sqltypes.Value {
	switch {
	case cell == nil:
		return sqltypes.NullValue
	case column.Type == sqltypes.LongLong && column.Length == wideLength:
		if v, err := storedValue(cell, wideKind(column)); err == nil {
			return v
		}
		return sqltypes.Value{Kind: sqltypes.KindDecimal, Bytes: cell}
	case column.Type.IsInteger() || column.Type.IsDecimal():
		return sqltypes.Value{Kind: sqltypes.KindDecimal, Bytes: cell}
	case column.Type.IsFloat():
		return sqltypes.Value{Kind: sqltypes.KindDouble, Bytes: cell}
	case column.Type.IsTemporal() && column.Type != sqltypes.Time && bytes.Contains(cell, []byte("-00")): // which no literal of a date may have: a text is converted
	case column.Type == sqltypes.Date || column.Type == sqltypes.NewDate:
		return sqltypes.Value{Kind: sqltypes.KindDate, Bytes: cell}
	case column.Type == sqltypes.Datetime || column.Type == sqltypes.Timestamp:
		return sqltypes.Value{Kind: sqltypes.KindDatetime, Bytes: cell}
	case column.Type == sqltypes.Time:
		return sqltypes.Value{Kind: sqltypes.KindTime, Bytes: cell}
	case column.Collation == sqltypes.CollationBinary:
		return sqltypes.BinaryValue(cell)
	}
	return sqltypes.Value{Kind: sqltypes.KindString, Bytes: cell, Collation: column.Collation}
}

// onExecute is EXECUTE name USING ….
func onExecute(s *Session, ctx context.Context, x *execution) error {
	d := x.st.parsed.Prepare
	stmt := s.named[strings.ToLower(d.Name)]
	if stmt == nil {
		return s.writeError(sqlerr.UnknownStatementName(d.Name, "EXECUTE"))
	}
	if len(d.Using) != stmt.params {
		return s.writeError(sqlerr.WrongArguments("EXECUTE"))
	}
	return s.executeText(ctx, x, stmt, d.Using)
}

// onExecuteImmediate is MariaDB's EXECUTE IMMEDIATE text USING ….
func onExecuteImmediate(s *Session, ctx context.Context, x *execution) error {
	d := x.st.parsed.Prepare
	text, err := s.preparedText(ctx, x, d)
	if err != nil {
		return s.writeError(err)
	}
	stmt := &prepared{text: text, db: s.db, mode: s.mode, key: append([]byte(nil), s.keyPrefix...)}
	if err := stmt.scan.Scan(text, s.mode); err != nil {
		return s.writeError(s.cutError(ctx, text, err))
	}
	if len(d.Using) > 0 || stmt.scan.Params > 0 {
		described, _, columns, err := s.prepareText(ctx, text)
		s.settle(ctx)
		if err != nil {
			return s.writeError(err)
		}
		if len(d.Using) != stmt.scan.Params {
			return s.writeError(sqlerr.WrongArguments("EXECUTE"))
		}
		stmt = described
		stmt.label(columns)
	}
	return s.executeText(ctx, x, stmt, d.Using)
}

// executeText runs a text with values in the places of its parameters.
func (s *Session) executeText(ctx context.Context, x *execution, stmt *prepared, using []parser.Span) error {
	expressions := make([]string, len(using))
	left := ""
	defaults := make([]bool, len(using))
	for i, span := range using {
		expressions[i] = x.st.parsed.Text[span.Start:span.End]
		if word := strings.ToUpper(expressions[i]); s.srv.Flavour.MariaDB && (word == "DEFAULT" || word == "IGNORE") {
			left, defaults[i] = word, word == "DEFAULT"
			if word == "IGNORE" {
				break
			}
		}
	}
	if len(using) > 0 && s.leavesValues(x.st.parsed, stmt) {
		if done, err := s.executeThere(ctx, stmt, expressions); done || err != nil {
			return err
		}
	}
	if left == "IGNORE" || left != "" && !stmt.takesDefaults(defaults) {
		return s.writeError(sqlerr.NotSupported("EXECUTE … USING " + left))
	}
	for i := range defaults {
		if defaults[i] {
			expressions[i] = "NULL" // is not used
		}
	}
	if s.srv.Flavour.MariaDB && slices.ContainsFunc(expressions, bitsOrHex) {
		return s.writeError(sqlerr.NotSupported("EXECUTE … USING a hexadecimal or bit literal, which a server takes for a number here and for a text there"))
	}
	values, columns, err := s.evaluateUsing(ctx, expressions)
	if err != nil {
		return s.writeError(err)
	}
	if stmt.st != nil {
		if err := s.writeLimits(stmt, values); err != nil {
			return s.writeError(err)
		}
	}
	restore, err := s.asPrepared(stmt)
	if err != nil {
		return s.writeError(err)
	}
	defer restore()
	if err := readsCollations(stmt, values); err != nil {
		return s.writeError(err)
	}
	var shown *shownArgs
	if s.srv.Flavour.MariaDB {
		shown = shownArgsOf(stmt)
	}
	text, err := s.interpolate(&args{scan: &stmt.scan, text: stmt.text, params: values}, defaults, shown)
	if err != nil {
		return s.writeError(err)
	}
	return s.runText(ctx, text, exec.TextRows, shown.labels(stmt.labels, values, columns, s.clientCharset()))
}

// takesDefaults reports whether the parameters in question are values of their own, of rows or assignments, where DEFAULT may
// stand in the text.
func (p *prepared) takesDefaults(defaults []bool) bool {
	st, err := parser.Parse(string(p.text), p.mode)
	if err != nil || st.Clauses == nil {
		return false
	}
	c := st.Clauses
	whole := map[int]bool{} // by where a value begins
	for _, row := range c.Rows {
		for _, v := range row.Values {
			whole[v.Start] = v.Len() == 1
		}
	}
	for _, list := range [][]parser.Assign{c.Assigns, c.OnDupSet} {
		for _, a := range list {
			whole[a.Expr.Start] = a.Expr.Len() == 1
		}
	}
	param := 0
	for i := range st.Args {
		if st.Args[i].Kind != parser.ArgParam {
			continue
		}
		if defaults[param] && !whole[int(st.Args[i].Start)] {
			return false
		}
		param++
	}
	return true
}

// leavesValues reports whether one server can be given the text and the expressions of its USING as they are, which
// keeps the parameters' types, DEFAULT, and what a server says of values that do not fit.
func (s *Session) leavesValues(outer *parser.Statement, stmt *prepared) bool {
	layout, ok := s.srv.Catalogs.Current().Database(s.db)
	if !ok || layout.Database != "" || !s.srv.Flavour.MariaDB || stmt.mode != s.mode || stmt.db != s.db ||
		s.substitutes(outer) || outer.Uses.Has(parser.UseLastInsertIDArg) {
		return false
	}
	for _, c := range stmt.text {
		if c < ' ' && c != '\n' && c != '\t' || c > '~' || c == '\\' {
			return false // as a literal it could be another text
		}
	}
	return true
}

// executeThere runs a prepared text by EXECUTE IMMEDIATE of the one server that it is for; false if it is not for one,
// or not as it is.
func (s *Session) executeThere(ctx context.Context, stmt *prepared, expressions []string) (bool, error) {
	saved := s.scan
	s.scan = parser.Scan{}
	defer func() { s.scan = saved }()
	st, err := s.lookup(ctx, stmt.text)
	if err != nil {
		return true, s.writeError(err)
	}
	if !untouched(st.plan) {
		return false, nil
	}
	scan := s.scan
	x := execution{st: st, plan: st.plan, args: &args{scan: &scan, text: stmt.text[:scan.End]}, form: exec.TextRows}
	x.using = "EXECUTE IMMEDIATE '" + strings.ReplaceAll(string(stmt.text), "'", "''") + "' USING " + strings.Join(expressions, ", ")
	return true, s.execute(ctx, &x)
}

// untouched reports whether a plan sends one server the client's own text.
func untouched(p *plan.Plan) bool {
	if p == nil {
		return false
	}
	route := plan.Straight(p.Root)
	return route != nil && route.Opcode == plan.Unsharded && route.Template.Identity
}

// onDeallocate is DEALLOCATE PREPARE.
func onDeallocate(s *Session, _ context.Context, x *execution) error {
	name := strings.ToLower(x.st.parsed.Prepare.Name)
	if s.named[name] == nil {
		return s.writeError(sqlerr.UnknownStatementName(x.st.parsed.Prepare.Name, "DEALLOCATE PREPARE"))
	}
	s.forgetNamed(name)
	return s.respond(nil)
}

// forgetNamed forgets the statement of a name, if there is one.
func (s *Session) forgetNamed(name string) {
	if stmt := s.named[name]; stmt != nil {
		s.prepared.discharge(stmt)
		delete(s.named, name)
	}
}

// interpolate writes the parameters of a text as literals, or DEFAULT for those that are said to be.
func (s *Session) interpolate(a *args, defaults []bool, shown *shownArgs) ([]byte, error) {
	out := make([]byte, 0, len(a.text)+16*len(a.params))
	at, param := int32(0), -1
	for i := range a.scan.Args {
		arg := &a.scan.Args[i]
		if arg.Kind != parser.ArgParam {
			continue
		}
		v, err := a.Value(i)
		if err != nil {
			return nil, err
		}
		out = append(out, a.text[at:arg.Start]...)
		param++
		switch {
		case param < len(defaults) && defaults[param]:
			out = append(out, "DEFAULT"...)
		case (v.Kind == sqltypes.KindInt || v.Kind == sqltypes.KindUint) && shown.holds(arg):
			out = appendWide(out, v)
		default:
			out = s.appendLiteral(out, v)
		}
		at = arg.End
	}
	return append(out, a.text[at:]...), nil
}

// appendLiteral writes a value, a string in the charset it has.
func (s *Session) appendLiteral(b []byte, v sqltypes.Value) []byte {
	if v.Kind == sqltypes.KindString && v.Collation != 0 {
		if charset, _, ok := s.srv.collation(v.Collation); ok {
			b = append(append(append(b, '_'), charset...), ' ')
			v.Collation = 0 // said
			return v.AppendSQL(b)
		}
	}
	if v.Kind == sqltypes.KindBinary {
		b = append(b, "_binary "...) // else it would be a number where one is calculated with
	}
	return appendLiteral(b, v, s.clientCharset())
}

// interpolated is a statement's text with its parameters written as literals.
func (s *Session) interpolated(x *execution) (string, error) {
	if len(x.args.params) == 0 {
		return string(x.args.text), nil
	}
	b, err := s.interpolate(x.args, nil, nil)
	return string(b), err
}

// runText plans and runs a text that the session itself has written; labels are those of its answer, see execution.
func (s *Session) runText(ctx context.Context, text []byte, form exec.Form, labels []label) error {
	saved := s.scan
	s.scan = parser.Scan{}
	defer func() { s.scan = saved }()
	st, err := s.lookup(ctx, text)
	if err != nil {
		return s.writeError(err)
	}
	if s.scan.Next >= 0 {
		return s.writeError(s.wrongAt(text, s.scan.Next))
	}
	scan := s.scan
	x := execution{st: st, plan: st.plan, own: st.argsOf(&scan, text[:scan.End]), form: form, labels: labels, executed: true}
	x.args = &x.own
	return s.execute(ctx, &x)
}
