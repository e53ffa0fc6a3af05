package importer

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/router/sharding"
)

// options reads those of a case.
func options(t *testing.T, d *datadriven.TestData) (from string, o Options) {
	o.Types = map[string]string{}
	for _, a := range d.CmdArgs {
		switch a.Key {
		case "from":
			from = a.Vals[0]
		case "database":
			o.Database = a.Vals[0]
		case "types":
			for _, v := range a.Vals {
				column, typ, _ := strings.Cut(v, "=")
				o.Types[column] = typ
			}
		case "shards":
			for _, v := range a.Vals {
				keys, address, _ := strings.Cut(v, "=")
				o.Servers = append(o.Servers, Server{keys, address})
			}
		default:
			t.Fatalf("unknown argument %s", a.Key)
		}
	}
	return from, o
}

// TestImport shows what is made of documents of each source, and that the results are valid.
func TestImport(t *testing.T) {
	datadriven.Walk(t, "testdata/import", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			from, o := options(t, d)
			res, err := Import(from, [][]byte{[]byte(d.Input)}, o)
			if err != nil {
				return "error: " + err.Error() + "\n"
			}
			var b strings.Builder
			for _, doc := range res.Documents {
				text := doc.Marshal()
				if _, problems := rule.Parse(text); len(problems) > 0 {
					t.Errorf("%s: the document is not valid: %v\n%s", d.Pos, problems, text)
				}
				b.Write(text)
				b.WriteString("---\n")
			}
			if res.Users != nil {
				text := res.Users.Marshal()
				if _, problems := rule.ParseUsers(text); len(problems) > 0 {
					t.Errorf("%s: the users are not valid: %v\n%s", d.Pos, problems, text)
				}
				b.Write(text)
			}
			for _, n := range res.Notes {
				fmt.Fprintf(&b, "%s | %s | %s\n", n.Level, n.What, n.Text)
			}
			return b.String()
		})
	})
}

