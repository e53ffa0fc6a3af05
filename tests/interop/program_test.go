package interop

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// targets are what a client's program is told: NAME=host:port/database.
func targets(client string) []string {
	return []string{
		"plain=" + env.Plain.Addr() + "/" + client + "_plain",
		"one=" + lab.heddle.Addr + "/" + client + "_one",
		"many=" + lab.heddle.Addr + "/" + client + "_many",
	}
}

// runProgram runs a client's program with the targets as its last arguments and reports the checks it prints.
func runProgram(t *testing.T, client string, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	r := newRatchet(t, client)
	cmd := exec.CommandContext(ctx, name, append(args, targets(client)...)...)
	cmd.Env = append(os.Environ(), "INTEROP_CA="+lab.ca, "INTEROP_NATIVE="+nativePassword, "INTEROP_SHA2="+sha2Password)
	cmd.WaitDelay = time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := r.read(t, out)
	if err := cmd.Wait(); err != nil || !done {
		t.Errorf("%s did not come to its end: %v\n%s", client, err, stderr.String())
	}
}

// read reports the checks as the program prints them, and whether it came to its end.
func (r *ratchet) read(t *testing.T, out io.Reader) (done bool) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if check, ok := strings.CutPrefix(line, "ok "); ok {
			r.report(t, check, "")
		} else if rest, ok := strings.CutPrefix(line, "not ok "); ok {
			check, problem, _ := strings.Cut(rest, ": ")
			r.report(t, check, "failed: "+problem)
		} else if line == "done" {
			done = true
		} else {
			t.Log(line)
		}
	}
	return done
}

// install makes a folder of the cache, once for each content of the files and of the version that names how it is
// made. make fills it; a folder that was left half-filled is made again.
func install(t *testing.T, client, version string, files []string, make func(dir string) error) string {
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

func cacheDir(t *testing.T) string {
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

// command runs a program in dir; the error carries what it printed. Downloads are tried twice.
func command(t *testing.T, dir, name string, args ...string) error {
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

// copyFiles puts files of this folder into dir under their base names.
func copyFiles(dir string, files ...string) error {
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
