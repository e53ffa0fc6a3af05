package router

import (
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/pingcap/tidb/pkg/parser/ast"
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
	if why := askOfSession(uses, l); why != "" {
		return "a column whose default or expression " + why
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

// foreignKeyRefusal names a foreign key by which a server would change rows where the other copies or shards do not.
func (p *planning) foreignKeyRefusal(lead *table) string {
	for i, ref := range p.stmt.Tables {
		t := p.byRef[i]
		if t != nil && lead.broadcast() && len(lead.nodes()) > 1 && ref.Role == parser.RoleReference && !t.broadcast() {
			return "DDL of the broadcast table " + lead.name + " that names " + t.name + ", which is not a broadcast table"
		}
	}
	if !lead.sharded() || len(lead.nodes()) == 1 {
		return ""
	}
	for _, fk := range p.definedForeignKeys() {
		moves := fk.refer.OnUpdate != nil && fk.refer.OnUpdate.ReferOpt != ast.ReferOptionNoOption &&
			fk.refer.OnUpdate.ReferOpt != ast.ReferOptionRestrict && fk.refer.OnUpdate.ReferOpt != ast.ReferOptionNoAction
		clears := fk.refer.OnDelete != nil && (fk.refer.OnDelete.ReferOpt == ast.ReferOptionSetNull || fk.refer.OnDelete.ReferOpt == ast.ReferOptionSetDefault)
		target, ok := p.snap.Place(orDefault(fk.refer.Table.Schema.O, lead.db), fk.refer.Table.Name.O)
		if ok && target.Kind == catalog.KindSharded || !moves && !clears {
			continue
		}
		for _, column := range fk.columns {
			if lead.keyIndex(column) >= 0 {
				return "a foreign key that changes the sharding key " + lead.name + "." + column + " with the row that it points to"
			}
		}
	}
	return ""
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// definedKey is a foreign key in the text of a CREATE or ALTER TABLE.
type definedKey struct {
	columns []string
	refer   *ast.ReferenceDef
}

func (p *planning) definedForeignKeys() []definedKey {
	var out []definedKey
	constraint := func(c *ast.Constraint) {
		if c == nil || c.Tp != ast.ConstraintForeignKey || c.Refer == nil || c.Refer.Table == nil {
			return
		}
		out = append(out, definedKey{columns: partNames(c.Keys), refer: c.Refer})
	}
	columns := func(defs []*ast.ColumnDef) {
		for _, def := range defs {
			for _, o := range def.Options {
				if o.Tp == ast.ColumnOptionReference && o.Refer != nil && o.Refer.Table != nil {
					out = append(out, definedKey{columns: []string{def.Name.Name.O}, refer: o.Refer})
				}
			}
		}
	}
	switch n := p.stmt.AST.(type) {
	case *ast.CreateTableStmt:
		columns(n.Cols)
		for _, c := range n.Constraints {
			constraint(c)
		}
	case *ast.AlterTableStmt:
		for _, spec := range n.Specs {
			columns(spec.NewColumns)
			constraint(spec.Constraint)
			for _, c := range spec.NewConstraints {
				constraint(c)
			}
		}
	}
	return out
}
