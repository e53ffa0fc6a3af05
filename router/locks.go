package router

import (
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rule"
)

// One server has one space of names for user locks (GET_LOCK and its kin), whatever schema a session is in. So all of them are
// taken on one data source, which every instance chooses alike: catalog.Snapshot.LockSource.

// lockNode is where a statement without tables takes user locks. The schema is the client's where it is there.
func (p *planning) lockNode() rule.Node {
	home := p.snap.LockSource()
	n := rule.Node{DataSource: home}
	switch l := p.defaultLayout(); {
	case l == nil || l.DataSource(home) == nil || p.env.Database == "":
	case l.Database == "":
		n.Schema = p.env.Database
	default:
		n.Schema = l.SingleNode(home, "").Schema
	}
	return n
}

// userLocks sees that a statement with user locks runs where they are taken.
func (p *planning) userLocks() error {
	if !p.stmt.Uses.Has(parser.UseLock) {
		return nil
	}
	home := p.snap.LockSource()
	for _, t := range p.tables {
		if t.gathered != nil {
			return p.refuse("GET_LOCK and its kin in a part of a statement over several places")
		}
		for _, n := range t.nodes() {
			if n.DataSource != home {
				return p.refuse("GET_LOCK and its kin in a statement on tables of another data source than " + home + ", where all user locks are taken")
			}
		}
	}
	route, ok := p.plan.Root.(*plan.Route)
	p.plan.UserLocks = ok && len(p.tables) == 0 && p.plan.Program == nil
	if !ok || len(route.Targets) != 1 {
		return nil
	}
	if at := &route.Targets[0]; at.DataSource != home {
		return p.refuse("GET_LOCK and its kin beside what the data source " + at.DataSource + " has, where all user locks are taken on " + home)
	}
	if p.stmt.Uses.Has(parser.UseUnknownFunction) && len(p.tables) == 0 && route.Targets[0].Schema == "" {
		return p.refuse("stored functions beside GET_LOCK and its kin, where all user locks are taken on " + home)
	}
	return nil
}
