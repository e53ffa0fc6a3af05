//go:build !linux

package main

import (
	"errors"
	"time"
)

// usage is what a process has used since its start.
type usage struct {
	cpu   time.Duration
	calls int64
}

// usageOf exists on Linux only: elsewhere another process's CPU time is not to be had with the precision needed.
func usageOf(int) (usage, error) { return usage{}, errors.New("the bench runs on Linux only") }
