package sysview

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/tests/differential"
	"github.com/heddle-mesh/heddle/tests/harness"
)

var env *harness.Env

// lab is what the tests share: the plain server and heddle over each layout, all with the same tables.
var lab struct {
	plain  differential.Side
	heddle map[string]differential.Side
}

const servers = 2

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run gives the servers a directory for temporary tables that no other server sweeps when it starts.
func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "heddle-sysview-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	return harness.Run(m, harness.Options{Plain: true, Shards: servers, Flags: []string{"--tmpdir=" + dir}, Setup: setup}, &env)
}

// elsewhere is a single table beside the default data source, so that no one server knows all names.
const elsewhere = "single: {ds_1: [elsewhere]}\n"

func setup(ctx context.Context, e *harness.Env) error {
	pool := wire.NewPool(0)
	lab.plain = differential.Side{Addr: e.Plain.Addr(), Pool: pool}
	lab.heddle = map[string]differential.Side{}
	if err := e.Plain.CreateSchema(ctx, differential.Schema); err != nil {
		return err
	}
	if err := lab.plain.Prime(ctx, tables); err != nil {
		return fmt.Errorf("plain: %w", err)
	}
	for _, l := range differential.Layouts {
		if l.DataSources == 1 {
			continue
		}
		side, err := start(ctx, e, l, pool)
		if err != nil {
			return err
		}
		if err := side.Prime(ctx, tables); err != nil {
			return fmt.Errorf("%s: %w", l.Name, err)
		}
		lab.heddle[l.Name] = side
	}
	return nil
}

func start(ctx context.Context, e *harness.Env, l differential.Layout, pool *wire.Pool) (differential.Side, error) {
	var addrs []string
	for i, shard := range e.Shards {
		addrs = append(addrs, shard.Addr())
		for _, name := range l.Schemas(i, servers, differential.Schema) {
			if err := shard.CreateSchema(ctx, name); err != nil {
				return differential.Side{}, err
			}
		}
	}
	h, err := e.SharedHeddle(ctx, harness.HeddleOptions{
		Rules: []string{l.Rules(differential.Schema, addrs) + elsewhere}, Users: "users: {root: {}, clerk: {databases: [shop]}, stranger: {databases: [other]}}",
	})
	if err != nil {
		return differential.Side{}, err
	}
	return differential.Side{Addr: h.Addr, Pool: pool}, nil
}

// tables are made on every side. Names are chosen by the rules of the differential layer.
var tables = []string{
	"CREATE TABLE users (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(40) NOT NULL DEFAULT 'nobody' COMMENT 'the user''s name', born DATE, KEY by_name (name)) COMMENT='who buys'",
	"CREATE TABLE orders (user_id BIGINT NOT NULL, id INT NOT NULL, amount DECIMAL(10,2) UNSIGNED, state ENUM('open','paid') DEFAULT 'open', note TEXT, PRIMARY KEY (user_id, id), KEY by_amount (amount, state), FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE)",
	"CREATE TABLE order_items (user_id BIGINT NOT NULL, id INT NOT NULL, n INT NOT NULL CHECK (n > 0), label VARCHAR(20) AS (CONCAT('item ', n)) VIRTUAL, PRIMARY KEY (user_id, id, n))",
	"CREATE TABLE products (id INT NOT NULL PRIMARY KEY, title VARCHAR(100) CHARACTER SET latin1 NOT NULL, UNIQUE KEY by_title (title))",
	"CREATE TABLE settings (name VARCHAR(20) PRIMARY KEY, value TEXT, changed TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP)",
	"CREATE TABLE elsewhere (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, what JSON, place POINT)",
	"CREATE VIEW settings_view AS SELECT settings.name, upper(settings.value) AS value FROM settings WHERE name <> 'secret'",
	"CREATE TRIGGER settings_before BEFORE INSERT ON settings FOR EACH ROW SET NEW.value = TRIM(NEW.value)",
	"CREATE TRIGGER elsewhere_after AFTER DELETE ON elsewhere FOR EACH ROW SET @gone = OLD.id",
	"CREATE PROCEDURE setting (IN wanted VARCHAR(20), OUT found TEXT) SELECT value INTO found FROM settings WHERE name = wanted",
	"CREATE PROCEDURE of_elsewhere () SELECT what FROM elsewhere",
	"CREATE FUNCTION twice (n INT) RETURNS INT DETERMINISTIC COMMENT 'of a number' RETURN n * 2",
	"CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 00:00:00' DO DELETE FROM settings",
	"CREATE TABLE größe (id INT PRIMARY KEY, länge INT COMMENT 'in Ellen € 😀') COMMENT 'Maße'",
	"INSERT INTO users VALUES (1,'ann','2000-01-01'),(2,'bob','2001-01-01'),(3,'cid','2002-01-01'),(4,'dan',NULL),(5,'eve',NULL),(6,'flo',NULL)",
	"INSERT INTO orders VALUES (1,1,10.5,'open','a'),(2,1,20.5,'paid','b'),(3,1,30.5,'open','c'),(4,1,40.5,'open','d'),(5,1,50,'paid','e'),(6,1,60,'paid','f')",
	"INSERT INTO settings VALUES ('colour', 'red', '2020-02-02 12:00:00')",
	"INSERT INTO elsewhere (what) VALUES ('{}')",
}
