package sidecar

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/governance/switchover"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/sidecar/config"
)

// switching is this instance's part in a planned switch of one data source.
type switching struct {
	record  switchover.Record
	done    [2]switchover.Step // how far the switch had come when the instance did last what that asks of it
	free    bool               // likewise
	began   time.Time          // of the hold; zero: there was none
	holding bool
	told    bool // for how long writes have been held
	timer   *time.Timer
	waiting context.CancelFunc // ends the wait for what is under way
}

// doubt is that a server may have lost the writes to a planned switch of which nothing is heard: what was seen of it before says nothing.
type doubt struct {
	server, why string
	after       time.Time // a look at it that began later tells
}

// overrun is how long after the end of a hold a look at the old primary may still be overtaken by who is at work on the switch: his time is
// over, but for the step that he has begun.
const overrun = time.Second

// patience is how long statements wait at least for a look that tells, when it may begin.
const patience = time.Second

// succeed has a data source that is watched anew, by other rules, take its part in a planned switch over from how it was watched before; nil:
// it was not. It is called with mu.
func (r *replication) succeed(w, was *watched) {
	switch record, is := r.planned[w.rule.Name]; {
	case was != nil:
		w.switching, w.doubt = was.switching, was.doubt
		if s := w.switching; s != nil && s.holding && !w.takesPart(&s.record) {
			r.log.Warn("the rules have no place any more for a planned switch: writes wait until it is seen which server takes them",
				zap.String("data_source", w.rule.Name), zap.String("from", s.record.From), zap.String("to", s.record.To))
			r.release(w, s.began.Add(s.record.Hold+overrun))
		}
	case is:
		w.switching = &switching{record: record}
		r.follows(w)
	}
}

// takesPart reports whether the rules have both servers of a switch.
func (w *watched) takesPart(record *switchover.Record) bool {
	has := func(address string) bool {
		return w.rule.Address == address || slices.ContainsFunc(w.rule.Replicas, func(r rule.Replica) bool { return r.Address == address })
	}
	return has(record.From) && has(record.To)
}

// switches puts into force what is planned, by data source. say is called, in a goroutine of its own, with what the instance has to
// tell of a switch.
func (r *replication) switches(all map[string]switchover.Record, say func(switchover.Record, switchover.Held)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.planned, r.say = all, say
	for _, w := range r.watched {
		r.plan(w)
	}
}

// plan has a data source follow its planned switch. It is called with mu.
func (r *replication) plan(w *watched) {
	record, is := r.planned[w.rule.Name]
	had := w.switching
	switch {
	case !is && had == nil:
		return
	case is && had != nil && had.record.ID == record.ID:
		had.record = record
	default:
		if had != nil && (had.holding || w.doubt != nil) {
			r.release(w, time.Now()) // what has become of it the servers say
		}
		w.switching = nil
		if is {
			w.switching = &switching{record: record}
			r.log.Info("a planned switch is under way", zap.String("data_source", w.rule.Name), zap.String("from", record.From), zap.String("to", record.To),
				zap.String("by", record.By))
		} else {
			r.log.Info("the planned switch has ended", zap.String("data_source", w.rule.Name))
		}
	}
	r.follows(w)
	w.watcher.Declare(r.servers(w))
	w.watcher.Ask()
}

// follows does what is new of a switch. It is called with mu.
func (r *replication) follows(w *watched) {
	s := w.switching
	if s == nil {
		return
	}
	at := [2]switchover.Step{s.record.Step, s.record.Reached}
	if s.done != at || s.free != s.record.Free { // what else changes in the store puts nothing off
		s.done, s.free = at, s.record.Free
		r.step(w, s)
	}
}

// step does what a step of a switch asks of the instance. It is called with mu.
func (r *replication) step(w *watched, s *switching) {
	pending := s.holding || w.doubt != nil
	switch s.record.Step {
	case switchover.Chaining:
	case switchover.Holding:
		r.hold(w)
	case switchover.Released:
		if pending && !s.holding { // else the view of the new one ends the hold
			r.release(w, time.Now())
		}
	case switchover.Undoing:
		switch {
		case !pending:
		case s.record.Reached.Fences():
			r.release(w, time.Now())
		default:
			r.release(w, time.Time{}) // nothing was done to the old one
		}
	default:
		if !s.holding && (w.view.Primary == s.record.From || w.view.At.IsZero()) { // it holds no more, or has heard of it too late
			r.release(w, time.Now().Add(s.record.Hold+overrun))
		}
	}
}

