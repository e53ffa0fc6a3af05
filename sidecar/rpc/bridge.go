package rpc

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/sidecar/rpc/http1"
)

// bridge passes on whatever either of two ends sends, until both have ended, or nothing has come from either for so long as quiet. Once one has
// ended, the other may be silent for the time that either end may be within a message. The error says why it was not they who ended it.
func (x *call) bridge(client, server *http1.Conn, quiet time.Duration) error {
	for _, c := range []*http1.Conn{client, server} {
		c.SetPatience(0)
		if err := c.Conn.SetDeadline(time.Time{}); err != nil {
			return fmt.Errorf("the connection was lost before anything could be passed on: %w", err)
		}
	}
	w := &watch{bound: quiet, last: time.Now(), cut: func() {
		_ = client.Conn.Close() // as they would do themselves
		_ = server.Conn.Close()
	}}
	w.begin()
	halved := x.server.settings.Load().Silence
	back := make(chan struct{})
	go func() {
		defer close(back)
		w.splice(server, client)
		w.lower(halved)
	}()
	w.splice(client, server)
	w.lower(halved)
	<-back
	return w.end()
}

// watch is the one clock of both directions of a connection that is passed on as it is.
type watch struct {
	cut func() // ends both

	mu    sync.Mutex    // guards what follows
	bound time.Duration // of silence
	last  time.Time     // when something came
	timer *time.Timer   // nil: it is over
	late  bool          // the bound was reached
}

func (w *watch) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(w.bound, w.look)
}

// came notes that one of both has sent something.
func (w *watch) came() {
	w.mu.Lock()
	w.last = time.Now()
	w.mu.Unlock()
}

// look ends both where nothing has come for so long.
func (w *watch) look() {
	w.mu.Lock()
	if w.timer != nil {
		if left := w.bound - time.Since(w.last); left > 0 {
			w.timer.Reset(left)
		} else {
			w.late = true
		}
	}
	late := w.late
	w.mu.Unlock()
	if late {
		w.cut() // by TLS it may wait
	}
}

// lower has a shorter bound hold from now on.
func (w *watch) lower(bound time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if bound > 0 && bound < w.bound && !w.late {
		w.bound, w.last = bound, time.Now()
		w.timer.Reset(bound)
	}
}

// end says that both have ended.
func (w *watch) end() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer.Stop()
	w.timer = nil
	if w.late {
		return fmt.Errorf("neither end sent anything for %v", w.bound)
	}
	return nil
}

// splice passes on what from sends until its end, and tells to of it.
func (w *watch) splice(to, from *http1.Conn) {
	all := http1.UntilEnd()
	for {
		_, err := http1.PassWaiting(to, from, &all)
		if err == nil {
			err = to.Flush()
		}
		if err == nil {
			err = from.More()
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			w.cut() // one direction is broken: so is the other
			return
		}
		w.came()
	}
	if half, ok := to.Conn.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		_ = to.Conn.Close() // it cannot be told otherwise
	}
}
