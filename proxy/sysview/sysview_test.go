package sysview

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/rule"
)

// bySchema has a schema a shard and a single table beside the default data source.
const bySchema = `
database: shop
defaults: {user: u}
data_sources: {ds_0: {address: "a:1", schema: shop_0}, ds_1: {address: "b:1", schema: shop_1}}
slots: {ds_0: 0-8191, ds_1: 8192-16383}
tables: {users: {key: id}, orders: {key: user_id}}
broadcast: [countries]
single: {ds_1: [settings]}
`

// bySuffix has four suffixed tables in one schema.
const bySuffix = `
database: shop
defaults: {user: u}
data_sources: {ds_0: {address: "a:1", schema: phys}}
shards: {s_0: {data_source: ds_0, suffix: 0}, s_1: {data_source: ds_0, suffix: 1}}
slots: {s_0: 0-8191, s_1: 8192-16383}
tables: {users: {key: id}, orders: {key: user_id}}
`

const passing = `data_sources: {main: {address: "m:1", user: u}}`

// fake answers questions from tables of rows and writes down what was asked.
type fake struct {
	columns map[string][]sqltypes.Column // by table of information_schema
	rows    map[string][]sqltypes.Row    // by data source and table
	asked   []string
	snap    *catalog.Snapshot
}

func text(name string) sqltypes.Column {
	return sqltypes.Column{Name: name, Type: sqltypes.VarString, Collation: 33}
}

func count(name string) sqltypes.Column {
	return sqltypes.Column{Name: name, Type: sqltypes.LongLong, Flags: sqltypes.FlagUnsigned}
}

func (f *fake) Rows(_ context.Context, source, _, sql string) ([]sqltypes.Column, []sqltypes.Row, error) {
	_, rest, _ := strings.Cut(sql, "information_schema.`")
	table, _, _ := strings.Cut(rest, "`")
	if strings.HasSuffix(sql, "LIMIT 0") {
		return slices.Clone(f.columns[table]), nil, nil
	}
	if strings.HasPrefix(sql, "SHOW") {
		return []sqltypes.Column{text("Tables_in_x")}, nil, nil
	}
	f.asked = append(f.asked, source+": "+sql)
	var wanted []int
	for i, c := range f.columns[table] {
		if strings.Contains(sql, "CAST(`"+c.Name+"` AS BINARY)") {
			wanted = append(wanted, i)
		}
	}
	var out []sqltypes.Row
	for _, row := range f.rows[source+" "+table] {
		if _, name, one := strings.Cut(sql, "`TABLE_NAME` = _utf8mb3'"); one && !strings.HasPrefix(name, string(row[1])+"'") {
			continue
		}
		var cells sqltypes.Row
		for _, i := range wanted {
			cells = append(cells, row[i])
		}
		out = append(out, cells)
	}
	return nil, out, nil
}

func (f *fake) Shape(_ context.Context, _, _, sql string) ([]sqltypes.Column, error) {
	return []sqltypes.Column{text(sql)}, nil
}

func (f *fake) Running(ctx context.Context, source, schema, sql string) ([]sqltypes.Column, error) {
	return f.Shape(ctx, source, schema, sql)
}

func (f *fake) Place(_ context.Context, db, table string) (catalog.Placement, error) {
	p, ok := f.snap.Place(db, table)
	if !ok {
		return p, sqlerr.UnknownDatabase(db)
	}
	return p, nil
}

func rows(lines ...string) (out []sqltypes.Row) {
	for _, line := range lines {
		var row sqltypes.Row
		for _, cell := range strings.Split(line, "|") {
			if cell == "~" {
				row = append(row, nil)
			} else {
				row = append(row, []byte(cell))
			}
		}
		out = append(out, row)
	}
	return out
}

var tableColumns = []sqltypes.Column{text("TABLE_SCHEMA"), text("TABLE_NAME"), text("TABLE_TYPE"), count("TABLE_ROWS")}

