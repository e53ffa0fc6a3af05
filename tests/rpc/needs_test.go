package rpc

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// A route that needs a data source lets fewer calls in while that is slow, hardly any while it is down, and all again when it does well. Other routes
// are not touched.
func TestDataSourceOfCalls(t *testing.T) {
	relay := harness.NewRelay(t, env.Shards[0].Addr())
	m := &mesh{t: t, file: filepath.Join(t.TempDir(), "routes.yaml")}
	m.write(fmt.Sprintf(`
clusters: {web: {endpoints: [%q]}}
routes:
- {name: rows, path: {prefix: /rows}, to: web, needs: [{data_source: ds_0, slow: 100ms}]}
- {name: all, path: {prefix: /}, to: web, needs: [elsewhere]}
`, server(t, says("rows"))))
	for _, addr := range []*string{&m.addr, &m.admin} {
		var err error
		if *addr, err = harness.FreeAddr(); err != nil {
			t.Fatal(err)
		}
	}
	m.Heddle = env.Heddle(t, harness.HeddleOptions{
		Rules: []string{fmt.Sprintf("database: shop\ndata_sources:\n  ds_0: {address: %q, user: root}\n", relay.Addr())}, Users: "users: {root: {}}\n",
		Set: map[string]string{"rpc.address": m.addr, "rpc.file": m.file, "admin.address": m.admin, "pool.connect_timeout": "1s"},
	})
	db := m.Open(t, "root", "", "shop")
	// turnedAway keeps the server busy, and says how many of 20 calls were turned away, and how.
	turnedAway := func(statement string) (n int, why string) {
		var work sync.WaitGroup
		for range 4 {
			work.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				_, _ = db.ExecContext(ctx, statement) // which is as it may be while the server is away
			})
		}
		defer work.Wait()
		for range 20 {
			status, body := get(t, "http://"+m.addr+"/rows")
			if status != http.StatusOK {
				n, why = n+1, fmt.Sprintf("%d %s", status, body)
			}
			if status, body := get(t, "http://"+m.addr+"/other"); status != http.StatusOK {
				t.Fatalf("another route is answered %d %s", status, body)
			}
		}
		return n, why
	}
	none := func(what string) {
		t.Helper()
		eventually(t, what, func() bool { n, _ := turnedAway("DO 1"); return n == 0 && strings.Contains(m.routes(), `"share":1}`) })
	}
	none("all are let in")
	eventually(t, "while it is slow some are turned away", func() bool {
		n, why := turnedAway("DO SLEEP(0.3)")
		return n >= 4 && strings.Contains(why, "503 ") && strings.Contains(why, "the data source ds_0, which the route needs, can take no more calls: its answers take 3")
	})
	none("all are let in again")
	relay.Refuse(true)
	relay.Cut()
	eventually(t, "while it is down nearly all are turned away", func() bool {
		n, why := turnedAway("DO 1")
		return n >= 18 && strings.Contains(why, "it is down: ")
	})
	if routes := m.routes(); !strings.Contains(routes, `"needs":[{"data_source":"ds_0","share":0,"why":"it is down: `) || !strings.Contains(routes, "no data source of this instance is called so") {
		t.Errorf("operators see %s", routes)
	}
	relay.Refuse(false)
	none("all are let in when it is back")
	_, metrics := get(t, "http://"+m.admin+"/metrics")
	if !strings.Contains(metrics, `heddle_rpc_shed_total{cluster="",priority="normal",route="rows"}`) {
		t.Error("nobody has counted who was turned away")
	}
}

// routes are what operators see of them.
func (m *mesh) routes() string {
	m.t.Helper()
	_, body := get(m.t, "http://"+m.admin+"/mesh")
	return body
}
