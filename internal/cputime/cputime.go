// Package cputime has tests hold what something costs by the processor's time, which tells it on a machine that is busy with other things too.
// Only tests use it. Level: internal.
package cputime

import (
	"syscall"
	"testing"
	"time"
)

// Used is what the process has used so far, on all its threads.
func Used(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Least is what do costs at least, of up to five times; the first that takes less than enough ends it.
func Least(tb testing.TB, enough time.Duration, do func()) time.Duration {
	tb.Helper()
	least := time.Duration(0)
	for i := range 5 {
		before := Used(tb)
		do()
		if took := Used(tb) - before; i == 0 || took < least {
			least = took
		}
		if least < enough {
			break
		}
	}
	return least
}
