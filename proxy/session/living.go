package session

import (
	"context"

	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/router/plan"
)

// What any server can answer is asked of one that lives: the end of one database's server must not keep those out who want
// nothing of it.

// living is the place given, or where its server is down another whose server is not: of the client's database, else of any.
func (s *Session) living(dataSource, schema string) (string, string) {
	if s.srv.Pools.Up(dataSource) {
		return dataSource, schema
	}
	snap := s.srv.Catalogs.Current()
	if layout, ok := snap.Database(s.db); ok && s.db != "" && layout.Database != "" {
		for i := range layout.DataSources {
			if ds := &layout.DataSources[i]; s.srv.Pools.Up(ds.Name) {
				return ds.Name, ds.Schema
			}
		}
	}
	for _, layout := range snap.Layouts() {
		for i := range layout.DataSources {
			if name := layout.DataSources[i].Name; s.srv.Pools.Up(name) {
				return name, ""
			}
		}
	}
	return dataSource, schema
}

// borrowHome borrows a connection to home. Where that turns out to be down, another place is home from then on.
func (s *Session) borrowHome(ctx context.Context, need backend.Need) (*held, func(), error) {
	for before := ""; ; {
		dataSource, schema, err := s.home()
		if err != nil {
			return nil, nil, err
		}
		h, done, err := s.borrow(ctx, dataSource, schema, need)
		if !noConnection(err) || dataSource == before || s.srv.Pools.Up(dataSource) {
			return h, done, err
		}
		before = dataSource
	}
}

// livingUnit is where a statement runs that any server can answer.
func (s *Session) livingUnit(unit *plan.RouteUnit) *plan.RouteUnit {
	if s.find(unit.Target.DataSource) != nil {
		return unit
	}
	name, schema := s.living(unit.Target.DataSource, unit.Target.Schema)
	if name == unit.Target.DataSource {
		return unit
	}
	at, there := *unit, *unit.Target
	there.DataSource, there.Schema = name, schema
	at.Target = &there
	return &at
}
