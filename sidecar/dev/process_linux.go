package dev

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// childAttr: SIGTERM rather than SIGKILL at the parent's death, so that the data directory is closed in order.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// identify reads who has this PID now; the zero identity if nobody, or only a zombie, has. Field 22 of
// /proc/PID/stat is the start in clock ticks since boot (proc(5)); the name in field 2 may hold blanks and
// parentheses, so fields are counted from the last ')'.
func identify(pid int) identity {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return identity{}
	}
	text := string(stat)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return identity{}
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return identity{}
	}
	return identity{PID: pid, Start: fields[19], Boot: strings.TrimSpace(string(boot))}
}

// commandLine returns the arguments of a process, or nil.
func commandLine(pid int) []string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return nil
	}
	return splitNul(b)
}

// findServer looks through all processes for a server of this data directory.
func findServer(datadir string) identity {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return identity{}
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if serves(commandLine(pid), datadir) {
			return identify(pid)
		}
	}
	return identity{}
}
