package replicas

import (
	"bytes"
	"net"
	osexec "os/exec"
	"regexp"
	"strconv"
	"syscall"
	"testing"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// sysbench is its read-write load through an instance, which ends with the first error that a client sees.
type sysbench struct {
	cmd  *osexec.Cmd
	out  bytes.Buffer
	done chan error
}

// sysbenchRows is how many its table has: every transaction deletes one and inserts it again.
const sysbenchRows = 2000

// startSysbench makes its table, and begins. Deadlocks are its own, and are tried again.
func startSysbench(t *testing.T, h *harness.Heddle, threads int) *sysbench {
	t.Helper()
	host, port, err := net.SplitHostPort(h.Config("root", "", "shop").Addr)
	if err != nil {
		t.Fatal(err)
	}
	command := func(verb string, threads int) *osexec.Cmd {
		return osexec.CommandContext(t.Context(), "stdbuf", "-oL", "sysbench", "--db-driver=mysql", // each line when it is written
			"--mysql-host="+host, "--mysql-port="+port, "--mysql-user=root",
			"--mysql-db=shop", "--tables=1", "--table-size="+strconv.Itoa(sysbenchRows), "--threads="+strconv.Itoa(threads), "--time=0",
			"--rand-type=uniform", "--mysql-ignore-errors=1213", "--report-interval=1", "oltp_read_write", verb)
	}
	// What fails in one of several threads of a preparation is printed, and the exit code is 0 all the same.
	if out, err := command("prepare", 1).CombinedOutput(); err != nil || bytes.Contains(out, []byte("FATAL")) {
		t.Fatalf("sysbench prepare: %v\n%s", err, out)
	}
	s := &sysbench{cmd: command("run", threads), done: make(chan error, 1)}
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.done <- s.cmd.Wait() }()
	return s
}

var sysbenchLine = regexp.MustCompile(`\[ (\d+)s \] .*tps: ([0-9.]+) .*lat \(ms,95%\): ([0-9.]+) err/s: ([0-9.]+) reconn/s: ([0-9.]+)`)

// end ends the load, and checks that it went on until then, on the connections that it began with.
func (s *sysbench) end(t *testing.T) {
	t.Helper()
	select {
	case err := <-s.done:
		t.Fatalf("sysbench has ended: %v\n%s", err, s.out.String())
	default:
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-s.done
	seconds, transactions, deadlocks, idle := 0.0, 0.0, 0.0, 0
	for _, m := range sysbenchLine.FindAllSubmatch(s.out.Bytes(), -1) {
		number := func(i int) float64 { v, _ := strconv.ParseFloat(string(m[i]), 64); return v }
		since := number(1) - seconds
		seconds = number(1)
		transactions += number(2) * since
		deadlocks += number(4) * since
		if number(2) == 0 {
			idle++
		}
		if number(5) != 0 {
			t.Errorf("sysbench had to connect again: %s", m[0])
		}
	}
	if transactions == 0 {
		t.Errorf("sysbench has done nothing:\n%s", s.out.String())
	}
	t.Logf("sysbench: %.0f transactions in %.0f seconds, 0 errors, %.0f deadlocks, no connection lost; %d of its reports are of no transaction", transactions, seconds, deadlocks, idle)
}