// hold keeps new work back, and tells when what is under way has ended. By rules that have not both servers nothing is held, and so the
// switch is undone. It is called with mu.
func (r *replication) hold(w *watched) {
	s := w.switching
	if !s.began.IsZero() {
		return
	}
	if !w.takesPart(&s.record) {
		r.log.Warn("writes are not held for a planned switch of servers that the rules do not have, and so it is undone",
			zap.String("data_source", w.rule.Name), zap.String("from", s.record.From), zap.String("to", s.record.To))
		return
	}
	s.began, s.holding = time.Now(), true
	name, record := w.rule.Name, s.record
	r.pause(w)
	s.timer = time.AfterFunc(record.Hold, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if w := r.watched[name]; w != nil && w.switching == s && s.holding { // by rules that may be others
			r.log.Warn("a planned switch takes too long: writes wait on, as they would at night, until it is seen which server takes them",
				zap.String("data_source", name), zap.Duration("held", record.Hold))
			r.release(w, time.Now().Add(overrun))
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), record.Grace)
	s.waiting = cancel
	say := r.say
	r.work.Go(func() {
		defer cancel()
		if cut, idle := r.settle(ctx, name, &record); idle {
			say(record, switchover.Held{Cut: cut, Waited: time.Since(s.began)})
		}
	})
}

// pause has statements wait for as long as a hold and what comes behind it may take. It is called with mu.
func (r *replication) pause(w *watched) {
	s := w.switching
	r.pools.Pause(w.rule.Name, heldBy(&s.record), time.Until(s.began.Add(s.record.Hold+overrun+patience)))
}

// stop ends a hold for those who keep it; what has been told is not taken back. It is called with mu.
func (s *switching) stop() {
	if s != nil && s.holding {
		s.holding = false
		s.timer.Stop()
		s.waiting()
	}
}

func heldBy(r *switchover.Record) string { return "a planned switch to " + r.To + " is under way" }

// settle waits until nothing is under way at a primary, and breaks what is when ctx ends. It is not idle if the hold has ended first.
func (r *replication) settle(ctx context.Context, name string, record *switchover.Record) (cut int, idle bool) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for r.pools.Lent(name) > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return 0, false
			}
			cut = r.pools.Lent(name)
			r.pools.Cut(name, fmt.Sprintf("%s, and what was under way had %v to end", heldBy(record), record.Grace))
			return cut, true
		}
	}
	return 0, ctx.Err() == nil || errors.Is(ctx.Err(), context.DeadlineExceeded)
}

// release ends a hold: statements go where the view says, or wait as it says; to the old primary only when it has been looked at after a
// time. It is called with mu.
func (r *replication) release(w *watched, after time.Time) {
	s := w.switching
	s.stop()
	w.doubt = &doubt{server: s.record.From, after: after,
		why: heldBy(&s.record) + ", and whether " + s.record.From + " still takes writes is not known yet"}
	r.forcePrimary(w)
}

// doubted reports whether the primary of the view, or that which the pools have where there is no view yet, may be none any more. It is called
// with mu.
func (w *watched) doubted() bool {
	return w.doubt != nil && (w.view.At.IsZero() || w.view.Primary == w.doubt.server && !w.view.Asked(w.doubt.server).After(w.doubt.after))
}

// released tells of a hold whose statements have gone on. It is called with mu.
func (r *replication) released(w *watched) {
	s := w.switching
	if s == nil || s.began.IsZero() || s.holding || s.told {
		return
	}
	s.told = true
	r.log.Info("writes were held for a planned switch", zap.String("data_source", w.rule.Name), zap.String("primary", w.view.Primary),
		zap.Duration("held", time.Since(s.began)))
	r.sayHeld(s)
}

// sayHeld tells for how long writes have been held. It is called with mu.
func (r *replication) sayHeld(s *switching) {
	record, held, say := s.record, time.Since(s.began), r.say
	r.work.Go(func() { say(record, switchover.Held{Used: held}) })
}

// barred reports whether a server must not be taken for the primary yet. It is called with mu.
func (w *watched) barred(address string) bool {
	return w.switching != nil && w.switching.record.To == address && w.switching.record.Barred()
}

