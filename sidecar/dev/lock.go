package dev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrInUse is wrapped by the error of Open when another process has the directory.
var ErrInUse = errors.New("the directory is in use")

// dirLock is an flock on a file of the directory. The kernel drops it when the process ends, however it ends, and
// children do not inherit it, so an orphan server never keeps its directory locked.
type dirLock struct{ f *os.File }

func openLock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock of %s: %w", dir, err)
	}
	return f, nil
}

// tryLock takes the lock of dir, or returns an error that wraps ErrInUse and names the holder's PID.
func tryLock(dir string) (*dirLock, error) {
	f, err := openLock(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(f.Name())
		f.Close()
		return nil, fmt.Errorf("%w: %s is held by process %s; end it or give another directory with --data",
			ErrInUse, dir, strings.TrimSpace(string(holder)))
	}
	f.Truncate(0)
	f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return &dirLock{f}, nil
}

// waitLock takes the lock of dir and waits for it until ctx ends: for the short critical section in which one of
// several test binaries makes the template that all of them copy.
func waitLock(ctx context.Context, dir string) (*dirLock, error) {
	for {
		l, err := tryLock(dir)
		if err == nil || !errors.Is(err, ErrInUse) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the lock of %s: %w", dir, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (l *dirLock) release() { l.f.Close() }
