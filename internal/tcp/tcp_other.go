//go:build !linux

package tcp

import (
	"syscall"
	"time"
)

// GiveUpAfter does nothing: this kernel knows no such bound.
func GiveUpAfter(syscall.RawConn, time.Duration) {}
