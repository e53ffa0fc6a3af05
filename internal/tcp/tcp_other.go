//go:build !linux

package tcp

import (
	"syscall"
	"time"
)

// kernelBounds is whether GiveUpAfter does anything.
const kernelBounds = false

// GiveUpAfter does nothing: this kernel knows no such bound.
func GiveUpAfter(syscall.RawConn, time.Duration) {}

// SinceReceived does not know: this kernel is not asked.
func SinceReceived(syscall.RawConn) (ago time.Duration, known bool) { return 0, false }