// imported is what is made of the first case of a source's file.
func imported(t *testing.T, from string) map[string]*rule.ShardedTable {
	t.Helper()
	tables := map[string]*rule.ShardedTable{}
	seen := false
	datadriven.RunTest(t, filepath.Join("testdata/import", from), func(t *testing.T, d *datadriven.TestData) string {
		if seen {
			return d.Expected
		}
		seen = true
		source, o := options(t, d)
		res, err := Import(source, [][]byte{[]byte(d.Input)}, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, doc := range res.Documents {
			l, err := doc.Resolve()
			if err != nil {
				t.Fatal(err)
			}
			for _, table := range l.Tables {
				tables[table.Name] = table
			}
		}
		return d.Expected
	})
	return tables
}

// lands is the actual table on which Heddle has a row, "" where no shard takes it.
func lands(t *testing.T, table *rule.ShardedTable, types []string, values ...any) string {
	t.Helper()
	var kinds []sharding.KeyType
	for _, typ := range types {
		kinds = append(kinds, sharding.ParseKeyType(typ, "", true))
	}
	a, err := sharding.New(t.Context(), table.Algorithm.Type, table.Config(kinds, sharding.Keyer{}))
	if err != nil {
		t.Fatalf("%s: %v", table.Name, err)
	}
	key := make([]sharding.Key, len(values))
	for i, v := range values {
		var value sqltypes.Value
		switch v := v.(type) {
		case int64:
			value = sqltypes.IntValue(v)
		case string:
			value = sqltypes.StringValue(v)
			if kinds[i].Family == sharding.FamilyBinary {
				value = sqltypes.BinaryValue([]byte(v))
			}
		}
		if key[i], err = (sharding.Keyer{Charset: "utf8mb4"}).ForStore(t.Context(), value, kinds[i]); err != nil {
			t.Fatalf("%s: %v: %v", table.Name, v, err)
		}
	}
	n, err := a.Locate(key)
	if errors.Is(err, sharding.ErrNoNode) {
		return ""
	}
	if err != nil {
		t.Fatalf("%s: %v: %v", table.Name, values, err)
	}
	return table.Nodes[n].DataSource + "." + table.Nodes[n].Table
}

// numbers are keys of all sizes.
func numbers() []int64 {
	out := []int64{0, 1, 2, 3, 4, 5, 7, 9, 10, 11, 19, 20, 44, 45, 46, 99, 100, 101, 999, 1000, 1001, 9999, 10000, 79999, 1 << 31, 1<<40 + 3, 1<<62 + 5, 1<<63 - 1}
	for i := int64(1); i < 50; i++ {
		out = append(out, i*7919*7919)
	}
	return out
}

// TestShardingSphereKeysStay: where the report says that a table is placed alike, keys are where ShardingSphere has them by
// its manual: INLINE by the names that its expressions give, MOD by the remainder that is never negative, ranges closed
// below and open above.
func TestShardingSphereKeysStay(t *testing.T) {
	tables := imported(t, "shardingsphere")
	for _, k := range numbers() {
		for _, user := range []int64{0, 1, 6, 7} {
			want := fmt.Sprintf("ds_%d.t_order_%d", user%2, k%2)
			if got := lands(t, tables["t_order"], []string{"bigint", "bigint"}, user, k); got != want {
				t.Errorf("t_order, user_id %d, order_id %d: %s, not %s", user, k, got, want)
			}
		}
		if got, want := lands(t, tables["t_account"], []string{"bigint"}, k), fmt.Sprintf("ds_%d.t_account_%d", k%4%2, k%4); got != want {
			t.Errorf("t_account %d: %s, not %s", k, got, want)
		}
		if got, want := lands(t, tables["t_archive"], []string{"bigint"}, k), auto("t_archive", below(k, 100, 1000)); got != want {
			t.Errorf("t_archive %d: %s, not %s", k, got, want)
		}
		if got, want := lands(t, tables["t_volume"], []string{"bigint"}, k), auto("t_volume", below(k, 10, 20, 30, 40, 45)); got != want {
			t.Errorf("t_volume %d: %s, not %s", k, got, want)
		}
	}
	if got := lands(t, tables["t_account"], []string{"bigint"}, int64(-1)); got != "ds_1.t_account_3" {
		t.Errorf("t_account -1: %s", got)
	}
	for region, want := range map[string]string{"0": "ds_0.t_user", "1": "ds_1.t_user"} {
		if got := lands(t, tables["t_user"], []string{"varbinary(8)"}, region); got != want {
			t.Errorf("t_user %s: %s", region, got)
		}
	}
	for at, want := range map[string]string{"2026-01-01 00:00:00": "ds_0.t_log_202601", "2026-02-28 23:59:59": "ds_0.t_log_202602", "2026-04-30 00:00:00": "ds_0.t_log_202604", "2026-05-01 00:00:00": ""} {
		if got := lands(t, tables["t_log"], []string{"datetime"}, at); got != want {
			t.Errorf("t_log %s: %s, not %s", at, got, want)
		}
	}
	for at, want := range map[string]int{"2025-12-31 23:59:59": 0, "2026-01-01 00:00:00": 1, "2026-01-02 12:00:00": 2, "2026-01-03 00:00:00": 3} {
		if got := lands(t, tables["t_event"], []string{"datetime"}, at); got != auto("t_event", want) {
			t.Errorf("t_event %s: %s, not table %d", at, got, want)
		}
	}
}

// auto is the i-th table of those that ShardingSphere lays out over two data sources.
func auto(table string, i int) string { return fmt.Sprintf("ds_%d.%s_%d", i%2, table, i) }

// below counts the bounds that k has reached.
func below(k int64, bounds ...int64) int {
	n := 0
	for _, b := range bounds {
		if k >= b {
			n++
		}
	}
	return n
}

// TestKingshardKeysStay: hash is the number itself as unsigned, or the CRC32 of text, modulo the tables; Gaea's mod is the
// remainder of the absolute value; range has so many numbers a table.
func TestKingshardKeysStay(t *testing.T) {
	king, gaea := imported(t, "kingshard"), imported(t, "gaea")
	for _, k := range numbers() {
		i := uint64(k) % 8
		if got, want := lands(t, king["test_shard_hash"], []string{"bigint"}, k), fmt.Sprintf("node%d.test_shard_hash_%04d", i/4+1, i); got != want {
			t.Errorf("test_shard_hash %d: %s, not %s", k, got, want)
		}
		if k < 80000 {
			if got, want := lands(t, king["test_shard_range"], []string{"bigint"}, k), fmt.Sprintf("node%d.test_shard_range_%04d", k/10000/4+1, k/10000); got != want {
				t.Errorf("test_shard_range %d: %s, not %s", k, got, want)
			}
		}
		for _, name := range []string{"tbl_ks", "tbl_ks_child", "tbl_hash"} {
			if got, want := lands(t, gaea[name], []string{"bigint"}, k), fmt.Sprintf("slice-%d.%s_%04d", k%4/2, name, k%4); got != want {
				t.Errorf("%s %d: %s, not %s", name, k, got, want)
			}
		}
		if got, want := lands(t, gaea["tbl_mycat"], []string{"bigint"}, k), fmt.Sprintf("slice-%d_db_mycat_%d.tbl_mycat", k%4/2, k%4); got != want {
			t.Errorf("tbl_mycat %d: %s, not %s", k, got, want)
		}
		text := "k" + strconv.FormatInt(k, 10)
		c := crc32.ChecksumIEEE([]byte(text)) % 2
		if got, want := lands(t, gaea["tbl_bytes"], []string{"varbinary(30)"}, text), fmt.Sprintf("slice-%d.tbl_bytes_%04d", c, c); got != want {
			t.Errorf("tbl_bytes %s: %s, not %s", text, got, want)
		}
	}
	for at, want := range map[string]string{"2016-03-01": "node1.test_shard_month_201603", "2016-08-31": "node2.test_shard_month_201608"} {
		if got := lands(t, king["test_shard_month"], []string{"date"}, at); got != want {
			t.Errorf("test_shard_month %s: %s, not %s", at, got, want)
		}
	}
	for at, want := range map[string]string{"2016-06-01": "slice-0.tbl_year_2016", "2018-12-31": "slice-1.tbl_year_2018"} {
		if got := lands(t, gaea["tbl_year"], []string{"date"}, at); got != want {
			t.Errorf("tbl_year %s: %s, not %s", at, got, want)
		}
	}
	if got := lands(t, gaea["tbl_day"], []string{"date"}, "2014-03-01"); got != "slice-1.tbl_day_20140301" {
		t.Errorf("tbl_day: %s", got)
	}
}

// TestVitessNumericStays: the keyspace id of numeric is the number, big-endian, and a shard has a range of its first bytes.
func TestVitessNumericStays(t *testing.T) {
	table := imported(t, "vitess")["counters"]
	for _, k := range append(numbers(), 1<<62-1, 1<<62) {
		first := uint64(k) >> 56
		want := "user_2.counters"
		switch {
		case first < 0x40:
			want = "user_0.counters"
		case first < 0x80:
			want = "user_1.counters"
		}
		if got := lands(t, table, []string{"bigint unsigned"}, k); got != want {
			t.Errorf("%d: %s, not %s", k, got, want)
		}
	}
}

// FuzzImport: no text makes an import panic, and what is made of it can be written down.
func FuzzImport(f *testing.F) {
	files, err := filepath.Glob("testdata/import/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range strings.Split(string(text), "\n----\n") {
			_, body, _ := strings.Cut(part, "\n")
			f.Add(filepath.Base(path), body)
		}
	}
	f.Fuzz(func(t *testing.T, from, text string) {
		res, err := Import(from, [][]byte{[]byte(text)}, Options{Database: "d"})
		if err != nil {
			return
		}
		for _, d := range res.Documents {
			if len(d.Marshal()) == 0 {
				t.Error("an empty document")
			}
		}
	})
}
