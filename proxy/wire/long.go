package wire

import (
	"io"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
)

// Budget bounds the memory of payloads that do not fit into a buffer.
type Budget interface {
	// Reserve takes n bytes, or returns an error for the peer.
	Reserve(what string, n int64) error
	Release(n int64)
}

// Long is what a server bounds its clients' long payloads by, beside their length.
type Long struct {
	Budget Budget
	// Wait is called before each wait for more of a payload, at least once in a longStep: it may set a deadline.
	Wait func() error
}

// BoundLong has payloads that do not fit into a buffer bounded. What is refused is then read to its end, so that the
// stream goes on: see Refused.
func (r *Reader) BoundLong(l *Long) { r.long = l }

// Refused is the error of a payload that was longer than the limit, or than memory allows. The peer has sent all of it,
// it was dropped, and the stream goes on with what the peer is told of it.
type Refused struct {
	Err  *sqlerr.Error
	Head []byte // the first bytes of the payload, up to 8
}

// Error implements error.
func (r *Refused) Error() string { return r.Err.Error() }

// Unwrap gives what the peer is to be told.
func (r *Refused) Unwrap() error { return r.Err }

const (
	// longStep is how much of a long payload is waited for at once.
	longStep = 1 << 20
	// skipLimit is how much of a refused payload is read; more than the protocol allows.
	skipLimit = 1 << 30
	headBytes = 8
)

// drop forgets the last long payload.
func (r *Reader) drop() {
	if r.charged > 0 {
		r.long.Budget.Release(r.charged)
	}
	r.joined, r.charged = nil, 0
}

// readJoined reads a payload that does not fit into the buffer or that goes on in further packets.
func (r *Reader) readJoined() ([]byte, error) {
	r.joined = r.joined[:0]
	for {
		n, err := r.peekLong()
		if err != nil {
			return nil, err
		}
		if n > r.max-len(r.joined) {
			return nil, r.skip(sqlerr.PacketTooLarge(), n)
		}
		left, err := r.appendJoined(n)
		if refused, ok := err.(*Refused); ok {
			return nil, r.skipRest(refused, left, n < MaxFrame)
		}
		if err != nil {
			return nil, err
		}
		if n < MaxFrame {
			return r.joined, nil
		}
	}
}

// peekLong is peekHeader, with the wait that it may have.
func (r *Reader) peekLong() (int, error) {
	if err := r.wait(); err != nil {
		return 0, err
	}
	return r.peekHeader()
}

func (r *Reader) wait() error {
	if r.long == nil {
		return nil
	}
	return r.long.Wait()
}

// appendJoined reads a packet of n bytes and returns how many of them it has not read.
func (r *Reader) appendJoined(n int) (left int, err error) {
	r.rd += headerSize
	*r.seq++
	for n > 0 {
		start := len(r.joined)
		if start == cap(r.joined) {
			if err := r.grow(n); err != nil {
				return n, err
			}
		}
		room := min(n, cap(r.joined)-start)
		if have := min(room, r.wr-r.rd); have > 0 {
			r.joined = append(r.joined, r.buf[r.rd:r.rd+have]...)
			r.rd += have
			n -= have
			continue
		}
		if err := r.wait(); err != nil {
			return n, err
		}
		k, err := io.ReadFull(r.src, r.joined[start:start+min(room, longStep)])
		r.joined = r.joined[:start+k]
		r.received += int64(k)
		if n -= k; err != nil {
			return n, unexpected(err)
		}
	}
	return 0, nil
}

// grow makes room in joined for some of the n bytes that are to come. It takes little until enough has arrived, then all
// of the packet, and, where more packets follow, more than this one: each growth is a copy, and leaves garbage as long
// as what is copied.
func (r *Reader) grow(n int) error {
	have := len(r.joined)
	size := have + n
	switch {
	case have < earnest:
		size = min(size, earnest)
	case n == MaxFrame:
		if err := r.resize(min(2*size+earnest, max(r.max, size))); err == nil {
			return nil
		}
	}
	return r.resize(size)
}

// resize moves joined to a place of size bytes, if the budget has them.
func (r *Reader) resize(size int) error {
	if r.long != nil {
		if err := r.long.Budget.Reserve("the statement", int64(size)); err != nil {
			e := sqlerr.As(err)
			if e == nil {
				return err
			}
			return &Refused{Err: e}
		}
	}
	moved := make([]byte, len(r.joined), size)
	copy(moved, r.joined)
	r.drop()
	r.joined = moved
	if r.long != nil {
		r.charged = int64(size)
	}
	return nil
}

// skip refuses a payload in front of a packet of n bytes. A Reader without bounds leaves it where it is.
func (r *Reader) skip(e *sqlerr.Error, n int) error {
	if r.long == nil {
		return e
	}
	r.rd += headerSize
	*r.seq++
	return r.skipRest(&Refused{Err: e}, n, n < MaxFrame)
}

// skipRest reads what is left of a refused payload: of the packet under way, and, unless that was the last, of those
// that follow.
func (r *Reader) skipRest(refused *Refused, left int, last bool) error {
	head := r.joined
	if len(head) == 0 {
		if err := r.fill(min(left, headBytes)); err != nil {
			return unexpected(err)
		}
		head = r.buf[r.rd : r.rd+min(left, headBytes)]
	}
	refused.Head = append(refused.Head, head[:min(len(head), headBytes)]...)
	r.drop()
	for total := left; ; {
		for unseen := 0; left > 0; {
			if unseen <= 0 {
				if err := r.wait(); err != nil {
					return err
				}
				unseen = longStep
			}
			if err := r.fill(1); err != nil {
				return unexpected(err)
			}
			k := min(left, r.wr-r.rd)
			r.rd += k
			left -= k
			unseen -= k
		}
		if last {
			return refused
		}
		n, err := r.peekLong()
		if err != nil {
			return err
		}
		if total += n; total > skipLimit {
			return refused.Err
		}
		r.rd += headerSize
		*r.seq++
		left, last = n, n < MaxFrame
	}
}
