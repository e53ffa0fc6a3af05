package rule_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/router/rule"
)

func TestSampleIsValid(t *testing.T) {
	f, problems := rule.ParseFile([]byte(rule.Sample))
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	if len(f.Documents) != 1 || f.Users == nil || len(f.Users.Users) != 1 {
		t.Fatalf("sample: %d documents, users %v", len(f.Documents), f.Users)
	}
	if n := strings.Count(rule.Sample, "\n"); n > 28 {
		t.Errorf("the sample has %d lines; it is meant to be short", n)
	}
	l, err := f.Documents[0].Resolve()
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Tables) != 4 || len(l.Tables[1].Nodes) != 4 || l.Tables[1].Group != 1 || l.Tables[1].Slots[4096] != 1 {
		t.Errorf("orders resolve to %+v", l.Tables[1].Nodes)
	}
	want := rule.Node{Shard: "ds_2", DataSource: "ds_2", Schema: "shop", Table: "orders"}
	if l.Tables[1].Nodes[2] != want {
		t.Errorf("node 2 of orders is %+v, want %+v", l.Tables[1].Nodes[2], want)
	}
	if g := l.Tables[0].Generate; g == nil || g.Column != "id" || g.Type != "snowflake" {
		t.Errorf("generator %+v", g)
	}
	if ds := l.DataSources[0]; ds.User != "heddle" || ds.Password != "env:SHOP_DB_PASSWORD" || ds.Schema != "shop" {
		t.Errorf("defaults are not filled in: %+v", ds)
	}
}

func TestMinimalIsAPlainProxy(t *testing.T) {
	f, problems := rule.ParseFile([]byte(rule.Minimal))
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	if strings.Count(rule.Minimal, "\n") != 3 {
		t.Error("the minimal file has more than three lines")
	}
	l, err := f.Documents[0].Resolve()
	if err != nil || l.Database != "" || l.DefaultDataSource != "main" || l.DataSources[0].Address != "127.0.0.1:3306" {
		t.Errorf("layout %+v, %v", l, err)
	}
	if u := f.Users.Users; len(u) != 1 || u[0].Name != "root" {
		t.Errorf("users %+v", u)
	}
}

func TestMarshalReadsBack(t *testing.T) {
	for name, text := range map[string]string{"sample": rule.Sample, "minimal": rule.Minimal, "full": full} {
		f, problems := rule.ParseFile([]byte(text))
		if err := problems.Err(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		canonical := f.Documents[0].Marshal()
		again, problems := rule.Parse(canonical)
		if err := problems.Err(); err != nil {
			t.Fatalf("%s: the canonical form does not parse: %v\n%s", name, err, canonical)
		}
		if got := again.Marshal(); string(got) != string(canonical) {
			t.Errorf("%s: canonical form is not stable:\n%s\n%s", name, canonical, got)
		}
		a, _ := f.Documents[0].Resolve()
		b, _ := again.Resolve()
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s: the layouts differ:\n%+v\n%+v", name, a, b)
		}
		if f.Users != nil {
			users, problems := rule.ParseUsers(f.Users.Marshal())
			if err := problems.Err(); err != nil || string(users.Marshal()) != string(f.Users.Marshal()) {
				t.Errorf("%s: users: %v\n%s", name, err, f.Users.Marshal())
			}
		}
	}
}

const full = `
format: 1
database: mall
defaults:
  data_source: ds_1
  algorithm: {type: hash_slot}
  generator: {type: segment, step: 500}
  user: heddle
data_sources:
  ds_0:
    address: "[::1]:3306"
    schema: mall_a
    password: file:/run/secrets/a
    user: other
    replicas: [db1:3306, {address: db2:3306, weight: 3}]
    tls: {mode: verify_identity, ca: /etc/ca.pem, cert: /etc/c.pem, key: /etc/k.pem, server_name: db}
    pool: {max: 64, min_idle: 2, budget: 400, least: 3, wait: 2s, idle: 5m, life: 1h}
  ds_1: {address: /run/mysqld/mysqld.sock, tls: verify_ca}
shards:
  a0: {data_source: ds_0, suffix: 0}
  a1: {data_source: ds_0, suffix: 1}
  b0: {data_source: ds_1, suffix: 0}
slots: {a0: "0-100, 102-5000", a1: [101, 5001-10000], b0: 10001-16383}
tables:
  orders: {key: user_id, key_types: bigint unsigned, unique: per_shard, foreign_keys: unchecked}
  carts: {key: [user_id, region], generate: {column: id, type: uuid, format: binary}}
  log: {key: id, algorithm: {type: range, bounds: [10, 20.5, "no"]}, nodes: ["ds_${0..1}.log_${00..01}"]}
  geo: {key: c, algorithm: {type: list, values: [[DE, "NO", null], [1, 2.5]], default: 1}, nodes: ["ds_${0..1}.geo"]}
  grid: {key: [a, b], algorithm: {type: complex, by: [{type: mod, nodes: 2}, {type: hash_mod, nodes: 2}]}, nodes: "ds_${0..1}.grid_${0..1}"}
  expr: {key: uid, algorithm: {type: inline, expression: "uid % 2"}, nodes: "ds_0.expr_${0,1}"}
single: {ds_0: [audit], ds_1: [settings, flags]}
broadcast: [countries]
`
