package router

import (
	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
)

// rowsRoles are those of tables that a statement on rows opens.
var rowsRoles = map[parser.Role]bool{parser.RoleRead: true, parser.RoleInsert: true, parser.RoleUpdate: true, parser.RoleDelete: true}

// absent is the error of a statement on rows that names a sharded table which is not there: no server is to be asked about what is known,
// and its error would be about one shard's table. What the grammar library cannot read may have a mistake that comes before.
func (p *planning) absent() error {
	if p.stmt.AST == nil {
		return nil
	}
	for i, t := range p.byRef {
		if t != nil && t.sharded() && t.schema == nil && rowsRoles[p.stmt.Tables[i].Role] && p.stmt.Kind != parser.Explain && p.stmt.Kind != parser.Analyze {
			return p.firstAbsent(sqlerr.NoSuchTable(t.db, t.name))
		}
	}
	return nil
}

// firstAbsent is the error that one server gives where err is about a table that is not there: it opens tables in the order of the text,
// and names the first that it misses.
func (p *planning) firstAbsent(err error) error {
	if e := sqlerr.As(err); e == nil || e.Code != sqlerr.CodeNoSuchTable || len(p.stmt.Tables) < 2 {
		return err
	}
	if first := p.allThere(); first != nil {
		return first
	}
	return err
}

// allThere asks for the schemas of all tables, and is the error of the first that is not there.
func (p *planning) allThere() error {
	for i, t := range p.byRef {
		if t == nil || t.system || t.own || t.gathered != nil || t.place.Virtual || !rowsRoles[p.stmt.Tables[i].Role] {
			continue
		}
		if err := p.requireSchema(t); err != nil {
			return err
		}
		if t.schema == nil {
			return sqlerr.NoSuchTable(t.db, t.name)
		}
	}
	return nil
}
