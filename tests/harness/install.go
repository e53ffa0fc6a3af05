package harness

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Install makes a folder of the cache, once for each content of the files and of the version that names how it is
// made. make fills it; a folder that was left half-filled is made again.
func Install(t testing.TB, client, version string, files []string, make func(dir string) error) string {
	t.Helper()
	sum := sha256.New()
	fmt.Fprintln(sum, version)
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(sum, "%s %d\n%s", f, len(content), content)
	}
	dir := filepath.Join(cacheDir(t), client+"-"+hex.EncodeToString(sum.Sum(nil))[:16])
	complete := filepath.Join(dir, ".complete")
	if _, err := os.Stat(complete); err == nil {
		return dir
	}
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := make(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(complete, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func cacheDir(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("HEDDLE_INTEROP_CACHE"); dir != "" {
		return dir
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "heddle-interop")
}

// Command runs a program in dir; the error carries what it printed. Downloads are tried twice.
func Command(t testing.TB, dir, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	var out []byte
	var err error
	for range 2 {
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Dir = dir
		if out, err = cmd.CombinedOutput(); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, bytes.TrimSpace(out))
}

// CopyFiles puts files of this folder into dir under their base names.
func CopyFiles(dir string, files ...string) error {
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(f)), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
