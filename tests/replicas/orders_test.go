package replicas

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/governance/admin"
	"github.com/heddle-mesh/heddle/governance/claim"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/governance/store/etcdstore"
	meshdocs "github.com/heddle-mesh/heddle/sidecar/mesh"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// mesh is an etcd's prefix whose rules read the replicas of clusters.
type mesh struct {
	prefix string
	store  store.Store
	admin  *meshdocs.Admin
}

func newMesh(t *testing.T, splitting string, all ...*harness.Replicated) *mesh {
	t.Helper()
	m := &mesh{prefix: "rw_" + strings.ToLower(rand.Text()[:8])}
	s, err := etcdstore.Open(etcdstore.Config{Endpoints: []string{env.Etcd.Endpoint()}, Prefix: m.prefix, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	m.store = s
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := claim.Fresh(t.Context(), s, time.Now(), "test"); err != nil {
		t.Fatal(err)
	}
	a, err := meshdocs.NewAdmin(s, "test", 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	m.admin = a
	for _, d := range []struct {
		of         *admin.Documents
		name, text string
	}{{a.Users, layout.Mesh, "users: {root: {}, other: {}, dba: {admin: true}}\n"}, {a.Rules, "shop", rules(splitting, all...)}} {
		if _, err := d.of.Apply(t.Context(), admin.Application{Name: d.name, Document: []byte(d.text), Author: "test", Base: admin.AnyBase}); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// start starts an instance.
func (m *mesh) start(t *testing.T, name string, set ...string) *harness.Heddle {
	t.Helper()
	fields := map[string]string{"etcd.endpoints": env.Etcd.Endpoint(), "etcd.prefix": "/" + m.prefix, "instance.name": name, "pool.connect_timeout": "2s"}
	for i := 0; i < len(set); i += 2 {
		fields[set[i]] = set[i+1]
	}
	return env.Heddle(t, harness.HeddleOptions{Set: fields})
}

// command runs heddle rw.
func (m *mesh) command(t *testing.T, args ...string) (out string, code int) {
	t.Helper()
	cmd := m.prepare(t.Context(), t, args...)
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	err := cmd.Run()
	if exit, ok := errors.AsType[*osexec.ExitError](err); ok {
		return text.String(), exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return text.String(), 0
}

func (m *mesh) prepare(ctx context.Context, t *testing.T, args ...string) *osexec.Cmd {
	t.Helper()
	binary, err := env.Binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := osexec.CommandContext(ctx, binary, append([]string{"rw", "--etcd-endpoints", env.Etcd.Endpoint(), "--etcd-prefix", "/" + m.prefix}, args...)...)
	if cmd.Env = os.Environ(); os.Getenv("HEDDLE_SWITCHOVER_USER") == "" {
		cmd.Env = append(cmd.Env, "HEDDLE_SWITCHOVER_USER=root")
	}
	return cmd
}

// must is command where nothing but success will do.
func (m *mesh) must(t *testing.T, args ...string) string {
	t.Helper()
	out, code := m.command(t, args...)
	if code != 0 {
		t.Fatalf("heddle rw %s: exit code %d\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// TestOrders: what an operator says of servers is done by all instances at once, outlasts them, and is shown.
func TestOrders(t *testing.T) {
	c := cluster(t, 2)
	m := newMesh(t, "{balancer: weighted, read_your_writes: off}", c)
	a, b := m.start(t, "a"), m.start(t, "b")
	onA, onB := one(t, a), one(t, b)
	reads := start(t, a, 4, func(ctx context.Context, db *sql.DB, _ int) error {
		var id int
		return db.QueryRowContext(ctx, "SELECT id FROM whoami").Scan(&id)
	})
	reads.more(t, 50)
	share := func() int {
		n := 0
		for range 200 { // beside those of reads: which of them a replica gets is left to chance
			if value(t, onA, "SELECT id FROM whoami") == "2" {
				n++
			}
		}
		return n
	}
	if n := share(); n < 50 || n > 150 {
		t.Errorf("of 200 reads %d are answered by one of two replicas of equal weight", n)
	}
	m.must(t, "weight", "ds_0/replica2", "9")
	if n := share(); n < 150 {
		t.Errorf("of 200 reads %d are answered by a replica of weight 9", n)
	}
	m.must(t, "weight", "ds_0/replica2", "default")

	began := time.Now()
	out := m.must(t, "drain", "ds_0/"+c.Servers[1].Addr(), "--reason", "a new disk", "--author", "ann")
	t.Logf("drained in %v: %s", time.Since(began).Round(time.Millisecond), out)
	for range 20 {
		for _, conn := range []*sql.Conn{onA, onB} {
			if got := value(t, conn, "SELECT id FROM whoami"); got == "1" {
				t.Fatalf("a drained server answers: %s", got)
			}
		}
	}
	if n, err := c.Value(t.Context(), 1, "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'heddle' AND db IS NOT NULL"); err != nil || n != "0" {
		t.Errorf("%s connections to the drained server are there: %v", n, err)
	}
	status := m.must(t, "status")
	t.Logf("\n%s", status)
	for _, want := range []string{"drained", "by ann: a new disk", "│ 0 of 0"} {
		if !strings.Contains(status, want) {
			t.Errorf("status does not say %q", want)
		}
	}
	var sources []struct {
		Servers []struct {
			Name, State string
			Since       *time.Time
			Instances   int
			Answered    uint64
		}
	}
	if err := json.Unmarshal([]byte(m.must(t, "status", "-o", "json")), &sources); err != nil {
		t.Fatal(err)
	}
	if s := sources[0].Servers[1]; s.Name != "replica1" || s.State != "drained" || s.Since == nil || s.Since.Before(began.Add(-time.Second)) || s.Instances != 2 || s.Answered == 0 {
		t.Errorf("as programs read it: %+v", s)
	}
	if out, code := m.command(t, "drain", "ds_0/replica2"); code != 1 || !strings.Contains(out, "No replica of ds_0 is left to be read") || !strings.Contains(out, "--yes") {
		t.Errorf("the last replica: exit code %d\n%s", code, out)
	}
	if out, code := m.command(t, "disable", "ds_0/declared", "--yes"); code != 2 || !strings.Contains(out, "heddle rw promote") {
		t.Errorf("the primary: exit code %d\n%s", code, out)
	}
	if out, code := m.command(t, "drain", "ds_0/replica7"); code != 1 || !strings.Contains(out, "it has declared (") {
		t.Errorf("no such server: exit code %d\n%s", code, out)
	}
	if got := value(t, one(t, m.start(t, "late")), "SELECT id FROM whoami"); got == "1" {
		t.Errorf("a new instance reads from %s", got)
	}
	m.must(t, "enable", "ds_0/replica1")
	m.must(t, "disable", "ds_0/replica2")
	for range 20 {
		if got := value(t, onB, "SELECT id FROM whoami"); got == "2" {
			t.Fatalf("answered by %s", got)
		}
	}
	// As long as reads go on, a look at once tells how many there are in a second, of replica1 and of the two instances together.
	eventually(t, "heddle rw status tells how much replica1 answers in a second", func() bool {
		var now []struct {
			Servers []struct {
				PerSecond *float64 `json:"per_second"`
				FailedPer *float64 `json:"failed_per_second"`
			}
		}
		if err := json.Unmarshal([]byte(m.must(t, "status", "-o", "json")), &now); err != nil {
			t.Fatal(err)
		}
		s := now[0].Servers[1]
		return s.PerSecond != nil && *s.PerSecond > 0 && s.FailedPer != nil
	})
	if out := m.must(t, "status"); !strings.Contains(out, " errors/s │ reason") {
		t.Errorf("the table has no rates:\n%s", out)
	}
	lines := strings.Split(strings.TrimSpace(m.must(t, "watch", "--count", "4", "-o", "json")), "\n")
	var looks []struct {
		Servers []struct {
			PerSecond *float64 `json:"per_second"`
		}
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &looks); err != nil || len(lines) != 4 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	if rate := looks[0].Servers[1].PerSecond; rate == nil || *rate <= 0 {
		t.Errorf("nothing is answered: %s", lines[len(lines)-1])
	}
	watched := m.must(t, "watch", "--count", "2")
	for _, column := range []string{"since", "zone", "weight", "/s", "errors/s"} {
		if !strings.Contains(watched, " "+column+" ") {
			t.Errorf("watch has no column %s:\n%s", column, watched)
		}
	}
	t.Logf("\n%s", watched)
	m.must(t, "disable", "ds_0/replica1", "--yes")
	if got := value(t, onB, "SELECT id FROM whoami"); got != "0" {
		t.Errorf("answered by %s", got)
	}
	if reads.end(); len(reads.failed) > 0 {
		t.Errorf("reads failed: %q", reads.failed)
	}
	t.Logf("%d reads, the longest took %v", reads.done, reads.longest.Round(time.Millisecond))
}

// TestOrdersBySQL: a replica is disabled and enabled by a statement as by the command, on all instances, by accounts that may, and not where
// nothing would be left to be read.
func TestOrdersBySQL(t *testing.T) {
	c := cluster(t, 2)
	m := newMesh(t, "{balancer: weighted, read_your_writes: off}", c)
	a, b := m.start(t, "a"), m.start(t, "b")
	dba := a.Open(t, "dba", "", "shop")
	refused := func(on *harness.Heddle, user, statement string, number uint16, says string) {
		t.Helper()
		_, err := on.Open(t, user, "", "shop").ExecContext(t.Context(), statement)
		if code(err) != number || !strings.Contains(err.Error(), says) {
			t.Errorf("%s, by %s: %v; want %d that says %q", statement, user, err, number, says)
		}
	}
	const disable, enable = "ALTER READWRITE_SPLITTING RULE ds_0 DISABLE replica1 FROM shop", "ALTER READWRITE_SPLITTING RULE ds_0 ENABLE replica1"
	refused(a, "root", disable, 1227, "admin")
	exec(t, dba, disable)
	for range 20 {
		for _, h := range []*harness.Heddle{a, b} {
			if got := value(t, h.Open(t, "root", "", "shop"), "SELECT id FROM whoami"); got != "2" {
				t.Fatalf("answered by %s while 1 is disabled", got)
			}
		}
	}
	states := func() (out string) {
		rows, err := dba.QueryContext(t.Context(), "SHOW STATUS FROM READWRITE_SPLITTING RULES")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var name, unit, status, state, why string
			if err := rows.Scan(&name, &unit, &status, &state, &why); err != nil {
				t.Fatal(err)
			}
			out += status + " " + state + " " + why + "; "
		}
		return out
	}
	if got := states(); !strings.HasPrefix(got, "DISABLED disabled by dba@") || !strings.Contains(got, "; ENABLED up ; ") {
		t.Errorf("the states are %s", got)
	}
	if out := m.must(t, "status"); !strings.Contains(out, "by dba@") {
		t.Errorf("who said it is not told:\n%s", out)
	}
	refused(a, "dba", "ALTER READWRITE_SPLITTING RULE ds_0 DISABLE declared", 1105, "it takes the writes")
	refused(b, "dba", "ALTER READWRITE_SPLITTING RULE ds_0 DISABLE '"+c.Servers[2].Addr()+"'", 1105, "heddle rw disable ds_0/"+c.Servers[2].Addr()+" --yes")
	refused(a, "dba", "ALTER READWRITE_SPLITTING RULE ds_0 ENABLE replica7", 1105, "it has declared (")
	refused(a, "dba", "ALTER READWRITE_SPLITTING RULE elsewhere ENABLE replica1", 1105, "there is no read/write splitting rule elsewhere")
	exec(t, b.Open(t, "dba", "", "shop"), enable)
	eventually(t, "it is read again", func() bool { return value(t, one(t, a), "SELECT id FROM whoami") == "1" })
	if got := states(); strings.Contains(got, "DISABLED") {
		t.Errorf("the states are %s", got)
	}
	refused(serve(t, "{}", c), "dba", disable, 1235, "etcd")
}

// rules are those of serve.
func rules(splitting string, all ...*harness.Replicated) string {
	var sources, slots strings.Builder
	for i, c := range all {
		var replicas []string
		for _, s := range c.Servers[1:] {
			replicas = append(replicas, strconv.Quote(s.Addr()))
		}
		fmt.Fprintf(&sources, "  ds_%d: {address: %q, replicas: [%s]}\n", i, c.Servers[0].Addr(), strings.Join(replicas, ", "))
		fmt.Fprintf(&slots, "  ds_%d: %d-%d\n", i, i*16384/len(all), (i+1)*16384/len(all)-1)
	}
	return "database: shop\ndefaults: {user: heddle}\ndata_sources:\n" + sources.String() + "slots:\n" + slots.String() +
		"tables:\n  notes: {key: id}\nsingle: {ds_0: [whoami]}\nread_write_splitting: " + splitting + "\n"
}
