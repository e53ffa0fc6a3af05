package router

import (
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/plan"
)

// Drifted is a statement that cannot be planned while the shards have other columns: by the schema, nobody can tell on
// which of them a row belongs. Have the schema of Table read anew and plan again; the answer may then be the same.
type Drifted struct {
	Table  Name
	Detail string
}

// Error implements error.
func (d *Drifted) Error() string {
	return "the shards of " + d.Table.Database + "." + d.Table.Table + " differ: " + d.Detail
}

// drift notes in the plan whether the statement's answer hangs on columns that the shards do not have alike: then it
// may not run on several of them. DDL may: it is what mends them.
func (p *planning) drift() {
	if _, ddl := p.plan.Root.(*plan.DDL); ddl {
		return
	}
	for _, t := range p.tables {
		if t.sharded() && t.schema != nil && t.schema.Drift != nil && p.namesAny(t.schema.Drift) {
			p.plan.Drift = true
		}
	}
}

// namesAny reports whether one of the columns, or all columns of some table, stand in the text.
func (p *planning) namesAny(d *catalog.Drift) bool {
	return slices.ContainsFunc(p.stmt.Tokens, func(t parser.Token) bool {
		return t.Is("NATURAL") || t.Ident() && slices.Contains(d.Columns, strings.ToLower(strings.Trim(t.In(p.stmt.Text), "`\"")))
	})
}

// driftOfKey refuses to place rows by a key that the shards do not have alike.
func (p *planning) driftOfKey(t *table) error {
	d := t.schema.Drift
	if d == nil || p.stmt.Kind == parser.AlterTable || p.stmt.Kind == parser.DropTable {
		return nil
	}
	for _, k := range t.place.Sharded.Key {
		if slices.Contains(d.Columns, strings.ToLower(k)) {
			return &Drifted{Name{t.db, t.name}, d.Detail}
		}
	}
	return nil
}

// driftOfRow refuses a row whose values stand in the order of the columns, where that is not the same everywhere.
func (p *planning) driftOfRow(t *table) error {
	if t.schema == nil || t.schema.Drift == nil {
		return nil
	}
	return &Drifted{Name{t.db, t.name}, t.schema.Drift.Detail}
}