// readSwitches takes the planned switches out of what stands below layout.RW.
func readSwitches(known map[string]store.KV, problem func(error)) map[string]switchover.Record {
	out := map[string]switchover.Record{}
	for key, kv := range known {
		if !strings.HasPrefix(key, layout.Switches) {
			continue
		}
		if r, err := switchover.DecodeRecord(kv.Value); err != nil {
			problem(err)
		} else {
			out[r.DataSource] = r
		}
	}
	return out
}

// say writes what this instance has to tell of a switch.
func (s *stored) say(record switchover.Record, h switchover.Held) {
	h.Instance = s.process.config.Instance.Name
	text, err := h.Encode()
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		var was store.KV
		if h.Used != 0 { // beside what it said before, if that still stands
			key := layout.HeldKey(record.DataSource, record.ID, h.Instance)
			if was, err = s.store.Get(ctx, key); err == nil {
				said, bad := switchover.DecodeHeld(was.Value)
				said.Used = h.Used
				if text, err = said.Encode(); err == nil && bad == nil {
					_, err = s.store.Txn(ctx, []store.Cond{store.Unchanged(was)}, []store.Op{store.Put(key, text)})
				}
			}
			if store.IsNotFound(err) {
				return // nobody waits for it any more
			}
		} else {
			err = store.Write(ctx, s.store, store.Put(layout.HeldKey(record.DataSource, record.ID, h.Instance), text))
		}
	}
	if err != nil {
		s.log.problem("a planned switch", err)
	}
}

// takeUp finishes or undoes switches that nobody is at work on any more, where the configuration says with which account.
func (st *steering) takeUp(ctx context.Context) {
	s := st.stored
	if s.process.config.Switchover.User == "" {
		return
	}
	for dataSource := range readSwitches(st.known, func(error) {}) {
		if _, busy := st.known[layout.DriverKey(dataSource)]; busy || st.taking[dataSource] || time.Now().Before(st.next[dataSource]) {
			continue
		}
		account, err := s.process.replication.account(dataSource, s.process.config)
		if err != nil {
			s.log.problem("a planned switch", err)
			continue
		}
		st.taking[dataSource] = true
		s.running.Go(func() error {
			c := &switchover.Conductor{Store: s.store, Account: account}
			out, err := c.Resume(ctx, dataSource, "")
			log := s.log.With(zap.String("data_source", dataSource), zap.String("from", out.Record.From), zap.String("to", out.Record.To))
			switch {
			case errors.Is(err, switchover.ErrBusy), store.IsNotFound(err), ctx.Err() != nil:
			case err == nil:
				log.Warn("finished a planned switch that its conductor had left")
			case errors.Is(err, switchover.ErrUndone):
				log.Warn("undid a planned switch that its conductor had left", zap.Error(err))
			default:
				log.Error("a planned switch that its conductor had left needs an operator", zap.Error(err))
			}
			select {
			case st.taken <- dataSource:
			case <-ctx.Done():
			}
			return nil
		})
	}
}

// again is when a switch that could not be ended is taken up anew: not all instances at once.
func again() time.Time { return time.Now().Add(2*time.Second + rand.N(2*time.Second)) }

// account is how a planned switch enters a data source's servers.
func (r *replication) account(dataSource string, c *config.Config) (*switchover.Account, error) {
	r.mu.Lock()
	w := r.watched[dataSource]
	r.mu.Unlock()
	if w == nil {
		return nil, fmt.Errorf("there is no data source %q whose replicas are read", dataSource)
	}
	return accountOf(driverConfig(&w.source), c)
}

func accountOf(driver *mysql.Config, c *config.Config) (*switchover.Account, error) {
	if c.Switchover.User == "" {
		return nil, errors.New("nothing says with which account servers are made to follow each other: set switchover.user in heddle.yaml, or HEDDLE_SWITCHOVER_USER")
	}
	out := &switchover.Account{Config: driver}
	password, err := config.Resolve(c.Switchover.Password)
	if err != nil {
		return nil, fmt.Errorf("switchover.password: %w", err)
	}
	driver.User, driver.Passwd = c.Switchover.User, password
	out.User, out.Password = c.Switchover.User, password
	if c.Switchover.ReplicationUser != "" {
		out.User = c.Switchover.ReplicationUser
		if out.Password, err = config.Resolve(c.Switchover.ReplicationPassword); err != nil {
			return nil, fmt.Errorf("switchover.replication_password: %w", err)
		}
	}
	return out, nil
}
