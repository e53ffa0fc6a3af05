//go:build mysql

package mysql

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

const password = "pä$$ 'word\""

// plugins are the methods of authentication that the server has of those that heddle knows.
func plugins(t *testing.T) []string {
	t.Helper()
	a := ask(t, open(t, 0), "SELECT PLUGIN_NAME FROM information_schema.PLUGINS WHERE PLUGIN_TYPE = 'AUTHENTICATION' AND PLUGIN_STATUS = 'ACTIVE'")
	var list []string
	for _, name := range []string{"caching_sha2_password", "sha256_password", "mysql_native_password"} {
		if strings.Contains(text(a), name) {
			list = append(list, name)
		}
	}
	t.Logf("of MySQL %s: %s", env.ServerVersion(), list)
	if len(list) == 0 || list[0] != "caching_sha2_password" {
		t.Fatalf("the server has %s", text(a))
	}
	return list
}

// Heddle logs in to servers by each method that they have: in clear, where a password goes under the server's RSA key, and
// with TLS; the first time after a server has forgotten its cache and again, when it has not.
func TestLoginToServers(t *testing.T) {
	for _, plugin := range plugins(t) {
		t.Run(plugin, func(t *testing.T) {
			for withTLS, require := range map[string]string{"disabled": "NONE", "preferred": "NONE", "required": "SSL"} {
				account(t, plugin, require)
				for _, cache := range []string{"empty", "filled"} {
					t.Run("tls "+withTLS+" cache "+cache, func(t *testing.T) { login(t, withTLS) })
				}
			}
		})
	}
}

// account makes the account anew on both servers. One that requires SSL shows that a connection is protected.
func account(t *testing.T, plugin, require string) {
	t.Helper()
	for i := range env.Shards {
		exec(t, open(t, i), "DROP USER IF EXISTS heddle",
			"CREATE USER heddle IDENTIFIED WITH "+plugin+" BY '"+strings.ReplaceAll(password, "'", "''")+"' REQUIRE "+require,
			"GRANT ALL ON *.* TO heddle", "FLUSH PRIVILEGES")
	}
}

func asAccount(withTLS, secret string) harness.HeddleOptions {
	more := fmt.Sprintf(", user: heddle, password: env:SHARD_PASSWORD, tls: %s", withTLS)
	return harness.HeddleOptions{
		Rules: []string{sharded(env.Shards[0].Addr(), env.Shards[1].Addr(), more)}, Users: "users: {root: {}}",
		Env: []string{"SHARD_PASSWORD=" + secret}, Wait: time.Minute,
	}
}

func login(t *testing.T, withTLS string) {
	db := env.Heddle(t, asAccount(withTLS, password)).Open(t, "root", "", "shop")
	exec(t, db, "DROP TABLE IF EXISTS accounts", "CREATE TABLE accounts (id INT PRIMARY KEY)", "INSERT INTO accounts VALUES (1),(2),(3),(4),(5),(6),(7),(8)")
	if a := ask(t, db, "SELECT COUNT(*) FROM accounts"); text(a) != "8" {
		t.Errorf("over both shards: %s", text(a))
	}
}

// A login that the servers do not take is an error that says which server refused whom, and heddle does not start.
func TestLoginRefused(t *testing.T) {
	for name, c := range map[string]struct{ require, withTLS, secret string }{
		"another password": {"NONE", "disabled", "wrong"}, "another password, with TLS": {"NONE", "required", "wrong"},
		"no password": {"NONE", "disabled", ""}, "TLS required": {"SSL", "disabled", password},
	} {
		account(t, "caching_sha2_password", c.require)
		h, err := env.StartHeddle(t.Context(), asAccount(c.withTLS, c.secret))
		if err == nil {
			_ = h.Close() // it should not run
			t.Fatalf("%s: heddle started", name)
		}
		if !strings.Contains(err.Error(), "Access denied for user 'heddle'") || !strings.Contains(err.Error(), "ds_") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
