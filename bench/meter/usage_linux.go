package meter

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// Usage is what a process has used since its start.
type Usage struct {
	CPU   time.Duration // of all its threads, those that have ended included
	Calls int64         // read and write system calls, the vain ones included
}

// UsageOf reads the process's own CPU clock, which is exact to the nanosecond where /proc/PID/stat counts in ticks of
// ten milliseconds; and its I/O accounting, which costs the process nothing, unlike a tracer.
func UsageOf(pid int) (Usage, error) {
	// The clock of another process: its number complemented, shifted by three, with CPUCLOCK_SCHED below.
	// Source: clock_getcpuclockid(3), linux/posix-timers.h (MAKE_PROCESS_CPUCLOCK).
	const cpuclockSched = 2
	clock := uintptr(int32(^pid<<3 | cpuclockSched))
	var ts syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clock, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return Usage{}, fmt.Errorf("read the CPU clock of process %d: %w", pid, errno)
	}
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/io")
	if err != nil {
		return Usage{}, fmt.Errorf("read the I/O counts of process %d: %w", pid, err)
	}
	u := Usage{CPU: time.Duration(ts.Nano())}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if name != "syscr" && name != "syscw" {
			continue
		}
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return Usage{}, fmt.Errorf("read the I/O counts of process %d: %w", pid, err)
		}
		u.Calls += n
	}
	return u, nil
}
