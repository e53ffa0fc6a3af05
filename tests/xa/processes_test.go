package xa

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/heddle-mesh/heddle/tests/harness"
)

// A round is a few seconds of work through processes, some of which are to die, with one theme of faults. Each fault that took place is
// counted under its kind, with what it left prepared: for how long that was so.
type round struct {
	t      testing.TB
	a      *mesh
	w      *work
	rnd    *rand.Rand
	stays  []*member // live from round to round
	others []*member // of this round
	back   []func()  // ends what lasts, when nothing is prepared any more

	mu     sync.Mutex // guards struck
	struck []struck
}

// struck is a fault that took place.
type struck struct {
	kind string
	from time.Time
	is   func(branchAt) bool // the branches that it can have left
}

func (r *round) strike(kind string, from time.Time, is func(branchAt) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.struck = append(r.struck, struck{kind, from, is})
}

// theme is what happens in a round: it starts its processes, and returns what to do while clients work.
type theme struct {
	name string
	play func(r *round) func()
}

func themes() []theme {
	return []theme{
		{"kill", (*round).kill}, {"freeze", (*round).freeze}, {"link", (*round).link}, {"server", (*round).server}, {"lone", (*round).lone},
		{"store", (*round).store}, {"hole", (*round).hole},
	}
}

// weighted is a theme by chance: those that hurt most are played most.
func weighted(rnd *rand.Rand) theme {
	return themes()[[]int{0, 0, 0, 0, 0, 0, 1, 2, 2, 3, 4, 5, 6}[rnd.IntN(13)]]
}

// The kinds.
const (
	byOwner    = "proxy killed, at a failpoint of a commit"
	byRecovery = "proxy killed, at a failpoint of recovery"
	byChance   = "proxy killed, at any moment"
	byAll      = "all proxies killed, one started again"
	frozen     = "proxy frozen until others had recovered, then thawed"
	linkCut    = "link closed in the middle of a packet, or at any moment"
	linkReset  = "link reset"
	linkSlow   = "link delayed by 50 to 300 ms"
	linkHole   = "link a black hole until others had recovered"
	oneServer  = "server killed and started again"
	iceServer  = "server frozen for 0.5 to 2 s"
	noStore    = "etcd stopped"
	newStore   = "etcd wiped"
)

// bounds are how long what a fault has left may stay prepared: at the 99th percentile.
func bounds() map[string]time.Duration {
	return map[string]time.Duration{
		byOwner: 5 * time.Second, byRecovery: 5 * time.Second, byChance: 5 * time.Second, byAll: 3 * time.Second, oneServer: 5 * time.Second,
		frozen: 20 * time.Second, linkCut: 20 * time.Second, linkReset: 20 * time.Second, linkSlow: 20 * time.Second, linkHole: 20 * time.Second,
		iceServer: 20 * time.Second, noStore: 20 * time.Second, newStore: 20 * time.Second,
	}
}

