package meter

import (
	"os"
	"testing"
	"time"
)

// The CPU clock of this process moves when it works.
func TestUsageOf(t *testing.T) {
	before, err := UsageOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); ; {
		after, err := UsageOf(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if after.CPU > before.CPU && after.Calls > before.Calls { // each look reads a file
			break
		}
		if time.Since(began) > 10*time.Second {
			t.Fatalf("the clocks stand still: %+v, %+v", before, after)
		}
	}
}
