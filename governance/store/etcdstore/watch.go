package etcdstore

import (
	"context"
	"errors"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/heddle-mesh/heddle/governance/store"
)

// errHistoryGone ends a stream whose past the store does not have: all must be listed anew.
var errHistoryGone = errors.New("the history that the watch needs is gone")

// watch is one call of Watch: list, then stream, and again when the stream breaks.
type watch struct {
	s      *Store
	prefix string
	out    chan store.Update
	rev    int64  // everything up to it was delivered; 0: nothing yet
	id     string // the life of the store that rev belongs to; "" until known
	lost   bool   // Lost was delivered last
}

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context, prefix string, after int64) <-chan store.Update {
	w := &watch{s: s, prefix: prefix, out: make(chan store.Update), rev: after}
	if !s.enter() {
		close(w.out)
		return w.out
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := s.onClose(cancel)
	go func() {
		defer s.wg.Done()
		defer close(w.out)
		defer cancel()
		defer stop()
		w.run(ctx)
	}()
	return w.out
}

func (w *watch) run(ctx context.Context) {
	pause := 50 * time.Millisecond
	for ctx.Err() == nil {
		began := time.Now()
		err := w.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errHistoryGone) {
			w.rev, w.id = 0, ""
		} else {
			w.tellLost(ctx, err)
		}
		if time.Since(began) > 10*time.Second {
			pause = 50 * time.Millisecond
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, 2*time.Second)
	}
}

// once lists if it must, and streams until something breaks.
func (w *watch) once(ctx context.Context) error {
	if err := w.check(ctx); err != nil {
		return err
	}
	if w.rev == 0 {
		l, err := w.s.List(ctx, w.prefix)
		if err != nil {
			return err
		}
		w.rev, w.lost = l.Revision, false
		if !w.send(ctx, store.Update{Kind: store.Reset, Revision: l.Revision, KVs: l.KVs}) {
			return ctx.Err()
		}
	}
	return w.stream(ctx)
}

// check asks whether the store is the one that rev belongs to. It is what makes a wiped or restored store visible.
func (w *watch) check(ctx context.Context) error {
	id, rev, err := w.s.identity(ctx)
	switch {
	case err != nil:
		return w.s.fail(ctx, err, "watch %s", w.prefix)
	case w.rev > rev, w.id != "" && w.id != id:
		return errHistoryGone
	}
	w.id = id
	if w.lost && w.rev != 0 {
		w.lost = false
		w.send(ctx, store.Update{Kind: store.Regained, Revision: w.rev})
	}
	return nil
}

func (w *watch) stream(parent context.Context) error {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	client, err := w.s.dialer.get(ctx) // there is one: check has used it
	if err != nil {
		return w.s.fail(parent, err, "watch %s", w.prefix)
	}
	late := time.AfterFunc(w.s.timeout, cancel) // the call below waits for the etcd's answer for ever
	ch := client.Watch(clientv3.WithRequireLeader(ctx), w.s.prefix+w.prefix, clientv3.WithPrefix(), clientv3.WithRev(w.rev+1))
	if !late.Stop() {
		return w.s.fail(parent, errors.New("no answer in time"), "watch %s", w.prefix)
	}
	tick := time.NewTicker(w.s.checkEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			err := w.check(ctx)
			if errors.Is(err, errHistoryGone) {
				return err
			}
			if err != nil {
				w.tellLost(ctx, err)
			}
		case resp, ok := <-ch:
			if !ok {
				return w.s.fail(ctx, errors.New("stream ended"), "watch %s", w.prefix)
			}
			if err := w.deliver(ctx, resp); err != nil {
				return err
			}
		}
	}
}

func (w *watch) deliver(ctx context.Context, resp clientv3.WatchResponse) error {
	if err := resp.Err(); err != nil {
		if errors.Is(err, rpctypes.ErrCompacted) || errors.Is(err, rpctypes.ErrFutureRev) {
			return errHistoryGone
		}
		return w.s.fail(ctx, err, "watch %s", w.prefix)
	}
	for i := 0; i < len(resp.Events); {
		rev := resp.Events[i].Kv.ModRevision
		u := store.Update{Kind: store.Change, Revision: rev}
		for ; i < len(resp.Events) && resp.Events[i].Kv.ModRevision == rev; i++ {
			if ev := resp.Events[i]; !w.s.hidden(ev.Kv.Key) {
				u.Events = append(u.Events, store.Event{KV: w.s.kv(ev.Kv), Deleted: ev.Type == clientv3.EventTypeDelete})
			}
		}
		w.rev = rev
		if len(u.Events) == 0 {
			continue
		}
		w.lost = false
		if !w.send(ctx, u) {
			return ctx.Err()
		}
	}
	return nil
}

func (w *watch) tellLost(ctx context.Context, err error) {
	if !w.lost {
		w.lost = true
		w.send(ctx, store.Update{Kind: store.Lost, Err: err})
	}
}

func (w *watch) send(ctx context.Context, u store.Update) bool {
	select {
	case w.out <- u:
		return true
	case <-ctx.Done():
		return false
	}
}
