package tcp

import (
	"syscall"
	"unsafe"
)

// TryRead reads what a non-blocking socket holds, syscall.EAGAIN if that is nothing.
//
// The scheduler is not told of the call, nor of TryWrite's. It prepares for a call that blocks: its monitor takes the
// processor from a thread that is away for 20 microseconds, as a write is that wakes the peer, and wakes another thread
// to go on with it. These calls never block, and all of that is more than the reading itself.
func TryRead(fd uintptr, p []byte) (int, error) { return try(syscall.SYS_READ, fd, p) }

// TryWrite writes what a non-blocking socket has room for, syscall.EAGAIN if that is nothing.
func TryWrite(fd uintptr, p []byte) (int, error) { return try(syscall.SYS_WRITE, fd, p) }

func try(call, fd uintptr, p []byte) (int, error) {
	for {
		n, _, e := syscall.RawSyscall(call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		switch e {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		default:
			return 0, e
		}
	}
}
