package interop

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// cli is the mariadb command-line client on one target.
type cli struct {
	t        *testing.T
	database string
	addr     string
	big      string
}

// run gives a script to the client and returns what it prints.
func (c *cli) run(script string, args ...string) (string, error) {
	return c.program("mariadb", script, append([]string{"--no-auto-rehash"}, args...)...)
}

func (c *cli) program(name, script string, args ...string) (string, error) {
	host, port, err := net.SplitHostPort(c.addr)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	base := []string{"--no-defaults", "--protocol=tcp", "--host=" + host, "--port=" + port}
	if !strings.Contains(strings.Join(args, " "), "--user=") {
		base = append(base, "--user=root")
	}
	cmd := exec.CommandContext(ctx, name, append(base, args...)...)
	cmd.Stdin = strings.NewReader(script)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// prints runs a script and compares what it prints, rows without names and lines.
func (c *cli) prints(want, script string, args ...string) error {
	got, err := c.run(script, append([]string{"--batch", "--skip-column-names", "--default-character-set=utf8mb4", c.database}, args...)...)
	if err != nil {
		return err
	}
	if got = strings.TrimSpace(got); got != want {
		return fmt.Errorf("%s\ngot:  %q\nwant: %q", script, got, want)
	}
	return nil
}

// refused expects that the client ends with the error.
func (c *cli) refused(code int, state, script string, args ...string) error {
	_, err := c.run(script, args...)
	if want := fmt.Sprintf("ERROR %d (%s)", code, state); err == nil || !strings.Contains(err.Error(), want) {
		return fmt.Errorf("got %v, want %s", err, want)
	}
	return nil
}

const cliAccounts = "DROP TABLE IF EXISTS accounts; CREATE TABLE accounts (id INT NOT NULL PRIMARY KEY, balance INT NOT NULL);" +
	"INSERT INTO accounts VALUES (1, 100), (2, 100), (3, 100), (4, 100);"

func TestCommandLine(t *testing.T) {
	t.Parallel()
	r := newRatchet(t, "cli")
	for _, target := range targets("cli") {
		name, rest, _ := strings.Cut(target, "=")
		addr, database, _ := strings.Cut(rest, "/")
		c := &cli{t: t, database: database, addr: addr, big: "big_" + name + ".big"}
		for _, check := range cliChecks {
			if check.heddleOnly && name == "plain" {
				continue
			}
			r.check(t, name+"/"+check.name, func() error { return check.run(c) })
		}
	}
}

var cliChecks = []struct {
	name       string
	heddleOnly bool // the plain server has no caching_sha2_password
	run        func(*cli) error
}{
	{"script", false, cliScript},
	{"types", false, cliTypes},
	{"transactions", false, func(c *cli) error {
		return c.prints("400\n410\n400\n404", cliAccounts+"SELECT SUM(balance) FROM accounts; BEGIN; UPDATE accounts SET balance = balance - 10 WHERE id = 1;"+
			"UPDATE accounts SET balance = balance + 20 WHERE id = 2; SELECT SUM(balance) FROM accounts; ROLLBACK; SELECT SUM(balance) FROM accounts;"+
			"START TRANSACTION; UPDATE accounts SET balance = balance + 1; SAVEPOINT a; DELETE FROM accounts; ROLLBACK TO a; COMMIT; SELECT SUM(balance) FROM accounts;")
	}},
	{"stream", false, cliStream},
	{"errors", false, cliErrors},
	{"multi_statements", false, func(c *cli) error {
		return c.prints("1\n2\n4", "DELIMITER //\nSELECT 1; SELECT 2; "+cliAccounts+" SELECT COUNT(*) FROM accounts//")
	}},
	{"status", false, cliStatus},
	{"rehash", false, func(c *cli) error { // asks for the columns of every table, by COM_FIELD_LIST
		return c.prints("4", cliAccounts+"\n\\#\nSELECT COUNT(*) FROM accounts;")
	}},
	{"column_types", false, cliColumnTypes},
	{"show_warnings", false, func(c *cli) error {
		out, err := c.run(cliAccounts+"INSERT IGNORE INTO accounts VALUES (1, 0), (2, 0), (9, 9);", "--show-warnings", c.database)
		if n := strings.Count(out, "(Code 1062): Duplicate entry"); err == nil && n != 2 {
			err = fmt.Errorf("%d warnings: %s", n, out)
		}
		return err
	}},
	{"compression", false, func(c *cli) error {
		if err := c.prints("5000", "SELECT COUNT(*) FROM (SELECT * FROM "+c.big+" WHERE id <= 5000) t;", "--compress"); err != nil {
			return err
		}
		out, err := c.run("SELECT id, pad FROM "+c.big+" WHERE id <= 20000;", "--compress", "--batch", "--quick", "--skip-column-names", c.database)
		if n := strings.Count(out, "\n"); err == nil && n != 20000 {
			err = fmt.Errorf("%d rows", n)
		}
		return err
	}},
	{"tls", false, func(c *cli) error {
		return c.prints("native", "SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1);", "--ssl-ca="+lab.ca, "--ssl-verify-server-cert", "--user=native", "--password="+nativePassword)
	}},
	{"tls_status", false, func(c *cli) error {
		out, err := c.run("SHOW STATUS LIKE 'Ssl_cipher'; SHOW SESSION STATUS WHERE Variable_name = 'Ssl_version'; "+
			"SELECT 'inquiry', VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'SSL_VERSION';",
			"--batch", "--skip-column-names", "--ssl-ca="+lab.ca)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		for i, want := range []string{"Ssl_cipher\tTLS_", "Ssl_version\tTLSv1.3", "inquiry\tTLSv1.3"} {
			if err == nil && (i >= len(lines) || !strings.HasPrefix(lines[i], want)) {
				err = fmt.Errorf("%q", out)
			}
		}
		return err
	}},
	{"login_native", false, func(c *cli) error {
		return c.prints("native", "SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1);", "--user=native", "--password="+nativePassword)
	}},
	{"login_sha2", true, func(c *cli) error {
		return c.prints("sha2", "SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1);", "--user=sha2", "--password="+sha2Password)
	}},
	{"login_sha2_tls", true, func(c *cli) error {
		return c.prints("sha2", "SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1);", "--ssl-ca="+lab.ca, "--user=sha2", "--password="+sha2Password)
	}},
	{"session_variables", false, func(c *cli) error {
		return c.prints("latin1\tANSI_QUOTES\t+01:30\t42", "SET NAMES latin1; SET sql_mode = ANSI_QUOTES; SET time_zone = '+01:30', @a = 42;"+
			"SELECT @@character_set_client, @@sql_mode, @@time_zone, @a;", "--init-command=SET wait_timeout = 77")
	}},
	{"load_data_local", false, cliLoadData},
	{"dump_and_restore", false, cliDump},
	{"dump_everything", false, cliDumpEverything},
}

// cliScript is what a script of a schema looks like: comments, executable ones too, several lines, other delimiters.
func cliScript(c *cli) error {
	return c.prints("3\tcafé; '--\n1", `/*!40101 SET NAMES utf8mb4 */;
-- a comment; with a semicolon
DROP TABLE IF EXISTS parents; # another
CREATE TABLE parents (
  id BIGINT NOT NULL PRIMARY KEY, -- the key
  name VARCHAR(40) NOT NULL /* ; */
) /*!50100 ENGINE=InnoDB */ DEFAULT CHARSET=utf8mb4;
INSERT INTO parents VALUES (1, 'a'), (2, "b"), (3, 'café; ''--');
/* three
   lines */ SELECT * FROM parents WHERE id = 3;
SELECT COUNT(*) FROM parents WHERE name = "b" /*! AND 1 = 1 */;
`)
}

func cliTypes(c *cli) error {
	return c.prints("1\t-128\t18446744073709551615\t1.5\t12345678901234567890.0123456789\t2026-02-28\t-123:04:05.000006\t2026-02-28 23:59:59.123456\tgröße 🙂\t00FF\tb\tx,z\t2001:db8::1\tNULL",
		`DROP TABLE IF EXISTS types; CREATE TABLE types (id INT NOT NULL PRIMARY KEY, ti TINYINT, bu BIGINT UNSIGNED, f FLOAT, de DECIMAL(30,10), da DATE, t TIME(6), dt DATETIME(6),
v VARCHAR(20), vb VARBINARY(9), e ENUM('a','b'), s SET('x','y','z'), ip INET6, n INT);
PREPARE p FROM 'INSERT INTO types VALUES (?, -128, 18446744073709551615, 1.5, 12345678901234567890.0123456789, ?, ?, ?, ?, x''00ff'', 2, 5, ?, NULL)';
SET @i = 1, @d = '2026-02-28', @t = '-123:04:05.000006', @dt = '2026-02-28 23:59:59.123456', @v = 'größe 🙂', @ip = '2001:db8::1';
EXECUTE p USING @i, @d, @t, @dt, @v, @ip; SET @i = 2; EXECUTE p USING @i, @d, @t, @dt, @v, @ip; DEALLOCATE PREPARE p;
SELECT id, ti, bu, f, de, da, t, dt, v, HEX(vb), e, s, ip, n FROM types ORDER BY id LIMIT 1;`)
}

func cliStream(c *cli) error {
	for _, order := range []string{"", " ORDER BY id"} {
		out, err := c.run("SELECT id FROM "+c.big+" WHERE id <= 100000"+order+";", "--quick", "--batch", "--skip-column-names")
		if n := strings.Count(out, "\n"); err == nil && n != 100000 {
			err = fmt.Errorf("%d rows", n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func cliErrors(c *cli) error {
	for _, e := range []struct {
		code          int
		state, script string
		args          []string
	}{
		{1062, "23000", cliAccounts + "INSERT INTO accounts VALUES (1, 1);", []string{c.database}},
		{1146, "42S02", "SELECT * FROM missing;", []string{c.database}},
		{1064, "42000", "SELEC 1;", []string{c.database}},
		{1046, "3D000", "SELECT * FROM accounts;", nil},
		{1049, "42000", "SELECT 1;", []string{"no_such_database"}},
		{1045, "28000", "SELECT 1;", []string{"--user=native", "--password=wrong"}},
	} {
		if err := c.refused(e.code, e.state, e.script, e.args...); err != nil {
			return err
		}
	}
	return nil
}

// cliStatus is \s, which asks the server about itself.
func cliStatus(c *cli) error {
	out, err := c.run("\\s", c.database)
	if err != nil {
		return err
	}
	for _, want := range []string{`Current database:\s+` + c.database, `Current user:\s+root@`, `Server version:\s+10\.11\.`, `Threads: \d+`, `Connection id:\s+[1-9]`} {
		if !regexp.MustCompile(want).MatchString(out) {
			return fmt.Errorf("no %s in:\n%s", want, out)
		}
	}
	return nil
}

func cliColumnTypes(c *cli) error {
	out, err := c.run(cliAccounts+"SELECT id AS x FROM accounts a ORDER BY x LIMIT 1;", "--column-type-info", "--table", c.database)
	if err != nil {
		return err
	}
	for _, want := range []string{"`x`", "`a`", "`accounts`", "`id`", "`" + c.database + "`", "PRI_KEY"} {
		if !strings.Contains(out, want) {
			return fmt.Errorf("no %s in:\n%s", want, out)
		}
	}
	return nil
}
