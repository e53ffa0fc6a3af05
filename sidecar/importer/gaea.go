package importer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/router/rule"
)

// gaea reads a namespace of Gaea: slices, which are servers, and the rules of its sharded tables, which have documents of
// their own here, one for each database.
func (r *run) gaea(t *tree) error {
	t.ignore("name", "online", "open_general_log", "is_encrypt", "default_charset", "default_collation", "max_sql_execute_time", "max_sql_result_size")
	nodes, order := map[string]rule.DataSource{}, []string{}
	for _, s := range t.at("slices").items() {
		ds := rule.DataSource{Name: s.at("name").text, Address: s.at("master").text, User: s.at("user_name").text}
		ds.Password = r.secret(ds.Name, s.at("password").text)
		ds.Pool.Max, ds.Pool.MinIdle = s.at("max_capacity").int(), s.at("capacity").int()
		if ds.Pool.Max > 0 && ds.Pool.MinIdle > ds.Pool.Max {
			ds.Pool.MinIdle = ds.Pool.Max
		}
		for _, a := range s.at("slaves").texts() {
			address, _, _ := strings.Cut(a, "@")
			ds.Replicas = append(ds.Replicas, rule.Replica{Address: address})
		}
		s.ignore("idle_timeout", "statistic_slaves")
		nodes[ds.Name], order = ds, append(order, ds.Name)
	}
	physical := map[string]string{}
	t.at("default_phy_dbs").each(func(db string, v *tree) { physical[db] = v.text })
	var databases []string
	t.at("allowed_dbs").each(func(db string, v *tree) {
		if v.text == "true" {
			databases = append(databases, db)
		}
	})
	for _, u := range t.at("users").items() {
		u.ignore("namespace", "rw_flag", "rw_split", "other_property")
		r.user(u.at("user_name").text, u.at("password").text, databases)
	}
	for _, list := range []string{"white_list", "black_sql"} {
		if len(t.at(list).texts()) > 0 {
			r.note(NoEqual, list, "neither addresses nor statements are kept out here")
		}
	}
	g := &gaeaRun{run: r, nodes: nodes, order: order, physical: physical, fallback: t.at("default_slice").text}
	for _, sh := range t.at("shard_rules").items() {
		if err := g.table(sh); err != nil {
			return err
		}
	}
	for _, db := range databases {
		if err := g.plain(db); err != nil {
			return err
		}
	}
	return g.link()
}

type gaeaRun struct {
	*run
	nodes    map[string]rule.DataSource
	order    []string
	physical map[string]string
	fallback string
	linked   []*tree
}

// plain makes sure that a database has a document: one without rules lies on the default slice.
func (g *gaeaRun) plain(db string) error {
	d := g.document(db)
	if len(d.DataSources) > 0 {
		return nil
	}
	return g.sources(d, []string{g.fallback})
}

// sources adds slices, with the database's own physical name.
func (g *gaeaRun) sources(d *rule.Document, names []string) error {
	before := len(d.DataSources)
	if err := addSources(d, names, g.nodes); err != nil {
		return err
	}
	for i := before; i < len(d.DataSources); i++ {
		if p := g.physical[d.Database]; p != "" && p != d.Database {
			d.DataSources[i].Schema = p
		}
	}
	return nil
}

func (g *gaeaRun) table(sh *tree) error {
	d := g.document(sh.at("db").text)
	typ, on := sh.at("type").text, sh.at("slices").texts()
	switch {
	case typ == "linked":
		g.linked = append(g.linked, sh)
		return nil
	case sh.has("databases") && !sh.at("databases").null:
		return g.mycat(d, sh, typ, on)
	}
	if err := g.sources(d, g.order); err != nil {
		return err
	}
	if slices.Contains(g.order, g.fallback) {
		d.Defaults.DataSource = g.fallback
	}
	if typ == "global" {
		sh.ignore("locations")
		return g.global(d, sh, on)
	}
	g.kingTable(d, sh, "slices")
	return nil
}

func (g *gaeaRun) global(d *rule.Document, sh *tree, on []string) error {
	name := sh.at("table").text
	d.Broadcast = append(d.Broadcast, name)
	if len(on) < len(d.DataSources) {
		g.note(ToDo, name, "it is on %s, and Heddle has such tables on every data source of the database", strings.Join(on, ", "))
	}
	return nil
}

// mycat is a table with one actual table in each of several schemas, which are data sources here.
func (g *gaeaRun) mycat(d *rule.Document, sh *tree, typ string, on []string) error {
	var schemas, places []string
	for _, text := range sh.at("databases").texts() {
		schemas = append(schemas, span(text)...)
	}
	at := 0
	for i, n := range sh.at("locations").ints() {
		for range n {
			if i >= len(on) || at >= len(schemas) {
				return fmt.Errorf("table %s: locations, slices and databases do not fit", sh.at("table").text)
			}
			name := on[i] + "_" + schemas[at]
			if !hasSource(d, name) {
				ds, ok := g.nodes[on[i]]
				if !ok {
					return fmt.Errorf("no slice is called %s", on[i])
				}
				ds.Name, ds.Schema = name, schemas[at]
				d.DataSources = append(d.DataSources, ds)
			}
			places = append(places, name)
			at++
		}
	}
	if typ == "global" {
		return g.global(d, sh, places)
	}
	t := rule.Table{Name: sh.at("table").text, Key: []string{sh.at("key").text}}
	g.keyTypes(&t)
	for _, p := range places {
		t.Nodes = append(t.Nodes, p+"."+t.Name)
	}
	if typ == "mycat_mod" {
		t.Algorithm = spec("mod")
		g.note(Same, t.Name, "as mod has it; rows with negative keys are elsewhere")
	} else {
		sh.ignore("partition_count", "partition_length", "seed", "virtual_bucket_times", "hash_slice", "pad_length", "pad_from", "mod_begin", "mod_end")
		g.elsewhere(&t, "%s is not there", typ)
	}
	d.Tables = append(d.Tables, t)
	return nil
}

// link places linked tables as their parents are, and binds them.
func (g *gaeaRun) link() error {
	for _, sh := range g.linked {
		d := g.document(sh.at("db").text)
		name, parent := sh.at("table").text, sh.at("parent_table").text
		i := slices.IndexFunc(d.Tables, func(t rule.Table) bool { return strings.EqualFold(t.Name, parent) })
		if i < 0 {
			return fmt.Errorf("table %s is linked to %s, which is not there", name, parent)
		}
		p := d.Tables[i]
		t := rule.Table{Name: name, Key: []string{sh.at("key").text}, Algorithm: p.Algorithm}
		g.keyTypes(&t)
		for _, n := range p.Nodes {
			source, table, _ := strings.Cut(n, ".")
			t.Nodes = append(t.Nodes, source+"."+name+strings.TrimPrefix(table, p.Name))
		}
		d.Tables = append(d.Tables, t)
		bind(d, p.Name, name)
		g.note(Same, name, "as %s is", p.Name)
	}
	return nil
}

// bind puts a table into the group of another.
func bind(d *rule.Document, with, table string) {
	for i, group := range d.Binding {
		if slices.Contains(group, with) {
			d.Binding[i] = append(group, table)
			return
		}
	}
	d.Binding = append(d.Binding, []string{with, table})
}
