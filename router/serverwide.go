package router

import (
	"strings"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rule"
)

// Statements about a whole server (accounts, plugins, FLUSH) have no place in a database that is spread over several: one
// server's would be changed behind the others'. Only a proxy for one server passes them on.

// plainProxy reports whether one server is all there is: one data source, and no table that the rules place.
func (p *planning) plainProxy() bool {
	first := ""
	for _, l := range p.snap.Layouts() {
		if len(l.Tables) > 0 || len(l.Broadcast) > 0 {
			return false
		}
		for i := range l.DataSources {
			if name := l.DataSources[i].Name; first == "" {
				first = name
			} else if first != name {
				return false
			}
		}
	}
	return true
}

// serverWide plans a statement about a whole server. ok is false for all other statements.
func (p *planning) serverWide() (ok bool, err error) {
	switch p.stmt.Kind {
	case parser.Account:
		return true, p.planAccount()
	case parser.Flush:
		return true, p.planFlush()
	case parser.Unknown:
		return true, p.planUnknown()
	case parser.OtherDDL:
		if d := p.stmt.DDL; d != nil && (programKinds[d.Object] != "" && !d.Soname || d.Object == "sequence") {
			return false, nil
		}
		if !p.plainProxy() {
			return true, p.refuse(p.firstWords() + ", which is about one server, over several or with sharded tables")
		}
		return true, p.planOther()
	}
	return false, nil
}

// firstWords are the statement's first two words, or three where the second says little.
func (p *planning) firstWords() string {
	var words []string
	for _, t := range p.stmt.Tokens {
		if t.Kind != parser.Word || len(words) == 2 {
			break
		}
		words = append(words, t.Word)
	}
	if d := p.stmt.DDL; d != nil && d.Soname {
		return "CREATE FUNCTION … SONAME"
	}
	return strings.Join(words, " ")
}

// planAccount refuses what would make accounts that no client can log in with: clients log in to Heddle.
func (p *planning) planAccount() error {
	if !p.plainProxy() {
		return p.refuse(p.firstWords() + ": accounts are those of the users document, which `heddle rules apply` changes")
	}
	return p.planOther()
}

// everyServer are the things that FLUSH and RESET renew with the same effect on every server.
var everyServer = map[string]bool{
	"TABLES": true, "TABLE": true, "PRIVILEGES": true, "HOSTS": true, "LOGS": true, "QUERY": true, "CACHE": true, "BINARY": true, "ENGINE": true,
	"ERROR": true, "GENERAL": true, "SLOW": true, "LOCAL": true, "NO_WRITE_TO_BINLOG": true, "RESET": true, "FLUSH": true,
}

// planFlush plans FLUSH: on every server, or of single tables where they are.
func (p *planning) planFlush() error {
	p.plan.ImplicitCommit = true
	locks := p.stmt.Has("LOCK") || p.stmt.Has("EXPORT")
	if locks {
		p.plan.Pin = "LOCK TABLES" // UNLOCK TABLES lets go of it
	}
	lead := p.anySpread()
	switch {
	case locks && !p.plainProxy():
		return p.refuse("FLUSH TABLES … WITH READ LOCK and FOR EXPORT over several servers or with sharded tables")
	case len(p.tables) > 0 && lead == nil, p.plainProxy():
		return p.planOther()
	case len(p.tables) > 1:
		return p.refuse("FLUSH of several tables that are not single")
	case lead != nil:
		route, err := p.routeTo(lead.nodes(), leadIfSharded(lead))
		if err != nil {
			return err
		}
		route.Opcode = plan.Broadcast
		p.plan.Root = &plan.DDL{Route: route, Database: lead.db, Table: lead.name}
		return nil
	}
	for _, t := range p.stmt.Tokens {
		if t.Kind == parser.Word && !everyServer[t.Word] {
			return p.refuse("FLUSH " + t.Word + " over several servers")
		}
	}
	route, err := p.routeTo(p.everyDataSource(), nil)
	if err != nil {
		return err
	}
	route.Opcode = plan.Broadcast
	p.plan.Root = &plan.DDL{Route: route}
	return nil
}

// anySpread is the first table of the statement that is not single.
func (p *planning) anySpread() *table {
	for _, t := range p.tables {
		if !t.single() {
			return t
		}
	}
	return nil
}

// everyDataSource lists each data source of the mesh once.
func (p *planning) everyDataSource() []rule.Node {
	var nodes []rule.Node
	seen := map[string]bool{}
	for _, l := range p.snap.Layouts() {
		for i := range l.DataSources {
			if name := l.DataSources[i].Name; !seen[name] {
				seen[name] = true
				nodes = append(nodes, rule.Node{DataSource: name})
			}
		}
	}
	return nodes
}

// planUnknown plans a statement of which not even the kind is known: where there is one server it decides; else that
// server says whether it is a mistake, and a statement that is none is refused.
func (p *planning) planUnknown() error {
	if p.plainProxy() && !p.env.Limited {
		return p.planOther()
	}
	route, err := p.oneDataSource()
	if err != nil {
		return err
	}
	target := &route.Targets[0]
	if _, ok := p.facts.Columns[p.stmt.Text]; !ok {
		return &NeedColumns{Target: target, SQL: p.stmt.Text, Key: p.stmt.Text}
	}
	return p.refuse("a statement that begins with " + p.firstWords())
}
