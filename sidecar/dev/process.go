package dev

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// identity names one process for all time: a PID alone is reused. The zero value is no process.
type identity struct {
	PID   int    `json:"pid"`
	Start string `json:"start"` // when the process began, in the words of the operating system
	Boot  string `json:"boot"`  // which boot that time counts from; empty where the start time is absolute
}

// Child is a process that was started here and is not yet awaited.
type Child struct {
	id    identity
	ended chan struct{} // closed when the process has been reaped
	err   error         // how it ended; to be read after ended is closed
}

// PID of the process, also after its end.
func (c *Child) PID() int { return c.id.PID }

// Done is closed when the process has ended.
func (c *Child) Done() <-chan struct{} { return c.ended }

// Err says how the process ended, as exec.Cmd.Wait does; to be called after Done is closed.
func (c *Child) Err() error { return c.err }

// StartChild starts cmd in a process group of its own, on a goroutine that keeps its thread until the process has
// ended: the parent-death signal of Linux fires when the *thread* that forked ends, and a thread ends whenever some
// other goroutine exits while it is locked to it. cmd.SysProcAttr is set here.
func StartChild(cmd *exec.Cmd) (*Child, error) { return startChild(cmd, childAttr()) }

func startChild(cmd *exec.Cmd, attr *syscall.SysProcAttr) (*Child, error) {
	cmd.SysProcAttr = attr
	started := make(chan error, 1)
	c := &Child{ended: make(chan struct{})}
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		c.err = cmd.Wait()
		close(c.ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	c.id = identify(cmd.Process.Pid)
	return c, nil
}

// Signal sends sig unless the process has already been reaped. A process that is ending at this moment is still
// ours: its PID cannot be reused before the Wait above returns.
func (c *Child) Signal(sig syscall.Signal) error {
	select {
	case <-c.ended:
		return nil
	default:
	}
	if err := syscall.Kill(c.id.PID, sig); err != nil && err != syscall.ESRCH {
		return fmt.Errorf("signal process %d: %w", c.id.PID, err)
	}
	return nil
}

// Stop asks the process to end, and ends it when ctx does.
func (c *Child) Stop(ctx context.Context) error {
	if err := c.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	// A stopped process would never see the request above.
	if err := c.Signal(syscall.SIGCONT); err != nil {
		return err
	}
	select {
	case <-c.ended:
		return nil
	case <-ctx.Done():
		return c.Kill()
	}
}

// Kill ends the process at once and waits until it is gone.
func (c *Child) Kill() error {
	err := c.Signal(syscall.SIGKILL)
	if err == nil {
		<-c.ended
	}
	return err
}

// serves reports whether the command line args is a server of this data directory.
func serves(args []string, datadir string) bool {
	return slices.Contains(args, "--datadir="+datadir)
}

// endStranger ends a process that is not our child: SIGTERM, then SIGKILL when grace is over. It returns how the
// process ended, for the message to the user.
func endStranger(ctx context.Context, id identity, grace time.Duration) (string, error) {
	steps := []struct {
		sig  syscall.Signal
		how  string
		wait time.Duration
	}{{syscall.SIGTERM, "terminated", grace}, {syscall.SIGKILL, "killed", 5 * time.Second}}
	for _, s := range steps {
		if err := syscall.Kill(id.PID, s.sig); err != nil && err != syscall.ESRCH {
			return "", fmt.Errorf("end orphan process %d: %w", id.PID, err)
		}
		syscall.Kill(id.PID, syscall.SIGCONT)
		gone, err := awaitGone(ctx, id, s.wait)
		if err != nil {
			return "", err
		}
		if gone {
			return s.how, nil
		}
	}
	return "", fmt.Errorf("orphan process %d does not end", id.PID)
}

func awaitGone(ctx context.Context, id identity, patience time.Duration) (bool, error) {
	deadline := time.Now().Add(patience)
	for alive(id) {
		if time.Now().After(deadline) {
			return false, nil
		}
		select {
		case <-ctx.Done():
			return false, fmt.Errorf("wait for the end of orphan process %d: %w", id.PID, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
	return true, nil
}

// alive reports whether the process of that identity still runs.
func alive(id identity) bool { return id.PID > 0 && id.Start != "" && identify(id.PID) == id }

// splitNul splits the NUL-separated command line of /proc.
func splitNul(b []byte) []string { return strings.Split(strings.TrimRight(string(b), "\x00"), "\x00") }
