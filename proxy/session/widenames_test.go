package session

import "testing"

func TestWideNames(t *testing.T) {
	for name, want := range map[string]string{
		"ucs2": "\x00a\x00\xe9", "utf16": "\x00a\x00\xe9", "utf16le": "a\x00\xe9\x00", "utf32": "\x00\x00\x00a\x00\x00\x00\xe9", "utf8mb4": "aé",
	} {
		w := wideCharsets[name]
		if got := string(w.widen([]byte("aé"))); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		if got := string(w.narrow([]byte(want))); got != "aé" {
			t.Errorf("%s: back to %q", name, got)
		}
	}
	if got := wideCharsets["utf16"].widen([]byte("😀")); string(got) != "\xd8\x3d\xde\x00" || string(wideCharsets["utf16"].narrow(got)) != "😀" {
		t.Errorf("a pair of surrogates is %x", got)
	}
}
