package dev

import (
	"testing"
	"time"
)

// TestServersDieWithTheirParent: the parent-death signal of Linux.
func TestServersDieWithTheirParent(t *testing.T) {
	cmd, ids := startHeddle(t, t.TempDir())
	cmd.Process.Kill()
	cmd.Wait()
	for _, id := range ids {
		gone, err := awaitGone(t.Context(), id, time.Minute)
		if err != nil || !gone {
			t.Errorf("process %d outlives its parent (%v)", id.PID, err)
		}
	}
}
