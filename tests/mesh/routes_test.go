package mesh

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// service answers its name.
func service(t *testing.T, name string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) }))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// Routes of calls live in etcd as rules do: applied by a command, adopted by every instance, tried by some of them, rolled back.
func TestRoutes(t *testing.T) {
	t.Parallel()
	l := newLab(t, env.Etcd.Endpoint())
	addrs, admins := map[string]string{}, map[string]string{}
	instances := map[string]*harness.Heddle{}
	for _, name := range []string{"a", "b"} {
		addr, err := harness.FreeAddr()
		if err != nil {
			t.Fatal(err)
		}
		admin, err := harness.FreeAddr()
		if err != nil {
			t.Fatal(err)
		}
		addrs[name], admins[name] = addr, admin
		instances[name] = l.start(name, "", "rpc.address", addr, "admin.address", admin)
	}
	asks := func(instance string) (status int, body string) {
		res, err := http.Get("http://" + addrs[instance] + "/")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(text)
	}
	answers := func(instance, want string) {
		t.Helper()
		eventually(t, 10*time.Second, instance+" answers "+want, func() bool { _, body := asks(instance); return body == want })
	}
	runs := func(instance, source string, version int64, text string) {
		t.Helper()
		res, err := http.Get("http://" + admins[instance] + "/mesh/document")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var d struct {
			Source, Document string
			Version          int64
		}
		if err := json.NewDecoder(res.Body).Decode(&d); err != nil || d.Source != source || d.Version != version || d.Document != text {
			t.Errorf("%s says that it runs %+v, %v", instance, d, err)
		}
	}
	runs("a", "none", 0, "")
	if status, _ := asks("a"); status != http.StatusNotFound {
		t.Errorf("without a route a call is answered %d", status)
	}
	to := func(name string) string {
		return fmt.Sprintf("clusters: {web: {endpoints: [%q]}}\nroutes: [{to: web}]\n", service(t, name))
	}
	one, two := to("one"), to("two")

	wrong := l.rules("") + "---\nusers: {root: {}}\n--- # of calls\nroutes:\n- {to: nobody}\n"
	line := strings.Count(wrong, "\n")
	l.must(3, []string{fmt.Sprintf("%d:8: there is no cluster nobody", line)}, "validate", "-f", l.file(wrong))
	l.must(3, []string{fmt.Sprintf("%d:8: there is no cluster nobody", line)}, "apply", "-f", l.file(wrong))

	l.must(0, []string{"routes/mesh: version 1 is in force", "rules/" + l.database + ": unchanged"}, "apply", "-f", l.file(l.rules("")+"---\n"+one))
	answers("a", "one")
	answers("b", "one")
	l.must(0, []string{"-clusters", "+clusters"}, "diff", "-f", l.file(two))
	l.must(0, []string{"routes/mesh"}, "apply", "--canary", "instance=b", "-f", l.file(two))
	answers("b", "two")
	answers("a", "one")
	runs("b", "etcd", 2, two)
	runs("a", "etcd", 1, one)
	l.must(0, nil, "abort", "--routes")
	answers("b", "one")
	l.must(0, nil, "apply", "-f", l.file(two))
	answers("a", "two")
	l.must(0, []string{"routes/mesh"}, "rollback", "--routes", "--to", "1")
	answers("a", "one")
	answers("b", "one")
	l.must(0, []string{one}, "get", "--routes")
	l.must(0, []string{"routes/mesh"}, "status")
	l.must(0, nil, "history", "--routes")

	// An instance that starts without etcd has the routes that it had.
	dir := instances["a"].Dir
	if err := instances["a"].Close(); err != nil {
		t.Fatal(err)
	}
	options := l.options("a", dir, "rpc.address", addrs["a"], "admin.address", admins["a"], "etcd.endpoints", "127.0.0.1:1")
	options.Wait = time.Minute
	env.Heddle(t, options)
	answers("a", "one")
	runs("a", "copy", 1, one)
}