// start starts processes at once, each with its failpoints; own says which have links of their own.
func (r *round) start(points []string, own func(i int) bool) (out []*member) {
	r.t.Helper()
	out = make([]*member, len(points))
	errs := make([]error, len(points))
	var all sync.WaitGroup
	for i := range points {
		links := own(i) // here: chance is one goroutine's
		all.Go(func() { out[i], errs[i] = r.a.start(points[i], links) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		r.t.Fatal(err)
	}
	r.others = append(r.others, out...)
	return out
}

func (r *round) coin(int) bool { return r.rnd.IntN(2) == 0 }

// ownerPoint is one of the points of a commit, at the n-th time: most come by at each, some seldom.
func (r *round) ownerPoint(how string) string {
	often := []string{"start", "prepare", "decide", "deliver"}
	seldom := []string{"check", "sole", "close", "undo"}
	name, nth := often[r.rnd.IntN(len(often))], 1+r.rnd.IntN(12)
	switch r.rnd.IntN(6) {
	case 0:
		name, nth = seldom[r.rnd.IntN(len(seldom))], 1+r.rnd.IntN(3)
	case 1:
		return fmt.Sprintf("tell.before:%d=%s", nth, how)
	}
	return fmt.Sprintf("%s.%s:%d=%s", name, []string{"before", "after"}[r.rnd.IntN(2)], nth, how)
}

func (r *round) recoveryPoint(how string) string {
	return fmt.Sprintf("%s:%d=%s", recoverAt[r.rnd.IntN(len(recoverAt))], 1+r.rnd.IntN(2), how)
}

// a moment of the first second or so.
func (r *round) moment() time.Duration {
	return 100*time.Millisecond + time.Duration(r.rnd.IntN(900))*time.Millisecond
}

// kill: processes die at failpoints of commits and of recovery, or from outside.
func (r *round) kill() func() {
	points := []string{r.ownerPoint("kill"), fmt.Sprintf("%s:%d=kill", points("", "prepare", "decide", "deliver")[r.rnd.IntN(6)], 1+r.rnd.IntN(3)), "", r.recoveryPoint("kill")}
	victims := r.start(points, r.coin)
	when := r.moment()
	return func() {
		<-time.After(when)
		r.killed(victims[2], byChance)
		<-time.After(1500*time.Millisecond - when)
		victims[1].dies(20 * time.Second) // at the latest at the third time that one of its clients comes by
		for i, m := range victims {
			if i != 2 && strings.HasPrefix(points[i], "recover.") {
				r.back = append(r.back, func() {
					if !m.alive() {
						r.killed(m, byRecovery)
					}
				})
			} else if i != 2 {
				r.killed(m, byOwner)
			}
		}
	}
}

// killed ends a process, if its failpoint has not, and counts it.
func (r *round) killed(m *member, kind string) {
	at, byTest, err := m.kill()
	if err != nil {
		r.t.Error(err)
	}
	if byTest && kind != byChance {
		kind = byChance
	}
	of := m.of
	if kind == byRecovery { // what it was finishing is others'
		of = func(branchAt) bool { return true }
	}
	r.strike(kind, at, of)
}

// lone: all processes die, one comes back.
func (r *round) lone() func() {
	when := r.moment()
	return func() {
		<-time.After(500*time.Millisecond + when)
		for _, m := range r.stays {
			if _, _, err := m.kill(); err != nil {
				r.t.Error(err)
			}
			if err := m.close(); err != nil {
				r.t.Error(err)
			}
		}
		dead := r.stays
		r.stays = nil
		m, err := r.a.start("", false)
		if err != nil {
			r.t.Fatal(err)
		}
		r.stays = []*member{m}
		r.strike(byAll, time.Now(), func(k branchAt) bool { return slices.ContainsFunc(dead, func(m *member) bool { return m.of(k) }) })
	}
}

// freeze: processes stop, at a failpoint or at any moment, others recover what they have left, and they go on.
func (r *round) freeze() func() {
	victims := r.start([]string{r.ownerPoint("stop"), ""}, r.coin)
	when := r.moment()
	return func() {
		<-time.After(when)
		r.frozen(victims[1])
		<-time.After(1500*time.Millisecond - when)
		r.frozen(victims[0])
	}
}

func (r *round) frozen(m *member) {
	if !m.stopped() {
		if err := m.Signal(syscall.SIGSTOP); err != nil {
			r.t.Error(err)
		}
	}
	r.strike(frozen, time.Now(), m.of)
	r.back = append(r.back, func() {
		if err := m.Signal(syscall.SIGCONT); err != nil {
			r.t.Error(err)
		}
	})
}

// link: what is between a process and servers is cut, reset or slow. Now and then the process dies of that.
func (r *round) link() func() {
	points := []string{"", "", ""}
	if r.rnd.IntN(2) == 0 {
		points[2] = fmt.Sprintf("%s.%s:%d=kill", []string{"rescue", "ask", "undo"}[r.rnd.IntN(3)], []string{"before", "after"}[r.rnd.IntN(2)], 1+r.rnd.IntN(2))
	}
	victims := r.start(points, func(int) bool { return true })
	var acts []func()
	for range 4 {
		m, link := victims[r.rnd.IntN(len(victims))], r.rnd.IntN(len(env.Shards))
		relay, bytes, delay, how := m.relays[link], int64(r.rnd.IntN(10_000)), 50+r.rnd.IntN(250), r.rnd.IntN(4)
		cut := func(kind string, how func()) {
			r.strike(kind, time.Now(), m.of)
			how()
		}
		acts = append(acts, func() {
			switch how {
			case 0:
				relay.TripAfter(bytes, func() { cut(linkCut, relay.Cut) }, []harness.Direction{harness.ToServer, harness.ToClient}[bytes%2])
			case 1:
				cut(linkCut, relay.Cut)
			case 2:
				cut(linkReset, relay.Reset)
			case 3:
				cut(linkSlow, func() { relay.Delay(time.Duration(delay) * time.Millisecond) })
			}
		})
	}
	pause := 150 + r.rnd.IntN(250)
	return func() {
		for _, act := range acts {
			<-time.After(time.Duration(pause) * time.Millisecond)
			act()
		}
		<-time.After(500 * time.Millisecond)
		for _, m := range victims {
			for _, relay := range m.relays {
				relay.Delay(0)
				relay.TripAfter(-1, nil)
			}
			if !m.alive() {
				r.killed(m, byOwner)
			}
		}
	}
}

// hole: what is between a process and servers swallows everything, until others have recovered.
func (r *round) hole() func() {
	victims := r.start([]string{"", ""}, func(int) bool { return true })
	links := [2]int{r.rnd.IntN(len(env.Shards)), r.rnd.IntN(len(env.Shards))}
	when, oneWay := r.moment(), r.rnd.IntN(3)
	return func() {
		<-time.After(when)
		for i, m := range victims {
			relay := m.relays[links[i]]
			switch oneWay {
			case 0:
				relay.Hold(harness.ToClient)
			default:
				relay.Hold()
			}
			r.strike(linkHole, time.Now(), m.of)
			r.back = append(r.back, relay.Release)
		}
		<-time.After(1500*time.Millisecond - when)
	}
}

// server: servers are killed, or freeze, and now and then a process dies meanwhile.
func (r *round) server() func() {
	victim := r.start([]string{r.ownerPoint("kill")}, r.coin)[0]
	when, all, ice := r.moment(), r.rnd.IntN(4) == 0, r.rnd.IntN(3) == 0
	shard, spell := r.rnd.IntN(len(env.Shards)), time.Duration(500+r.rnd.IntN(1500))*time.Millisecond
	return func() {
		<-time.After(when)
		var at sync.WaitGroup
		for i, s := range env.Shards {
			if i != shard && !all {
				continue
			}
			at.Go(func() {
				kind, err := oneServer, error(nil)
				if ice {
					kind, err = iceServer, s.Signal(syscall.SIGSTOP)
					<-time.After(spell)
					err = errors.Join(err, s.Signal(syscall.SIGCONT))
				} else {
					err = errors.Join(s.Kill(), s.Start(r.t.Context()))
				}
				if err != nil {
					r.t.Error(err)
				}
				r.strike(kind, time.Now(), func(k branchAt) bool { return k.shard == i && !victim.of(k) })
			})
		}
		at.Wait()
		<-time.After(300 * time.Millisecond)
		r.killed(victim, byOwner)
	}
}

// store: the etcd goes away, or loses all, processes die meanwhile, and it comes back when all is recovered.
func (r *round) store() func() {
	victims := r.start([]string{r.ownerPoint("kill"), ""}, func(int) bool { return false })
	when, wiped := r.moment(), r.rnd.IntN(2) == 0
	return func() {
		<-time.After(when)
		r.back = append(r.back, r.a.loseEtcd(wiped))
		kind := noStore
		if wiped {
			kind = newStore
		}
		r.strike(kind, time.Now(), func(branchAt) bool { return true })
		<-time.After(700 * time.Millisecond)
		for _, m := range victims {
			r.killed(m, byOwner)
		}
	}
}

// play is a whole round. Between rounds nothing is prepared, and two processes live.
func (r *round) play(th theme) {
	for len(r.stays) < 2 {
		m, err := r.a.start("", false)
		if err != nil {
			r.t.Fatal(err)
		}
		r.stays = append(r.stays, m)
	}
	r.w.reset()
	r.a.sees.forget()
	strike := th.play(r)
	var clients sync.WaitGroup
	for _, m := range slices.Concat(r.stays, r.others) {
		r.w.clients(m, 2, r.rnd, &clients)
	}
	strike()
	r.w.over.Store(true)
	r.quiet("what the faults have left is recovered", 30*time.Second)
	for _, back := range r.back {
		back()
	}
	clients.Wait()
	r.quiet("what came back later is recovered", 30*time.Second)
	for _, m := range slices.Concat(r.stays, r.others) {
		if strings.Contains(m.Log(), "cannot be finished without an operator") {
			r.t.Errorf("ALARM: told by the process of epoch %s", m.epoch)
		}
	}
	for _, m := range r.others {
		if err := m.close(); err != nil {
			r.t.Error(err)
		}
	}
	r.quiet("what processes that ended have left is recovered", 30*time.Second)
	clean(r.t)
	r.w.judge(r.t)
}

// quiet waits until no server lists a branch.
func (r *round) quiet(what string, within time.Duration) {
	began := time.Now()
	for !r.a.sees.quiet(began) {
		if time.Since(began) > within {
			for shard := range env.Shards {
				r.t.Logf("%s: %s", env.Shards[shard].Name(), ask(r.t, shard, "XA RECOVER"))
			}
			r.t.Fatalf("IN DOUBT: %s: not within %v", what, within)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// account is what processes have come to, in a file that a further run goes on from.
type account struct {
	path                        string
	Seed                        uint64
	Rounds, Transactions, Acked int
	Kinds                       map[string]*kindCount
	Errors                      map[string]int        // that clients were told, by number
	Reads                       map[string]*readCount // of those who read beside them: atomic, and plain
	Failed                      int                   // rounds that found a violation; they are in no other count but that of fractured reads, and are played again
}

type kindCount struct {
	Struck int
	Took   []int // ms that something it had left was listed, where something was
}

func (y *account) read(t *testing.T) {
	y.Kinds, y.Errors, y.Reads = map[string]*kindCount{}, map[string]int{}, map[string]*readCount{"atomic": {}, "plain": {}}
	text, err := os.ReadFile(y.path)
	if os.IsNotExist(err) || y.path == "" {
		return
	}
	if err == nil {
		err = json.Unmarshal(text, y)
	}
	if err != nil {
		t.Fatalf("%s: %v", y.path, err)
	}
}

func (y *account) write(t *testing.T) {
	if y.path == "" {
		return
	}
	text, err := json.Marshal(y)
	if err == nil {
		err = os.WriteFile(y.path, text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// add adds a round.
func (y *account) add(r *round) {
	y.Rounds++
	all, acked := r.w.sum()
	y.Transactions, y.Acked = y.Transactions+all, y.Acked+acked
	for name, n := range r.w.errors {
		y.Errors[name] += n
	}
	for how, c := range r.w.reads {
		y.Reads[how].add(*c)
	}
	for _, s := range r.struck {
		k := y.Kinds[s.kind]
		if k == nil {
			k = &kindCount{}
			y.Kinds[s.kind] = k
		}
		k.Struck++
		if took := r.a.sees.listed(s.from, s.is); took > 0 {
			k.Took = append(k.Took, int(took.Milliseconds()))
		}
	}
}

// fail notes a round that has found a violation, and nothing else of it.
func (y *account) fail(t *testing.T, w *work) {
	w.mu.Lock()
	defer w.mu.Unlock()
	y.Failed++
	y.Reads["atomic"].Fractured += w.reads["atomic"].Fractured
	y.write(t)
}

func (y *account) injections() (n int) {
	for _, k := range y.Kinds {
		n += k.Struck
	}
	return n
}

// percentile of sorted numbers.
func percentile(sorted []int, p float64) int {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(p*float64(len(sorted))))]
}

// table is the account as it stands in bench/torture.md.
func (y *account) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d rounds, %d faults, %d transactions, %d of them acknowledged; errors that clients saw: %v\n\n", y.Rounds, y.injections(), y.Transactions, y.Acked, y.Errors)
	fmt.Fprintf(&b, "Atomic reads: %v\nPlain reads beside them: %v\nRounds that found a violation: %d\n\n", y.Reads["atomic"], y.Reads["plain"], y.Failed)
	b.WriteString("| fault | took place | left something prepared | for: median | 99 % | longest |\n|---|---|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(y.Kinds)) {
		k := y.Kinds[name]
		slices.Sort(k.Took)
		s := func(ms int) string { return strconv.FormatFloat(float64(ms)/1000, 'f', 2, 64) + " s" }
		fmt.Fprintf(&b, "| %s | %d | %d | %s | %s | %s |\n", name, k.Struck, len(k.Took), s(percentile(k.Took, .5)), s(percentile(k.Took, .99)), s(percentile(k.Took, 1)))
	}
	return b.String()
}

// late are the kinds of which the 99th percentile is beyond its bound.
func (y *account) late() (out []string) {
	for name, within := range bounds() {
		if k := y.Kinds[name]; k != nil {
			slices.Sort(k.Took)
			if p := percentile(k.Took, .99); p > int(within.Milliseconds()) {
				out = append(out, fmt.Sprintf("%s: %d ms, may be %v", name, p, within))
			}
		}
	}
	slices.SortFunc(out, cmp.Compare)
	return out
}

// TestProcesses has real processes, servers and links die, freeze and be cut while clients work: each theme once; by chance, and for
// longer, where HEDDLE_TORTURE_PROCESSES names a file for the account: HEDDLE_TORTURE_COUNT faults, by HEDDLE_SEED.
func TestProcesses(t *testing.T) {
	y := account{path: os.Getenv("HEDDLE_TORTURE_PROCESSES")}
	y.read(t)
	seed, goal := uint64(1), 0
	if y.path != "" {
		var err error
		if goal, err = strconv.Atoi(os.Getenv("HEDDLE_TORTURE_COUNT")); err != nil {
			t.Fatalf("HEDDLE_TORTURE_COUNT: %v", err)
		}
	}
	if s := os.Getenv("HEDDLE_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	if y.Rounds > 0 && y.Seed != seed {
		t.Fatalf("%s is of seed %d, not %d: take it away, or go on with its own", y.path, y.Seed, seed)
	}
	y.Seed = seed
	a := newMesh(t)
	first, err := a.start("", false)
	if err != nil {
		t.Fatal(err)
	}
	stays := []*member{first}
	defer func() {
		for _, m := range stays {
			if err := m.close(); err != nil {
				t.Error(err)
			}
		}
	}()
	through := harness.Open(t, first.Config("root", "", database))
	w := newWork(t, through)
	w.reset()
	w.seesHalves(t, through)
	play := func(th theme) {
		rnd := rand.New(rand.NewPCG(seed, uint64(y.Rounds)))
		r := &round{t: t, a: a, w: w, rnd: rnd, stays: stays}
		defer func() {
			stays = r.stays
			if t.Failed() {
				y.fail(t, w)
				t.Logf("seed %d, round %d, theme %s", seed, y.Rounds, th.name)
				for _, m := range slices.Concat(r.stays, r.others) {
					t.Logf("process of epoch %s, failpoints %q:\n%s", m.epoch, m.points, m.Log())
				}
			}
		}()
		r.play(th)
		if !t.Failed() {
			y.add(r)
			y.write(t)
		}
	}
	if y.path == "" {
		for _, th := range themes() {
			began := time.Now()
			play(th)
			t.Logf("%s: %v", th.name, time.Since(began).Round(100*time.Millisecond))
		}
	}
	for !t.Failed() && y.injections() < goal {
		play(weighted(rand.New(rand.NewPCG(seed, 1<<32+uint64(y.Rounds)))))
	}
	t.Logf("%s", y.table())
	if y.Kinds[byOwner] == nil {
		t.Error("no process has died at a failpoint: was it built with the tag failpoints?")
	}
	if late := y.late(); y.path != "" && len(late) > 0 {
		t.Errorf("later than may be: %s", strings.Join(late, "; "))
	}
	if y.Acked < 100 || y.injections() < len(themes()) || y.Reads["atomic"].Made < 10 {
		t.Errorf("%d transactions were acknowledged, %d reads answered, %d faults took place", y.Acked, y.Reads["atomic"].Made, y.injections())
	}
}
