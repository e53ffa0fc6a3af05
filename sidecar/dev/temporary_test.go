package dev

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestTemporaryFarmsAndWhatTheyLeave(t *testing.T) {
	parent := t.TempDir()
	if err := os.Symlink(templates, filepath.Join(parent, "templates")); err != nil { // saves an install
		t.Fatal(err)
	}
	abandoned := filepath.Join(parent, "run-abandoned")
	cmd, ids := startHeddle(t, abandoned, "HEDDLE_DEV_TEST_UNBOUND=1")
	living, err := OpenTemporary(t.Context(), parent, "")
	if err != nil {
		t.Fatal(err)
	}
	if !alive(ids[0]) {
		t.Fatal("the servers of a living process were swept")
	}
	cmd.Process.Kill()
	cmd.Wait()
	if !alive(ids[0]) || !alive(ids[1]) {
		t.Fatal("the servers did not stay")
	}
	second, err := OpenTemporary(t.Context(), parent, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if alive(id) {
			t.Errorf("abandoned process %d is alive", id.PID)
		}
	}
	if isDir(abandoned) || !isDir(living.Dir()) {
		t.Error("the sweep removed the wrong directory")
	}
	for _, f := range []*Farm{living, second} {
		closeFarm(t, f)
		if _, err := os.Stat(f.Dir()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s stays: %v", f.Dir(), err)
		}
	}
}
