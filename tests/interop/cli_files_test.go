package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// cliLoadData loads a file of the client's into an unsharded table.
func cliLoadData(c *cli) error {
	file := filepath.Join(c.t.TempDir(), "rows.csv")
	var text strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&text, "%d,\"value, %d\"\n", i, i)
	}
	if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
		return err
	}
	return c.prints("3000\t4498500\tvalue, 2999", "DROP TABLE IF EXISTS loaded; CREATE TABLE loaded (id INT NOT NULL PRIMARY KEY, v VARCHAR(30));"+
		"LOAD DATA LOCAL INFILE '"+file+"' INTO TABLE loaded FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"';"+
		"SELECT COUNT(*), SUM(id), MAX(CASE id WHEN 2999 THEN v END) FROM loaded;", "--local-infile=1")
}

// cliDump dumps tables with mariadb-dump, as one consistent snapshot and, as by default, under locks, and loads them again.
func cliDump(c *cli) error {
	_, err := c.run(cliAccounts+"DROP TABLE IF EXISTS notes_of_old; CREATE TABLE notes_of_old (id INT NOT NULL PRIMARY KEY, note TEXT);"+
		"INSERT INTO notes_of_old VALUES (1, 'it''s'), (2, NULL);", c.database)
	if err != nil {
		return err
	}
	snapshot, err := c.program("mariadb-dump", "", "--single-transaction", "--skip-dump-date", c.database, "accounts", "notes_of_old")
	if err != nil {
		return err
	}
	dump, err := c.program("mariadb-dump", "", "--skip-dump-date", c.database, "accounts", "notes_of_old")
	if err != nil {
		return err
	}
	if dump != snapshot {
		return fmt.Errorf("under locks:\n%s\nas a snapshot:\n%s", dump, snapshot)
	}
	if strings.Contains(dump, "hxphys") {
		return fmt.Errorf("a physical name in the dump:\n%s", dump)
	}
	if _, err := c.run("DROP TABLE accounts; DROP TABLE notes_of_old;", c.database); err != nil {
		return err
	}
	if _, err := c.run(dump, c.database); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return c.prints("4\t400\n1\tit's\n2\tNULL", "SELECT COUNT(*), SUM(balance) FROM accounts; SELECT * FROM notes_of_old ORDER BY id;")
}

const cliEverything = `DROP VIEW IF EXISTS old_notes; DROP TABLE IF EXISTS children, parents, countries, notes, notes_of_old, loaded;
DROP PROCEDURE IF EXISTS forget; DROP FUNCTION IF EXISTS twice;
CREATE TABLE parents (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(40) NOT NULL COMMENT 'it''s a name', UNIQUE KEY by_name (name, id)) COMMENT='parents; and more';
CREATE TABLE children (parent_id BIGINT NOT NULL, id INT NOT NULL, born DATE DEFAULT '2020-01-01', PRIMARY KEY (parent_id, id), FOREIGN KEY (parent_id) REFERENCES parents (id) ON DELETE CASCADE);
CREATE TABLE countries (code CHAR(2) NOT NULL PRIMARY KEY, name VARCHAR(40));
CREATE TABLE notes (owner INT NOT NULL, id BIGINT NOT NULL AUTO_INCREMENT, body TEXT, KEY (id), PRIMARY KEY (owner, id));
CREATE TABLE notes_of_old (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, note TEXT, bytes VARBINARY(9), n INT AS (id * 2) VIRTUAL);
CREATE VIEW old_notes AS SELECT id, UPPER(note) AS note FROM notes_of_old;
CREATE TRIGGER trim_notes BEFORE INSERT ON notes_of_old FOR EACH ROW SET NEW.note = TRIM(NEW.note);
CREATE FUNCTION twice(i INT) RETURNS INT DETERMINISTIC RETURN i * 2;
CREATE PROCEDURE forget() DELETE FROM notes_of_old WHERE id > 100;
INSERT INTO parents VALUES (1, 'ann'), (2, 'bob'), (3, 'größe \\ '' " 🙂'), (4, 'dan');
INSERT INTO children (parent_id, id) VALUES (1, 1), (1, 2), (2, 1), (4, 7);
INSERT INTO countries VALUES ('DE', 'Germany'), ('FR', NULL);
INSERT INTO notes (owner, body) VALUES (1, 'a'), (2, 'b'), (3, NULL);
INSERT INTO notes_of_old (note, bytes) VALUES (' a ', x'00ff27'), (NULL, '');`

// cliDumpEverything dumps the whole database in the ways in which that is usual, and loads each dump again, after which it is
// dumped the same.
func cliDumpEverything(c *cli) error {
	if _, err := c.run(cliEverything, "--default-character-set=utf8mb4", c.database); err != nil {
		return err
	}
	const programs, check = "--routines --triggers", "4\tann\n4\n2\tFR\n3\nA\n14"
	for _, args := range []string{"", "--single-transaction --quick", "--databases", "--skip-opt " + programs,
		"--single-transaction " + programs + " --hex-blob --complete-insert --skip-extended-insert", "--no-create-info --replace --skip-triggers"} {
		args := append(append([]string{"--skip-dump-date", "--default-character-set=utf8mb4"}, strings.Fields(args)...), c.database)
		dump, err := c.program("mariadb-dump", "", args...)
		if err != nil {
			return fmt.Errorf("%v: %w", args, err)
		}
		if strings.Contains(dump, "hxphys") {
			return fmt.Errorf("%v: a physical name in the dump:\n%s", args, dump)
		}
		if slices.Contains(args, "--skip-opt") {
			continue // it leaves out what takes away the tables that are there
		}
		into := []string{"--default-character-set=utf8mb4", c.database}
		if _, err := c.run(dump, into...); err != nil {
			return fmt.Errorf("%v: load: %w", args, err)
		}
		again, err := c.program("mariadb-dump", "", args...)
		if err != nil || again != dump {
			return fmt.Errorf("%v: %v: once loaded it is dumped as\n%s\nand was\n%s", args, err, again, dump)
		}
		if err := c.prints(check, "SELECT COUNT(*), MIN(name) FROM parents; SELECT COUNT(*) FROM children; SELECT COUNT(*), MAX(code) FROM countries;"+
			"SELECT COUNT(*) FROM notes; SELECT note FROM old_notes WHERE id = 1; SELECT twice(7);"); err != nil {
			return fmt.Errorf("%v: %w", args, err)
		}
	}
	return nil
}
