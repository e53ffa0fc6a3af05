package xa

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// commitPoints are the failpoints of a process's own transactions.
var commitPoints = slices.Concat(points("", "start"), ownerPoints, []string{"tell.before"})

// provoked are the steps of a commit that nothing leads to but a connection that ends in another one, which is made slow for that.
var provoked = map[string]string{"ask": "decide.before", "rescue": "deliver.before", "undo": "prepare.before"}

// point is the failpoint at which a process dies or stops: the last that it is given.
func (m *member) point() string {
	name := m.points[strings.LastIndex(m.points, ";")+1:]
	return name[:strings.IndexAny(name+"=", ":=")]
}

// next are the failpoints whose turn it is, and what happens at them: all have a turn in which servers die while the process stands there, and then one in which
// the process dies there.
func (r *round) next(all []string, n int) (out []string, how string) {
	for i := range n {
		out = append(out, all[(r.turn*n+i)%len(all)])
	}
	return out, []string{"stop", "kill"}[r.turn*n/len(all)%2]
}

// comes waits until a process has come to its failpoint: it is dead or has stopped; in vain until a time, or until there is nothing that could lead there.
func comes(m *member, until time.Time, vain func() bool) bool {
	for m.alive() && !m.stopped() {
		if time.Now().After(until) || vain() {
			return false
		}
		<-time.After(5 * time.Millisecond)
	}
	return true
}

// stand: owners come to failpoints of a commit, each to its own, and die there; or they stand there while servers are killed and started again, and go on.
func (r *round) stand() func() {
	targets, how := r.next(commitPoints, 3)
	lines := make([]string, len(targets))
	for i, at := range targets {
		if slow := provoked[at[:strings.Index(at, ".")]]; slow != "" {
			lines[i] = slow + "=sleep(100ms);"
		}
		lines[i] += at + ":1=" + how
	}
	victims := r.start(lines, func(int) bool { return true })
	chance := rand.New(rand.NewPCG(r.rnd.Uint64(), 0))
	return func() {
		until, cut := time.Now().Add(10*time.Second), time.Now()
		for len(victims) > 0 {
			at := slices.IndexFunc(victims, func(m *member) bool { return !m.alive() || m.stopped() })
			switch {
			case at >= 0 && victims[at].alive():
				m := victims[at]
				r.serversDie(byStanding, m, chance, func(k branchAt) bool {
					return m.of(k) || !slices.ContainsFunc(r.others, func(o *member) bool { return o.of(k) })
				})
			case at >= 0:
				r.killed(victims[at])
			case time.Now().After(until): // none comes any more
				for _, m := range victims {
					r.killed(m)
				}
				return
			default:
				if <-time.After(5 * time.Millisecond); time.Since(cut) > 300*time.Millisecond {
					cut = time.Now()
					provoke(victims, chance)
				}
				continue
			}
			victims = slices.Delete(victims, at, at+1)
		}
	}
}

// provoke ends connections of the processes that are to come to a step to which that leads.
func provoke(victims []*member, chance *rand.Rand) {
	for _, m := range victims {
		if strings.Contains(m.points, ";") {
			m.relays[chance.IntN(len(m.relays))].Cut()
		}
	}
}

// serversDie kills one server or all while a process stands at its failpoint, and starts them again; the process goes on before they answer, or then.
func (r *round) serversDie(kind string, m *member, chance *rand.Rand, is func(branchAt) bool) {
	shard, all, early := chance.IntN(len(env.Shards)), chance.IntN(3) == 0, chance.IntN(2) == 0
	var dead []int
	var starts sync.WaitGroup
	for i, s := range env.Shards {
		if i != shard && !all {
			continue
		}
		if err := s.Kill(); err != nil {
			r.t.Error(err)
		}
		dead = append(dead, i)
	}
	if early {
		r.thaw(m)
	}
	for _, i := range dead {
		starts.Go(func() {
			if err := env.Shards[i].Start(r.t.Context()); err != nil {
				r.t.Error(err)
			}
		})
	}
	starts.Wait()
	if !early {
		r.thaw(m)
	}
	for _, i := range dead {
		r.strikeAt(kind, m.point(), time.Now(), func(k branchAt) bool { return k.shard == i && is(k) })
	}
}

// mend: owners freeze with what they have prepared, and with what they have decided, and of those that finish it none comes by its failpoint: it dies there, and
// when no process is left one is started; or it stands there while servers are killed and started again, and goes on.
func (r *round) mend() func() {
	for _, m := range r.stays {
		if err := m.close(); err != nil {
			r.t.Error(err)
		}
	}
	r.stays = nil
	targets, how := r.next(recoverAt, 2)
	owners := r.start([]string{"prepare.after:3=stop", "deliver.before:3=stop"}, r.coin)
	menders := r.start([]string{targets[0] + ":1=" + how, targets[1] + ":1=" + how}, r.coin)
	chance := rand.New(rand.NewPCG(r.rnd.Uint64(), 0))
	return func() {
		until := time.Now().Add(10 * time.Second)
		stand := make([]string, len(owners))
		for i, m := range owners {
			comes(m, until, func() bool { return false })
			stand[i] = r.ice(m)
		}
		since := time.Now()
		until = since.Add(20 * time.Second)
		left := func(k branchAt) bool { return owners[0].of(k) || owners[1].of(k) }
		vain := func() bool { return time.Since(since) > 3*time.Second && !r.a.sees.lists(left, time.Second) }
		var died []string
		for _, m := range menders {
			switch came := comes(m, until, vain); {
			case came && m.alive():
				r.serversDie(inMending, m, chance, func(branchAt) bool { return true })
			case came:
				died = append(died, m.point())
			default:
				r.killed(m)
			}
		}
		m, err := r.a.start("", false)
		if err != nil {
			r.t.Fatal(err)
		}
		r.stays = []*member{m}
		for i, at := range stand {
			r.strikeAt(inVain, at, time.Now(), owners[i].of)
		}
		for _, at := range died {
			r.strikeAt(byMending, at, time.Now(), left)
		}
	}
}
