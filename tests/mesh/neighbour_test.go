package mesh

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/governance/admin"
	"github.com/heddle-mesh/heddle/governance/layout"
)

// one is a connection and its id.
func one(t *testing.T, db *sql.DB) (*sql.Conn, uint32) {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // it may have been killed
	var id uint32
	if err := conn.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		t.Fatal(err)
	}
	return conn, id
}

// listed are the ids that a client sees, with what each runs, and the warnings.
func listed(t *testing.T, conn *sql.Conn, list string) (found map[uint32]string, warnings string) {
	t.Helper()
	rows, err := conn.QueryContext(t.Context(), list)
	if err != nil {
		t.Fatal(err)
	}
	found = map[uint32]string{}
	for rows.Next() {
		var id uint32
		var info sql.NullString
		var skip any
		err := rows.Scan(&id, &skip, &skip, &skip, &skip, &skip, &skip, &info, &skip)
		if err != nil {
			t.Fatal(err)
		}
		found[id] = info.String
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found, warningsOf(t, conn)
}

// warned runs a query and gives its warnings.
func warned(t *testing.T, conn *sql.Conn, text string) string {
	t.Helper()
	if _, err := conn.ExecContext(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	return warningsOf(t, conn)
}

func warningsOf(t *testing.T, conn *sql.Conn) (warnings string) {
	t.Helper()
	rows, err := conn.QueryContext(t.Context(), "SHOW WARNINGS")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var level, code, message string
		if err := rows.Scan(&level, &code, &message); err != nil {
			t.Fatal(err)
		}
		warnings += message + "\n"
	}
	return warnings
}

// One instance lists and ends the clients of another, as far as the account may; one that is frozen is named, and is waited for
// no longer than is told; who is no instance is not let in.
func TestClientsOfAllInstances(t *testing.T) {
	t.Parallel()
	l := newLab(t, env.Etcd.Endpoint())
	users := fmt.Sprintf("users: {root: {}, ann: {databases: [%s]}}\n", l.database)
	if _, err := l.admin.Users.Apply(t.Context(), admin.Application{Name: layout.Mesh, Document: []byte(users), Author: "test", Base: admin.AnyBase}); err != nil {
		t.Fatal(err)
	}
	a, b := l.start("a", ""), l.start("b", "")
	here, own := one(t, l.open(a))
	there, other := one(t, l.open(b))
	ann, _ := one(t, a.Open(t, "ann", "", l.database))
	_, annOther := one(t, b.Open(t, "ann", "", l.database))

	asleep := make(chan error, 1)
	go func() {
		_, err := there.ExecContext(context.WithoutCancel(t.Context()), "SELECT SLEEP(30)")
		asleep <- err
	}()
	eventually(t, 10*time.Second, "the statement of another instance's client", func() bool {
		found, warnings := listed(t, here, "SHOW PROCESSLIST")
		if warnings != "" {
			t.Fatalf("warnings: %s", warnings)
		}
		_, self := found[own]
		return self && found[other] == "SELECT SLEEP(30)"
	})
	if found, _ := listed(t, ann, "SHOW PROCESSLIST"); len(found) != 2 || found[other] != "" {
		t.Errorf("an account sees the clients of others: %v", found)
	} else if _, ok := found[annOther]; !ok {
		t.Errorf("an account does not see its own client of the other instance: %v", found)
	}
	var count int
	if err := here.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID IN (?, ?)", own, other).Scan(&count); err != nil || count != 2 {
		t.Errorf("information_schema.PROCESSLIST has %d of both: %v", count, err)
	}
	_, err := ann.ExecContext(t.Context(), fmt.Sprintf("KILL %d", other))
	if n := number(err); n != 1095 {
		t.Errorf("KILL of another account's: %v", err)
	}
	_, err = here.ExecContext(t.Context(), fmt.Sprintf("KILL %d", other+1000))
	if n := number(err); n != 1094 {
		t.Errorf("KILL of nobody: %v", err)
	}
	began := time.Now()
	if _, err := here.ExecContext(t.Context(), fmt.Sprintf("KILL QUERY %d", other)); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-asleep:
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("the statement ended after %v: %v", took, err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the statement of the other instance was not ended")
	}
	if err := there.PingContext(t.Context()); err != nil {
		t.Errorf("KILL QUERY has ended the session: %v", err)
	}
	if _, err := here.ExecContext(t.Context(), fmt.Sprintf("KILL %d", other)); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, "the end of the session", func() bool { return there.PingContext(t.Context()) != nil })

	strangers(t, l)

	if err := b.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.Signal(syscall.SIGCONT); err != nil {
			t.Error(err)
		}
	}()
	began = time.Now()
	found, warnings := listed(t, here, "SHOW PROCESSLIST")
	if took := time.Since(began); !strings.Contains(warnings, "instance b did not answer") || took > 6*time.Second {
		t.Errorf("a frozen instance after %v: %q", took, warnings)
	}
	if _, self := found[own]; !self {
		t.Errorf("the own clients are missing: %v", found)
	}
	for _, text := range []string{"SELECT id FROM heddle.sessions WHERE user = 'root'", "SELECT COUNT(*) FROM heddle.sessions"} {
		if warnings := warned(t, here, text); warnings != "instance b did not answer: its rows are missing\n" {
			t.Errorf("%s with a frozen instance: %q", text, warnings)
		}
	}
	_, err = here.ExecContext(t.Context(), fmt.Sprintf("KILL %d", annOther))
	if n := number(err); n != 1105 || !strings.Contains(err.Error(), "instance b did not answer") {
		t.Errorf("KILL at a frozen instance: %v", err)
	}
}

// strangers ask without being an instance: with no certificate, and with one of their own.
func strangers(t *testing.T, l *lab) {
	t.Helper()
	kvs, err := l.store.List(t.Context(), layout.Neighbours)
	if err != nil || len(kvs.KVs) != 2 {
		t.Fatalf("%d instances can be asked: %v", len(kvs.KVs), err)
	}
	var at struct{ Address string }
	if err := json.Unmarshal(kvs.KVs[0].Value, &at); err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	for what, certificates := range map[string][]tls.Certificate{"none": nil, "its own": {{Certificate: [][]byte{der}, PrivateKey: key}}} {
		client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: certificates},
		}}
		res, err := client.Post("https://"+at.Address+"/sessions", "application/json", strings.NewReader(`{"user":"root","all":true}`))
		if err == nil {
			_ = res.Body.Close()
			t.Errorf("a stranger with %s as a certificate is answered: %s", what, res.Status)
		}
	}
}
