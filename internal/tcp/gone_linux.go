package tcp

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// End is what has been heard of a connection's other end.
type End int

// Here is that nothing speaks against it. Ended is that it sends nothing any more: it may read still. Gone is that it does not.
const (
	Here End = iota
	Ended
	Gone
)

// Look says how the other end is, whatever waits to be read. Nothing is read, and nobody who reads is disturbed.
func Look(raw syscall.RawConn) (end End) {
	err := raw.Control(func(fd uintptr) {
		all := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		if n, err := unix.Poll(all, 0); err != nil || n == 0 {
			return
		}
		switch r := all[0].Revents; {
		case r&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0:
			end = Gone
		case r&unix.POLLRDHUP != 0:
			end = Ended
		}
	})
	if err != nil {
		return Gone // closed by this end
	}
	return end
}
