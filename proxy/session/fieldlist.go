package session

import (
	"context"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router/plan"
)

// comFieldList answers COM_FIELD_LIST, by which clients complete names, with what the server of the table says, or of its first shard.
func (s *Session) comFieldList(ctx context.Context, payload []byte) error {
	list, err := wire.ParseFieldList(payload)
	if err != nil {
		return s.writeError(err)
	}
	defer s.settle(ctx)
	columns, err := s.listFields(ctx, list)
	if err != nil {
		return s.writeError(err)
	}
	for i := range columns {
		if err := s.client.Send(&columns[i]); err != nil {
			return err
		}
	}
	return s.sendEnd(&wire.OK{})
}

// listFields asks a server that has the table. Where it is, and whether the client may read it, a plan tells.
func (s *Session) listFields(ctx context.Context, list wire.FieldList) ([]wire.ColumnDef, error) {
	st, err := s.lookup(ctx, []byte("SELECT * FROM `"+strings.ReplaceAll(list.Table, "`", "``")+"` LIMIT 0"))
	if err != nil {
		return nil, err
	}
	if st.plan == nil {
		if !strings.EqualFold(s.db, "information_schema") {
			return nil, sqlerr.UnknownCommand()
		}
		home, _, err := s.home()
		if err != nil {
			return nil, err
		}
		return s.listThere(ctx, home, "information_schema", list)
	}
	route := plan.Leaf(st.plan.Root)
	if route == nil || len(route.Targets) == 0 || len(route.Targets[0].Names) != 1 {
		return nil, sqlerr.UnknownCommand()
	}
	at := &route.Targets[0]
	physical := wire.FieldList{Table: at.Names[0], Wildcard: list.Wildcard}
	columns, err := s.listThere(ctx, at.DataSource, at.Schemas[0], physical)
	if e := sqlerr.As(err); e != nil {
		return nil, s.logicalError(e, route, at)
	}
	for i := range columns {
		c := &columns[i]
		if c.Schema == at.Schemas[0] {
			c.Schema = route.Databases[0]
		}
		for _, name := range []*string{&c.Table, &c.OrgTable} {
			if *name == physical.Table {
				*name = list.Table
			}
		}
	}
	return columns, err
}

func (s *Session) listThere(ctx context.Context, dataSource, schema string, list wire.FieldList) ([]wire.ColumnDef, error) {
	h, done, err := s.borrow(ctx, dataSource, schema, 0)
	if err != nil {
		return nil, err
	}
	defer done()
	return h.lease.Conn().FieldList(ctx, list.Table, list.Wildcard)
}
