package tcp

import (
	"testing"
	"time"
)

// What has come is known before anybody has read it; a silence grows.
func TestSinceReceived(t *testing.T) {
	began := time.Now()
	ours, theirs := joined(t)
	ask := func() time.Duration {
		ago, known := SinceReceived(Raw(ours))
		if !known {
			t.Fatal("the kernel does not say")
		}
		return ago
	}
	for ask() < 50*time.Millisecond {
		if time.Since(began) > 10*time.Second {
			t.Fatal("a silence does not grow")
		}
	}
	before := time.Now()
	if _, err := theirs.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	for ago := ask(); ago > time.Since(before)+20*time.Millisecond; ago = ask() { // the kernel counts in ticks
		if time.Since(before) > 10*time.Second {
			t.Fatalf("a byte that has come is %v old", ago)
		}
	}
	_ = ours.Close()
	if _, known := SinceReceived(Raw(ours)); known {
		t.Error("a closed connection is asked")
	}
}
