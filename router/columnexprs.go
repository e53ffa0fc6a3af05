package router

import (
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/rule"
)

// Defaults and generated columns are evaluated by the servers. What they ask of the session, a server answers with what
// it knows of Heddle's connection: its id, the data source's account, the schema's own name.

// sessionsOwn are the functions whose answer only the client's session has.
const sessionsOwn = parser.UseConnectionID | parser.UseCurrentUser | parser.UseDatabase

// askOfSession names what an expression in a table of a database asks of the session, that a server would answer otherwise.
func askOfSession(uses parser.Feature, l *rule.Layout) string {
	switch {
	case uses&parser.UseConnectionID != 0:
		return "asks for CONNECTION_ID(): servers know other ids than clients"
	case uses&parser.UseCurrentUser != 0:
		return "asks for the user: servers know the data source's account only"
	case uses&parser.UseDatabase != 0 && l != nil && renamed(l):
		return "asks for DATABASE(), which has another name on its server"
	}
	return ""
}

// renamed reports whether a database's schema has another name at one of its data sources.
func renamed(l *rule.Layout) bool {
	return l.Database != "" && slices.ContainsFunc(l.DataSources, func(ds rule.DataSource) bool { return ds.Schema != l.Database })
}

// expressionUses is what a default's or a generated column's text uses.
func (p *planning) expressionUses(text string) parser.Feature {
	mode := p.env.Mode
	mode.SQLMode, mode.Charset = 0, parser.CharsetUTF8
	body, err := parser.ParseBody("SELECT "+text, mode)
	if err != nil {
		return 0
	}
	return body.Uses.Bits
}

func (p *planning) defaultUses(c *catalog.Column) parser.Feature {
	if !c.HasDefault || literalDefault(c.Default) {
		return 0
	}
	return p.expressionUses(c.Default)
}

// definitionRefusal names what the columns that a CREATE or ALTER TABLE defines may not ask for.
func (p *planning) definitionRefusal() string {
	if p.stmt.Kind != parser.CreateTable && p.stmt.Kind != parser.AlterTable {
		return ""
	}
	query := slices.IndexFunc(p.stmt.Tokens, func(t parser.Token) bool { return t.Is("SELECT") })
	var uses parser.Feature
	for _, at := range p.stmt.Uses.At {
		if query < 0 || at.Tok < query {
			uses |= at.Use
		}
	}
	if uses&sessionsOwn == 0 {
		return ""
	}
	var l *rule.Layout
	for i, ref := range p.stmt.Tables {
		if t := p.byRef[i]; t != nil && ref.Role == parser.RoleDDL {
			l = t.place.Layout
		}
	}
	if l == nil || l.Database == "" {
		return "" // of a plain proxy the definitions are the server's
	}
	if why := askOfSession(uses, l); why != "" {
		return "a column whose default or expression " + why
	}
	return ""
}

// asksForAccount names what a client of a plain proxy defines that a server will ask for the user: it knows the data source's
// account. Where that is called as the client is, it is taken for the client; from which host is the server's to say.
func (p *planning) asksForAccount() string {
	if !p.stmt.Uses.Has(parser.UseCurrentUser) {
		return ""
	}
	switch p.stmt.Kind {
	case parser.CreateTable, parser.AlterTable, parser.CreateView, parser.OtherDDL:
	default:
		return ""
	}
	l := p.defaultLayout()
	if l == nil || l.Database != "" || !slices.ContainsFunc(l.DataSources, func(ds rule.DataSource) bool { return ds.User != p.env.User }) {
		return ""
	}
	query := len(p.stmt.Tokens) // of a CREATE TABLE … SELECT, which runs now
	if i := slices.IndexFunc(p.stmt.Tokens, func(t parser.Token) bool { return t.Is("SELECT") }); i >= 0 && p.stmt.Kind == parser.CreateTable {
		query = i
	}
	for _, at := range p.stmt.Uses.At {
		if at.Tok > query {
			break
		}
		if t := p.stmt.Tokens; at.Use == parser.UseCurrentUser && !(at.Tok >= 2 && t[at.Tok-1].Is("=") && t[at.Tok-2].Is("DEFINER")) {
			return "a definition that asks for the user, where servers know the data source's account only, which is another"
		}
	}
	return ""
}

// columnRefusal names a column of the statement's tables that would be evaluated to what only the session knows. Of
// tables whose schemas nobody has asked for, definitionRefusal is all there is.
func (p *planning) columnRefusal() string {
	for i, ref := range p.stmt.Tables {
		t := p.byRef[i]
		if t == nil || t.schema == nil || t.system || ref.Role == parser.RoleDDL || ref.Role == parser.RoleShow {
			continue
		}
		for n := range t.schema.Columns {
			c := &t.schema.Columns[n]
			if c.Expression != "" {
				if why := askOfSession(p.expressionUses(c.Expression), t.place.Layout); why != "" {
					return "the column " + t.name + "." + c.Name + ", whose expression " + why
				}
			}
			if ref.Role == parser.RoleInsert && p.mayDefault(c) {
				if why := askOfSession(p.defaultUses(c), t.place.Layout); why != "" {
					return "an INSERT with the default of " + t.name + "." + c.Name + ", which " + why
				}
			}
		}
	}
	return ""
}

// mayDefault reports whether an INSERT may give a column its default.
func (p *planning) mayDefault(c *catalog.Column) bool {
	clauses := p.stmt.Clauses
	if clauses == nil || slices.ContainsFunc(p.stmt.Tokens, func(t parser.Token) bool { return t.Is("DEFAULT") }) {
		return true
	}
	named := func(n parser.Name) bool { return strings.EqualFold(n.Name, c.Name) }
	return !slices.ContainsFunc(clauses.Columns, named) && !slices.ContainsFunc(clauses.Assigns, func(a parser.Assign) bool { return strings.EqualFold(a.Column, c.Name) })
}

// unlikeColumn names a generated column that each copy of a broadcast table evaluates for itself.
func (p *planning) unlikeColumn(t *table) string {
	if t.schema == nil {
		return ""
	}
	for i := range t.schema.Columns {
		if c := &t.schema.Columns[i]; c.Expression != "" && p.expressionUses(c.Expression)&(unlike|parser.UseSequence) != 0 {
			return "the generated column " + t.name + "." + c.Name + ", which is not deterministic,"
		}
	}
	return ""
}
