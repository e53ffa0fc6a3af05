package trace

import (
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	const good = "00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01"
	for text, want := range map[string]bool{
		good:                      true,
		"01" + good[2:] + "-more": true, // a later version
		good + "-more":            false,
		good + "x":                false,
		"ff" + good[2:]:           false,
		good[:54]:                 false,
		"":                        false,
		"00-" + "00000000000000000000000000000000-c532cb4098ac3dd2-01": false,
		"00-5bd66ef5095369c7b0d1f8f4bd33716a-zz32cb4098ac3dd2-01":      false,
		"00_5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01":      false,
	} {
		if _, ok := parse(text); ok != want {
			t.Errorf("%q: %v", text, ok)
		}
	}
}

// A caller decides for its statements; without one it is one in so many, or none. A collector that is not there keeps nobody.
func TestSampling(t *testing.T) {
	for _, c := range []struct {
		oneIn  int
		parent string
		want   bool
	}{
		{0, "", false},
		{1, "", true},
		{1, "nonsense", true},
		{0, "00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01", true},
		{1, "00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-00", false},
	} {
		r, err := New(t.Context(), Settings{Endpoint: "127.0.0.1:1", OneIn: c.oneIn})
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Begin(c.parent, time.Now()); (got != nil) != c.want {
			t.Errorf("one in %d, caller %q: %v", c.oneIn, c.parent, got)
		}
		_ = r.provider.Shutdown(t.Context()) // nothing has ended
	}
	r, err := New(t.Context(), Settings{Endpoint: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { r.Begin("", time.Time{}) }); n != 0 {
		t.Errorf("a statement that is not sampled costs %v allocations", n)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
