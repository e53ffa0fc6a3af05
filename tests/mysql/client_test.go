//go:build mysql

package mysql

import (
	"net"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/tests/harness"
)

func start(t *testing.T) *harness.Heddle {
	t.Helper()
	return env.Heddle(t, harness.HeddleOptions{
		Rules: []string{sharded(env.Shards[0].Addr(), env.Shards[1].Addr(), ", user: root")},
		Users: "users: {root: {}, ann: {password: env:ANN}}", Env: []string{"ANN=" + password},
	})
}

// What heddle says that it is, in the greeting and in each variable, is what the servers are.
func TestVersion(t *testing.T) {
	h := start(t)
	for _, question := range []string{
		"SELECT VERSION()", "SELECT @@version", "SELECT @@global.version", "SELECT VERSION() = @@version", "SHOW VARIABLES LIKE 'version'",
		"SELECT @@version_comment", "SHOW VARIABLES LIKE 'version_comment'", "SELECT @@version_compile_os", "SELECT @@sql_mode",
		"SELECT @@protocol_version", "SELECT /*!50700 1 */ + /*!99999 1 + */ 1",
	} {
		want, got := text(ask(t, open(t, 0), question)), text(ask(t, h.Open(t, "root", "", "shop"), question))
		if got != want || got == "" {
			t.Errorf("%s: heddle %q, server %q", question, got, want)
		}
	}
	if greeting, server := greeting(t, h.Addr), greeting(t, env.Shards[0].Addr()); greeting != server {
		t.Errorf("heddle greets as %q, a server as %q", greeting, server)
	}
}

// greeting is the version of the first packet.
func greeting(t *testing.T, addr string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var packet [128]byte
	n, err := c.Read(packet[:])
	if err != nil || n < 6 {
		t.Fatalf("a greeting of %d bytes: %v", n, err)
	}
	version, _, _ := strings.Cut(string(packet[5:n]), "\x00")
	return version
}

// client runs MySQL's own client.
func client(t *testing.T, addr, user, statements string, options ...string) string {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(filepath.Dir(os.Getenv("HEDDLE_TEST_SERVER")), "mysql")
	cmd := osexec.CommandContext(t.Context(), program, append([]string{"--no-defaults", "--protocol=tcp", "-h", host, "-P", port, "-u", user,
		"--get-server-public-key", "--loose-commands", "--named-commands", "--batch", "--skip-column-names", "--database=shop"}, options...)...)
	cmd.Env = append(os.Environ(), "MYSQL_PWD="+map[string]string{"ann": password}[user])
	cmd.Stdin = strings.NewReader(statements)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
	return strings.TrimSpace(string(out))
}

// The client of MySQL logs in, without a password, with one under heddle's RSA key, and once more.
func TestClientOfMySQL(t *testing.T) {
	h := start(t)
	for _, user := range []string{"root", "ann", "ann"} {
		if got := client(t, h.Addr, user, "SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1), 1 + 1;"); got != user+"\t2" {
			t.Errorf("%s: %q", user, got)
		}
	}
	for _, by := range []string{"zlib", "zstd"} {
		got := client(t, h.Addr, "root", "SHOW STATUS LIKE 'Compression'; SELECT LENGTH('"+strings.Repeat("weft ", 50_000)+"');", "--compression-algorithms="+by)
		if got != "Compression\tON\n250000" {
			t.Errorf("%s: %.100q", by, got)
		}
	}
}

// What a client says beside a query does not disturb it, and is refused to those that ask for it: it is not passed on.
func TestQueryAttributes(t *testing.T) {
	db := start(t).Open(t, "root", "", "shop")
	exec(t, db, "DROP TABLE IF EXISTS accounts", "CREATE TABLE accounts (id INT PRIMARY KEY)", "INSERT INTO accounts VALUES (1),(2),(3),(4),(5),(6),(7),(8)")
	h := start(t)
	for question, want := range map[string]string{
		"SELECT COUNT(*) FROM accounts": "8", "SELECT id FROM accounts WHERE id = 3": "3", "SELECT 'trace'": "trace",
	} {
		if got := client(t, h.Addr, "root", "query_attributes trace abc\n"+question+";\n"); got != want {
			t.Errorf("%s: %q, want %q", question, got, want)
		}
	}
	for _, question := range []string{"SELECT mysql_query_attribute_string('trace')", "SELECT id FROM accounts WHERE MYSQL_QUERY_ATTRIBUTE_STRING('trace') IS NULL"} {
		if a := ask(t, db, question); a.Code != 1235 || !strings.Contains(a.Message, "attributes") {
			t.Errorf("%s: %s", question, text(a))
		}
	}
}
