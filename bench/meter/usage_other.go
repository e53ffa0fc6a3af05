//go:build !linux

package meter

import (
	"context"
	"errors"
	"time"
)

// Usage is what a process has used since its start.
type Usage struct {
	CPU   time.Duration
	Calls int64
}

// UsageOf exists on Linux only: elsewhere another process's CPU time is not to be had with the precision needed.
func UsageOf(int) (Usage, error) { return Usage{}, errors.New("the bench runs on Linux only") }

// Tracer counts the system calls of a process.
type Tracer struct{}

// Trace exists on Linux only.
func Trace(context.Context, int) (*Tracer, error) {
	return nil, errors.New("system calls are counted on Linux only")
}

// End ends it.
func (*Tracer) End() (int64, error) { return 0, errors.New("system calls are counted on Linux only") }