func newView(t *testing.T, f *fake, documents ...string) *View {
	t.Helper()
	var layouts []*rule.Layout
	for _, text := range documents {
		d, problems := rule.Parse([]byte(text))
		if err := problems.Err(); err != nil {
			t.Fatal(err)
		}
		l, err := d.Resolve()
		if err != nil {
			t.Fatal(err)
		}
		layouts = append(layouts, l)
	}
	snap, err := catalog.New(0).WithRules(1, layouts)
	if err != nil {
		t.Fatal(err)
	}
	f.snap = snap
	if f.columns == nil {
		f.columns = map[string][]sqltypes.Column{"TABLES": tableColumns}
	}
	return &View{
		Snapshot: snap, Database: "shop", Servers: f, MaxText: 1 << 20, HomeSource: "ds_0", HomeSchema: "home", User: "ann", Host: "h",
		Account: [2]string{"ann", "%"}, Mode: parser.Mode{Flavour: parser.Flavour{MariaDB: true, Version: 101100}},
	}
}

func parse(t *testing.T, sql string) *parser.Statement {
	t.Helper()
	st, err := parser.Parse(sql, parser.Mode{Flavour: parser.Flavour{MariaDB: true, Version: 101100}})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

var shopRows = map[string][]sqltypes.Row{
	"ds_0 TABLES": rows("shop_0|users|BASE TABLE|3", "shop_0|orders|BASE TABLE|~", "shop_0|countries|BASE TABLE|7",
		"shop_0|settings|BASE TABLE|1", "shop_0|twice|BASE TABLE|1", "SHOP_0|users|BASE TABLE|9"),
	"ds_1 TABLES": rows("shop_1|users|BASE TABLE|4", "shop_1|orders|BASE TABLE|5", "shop_1|countries|BASE TABLE|7",
		"shop_1|settings|BASE TABLE|2", "shop_1|twice|BASE TABLE|2", "shop_1|alone|VIEW|~"),
}

func TestRewrite(t *testing.T) {
	const none = "(SELECT `TABLE_NAME` FROM information_schema.`TABLES` WHERE "
	for _, c := range []struct{ name, sql, want string }{
		{"all of the names", "SELECT table_name FROM information_schema.tables",
			"SELECT table_name FROM " + none + "`TABLE_SCHEMA` = 'information_schema' UNION ALL VALUES " +
				"(_utf8mb3'alone'), (_utf8mb3'countries'), (_utf8mb3'orders'), (_utf8mb3'settings'), (_utf8mb3'twice'), (_utf8mb3'users')) AS `tables`"},
		{"one database, shards added up", "SELECT t.TABLE_ROWS FROM information_schema.TABLES AS t WHERE t.table_schema='shop' AND t.table_name = 'users'",
			"SELECT t.TABLE_ROWS FROM (SELECT `TABLE_SCHEMA`, `TABLE_NAME`, `TABLE_ROWS` FROM information_schema.`TABLES` WHERE 1 = 0 UNION ALL VALUES " +
				"(_utf8mb3'shop',_utf8mb3'users',CAST(7 AS UNSIGNED))) AS t WHERE t.table_schema='shop' AND t.table_name = 'users'"},
		{"another database", "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'blog'",
			"SELECT COUNT(*) FROM (SELECT `TABLE_SCHEMA` FROM information_schema.`TABLES` WHERE 1 = 0) AS `TABLES` WHERE TABLE_SCHEMA = 'blog'"},
		{"qualified columns", "SELECT information_schema.TABLES.table_name FROM information_schema.TABLES WHERE TABLES.table_schema = 'no'",
			"SELECT `TABLES`.table_name FROM (SELECT `TABLE_SCHEMA`, `TABLE_NAME` FROM information_schema.`TABLES` WHERE 1 = 0) AS `TABLES` WHERE `TABLES`.table_schema = 'no'"},
		{"the same everywhere", "SELECT * FROM information_schema.ENGINES", "SELECT * FROM information_schema.ENGINES"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := newView(t, &fake{rows: shopRows}, bySchema).Rewrite(t.Context(), parse(t, c.sql))
			if err != nil || got != c.want {
				t.Errorf("%v\n got %s\nwant %s", err, got, c.want)
			}
		})
	}
}

