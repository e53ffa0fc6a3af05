package xa

import "testing"

// TestNamesOfReplies: each has one of its own, for traces.
func TestNamesOfReplies(t *testing.T) {
	names := map[string]bool{}
	for r := OK; r <= Unreached; r++ {
		names[r.String()] = true
	}
	if len(names) != int(Unreached)+1 || Unreached.String() != "unreached" || IsForced.String() != "forced" {
		t.Errorf("%v", names)
	}
}
