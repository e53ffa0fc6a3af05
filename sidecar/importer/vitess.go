package importer

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/heddle-mesh/heddle/router/rule"
)

// vitess reads a VSchema: of one keyspace, or of several under keyspaces. It names no servers: each keyspace is a database,
// and its shards are those of the options.
func (r *run) vitess(t *tree) error {
	for _, rules := range []string{"routing_rules", "shard_routing_rules", "keyspace_routing_rules", "mirror_rules"} {
		t.at(rules).readAll()
		if len(t.at(rules, "rules").list) > 0 {
			r.note(NoEqual, rules, "no statement is sent elsewhere than its tables are: name the tables as they are, and finish a MoveTables before")
		}
	}
	if !t.has("keyspaces") {
		if r.Database == "" {
			return fmt.Errorf("the VSchema of one keyspace does not say its name: give --database")
		}
		return r.keyspace(r.Database, t)
	}
	var err error
	t.at("keyspaces").each(func(name string, ks *tree) {
		if err == nil {
			err = r.keyspace(name, ks)
		}
	})
	return err
}

func (r *run) keyspace(name string, ks *tree) error {
	d := r.document(name)
	ks.ignore("require_explicit_routing")
	if mode := ks.at("foreign_key_mode").text; strings.EqualFold(mode, "managed") {
		r.note(NoEqual, name, "foreign keys are the servers' own matter: none reaches over shards")
	}
	if tenants := ks.at("multi_tenant_spec"); tenants.fields != nil {
		tenants.readAll()
		r.note(NoEqual, name, "tenants are not kept apart by the proxy")
	}
	if ks.at("sharded").text != "true" {
		d.DataSources = []rule.DataSource{r.shardSource(name, r.Servers, 0)}
		ks.at("tables").each(func(table string, v *tree) {
			v.readAll()
			if v.at("type").text == "sequence" {
				r.note(NoEqual, name+"."+table, "sequences are not tables here: segment makes numbers, and begins above what a column has")
			}
		})
		return nil
	}
	n := max(2, len(r.Servers))
	var ranges []rule.SlotAssignment
	for i := range n {
		ds := r.shardSource(name, r.Servers, i)
		d.DataSources = append(d.DataSources, ds)
		ranges = append(ranges, rule.SlotAssignment{Shard: ds.Name, Ranges: []rule.SlotRange{{First: i * 16384 / n, Last: (i+1)*16384/n - 1}}})
	}
	v := &keyspaceRun{run: r, d: d, types: map[string]string{}, groups: map[string][]string{}}
	ks.at("vindexes").each(func(name string, x *tree) {
		v.types[name] = x.at("type").text
		if x.has("owner") || strings.Contains(v.types[name], "lookup") {
			x.readAll()
			r.note(NoEqual, "vindex "+name, "there are no lookup vindexes: statements without the sharding key go to every shard, and unique keys need it")
		}
		if x.has("params") {
			x.readAll()
		}
	})
	ks.at("tables").each(v.table)
	for _, key := range v.order {
		if len(v.groups[key]) > 1 {
			d.Binding = append(d.Binding, v.groups[key])
		}
	}
	for i := range d.Tables {
		if d.Tables[i].Algorithm.Type == "hash_slot" {
			d.Slots = ranges
		}
	}
	return nil
}

// shardSource is the data source of a shard: one that was named, or a place to be filled in.
func (r *run) shardSource(keyspace string, servers []Server, i int) rule.DataSource {
	ds := rule.DataSource{Name: fmt.Sprintf("%s_%d", keyspace, i), Address: fmt.Sprintf("fill-in-%d:3306", i), User: "heddle", Schema: "vt_" + keyspace}
	if i < len(servers) {
		ds.Address = servers[i].Address
	} else {
		r.note(ToDo, keyspace, "a VSchema names no servers: fill in the addresses of its shards, or give --shard RANGE=HOST:PORT for each")
	}
	r.note(ToDo, keyspace, "the account heddle and the schema vt_%s are guessed", keyspace)
	return ds
}

type keyspaceRun struct {
	*run
	d      *rule.Document
	types  map[string]string // of vindexes
	groups map[string][]string
	order  []string
}

func (v *keyspaceRun) table(name string, t *tree) {
	switch t.at("type").text {
	case "reference":
		t.readAll()
		v.d.Broadcast = append(v.d.Broadcast, name)
		return
	case "sequence":
		v.note(NoEqual, name, "sequences are not tables here: segment makes numbers, and begins above what a column has")
		return
	}
	t.ignore("columns", "column_list_authoritative")
	vindexes := t.at("column_vindexes").items()
	if len(vindexes) == 0 {
		v.note(NoEqual, name, "it has no vindex")
		return
	}
	out := rule.Table{Name: name, Key: vindexes[0].any("columns", "column").texts()}
	v.keyTypes(&out)
	for _, x := range vindexes[1:] {
		x.readAll()
		if typ := v.types[x.at("name").text]; !strings.Contains(typ, "lookup") {
			v.note(NoEqual, name, "a second vindex, %s on %s, finds no shard here", x.at("name").text, strings.Join(x.any("columns", "column").texts(), ", "))
		}
	}
	if a := t.at("auto_increment"); a.has("column") {
		a.ignore("sequence")
		out.Generate = &rule.Generator{Column: a.at("column").text, Type: "segment"}
	}
	vindex := vindexes[0].at("name").text
	v.place(&out, vindex, v.types[vindex])
	v.d.Tables = append(v.d.Tables, out)
	key := fmt.Sprint(vindex, len(out.Key))
	if len(v.groups[key]) == 0 {
		v.order = append(v.order, key)
	}
	v.groups[key] = append(v.groups[key], name)
}

// place finds the algorithm of a vindex. Only numeric is one here: its keyspace id is the number itself, of which a shard
// has a range.
func (v *keyspaceRun) place(t *rule.Table, vindex, typ string) {
	if typ == "numeric" && len(t.Key) == 1 {
		if list, ok := keyspaceBounds(v.Servers); ok {
			t.Algorithm = spec("range", "bounds", list)
			v.note(Same, t.Name, "numeric: each shard has a range of the numbers; negative ones are elsewhere")
			return
		}
	}
	t.Algorithm = spec("hash_slot")
	v.note(Differs, t.Name, "the vindex %s (%s) places rows by another hash than Heddle's slots: its rows have to be moved", vindex, typ)
}

// keyspaceBounds are the borders between shards, as numbers; false where the shards are not known, or a border is none that a
// document can say.
func keyspaceBounds(servers []Server) ([]any, bool) {
	if len(servers) < 2 {
		return nil, false
	}
	var out []any
	for _, s := range servers[:len(servers)-1] {
		_, end, ok := strings.Cut(s.Shard, "-")
		n, valid := new(big.Int).SetString((end + strings.Repeat("0", 16))[:16], 16)
		if !ok || end == "" || !valid {
			return nil, false
		}
		if n.IsInt64() {
			out = append(out, n.Int64())
		} else {
			out = append(out, n.Uint64())
		}
	}
	return out, true
}
