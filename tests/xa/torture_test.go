package xa

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/txn"
)

// The points at which a driver can be stopped.
var (
	ownerPoints = points("", "check", "prepare", "decide", "sole", "ask", "deliver", "close", "undo", "rescue")
	recoverAt   = points("recover.", "read", "fence", "look", "again", "kill", "commit", "abort", "inspect", "pause")
)

func points(prefix string, names ...string) (out []string) {
	for _, n := range names {
		out = append(out, prefix+n+".before", prefix+n+".after")
	}
	return out
}

// fate is what is to happen to one transaction.
type fate struct {
	die    string // the owner stops for good at this point
	freeze string // the owner stops at this point until others have recovered
	cut    string // one of its connections ends at this point
	whose  int    // the connection that is cut
	killed bool   // cut by the server, not by the client
	hung   bool   // an owner that has stopped keeps its connections open
	nth    int    // the time that counts
}

func (f fate) String() string {
	var s []string
	for _, p := range []struct{ what, at string }{{"dies", f.die}, {"freezes", f.freeze}, {"is cut", f.cut}} {
		if p.at != "" {
			s = append(s, fmt.Sprintf("%s at %s:%d", p.what, p.at, f.nth))
		}
	}
	return strings.Join(append(s, fmt.Sprintf("whose %d killed %v hung %v", f.whose, f.killed, f.hung)), ", ")
}

// victim is one transaction and what becomes of it.
type victim struct {
	fate     fate
	id       int64
	on       []int
	wrote    []int
	branches []*branch
	txn      *txn.Txn
	err      error
	hits     map[string]int
	mu       sync.Mutex // guards hits
	struck   []string   // the points at which something was done; guarded by mu
}

// batch is some transactions at once, with whatever befalls them.
type batch struct {
	t       testing.TB
	victims []*victim
	stopped sync.WaitGroup // until every owner is over or frozen
	done    sync.WaitGroup // until every owner is over
	thaw    chan struct{}
}

// at is a victim's failpoint.
func (b *batch) at(v *victim) txn.Failpoint {
	return func(_ context.Context, point string) error {
		v.mu.Lock()
		v.hits[point]++
		due := v.hits[point] == v.fate.nth
		if due && (point == v.fate.cut || point == v.fate.freeze || point == v.fate.die) {
			v.struck = append(v.struck, point)
		}
		v.mu.Unlock()
		if !due {
			return nil
		}
		if point == v.fate.cut {
			c := v.branches[v.fate.whose%len(v.branches)]
			if v.fate.killed {
				_, _ = control[v.on[v.fate.whose%len(v.branches)]].Exec(fmt.Sprintf("KILL %d", c.id)) // it may have gone
			} else {
				_ = c.net.Close()
			}
		}
		if point == v.fate.freeze {
			b.stopped.Done()
			<-b.thaw
		}
		if point == v.fate.die {
			return errors.New("die")
		}
		return nil
	}
}

// begin has a victim's owner work up to its COMMIT, and commit.
func (b *batch) begin(v *victim) {
	v.hits = map[string]int{}
	m := txn.NewManager(txn.Config{Cluster: cluster, Shards: shards, At: b.at(v), Limits: txn.Limits{Prepare: 2 * time.Second, Decide: 4 * time.Second, Ask: 8 * time.Second, Deliver: 2 * time.Second}})
	v.txn = m.Begin(txn.Options{})
	for _, shard := range v.on {
		c := connect(b.t, shard)
		v.branches = append(v.branches, c)
	}
	b.stopped.Add(1)
	b.done.Go(func() {
		v.err = v.work(b.t)
		v.mu.Lock()
		froze := v.fate.freeze != "" && v.hits[v.fate.freeze] >= v.fate.nth
		v.mu.Unlock()
		if !froze {
			b.stopped.Done()
		}
		if errors.Is(v.err, txn.ErrDied) && !v.fate.hung {
			v.close()
		}
	})
}

func (v *victim) work(t testing.TB) error {
	for i, c := range v.branches {
		if err := v.txn.Enlist(t.Context(), c); err != nil {
			return err
		}
		sql := "SELECT bal FROM bank.acc WHERE id = 1"
		wrote := slices.Contains(v.wrote, v.on[i])
		if wrote {
			sql = fmt.Sprintf("INSERT INTO bank.ledger VALUES (%d, %d)", v.id, i)
		}
		if err := c.Exec(t.Context(), sql); err != nil {
			return errors.Join(err, v.txn.Rollback(t.Context()))
		}
		v.txn.Touched(c, wrote)
	}
	return v.txn.Commit(t.Context())
}

