package fault

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// soakSpell is the short form's: long enough for rules to have changed a few times under all kinds of statements.
const soakSpell = 5 * time.Second

const wideClients = 4

// A soak is the talkers' load, and fan-outs and inserts beside it, while the rules change every second. What the process
// and the servers hold is flat. HEDDLE_SOAK names the file for the figures, HEDDLE_SOAK_SPELL says how long it lasts; without
// them it is short, and the figures are not judged.
func TestSoak(t *testing.T) {
	spell, file := soakSpell, os.Getenv("HEDDLE_SOAK")
	if text := os.Getenv("HEDDLE_SOAK_SPELL"); text != "" {
		var err error
		if spell, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	k := newSoak(t)
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for n := range wideClients {
		all.Go(func() { k.wide(ctx, n) })
	}
	all.Go(func() { k.turnRules(ctx) })
	all.Go(func() { k.sample(ctx, min(5*time.Second, spell/20)) })
	k.talk.run(spell)
	stop()
	all.Wait()
	k.judge(spell, file)
}

type soak struct {
	*talk
	admin   string
	shards  []*sql.DB
	options [2]harness.HeddleOptions // in turns
	samples []holding
	turns   int // of the rules
	wides   int // guarded by mu
}

// holding is what is held at one time, by the names of soakFigures.
type holding map[string]float64

// soakFigures are what has to be flat: how far the last quarter's median may be above the second quarter's.
func soakFigures() []soakFigure {
	return []soakFigure{
		{"RSS, MiB", 0.10, 8},
		{"goroutines", 0.10, 10},
		{"descriptors", 0.10, 10},
		{"connections of ds_0", 0, 2},
		{"connections of ds_1", 0, 2},
	}
}

type soakFigure struct {
	name        string
	share, more float64
}

func newSoak(t *testing.T) *soak {
	admin, err := harness.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	k := &soak{admin: admin, shards: shards(t)}
	// A cache of plans that is full early does not look like a leak.
	set := map[string]string{"admin.address": admin, "plan_cache.size": "4MiB"}
	k.options[0] = talkOptions(set, "broadcast: [words]\n")
	k.options[1] = talkOptions(set, "broadcast: [words]\nbinding: [[tagged, logged]]\n")
	for i := range k.options {
		for n := range wideClients { // a table each: a lock of one shard that waits for one of the other ends by time only
			k.options[i].Rules[0] = strings.Replace(k.options[i].Rules[0], "tables: {", fmt.Sprintf("tables: {wide_%d: {key: id, generate: id}, ", n), 1)
		}
	}
	k.options[1].Rules[0] = strings.Replace(k.options[1].Rules[0], "ds_0: {", "ds_0: {pool: {max: 15}, ", 1)
	k.talk = newTalk(t, k.options[0])
	db := k.h.Open(t, "root", "", "shop")
	for n := range wideClients {
		exec(t, db, fmt.Sprint("DROP TABLE IF EXISTS wide_", n))
		exec(t, db, fmt.Sprintf("CREATE TABLE wide_%d (id BIGINT PRIMARY KEY, tag VARCHAR(60) NOT NULL)", n))
	}
	exec(t, db, "DROP TABLE IF EXISTS words")
	exec(t, db, "CREATE TABLE words (id INT PRIMARY KEY, w VARCHAR(20))")
	exec(t, db, "INSERT INTO words VALUES (1, 'one'), (2, 'two')")
	return k
}

// wide are statements over both shards, in turns, until ctx ends.
func (k *soak) wide(ctx context.Context, n int) {
	db := k.h.Open(k.t, "root", "", "shop")
	for i := 0; ctx.Err() == nil; i++ {
		for _, q := range []string{
			fmt.Sprintf("INSERT INTO wide_%d (tag) VALUES ('wide%d'), ('wide%d'), ('wide%d'), ('wide%d')", n, i, i+1, i+2, i+3),
			"SELECT id, tag FROM tagged ORDER BY tag, id LIMIT 20",
			"SELECT owner, COUNT(*), MAX(tag) FROM tagged GROUP BY owner ORDER BY owner",
			"SELECT COUNT(DISTINCT tag), AVG(owner) FROM tagged",
			fmt.Sprintf("UPDATE words SET w = 'w%d' WHERE id = %d", i, n%2+1),
			fmt.Sprintf("SELECT * FROM tagged a JOIN words b ON a.owner = b.id WHERE a.id < %d", i%100),
			fmt.Sprintf("DELETE FROM wide_%d WHERE tag LIKE 'wide%%'", n),
		} {
			switch o := wholeAnswer(k.t, db, q); {
			case ctx.Err() != nil:
			case o.err != nil && code(o.err) != 1429 && code(o.err) != 1213: // no connection became free; a deadlock
				k.violation("%s: %v", q, o.err)
			default:
				k.mu.Lock()
				k.wides++
				k.mu.Unlock()
			}
		}
	}
}

// turnRules changes the rules every second, and sees that they are in force.
func (k *soak) turnRules(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for turn := 1; ; turn++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := k.h.Rewrite(k.options[turn%2])
		if err == nil {
			err = k.h.Signal(syscall.SIGHUP) // files are looked at every two seconds
		}
		if err != nil {
			k.violation("rules: %v", err)
			return
		}
		k.inForce(float64(16 - turn%2))
		k.turns++
	}
}

