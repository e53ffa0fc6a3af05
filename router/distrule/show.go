package distrule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser/distsql"
	"github.com/heddle-mesh/heddle/router/rule"
)

// Shown is an answer: texts under labels.
type Shown struct {
	Columns []string
	Rows    [][]string
}

func (s *Shown) add(cells ...string) { s.Rows = append(s.Rows, cells) }

// Show answers SHOW and COUNT from a document. The labels are ShardingSphere's where the answer has the same in it.
func Show(d *rule.Document, st *distsql.Statement) (*Shown, error) {
	l, err := d.Resolve()
	if err != nil {
		return nil, err
	}
	v := &view{d: d, l: l, st: st}
	show := map[distsql.Object]func() *Shown{
		distsql.StorageUnit: v.units, distsql.RulesUsedUnit: v.users, distsql.TableRule: v.tables, distsql.TableNodes: v.nodes,
		distsql.Algorithms: v.algorithms, distsql.KeyGenerators: v.generators, distsql.ShardingCount: v.counted,
		distsql.ReferenceRule: v.references, distsql.BroadcastRule: v.broadcasts, distsql.SingleTable: v.singles,
		distsql.SingleDefault: v.singleDefault, distsql.ReadwriteRule: v.replicas, distsql.DefaultStrategy: noStrategies,
		distsql.UnusedAlgorithms: noneUnused, distsql.UnusedGenerators: noneUnused,
	}[st.Object]
	if show == nil {
		return nil, sqlerr.NotSupported(string(st.Verb) + " " + string(st.Object))
	}
	if st.Object == distsql.RulesUsedUnit && len(st.Names) == 0 {
		return nil, sqlerr.RuleRefused("which storage unit? SHOW RULES USED STORAGE UNIT unit")
	}
	return show(), nil
}

type view struct {
	d  *rule.Document
	l  *rule.Layout
	st *distsql.Statement
}

// wanted reports whether a name is the one that is asked for, if one is.
func (v *view) wanted(name string) bool {
	return len(v.st.Names) == 0 || strings.EqualFold(v.st.Names[0], name)
}

func (v *view) units() *Shown {
	out := &Shown{Columns: []string{"name", "type", "host", "port", "db", "user", "connection_timeout_milliseconds", "idle_timeout_milliseconds",
		"max_lifetime_milliseconds", "max_pool_size", "min_pool_size"}}
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	for i := range v.l.DataSources {
		ds := &v.l.DataSources[i]
		host, port := ds.Address, ""
		if at := strings.LastIndexByte(ds.Address, ':'); at >= 0 && !strings.HasPrefix(ds.Address, "/") {
			host, port = strings.Trim(ds.Address[:at], "[]"), ds.Address[at+1:]
		}
		out.add(ds.Name, "MySQL", host, port, ds.Schema, ds.User, number(int(ds.Pool.Wait.Milliseconds())), number(int(ds.Pool.Idle.Milliseconds())),
			number(int(ds.Pool.Life.Milliseconds())), number(ds.Pool.Max), number(ds.Pool.MinIdle))
	}
	return out
}

func (v *view) users() *Shown {
	out := &Shown{Columns: []string{"used_by"}}
	for _, u := range UsedBy(v.d, v.st.Names[0]) {
		out.add(u)
	}
	return out
}

func (v *view) tables() *Shown {
	out := &Shown{Columns: []string{"table", "actual_data_nodes", "sharding_columns", "sharding_algorithm_type", "sharding_algorithm_props",
		"key_generate_column", "key_generator_type", "key_generator_props"}}
	for _, t := range v.l.Tables {
		if !v.wanted(t.Name) {
			continue
		}
		g := rule.Generator{}
		if t.Generate != nil {
			g = *t.Generate
		}
		out.add(t.Name, nodeList(t.Nodes), strings.Join(t.Key, ","), t.Algorithm.Type, rule.FormatProperties(t.Algorithm.Properties), g.Column, g.Type,
			rule.FormatProperties(g.Properties))
	}
	return out
}

func nodeList(nodes []rule.Node) string {
	names := make([]string, len(nodes))
	for i, n := range nodes {
		names[i] = n.DataSource + "." + n.Table
	}
	return strings.Join(names, ", ")
}

func (v *view) nodes() *Shown {
	out := &Shown{Columns: []string{"name", "nodes"}}
	for _, t := range v.l.Tables {
		if v.wanted(t.Name) {
			out.add(t.Name, nodeList(t.Nodes))
		}
	}
	return out
}

func (v *view) algorithms() *Shown {
	out := &Shown{Columns: []string{"table", "type", "props"}}
	for _, t := range v.l.Tables {
		out.add(t.Name, t.Algorithm.Type, rule.FormatProperties(t.Algorithm.Properties))
	}
	return out
}

func (v *view) generators() *Shown {
	out := &Shown{Columns: []string{"table", "column", "type", "props"}}
	for _, t := range v.l.Tables {
		if g := t.Generate; g != nil {
			out.add(t.Name, g.Column, g.Type, rule.FormatProperties(g.Properties))
		}
	}
	return out
}

func (v *view) counted() *Shown {
	out := &Shown{Columns: []string{"rule_name", "database", "count"}}
	out.add("sharding_table", v.d.Database, strconv.Itoa(len(v.l.Tables)))
	out.add("sharding_table_reference", v.d.Database, strconv.Itoa(len(v.l.Binding)))
	return out
}

func (v *view) references() *Shown {
	out := &Shown{Columns: []string{"name", "sharding_table_reference"}}
	for _, g := range v.l.Binding {
		if v.wanted(g[0]) {
			out.add(g[0], strings.Join(g, ","))
		}
	}
	return out
}

func (v *view) broadcasts() *Shown {
	out := &Shown{Columns: []string{"broadcast_table"}}
	for _, t := range v.l.Broadcast {
		out.add(t.Name)
	}
	return out
}

// singles are those that the document names: others are single where they are found.
func (v *view) singles() *Shown {
	out := &Shown{Columns: []string{"table_name", "storage_unit_name"}}
	for _, t := range v.l.Single {
		if v.wanted(t.Name) {
			out.add(t.Name, t.Node.DataSource)
		}
	}
	slices.SortFunc(out.Rows, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	return out
}

func (v *view) singleDefault() *Shown {
	out := &Shown{Columns: []string{"storage_unit_name"}}
	out.add(v.l.DefaultDataSource)
	return out
}

func (v *view) replicas() *Shown {
	out := &Shown{Columns: []string{"name", "write_storage_unit_name", "read_storage_unit_names", "transactional_read_query_strategy", "weights"}}
	for i := range v.l.DataSources {
		ds := &v.l.DataSources[i]
		if len(ds.Replicas) == 0 || !v.wanted(ds.Name) {
			continue
		}
		var reads, weights []string
		for _, r := range ds.Replicas {
			reads, weights = append(reads, r.Address), append(weights, fmt.Sprint(max(r.Weight, 1)))
		}
		out.add(ds.Name, ds.Name, strings.Join(reads, ","), "PRIMARY", strings.Join(weights, ","))
	}
	return out
}

// noStrategies: each table's rule says its own.
func noStrategies() *Shown {
	out := &Shown{Columns: []string{"name", "type", "sharding_column", "sharding_algorithm_name", "sharding_algorithm_type", "sharding_algorithm_props"}}
	out.add("TABLE", "NONE", "", "", "", "")
	out.add("DATABASE", "NONE", "", "", "", "")
	return out
}

// noneUnused: algorithms and generators stand in the rule that they are of.
func noneUnused() *Shown { return &Shown{Columns: []string{"name", "type", "props"}} }
