package limit

import (
	"testing"
	"time"
)

func TestShare(t *testing.T) {
	s, now := NewShare(), time.Now()
	drawn := 0.999
	s.drawn = func() float64 { return drawn }
	admits := func(p Priority, want bool) {
		t.Helper()
		if s.Admit(p, now) != want {
			t.Errorf("with a share of %v work of priority %d is let in: %v", s.Of(), p, !want)
		}
	}
	admits(Low, true)
	s.Told(true) // it is not above all
	admits(Low, true)
	s.Told(false) // 0.67
	admits(Normal, true)
	admits(Normal, false)
	drawn = 0.5
	admits(Low, false) // of whom 0.44 are let in
	admits(Normal, true)
	drawn = 0.7
	admits(Normal, false)
	admits(High, true) // 0.82
	s.Gone()
	drawn = 0
	admits(High, false)
	now = now.Add(trickle) // one a second
	admits(Low, true)
	admits(Low, false)
	for range 4 {
		s.Told(true)
	}
	if of := s.Of(); of < 0.81 || of > 0.82 {
		t.Errorf("after four times the share is %v", of)
	}
	s.Told(true)
	drawn = 0.9999
	admits(Low, true)
	for range 100 {
		s.Told(false)
	}
	if s.Of() != shareLeast {
		t.Errorf("the least share is %v", s.Of())
	}
}