func TestFlavours(t *testing.T) {
	for _, c := range []struct {
		flavour parser.Flavour
		want    string
	}{
		{parser.Flavour{Version: 80030}, " UNION ALL VALUES ROW(_ascii'alone')"},
		{parser.Flavour{Version: 50744}, " UNION ALL SELECT _ascii'alone' UNION ALL SELECT _ascii'countries'"},
	} {
		v := newView(t, &fake{rows: shopRows}, bySchema)
		v.Mode.Flavour = c.flavour
		got, err := v.Rewrite(t.Context(), parse(t, "SELECT table_name FROM information_schema.tables"))
		if err != nil || !strings.Contains(got, c.want) {
			t.Errorf("%v\n got %s\nwant %s in it", err, got, c.want)
		}
	}
}

// TestQuestions: no more is asked than the statement can want.
func TestQuestions(t *testing.T) {
	for _, c := range []struct {
		name, rules, sql string
		want             []string
	}{
		{"one table", bySchema, "SELECT table_type FROM information_schema.tables WHERE table_schema = 'shop' AND table_name = 'orders'", []string{
			"ds_0: SELECT CAST(`TABLE_SCHEMA` AS BINARY), CAST(`TABLE_NAME` AS BINARY), CAST(`TABLE_TYPE` AS BINARY) FROM information_schema.`TABLES` WHERE `TABLE_SCHEMA` = _utf8mb3'shop_0' AND `TABLE_NAME` = _utf8mb3'orders'",
			"ds_1: SELECT CAST(`TABLE_SCHEMA` AS BINARY), CAST(`TABLE_NAME` AS BINARY), CAST(`TABLE_TYPE` AS BINARY) FROM information_schema.`TABLES` WHERE `TABLE_SCHEMA` = _utf8mb3'shop_1' AND `TABLE_NAME` = _utf8mb3'orders'",
		}},
		{"suffixed", bySuffix, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'shop'", []string{
			"ds_0: SELECT CAST(`TABLE_SCHEMA` AS BINARY), CAST(`TABLE_NAME` AS BINARY) FROM information_schema.`TABLES` WHERE `TABLE_SCHEMA` = _utf8mb3'phys' AND NOT `TABLE_NAME` IN (_utf8mb3'orders_1', _utf8mb3'users_1')",
		}},
		{"a suffixed table's rows", bySuffix, "SELECT table_rows FROM information_schema.tables WHERE table_schema = 'shop' AND table_name = 'users'", []string{
			"ds_0: SELECT CAST(`TABLE_SCHEMA` AS BINARY), CAST(`TABLE_NAME` AS BINARY), CAST(`TABLE_ROWS` AS BINARY) FROM information_schema.`TABLES` WHERE `TABLE_SCHEMA` = _utf8mb3'phys' AND `TABLE_NAME` IN (_utf8mb3'users', _utf8mb3'users_0', _utf8mb3'users_1')",
		}},
		{"another database", bySchema, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'blog'", nil},
		{"another case, which this server looks up as it is", bySchema, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'SHOP'", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fake{}
			if _, err := newView(t, f, c.rules).Rewrite(t.Context(), parse(t, c.sql)); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(f.asked, c.want) {
				t.Errorf("asked\n%s\nwant\n%s", strings.Join(f.asked, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// TestNoFilter: conditions that do not hold for every row spare no question.
func TestNoFilter(t *testing.T) {
	v := newView(t, &fake{}, bySchema)
	for _, sql := range []string{
		"SELECT 1 FROM information_schema.tables WHERE table_schema = 'blog' OR 1",
		"SELECT 1 FROM information_schema.tables WHERE NOT table_schema = 'blog'",
		"SELECT 1 FROM information_schema.tables WHERE table_schema = 'blog' = 0",
		"SELECT 1 FROM information_schema.tables WHERE table_rows BETWEEN 1 AND table_schema = 'blog'",
		"SELECT 1 FROM information_schema.tables WHERE table_schema = 'b\\log'",
		"SELECT 1 FROM information_schema.tables t JOIN information_schema.columns c WHERE c.table_schema = 'blog'",
		"SELECT 1 FROM information_schema.tables WHERE LOWER(table_schema) = 'blog'",
		"SELECT 1 FROM information_schema.tables WHERE table_schema = CONCAT('blog')",
		"SELECT 1 FROM information_schema.tables UNION SELECT 1 FROM dual WHERE table_schema = 'blog'",
		"SELECT (SELECT 1 FROM information_schema.tables LIMIT 1) FROM dual WHERE table_schema = 'blog'",
	} {
		st := parse(t, sql)
		about, _ := v.known("TABLES")
		if f := v.filterOf(st, &st.Tables[0], about); f.schema != nil || f.table != nil {
			t.Errorf("%s: takes %v", sql, f)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct{ sql, says string }{
		{"SELECT * FROM information_schema.INNODB_TRX", "INNODB_TRX"},
		{"SELECT * FROM information_schema.tables, users", "users"},
		{"SHOW MASTER STATUS", "MASTER STATUS"},
		{"SHOW EXTENDED TABLES", "EXTENDED"},
		{"SHOW GRANTS FOR bob", "GRANTS"},
		{"INSERT INTO x SELECT table_name FROM information_schema.tables", "TABLES"},
		{"CREATE VIEW x AS SELECT table_name FROM information_schema.tables", "TABLES"},
		{"SELECT user FROM mysql.user", "mysql.user"},
	} {
		f := &fake{}
		v := newView(t, f, bySchema)
		f.columns["INNODB_TRX"] = tableColumns
		st := parse(t, c.sql)
		ok, err := v.Concerns(st)
		if err == nil && ok {
			_, err = v.Answer(t.Context(), st, c.sql)
		}
		if e := sqlerr.As(err); e == nil || e.Code != sqlerr.CodeNotSupportedYet || !strings.Contains(e.Msg, c.says) {
			t.Errorf("%s: %v, want 1235 with %q", c.sql, err, c.says)
		}
	}
}

// TestPassThrough: without a document for a database nothing is touched.
func TestPassThrough(t *testing.T) {
	v := newView(t, &fake{}, passing)
	for _, sql := range []string{"SHOW TABLES", "SELECT * FROM information_schema.tables", "SHOW MASTER STATUS", "SELECT user FROM mysql.user"} {
		if ok, err := v.Concerns(parse(t, sql)); ok || err != nil {
			t.Errorf("%s: %v %v", sql, ok, err)
		}
	}
}

// TestBeside: schemas that pass through are seen beside logical databases, unless one hides them.
func TestBeside(t *testing.T) {
	f := &fake{rows: map[string][]sqltypes.Row{"main TABLES": rows("shop|users|BASE TABLE|1", "wiki|pages|BASE TABLE|1", "information_schema|TABLES|SYSTEM VIEW|~")}}
	got, err := newView(t, f, bySuffix, passing).Rewrite(t.Context(), parse(t, "SELECT table_schema, table_name FROM information_schema.tables"))
	if err != nil || !strings.Contains(got, "VALUES (_utf8mb3'wiki',_utf8mb3'pages'))") {
		t.Errorf("%v: %s", err, got)
	}
}

func TestAccounts(t *testing.T) {
	v := newView(t, &fake{rows: shopRows}, bySchema)
	v.Databases = []string{"blog"}
	got, err := v.Rewrite(t.Context(), parse(t, "SELECT table_name FROM information_schema.tables"))
	if err != nil || strings.Contains(got, "VALUES") {
		t.Errorf("an account sees another's tables: %v %s", err, got)
	}
	if _, err := v.Answer(t.Context(), parse(t, "SHOW TABLES"), ""); sqlerr.As(err) == nil || sqlerr.As(err).Code != 1044 {
		t.Errorf("SHOW TABLES: %v", err)
	}
	a, err := v.Answer(t.Context(), parse(t, "SHOW GRANTS FOR CURRENT_USER()"), "")
	if err != nil || len(a.Rows) != 2 || string(a.Rows[1][0]) != "GRANT ALL PRIVILEGES ON `blog`.* TO `ann`@`%`" {
		t.Errorf("SHOW GRANTS: %v %q", err, a.Rows)
	}
}

func TestShowTables(t *testing.T) {
	v := newView(t, &fake{rows: shopRows}, bySchema)
	a, err := v.Answer(t.Context(), parse(t, "SHOW TABLES LIKE 'a%'"), "")
	if err != nil {
		t.Fatal(err)
	}
	const label = "Tables_in_shop (a%)"
	if a.Columns[0].Name != label || a.DataSource != "ds_0" || a.Schema != "shop_0" ||
		!strings.Contains(a.SQL, "SELECT `TABLE_NAME` AS `"+label+"`") || !strings.HasSuffix(a.SQL, " WHERE CONVERT(`"+label+"` USING utf8mb4) COLLATE utf8mb4_bin LIKE 'a%'") {
		t.Errorf("%+v", a)
	}
}

func TestPattern(t *testing.T) {
	for _, c := range []struct {
		literal, want string
		raw           bool
	}{
		{`'a%'`, `a%`, false}, {`'a\_b'`, `a\_b`, false}, {`'a\'b'`, `a'b`, false}, {`'it''s'`, `it's`, false}, {`'a\\b'`, `a\b`, false}, {`'a\'`, `a\`, true}, {`"x"`, `x`, false},
	} {
		if got := pattern(c.literal, c.raw); got != c.want {
			t.Errorf("%s: %q, want %q", c.literal, got, c.want)
		}
	}
}

func TestCreated(t *testing.T) {
	v := newView(t, &fake{}, bySuffix)
	d := v.databases(nil)[0]
	got := v.created(d, d.places[0], "CREATE TABLE `orders_0` (\n  `user_id` int(11) NOT NULL,\n  `users_0` int(11),\n  KEY `orders_0` (`users_0`),\n"+
		"  CONSTRAINT `orders_0_ibfk_1` FOREIGN KEY (`user_id`) REFERENCES `users_0` (`id`)\n) COMMENT='not `orders_0`'", "orders_0", "orders")
	const want = "CREATE TABLE `orders` (\n  `user_id` int(11) NOT NULL,\n  `users_0` int(11),\n  KEY `orders_0` (`users_0`),\n" +
		"  CONSTRAINT `orders_ibfk_1` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`)\n) COMMENT='not `orders_0`'"
	if got != want {
		t.Errorf("got %s", got)
	}
	if got := v.query(d, d.places[0], "select `phys`.`users_0`.`id` AS `users_0` from `phys`.`users_0` where `phys`.`users_0`.`id` > 'users_0'"); got != "select `shop`.`users`.`id` AS `users_0` from `shop`.`users` where `shop`.`users`.`id` > 'users_0'" {
		t.Errorf("got %s", got)
	}
}

func TestTooMuch(t *testing.T) {
	v := newView(t, &fake{rows: shopRows}, bySchema)
	v.MaxText = 300
	if _, err := v.Rewrite(t.Context(), parse(t, "SELECT * FROM information_schema.tables")); sqlerr.As(err) == nil || sqlerr.As(err).Code != sqlerr.CodeNotSupportedYet {
		t.Errorf("got %v", err)
	}
}

func TestErrorNames(t *testing.T) {
	r := Renamed{Database: "shop", Name: "orders", Schema: "phys", Actual: "orders_0"}
	got := sqlerr.As(r.Error(sqlerr.NoSuchTable("phys", "orders_0"))).Msg
	if got != "Table 'shop.orders' doesn't exist" {
		t.Errorf("got %s", got)
	}
}
