package router

import (
	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
)

// dropped lists the tables of a DROP TABLE in the order of the text. Naming one twice is an error.
func (p *planning) dropped() ([]int, error) {
	var refs []int
	seen := map[*table]bool{}
	for i, t := range p.byRef {
		if t == nil || p.stmt.Tables[i].Role != parser.RoleDDL {
			continue
		}
		if seen[t] {
			return nil, sqlerr.NonUniqueTable(t.name)
		}
		seen[t] = true
		refs = append(refs, i)
	}
	return refs, nil
}

// dropEach plans DROP TABLE of tables in different places as a statement for each: a server drops one after the other
// too, whatever becomes of the others. MySQL 8 drops all or nothing where one is unknown, which only one server can.
func (p *planning) dropEach(refs []int) error {
	f := p.env.Mode.Flavour
	if !f.MariaDB && f.Version >= 80000 && !p.stmt.DDL.IfExists {
		return p.refuse("DROP TABLE, without IF EXISTS, of tables in different places, which MySQL drops all or none of")
	}
	text := p.stmt.Text
	head := text[:start(&p.stmt.Tables[refs[0]])]
	tail := text[p.stmt.Tables[refs[len(refs)-1]].NameSpan.End:]
	each := &plan.DropEach{IfExists: p.stmt.DDL.IfExists}
	for _, i := range refs {
		ref := &p.stmt.Tables[i]
		each.Texts = append(each.Texts, head+text[start(ref):ref.NameSpan.End]+tail)
		each.Names = append(each.Names, p.byRef[i].db+"."+p.byRef[i].name)
	}
	p.plan.Root = each
	return nil
}

// start is where an occurrence of a table begins.
func start(ref *parser.TableRef) int {
	if ref.SchemaSpan.Present() {
		return ref.SchemaSpan.Start
	}
	return ref.NameSpan.Start
}

// samePlacesAll reports whether all tables are in the same places.
func (p *planning) samePlacesAll(refs []int) bool {
	for _, i := range refs[1:] {
		if !samePlaces(p.byRef[refs[0]], p.byRef[i]) {
			return false
		}
	}
	return true
}

// adminVerbs are the statements on tables whose answers of several shards make one.
var adminVerbs = map[string]bool{"OPTIMIZE": true, "ANALYZE": true, "CHECK": true, "REPAIR": true, "CHECKSUM": true}

// planTableAdmin plans ANALYZE, CHECK, CHECKSUM, OPTIMIZE and REPAIR TABLE of a table with several actual ones.
func (p *planning) planTableAdmin(t *table) error {
	verb := ""
	for _, token := range p.stmt.Tokens {
		if token.Kind == parser.Word && adminVerbs[token.Word] {
			verb = token.Word
			break
		}
	}
	switch {
	case verb == "":
		return p.refuse(p.stmt.Verb() + " on the " + t.place.Kind.String() + " table " + t.name)
	case len(p.tables) > 1:
		return p.refuse(verb + " TABLE of several tables, one of which is the " + t.place.Kind.String() + " table " + t.name)
	}
	nodes := t.nodes()
	route, err := p.routeTo(nodes, leadIfSharded(t))
	if err != nil {
		return err
	}
	route.Opcode = plan.Scatter
	if t.broadcast() {
		route.Opcode = plan.Broadcast
	}
	p.plan.Root = &plan.TableAdmin{Route: route, Checksum: verb == "CHECKSUM", Copies: t.broadcast()}
	return nil
}
