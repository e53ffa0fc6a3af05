package catalog_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/router/sharding"
)

const shop = `
database: shop
defaults: {user: u}
data_sources: {ds_0: {address: "a:1", schema: shop_0}, ds_1: {address: "b:1"}}
slots: {ds_0: 0-8191, ds_1: 8192-16383}
tables:
  users: {key: id, generate: id}
  orders: {key: user_id}
  events: {key: [user_id, kind], unique: per_shard, foreign_keys: unchecked}
  blobs: {key: name, generate: {column: id, type: uuid}}
binding: [[users, orders]]
broadcast: [countries]
single: {ds_1: [settings]}
`

func layout(t *testing.T, text string) *rule.Layout {
	t.Helper()
	d, problems := rule.Parse([]byte(text))
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	l, err := d.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func snapshot(t *testing.T, lowerCase int, texts ...string) *catalog.Snapshot {
	t.Helper()
	var layouts []*rule.Layout
	for _, x := range texts {
		layouts = append(layouts, layout(t, x))
	}
	s, err := catalog.New(lowerCase).WithRules(1, layouts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const plain = `data_sources: {main: {address: "m:1", user: u}}`

func TestPlace(t *testing.T) {
	s := snapshot(t, 0, shop, plain)
	for _, x := range []struct {
		db, table string
		kind      catalog.TableKind
		node      rule.Node
	}{
		{"shop", "users", catalog.KindSharded, rule.Node{}},
		{"shop", "Users", catalog.KindUnknown, rule.Node{DataSource: "ds_0", Schema: "shop_0", Table: "Users"}},
		{"shop", "countries", catalog.KindBroadcast, rule.Node{}},
		{"shop", "settings", catalog.KindSingle, rule.Node{DataSource: "ds_1", Schema: "shop", Table: "settings"}},
		{"shop", "other", catalog.KindUnknown, rule.Node{DataSource: "ds_0", Schema: "shop_0", Table: "other"}},
		{"mysql", "user", catalog.KindUnknown, rule.Node{DataSource: "main", Schema: "mysql", Table: "user"}},
	} {
		p, ok := s.Place(x.db, x.table)
		if !ok || p.Kind != x.kind || p.Single != x.node {
			t.Errorf("%s.%s is %s %+v %v", x.db, x.table, p.Kind, p.Single, ok)
		}
		if (p.Sharded != nil) != (x.kind == catalog.KindSharded) || (p.Broadcast != nil) != (x.kind == catalog.KindBroadcast) {
			t.Errorf("%s.%s: %+v", x.db, x.table, p)
		}
	}
	if _, ok := snapshot(t, 0, shop).Place("mysql", "user"); ok {
		t.Error("a database that nobody declares is known")
	}
	if p, ok := snapshot(t, 1, shop).Place("SHOP", "Users"); !ok || p.Kind != catalog.KindSharded {
		t.Errorf("without case: %v %v", p.Kind, ok)
	}
}

func TestTwoTablesThatDifferByCase(t *testing.T) {
	text := strings.Replace(shop, "countries", "Users", 1)
	snapshot(t, 0, text)
	if _, err := catalog.New(1).WithRules(1, []*rule.Layout{layout(t, text)}); err == nil {
		t.Error("one name for two tables is taken")
	}
}

func TestUnlistedTablesAreWhereTheyWereFound(t *testing.T) {
	s := snapshot(t, 0, shop).WithTables(
		catalog.TableSchema{Database: "shop", Name: "a", FoundOn: []string{"ds_1"}},
		catalog.TableSchema{Database: "shop", Name: "b", FoundOn: []string{"ds_0", "ds_1"}},
		catalog.TableSchema{Database: "shop", Name: "seq_1_to_5", FoundOn: []string{"ds_0", "ds_1"}, Virtual: true})
	if p, _ := s.Place("shop", "a"); p.Kind != catalog.KindSingle || p.Single.DataSource != "ds_1" || p.Conflict != nil {
		t.Errorf("a is %+v", p)
	}
	if p, _ := s.Place("shop", "b"); len(p.Conflict) != 2 {
		t.Errorf("b is %+v", p)
	}
	p, _ := s.Place("shop", "seq_1_to_5")
	if !p.Virtual || p.Kind != catalog.KindBroadcast || len(p.Broadcast.Nodes) != 2 || p.Broadcast.Nodes[0].Schema != "shop_0" || p.Conflict != nil {
		t.Errorf("seq_1_to_5 is %+v", p)
	}
}

func TestVersions(t *testing.T) {
	first := snapshot(t, 0, shop)
	users := catalog.TableSchema{Database: "shop", Name: "users", Columns: []catalog.Column{{Name: "id"}}}
	s := first.WithTables(users)
	v := s.TableVersion("shop", "users")
	if v == 0 || first.TableVersion("shop", "users") != 0 {
		t.Fatalf("versions %d, %d", v, first.TableVersion("shop", "users"))
	}
	if again := s.WithTables(users); again.TableVersion("shop", "users") != v {
		t.Error("an equal schema has another version")
	}
	users.Columns = append(users.Columns, catalog.Column{Name: "name"})
	changed := s.WithTables(users)
	if changed.TableVersion("shop", "users") == v || s.TableVersion("shop", "users") != v {
		t.Error("a changed schema keeps its version, or the old snapshot changed")
	}
	gone := changed.WithoutTable("shop", "users")
	if schema, known := gone.Table("shop", "users"); schema != nil || !known || gone.TableVersion("shop", "users") == 0 {
		t.Errorf("a dropped table: %v %v", schema, known)
	}
	if _, known := gone.Forget("shop", "users").Table("shop", "users"); known {
		t.Error("a forgotten table is known")
	}
	if _, known := gone.Forget("shop").Table("shop", "users"); known {
		t.Error("a table of a forgotten database is known")
	}
	back := gone.Forget("shop", "users").WithTables(users)
	if back.TableVersion("shop", "users") <= gone.TableVersion("shop", "users") {
		t.Error("a version came back")
	}
}

func TestNewRulesForgetSchemasOfChangedDatabases(t *testing.T) {
	a, b := layout(t, shop), layout(t, "database: blog\ndata_sources: {ds_0: {address: \"a:1\", user: u}}")
	s, err := catalog.New(0).WithRules(1, []*rule.Layout{a, b})
	if err != nil {
		t.Fatal(err)
	}
	s = s.WithTables(catalog.TableSchema{Database: "shop", Name: "users"}, catalog.TableSchema{Database: "blog", Name: "posts"})
	next, err := s.WithRules(2, []*rule.Layout{layout(t, shop), b})
	if err != nil {
		t.Fatal(err)
	}
	if _, known := next.Table("shop", "users"); known || next.RulesVersion() != 2 {
		t.Error("the schema of a changed database stays")
	}
	if _, known := next.Table("blog", "posts"); !known {
		t.Error("the schema of an unchanged database is forgotten")
	}
	if _, err := s.WithRules(3, []*rule.Layout{a, a}); err == nil {
		t.Error("two documents for one database are taken")
	}
	topo := next.WithTopology(7, map[string]string{"ds_0": "x:1"})
	if addr, ok := topo.Address("ds_0"); !ok || addr != "x:1" || topo.TopologyVersion() != 7 || topo.RulesVersion() != 2 {
		t.Errorf("topology: %q %v", addr, ok)
	}
}

// rows writes rows with cells between | and ~ for NULL.
func rows(lines ...string) (out []catalog.Row) {
	for _, l := range lines {
		var r catalog.Row
		for _, cell := range strings.Split(l, "|") {
			if cell == "~" {
				r = append(r, nil)
			} else {
				r = append(r, []byte(cell))
			}
		}
		out = append(out, r)
	}
	return out
}

func TestFromRows(t *testing.T) {
	got, err := catalog.FromRows("shop", "orders",
		rows("id|bigint(20) unsigned|bigint|~|~|NO|~|auto_increment|~|MyISAM",
			"name|varchar(30)|varchar|utf8mb4|utf8mb4_general_ci|YES|NULL||~|MyISAM",
			"at|datetime|datetime|~|~|NO|current_timestamp()|on update current_timestamp()|~|MyISAM",
			"twice|int(11)|int|~|~|YES|NULL|STORED GENERATED|`id` * 2|MyISAM",
			"hidden|int(11)|int|~|~|NO|'5'|INVISIBLE|~|MyISAM"),
		rows("by_name|0|name|10|~", "by_name|0|at|~|~", "PRIMARY|0|id|~|~", "words|1|name|~|MyISAM"),
		rows("fk|name|shop_0|users|name|SET NULL|CASCADE"))
	if err != nil {
		t.Fatal(err)
	}
	bigint, text := sharding.ParseKeyType("bigint(20) unsigned", "", true), sharding.ParseKeyType("varchar(30)", "utf8mb4_general_ci", false)
	want := catalog.TableSchema{Database: "shop", Name: "orders", Engine: "MyISAM",
		Columns: []catalog.Column{
			{Name: "id", Type: "bigint(20) unsigned", DataType: "bigint", AutoIncrement: true, Key: bigint},
			{Name: "name", Type: "varchar(30)", DataType: "varchar", Charset: "utf8mb4", Collation: "utf8mb4_general_ci", Nullable: true, Key: text},
			{Name: "at", Type: "datetime", DataType: "datetime", HasDefault: true, Default: "current_timestamp()", OnUpdate: true, Key: sharding.ParseKeyType("datetime", "", true)},
			{Name: "twice", Type: "int(11)", DataType: "int", Nullable: true, Generated: true, Expression: "`id` * 2", Key: sharding.ParseKeyType("int(11)", "", false)},
			{Name: "hidden", Type: "int(11)", DataType: "int", HasDefault: true, Default: "'5'", Invisible: true, Key: sharding.ParseKeyType("int(11)", "", true)},
		},
		Indexes: []catalog.Index{
			{Name: "PRIMARY", Unique: true, Columns: []catalog.IndexColumn{{Name: "id"}}},
			{Name: "by_name", Unique: true, Columns: []catalog.IndexColumn{{Name: "name", Prefix: 10}, {Name: "at"}}},
			{Name: "words", FullText: "MyISAM", Columns: []catalog.IndexColumn{{Name: "name"}}},
		},
		ForeignKeys: []catalog.ForeignKey{{Name: "fk", Columns: []string{"name"}, RefDatabase: "shop_0", RefTable: "users", RefColumns: []string{"name"}, OnDelete: "SET NULL", OnUpdate: "CASCADE"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if c := got.AutoIncrement(); c == nil || c.Name != "id" || got.Column("ID") == nil || got.Column("x") != nil {
		t.Error("lookups of columns")
	}
	if _, err := catalog.FromRows("shop", "none", nil, nil, nil); err == nil {
		t.Error("a table without columns is taken")
	}
}

func column(name, typ string) catalog.Column {
	typ, collation, _ := strings.Cut(typ, " collate ")
	data, _, _ := strings.Cut(typ, "(")
	return catalog.Column{Name: name, Type: typ, DataType: data, Collation: collation, Key: sharding.ParseKeyType(typ, collation, true)}
}

func unique(name string, columns ...string) catalog.Index {
	i := catalog.Index{Name: name, Unique: true}
	for _, c := range columns {
		i.Columns = append(i.Columns, catalog.IndexColumn{Name: c})
	}
	return i
}

func TestCheckTable(t *testing.T) {
	auto := column("id", "int(11)")
	auto.AutoIncrement = true
	big := column("id", "bigint(20)")
	fk := func(table string, column, ref string) catalog.ForeignKey {
		return catalog.ForeignKey{Name: "fk", Columns: []string{column}, RefTable: table, RefColumns: []string{ref}}
	}
	acts := func(fk catalog.ForeignKey, onDelete, onUpdate string) catalog.TableSchema {
		fk.OnDelete, fk.OnUpdate = onDelete, onUpdate
		return catalog.TableSchema{Columns: []catalog.Column{column("user_id", "bigint(20)"), column("kind", "int(11)"), column("c", "int(11)")}, ForeignKeys: []catalog.ForeignKey{fk}}
	}
	prefix := unique("u", "name")
	prefix.Columns[0].Prefix = 5
	userID, name := column("user_id", "bigint(20)"), column("name", "varchar(20) collate utf8mb4_general_ci")
	for what, x := range map[string]struct {
		table  string
		schema catalog.TableSchema
		wants  string // empty: nothing to say
	}{
		"generated primary key":     {"users", catalog.TableSchema{Columns: []catalog.Column{big}, Indexes: []catalog.Index{unique("PRIMARY", "id")}}, ""},
		"snowflake into INT":        {"users", catalog.TableSchema{Columns: []catalog.Column{column("id", "int(11)")}}, "cannot hold the keys of snowflake"},
		"no key column":             {"users", catalog.TableSchema{Columns: []catalog.Column{column("x", "int(11)")}}, "users.id: the sharding key is not a column"},
		"float key":                 {"orders", catalog.TableSchema{Columns: []catalog.Column{column("user_id", "double")}}, "cannot be a sharding key"},
		"auto_increment is segment": {"orders", catalog.TableSchema{Columns: []catalog.Column{auto, userID}, Indexes: []catalog.Index{unique("PRIMARY", "id")}}, ""},
		"plain primary key":         {"orders", catalog.TableSchema{Columns: []catalog.Column{big, userID}, Indexes: []catalog.Index{unique("PRIMARY", "id")}}, "the primary key lacks the sharding key (user_id)"},
		"key in primary key":        {"orders", catalog.TableSchema{Columns: []catalog.Column{big, userID}, Indexes: []catalog.Index{unique("PRIMARY", "id", "USER_ID")}}, ""},
		"unique per shard":          {"events", catalog.TableSchema{Columns: []catalog.Column{userID, column("kind", "int(11)")}, Indexes: []catalog.Index{unique("u", "kind")}}, ""},
		"prefix of the key":         {"blobs", catalog.TableSchema{Columns: []catalog.Column{column("id", "char(36) collate utf8mb4_bin"), name}, Indexes: []catalog.Index{prefix}}, "unique key u lacks"},
		"uuid into CHAR(10)":        {"blobs", catalog.TableSchema{Columns: []catalog.Column{column("id", "char(10) collate utf8mb4_bin"), name}}, "cannot hold the keys of uuid"},
		"foreign key in the group":  {"orders", catalog.TableSchema{Columns: []catalog.Column{userID}, ForeignKeys: []catalog.ForeignKey{fk("users", "user_id", "id")}}, ""},
		"foreign key to broadcast":  {"orders", catalog.TableSchema{Columns: []catalog.Column{userID}, ForeignKeys: []catalog.ForeignKey{fk("countries", "c", "id")}}, ""},
		"foreign key to single":     {"orders", catalog.TableSchema{Columns: []catalog.Column{userID}, ForeignKeys: []catalog.ForeignKey{fk("settings", "s", "id")}}, "not sharded with it"},
		"foreign key elsewhere":     {"orders", catalog.TableSchema{Columns: []catalog.Column{userID}, ForeignKeys: []catalog.ForeignKey{fk("blobs", "user_id", "name")}}, "not in its binding group"},
		"foreign key off the key":   {"orders", catalog.TableSchema{Columns: []catalog.Column{userID}, ForeignKeys: []catalog.ForeignKey{fk("users", "user_id", "parent")}}, "does not point to the sharding key"},
		"foreign key unchecked":     {"events", catalog.TableSchema{Columns: []catalog.Column{userID, column("kind", "int(11)")}, ForeignKeys: []catalog.ForeignKey{fk("settings", "s", "id")}}, ""},
		"delete empties the key":    {"orders", acts(fk("users", "user_id", "id"), "SET NULL", "RESTRICT"), "orders.user_id: the foreign key fk changes the sharding key ON DELETE SET NULL"},
		"update empties the key":    {"orders", acts(fk("users", "user_id", "id"), "CASCADE", "SET NULL"), "changes the sharding key ON UPDATE SET NULL"},
		"key follows its group":     {"orders", acts(fk("users", "user_id", "id"), "CASCADE", "CASCADE"), ""},
		"key follows a copy":        {"orders", acts(fk("countries", "user_id", "id"), "", "CASCADE"), "changes the sharding key ON UPDATE CASCADE"},
		"unchecked key is emptied":  {"events", acts(fk("settings", "user_id", "id"), "SET NULL", ""), "changes the sharding key ON DELETE SET NULL"},
		"unchecked key follows":     {"events", acts(fk("settings", "user_id", "id"), "", "CASCADE"), "changes the sharding key ON UPDATE CASCADE"},
		"actions beside the key":    {"orders", acts(fk("countries", "c", "id"), "SET NULL", "CASCADE"), ""},
	} {
		s := snapshot(t, 0, shop)
		p, _ := s.Place("shop", x.table)
		x.schema.Database, x.schema.Name = "shop", x.table
		findings := catalog.CheckTable(t.Context(), s, p.Sharded, p.Layout, &x.schema, sharding.Keyer{})
		switch {
		case x.wants == "" && len(findings) > 0:
			t.Errorf("%s: %v", what, findings)
		case x.wants != "" && (len(findings) != 1 || !strings.Contains(findings[0].String(), x.wants)):
			t.Errorf("%s: %v, want one finding with %q", what, findings, x.wants)
		}
	}
}
