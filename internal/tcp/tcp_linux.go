package tcp

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// kernelBounds is whether GiveUpAfter does anything.
const kernelBounds = true

// GiveUpAfter sets how long what was sent, or a probe, may stay unacknowledged, or the other end may have no room for
// more: a Write that waits then fails. 0 is the kernel's own bound, about a quarter of an hour for a dead machine, none
// for one that takes nothing. A nil raw is no TCP: see Bound.
func GiveUpAfter(raw syscall.RawConn, bound time.Duration) {
	if raw == nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { // fails only on a closed connection
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(bound.Milliseconds()))
	})
}

// SinceReceived is how long ago the last byte has come, whether somebody has read it or not; of a connection on which none has come, its
// age. False: the kernel does not say.
func SinceReceived(raw syscall.RawConn) (ago time.Duration, known bool) {
	if raw == nil {
		return 0, false
	}
	err := raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if known = err == nil; known {
			ago = time.Duration(info.Last_data_recv) * time.Millisecond
		}
	})
	return ago, known && err == nil
}
