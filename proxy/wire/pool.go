package wire

import "sync"

// DefaultBuffer is the size of a pooled buffer unless the pool says otherwise: what a server's net_buffer_length is.
const DefaultBuffer = 16 << 10

// Pool lends the buffers that connections need only while they work. One pool serves a process: 10,000 idle
// connections hold none of its buffers. It is safe for concurrent use.
type Pool struct {
	size int
	bufs sync.Pool // *lease

	codecs codecPool
}

// lease is one borrowed buffer. It is passed by pointer so that lending and returning do not allocate.
type lease struct{ b []byte }

// NewPool returns a pool of buffers of size bytes; 0 means DefaultBuffer, and less than 1 KiB is raised to that.
func NewPool(size int) *Pool {
	if size == 0 {
		size = DefaultBuffer
	}
	size = max(size, 1<<10)
	p := &Pool{size: size}
	p.bufs.New = func() any { return &lease{b: make([]byte, size)} }
	return p
}

// Size is the size of each buffer, bytes.
func (p *Pool) Size() int { return p.size }

func (p *Pool) borrow() *lease { return p.bufs.Get().(*lease) }

func (p *Pool) giveBack(l *lease) { p.bufs.Put(l) }
