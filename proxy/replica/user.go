package replica

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heddle-mesh/heddle/internal/gtid"
)

// User is what one user, on whichever connection, has written. It is a backend.Writer.
type User struct {
	set   *Set
	mu    sync.Mutex                       // guards the replacement of marks
	marks atomic.Pointer[map[string]*mark] // by data source; never changed in place
}

// mark is how far a user has written on a data source.
type mark struct {
	mu    sync.Mutex
	pos   gtid.Position
	at    time.Time // of the last write
	doubt time.Time // when something may have been written of which pos does not tell; zero: never
}

// most and many bound of how many intervals what a user has written on MySQL may consist: his transactions are some among
// those of others. Beyond many, what the primary has is put in; who never reads comes to have most, and is in doubt then.
const (
	many = 64
	most = 4096
)

// Wrote implements backend.Writer.
func (u *User) Wrote(dataSource string, gtids []byte) {
	m := u.mark(dataSource)
	m.mu.Lock()
	defer m.mu.Unlock()
	var ok bool
	m.pos, ok = m.pos.Note(gtids)
	m.at = time.Now()
	switch {
	case !ok:
		m.doubt = m.at
	case m.pos.Set.Pieces() > most:
		m.pos, m.doubt = gtid.Position{}, m.at // the next answer of the primary has it all
	}
}

// Doubt implements backend.Writer.
func (u *User) Doubt(dataSource string) {
	m := u.mark(dataSource)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.doubt = time.Now()
	m.at = m.doubt
}

func (u *User) mark(dataSource string) *mark {
	if m := (*u.marks.Load())[dataSource]; m != nil {
		return m
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	m := (*u.marks.Load())[dataSource]
	if m == nil {
		m = &mark{}
		next := maps.Clone(*u.marks.Load())
		next[dataSource] = m
		u.marks.Store(&next)
	}
	return m
}

// Fit is whether a replica may answer a user.
type Fit uint8

// The answers.
const (
	Fits    Fit = iota // it has all that he wrote, as far as he has to find it
	Waits              // it may have it in a moment: see Behind
	Primary            // the primary alone has it for sure
)

// Fit reports whether e may answer the user's reads of a data source. It allocates nothing.
func (u *User) Fit(g *Group, dataSource string, e *Endpoint) Fit {
	if g.policy.Writes == Never {
		return Fits
	}
	m := (*u.marks.Load())[dataSource]
	if m == nil {
		return Fits
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if g.policy.Writes == ByLag {
		if time.Since(m.at) <= g.policy.MaxLag {
			return Primary
		}
		return Fits
	}
	if !m.doubt.IsZero() {
		if !g.asked.After(m.doubt) {
			return Primary
		}
		m.pos = m.pos.Merge(g.written) // whatever it was, is in there
		m.doubt = time.Time{}
	}
	if m.pos.Set.Pieces() > many {
		m.pos = m.pos.Merge(g.written) // which asks for more than he wrote, and leaves no gaps but the newest
	}
	if e.covers(m.pos) {
		return Fits
	}
	return Waits
}

// Behind is what a replica has to have for the user.
func (u *User) Behind(dataSource string) gtid.Position {
	m := u.mark(dataSource)
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pos.Clone()
}

// Moved forgets how far users have written on a data source: another server takes its writes now, on which the transactions of
// the one before may be missing for good. What they read is the primary's until it has been asked.
func (s *Set) Moved(dataSource string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.users {
		if m := (*u.marks.Load())[dataSource]; m != nil {
			m.mu.Lock()
			m.pos, m.doubt = gtid.Position{}, time.Now()
			m.mu.Unlock()
		}
	}
}
