package tcp

import (
	"testing"
	"time"
)

func TestLook(t *testing.T) {
	ours, theirs := joined(t)
	raw := Raw(ours)
	await := func(what string, want End) {
		t.Helper()
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for deadline := time.Now().Add(30 * time.Second); Look(raw) != want; <-tick.C {
			if time.Now().After(deadline) {
				t.Fatalf("%s: %d, want %d", what, Look(raw), want)
			}
		}
	}
	if got := Look(raw); got != Here {
		t.Errorf("at the start: %d", got)
	}
	if _, err := theirs.Write([]byte("waiting")); err != nil {
		t.Fatal(err)
	}
	if err := theirs.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	await("behind what waits there is the end of sending", Ended)
	if p := make([]byte, 7); true {
		if _, err := ours.Read(p); err != nil || string(p) != "waiting" {
			t.Errorf("what waited is %q, %v", p, err)
		}
	}
	_ = theirs.Close()
	if _, err := ours.Write([]byte("is anybody there")); err != nil {
		t.Fatal(err)
	}
	await("nobody reads any more", Gone)
}
