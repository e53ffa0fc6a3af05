package harness

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// SmallDisk mounts a file system of some megabytes for the length of the test; that takes root, or a sudo that asks nothing.
func SmallDisk(t testing.TB, megabytes int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	asRoot(t, "mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dm,mode=0777,uid=%d", megabytes, os.Getuid()), "heddle-small-disk", dir)
	t.Cleanup(func() { asRoot(t, "umount", "-l", dir) })
	return dir
}

func asRoot(t testing.TB, args ...string) {
	t.Helper()
	if os.Getuid() != 0 {
		args = append([]string{"sudo", "-n"}, args...)
	}
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, bytes.TrimSpace(out))
	}
}

// FillDisk leaves nothing free on a small disk, until EmptyDisk.
func FillDisk(dir string) error {
	f, err := os.Create(ballast(dir))
	if err != nil {
		return err
	}
	_, err = io.Copy(f, zeros{})
	if !errors.Is(err, syscall.ENOSPC) {
		return errors.Join(fmt.Errorf("a disk without end: %w", err), f.Close())
	}
	return f.Close()
}

// EmptyDisk takes what FillDisk has put on a disk away.
func EmptyDisk(dir string) error { return os.Remove(ballast(dir)) }

func ballast(dir string) string { return filepath.Join(dir, "ballast") }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
