package replicas

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// TestFailovers measures, under load, how long after the death of a primary the script takes that promotes another, and how long after that the
// first write is answered. The old primary becomes a replica, and all is done again.
func TestFailovers(t *testing.T) {
	text := os.Getenv("HEDDLE_FAILOVERS") // as by make failovers
	times := 1
	if text != "" {
		var err error
		if times, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	c := cluster(t, 2, env.ReplicationWords().Forget...)
	m := newMesh(t, "{failover_wait: 30s}", c)
	h := m.start(t, "a", account...)
	exec(t, h.Open(t, "root", "", "shop"), "CREATE TABLE notes (id INT PRIMARY KEY, n INT)")
	const workers = 4
	acks := &acknowledged{ids: map[int]bool{}}
	writes := startPaced(t, h, workers, 10*time.Millisecond, acks.write)
	reads := startPaced(t, h, 2, 10*time.Millisecond, readNotes)
	var promotions, firsts []time.Duration
	primary := 0
	for i := range times {
		others := slices.DeleteFunc([]int{0, 1, 2}, func(n int) bool { return n == primary })
		if err := c.SemiSync(t.Context(), primary, others...); err != nil { // what is acknowledged is then on a replica
			t.Fatal(err)
		}
		m.well(t, c, writes) // those that were told to wait for replicas have followed anew
		writes.more(t, 40)
		killed := time.Now()
		if err := c.Servers[primary].Kill(); err != nil {
			t.Fatal(err)
		}
		promoted, writable, err := c.Promote(t.Context(), others...)
		if err != nil {
			t.Fatal(err)
		}
		first := acks.first(t, writable)
		promotions, firsts = append(promotions, writable.Sub(killed)), append(firsts, first.Sub(writable))
		t.Logf("failover %d, from %d to %d: writable %v after the kill, the first write %v later", i+1, primary, promoted,
			writable.Sub(killed).Round(time.Millisecond), first.Sub(writable).Round(time.Millisecond))
		old := primary
		if primary = promoted; i == times-1 {
			break
		}
		if err := c.Servers[old].Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		rejoin(t, c, old, promoted)
		m.well(t, c, writes)
	}
	writes.end()
	reads.end()
	t.Logf("%d failovers; in ms, shortest, median, longest: promoted by the script %s, first write after that %s, in all %s", times, spread(promotions), spread(firsts), spread(sums(promotions, firsts)))
	t.Logf("%d writes, %d failed, the longest took %v; %d reads, %d failed, the longest took %v", writes.done, len(writes.failed), writes.longest.Round(time.Millisecond),
		reads.done, len(reads.failed), reads.longest.Round(time.Millisecond))
	if most := times * (workers + 2); len(writes.failed) > most { // hardly more than were under way at the kills
		t.Errorf("%d writes failed: %q", len(writes.failed), writes.failed[:most])
	}
	if len(reads.failed) > 0 {
		t.Errorf("reads failed: %q", reads.failed[:min(len(reads.failed), 5)])
	}
	acks.there(t, c, primary)
}

func sums(a, b []time.Duration) []time.Duration {
	out := slices.Clone(a)
	for i := range out {
		out[i] += b[i]
	}
	return out
}

// spread is the least, the median and the largest, in milliseconds.
func spread(of []time.Duration) string {
	sorted := slices.Sorted(slices.Values(of))
	return fmt.Sprintf("%d, %d, %d", sorted[0].Milliseconds(), sorted[len(sorted)/2].Milliseconds(), sorted[len(sorted)-1].Milliseconds())
}
