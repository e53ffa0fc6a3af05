package router

import (
	"slices"
	"strconv"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/heddle-mesh/heddle/router/rule"
)

// planDDL plans the DDL of tables: on every node of a sharded table, on every copy of a broadcast one.
func (p *planning) planDDL() error {
	if p.stmt.Kind == parser.DropTable {
		refs, err := p.dropped()
		if err != nil {
			return err
		}
		if len(refs) > 1 && !p.samePlacesAll(refs) {
			return p.dropEach(refs)
		}
	}
	if why := p.definitionRefusal(); why != "" {
		return p.refuse(why)
	}
	lead, err := p.ddlTable()
	if err != nil {
		return err
	}
	if lead == nil || lead.single() {
		if err := p.likeOneShard(lead); err != nil {
			return err
		}
		return p.ddlOnePlace()
	}
	if err := p.likeElsewhere(lead); err != nil {
		return err
	}
	if why := p.ddlRefusal(lead); why != "" {
		return p.refuse(why)
	}
	if lead.sharded() {
		if err := p.requireLike(); err != nil {
			return err
		}
		for _, why := range []string{p.keyColumnChange(lead), p.ddlCheck(lead)} {
			if why != "" {
				return p.refuse(why)
			}
		}
	}
	if why := p.numbersRows(lead); why != "" {
		return p.refuse(why)
	}
	nodes := lead.nodes()
	if name := p.namesConstraint(lead); name != "" && sharesSchema(nodes) {
		return p.refuse("the name " + name + " of a constraint of a table that has several parts in one schema, where a server takes it once; leave it out")
	}
	route, err := p.routeTo(nodes, leadIfSharded(lead))
	if err != nil {
		return err
	}
	names, why := p.constraintSplices(lead, route.Targets)
	if why != "" {
		return p.refuse(why)
	}
	if names = append(names, p.foreignKeyNames(lead)...); names != nil {
		route.Template = p.compile(route.Targets, names)
	}
	route.Opcode = plan.Broadcast
	if lead.sharded() {
		route.Opcode = plan.Scatter
	}
	ddl := &plan.DDL{Route: route, Database: lead.db, Table: lead.name}
	ddl.Drop = p.stmt.Kind == parser.DropTable
	if lead.sharded() {
		if ddl.Counter, err = p.counter(lead); err != nil {
			return err
		}
	}
	for i, t := range p.byRef {
		if t != nil && p.stmt.Tables[i].Role == parser.RoleDDL && !slices.Contains(ddl.Changes, t.index) {
			ddl.Changes = append(ddl.Changes, t.index)
		}
	}
	if p.switchesKeys() {
		ddl.Database, ddl.Table = "", ""
	}
	p.plan.Root = ddl
	return nil
}

func leadIfSharded(t *table) *table {
	if t.sharded() {
		return t
	}
	return nil
}

// ddlTable is the table that the statement is about. Several have to be in the same places.
func (p *planning) ddlTable() (*table, error) {
	var lead *table
	for i := range p.stmt.Tables {
		t := p.byRef[i]
		if t == nil || p.stmt.Tables[i].Role != parser.RoleDDL {
			continue
		}
		if lead == nil {
			lead = t
		}
		if !samePlaces(lead, t) {
			return nil, p.refuse("DDL of tables in different places (" + lead.name + ", " + t.name + ")")
		}
	}
	return lead, nil
}

// samePlaces reports whether two tables have their nodes at the same data sources in the same order.
func samePlaces(a, b *table) bool {
	x, y := a.nodes(), b.nodes()
	if a.place.Kind != b.place.Kind && (!a.single() || !b.single()) || len(x) != len(y) {
		return false
	}
	for i := range x {
		if x[i].DataSource != y[i].DataSource {
			return false
		}
	}
	return true
}

// ddlOnePlace plans the DDL of single tables.
func (p *planning) ddlOnePlace() error {
	if t := p.anySharded(); t != nil {
		if d := p.stmt.DDL; d != nil && d.Select.Present() {
			return p.refuse("CREATE TABLE … SELECT from the sharded table " + t.name + " (create it, and fill it by INSERT … SELECT)")
		}
		return p.refuse("DDL of a table that is not sharded with the sharded table " + t.name)
	}
	route, err := p.oneDataSource()
	if err != nil {
		return err
	}
	if route.Opcode == plan.Reference {
		return sqlerr.Internal("DDL of a broadcast table planned for one copy")
	}
	p.plan.Root = route
	return nil
}

// likeOneShard has a table that is not sharded made LIKE one that is from the part that is beside it: a definition is all that is
// read, and all parts have the same.
func (p *planning) likeOneShard(made *table) error {
	l := p.like()
	if l == nil || made == nil || !made.single() || made.system || !l.sharded() {
		return nil
	}
	if err := p.requireSchema(l); err != nil || l.schema != nil && l.schema.Drift != nil {
		return err
	}
	if l.schema == nil {
		return sqlerr.NoSuchTable(l.db, l.name)
	}
	for _, n := range l.nodes() {
		if n.DataSource == made.place.Single.DataSource {
			l.place = catalog.Placement{Kind: catalog.KindSingle, Layout: l.place.Layout, Single: n}
			break
		}
	}
	return nil
}

