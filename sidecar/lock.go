package sidecar

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lockState takes the state directory for this process, until it ends: what proves who an instance is lies there, and
// two with one proof would give the same keys. The caller closes the file.
func lockState(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make state.dir: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock state.dir: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close() // nothing was written
		return nil, fmt.Errorf("state.dir %s is in use by another process: %w", dir, err)
	}
	return f, nil
}
