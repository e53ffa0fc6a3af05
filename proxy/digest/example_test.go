package digest

import "testing"

// A shape's example has the shape.
func TestExample(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT c FROM t WHERE id IN (1, 2, 3) AND k = 5":         "SELECT c FROM t WHERE id IN (?, ?) AND k = ?",
		"INSERT INTO t (a, b, c) VALUES (1, 2, 3), (4, 5, 6)":     "INSERT INTO t (a, b, c) VALUES (?, ?, ?)",
		"INSERT INTO t (a) VALUES (1)":                            "INSERT INTO t (a) VALUES (?)",
		"REPLACE t (a, b) VALUES (1, 2)":                          "REPLACE t (a, b) VALUES (?, ?)",
		"SELECT COALESCE(1, 2, 3) FROM t ORDER BY f(a) LIMIT 3,4": "SELECT COALESCE(?, ?) FROM t ORDER BY f(a) LIMIT ?, ?",
	} {
		shape := string(appendNormal(nil, parsed(t, text)))
		got, ok := Example(shape)
		if !ok || got != want {
			t.Errorf("%s: %q, %v, want %q", text, got, ok, want)
			continue
		}
		if again := string(appendNormal(nil, parsed(t, got))); again != shape {
			t.Errorf("%s: the example has the shape %q, not %q", text, again, shape)
		}
	}
	for _, text := range []string{"INSERT INTO t VALUES (...)", "SELECT a, …"} {
		if got, ok := Example(text); ok {
			t.Errorf("%s: %q", text, got)
		}
	}
}
