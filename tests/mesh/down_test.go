package mesh

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// Instances that start before any data source answers, and before there are rules, carry calls and accept statements later.
func TestNoDataSourceAtTheStart(t *testing.T) {
	t.Parallel()
	l := newLab(t, env.Etcd.Endpoint())
	relay := harness.NewRelay(t, env.Shards[0].Addr())
	relay.Refuse(true)
	l.must(0, nil, "apply", "-f", l.file(fmt.Sprintf("clusters: {web: {endpoints: [%q]}}\nroutes: [{to: web}]\n", service(t, "one"))))
	l.apply(fmt.Sprintf("database: %s\ndata_sources:\n  ds_0: {address: %q, user: root}\n", l.database, relay.Addr()))
	addr, admin := freeAddr(t), freeAddr(t)
	h := l.start("a", "", "rpc.address", addr, "admin.address", admin)
	res, err := http.Get("http://" + addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || string(body) != "one" {
		t.Errorf("a call while no data source answers: %d %q %v", res.StatusCode, body, err)
	}
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
	if got := fetch(t, admin, "/readyz"); !strings.HasPrefix(got, "ok\nstatements are not accepted yet: no data source answers: ") {
		t.Errorf("/readyz: %q", got)
	}
	relay.Refuse(false)
	eventually(t, 30*time.Second, "statements are accepted", func() bool { return fetch(t, admin, "/readyz") == "ok\n" })
	answers(t, l.open(h), "SELECT 1", "1")
}

// A process that is there for statements alone waits too, and says so.
func TestStatementsAloneWait(t *testing.T) {
	t.Parallel()
	r := harness.NewRelay(t, env.Shards[0].Addr())
	r.Refuse(true)
	admin := freeAddr(t)
	type started struct {
		h   *harness.Heddle
		err error
	}
	done := make(chan started, 1)
	go func() {
		h, err := env.StartHeddle(t.Context(), harness.HeddleOptions{
			Rules: []string{fmt.Sprintf("data_sources:\n  ds_0: {address: %q, user: root}\n", r.Addr())}, Users: "users: {root: {}}\n",
			Set: map[string]string{"admin.address": admin}, Wait: time.Minute,
		})
		done <- started{h, err}
	}()
	eventually(t, 30*time.Second, "it says what it waits for", func() bool {
		res, err := http.Get("http://" + admin + "/readyz")
		if err != nil {
			return false // not yet
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		return err == nil && res.StatusCode == http.StatusServiceUnavailable && strings.Contains(string(body), "no data source answers: ")
	})
	r.Refuse(false)
	is := <-done
	if is.err != nil {
		t.Fatal(is.err)
	}
	answers(t, is.h.Open(t, "root", "", ""), "SELECT 1", "1")
	if err := is.h.Close(); err != nil {
		t.Error(err)
	}
}
