package sysview

import (
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/rewrite"
)

// translate puts a row of a place into logical names.
func (g *gathering) translate(d *database, p *place, row sqltypes.Row, physical, logical string) {
	about := &g.q.about
	set := func(column, value string) {
		if i := g.q.at(column); i >= 0 && row[i] != nil {
			row[i] = []byte(value)
		}
	}
	for _, column := range about.derived {
		if i := g.q.at(column); i >= 0 {
			row[i] = []byte(rewrite.LogicalConstraint(string(row[i]), physical, logical))
		}
	}
	for _, column := range about.text {
		if i := g.q.at(column); i >= 0 && row[i] != nil {
			row[i] = []byte(g.view.query(d, p, string(row[i])))
		}
	}
	for _, ref := range about.refs {
		s, n := g.q.at(ref[0]), g.q.at(ref[1])
		if s >= 0 && n >= 0 && row[s] != nil {
			db, name := g.view.logicalTable(d, p.source, string(row[s]), string(row[n]))
			row[s] = []byte(db)
			if row[n] != nil {
				row[n] = []byte(name)
			}
		}
	}
	for _, column := range about.schemas {
		set(column, d.name)
	}
	for _, column := range append([]string{about.name}, about.names...) {
		set(column, logical)
	}
}

// query puts the names in a stored query into logical ones. Servers write them quoted and, mostly, qualified.
func (v *View) query(d *database, p *place, text string) string {
	mode := v.Mode
	mode.SQLMode, mode.Charset = 0, parser.CharsetUTF8
	st, err := parser.Parse(text, mode)
	if err != nil {
		return text
	}
	return v.renameAll(d, p, st).apply(text)
}

// renameAll replaces the tables and qualifiers of a text that a server of place p has written.
func (v *View) renameAll(d *database, p *place, st *parser.Statement) edits {
	var e edits
	rename := func(schemaSpan, nameSpan parser.Span, schema, name string) {
		if schema == "" {
			schema = p.schema
		}
		db, logical := v.logicalTable(d, p.source, schema, name)
		if schemaSpan.Present() && db != schema {
			e.replace(schemaSpan, quotedAs(schemaSpan.In(st.Text), db))
		}
		if logical != name {
			e.replace(nameSpan, quotedAs(nameSpan.In(st.Text), logical))
		}
	}
	for i := range st.Tables {
		if t := &st.Tables[i]; !t.CTE {
			rename(t.SchemaSpan, t.NameSpan, t.Schema, t.Name)
		}
	}
	for i := range st.Qualifiers {
		q := &st.Qualifiers[i]
		rename(q.SchemaSpan, q.NameSpan, q.Schema, q.Name)
	}
	return e
}

// quotedAs quotes a name in the way another one is. In the place of a bare one too it is quoted: it may be a word that
// servers reserve.
func quotedAs(like, name string) string {
	if strings.HasPrefix(like, `"`) {
		return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
	}
	return ident(name)
}
