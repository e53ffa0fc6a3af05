package tcp

import (
	"syscall"
	"time"
)

const userTimeout = 0x12 // TCP_USER_TIMEOUT of tcp(7), in milliseconds; package syscall lacks it

// GiveUpAfter sets how long what was sent, or a probe, may stay unacknowledged, or the other end may have no room for
// more: a Write that waits then fails. 0 is the kernel's own bound, about a quarter of an hour for a dead machine, none
// for one that takes nothing. A nil raw has no bound.
func GiveUpAfter(raw syscall.RawConn, bound time.Duration) {
	if raw == nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { // fails only on a closed connection
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, userTimeout, int(bound.Milliseconds())) // not TCP: no bound is needed
	})
}
