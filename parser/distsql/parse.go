package distsql

import (
	"fmt"
	"strings"

	"github.com/heddle-mesh/heddle/parser"
)

// Parse reads a statement that Recognise knows. Its error is an *Error; what is only recognised has the verb Other.
func Parse(st *parser.Statement) (*Statement, error) {
	o, next, ok := open(st)
	if !ok {
		return nil, &Error{0, "this is no statement about storage units or rules"}
	}
	r := &reader{st: st, at: next, out: &Statement{Verb: o.verb, Object: o.object}}
	if o.verb == Other {
		return r.out, nil
	}
	r.statement()
	if r.err == nil && r.at < len(st.Tokens) {
		r.fail("expected the end of the statement")
	}
	if r.err != nil {
		return nil, r.err
	}
	return r.out, nil
}

// reader walks over the tokens. After the first error it goes no further.
type reader struct {
	st  *parser.Statement
	at  int
	out *Statement
	err *Error
}

func (r *reader) token() parser.Token {
	if r.at < len(r.st.Tokens) {
		return r.st.Tokens[r.at]
	}
	end := len(strings.TrimRight(r.st.Text, " \t\r\n;"))
	return parser.Token{Span: parser.Span{Start: end, End: end}}
}

func (r *reader) fail(format string, args ...any) {
	if r.err != nil {
		return
	}
	t := r.token()
	found := "the end"
	if r.at < len(r.st.Tokens) {
		found = t.In(r.st.Text)
		if len(found) > 40 {
			found = found[:40] + "…"
		}
	}
	r.err = &Error{t.Start, fmt.Sprintf(format, args...) + ", found " + strings.ToValidUTF8(found, "?")}
}

// take passes words or operators over if they are next.
func (r *reader) take(words ...string) bool {
	if r.err != nil || r.at+len(words) > len(r.st.Tokens) {
		return false
	}
	for i, w := range words {
		if !r.st.Tokens[r.at+i].Is(w) {
			return false
		}
	}
	r.at += len(words)
	return true
}

// need passes one over that has to be next.
func (r *reader) need(word string) bool {
	if r.take(word) {
		return true
	}
	r.fail("expected %s", word)
	return false
}

// name reads a name, quoted or not.
func (r *reader) name(of string) string {
	t := r.token()
	if r.err == nil && t.Ident() {
		r.at++
		return r.st.Name(r.at - 1)
	}
	r.fail("expected the name of %s", of)
	return ""
}

// value reads a text, a name or a number.
func (r *reader) value(of string) string {
	t := r.token()
	switch {
	case r.err != nil:
	case t.Kind == parser.String:
		return r.text(of)
	case t.Ident():
		return r.name(of)
	case t.Kind == parser.Int, t.Kind == parser.Decimal:
		r.at++
		return t.In(r.st.Text)
	case t.Is("-") && r.at+1 < len(r.st.Tokens) && r.st.Tokens[r.at+1].Kind == parser.Int:
		r.at += 2
		return "-" + r.st.Tokens[r.at-1].In(r.st.Text)
	}
	r.fail("expected %s", of)
	return ""
}

// text reads a quoted text.
func (r *reader) text(of string) string {
	t := r.token()
	if r.err == nil && t.Kind == parser.Quoted { // "…" under ANSI_QUOTES
		return r.name(of)
	}
	if r.err != nil || t.Kind != parser.String {
		r.fail("expected %s in quotes", of)
		return ""
	}
	if t.Arg < 0 { // a place where statements have no values, as behind FILE
		inner := t.In(r.st.Text)
		if inner = inner[1 : len(inner)-1]; strings.ContainsAny(inner, `\'"`) {
			r.fail("expected %s without escapes", of)
		}
		r.at++
		return inner
	}
	v, err := r.st.Value(t.Arg)
	if err != nil || int(r.st.Args[t.Arg].End) != t.End || int(r.st.Args[t.Arg].Start) != t.Start {
		r.fail("expected one text")
		return ""
	}
	r.at++
	return string(v.Bytes)
}

// each calls f for the items of a list in parentheses.
func (r *reader) each(f func()) {
	if !r.need("(") {
		return
	}
	r.commas(f)
	r.need(")")
}

// commas calls f for the items of a list.
func (r *reader) commas(f func()) {
	for r.err == nil {
		f()
		if !r.take(",") {
			return
		}
	}
}

func (r *reader) names(of string) (out []string) {
	r.each(func() { out = append(out, r.value(of)) })
	return out
}

