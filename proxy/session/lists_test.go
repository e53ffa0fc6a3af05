package session

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router/plancache"
)

// listed writes a list of between two and most elements.
func listed(r *rand.Rand, most int, head, element, tail string) string {
	n := 2 + r.IntN(most-1)
	parts := make([]string, n)
	for i := range parts {
		parts[i] = strings.ReplaceAll(element, "#", fmt.Sprint(r.IntN(1_000_000)))
	}
	return head + strings.Join(parts, ",") + tail
}

// Statements that differ in the lengths of their lists only share a plan, which reaches each shard with its own elements.
func TestListsShareAPlan(t *testing.T) {
	for _, database := range []string{"bench", "mesh"} {
		s := newScripted(t, database)
		cache := plancache.New(32<<20, (*Statement).Size, nil)
		s.session.srv.Cache = cache
		r := rand.New(rand.NewPCG(1, 2))
		const statements = 1000
		var commands [][]byte
		for range statements / 2 {
			commands = append(commands, framed(wire.ComQuery, listed(r, 300, "SELECT c FROM sbtest1 WHERE id IN (", "#", ")")))
			commands = append(commands, framed(wire.ComQuery, listed(r, 300, "INSERT INTO sbtest1 VALUES ", "(#,'#')", "")))
		}
		s.run(statements, nil, commands...)
		if stats := cache.Stats(); stats.Entries != 2 || stats.Hits != statements-2 {
			t.Errorf("%s: %d statements made %d entries of %d bytes, %d hits", database, statements, stats.Entries, stats.Bytes, stats.Hits)
		}
	}
}

func BenchmarkLists(b *testing.B) {
	for _, c := range []struct{ name, head, element, tail string }{
		{"in", "SELECT c FROM sbtest1 WHERE id IN (", "#", ")"},
		{"rows", "INSERT INTO sbtest1 VALUES ", "(#,'#')", ""},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := newScripted(b, "mesh")
			cache := plancache.New(32<<20, (*Statement).Size, nil)
			s.session.srv.Cache = cache
			r := rand.New(rand.NewPCG(1, 2))
			var commands [][]byte
			for range 10_000 {
				commands = append(commands, framed(wire.ComQuery, listed(r, 500, c.head, c.element, c.tail)))
			}
			b.ReportAllocs()
			b.ResetTimer()
			s.run(b.N, nil, commands...)
			stats := cache.Stats()
			b.ReportMetric(float64(stats.Entries), "entries")
			b.ReportMetric(100*float64(stats.Hits)/float64(stats.Hits+stats.Misses), "%hits")
		})
	}
}
