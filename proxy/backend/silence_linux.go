package backend

import (
	"syscall"
	"time"
)

const tcpUserTimeout = 0x12 // TCP_USER_TIMEOUT of tcp(7), in milliseconds; package syscall lacks it

// giveUpAfter sets how long sent bytes, or probes, may stay unacknowledged.
func (l *link) giveUpAfter(bound time.Duration) {
	if l.probe.raw == nil || l.silence == 0 {
		return
	}
	_ = l.probe.raw.Control(func(fd uintptr) { // fails only on a closed connection
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(bound.Milliseconds())) // not TCP: no bound is needed
	})
}
