package interop

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// sysbenchRows is the size of sysbench's table.
const sysbenchRows = 2000

func TestSysbench(t *testing.T) {
	r := newRatchet(t, "sysbench")
	for _, target := range targets("sysbench") {
		name, rest, _ := strings.Cut(target, "=")
		addr, database, _ := strings.Cut(rest, "/")
		run := func(verb, script string, args ...string) error {
			return sysbench(t, addr, database, verb, script, args...)
		}
		r.check(t, name+"/prepare", func() error { return run("prepare", "oltp_read_write") })
		for _, mode := range []string{"disable", "auto"} {
			mode := "--db-ps-mode=" + mode
			r.check(t, name+"/point_select"+mode, func() error { return run("run", "oltp_point_select", mode) })
			r.check(t, name+"/read_write"+mode, func() error { return run("run", "oltp_read_write", mode, "--mysql-ignore-errors=1213,1205") })
		}
		r.check(t, name+"/rows", func() error { return sysbenchCheck(t, addr, database) })
		r.check(t, name+"/cleanup", func() error { return run("cleanup", "oltp_read_write") })
	}
}

// sysbench runs one of its scripts for a second; a run must have done something and met no error.
func sysbench(t *testing.T, addr, database, verb, script string, args ...string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sysbench", append(args, "--db-driver=mysql", "--mysql-host="+host, "--mysql-port="+port, "--mysql-user=root",
		"--mysql-db="+database, "--tables=1", "--table-size="+strconv.Itoa(sysbenchRows), "--threads=2", "--time=1", "--rand-type=uniform", script, verb)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, lastLines(out, 5))
	}
	if bytes.Contains(out, []byte("FATAL")) { // the exit code tells nothing of what fails in one of several threads of a preparation
		return fmt.Errorf("it has failed: %s", lastLines(out, 5))
	}
	if verb != "run" {
		return nil
	}
	found := regexp.MustCompile(`queries:\s+(\d+)`).FindSubmatch(out)
	if found == nil || string(found[1]) == "0" || !regexp.MustCompile(`reconnects:\s+0 `).Match(out) {
		return fmt.Errorf("no queries, or connections lost: %s", lastLines(out, 30))
	}
	t.Logf("%s %s %s: %s queries", database, script, args[0], found[1])
	return nil
}

// sysbenchCheck: every transaction deletes a row and inserts it again, so none may be missing.
func sysbenchCheck(t *testing.T, addr, database string) error {
	cfg := lab.heddle.Config("root", "", database)
	cfg.Addr = addr
	a, err := harness.Ask(t.Context(), harness.Open(t, cfg), "SELECT COUNT(*), MIN(id), MAX(id), COUNT(DISTINCT id) FROM sbtest1")
	if err != nil {
		return err
	}
	n := strconv.Itoa(sysbenchRows)
	return same(a.Rows, [][]any{{n, "1", n, n}})
}

func lastLines(out []byte, n int) string {
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-n):], []byte(" | ")))
}
