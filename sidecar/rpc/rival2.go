package rpc

import (
	"errors"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/heddle-mesh/heddle/sidecar/rpc/http2"
	"github.com/heddle-mesh/heddle/sidecar/rpc/upstream"
)

// attempt2 is by a stream of HTTP/2.
type attempt2 struct {
	fields []http2.Field
	body   []byte
	empty  bool // there is none
	pipe   *http2.Pipe
	stream *http2.Stream
	head   head2
}

// connect implements attempt.
func (a *attempt2) connect(r *rival) error {
	for {
		shared, err := r.endpoint.Share(r.by, r.given.closed, r.server.connect2(r.endpoint))
		if err != nil {
			return err
		}
		select {
		case <-r.given.closed: // the server is to hear nothing of it
			return upstream.ErrBusy
		default:
		}
		if s, ok := shared.(*http2.Conn).Open(a.fields, a.empty, a.pipe); ok {
			a.pipe.Attach(s, false)
			a.stream = s
			return nil
		}
	}
}

// exchange implements attempt. Answers that others follow are nobody's.
func (a *attempt2) exchange(r *rival) (err error) {
	a.stream.Conn().Flush()
	if !a.empty {
		if err := a.pipe.Send(a.body, true, r.server.settings.Load().Silence); err != nil {
			return err
		}
	}
	for a.head.status < http.StatusOK {
		if a.head.status, a.head.fields, a.head.end, err = a.pipe.Answer(r.by); err != nil {
			return err
		}
	}
	if a.head.status >= http.StatusInternalServerError {
		return errors.New("status " + strconv.Itoa(a.head.status))
	}
	return nil
}

// spare implements attempt: others have the connection, too.
func (a *attempt2) spare() { a.discard() }

// excused implements attempt.
func (a *attempt2) excused(err error) bool { return excused(err) }

// abandon implements attempt.
func (a *attempt2) abandon() error { return a.pipe.Close() }

// discard implements attempt.
func (a *attempt2) discard() { _ = a.pipe.Close() } // which never fails

// answer waits for the next head.
func (t *transfer2) answer(by time.Time) (h head2, err error) {
	h.status, h.fields, h.end, err = t.pipe.Answer(by)
	return h, err
}

// await waits for the next head of the first server's answer; where that takes long, another server may be asked too, once the first has all of the body.
func (t *transfer2) await(e *upstream.Endpoint) (h head2, failed *failure) {
	until, hedges := t.patience(time.Now())
	hedges = hedges && !t.begun
	late := t.sending != nil
	for {
		by := t.tryBy
		if hedges && time.Now().Before(until) {
			by = until
		}
		h, err := t.answer(by)
		if late && t.sent() {
			late, t.hedging.began = false, t.allSent
			until, _ = t.patience(t.allSent)
		}
		switch {
		case err == nil:
			return h, nil
		case !errors.Is(err, http2.ErrWoken) && (by.Equal(t.tryBy) || !errors.Is(err, os.ErrDeadlineExceeded)):
			return h, t.lost(e, err)
		case !hedges || time.Now().Before(until) || !t.sent():
			continue // the body's end wakes
		case t.parted:
			hedges = false
			continue
		}
		hedges = false
		if second := t.second(); second != nil {
			return t.race2(e, second)
		}
	}
}

// race2 has an endpoint be asked beside the first.
func (t *transfer2) race2(e, second *upstream.Endpoint) (h head2, failed *failure) {
	a := &attempt2{fields: t.again2(), body: t.kept, empty: t.empty, pipe: http2.NewPipe()}
	r := t.against(second, a, t.pipe.Wake, t.pipe, t.conn.holds)
	h, err := t.answer(t.tryBy)
	for r != nil && errors.Is(err, http2.ErrWoken) && !r.hasWon() { // by the body's end, which was known by then
		h, err = t.answer(t.tryBy)
	}
	switch {
	case errors.Is(err, http2.ErrWoken):
		failed = &failure{status: http.StatusGatewayTimeout, why: "the server did not answer in time"}
	case err != nil:
		failed = t.lost(e, err)
	}
	if r == nil {
		return h, failed
	}
	won, failed := t.settle(r, h.status, failed)
	if won {
		_ = t.pipe.Close() // its answer is not wanted any more
		t.pipe, t.rival, h = a.pipe, r, a.head
	}
	if !t.conn.holds(t.pipe) {
		_ = t.pipe.Close() // the call is cut
	}
	return h, failed
}

// again2 are the fields that a second server gets: what of the client's head was sent to the first, whose bytes may be others by now, and what time is left.
func (t *transfer2) again2() []http2.Field {
	for i := range t.fields {
		if f := &t.fields[i]; f.Name == TimeoutHeader {
			f.Value = strconv.FormatInt(t.leftMs(), 10)
		}
	}
	return t.fields
}
