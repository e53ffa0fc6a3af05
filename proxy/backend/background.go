package backend

import "sync"

// background is the work that nobody waits for in place: it is waited for at the end.
type background struct {
	mu     sync.Mutex // guards closed, and that no work starts after it is set
	closed bool
	wg     sync.WaitGroup
}

// start runs f in a goroutine, unless the end has come.
func (b *background) start(f func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.wg.Go(f)
	return true
}

// finish lets nothing start any more and waits for what runs.
func (b *background) finish() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.wg.Wait()
}
