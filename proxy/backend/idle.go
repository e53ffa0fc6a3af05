package backend

// idleSet holds idle connections in one list per flags, the one used last in front. The zero value is empty.
type idleSet struct {
	lists []idleList // few: one for each combination of flags that clients use
	n     int
}

type idleList struct {
	flags       Flags
	first, last *Conn
}

// lookAhead is how many idle connections are looked at for one whose state fits.
const lookAhead = 8

func (s *idleSet) list(f Flags) *idleList {
	for i := range s.lists {
		if s.lists[i].flags == f {
			return &s.lists[i]
		}
	}
	return nil
}

// take removes and returns an idle connection for w, nil if there is none of its flags: the one w hints at, else one
// whose state fits, else the one used last, so that those not needed grow old. A borrower who must be in no schema gets
// no connection that is in one.
func (s *idleSet) take(w *want) *Conn {
	l := s.list(w.flags)
	if l == nil || l.first == nil {
		return nil
	}
	if w.state != nil && w.state.bare {
		return s.takeBare(l)
	}
	best := l.first
	if h := w.hint; h != nil && h.slot.pool == best.slot.pool && h.slot.idle && h.info.Flags == w.flags {
		best = h
	} else if w.state != nil {
		for c, i := l.first, 0; c != nil && i < lookAhead; c, i = c.slot.next, i+1 {
			if c.applied.likes(w.state) {
				best = c
				break
			}
		}
	}
	s.remove(best)
	return best
}

func (s *idleSet) takeBare(l *idleList) *Conn {
	for c := l.first; c != nil; c = c.slot.next {
		if c.applied.schema == "" {
			s.remove(c)
			return c
		}
	}
	return nil
}

func (s *idleSet) put(c *Conn) {
	l := s.list(c.info.Flags)
	if l == nil {
		s.lists = append(s.lists, idleList{flags: c.info.Flags})
		l = &s.lists[len(s.lists)-1]
	}
	c.slot.idle, c.slot.prev, c.slot.next = true, nil, l.first
	if l.first != nil {
		l.first.slot.prev = c
	} else {
		l.last = c
	}
	l.first = c
	s.n++
}

func (s *idleSet) remove(c *Conn) {
	l := s.list(c.info.Flags)
	if c.slot.prev != nil {
		c.slot.prev.slot.next = c.slot.next
	} else {
		l.first = c.slot.next
	}
	if c.slot.next != nil {
		c.slot.next.slot.prev = c.slot.prev
	} else {
		l.last = c.slot.prev
	}
	c.slot.idle, c.slot.prev, c.slot.next = false, nil, nil
	s.n--
}

// oldest is the connection that has been idle for longest, nil if there is none.
func (s *idleSet) oldest() *Conn {
	var old *Conn
	for i := range s.lists {
		if c := s.lists[i].last; c != nil && (old == nil || c.slot.since < old.slot.since) {
			old = c
		}
	}
	return old
}

// has reports whether a connection of flags f is idle.
func (s *idleSet) has(f Flags) bool {
	l := s.list(f)
	return l != nil && l.first != nil
}

// all lists the idle connections; they may be removed while the list is walked.
func (s *idleSet) all() []*Conn {
	conns := make([]*Conn, 0, s.n)
	for i := range s.lists {
		for c := s.lists[i].first; c != nil; c = c.slot.next {
			conns = append(conns, c)
		}
	}
	return conns
}
