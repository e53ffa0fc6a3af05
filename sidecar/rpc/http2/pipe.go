package http2

import (
	"errors"
	"os"
	"sync"
	"time"
)

// Pipe is a Receiver for goroutines that wait: one for what comes, and one that sends.
type Pipe struct {
	come, gone chan struct{} // something has come; something has been sent, or nothing is any more

	mu       sync.Mutex // guards what follows
	stream   *Stream
	answers  []answer
	interims int    // of them that others follow, taken ones included
	body     []byte // has come and is not taken
	taken    []byte // its array is used again
	lent     int    // taken, and not given back yet
	ended    bool
	trailers []Field
	unsent   int
	err      *Error
	woken    bool // whoever waits for an answer is to look elsewhere
}

// answer is a head that has come.
type answer struct {
	status int
	fields []Field
}

// NewPipe returns a Receiver that nothing has come to. Attach says of which stream.
func NewPipe() *Pipe {
	return &Pipe{come: make(chan struct{}, 1), gone: make(chan struct{}, 1)}
}

// Attach tells it its stream. ended says that nothing comes.
func (p *Pipe) Attach(s *Stream, ended bool) {
	p.mu.Lock()
	p.stream, p.ended = s, p.ended || ended
	p.mu.Unlock()
}

func (p *Pipe) note(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// ErrWoken is that nothing has come, and Wake was called.
var ErrWoken = errors.New("there is something else to look at")

// Wake has Answer return ErrWoken once, if neither an answer has come nor the stream has ended.
func (p *Pipe) Wake() {
	p.mu.Lock()
	p.woken = true
	p.mu.Unlock()
	p.note(p.come)
}

// MostInterim is how many answers that others follow (1xx) a call may have.
const MostInterim = 16

// Head implements Receiver.
func (p *Pipe) Head(s *Stream, status int, fields []Field, end bool) {
	p.mu.Lock()
	if status < 200 {
		if p.interims++; p.interims > MostInterim { // nobody may have taken any yet
			p.mu.Unlock()
			s.Reset(Cancel)
			p.Closed(s, &Error{Code: EnhanceYourCalm, Why: "too many answers that others follow"})
			return
		}
	}
	p.answers = append(p.answers, answer{status, append([]Field(nil), fields...)})
	p.ended = p.ended || end
	p.mu.Unlock()
	p.note(p.come)
}

// Data implements Receiver.
func (p *Pipe) Data(_ *Stream, b []byte, end bool) {
	p.mu.Lock()
	p.body = append(p.body, b...)
	p.ended = p.ended || end
	p.mu.Unlock()
	p.note(p.come)
}

// Trailers implements Receiver.
func (p *Pipe) Trailers(_ *Stream, fields []Field) {
	p.mu.Lock()
	p.trailers, p.ended = append([]Field(nil), fields...), true
	p.mu.Unlock()
	p.note(p.come)
}

// Closed implements Receiver.
func (p *Pipe) Closed(_ *Stream, err *Error) {
	p.mu.Lock()
	if p.err == nil {
		p.err = err
	}
	p.mu.Unlock()
	p.note(p.come)
	p.note(p.gone)
}

// Took implements Receiver.
func (p *Pipe) Took(_ *Stream, n int) {
	p.mu.Lock()
	p.unsent -= n
	p.mu.Unlock()
	p.note(p.gone)
}

// wait waits for c until a deadline; the zero time: for ever.
func wait(c chan struct{}, deadline time.Time) error {
	select {
	case <-c:
		return nil
	default:
	}
	if deadline.IsZero() {
		<-c
		return nil
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-c:
		return nil
	case <-timer.C:
		return os.ErrDeadlineExceeded
	}
}

// Answer waits for the next head. end says that nothing comes behind it.
func (p *Pipe) Answer(deadline time.Time) (status int, fields []Field, end bool, err error) {
	for {
		p.mu.Lock()
		if len(p.answers) > 0 {
			a := p.answers[0]
			p.answers = p.answers[1:]
			end := p.ended && len(p.body) == 0 && p.trailers == nil && len(p.answers) == 0
			p.mu.Unlock()
			return a.status, a.fields, end, nil
		}
		failed, woken := p.err, p.woken
		p.woken = false
		p.mu.Unlock()
		switch {
		case failed != nil:
			return 0, nil, false, failed
		case woken:
			return 0, nil, false, ErrWoken
		}
		if err := wait(p.come, deadline); err != nil {
			return 0, nil, false, err
		}
	}
}

// Waiting says whether Next has something to return at once.
func (p *Pipe) Waiting() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.body) > 0 || p.ended || p.err != nil
}

// Next waits for more of the body, which is valid until the next Next: what the other end may send grows with that. end says that it is the last.
func (p *Pipe) Next(deadline time.Time) (b []byte, end bool, err error) {
	p.mu.Lock()
	lent, s := p.lent, p.stream
	p.lent = 0
	p.mu.Unlock()
	if lent > 0 {
		s.Consumed(lent)
		s.conn.Flush()
	}
	for {
		p.mu.Lock()
		if len(p.body) > 0 || p.ended {
			b, end = p.body, p.ended
			p.body, p.taken, p.lent = p.taken[:0], b, len(b)
			p.mu.Unlock()
			return b, end, nil
		}
		failed := p.err
		p.mu.Unlock()
		if failed != nil {
			return nil, false, failed
		}
		if err := wait(p.come, deadline); err != nil {
			return nil, false, err
		}
	}
}

// End are the trailers, behind the last of the body.
func (p *Pipe) End() []Field {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.trailers
}

// Send sends more of the body, at once; it waits while the other end takes nothing of what was sent before.
func (p *Pipe) Send(b []byte, end bool, patience time.Duration) error {
	p.mu.Lock()
	s := p.stream
	p.mu.Unlock()
	taken := s.SendData(b, end)
	p.mu.Lock()
	p.unsent += len(b) - taken
	p.mu.Unlock()
	s.conn.Flush()
	for {
		p.mu.Lock()
		full, failed := p.unsent >= StreamWindow/2, p.err
		p.mu.Unlock()
		switch {
		case failed != nil && failed.Code != NoError:
			return failed
		case !full || failed != nil:
			return nil
		}
		deadline := time.Time{}
		if patience > 0 {
			deadline = time.Now().Add(patience)
		}
		if err := wait(p.gone, deadline); err != nil {
			return err
		}
	}
}

// SendTrailers ends the body.
func (p *Pipe) SendTrailers(fields []Field) {
	p.mu.Lock()
	s := p.stream
	p.mu.Unlock()
	s.SendTrailers(fields)
	s.conn.Flush()
}

// Close gives the call up, for whoever waits too.
func (p *Pipe) Close() error {
	p.mu.Lock()
	s := p.stream
	p.mu.Unlock()
	if s != nil {
		s.Reset(Cancel)
		s.conn.Flush()
	}
	p.Closed(s, &Error{Code: Cancel, Why: "the call is given up"})
	return nil
}