// from reads FROM or IN database.
func (r *reader) from() {
	if r.take("FROM") || r.take("IN") {
		r.out.Database = r.name("a database")
	}
}

func (r *reader) statement() {
	out := r.out
	switch out.Verb {
	case Create, Register:
		out.IfNotExists = r.take("IF", "NOT", "EXISTS")
	case Drop, Unregister:
		out.IfExists = r.take("IF", "EXISTS")
	case Show, Count:
		r.show()
		return
	case Preview:
		r.preview()
		return
	case Export, Import:
		r.configuration()
		return
	case Resolve:
		r.resolve()
		return
	}
	switch {
	case out.Verb == Drop || out.Verb == Unregister:
		r.dropped()
	case out.Object == StorageUnit:
		r.commas(r.unit)
	case out.Object == TableRule:
		r.commas(r.table)
	case out.Object == ReferenceRule:
		r.commas(r.reference)
	case out.Object == ReadwriteRule && out.Verb == Alter && r.switches():
	case out.Object == ReadwriteRule:
		r.commas(r.group)
	case out.Object == SingleDefault:
		r.need("=")
		out.Names = []string{r.value("a storage unit, or RANDOM")}
	case out.Object == SingleTable:
		r.commas(r.singleTable)
	default: // BROADCAST TABLE RULE
		r.commas(func() { out.Names = append(out.Names, r.name("a table")) })
	}
}

// switches reads rule ENABLE|DISABLE replica, if it is that.
func (r *reader) switches() bool {
	from := r.at
	name := r.name("a rule")
	switch {
	case r.err != nil:
		return false
	case r.take("ENABLE"):
		r.out.Verb = Enable
	case r.take("DISABLE"):
		r.out.Verb = Disable
	default:
		r.at = from
		return false
	}
	r.out.Names = []string{name, r.value("a replica: its address, or replica1, replica2, …")}
	r.from()
	return true
}

// dropped reads the names that go.
func (r *reader) dropped() {
	r.commas(func() { r.out.Names = append(r.out.Names, r.name("what goes")) })
	if r.out.Object == StorageUnit && r.take("IGNORE") {
		r.fail("IGNORE … TABLES is not there: a storage unit with tables stays")
	}
	r.from()
}

// singleTable reads table, unit.table, unit.* or *.
func (r *reader) singleTable() {
	part := func() string {
		if r.take("*") {
			return "*"
		}
		return r.name("a table")
	}
	name := part()
	if r.take(".") {
		name += "." + part()
	}
	if r.take(".") {
		r.fail("expected unit.table")
	}
	r.out.Names = append(r.out.Names, name)
}

// transaction reads the name of one.
func (r *reader) transaction() { r.out.Text = r.text("the name of a transaction") }

// resolve reads how a transaction shall end. What would contradict itself is not there.
func (r *reader) resolve() {
	out := r.out
	r.transaction()
	if out.Commit = r.take("COMMIT"); !out.Commit && !r.take("ROLLBACK") {
		r.fail("expected COMMIT or ROLLBACK")
	}
	switch out.Force = r.take("FORCE"); {
	case out.Force:
	case out.Commit:
		out.Mended = r.take("MENDED")
		out.Redo = !out.Mended && r.take("REDO")
	}
}

func (r *reader) show() {
	out := r.out
	switch out.Object {
	case Transaction:
		r.transaction()
		return
	case Transactions, ComputeNodes:
		return
	case TableRule, TableNodes, ReferenceRule, SingleTable, ReadwriteRule, ReadwriteStatus, RulesUsedUnit:
		if t := r.token(); t.Ident() && !t.Is("FROM") && !t.Is("IN") && !t.Is("LIKE") {
			out.Names = []string{r.name("a rule")}
		}
	}
	r.from()
}

// preview keeps the statement's text as it is.
func (r *reader) preview() {
	if r.out.Text = strings.TrimSpace(r.st.Text[min(r.token().Start, len(r.st.Text)):]); r.out.Text == "" {
		r.fail("expected a statement")
	}
	r.at = len(r.st.Tokens)
}

func (r *reader) configuration() {
	if r.out.Verb == Import {
		if r.need("FROM") && r.need("FILE") {
			r.out.Text = r.text("a file")
		}
		return
	}
	if r.take("TO", "FILE") {
		r.out.Text = r.text("a file")
		return
	}
	r.from()
	if r.take("TO") && r.need("FILE") {
		r.out.Text = r.text("a file")
	}
}