// inForce waits until ds_0's pool is as large as the rules say.
func (k *soak) inForce(most float64) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); metric(k.t, k.admin, soakPool) != most; <-tick.C {
		if time.Now().After(deadline) {
			k.violation("the rules are not in force after 10 s")
			return
		}
	}
}

const soakPool = `heddle_pool_connections_max{data_source="ds_0"}`

// sample takes the figures until ctx ends.
func (k *soak) sample(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s := holding{"goroutines": float64(goroutines(k.t, k.admin)), "descriptors": metric(k.t, k.admin, "process_open_fds"),
			"RSS, MiB": metric(k.t, k.admin, "process_resident_memory_bytes") / (1 << 20)}
		for i, db := range k.shards {
			var name string
			var n float64
			if err := db.QueryRowContext(k.t.Context(), "SHOW STATUS LIKE 'Threads_connected'").Scan(&name, &n); err != nil {
				k.violation("shard %d: %v", i, err)
			}
			s[fmt.Sprint("connections of ds_", i)] = n
		}
		k.samples = append(k.samples, s)
	}
}

func (k *soak) judge(spell time.Duration, file string) {
	table, bad := soakTable(k.samples)
	for _, why := range bad {
		if spell >= time.Minute { // less is still the beginning
			k.t.Error(why)
		}
	}
	if want := int(spell.Seconds()) / 4; k.turns < want {
		k.t.Errorf("the rules have changed %d times in %v, want %d", k.turns, spell, want)
	}
	if k.wides == 0 {
		k.t.Error("nothing ran over both shards")
	}
	text := fmt.Sprintf("%v; the rules changed %d times; %d statements beside the talkers'; %d samples.\n\n%s", spell, k.turns, k.wides, len(k.samples), table)
	k.t.Log("\n" + text)
	if file != "" {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			k.t.Fatal(err)
		}
	}
}

// soakTable shows the median of each figure in each quarter, and says which are not flat.
func soakTable(samples []holding) (table string, bad []string) {
	table = "| held | 1st quarter | 2nd | 3rd | 4th | may be |\n|---|---|---|---|---|---|\n"
	if len(samples) < 8 {
		return table, []string{fmt.Sprintf("%d samples are too few", len(samples))}
	}
	for _, f := range soakFigures() {
		var quarter [4]float64
		for q := range quarter {
			var values []float64
			for _, s := range samples[len(samples)*q/4 : len(samples)*(q+1)/4] {
				values = append(values, s[f.name])
			}
			slices.Sort(values)
			quarter[q] = values[len(values)/2]
			if values[0] <= 0 {
				bad = append(bad, f.name+" cannot be told")
			}
		}
		limit := quarter[1]*(1+f.share) + f.more
		if quarter[3] > limit {
			bad = append(bad, fmt.Sprintf("%s: %.1f in the second quarter, %.1f in the last, which is more than %.1f", f.name, quarter[1], quarter[3], limit))
		}
		table += fmt.Sprintf("| %s | %.1f | %.1f | %.1f | %.1f | %.1f |\n", f.name, quarter[0], quarter[1], quarter[2], quarter[3], limit)
	}
	return table, bad
}

// The judge of a soak sees what grows, what grows late and what is not there, and passes what is flat, wavers or shrinks.
func TestSoakJudge(t *testing.T) {
	for name, c := range map[string]struct {
		at  func(i int) float64
		bad bool
	}{
		"flat":                    {func(int) float64 { return 40 }, false},
		"warms up":                {func(i int) float64 { return 40 + min(40, float64(i)) }, false},
		"wavers":                  {func(i int) float64 { return 40 + float64(i%3) }, false},
		"one high sample":         {func(i int) float64 { return map[bool]float64{true: 400, false: 40}[i == 190] }, false},
		"shrinks":                 {func(i int) float64 { return 300 - float64(i) }, false},
		"grows":                   {func(i int) float64 { return 40 + float64(i)/4 }, true},
		"grows late":              {func(i int) float64 { return 40 + max(0, float64(i-140)) }, true},
		"cannot be told at times": {func(i int) float64 { return map[bool]float64{true: -1, false: 40}[i == 7] }, true},
	} {
		for _, f := range soakFigures() {
			var samples []holding
			for i := range 200 {
				s := holding{}
				for _, other := range soakFigures() {
					s[other.name] = 40
				}
				s[f.name] = c.at(i)
				samples = append(samples, s)
			}
			if _, bad := soakTable(samples); (len(bad) > 0) != c.bad {
				t.Errorf("%s of %s: %v", name, f.name, bad)
			}
		}
	}
	if _, bad := soakTable(nil); len(bad) == 0 {
		t.Error("no sample is no verdict")
	}
}
