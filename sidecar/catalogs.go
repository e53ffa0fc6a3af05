package sidecar

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/router"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/rule"
)

// catalogs holds the one current Snapshot and changes it: rules when documents change, table schemas as statements
// need them. It implements session.Catalogs.
type catalogs struct {
	pools   *backend.Pools
	current atomic.Pointer[catalog.Snapshot]
	epoch   atomic.Uint64
	mu      sync.Mutex // serialises changes of current, and guards forgets
	forgets uint64     // calls of Forget
}

func newCatalogs(pools *backend.Pools, lowerCaseTables int) *catalogs {
	c := &catalogs{pools: pools}
	c.current.Store(catalog.New(lowerCaseTables))
	return c
}

// Current returns the newest snapshot.
func (c *catalogs) Current() *catalog.Snapshot { return c.current.Load() }

// Epoch changes with every Forget.
func (c *catalogs) Epoch() uint64 { return c.epoch.Load() }

// change replaces the snapshot by what f makes of it.
func (c *catalogs) change(f func(*catalog.Snapshot) *catalog.Snapshot) *catalog.Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := f(c.current.Load())
	c.current.Store(next)
	return next
}

// Forget drops what is known of tables.
func (c *catalogs) Forget(database string, tables ...string) {
	c.change(func(s *catalog.Snapshot) *catalog.Snapshot {
		c.forgets++
		return s.Forget(database, tables...)
	})
	c.epoch.Add(1)
}

// maxReads bounds how often a table is read anew because DDL, of whatever table, has ended meanwhile.
const maxReads = 4

// Load reads the schemas of tables from their servers.
func (c *catalogs) Load(ctx context.Context, names []router.Name) (*catalog.Snapshot, error) {
	for _, name := range names {
		for known, reads := false, 1; !known; reads++ {
			rules, forgets := c.versions()
			schema, found, err := c.read(ctx, name)
			if err != nil {
				return nil, err
			}
			c.change(func(s *catalog.Snapshot) *catalog.Snapshot {
				known = s.RulesVersion() == rules && (c.forgets == forgets || reads >= maxReads)
				switch {
				case !known:
					return s // read where the rules of before had it, or as it was before DDL
				case !found:
					return s.WithoutTable(name.Database, name.Table)
				}
				return s.WithTables(schema)
			})
		}
	}
	return c.Current(), nil
}

// versions are what a read must not be older than.
func (c *catalogs) versions() (rules, forgets uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current.Load().RulesVersion(), c.forgets
}

// read asks the servers that can have the table: its nodes, or all data sources if no rule names it.
func (c *catalogs) read(ctx context.Context, name router.Name) (schema catalog.TableSchema, found bool, err error) {
	snap := c.Current()
	layout, ok := snap.Database(name.Database)
	if !ok {
		return schema, false, nil
	}
	place, ok := snap.Place(name.Database, name.Table)
	if !ok {
		return schema, false, nil
	}
	if place.Sharded != nil {
		return c.readShards(ctx, layout, name, place)
	}
	var foundOn []string
	nodes := nodesOf(layout, place, name)
	for _, node := range nodes {
		read, ok, err := c.readAt(ctx, name, node)
		if err != nil {
			return schema, false, unplaced(name, node.DataSource, len(nodes), err)
		}
		if ok {
			foundOn = append(foundOn, node.DataSource)
			if !found {
				schema, found = read, true
			}
		}
	}
	if (place.Kind == catalog.KindUnknown || place.Virtual) && layout.Database != "" {
		schema.FoundOn = foundOn
	}
	c.logicalReferences(layout, &schema)
	return schema, found, nil
}

// unplaced says why a data source matters that may have nothing of the table: a table that no rule names is where it is found.
func unplaced(name router.Name, dataSource string, asked int, err error) error {
	if asked < 2 {
		return err
	}
	why := fmt.Sprintf("whether %s.%s, which the rules do not name, is on %s cannot be asked (with single: {DATA_SOURCE: [%s]} in the rules nobody would have to)",
		name.Database, name.Table, dataSource, name.Table)
	if e := sqlerr.As(err); e != nil {
		return sqlerr.New(e.Code, e.State, why+": "+e.Msg)
	}
	return fmt.Errorf("%s: %w", why, err)
}

// nodesOf lists where a table's schema is to be looked for.
func nodesOf(layout *rule.Layout, place catalog.Placement, name router.Name) []rule.Node {
	switch {
	case place.Broadcast != nil && !place.Virtual:
		return place.Broadcast.Nodes[:1]
	case place.Kind == catalog.KindSingle && len(place.Conflict) == 0:
		return []rule.Node{place.Single}
	case layout.Database == "":
		return []rule.Node{{DataSource: layout.DefaultDataSource, Schema: name.Database, Table: name.Table}}
	}
	var nodes []rule.Node
	for _, ds := range layout.DataSources {
		nodes = append(nodes, layout.SingleNode(ds.Name, name.Table))
	}
	return nodes
}

