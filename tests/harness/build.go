package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Binary is the path of heddle, built from the working tree when first asked for.
func (e *Env) Binary() (string, error) { return e.binary() }

func buildHeddle(dir string) (string, error) {
	if path := os.Getenv("HEDDLE_TEST_BINARY"); path != "" {
		return path, nil
	}
	return Build(filepath.Join(dir, "heddle"), "github.com/heddle-mesh/heddle/cmd/heddle", "-tags", "failpoints")
}

// Build compiles a command of this module to path; with the race detector if HEDDLE_TEST_RACE is 1.
func Build(path, pkg string, flags ...string) (string, error) {
	args := append([]string{"build", "-o", path}, flags...)
	if os.Getenv("HEDDLE_TEST_RACE") == "1" {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, pkg)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, strings.TrimSpace(string(out)))
	}
	return path, nil
}
