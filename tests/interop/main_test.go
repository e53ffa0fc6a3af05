package interop

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/tests/harness"
)

var env *harness.Env

// lab is what the tests of this package share.
var lab struct {
	heddle *harness.Heddle
	ca     string // path of the certificate that the servers and heddle show
}

// clients have a logical database each, so that none sees the tables of another.
var clients = []string{"go", "cli", "mysql2", "pymysql", "mariadbj", "mysqlj", "sysbench", "tpcc", "big"}

// Passwords of the accounts that the checks log in with.
const (
	nativePassword = "native-secret"
	sha2Password   = "sha2-secret"
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "heddle-interop-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	pair, err := writeCertificate(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	lab.ca = pair.cert
	setUp := func(ctx context.Context, e *harness.Env) error { return start(ctx, e, pair) }
	flags := []string{"--ssl-cert=" + pair.cert, "--ssl-key=" + pair.key}
	return harness.Run(m, harness.Options{Plain: true, Shards: 2, Flags: flags, Setup: setUp}, &env)
}

// start makes the schemas and the accounts of the plain server, and the one heddle of all tests.
func start(ctx context.Context, e *harness.Env, pair keyPair) error {
	var rules, backends, logical []string
	for _, s := range e.Shards {
		backends = append(backends, s.Addr())
	}
	for _, client := range clients {
		rules = append(rules, ruleOne(client, backends[0]), ruleMany(client, backends))
		logical = append(logical, client+"_plain")
	}
	if err := e.Plain.CreateSchema(ctx, logical...); err != nil {
		return err
	}
	for i, s := range e.Shards {
		if err := s.CreateSchema(ctx, schemasOn(i)...); err != nil {
			return err
		}
	}
	if err := fillBig(ctx, e.Plain, e.Shards); err != nil {
		return err
	}
	db, err := e.Plain.Open("")
	if err != nil {
		return err
	}
	defer db.Close()
	for _, grant := range []string{
		"CREATE USER native IDENTIFIED VIA mysql_native_password USING PASSWORD('" + nativePassword + "')",
		"GRANT ALL ON *.* TO native",
	} {
		if _, err := db.ExecContext(ctx, grant); err != nil {
			return fmt.Errorf("%s: %w", grant, err)
		}
	}
	users, err := usersDocument()
	if err != nil {
		return err
	}
	lab.heddle, err = e.SharedHeddle(ctx, harness.HeddleOptions{Rules: rules, Users: users, Set: map[string]string{
		"listen.tls.cert": pair.cert, "listen.tls.key": pair.key,
	}})
	return err
}

// usersDocument has an account without password, one for each plugin, and one that may enter a single database.
func usersDocument() (string, error) {
	native := wire.NativeStored([]byte(nativePassword))
	sha2, err := wire.NewSha2Verifier([]byte(sha2Password), []byte("abcdefghijklmnopqrst"))
	if err != nil {
		return "", err
	}
	hash := strings.ToUpper(hex.EncodeToString(native[:]))
	return fmt.Sprintf("users:\n  root: {}\n  native: {verifier: \"*%s\"}\n  sha2: {verifier: \"0x%x\"}\n"+
		"  fenced: {databases: [go_one]}\n", hash, sha2.String()), nil
}
