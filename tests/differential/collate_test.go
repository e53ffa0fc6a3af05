package differential

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// newCollator asks the plain server, and remembers. The values are in utf8mb4, the charset of the cases' connections.
func newCollator(t *testing.T) Collator {
	t.Helper()
	conn, err := Dial(t.Context(), lab.pool, lab.plain.Addr, ConnOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	var mu sync.Mutex // guards conn and known
	known := map[string]bool{}
	return func(collation string, a, b []byte) bool {
		charset, _, _ := strings.Cut(collation, "_")
		value := func(v []byte) string {
			return fmt.Sprintf("CONVERT(CONVERT(x'%x' USING utf8mb4) USING %s)", v, charset)
		}
		question := fmt.Sprintf("SELECT %s COLLATE %s = %s", value(a), collation, value(b))
		mu.Lock()
		defer mu.Unlock()
		if equal, ok := known[question]; ok {
			return equal
		}
		answer, err := conn.Query(question)
		if err != nil || answer.Err() != nil {
			return false
		}
		known[question] = string(answer.Results[0].Rows[0].Cells[0]) == "1"
		return known[question]
	}
}
