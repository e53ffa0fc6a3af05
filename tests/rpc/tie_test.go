package rpc

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// While the service beside Heddle has one call under way its statements have that call's deadline without a word of its own. While it has two, or one has ended
// without its answer, and where nobody has said that they are tied, they have none.
func TestStatementsAreTiedToTheOnlyCall(t *testing.T) {
	for _, c := range []struct {
		name, by string
		others   bool
		twice    bool
		ended    bool // by the call's deadline
	}{
		{name: "the only call", by: "all", ended: true},
		{name: "behind one that was not answered", by: "all", twice: true},
		{name: "one of two", by: "all", others: true},
		{name: "its trace alone", by: "trace"},
		{name: "none", by: "none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := start(t, "routes: [{respond: {status: 200}}]", "rpc.tie_statements", c.by)
			db := orders(t, m)
			statements, held, release := make(chan error, 2), make(chan struct{}), make(chan struct{})
			service := server(t, func(_ http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/hold" {
					close(held)
					<-release
					return
				}
				_, err := db.ExecContext(context.WithoutCancel(r.Context()), "SELECT SLEEP(1.5) FROM orders WHERE id = 1")
				statements <- err
			})
			m.write(fmt.Sprintf("clusters: {web: {endpoints: [%q], local: true}}\nroutes: [{path: {prefix: /}, to: web}]\n", service))
			ask := func(path string, limit time.Duration) (int, error) {
				q, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+m.addr+path, nil)
				if err != nil {
					return 0, err
				}
				q.Header.Set(timeoutHeader, fmt.Sprint(limit.Milliseconds()))
				res, err := http.DefaultClient.Do(q)
				if err != nil {
					return 0, err
				}
				defer func() { _ = res.Body.Close() }()
				_, err = io.Copy(io.Discard, res.Body)
				return res.StatusCode, err
			}
			eventually(t, "the route is there", func() bool {
				return strings.Contains(m.routes(), service)
			})
			var other chan error
			if c.others {
				other = make(chan error, 1)
				go func() {
					_, err := ask("/hold", time.Minute)
					other <- err
				}()
				<-held
			}
			if c.twice { // whose statement is of no interest, but that it ends
				if status, err := ask("/rows", 300*time.Millisecond); status != http.StatusGatewayTimeout {
					t.Errorf("%d, %v", status, err)
				}
				<-statements
			}
			if status, err := ask("/rows", 300*time.Millisecond); status != http.StatusGatewayTimeout {
				t.Errorf("%d, %v", status, err)
			}
			if err := <-statements; c.ended && number(err) != tooLate || !c.ended && err != nil {
				t.Errorf("the statement: %v", err)
			}
			close(release)
			if other != nil {
				if err := <-other; err != nil {
					t.Error(err)
				}
			}
		})
	}
	quiet(t)
}
