package main

import (
	"bytes"
	"strings"
	"testing"
)

// The demo ends well, and says what it promises to show.
func TestDemo(t *testing.T) {
	var out bytes.Buffer
	err := run(t.Context(), &out)
	t.Logf("\n%s", out.String())
	if err != nil {
		t.Error(err)
	}
	for _, says := range []string{"answered 200: 210 in stock", "ms  GET shop\n", "ms  GET stock\n", "ms  statement\n", "ms  shard ds_1\n", "answered 504", "no server works for it any more"} {
		if !strings.Contains(out.String(), says) {
			t.Errorf("it does not say %q", says)
		}
	}
}
