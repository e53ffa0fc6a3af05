package share

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
)

// membership is an instance's part under one lease.
type membership struct {
	s       *Share
	lease   *store.Lease
	greedy  time.Time // not before then is more taken than there is
	members map[string]bool
	told    int       // the number in the store
	next    time.Time // not before then is asked for more again
	tries   int       // in vain
}

// unknown is a number in the store whose writing was not answered.
const unknown = -1

// run follows who is there until the lease is lost or ctx is done.
func (m *membership) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m.told = m.s.Among()
	updates := m.s.cfg.Store.Watch(ctx, layout.Sharers, 0)
	tick := time.NewTicker(m.s.cfg.Pause)
	defer tick.Stop()
	for {
		select {
		case u, open := <-updates:
			if !open {
				return
			}
			m.take(u)
		case <-m.lease.Done():
			return
		case <-tick.C:
		}
		if m.members == nil || !m.lease.Alive() {
			continue // who is there is not known
		}
		if err := m.settle(ctx); err != nil {
			if ctx.Err() != nil {
				return
			}
			m.s.cfg.Problem(fmt.Errorf("share of connections: %w", err))
			m.s.rest(ctx, 5*m.s.cfg.Pause)
		}
	}
}

// take notes who has come and gone.
func (m *membership) take(u store.Update) {
	switch u.Kind {
	case store.Reset:
		m.members = map[string]bool{}
		for _, kv := range u.KVs {
			m.members[kv.Key] = true
		}
	case store.Change:
		for _, e := range u.Events {
			if m.members[e.KV.Key] = true; e.Deleted {
				delete(m.members, e.KV.Key)
			}
		}
	}
}

// settle does the next step there is: taking less needs nobody, more needs all others.
func (m *membership) settle(ctx context.Context) error {
	want := Round(max(1, len(m.members)))
	if among := m.s.Among(); among > 0 && want > among {
		m.s.remember(want) // before it holds: a number too large is no harm
		m.s.apply(want)
	}
	among := m.s.Among()
	if m.told != among { // also before more is taken: what is open may be more than that
		if !m.s.cfg.Within() {
			return nil
		}
		return m.tell(ctx)
	}
	if now := time.Now(); among > 0 && want >= among || now.Before(m.greedy) || now.Before(m.next) {
		return nil
	}
	grown, err := m.grow(ctx)
	if m.tries++; grown {
		m.tries = 0
	}
	m.next = time.Now().Add(m.s.cfg.Pause/2 + rand.N(m.s.cfg.Pause<<min(m.tries, 5)))
	return err
}

// tell has the others know that the instance keeps to its number.
func (m *membership) tell(ctx context.Context) error {
	if err := store.Write(ctx, m.s.cfg.Store, m.s.holds(m.s.Among(), m.lease)); err != nil {
		return err
	}
	m.told = m.s.Among()
	return nil
}

// grow takes the part that is due if the others let it.
func (m *membership) grow(ctx context.Context) (grown bool, err error) {
	st := m.s.cfg.Store
	grew, err := store.GetOrZero(ctx, st, layout.SharersGrew)
	if err != nil {
		return false, err
	}
	there, err := st.List(ctx, layout.Sharers) // after the key: who comes later changes it
	if err != nil {
		return false, err
	}
	held, err := st.List(ctx, layout.Shares)
	if err != nil {
		return false, err
	}
	want, among := Round(max(1, len(there.KVs))), m.s.Among()
	if among > 0 && want >= among {
		return false, nil
	}
	for _, kv := range held.KVs {
		n, err := strconv.Atoi(string(kv.Value))
		if err != nil {
			return false, fmt.Errorf("the record %s: %w", kv.Key, err)
		}
		if kv.Key != layout.ShareOf(m.s.cfg.Instance) && n != 0 && n < want {
			return false, nil // it has more than its part yet
		}
	}
	m.told = unknown
	res, err := st.Txn(ctx, []store.Cond{store.Unchanged(grew)}, []store.Op{m.s.holds(want, m.lease)})
	if err != nil {
		return false, err
	}
	if !res.OK {
		m.told = among
		return false, nil
	}
	m.told = want
	m.s.apply(want)
	m.s.remember(want)
	return true, nil
}
