package fault

import (
	"errors"
	"fmt"

	"github.com/heddle-mesh/heddle/proxy/wire"
)

// sweepStatement is one kind of statement that the sweep tries under each fault.
type sweepStatement struct {
	name string
	// ready prepares what needs preparing, before the fault; nil: nothing.
	ready func(*raw) (uint32, error)
	// run asks and reads the whole answer.
	run func(c *raw, id uint32) (string, error)
	// done counts, on one shard, what the statement leaves there; "" for one that reads.
	done string
	// undo takes that back, on one shard.
	undo string
	kind statementKind
	long bool // it is tried by the long form alone
}

type statementKind int

const (
	ordinary   statementKind = iota
	commits                  // it ends the transaction that it stands in
	definition               // DDL: what is not done everywhere is in the journal
)

// text is a statement sent as it stands.
func text(sql string) func(*raw, uint32) (string, error) {
	return func(c *raw, _ uint32) (string, error) { return c.query(sql) }
}

// executed prepares and runs a statement with whole numbers.
func executed(sql string, params ...int64) (func(*raw) (uint32, error), func(*raw, uint32) (string, error)) {
	return func(c *raw) (uint32, error) { return c.prepare(sql) },
		func(c *raw, id uint32) (string, error) { return c.execute(id, 0, params...) }
}

// byCursor reads rows in pieces.
func byCursor(c *raw, id uint32) (string, error) {
	all, err := c.execute(id, wire.CursorReadOnly)
	if err == nil && !c.cursor {
		return "", errors.New("no cursor is open")
	}
	for last := false; err == nil && !last; {
		var piece string
		piece, last, err = c.fetch(id, 7)
		all += "; " + piece
	}
	return all, err
}

// sweepStatements are all that the sweep tries; there and fresh are a key on shard 1 that exists, and one that does not.
func sweepStatements(there, fresh int) []sweepStatement {
	const (
		restore  = "UPDATE accounts SET v = 100"
		added    = "SELECT COUNT(*) FROM accounts WHERE id > 1000"
		unadd    = "DELETE FROM accounts WHERE id > 1000"
		changed  = "SELECT COALESCE(SUM(v - 100), 0) FROM accounts"
		everyone = "SELECT id, v, pad FROM accounts ORDER BY v, id DESC"
	)
	rows := ""
	for id := 1001; id <= 1016; id++ {
		rows += fmt.Sprintf(", (%d, 5, REPEAT('y', 3000))", id)
	}
	prepare, execute := executed("UPDATE accounts SET v = v + ? WHERE id > ?", 3, 0)
	return []sweepStatement{
		{name: "point SELECT", run: text(fmt.Sprint("SELECT v, pad FROM accounts WHERE id = ", there))},
		{name: "point INSERT", run: text(fmt.Sprintf("INSERT INTO accounts VALUES (%d, 7, REPEAT('z', 60000))", fresh)), done: added, undo: unadd},
		{name: "point UPDATE", run: text(fmt.Sprint("UPDATE accounts SET v = v + 1 WHERE id = ", there)), done: changed, undo: restore},
		{name: "SELECT … ORDER BY", run: text(everyone)},
		{name: "aggregate", run: text("SELECT v, COUNT(*), SUM(id), MAX(pad) FROM accounts GROUP BY v ORDER BY v")},
		{name: "INSERT of rows", run: text("INSERT INTO accounts VALUES " + rows[2:]), done: added, undo: unadd},
		{name: "UPDATE", run: text("UPDATE accounts SET v = v + 1"), done: changed, undo: restore},
		{name: "DELETE", run: text("DELETE FROM victims WHERE id > 10"), done: "SELECT 40 - COUNT(*) FROM victims",
			undo: "INSERT IGNORE INTO victims SELECT id, 1 FROM accounts WHERE id <= 40"},
		{name: "INSERT … SELECT", run: text("INSERT INTO accounts SELECT id + 1000, v, pad FROM accounts"), done: added, undo: unadd},
		{name: "DDL", run: text("ALTER TABLE altered ADD COLUMN w INT NOT NULL DEFAULT 7"), kind: definition,
			done: "SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'sweep' AND TABLE_NAME = 'altered' AND COLUMN_NAME = 'w'"},
		{name: "broadcast UPDATE", run: text("UPDATE rates SET v = v + 1"), done: "SELECT SUM(v - 10) FROM rates", undo: "UPDATE rates SET v = 10"},
		{name: "execute", ready: prepare, run: execute, done: changed, undo: restore},
		{name: "cursor", ready: func(c *raw) (uint32, error) {
			return c.prepare(fmt.Sprint("SELECT b.id, c.id, d.id, e.id, a.pad FROM accounts a, rates b, rates c, rates d, rates e WHERE a.id = ", there, " ORDER BY 1, 2, 3, 4"))
		}, run: byCursor},
		{name: "COMMIT", run: text("COMMIT"), kind: commits},
		{name: "SELECT … FOR UPDATE", run: text(everyone + " FOR UPDATE"), long: true},
		{name: "in parts", run: text("SELECT id, pad FROM accounts WHERE v >= (SELECT MAX(v) * 50 FROM victims) ORDER BY id"), long: true},
		{name: "INSERT … ON DUPLICATE KEY", run: text("INSERT INTO accounts VALUES " + rows[2:] + " ON DUPLICATE KEY UPDATE v = v + 1"), done: added, undo: unadd, long: true},
		{name: "REPLACE", run: text("REPLACE INTO accounts VALUES " + rows[2:]), done: added, undo: unadd, long: true},
	}
}

// sweepTables are made on each shard; further is said of each table there.
func sweepTables(further string) []string {
	return []string{
		"CREATE TABLE accounts (id INT PRIMARY KEY, v INT NOT NULL, pad LONGTEXT NOT NULL)" + further,
		"CREATE TABLE victims (id INT PRIMARY KEY, v INT NOT NULL)" + further,
		"CREATE TABLE marks (id INT PRIMARY KEY, v INT NOT NULL)" + further,
		"CREATE TABLE altered (id INT PRIMARY KEY)" + further,
		"CREATE TABLE rates (id INT PRIMARY KEY, v INT NOT NULL)" + further,
	}
}
