package xa

import (
	"errors"
	"fmt"
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
	turn   int       // how many rounds of its theme were before it
	stays  []*member // live from round to round
	others []*member // of this round
	back   []func()  // ends what lasts, when nothing is prepared any more

	mu     sync.Mutex // guards struck
	struck []struck
}

// struck is a fault that took place.
type struck struct {
	kind string
	at   string // the failpoint at which a process was that died, froze, or stood when a server died; nowhere where that is not known
	from time.Time
	is   func(branchAt) bool // the branches that it can have left
}

// nowhere is any moment.
const nowhere = "at any moment"

func (r *round) strike(kind string, from time.Time, is func(branchAt) bool) {
	r.strikeAt(kind, "", from, is)
}

func (r *round) strikeAt(kind, at string, from time.Time, is func(branchAt) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.struck = append(r.struck, struck{kind, at, from, is})
}

// theme is what happens in a round: it starts its processes, and returns what to do while clients work.
type theme struct {
	name string
	play func(r *round) func()
}

func themes() []theme {
	return []theme{
		{"kill", (*round).kill}, {"freeze", (*round).freeze}, {"link", (*round).link}, {"server", (*round).server}, {"lone", (*round).lone},
		{"store", (*round).store}, {"hole", (*round).hole}, {"stand", (*round).stand}, {"mend", (*round).mend},
	}
}

// weighted is a theme by chance, of those that are named, or of all: those that hurt most are played most.
func weighted(rnd *rand.Rand, named []string) theme {
	for {
		th := themes()[[]int{0, 0, 0, 0, 0, 0, 1, 2, 2, 3, 4, 5, 6, 7, 7, 7, 8, 8, 8}[rnd.IntN(19)]]
		if len(named) == 0 || slices.Contains(named, th.name) {
			return th
		}
	}
}

// The kinds.
const (
	byOwner    = "proxy killed, at a failpoint of a commit"
	byRecovery = "proxy killed, at a failpoint of recovery"
	byMending  = "proxy killed, at a failpoint of recovery, when no other lived; then one started"
	byChance   = "proxy killed, at any moment"
	byAll      = "all proxies killed, one started again"
	frozen     = "proxy frozen until others had recovered, then thawed"
	inVain     = "proxy frozen while no other lived that could recover; from when one did"
	linkCut    = "link closed in the middle of a packet, or at any moment"
	linkReset  = "link reset"
	linkSlow   = "link delayed by 50 to 300 ms"
	linkHole   = "link a black hole until others had recovered"
	oneServer  = "server killed and started again"
	byStanding = "server killed while an owner stood at a failpoint of a commit"
	inMending  = "server killed while a proxy stood at a failpoint of recovery"
	iceServer  = "server frozen for 0.5 to 2 s"
	noStore    = "etcd stopped"
	newStore   = "etcd wiped"
)

// bounds are how long what a fault has left may stay prepared: at the 99th percentile.
func bounds() map[string]time.Duration {
	return map[string]time.Duration{
		byOwner: 5 * time.Second, byRecovery: 5 * time.Second, byChance: 5 * time.Second, byAll: 3 * time.Second, oneServer: 5 * time.Second,
		byStanding: 20 * time.Second, byMending: 20 * time.Second, inMending: 20 * time.Second, inVain: 20 * time.Second, // owners are frozen meanwhile
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
		r.killed(victims[2])
		<-time.After(1500*time.Millisecond - when)
		victims[1].dies(20 * time.Second) // at the latest at the third time that one of its clients comes by
		r.killed(victims[0])
		r.killed(victims[1])
		r.back = append(r.back, func() {
			if m := victims[3]; !m.alive() {
				r.killed(m)
			}
		})
	}
}

// killed ends a process, if its failpoint has not, and counts it.
func (r *round) killed(m *member) {
	at, byTest, err := m.kill()
	if err != nil {
		r.t.Error(err)
	}
	switch {
	case byTest:
		r.strikeAt(byChance, nowhere, at, m.of)
	case strings.HasPrefix(m.point(), "recover."): // what it was finishing is others'
		r.strikeAt(byRecovery, m.point(), at, func(branchAt) bool { return true })
	default:
		r.strikeAt(byOwner, m.point(), at, m.of)
	}
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
	r.strikeAt(frozen, r.ice(m), time.Now(), m.of)
}

// ice freezes a process that has not come to its failpoint, until all is recovered, and returns where it was.
func (r *round) ice(m *member) (at string) {
	at = m.point()
	if !m.stopped() {
		at = nowhere
		if err := m.Signal(syscall.SIGSTOP); err != nil {
			r.t.Error(err)
		}
	}
	r.back = append(r.back, func() { r.thaw(m) })
	return at
}

func (r *round) thaw(m *member) {
	if err := m.Signal(syscall.SIGCONT); err != nil {
		r.t.Error(err)
	}
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
				r.killed(m)
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
		r.killed(victim)
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
			r.killed(m)
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

// TestProcesses has real processes, servers and links die, freeze and be cut while clients work: each theme once, but for the longest; by chance, and for
// longer, where HEDDLE_TORTURE_PROCESSES names a file for the account: HEDDLE_TORTURE_COUNT faults, by HEDDLE_SEED, of HEDDLE_TORTURE_THEMES if it names any.
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
	named := strings.Fields(os.Getenv("HEDDLE_TORTURE_THEMES"))
	for _, name := range named {
		if !slices.ContainsFunc(themes(), func(th theme) bool { return th.name == name }) {
			t.Fatalf("HEDDLE_TORTURE_THEMES: there is no %s", name)
		}
	}
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
		r := &round{t: t, a: a, w: w, rnd: rnd, stays: stays, turn: y.Themes[th.name]}
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
			y.Themes[th.name]++
			y.write(t)
		}
	}
	if y.path == "" {
		for _, th := range themes() {
			if th.name == "mend" { // which waits until frozen owners are taken for dead; TestRecoverersDieAtEveryPoint has the points
				continue
			}
			began := time.Now()
			play(th)
			t.Logf("%s: %v", th.name, time.Since(began).Round(100*time.Millisecond))
		}
	}
	for !t.Failed() && y.injections() < goal {
		play(weighted(rand.New(rand.NewPCG(seed, 1<<32+uint64(y.Rounds))), named))
	}
	t.Logf("%s", y.table())
	if y.Kinds[byOwner] == nil && len(named) == 0 {
		t.Error("no process has died at a failpoint: was it built with the tag failpoints?")
	}
	if late := y.late(); y.path != "" && len(late) > 0 {
		t.Errorf("later than may be: %s", strings.Join(late, "; "))
	}
	if y.Acked < 100 || y.injections() < len(themes())-1 || y.Reads["atomic"].Made < 10 {
		t.Errorf("%d transactions were acknowledged, %d reads answered, %d faults took place", y.Acked, y.Reads["atomic"].Made, y.injections())
	}
}
