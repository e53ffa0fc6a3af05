package interop

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// targets are what a client's program is told: NAME=host:port/database.
func targets(client string) []string {
	return []string{
		"plain=" + env.Plain.Addr() + "/" + client + "_plain",
		"one=" + lab.heddle.Addr + "/" + client + "_one",
		"many=" + lab.heddle.Addr + "/" + client + "_many",
	}
}

// runProgram runs a client's program with the targets as its last arguments and reports the checks it prints.
func runProgram(t *testing.T, client string, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	r := newRatchet(t, client)
	cmd := exec.CommandContext(ctx, name, append(args, targets(client)...)...)
	cmd.Env = append(os.Environ(), "INTEROP_CA="+lab.ca, "INTEROP_NATIVE="+nativePassword, "INTEROP_SHA2="+sha2Password)
	cmd.WaitDelay = time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := r.read(t, out)
	if err := cmd.Wait(); err != nil || !done {
		t.Errorf("%s did not come to its end: %v\n%s", client, err, stderr.String())
	}
}

// read reports the checks as the program prints them, and whether it came to its end.
func (r *ratchet) read(t *testing.T, out io.Reader) (done bool) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if check, ok := strings.CutPrefix(line, "ok "); ok {
			r.report(t, check, "")
		} else if rest, ok := strings.CutPrefix(line, "not ok "); ok {
			check, problem, _ := strings.Cut(rest, ": ")
			r.report(t, check, "failed: "+problem)
		} else if line == "done" {
			done = true
		} else {
			t.Log(line)
		}
	}
	return done
}
