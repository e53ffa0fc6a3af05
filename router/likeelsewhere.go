package router

import (
	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/router/rule"
)

// LikeElsewhere answers CREATE TABLE … LIKE a single table that is not where all parts of the new one are to be: have its definition
// read at Table, and plan the statement that says it.
type LikeElsewhere struct {
	Database, Name string // of the table that is copied, as the client knows it
	Table          rule.Node
	Refusal        *sqlerr.Error // where that cannot be done
}

// Error implements error.
func (e *LikeElsewhere) Error() string { return e.Refusal.Error() }

// Unwrap gives what the client gets.
func (e *LikeElsewhere) Unwrap() error { return e.Refusal }

// likeElsewhere is the answer of a CREATE TABLE … LIKE that servers cannot run by themselves, nil for all other statements. What may not
// be the definition of a sharded table is refused before.
func (p *planning) likeElsewhere(made *table) error {
	l := p.like()
	if l == nil || made.single() || !l.single() || l.system || l.own {
		return nil
	}
	here := distinctSources(made.nodes())
	if len(here) == 1 && here[l.place.Single.DataSource] {
		return nil
	}
	if err := p.requireSchema(l); err != nil {
		return err
	}
	if l.schema == nil {
		return sqlerr.NoSuchTable(l.db, l.name)
	}
	why := p.ddlRefusal(made)
	if l.schema.View {
		return p.refuse(why)
	}
	if made.sharded() {
		if check := p.ddlCheck(made); check != "" {
			return p.refuse(check)
		}
	}
	return &LikeElsewhere{Database: l.db, Name: l.name, Table: l.place.Single, Refusal: sqlerr.NotSupported(why)}
}
