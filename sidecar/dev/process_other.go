//go:build unix && !linux

package dev

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// childAttr: there is no parent-death signal here; the record of the server alone finds orphans.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// identify asks ps, which prints the absolute start time to the second: enough, together with the --datadir
// argument, to tell a process from a later one of the same PID.
func identify(pid int) identity {
	out, err := exec.Command("ps", "-o", "stat=,lstart=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return identity{}
	}
	state, start, ok := strings.Cut(strings.TrimSpace(string(out)), " ")
	if !ok || strings.HasPrefix(state, "Z") {
		return identity{}
	}
	return identity{PID: pid, Start: strings.TrimSpace(start)}
}

// commandLine returns the words of a process' command line, or nil. ps does not show where an argument with a blank
// begins: such a data directory is not recognised, and its orphan is left alone.
func commandLine(pid int) []string {
	out, err := exec.Command("ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return nil
	}
	return strings.Fields(string(out))
}

// findServer looks through all processes for a server of this data directory.
func findServer(datadir string) identity {
	out, err := exec.Command("ps", "-axww", "-o", "pid=,command=").Output()
	if err != nil {
		return identity{}
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		if len(words) > 1 && serves(words[1:], datadir) {
			pid, err := strconv.Atoi(words[0])
			if err == nil {
				return identify(pid)
			}
		}
	}
	return identity{}
}
