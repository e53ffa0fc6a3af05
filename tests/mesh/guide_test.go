package mesh

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/governance/admin"
	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/tests/harness"
)

const guidePath = "../../docs/dba.md"

// guide is the guide for DBAs, run: its files are written, its statements sent and its commands run, in their order.
type guide struct {
	t       *testing.T
	lab     *lab
	dir     string
	path    string
	servers *strings.Replacer // the guide's addresses to the test's
	shown   *strings.Replacer // and back
	run     func(sql string)
}

var (
	moments  = regexp.MustCompile(`20\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ`)
	fences   = regexp.MustCompile("(?s)(?:<!-- (file: \\S+|sql) -->\n)?```(\\w+)\n(.*?)```")
	programs = regexp.MustCompile(`(?m)^\$ (.*)$`)
)

// TestGuide: the guide's commands answer what it shows. HEDDLE_UPDATE_GUIDE=1 writes what they answer into it.
func TestGuide(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(guidePath)
	if err != nil {
		t.Fatal(err)
	}
	g := newGuide(t)
	got := fences.ReplaceAllStringFunc(string(text), func(block string) string {
		m := fences.FindStringSubmatch(block)
		switch note, language, body := m[1], m[2], m[3]; {
		case strings.HasPrefix(note, "file: "):
			g.write(strings.TrimPrefix(note, "file: "), body)
		case note == "sql":
			for statement := range strings.SplitSeq(body, ";\n") {
				if strings.TrimSpace(statement) != "" {
					g.run(statement)
				}
			}
		case language == "console":
			var out strings.Builder
			out.WriteString("```console\n")
			for _, command := range programs.FindAllStringSubmatch(body, -1) {
				fmt.Fprintf(&out, "$ %s\n%s", command[1], g.command(command[1]))
			}
			return out.String() + "```"
		}
		return block
	})
	if got == string(text) {
		return
	}
	if os.Getenv("HEDDLE_UPDATE_GUIDE") != "" {
		if err := os.WriteFile(guidePath, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	was, now := strings.Split(string(text), "\n"), strings.Split(got, "\n")
	for i := range min(len(was), len(now)) {
		if was[i] != now[i] {
			t.Fatalf("docs/dba.md, line %d, shows\n%s\nand the commands answer (HEDDLE_UPDATE_GUIDE=1 writes it)\n%s", i+1,
				strings.Join(was[i:min(len(was), i+12)], "\n"), strings.Join(now[i:min(len(now), i+12)], "\n"))
		}
	}
	t.Fatalf("docs/dba.md has %d lines, and should have %d", len(was), len(now))
}

func newGuide(t *testing.T) *guide {
	t.Helper()
	binary, err := env.Binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(binary, filepath.Join(bin, "heddle")); err != nil {
		t.Fatal(err)
	}
	l := newLab(t, env.Etcd.Endpoint())
	for _, shard := range env.Shards { // the guide's database has a name that others may have left
		if err := direct(shard.Config(l.database), "DROP DATABASE IF EXISTS shop", "CREATE DATABASE shop"); err != nil {
			t.Fatal(err)
		}
	}
	var first *harness.Heddle
	for i, zone := range []string{"a", "b", "c"} {
		h := l.start(fmt.Sprint("proxy-", i+1), "", "instance.zone", zone)
		if first == nil {
			first = h
		}
	}
	// They run a document so that they start; it is out of the way before the guide begins.
	if _, err := l.admin.Rules.Drop(t.Context(), l.database, "test", "", admin.AnyBase); err != nil {
		t.Fatal(err)
	}
	users := admin.Application{Name: layout.Mesh, Document: []byte("users: {root: {}} # the accounts\n"), Author: "dba", Base: admin.AnyBase}
	if _, err := l.admin.Users.Apply(t.Context(), users); err != nil {
		t.Fatal(err)
	}
	ds0, ds1 := env.Shards[0].Addr(), env.Shards[1].Addr()
	g := &guide{t: t, lab: l, dir: dir, path: bin + ":" + os.Getenv("PATH"),
		servers: strings.NewReplacer("10.0.0.10:3306", ds0, "10.0.0.11:3306", ds1),
		shown:   strings.NewReplacer(ds0, "10.0.0.10:3306", ds1, "10.0.0.11:3306")}
	g.run = func(sql string) {
		if _, err := first.Open(t, "root", "", "shop").ExecContext(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	return g
}

func (g *guide) write(name, text string) {
	g.t.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, name), []byte(g.servers.Replace(text)), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

// command runs a line of the guide as a shell does, and returns what a terminal shows.
func (g *guide) command(line string) string {
	g.t.Helper()
	cmd := exec.CommandContext(g.t.Context(), "bash", "-c", line)
	cmd.Dir = g.dir
	cmd.Env = append(os.Environ(), "PATH="+g.path, "USER=dba", "HEDDLE_ETCD_ENDPOINTS="+g.lab.endpoint, "HEDDLE_ETCD_PREFIX=/"+g.lab.database)
	out, err := cmd.CombinedOutput()
	if err != nil && len(out) == 0 {
		g.t.Errorf("%s: %v", line, err)
	}
	return moments.ReplaceAllString(g.shown.Replace(string(out)), "2026-11-27 09:30:00Z")
}
