package dev

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func split(t *testing.T, script string) []string {
	t.Helper()
	var got []string
	for s, err := range Statements(strings.NewReader(script)) {
		if err != nil {
			t.Fatalf("%q: %v", script, err)
		}
		got = append(got, s)
	}
	return got
}

func TestStatements(t *testing.T) {
	for script, want := range map[string][]string{
		"":                            nil,
		" ;\n;":                       nil,
		"SELECT 1":                    {"SELECT 1"},
		"SELECT 1;\nSELECT 2;\n":      {"SELECT 1", "SELECT 2"},
		"SELECT ';', \";\", `;`; x":   {"SELECT ';', \";\", `;`", "x"},
		`SELECT 'it''s;', 'a\';b'; x`: {`SELECT 'it''s;', 'a\';b'`, "x"},
		"SELECT `a\\`; x":             {"SELECT `a\\`", "x"},
		"-- a; b\nSELECT 1; # c; d\n": {"-- a; b\nSELECT 1"},
		"SELECT 1--1; x":              {"SELECT 1--1", "x"},
		"--":                          nil,
		"/* ; */ SELECT 1; x":         {"/* ; */ SELECT 1", "x"},
		"/*/;*/ SELECT 1":             {"/*/;*/ SELECT 1"},
		"/*!40101 SET a=1;*/; x":      {"/*!40101 SET a=1;*/", "x"},
		"/* only */;":                 nil,
		"SELECT 'open;":               {"SELECT 'open;"},
		"SELECT /":                    {"SELECT /"},
	} {
		if got := split(t, script); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", script, got, want)
		}
	}
}

func TestStatementsRefuseDelimiter(t *testing.T) {
	var got []string
	var last error
	for s, err := range Statements(strings.NewReader("SELECT 1;\ndelimiter //\nx//")) {
		if last = err; err == nil {
			got = append(got, s)
		}
	}
	if !errors.Is(last, errDelimiter) || !slices.Equal(got, []string{"SELECT 1"}) {
		t.Errorf("got %q, %v", got, last)
	}
}

// FuzzStatements: whatever the script, splitting loses nothing but semicolons, blanks and comments, and ends.
func FuzzStatements(f *testing.F) {
	for _, s := range []string{"SELECT 1; x", "'a\\';", "/*/;*/", "-- ;\n#", "`;"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, script string) {
		from := 0
		for s, err := range Statements(strings.NewReader(script)) {
			if err != nil {
				if !errors.Is(err, errDelimiter) {
					t.Fatal(err)
				}
				return
			}
			i := strings.Index(script[from:], s)
			if i < 0 || s == "" {
				t.Fatalf("%q is no part of %q after %d", s, script, from)
			}
			from += i + len(s)
		}
	})
}
