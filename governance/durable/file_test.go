package durable

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "f")
	if _, err := Read(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("absent: %v", err)
	}
	for _, payload := range []string{"", "one", "two\nlines\n"} {
		if err := Write(path, []byte(payload)); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(path); err != nil || string(got) != payload {
			t.Fatalf("%q, %v", got, err)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Fatalf("files left beside: %v, %v", left, err)
	}
	for range 2 {
		if err := Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDamage cuts the file at every length and changes every byte.
func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := Write(path, []byte("tables: {}\n")); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		if _, err := parse(whole[:i]); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut at %d: %v", i, err)
		}
		changed := bytes.Clone(whole)
		changed[i] ^= 0x20
		if _, err := parse(changed); !errors.Is(err, ErrDamaged) {
			t.Errorf("changed at %d: %v", i, err)
		}
	}
	if _, err := parse(append(whole, 'x')); !errors.Is(err, ErrDamaged) {
		t.Errorf("longer: %v", err)
	}
}

func TestWriteFailsWithoutHarm(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "taken")
	if err := os.MkdirAll(filepath.Join(target, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Write(target, nil); err == nil {
		t.Fatal("a directory was replaced by a file")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Fatalf("a temporary file was left: %v, %v", left, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("heddle-file 1 0 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"))
	f.Add([]byte("heddle-file 1 "))
	f.Fuzz(func(t *testing.T, data []byte) {
		if payload, err := parse(data); err == nil && !bytes.HasSuffix(data, payload) {
			t.Fatal("a payload that is not in the file")
		}
	})
}
