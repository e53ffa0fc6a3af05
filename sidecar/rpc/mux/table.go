package mux

import (
	"errors"
	"sync"
	"time"
)

// Table is the messages sent on one connection whose answers are awaited, by number. Whoever takes a message out of it, and nobody else, goes on with it.
// Numbers are not used again before all others have been: an answer that comes late finds nobody, rather than another's question.
type Table[M any] struct {
	late func([]M)

	mu      sync.Mutex
	waiting map[uint32]entry[M]
	next    uint32
	closed  bool
	used    time.Time // when the last one was put in
	timer   *time.Timer
	rings   time.Time // when timer does; the zero time: it does not
}

type entry[M any] struct {
	message M
	until   time.Time
}

// NewTable returns an empty table. Those whose time is over are taken out of it and given to late, by goroutines of
// their own.
func NewTable[M any](late func([]M)) *Table[M] {
	return &Table[M]{late: late, waiting: map[uint32]entry[M]{}, used: time.Now()}
}

// Why a table takes no message.
var (
	ErrClosed = errors.New("the connection ends")
	ErrMany   = errors.New("it has as many calls under way as it may")
)

// Put has a message wait until its time is over. The error is ErrClosed, or ErrMany where there are most already.
func (t *Table[M]) Put(m M, until time.Time, most int) (number uint32, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return 0, ErrClosed
	case len(t.waiting) >= most:
		return 0, ErrMany
	}
	for {
		t.next++
		if t.next == None {
			continue
		}
		if _, taken := t.waiting[t.next]; !taken {
			break
		}
	}
	t.waiting[t.next] = entry[M]{m, until}
	t.used = time.Now()
	t.ring(until)
	return t.next, nil
}

// None is no message's number: what nobody answers may be sent with it.
const None = 0

// least is how often it is looked for those whose time is over, at most.
const least = time.Millisecond

// ring sees that the timer rings by then. mu is held.
func (t *Table[M]) ring(at time.Time) {
	if !t.rings.IsZero() && !at.Before(t.rings) {
		return
	}
	t.rings = at
	in := max(time.Until(at), least)
	if t.timer == nil {
		t.timer = time.AfterFunc(in, t.sweep)
		return
	}
	t.timer.Reset(in)
}

// sweep takes out those whose time is over.
func (t *Table[M]) sweep() {
	var over []M
	t.mu.Lock()
	now, next := time.Now(), time.Time{}
	for number, e := range t.waiting {
		if !e.until.After(now) {
			over = append(over, e.message)
			delete(t.waiting, number)
		} else if next.IsZero() || e.until.Before(next) {
			next = e.until
		}
	}
	t.rings = time.Time{}
	if !next.IsZero() && !t.closed {
		t.ring(next)
	}
	t.mu.Unlock()
	if len(over) > 0 {
		t.late(over)
	}
}

// Take takes the message of that number; ok is false where it is not there.
func (t *Table[M]) Take(number uint32) (m M, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.waiting[number]
	if ok {
		delete(t.waiting, number)
	}
	return e.message, ok
}

// Len is how many wait.
func (t *Table[M]) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.waiting)
}

// Close takes all out and has no more be put in.
func (t *Table[M]) Close() (rest []M) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for _, e := range t.waiting {
		rest = append(rest, e.message)
	}
	clear(t.waiting)
	if t.timer != nil {
		t.timer.Stop()
	}
	return rest
}

// CloseIdle closes a table that is empty, and has been since that time; ok is false where it is not.
func (t *Table[M]) CloseIdle(since time.Time) (ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) > 0 || t.used.After(since) {
		return false
	}
	t.closed = true
	return true
}
