package importer

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/router/rule"
)

// kingshard reads kingshard's one file: nodes, which are servers, and a schema, or a list of them, with its sharded tables.
func (r *run) kingshard(t *tree) error {
	t.ignore("addr", "prom_addr", "web_addr", "web_user", "web_password", "log_path", "log_level", "log_sql", "slow_log_time", "proxy_charset")
	nodes := map[string]rule.DataSource{}
	for _, n := range t.at("nodes").items() {
		ds := rule.DataSource{Name: n.at("name").text, Address: n.at("master").text, User: n.at("user").text}
		ds.Password = r.secret(ds.Name, n.at("password").text)
		ds.Pool.Max = n.at("max_conns_limit").int()
		for _, s := range n.at("slave").texts() {
			address, weight, _ := strings.Cut(s, "@")
			w, _ := strconv.Atoi(weight)
			ds.Replicas = append(ds.Replicas, rule.Replica{Address: address, Weight: w})
		}
		n.ignore("down_after_noalive")
		nodes[ds.Name] = ds
	}
	if name := t.at("user").text; name != "" {
		r.user(name, t.at("password").text, nil)
	}
	for _, u := range t.at("user_list").items() {
		r.user(u.at("user").text, u.at("password").text, nil)
	}
	schemas := t.at("schema_list").items()
	if t.has("schema") {
		schemas = append(schemas, t.at("schema"))
	}
	for _, s := range schemas {
		if err := r.kingshardSchema(s, nodes); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) kingshardSchema(s *tree, nodes map[string]rule.DataSource) error {
	s.ignore("user")
	database := s.at("db").text
	if database == "" {
		database = r.Database
	}
	order := s.at("nodes").texts()
	for _, sh := range s.at("shard").items() {
		name := sh.at("db").text
		if name == "" {
			name = database
		}
		if name == "" {
			return fmt.Errorf("the shard of table %s names no database: give --database", sh.at("table").text)
		}
		d := r.document(name)
		if err := addSources(d, order, nodes); err != nil {
			return err
		}
		d.Defaults.DataSource = s.at("default").text
		r.kingTable(d, sh, "nodes")
	}
	if len(s.at("shard").items()) == 0 && database != "" {
		d := r.document(database)
		d.Defaults.DataSource = s.at("default").text
		return addSources(d, order, nodes)
	}
	return nil
}

// addSources adds servers to a document that lacks them.
func addSources(d *rule.Document, order []string, from map[string]rule.DataSource) error {
	for _, name := range order {
		ds, ok := from[name]
		if !ok {
			return fmt.Errorf("no server is called %s", name)
		}
		if !hasSource(d, name) {
			d.DataSources = append(d.DataSources, ds)
		}
	}
	return nil
}

func hasSource(d *rule.Document, name string) bool {
	for i := range d.DataSources {
		if d.DataSources[i].Name == name {
			return true
		}
	}
	return false
}

// maxNodes bounds the actual tables of a table, so that a typing mistake does not fill the memory; a document has no more.
const maxNodes = 1 << 15

// kingTable reads a sharded table as kingshard and Gaea write it; servers is the key of the list of its servers.
func (r *run) kingTable(d *rule.Document, sh *tree, servers string) *rule.Table {
	t := rule.Table{Name: sh.at("table").text, Key: []string{sh.at("key").text}}
	r.keyTypes(&t)
	typ, on, locations := sh.at("type").text, sh.at(servers).texts(), sh.at("locations").ints()
	n := 0
	for i, server := range on {
		if i >= len(locations) {
			break
		}
		for range min(locations[i], maxNodes-n) {
			t.Nodes = append(t.Nodes, fmt.Sprintf("%s.%s_%04d", server, t.Name, n))
			n++
		}
	}
	switch typ {
	case "hash":
		r.hashOfNumbers(&t)
	case "mod":
		t.Algorithm = spec("mod")
		r.note(Same, t.Name, "as mod has it; rows with negative keys are elsewhere")
	case "range":
		limit := sh.at("table_row_limit").int()
		t.Algorithm = spec("range", "bounds", bounds(n, limit))
		r.note(Same, t.Name, "each table has %d keys, from 0; keys beyond them, which were refused, go to the first or the last table", limit)
	case "date_year", "date_month", "date_day":
		r.kingDates(&t, strings.TrimPrefix(typ, "date_"), on, sh.at("date_range").items())
	case "default":
		d.Single = append(d.Single, rule.SingleTables{DataSource: firstOf(on, d), Tables: []string{t.Name}})
		return nil
	default:
		if len(t.Nodes) == 0 {
			r.note(NoEqual, t.Name, "the type %s is not known, and nothing says where the table is", typ)
			return nil
		}
		r.elsewhere(&t, "the type %s is not known", typ)
	}
	d.Tables = append(d.Tables, t)
	return &d.Tables[len(d.Tables)-1]
}

func firstOf(list []string, d *rule.Document) string {
	if len(list) > 0 {
		return list[0]
	}
	return d.DataSources[0].Name
}

// kingDates are tables that are named for their period; ranges[i] are those of the i-th server.
func (r *run) kingDates(t *rule.Table, unit string, on []string, ranges []*tree) {
	var labels []string
	for i, server := range on {
		if i >= len(ranges) {
			break
		}
		list, ok := periods(unit, ranges[i].text)
		if !ok {
			r.note(NoEqual, t.Name, "%q is no range of %ss", ranges[i].text, unit)
			continue
		}
		for _, label := range list {
			t.Nodes = append(t.Nodes, server+"."+t.Name+"_"+label)
			labels = append(labels, label)
		}
	}
	if len(labels) > 0 {
		r.interval(t, unit, labels)
	}
}
