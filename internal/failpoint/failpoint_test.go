package failpoint

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestHit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Parse("a=error; b:2=error;c=sleep(3s);d=hang")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name  string
			fails bool
			takes time.Duration
		}{{"a", true, 0}, {"a", true, 0}, {"b", false, 0}, {"b", true, 0}, {"b", false, 0}, {"c", false, 3 * time.Second},
			{"d", false, time.Minute}, {"e", false, 0}} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			began := time.Now()
			if err := s.Hit(ctx, c.name); errors.Is(err, ErrHit) != c.fails || time.Since(began) != c.takes {
				t.Errorf("%s: %v after %v", c.name, err, time.Since(began))
			}
			cancel()
		}
		if err := (*Set)(nil).Hit(t.Context(), "a"); err != nil {
			t.Errorf("a nil Set: %v", err)
		}
	})
	for _, text := range []string{"", "a", "a=", "a=burn", "a:0=error", "a:x=error", "a=sleep(x)"} {
		if _, err := Parse(text); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}
