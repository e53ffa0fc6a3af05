package gtid

import "testing"

func parse(t *testing.T, s string) Position {
	t.Helper()
	p, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "0-1-5": "0-1-5", "2-1-7, 0-1-5": "0-1-5,2-1-7", "0-1-5,0-2-9": "0-2-9", "0-2-9,0-1-5": "0-2-9",
		"4294967295-4294967295-1": "4294967295-4294967295-1",
	} {
		if got := parse(t, in).String(); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	for _, in := range []string{"x", "1-2", "1-2-", "-1-2", "1-2-3-4", "4294967296-1-1", "1-1-99999999999999999999"} {
		if p, err := Parse(in); err == nil {
			t.Errorf("%q: read as %v", in, p)
		}
	}
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		p, q string
		want bool
	}{
		{"0-1-5", "0-1-5", true}, {"0-1-5", "0-1-6", false}, {"0-2-6", "0-1-5", true}, {"0-1-5", "", true}, {"", "0-1-1", false},
		{"0-1-5,3-1-2", "3-1-1", true}, {"0-1-5,3-1-2", "1-1-1", false}, {"0-1-5", "0-1-5,3-1-2", false},
	} {
		if got := parse(t, c.p).Covers(parse(t, c.q)); got != c.want {
			t.Errorf("%s covers %s: %v", c.p, c.q, got)
		}
	}
}

func TestNoteAllocatesNothing(t *testing.T) {
	p := parse(t, "0-1-5")
	text := []byte("0-1-6")
	if n := testing.AllocsPerRun(100, func() { p, _ = p.Note(text) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
