package differential

import (
	"fmt"
	"slices"
	"strings"
)

// Layout is one way to spread the logical database over the servers.
type Layout struct {
	Name        string
	DataSources int
	Shards      int  // spread evenly over the data sources
	Suffixed    bool // shards are suffixed tables; otherwise each is a schema
}

// Layouts are the four that are compared: a schema per shard, and suffixed tables inside data sources.
var Layouts = []Layout{
	{Name: "a1", DataSources: 1, Shards: 1},
	{Name: "a4", DataSources: 4, Shards: 4},
	{Name: "b1", DataSources: 1, Shards: 1, Suffixed: true},
	{Name: "b4", DataSources: 2, Shards: 4, Suffixed: true},
}

// spreads reports whether the rows of tables lie on several shards in a layout of that name.
func spreads(layout string) bool {
	return slices.ContainsFunc(Layouts, func(l Layout) bool { return l.Name == layout && l.Shards > 1 })
}

// tables are those of the rules that all layouts share, and what follows. The names are for the case files to choose from: what a
// table looks like, its file says. What is not listed is single, in the first data source.
const tables = `  users: {key: id}                          # bound by the user's id
  orders: {key: user_id}
  order_items: {key: user_id}
  s1: {key: id}                             # by a number, for anything
  s2: {key: id}
  s3: {key: id}
  k1: {key: k}                              # by a string, bound
  k2: {key: k}
  d1: {key: d}                              # by a date
  c1: {key: [a, b]}                         # by two columns
  m1: {key: id, algorithm: hash_mod}
  g1: {key: id, generate: {column: id, type: segment}}
  g2: {key: owner, generate: {column: id, type: segment}}
  u1: {key: id, unique: per_shard}
  h1: {algorithm: hint, unique: per_shard}  # by hints
binding:
  - [users, orders, order_items]
  - [k1, k2]
broadcast: [products, countries, b1, b2]
`

// placed are tables of the other algorithms, for as many shards as the layout has.
func (l Layout) placed() string {
	bounds, values, grid := "[]", "[[DE]]", "{type: mod, nodes: 1}, {type: hash_mod, nodes: 1}"
	if l.Shards == 4 {
		bounds, values, grid = "[4, 9, 20]", "[[DE, XX], [FR], [IT], [ES]]", "{type: mod, nodes: 2}, {type: hash_mod, nodes: 2}"
	}
	return fmt.Sprintf(`  t_mod: {key: id, algorithm: mod}
  t_hash: {key: k, algorithm: hash_mod}
  t_range: {key: id, algorithm: {type: range, bounds: %s}}
  t_list: {key: c, algorithm: {type: list, values: %s, default: 0}}
  t_days: {key: d, algorithm: {type: interval, start: 1980-01-01, unit: year, every: 12, outside: clamp}}
  t_inline: {key: id, algorithm: {type: inline, expression: "abs(id) %% %d"}}
  t_grid: {key: [a, b], algorithm: {type: complex, by: [%s]}}
  t_pair: {key: [a, b]}
`, bounds, values, l.Shards, grid)
}

// firstSuffix numbers the suffixed tables from seventy, so that no name of the cases looks like one of them.
const firstSuffix = 70

// schema is the physical schema of a data source; see physicalName.
func (l Layout) schema(database string, dataSource int) string {
	return fmt.Sprintf("hxphys_%s_%s_%d", l.Name, database, dataSource)
}

// Rules is the rule document of a logical database. servers are addresses; data sources take turns on them.
func (l Layout) Rules(database string, servers []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "database: %s\ndefaults: {user: root}\ndata_sources:\n", database)
	for i := range l.DataSources {
		fmt.Fprintf(&b, "  ds_%d: {address: \"%s\", schema: %s}\n", i, servers[i%len(servers)], l.schema(database, i))
	}
	shard := "ds_%d"
	if l.Suffixed {
		shard = "sh_%d"
		b.WriteString("shards:\n")
		for i := range l.Shards {
			fmt.Fprintf(&b, "  sh_%d: {data_source: ds_%d, suffix: %d}\n", i, i*l.DataSources/l.Shards, firstSuffix+i)
		}
	}
	b.WriteString("slots:\n")
	for i := range l.Shards {
		fmt.Fprintf(&b, "  "+shard+": %d-%d\n", i, i*16384/l.Shards, (i+1)*16384/l.Shards-1)
	}
	b.WriteString("tables:\n" + l.placed() + tables)
	return b.String()
}

// Schemas are the physical schemas that the layout needs on server n of count, for each of the databases.
func (l Layout) Schemas(n, count int, databases ...string) []string {
	var list []string
	for _, database := range databases {
		for i := range l.DataSources {
			if i%count == n {
				list = append(list, l.schema(database, i))
			}
		}
	}
	return list
}
