package sidecar

import (
	"strconv"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/governance/layout"
)

func TestServingRate(t *testing.T) {
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	seen := func(second int, answered, failed uint64) *layout.SeenBy {
		return &layout.SeenBy{At: began.Add(time.Duration(second) * time.Second), Servers: []layout.ServerSeen{{DataSource: "ds_0", Server: "a:1", Answered: answered, Failed: failed}}}
	}
	r := &servingRate{}
	for _, at := range []struct {
		second           int
		answered, failed uint64
		want             string
	}{
		{0, 100, 0, "none"},
		{1, 110, 1, "10 1"},
		{2, 120, 1, "10 0.5"},
		{5, 200, 6, "20 1.2"},
		{6, 210, 6, "20 1"}, // over the last five seconds
		{7, 5, 0, "none"},   // its pool is new
		{8, 11, 0, "6 0"},
		{60, 11, 0, "0 0"},
	} {
		s := seen(at.second, at.answered, at.failed)
		r.tell(s)
		is := "none"
		if s.Servers[0].PerSecond != nil {
			is = number(*s.Servers[0].PerSecond) + " " + number(*s.Servers[0].FailedPerSecond)
		}
		if is != at.want {
			t.Errorf("second %d: the rates are %s, not %s", at.second, is, at.want)
		}
		r.note(s)
	}
	if n := len(r.looks); n > 2 {
		t.Errorf("%d looks are kept", n)
	}
	other := seen(61, 11, 0)
	other.Servers[0].Server = "b:1"
	if r.tell(other); other.Servers[0].PerSecond != nil {
		t.Error("a server that was not looked at before has a rate")
	}
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
