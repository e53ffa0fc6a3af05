package sidecar

import (
	"os"
	"path/filepath"
	"testing"
)

// A process that ends takes its own addresses out of the file, and leaves those that its successor has written.
func TestAddressFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calls")
	is := func(want string) {
		t.Helper()
		if text, err := os.ReadFile(path); err != nil || string(text) != want {
			t.Errorf("the file has %q, %v, not %q", text, err, want)
		}
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	pool := []string{"10.0.0.9:8080"}
	old, next := addressFile{path, pool}, addressFile{path, pool}
	oldAt, nextAt := []string{"0.0.0.0:8080", "[::]:8081"}, []string{"127.0.0.1:9080"}
	ok(old.open(oldAt))
	is("127.0.0.1:8080\n[::1]:8081\n10.0.0.9:8080\n")
	ok(next.open(nextAt))
	ok(old.leave(oldAt))
	is("127.0.0.1:9080\n10.0.0.9:8080\n")
	ok(next.leave(nextAt))
	is("10.0.0.9:8080\n")
	ok(addressFile{}.open(oldAt)) // nowhere
	ok(addressFile{}.leave(oldAt))
	if err := (addressFile{path: filepath.Join(path, "below")}).open(oldAt); err == nil {
		t.Error("it is written below a file")
	}
}
