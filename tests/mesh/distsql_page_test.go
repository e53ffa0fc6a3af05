package mesh

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/tests/harness"
)

const distsqlPage = "../../docs/distsql.md"

// TestDistSQLPage runs the statements of docs/distsql.md in their order and compares what the mariadb client prints.
// HEDDLE_UPDATE_GUIDE=1 writes that into the page.
func TestDistSQLPage(t *testing.T) {
	text, err := os.ReadFile(distsqlPage)
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t, env.Etcd.Endpoint())
	l.administered()
	if err := dropSchema("shop"); err != nil {
		t.Fatal(err)
	}
	if err := env.Shards[1].CreateSchema(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dropSchema("shop") })
	a := l.start("a", "", "instance.zone", "north")
	l.start("b", "", "instance.zone", "south")
	page := &page{t: t, to: a, schema: l.database}
	for i, shard := range env.Shards {
		_, port, err := net.SplitHostPort(shard.Addr())
		if err != nil || len(port) != 5 {
			t.Fatalf("%s: the page has ports of five digits", shard.Addr())
		}
		shown := []string{"33061", "33062"}[i]
		page.into, page.from = append(page.into, shown, port), append(page.from, port, shown)
	}
	var out strings.Builder
	blocks := strings.Split(string(text), "```")
	for i, block := range blocks {
		if body, ok := strings.CutPrefix(block, "console\n"); ok && i%2 == 1 {
			blocks[i] = "console\n" + page.run(body)
		}
	}
	out.WriteString(strings.Join(blocks, "```"))
	switch {
	case out.String() == string(text):
	case os.Getenv("HEDDLE_UPDATE_GUIDE") != "":
		if err := os.WriteFile(distsqlPage, []byte(out.String()), 0o644); err != nil {
			t.Error(err)
		}
	default:
		was, is := strings.Split(string(text), "\n"), strings.Split(out.String(), "\n")
		for i := range min(len(was), len(is)) {
			if was[i] != is[i] {
				t.Fatalf("docs/distsql.md, line %d: HEDDLE_UPDATE_GUIDE=1 writes what is answered\n%s\n%s", i+1, was[i], is[i])
			}
		}
		t.Fatal("docs/distsql.md: HEDDLE_UPDATE_GUIDE=1 writes what is answered")
	}
}

// page is a page's statements on their way to an instance. It shows ports of its own.
type page struct {
	t          *testing.T
	to         *harness.Heddle
	schema     string
	into, from []string
}

// run runs the statements of a block and writes it anew.
func (p *page) run(body string) string {
	var out strings.Builder
	for line := range strings.Lines(body) {
		statement, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "mariadb> ")
		if !ok {
			continue
		}
		out.WriteString("mariadb> " + statement + "\n")
		out.WriteString(strings.NewReplacer(p.from...).Replace(p.client(strings.NewReplacer(p.into...).Replace(statement))))
		if strings.HasPrefix(statement, "CREATE DATABASE") {
			p.schema = "shop"
		}
	}
	return out.String()
}

// client runs the mariadb client as somebody at a terminal would.
func (p *page) client(statement string) string {
	host, port, err := net.SplitHostPort(p.to.Config("", "", "").Addr)
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.CommandContext(p.t.Context(), "mariadb", "--no-defaults", "--table", "--show-warnings", "--ssl=0", "-h", host, "-P", port, "-u", "dba", p.schema, "-e", statement)
	var both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &both, &both
	if err, exit := cmd.Run(), (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return echoed.ReplaceAllString(both.String(), "")
}

// echoed is the statement, which the client repeats above an error when it is not at a terminal.
var echoed = regexp.MustCompile(`(?s)^-{14}\n.*?\n-{14}\n\n`)