// ddlRefusal names what the DDL of tables with several nodes cannot have.
func (p *planning) ddlRefusal(lead *table) string {
	d := p.stmt.DDL
	if d != nil && d.Select.Present() {
		return "CREATE TABLE … SELECT of the " + lead.place.Kind.String() + " table " + lead.name
	}
	renames := p.stmt.Kind == parser.RenameTable
	for i := range p.stmt.Tables {
		t := p.byRef[i]
		if t == nil || t == lead {
			continue
		}
		switch p.stmt.Tables[i].Role {
		case parser.RoleReference:
			if renames || p.stmt.Kind == parser.AlterTable && p.renamesTo(i) {
				return "renaming the " + lead.place.Kind.String() + " table " + lead.name + ": its name stands in the rules; " +
					"create a table that the rules name and copy the rows, or change the rules"
			}
			if lead.broadcast() && t.sharded() && len(lead.nodes()) > 1 {
				return "DDL of the broadcast table " + lead.name + " that names the sharded table " + t.name + ": what a foreign key does to its copies would differ"
			}
			if !t.sharded() && !t.broadcast() && len(distinctSources(lead.nodes())) > 1 {
				return "DDL of the " + lead.place.Kind.String() + " table " + lead.name + " that names the single table " + t.name
			}
		case parser.RoleRead:
			return "DDL of the " + lead.place.Kind.String() + " table " + lead.name + " that reads " + t.name
		}
	}
	return ""
}

// namesConstraint is the first name that a statement gives to a constraint that a schema of MySQL's has only once: foreign keys
// and CHECKs. Names that are left out are none.
func (p *planning) namesConstraint(lead *table) string {
	if p.env.Mode.Flavour.MariaDB {
		return "" // see constraintSplices
	}
	left := p.foreignKeyNames(lead)
	for i, t := range p.stmt.Tokens[:max(0, len(p.stmt.Tokens)-2)] {
		if slices.ContainsFunc(left, func(s rewrite.Splice) bool { return s.Start == t.Start }) {
			continue
		}
		kind := p.stmt.Tokens[i+2]
		if t.Is("CONSTRAINT") && (kind.Is("FOREIGN") || kind.Is("CHECK")) {
			return p.stmt.Name(i + 1)
		}
	}
	return ""
}

// sharesSchema reports whether two nodes are in one schema.
func sharesSchema(nodes []rule.Node) bool {
	seen := map[[2]string]bool{}
	for _, n := range nodes {
		at := [2]string{n.DataSource, n.Schema}
		if seen[at] {
			return true
		}
		seen[at] = true
	}
	return false
}

// renamesTo reports whether a table is named behind RENAME [TO|AS].
func (p *planning) renamesTo(ref int) bool {
	name := p.stmt.Tables[ref].NameSpan
	if s := p.stmt.Tables[ref].SchemaSpan; s.Present() {
		name = s
	}
	last := ""
	for _, t := range p.stmt.Tokens {
		if t.Start >= name.Start {
			break
		}
		if !t.Is("TO") && !t.Is("AS") {
			last = t.Word
		}
	}
	return last == "RENAME"
}

func distinctSources(nodes []rule.Node) map[string]bool {
	out := map[string]bool{}
	for _, n := range nodes {
		out[n.DataSource] = true
	}
	return out
}

// switchesKeys reports ALTER TABLE t DISABLE KEYS and ENABLE KEYS, which dump programs write around a table's rows: they
// leave its definition as it is, so that nothing could be left half done.
func (p *planning) switchesKeys() bool {
	t := p.stmt.Tokens
	n := len(t)
	return p.stmt.Kind == parser.AlterTable && len(p.stmt.Tables) == 1 && n > 3 && t[n-1].Is("KEYS") &&
		(t[n-2].Is("DISABLE") || t[n-2].Is("ENABLE")) && t[n-3].End == p.stmt.Tables[0].NameSpan.End
}

// foreignKeyNames are what takes the names of foreign keys out of a CREATE TABLE of MySQL's where several actual tables are in one
// schema, in which a name may be there once. A server then gives them names after the actual tables, which are shown after
// the logical one: names that say the same, as in what SHOW CREATE TABLE has written, are left to it.
func (p *planning) foreignKeyNames(t *table) []rewrite.Splice {
	if p.env.Mode.Flavour.MariaDB || p.stmt.Kind != parser.CreateTable || !sharesSchema(t.nodes()) {
		return nil
	}
	var out []rewrite.Splice
	tokens, keys := p.stmt.Tokens, 0
	for i := 2; i+1 < len(tokens); i++ {
		if !tokens[i].Is("FOREIGN") || !tokens[i+1].Is("KEY") {
			continue
		}
		keys++
		if tokens[i-2].Is("CONSTRAINT") && tokens[i-1].Ident() && p.stmt.Name(i-1) == t.name+"_ibfk_"+strconv.Itoa(keys) {
			out = append(out, rewrite.Splice{Span: rewrite.Span{Start: tokens[i-2].Start, End: tokens[i-1].End}})
		}
	}
	return out
}
