package router

import "github.com/heddle-mesh/heddle/parser"

// engine notes in the plan whether the statement changes rows that their server cannot take back: when another shard fails, or at
// ROLLBACK.
func (p *planning) engine() error {
	switch p.stmt.Kind {
	case parser.Insert, parser.Replace, parser.Update, parser.Delete:
	default:
		return nil
	}
	for i := range p.stmt.Tables {
		t := p.byRef[i]
		if t == nil || t.system || t.gathered != nil || !guarded(t.place.Layout) {
			continue
		}
		switch p.stmt.Tables[i].Role {
		case parser.RoleInsert, parser.RoleUpdate, parser.RoleDelete:
			schema, known := p.snap.Table(t.db, t.name)
			if t.own {
				schema, known = t.schema, true
			}
			if !known && len(t.nodes()) > 1 {
				p.need(t)
			} else if schema != nil && schema.Engine != "" {
				p.plan.Engine = schema.Engine
			}
		}
	}
	return p.missing()
}
