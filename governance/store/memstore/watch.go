package memstore

import (
	"context"
	"strings"

	"github.com/heddle-mesh/heddle/governance/store"
)

type watch struct {
	client *Client
	prefix string
	out    chan store.Update
	signal chan struct{} // capacity 1: look again

	next int64 // the last revision delivered; 0 before the first Reset
	life int
	lost bool
}

// Watch implements store.Store.
func (c *Client) Watch(ctx context.Context, prefix string, after int64) <-chan store.Update {
	w := &watch{client: c, prefix: prefix, out: make(chan store.Update), signal: make(chan struct{}, 1), next: after}
	c.srv.mu.Lock()
	w.life = c.srv.life
	c.srv.watches[w] = struct{}{}
	c.srv.mu.Unlock()
	go w.run(ctx)
	return w.out
}

func (w *watch) run(ctx context.Context) {
	defer close(w.out)
	defer func() {
		w.client.srv.mu.Lock()
		defer w.client.srv.mu.Unlock()
		delete(w.client.srv.watches, w)
	}()
	for {
		for {
			u, ok := w.take(ctx)
			if !ok {
				break
			}
			select {
			case w.out <- u:
			case <-ctx.Done():
				return
			case <-w.client.done:
				return
			}
		}
		select {
		case <-w.signal:
		case <-ctx.Done():
			return
		case <-w.client.done:
			return
		}
	}
}

// take is the next update, if there is one now.
func (w *watch) take(ctx context.Context) (store.Update, bool) {
	if err := w.client.usable(ctx, "watch "+w.prefix); err != nil {
		first := !w.lost
		w.lost = true
		return store.Update{Kind: store.Lost, Err: err}, first
	}
	s := w.client.srv
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.next == 0 || w.life != s.life || w.next < s.compacted || w.next > s.rev {
		l := s.list(w.prefix)
		w.next, w.life, w.lost = s.rev, s.life, false
		return store.Update{Kind: store.Reset, Revision: l.Revision, KVs: l.KVs}, true
	}
	if w.lost {
		w.lost = false
		return store.Update{Kind: store.Regained, Revision: w.next}, true
	}
	for _, c := range s.history {
		if c.rev <= w.next {
			continue
		}
		w.next = c.rev
		if events := below(c.events, w.prefix); len(events) > 0 {
			return store.Update{Kind: store.Change, Revision: c.rev, Events: events}, true
		}
	}
	return store.Update{}, false
}

func below(events []store.Event, prefix string) []store.Event {
	var out []store.Event
	for _, e := range events {
		if strings.HasPrefix(e.KV.Key, prefix) {
			out = append(out, e)
		}
	}
	return out
}