// LoadPrograms reads what data sources keep of a database: routines, triggers, views and events.
func (c *catalogs) LoadPrograms(ctx context.Context, need *router.NeedPrograms) (*catalog.Snapshot, error) {
	for _, ds := range need.DataSources {
		for known := false; !known; {
			snap := c.Current()
			layout, ok := snap.Database(need.Database)
			if !ok || layout.DataSource(ds) == nil {
				return nil, fmt.Errorf("read the stored programs of %s: the rules have changed", need.Database)
			}
			programs, err := c.programsAt(ctx, snap, ds, layout.SingleNode(ds, "").Schema)
			if err != nil {
				return nil, err
			}
			c.change(func(s *catalog.Snapshot) *catalog.Snapshot {
				if known = s.RulesVersion() == snap.RulesVersion(); !known {
					return s // read where the rules of before had it
				}
				return s.WithPrograms(need.Database, ds, programs)
			})
		}
	}
	return c.Current(), nil
}

func (c *catalogs) programsAt(ctx context.Context, snap *catalog.Snapshot, dataSource, schema string) (*catalog.Programs, error) {
	lease, err := c.pools.Acquire(ctx, dataSource, 0, nil)
	if err != nil {
		return nil, err
	}
	defer lease.Release()
	if err := lease.Apply(ctx, backend.NewState(), 0); err != nil {
		return nil, err
	}
	answers := make([][]catalog.Row, len(catalog.ProgramQueries))
	for i, query := range catalog.ProgramQueries {
		if answers[i], err = ask(ctx, lease.Conn(), query, schema); err != nil {
			return nil, fmt.Errorf("read the stored programs of %s on %s: %w", schema, dataSource, err)
		}
	}
	return snap.ProgramsFromRows(answers)
}

func (c *catalogs) readAt(ctx context.Context, name router.Name, node rule.Node) (catalog.TableSchema, bool, error) {
	lease, err := c.neutral(ctx, node.DataSource)
	if err != nil {
		return catalog.TableSchema{}, false, err
	}
	defer lease.Release()
	var answers [3][]catalog.Row
	for i, query := range []string{catalog.ColumnsQuery, catalog.IndexesQuery, catalog.ForeignKeysQuery} {
		params := slices.Repeat([]string{node.Schema, node.Table}, strings.Count(query, "?")/2)
		rows, err := ask(ctx, lease.Conn(), query, params...)
		if err != nil {
			return catalog.TableSchema{}, false, fmt.Errorf("read the schema of %s.%s: %w", name.Database, name.Table, err)
		}
		answers[i] = rows
		if i == 0 && len(rows) == 0 {
			return catalog.TableSchema{}, false, nil
		}
	}
	schema, err := catalog.FromRows(name.Database, name.Table, answers[0], answers[1], answers[2])
	return schema, err == nil, err
}

// neutral lends a connection that no client's settings are on.
func (c *catalogs) neutral(ctx context.Context, dataSource string) (*backend.Lease, error) {
	lease, err := c.pools.Acquire(ctx, dataSource, 0, nil)
	if err != nil {
		return nil, err
	}
	if err := lease.Apply(ctx, backend.NewState(), 0); err != nil {
		lease.Destroy()
		return nil, err
	}
	return lease, nil
}

// ask runs a query with text parameters.
func ask(ctx context.Context, conn *backend.Conn, query string, params ...string) ([]catalog.Row, error) {
	for _, p := range params {
		// A literal yields to the column's collation, whatever the charset's default collation is.
		query = strings.Replace(query, "?", "_utf8 "+string(sqltypes.BinaryValue([]byte(p)).AppendSQL(nil)), 1)
	}
	_, rows, err := conn.QueryRows(ctx, query)
	if err != nil {
		return nil, err
	}
	out := make([]catalog.Row, len(rows))
	for i, r := range rows {
		out[i] = catalog.Row(r)
	}
	return out, nil
}

// logicalReferences puts logical names into the tables that foreign keys refer to.
func (c *catalogs) logicalReferences(layout *rule.Layout, schema *catalog.TableSchema) {
	for i := range schema.ForeignKeys {
		fk := &schema.ForeignKeys[i]
		for _, t := range layout.Tables {
			at := slices.IndexFunc(t.Nodes, func(n rule.Node) bool { return n.Schema == fk.RefDatabase && n.Table == fk.RefTable })
			if at >= 0 {
				fk.RefDatabase, fk.RefTable = layout.Database, t.Name
			}
		}
		for _, ds := range layout.DataSources {
			if layout.Database != "" && ds.Schema == fk.RefDatabase {
				fk.RefDatabase = layout.Database
			}
		}
	}
}

// setRules makes layouts the rules.
func (c *catalogs) setRules(version uint64, layouts []*rule.Layout) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	next, err := c.current.Load().WithRules(version, layouts)
	if err != nil {
		return err
	}
	c.current.Store(next)
	return nil
}

// setLowerCase sets how names of tables compare, which the servers say, before the first statement.
func (c *catalogs) setLowerCase(lowerCaseTables int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.current.Load()
	next, err := catalog.New(lowerCaseTables).WithRules(old.RulesVersion(), old.Layouts())
	if err == nil {
		c.current.Store(next)
	}
}
