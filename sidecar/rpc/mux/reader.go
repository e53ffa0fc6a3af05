package mux

import (
	"io"
	"sync"
)

// Split takes a message of at most limit bytes from the front of b, and says how long it is, as far as that is known; it is nil while it is not whole.
type Split[F ~[]byte] func(b []byte, limit int) (f F, size int, err error)

// Reader has the messages of a connection, of which it reads as many at once as have come.
type Reader[F ~[]byte] struct {
	from  io.Reader
	split Split[F]
	limit int
	buf   []byte // buf[r:w] is not taken yet
	r, w  int
	few   int // reads in a row that brought little
}

// A connection with little to say has a small buffer: of many that are idle, each holds one.
const (
	smallSize  = 4 << 10
	bufferSize = 32 << 10
)

var (
	smalls  = sync.Pool{New: func() any { return new([smallSize]byte) }}
	buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}
)

// NewReader returns a reader of messages of at most limit bytes. waiting has been read already.
func NewReader[F ~[]byte](from io.Reader, split Split[F], limit int, waiting []byte) *Reader[F] {
	r := &Reader[F]{from: from, split: split, limit: limit}
	if len(waiting) > 0 {
		r.grow(len(waiting))
		r.w = copy(r.buf, waiting)
	}
	return r
}

// Next takes a message that has been read already; nil: none that is whole. It is valid until More. The error is Split's.
func (r *Reader[F]) Next() (F, error) {
	f, size, err := r.split(r.buf[r.r:r.w], r.limit)
	if f != nil {
		r.r += size
	}
	return f, err
}

// Midway says whether a part of a message has been read.
func (r *Reader[F]) Midway() bool { return r.r < r.w }

// More reads on. The buffer grows as bytes come, not as a head promises them.
func (r *Reader[F]) More() error {
	if r.r == r.w {
		r.resize(r.w)
		r.r, r.w = 0, 0
	}
	full := r.w == len(r.buf)
	if full && r.r > 0 {
		r.w = copy(r.buf, r.buf[r.r:r.w])
		r.r = 0
	}
	if r.w == len(r.buf) || full && len(r.buf) == smallSize {
		r.grow(2 * len(r.buf))
	}
	n, err := r.from.Read(r.buf[r.w:])
	r.w += n
	if n > 0 {
		return nil
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

// resize has the buffer, of which nothing is waiting, be as what came last calls for.
func (r *Reader[F]) resize(last int) {
	r.w = 0
	if r.few++; last > smallSize/2 {
		r.few = 0
	}
	switch {
	case len(r.buf) == smallSize && last == smallSize:
		r.grow(bufferSize)
	case len(r.buf) > bufferSize, len(r.buf) == bufferSize && r.few > manyFew: // a long message's, or a busy time's
		recycle(r.buf)
		r.buf = nil
	}
}

// manyFew are so many reads in a row that bring little that the small buffer does.
const manyFew = 16

func (r *Reader[F]) grow(size int) {
	old := r.buf
	switch {
	case size <= smallSize:
		r.buf = smalls.Get().(*[smallSize]byte)[:]
	case size <= bufferSize:
		r.buf = buffers.Get().(*[bufferSize]byte)[:]
	default:
		r.buf = make([]byte, size)
	}
	copy(r.buf, old[:r.w])
	recycle(old)
}

func recycle(b []byte) {
	switch cap(b) {
	case smallSize:
		smalls.Put((*[smallSize]byte)(b[:smallSize]))
	case bufferSize:
		buffers.Put((*[bufferSize]byte)(b[:bufferSize]))
	}
}

// Release gives the buffer back. Nothing is read any more.
func (r *Reader[F]) Release() {
	recycle(r.buf)
	r.buf, r.r, r.w = nil, 0, 0
}
