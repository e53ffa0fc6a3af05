package sidecar

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/heddle-mesh/heddle/router"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/heddle-mesh/heddle/router/rule"
)

// readShards reads the schema of a sharded table from the first of its nodes that has it, and the columns from all, to
// compare them. A server that does not answer is not compared, as long as one does: its shards are needed by the
// statements that go there, and no others.
func (c *catalogs) readShards(ctx context.Context, layout *rule.Layout, name router.Name, place catalog.Placement) (catalog.TableSchema, bool, error) {
	nodes := place.Sharded.Nodes
	shards, err := c.readColumns(ctx, name, nodes)
	if err != nil {
		return catalog.TableSchema{}, false, err
	}
	var first *rule.Node
	var answered []catalog.On
	for i := range nodes {
		if shards[i] == nil {
			continue
		}
		answered = append(answered, *shards[i])
		if first == nil && len(shards[i].Columns) > 0 {
			first = &nodes[i]
		}
	}
	if first == nil {
		return catalog.TableSchema{}, false, nil
	}
	schema, found, err := c.readAt(ctx, name, *first)
	if err != nil || !found {
		return schema, false, err
	}
	schema.Drift = catalog.Compare(answered)
	c.logicalReferences(layout, &schema)
	for i := range schema.ForeignKeys {
		fk := &schema.ForeignKeys[i]
		actual := fk.Name
		fk.Name = rewrite.LogicalConstraint(actual, first.Table, place.Sharded.Name)
		fk.OfActual = fk.Name != actual
	}
	return schema, true, nil
}

// readColumns asks all nodes, those of different data sources at the same time; nil for those that do not answer. Where
// none does, the first error comes back.
func (c *catalogs) readColumns(ctx context.Context, name router.Name, nodes []rule.Node) ([]*catalog.On, error) {
	by := map[string][]int{}
	for i := range nodes {
		by[nodes[i].DataSource] = append(by[nodes[i].DataSource], i)
	}
	out := make([]*catalog.On, len(nodes))
	errs := make([]error, len(nodes))
	var g errgroup.Group
	for ds, list := range by {
		g.Go(func() error {
			errs[list[0]] = c.columnsAt(ctx, name, ds, nodes, list, out)
			return nil
		})
	}
	_ = g.Wait() // errors are in errs
	var first error
	for i := range nodes {
		if out[i] != nil {
			return out, nil
		}
		if first == nil {
			first = errs[i]
		}
	}
	return nil, first
}

// columnsAt asks one data source for the columns of its nodes.
func (c *catalogs) columnsAt(ctx context.Context, name router.Name, dataSource string, nodes []rule.Node, list []int, out []*catalog.On) error {
	lease, err := c.neutral(ctx, dataSource)
	if err != nil {
		return err
	}
	defer lease.Release()
	for _, i := range list {
		rows, err := ask(ctx, lease.Conn(), catalog.ColumnsQuery, nodes[i].Schema, nodes[i].Table, nodes[i].Schema, nodes[i].Table)
		if err != nil {
			return fmt.Errorf("read the columns of %s.%s: %w", name.Database, name.Table, err)
		}
		on := &catalog.On{Where: nodes[i].Shard}
		if on.Where == "" {
			on.Where = dataSource
		}
		if len(rows) > 0 {
			schema, err := catalog.FromRows(name.Database, name.Table, rows, nil, nil)
			if err != nil {
				return err
			}
			on.Columns = schema.Columns
		}
		out[i] = on
	}
	return nil
}
