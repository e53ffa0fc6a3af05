//go:build unix && !linux

package tcp

import "syscall"

// TryRead reads what a non-blocking socket holds, syscall.EAGAIN if that is nothing.
func TryRead(fd uintptr, p []byte) (int, error) { return try(syscall.Read, fd, p) }

// TryWrite writes what a non-blocking socket has room for, syscall.EAGAIN if that is nothing.
func TryWrite(fd uintptr, p []byte) (int, error) { return try(syscall.Write, fd, p) }

func try(call func(int, []byte) (int, error), fd uintptr, p []byte) (int, error) {
	for {
		n, err := call(int(fd), p)
		switch err {
		case nil:
			return n, nil
		case syscall.EINTR:
		default:
			return 0, err
		}
	}
}
