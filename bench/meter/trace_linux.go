package meter

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// Tracer counts the system calls of a process, of all kinds and by all its threads. The process is slower meanwhile.
type Tracer struct {
	cmd  *exec.Cmd
	says *bufio.Reader
}

// Trace begins to count; strace has to be installed.
func Trace(ctx context.Context, pid int) (*Tracer, error) {
	cmd := exec.CommandContext(ctx, "strace", "-f", "-c", "-U", "calls,name", "-p", strconv.Itoa(pid))
	out, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start strace: %w", err)
	}
	t := &Tracer{cmd, bufio.NewReader(out)}
	for {
		line, err := t.says.ReadString('\n')
		if strings.Contains(line, "attached") { // to all the threads that there are
			return t, nil
		}
		if err != nil {
			return nil, fmt.Errorf("strace has not begun: %s: %w", line, errors.Join(err, cmd.Wait()))
		}
	}
}

// End ends it and tells how many calls there were.
func (t *Tracer) End() (calls int64, err error) {
	if err := t.cmd.Process.Signal(syscall.SIGINT); err != nil {
		return 0, fmt.Errorf("end strace: %w", err)
	}
	text, err := io.ReadAll(t.says)
	ended := t.cmd.Wait()
	if exit := (*exec.ExitError)(nil); errors.As(ended, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGINT {
		ended = nil // it ends by what has interrupted it
	}
	if err = errors.Join(err, ended); err != nil {
		return 0, fmt.Errorf("end strace: %w", err)
	}
	return sumCalls(string(text))
}

// sumCalls reads the table of strace -c -U calls,name: its last line has the sum.
func sumCalls(text string) (int64, error) {
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) == 2 && f[1] == "total" {
			return strconv.ParseInt(f[0], 10, 64)
		}
	}
	return 0, fmt.Errorf("strace tells no sum: %q", text)
}
