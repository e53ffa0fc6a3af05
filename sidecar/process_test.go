package sidecar

import (
	"testing"

	"github.com/heddle-mesh/heddle/sidecar/config"
)

// The collector keeps the heap within what is configured, and within the machine where that has less.
func TestHeapLimit(t *testing.T) {
	c := config.Default()
	c.Memory.Process, c.PlanCache.Size = 1<<30, 64<<20
	for _, x := range []struct{ machine, want int64 }{
		{0, 1<<30 + 64<<20 + overhead},
		{16 << 30, 1<<30 + 64<<20 + overhead},
		{1 << 30, 1 << 30 / 10 * 9},
	} {
		if got := heapLimit(c, x.machine); got != x.want {
			t.Errorf("of a machine with %d bytes: %d, want %d", x.machine, got, x.want)
		}
	}
}
