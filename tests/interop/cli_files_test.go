package interop

import (
	"fmt"
	"os"
	"path/filepath"
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
