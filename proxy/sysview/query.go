package sysview

import (
	"context"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
)

// Answer finds the answer of a statement that Concerns. The session's own values (DATABASE() and its kin) have been
// put into the text of st; shaped is the client's text, by which the columns of a query are labelled.
func (v *View) Answer(ctx context.Context, st *parser.Statement, shaped string) (*Answer, error) {
	switch st.Kind {
	case parser.Show, parser.Describe:
		if v.showsOwn(st) {
			return v.showOwn(st)
		}
		return v.show(ctx, st)
	}
	if a, err := v.plainAnswer(ctx, st); a != nil || err != nil {
		return a, err
	}
	text, err := v.Rewrite(ctx, st)
	if err != nil {
		return nil, err
	}
	if st.Kind != parser.Select || v.ordinary(st) || st.Uses.Has(parser.UseUserVarWrite|parser.UseOutfile) || into(st) {
		return &Answer{Again: text}, nil
	}
	a := &Answer{DataSource: v.HomeSource, Schema: v.homeSchema(), SQL: text}
	if own, _ := v.asksOwn(st); own || text == st.Text && shaped == st.Text {
		return a, nil // of tables of heddle a server cannot say how their columns are called
	}
	describe := v.Servers.Shape
	if !v.Mode.Flavour.MariaDB && !v.Preparing {
		describe = v.Servers.Running // MySQL says other things of what it has to materialize
	}
	a.Columns, err = describe(ctx, a.DataSource, a.Schema, shaped)
	return a, err
}

func into(st *parser.Statement) bool { return st.Clauses != nil && st.Clauses.Into.Present() }

// homeSchema is the schema that a query about information_schema runs in.
func (v *View) homeSchema() string {
	if isInformationSchema(v.Database) {
		return informationSchema
	}
	return v.HomeSchema
}

// Rewrite puts derived tables with logical names in the place of tables of information_schema.
func (v *View) Rewrite(ctx context.Context, st *parser.Statement) (string, error) {
	var e edits
	for i := range st.Tables {
		t := &st.Tables[i]
		if t.CTE || t.DeleteRef {
			continue
		}
		if v.own(t) {
			derived, err := v.derivedOwn(ctx, st, t)
			if err == nil {
				err = v.splice(&e, st, t, derived)
			}
			if err != nil {
				return "", err
			}
			continue
		}
		if !v.system(t) && !v.asksInformationSchema(st) {
			continue // beside tables of heddle, whose rows are in the text then
		}
		if !v.system(t) {
			return "", sqlerr.NotSupported("a query over information_schema and the table " + t.Name)
		}
		about, ok := v.known(t.Name)
		if !ok {
			return "", v.unknown(ctx, t.Name)
		}
		if about.scope == asItIs {
			continue
		}
		derived, err := v.derived(ctx, st, t, about)
		if err != nil {
			return "", err
		}
		if err := v.splice(&e, st, t, derived); err != nil {
			return "", err
		}
	}
	if len(e) == 0 {
		return st.Text, nil
	}
	v.qualifiers(&e, st)
	text := e.apply(st.Text)
	if len(text) > v.MaxText {
		return "", sqlerr.NotSupported("a question about so many rows of information_schema or heddle; ask for one table_schema and table_name")
	}
	return text, nil
}

// ordinary reports whether a statement reads tables beside those that are answered here.
func (v *View) ordinary(st *parser.Statement) bool {
	for i := range st.Tables {
		if t := &st.Tables[i]; !t.CTE && !v.system(t) && !v.own(t) {
			return true
		}
	}
	return false
}

// unknown refuses a table of information_schema: the server says whether there is one.
func (v *View) unknown(ctx context.Context, name string) error {
	if _, err := v.Servers.Shape(ctx, v.HomeSource, v.HomeSchema, "SELECT 1 FROM information_schema."+ident(name)); err != nil {
		return err
	}
	return sqlerr.NotSupported("information_schema." + strings.ToUpper(name) + ", which is each server's own")
}

// derived writes the table that stands for one occurrence.
func (v *View) derived(ctx context.Context, st *parser.Statement, t *parser.TableRef, about table) (string, error) {
	q, err := v.open(ctx, t.Name, about)
	if err != nil {
		return "", err
	}
	all := everything(st)
	for i := range q.columns {
		if all || named(st, q.columns[i].Name) {
			q.wanted = append(q.wanted, i)
		}
	}
	q.filter = v.filterOf(st, t, about)
	if about.scope == ofClients {
		if len(q.wanted) == 0 {
			q.want("ID")
		}
		return v.inline(q, q.outputs(), v.clients(q), false)
	}
	asked := slices.Clone(q.wanted)
	rows, err := v.gather(ctx, q)
	if err != nil {
		return "", err
	}
	q.want(about.schemas[0])
	var out []output
	for _, o := range q.outputs() {
		if slices.Contains(asked, q.wanted[o.at]) {
			out = append(out, o)
		}
	}
	if len(out) == 0 {
		out = q.outputs()[:1]
	}
	return v.inline(q, out, rows, true)
}

// splice replaces the table's name, and gives the derived table the name that columns may be qualified with.
func (v *View) splice(e *edits, st *parser.Statement, t *parser.TableRef, derived string) error {
	span := t.NameSpan
	if t.SchemaSpan.Present() {
		span.Start = t.SchemaSpan.Start
	}
	if text := span.In(st.Text); strings.Contains(text, "/*") || strings.Contains(text, "*/") {
		return sqlerr.NotSupported("a comment inside the name " + v.qualified(t))
	}
	for i := range st.Tokens {
		if i > 0 && st.Tokens[i].Start == span.Start && st.Tokens[i-1].Is("TABLE") || i == 0 && st.Tokens[0].Is("TABLE") {
			return sqlerr.NotSupported("TABLE " + v.qualified(t))
		}
	}
	if t.Alias == "" {
		derived += " AS " + ident(t.Name)
	}
	e.replace(span, derived)
	return nil
}

func (v *View) qualified(t *parser.TableRef) string {
	if v.own(t) {
		return Heddle + "." + t.Name
	}
	return informationSchema + "." + t.Name
}

// qualifiers puts the names of the derived tables before columns that were qualified with the tables' own.
func (v *View) qualifiers(e *edits, st *parser.Statement) {
	for i := range st.Qualifiers {
		q := &st.Qualifiers[i]
		for k := range st.Tables {
			t := &st.Tables[k]
			about, _ := v.known(t.Name)
			if !v.system(t) && !v.own(t) || t.Alias != "" || !v.own(t) && about.scope == asItIs || !strings.EqualFold(t.Name, q.Name) {
				continue
			}
			span := q.NameSpan
			if q.SchemaSpan.Present() {
				span.Start = q.SchemaSpan.Start
			}
			e.replace(span, ident(t.Name))
			break
		}
	}
}

// everything reports whether a statement may ask for columns that it does not name.
func everything(st *parser.Statement) bool {
	for i := range st.Tokens {
		t := &st.Tokens[i]
		if t.Is("NATURAL") || t.Is("*") && (i == 0 || !st.Tokens[i-1].Is("(")) {
			return true
		}
	}
	return false
}

// named reports whether a statement names a column, anywhere.
func named(st *parser.Statement, column string) bool {
	for i := range st.Tokens {
		if t := &st.Tokens[i]; t.Ident() && strings.EqualFold(strings.Trim(t.In(st.Text), "`\""), column) {
			return true
		}
	}
	return false
}