func (v *victim) close() {
	for _, c := range v.branches {
		c.Discard()
	}
}

// judge says what is wrong with what is left of a victim: half of it, or not what its client was told.
func (v *victim) judge(t testing.TB) {
	on := there(t, v.id)
	slices.Sort(v.wrote)
	aborted, _ := errors.AsType[*txn.AbortedError](v.err)
	switch {
	case len(on) > 0 && !slices.Equal(on, v.wrote):
		t.Errorf("HALF: %d wrote %v, is on %v (%s: %v)", v.id, v.wrote, on, v.fate, v.err)
	case v.err == nil && len(v.wrote) > 0 && len(on) == 0:
		t.Errorf("LOST: %d was acknowledged, and is nowhere (%s)", v.id, v.fate)
	case aborted != nil && len(on) > 0:
		t.Errorf("FALSE: %d was told rolled back, and is on %v (%s: %v)", v.id, on, v.fate, v.err)
	}
}

// settings of a batch.
type scene struct {
	hot      bool // recoverers are at work while owners are
	restarts bool // a server is killed and started again
}

// run begins the transactions, lets what is to befall them befall them, recovers, and judges. It returns how long recovery took.
func (b *batch) run(rnd *rand.Rand, sc scene) time.Duration {
	b.thaw = make(chan struct{})
	for _, v := range b.victims {
		b.begin(v)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var hot sync.WaitGroup
	if sc.hot {
		for range 2 {
			r := b.recoverer(rnd)
			hot.Go(func() { r.Run(ctx, func(string, error) {}) })
		}
	}
	if sc.restarts {
		s := env.Shards[rnd.IntN(len(env.Shards))]
		if err := errors.Join(s.Kill(), s.Start(context.Background())); err != nil {
			b.t.Fatal(err)
		}
	}
	b.stopped.Wait()
	cancel()
	hot.Wait()
	began := time.Now()
	b.recover(rnd)
	took := time.Since(began)
	close(b.thaw)
	b.done.Wait()
	for _, v := range b.victims {
		v.close()
	}
	b.recover(rnd)
	clean(b.t)
	for _, v := range b.victims {
		v.judge(b.t)
	}
	return took
}

// recoverer is one that dies at some point, or not at all.
func (b *batch) recoverer(rnd *rand.Rand) *txn.Recoverer {
	var mu sync.Mutex // guards hits
	hits, nth := 0, 1+rnd.IntN(3)
	point := recoverAt[rnd.IntN(len(recoverAt))]
	return recoverer(b.t, func(_ context.Context, p string) error {
		mu.Lock()
		defer mu.Unlock()
		if p != point {
			return nil
		}
		if hits++; hits == nth {
			return errors.New("die")
		}
		return nil
	})
}

// recover has several recoverers at once, that may die, and then one that does not, until nothing is prepared.
func (b *batch) recover(rnd *rand.Rand) {
	var wg sync.WaitGroup
	for range rnd.IntN(3) {
		r := b.recoverer(rnd)
		for _, name := range shards.Names() {
			wg.Go(func() { _, _ = r.Scan(context.Background(), name) }) // it may die
		}
	}
	wg.Wait()
	r := recoverer(b.t, nil)
	for range 20 {
		left := false
		for i, name := range shards.Names() {
			if _, err := r.Scan(context.Background(), name); err != nil {
				b.t.Logf("recover %s: %v", name, err)
			}
			left = left || ask(b.t, i, "XA RECOVER") != ""
		}
		if !left {
			return
		}
	}
	b.t.Error("IN DOUBT: branches are still prepared")
}

// chance makes a victim of what the numbers say; a mortal one's owner dies, if it comes to where it is to.
func chance(rnd *rand.Rand, mortal bool) *victim {
	lastTransfer++
	v := &victim{id: lastTransfer, on: rnd.Perm(len(env.Shards))[:2+rnd.IntN(len(env.Shards)-1)]}
	for _, shard := range v.on {
		if rnd.IntN(8) > 0 {
			v.wrote = append(v.wrote, shard)
		}
	}
	v.fate = fate{whose: rnd.IntN(3), killed: rnd.IntN(2) == 0, hung: rnd.IntN(4) == 0, nth: 1 + rnd.IntN(5)/4}
	point := func() string { return ownerPoints[rnd.IntN(len(ownerPoints))] }
	if rnd.IntN(3) > 0 { // where most transactions come by
		point = func() string { return points("", "prepare", "decide", "deliver")[rnd.IntN(6)] }
	}
	how := rnd.IntN(8)
	if mortal {
		how = []int{0, 0, 0, 5}[how/2]
	}
	switch how {
	case 0, 1, 2:
		v.fate.die = point()
	case 3:
		v.fate.freeze = point()
	case 4:
		v.fate.cut = point()
	case 5:
		v.fate.cut, v.fate.die = point(), point()
	case 6:
		v.fate.cut, v.fate.freeze = point(), point()
	}
	return v
}

// TestEveryFailpoint stops the owner at each of its points, once so that its connections end, once so that they stay open, once so that it
// comes back when others have recovered; with and without a lost connection before.
func TestEveryFailpoint(t *testing.T) {
	b, struck := &batch{t: t}, map[string]int{}
	for _, how := range []func(f *fate, point string){
		func(f *fate, point string) { f.die = point },
		func(f *fate, point string) { f.die, f.hung = point, true },
		func(f *fate, point string) { f.freeze = point },
		func(f *fate, point string) { f.cut = point },
		func(f *fate, point string) { f.cut, f.killed, f.whose = point, true, 1 },
		func(f *fate, point string) { f.die, f.cut = point, "decide.before" },
		func(f *fate, point string) { f.die, f.cut, f.whose = point, "deliver.before", 1 },
		func(f *fate, point string) { f.die, f.cut, f.whose = point, "prepare.before", 1 },
	} {
		for i, point := range ownerPoints {
			lastTransfer++
			v := &victim{id: lastTransfer, on: []int{0, 1, 2}, wrote: []int{0, 1, 2}, fate: fate{nth: 1}}
			switch point {
			case "check.before", "check.after", "close.before", "close.after":
				v.wrote = []int{0, 1}
			case "sole.before", "sole.after":
				v.wrote = []int{i % 2}
			}
			how(&v.fate, point)
			b.victims = append(b.victims, v)
		}
	}
	b.run(rand.New(rand.NewPCG(1, 1)), scene{})
	for _, v := range b.victims {
		for _, p := range v.struck {
			struck[p]++
		}
	}
	for _, point := range ownerPoints {
		if struck[point] == 0 {
			t.Errorf("nothing came to %s", point)
		}
	}
}

// tally is what a long run has come to, in a file that a further run goes on from.
type tally struct {
	path                                                   string
	seed                                                   uint64
	batches, transactions, injections, recovered, restarts int
	deaths                                                 int // of owners, among the injections: others are lost connections, and owners that freeze and come back
	worst                                                  time.Duration
}

const tallyForm = "seed %d\nbatches %d\ntransactions %d\ninjections %d\nowners that died, among them %d\nbatches that were recovered %d\nservers killed %d\nlongest recovery of a batch %s\n"

func (y *tally) read(t *testing.T) {
	text, err := os.ReadFile(y.path)
	if os.IsNotExist(err) {
		return
	}
	var worst string
	if err == nil {
		_, err = fmt.Sscanf(string(text), tallyForm, &y.seed, &y.batches, &y.transactions, &y.injections, &y.deaths, &y.recovered, &y.restarts, &worst)
	}
	if err == nil {
		y.worst, err = time.ParseDuration(worst)
	}
	if err != nil {
		t.Fatalf("%s: %v", y.path, err)
	}
}

func (y *tally) write(t *testing.T) {
	if y.path == "" {
		return
	}
	text := fmt.Sprintf(tallyForm, y.seed, y.batches, y.transactions, y.injections, y.deaths, y.recovered, y.restarts, y.worst)
	if err := os.WriteFile(y.path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// goal is how long chance decides.
type goal struct {
	seed               uint64
	injections, deaths int           // until there are so many of either
	spell              time.Duration // or for so long
}

// goalOf is what the environment says: HEDDLE_TORTURE_COUNT injections, or HEDDLE_TORTURE_DEATHS owners that die, in a run that is kept, which HEDDLE_SEED repeats; else
// HEDDLE_TORTURE_SPELL, a quarter of a minute if it is not said, by a seed of its own.
func goalOf(t *testing.T, kept bool) (g goal) {
	number := func(name string, otherwise uint64) uint64 {
		text := os.Getenv(name)
		if text == "" {
			return otherwise
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n
	}
	g.seed = 1
	if !kept {
		g.seed, g.spell = rand.Uint64(), 15*time.Second
		if text := os.Getenv("HEDDLE_TORTURE_SPELL"); text != "" {
			var err error
			if g.spell, err = time.ParseDuration(text); err != nil {
				t.Fatalf("HEDDLE_TORTURE_SPELL: %v", err)
			}
		}
	}
	g.seed = number("HEDDLE_SEED", g.seed)
	g.injections, g.deaths = int(number("HEDDLE_TORTURE_COUNT", 0)), int(number("HEDDLE_TORTURE_DEATHS", 0))
	if logs := ask(t, 0, "SELECT @@log_bin"); g.deaths > 0 && logs != "0" {
		t.Fatalf("deaths are counted of servers without a binary log: log_bin is %s", logs)
	}
	if kept == (g.injections == 0 && g.deaths == 0) {
		t.Fatal("HEDDLE_TORTURE goes with HEDDLE_TORTURE_COUNT or HEDDLE_TORTURE_DEATHS")
	}
	return g
}

// TestTorture has chance decide who dies where, for a spell by a seed that it prints; for longer where HEDDLE_TORTURE names a file for the tally. A batch of a seed and a
// number has the same fates each time.
func TestTorture(t *testing.T) {
	y := tally{path: os.Getenv("HEDDLE_TORTURE")}
	g, size := goalOf(t, y.path != ""), 24
	if y.path != "" {
		y.read(t)
		size = 32
	}
	if g.deaths > 0 {
		size = 64
	}
	if y.batches > 0 && y.seed != g.seed {
		t.Fatalf("%s is of seed %d, not %d: take it away, or go on with its own", y.path, y.seed, g.seed)
	}
	y.seed = g.seed
	t.Logf("HEDDLE_SEED=%d", g.seed)
	for began := time.Now(); !t.Failed() && (y.injections < g.injections || y.deaths < g.deaths || time.Since(began) < g.spell); {
		y.batch(t, size, g.deaths > 0)
	}
	t.Logf("%+v", y)
}

// batch is the next one.
func (y *tally) batch(t *testing.T, size int, mortal bool) {
	rnd := rand.New(rand.NewPCG(y.seed, uint64(y.batches)))
	b := &batch{t: t}
	for range size {
		b.victims = append(b.victims, chance(rnd, mortal))
	}
	sc := scene{hot: rnd.IntN(3) == 0, restarts: y.batches%5 == 3}
	took := b.run(rnd, sc)
	y.batches++
	y.transactions += len(b.victims)
	for _, v := range b.victims {
		y.injections += len(v.struck)
		if v.fate.die != "" && slices.Contains(v.struck, v.fate.die) {
			y.deaths++
		}
	}
	if sc.restarts {
		y.restarts++
	}
	y.recovered++
	y.worst = max(y.worst, took.Round(time.Millisecond))
	if t.Failed() {
		t.Errorf("HEDDLE_SEED=%d, batch %d", y.seed, y.batches-1)
	} else {
		y.write(t)
	}
}

// sink hears what a judge says.
type sink struct {
	testing.TB
	said []string
}

func (s *sink) Errorf(format string, args ...any) {
	s.said = append(s.said, fmt.Sprintf(format, args...))
}

// TestTheJudgeSees loses a decision, and has a client be told what is not so: both are found.
func TestTheJudgeSees(t *testing.T) {
	b, id := dying(t, "decide.after")
	if _, err := control[0].ExecContext(t.Context(), "DELETE FROM heddle_mesh.txn_decision WHERE gtrid LIKE 'h1-%' ORDER BY at DESC LIMIT 1"); err != nil {
		t.Fatal(err)
	}
	for _, c := range b {
		c.Discard()
	}
	recoverAll(t, recoverer(t, nil))
	for _, c := range []struct {
		v    *victim
		want string
	}{
		{&victim{id: id, wrote: []int{0, 1}}, "HALF"},
		{&victim{id: -99, wrote: []int{0, 1}}, "LOST"},
		{&victim{id: id, wrote: []int{0}, err: &txn.AbortedError{}}, "FALSE"},
		{&victim{id: id, wrote: []int{0}}, ""},
	} {
		heard := &sink{TB: t}
		c.v.judge(heard)
		if got := strings.Join(heard.said, "; "); !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%q, want %s", got, c.want)
		}
	}
	clean(t)
}
