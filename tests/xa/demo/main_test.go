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
	for _, says := range []string{"kill -9 of the proxy", "the other proxy has finished what was left", " 0 by half", "the accounts have 4000 in all; it was 4000."} {
		if !strings.Contains(out.String(), says) {
			t.Errorf("it does not say %q", says)
		}
	}
}
