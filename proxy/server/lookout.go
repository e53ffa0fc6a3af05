package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/proxy/session"
)

// A statement that is over within glance costs its client nothing; a longer one has the client's socket looked at
// within the next glance, and then ever less often, up to once in a maxGlance.
const (
	glance    = 50 * time.Millisecond
	maxGlance = time.Second
)

// lookout notices clients that hang up while a statement runs for them, and ends the statement: the session itself
// reads its socket only between two commands. It looks from outside, at the sockets of long statements only, so that
// the others do not pay. Rejected: a goroutine that reads ahead for each session, which costs each statement a hand-over.
//
// A client that has sent more than it has had answered may have left these commands to be run: it is not judged.
type lookout struct {
	log *zap.Logger

	start sync.Once
	stop  chan struct{}
	work  sync.WaitGroup

	mu    sync.Mutex // guards lines
	lines map[*line]struct{}
}

// line is what is looked at for one client. Only the lookout's goroutine uses next.
type line struct {
	client *session.Session
	socket peeker
	record int // what TLS adds to a record's content, bytes; 0: no TLS; negative: not known
	next   time.Time
}

func newLookout(log *zap.Logger) *lookout {
	return &lookout{log: log, stop: make(chan struct{}), lines: map[*line]struct{}{}}
}

// watch takes a client in; raw is its socket, conn what the session reads from. leave ends it.
func (l *lookout) watch(client *session.Session, raw, conn net.Conn) (leave func()) {
	one := &line{client: client}
	if !one.socket.open(raw) {
		return func() {}
	}
	if secured, ok := conn.(*tls.Conn); ok {
		one.record = recordOverhead(secured.ConnectionState())
	}
	l.mu.Lock()
	l.lines[one] = struct{}{}
	l.mu.Unlock()
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.lines, one)
	}
}

// run begins the work, once.
func (l *lookout) run() {
	l.start.Do(func() {
		l.work.Go(func() {
			tick := time.NewTicker(glance)
			defer tick.Stop()
			for {
				select {
				case <-l.stop:
					return
				case now := <-tick.C:
					l.look(now)
				}
			}
		})
	})
}

// end ends the work and waits for it.
func (l *lookout) end() {
	close(l.stop)
	l.work.Wait()
}

// look looks at those whose turn it is.
func (l *lookout) look(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for one := range l.lines {
		working := one.client.Working(now)
		if working < glance || now.Before(one.next) {
			continue
		}
		one.next = now.Add(min(max(working/4, glance), maxGlance))
		if one.gone() {
			client := one.client // ended again at the next look, if its statement was on its way to a server just now
			l.work.Go(func() { l.hangUp(client) })
		}
	}
}

func (l *lookout) hangUp(client *session.Session) {
	l.log.Debug("the client of a running statement has hung up", zap.Uint32("connection", client.ID()))
	ctx, cancel := context.WithTimeout(context.Background(), killTimeout)
	defer cancel()
	client.Kill(ctx, false)
}

// gone reports whether the client has left and has left nothing to do.
func (o *line) gone() bool {
	pending, open := o.socket.peek()
	switch {
	case !open:
		return true
	case len(pending) == 0:
		return false
	case o.record == 0:
		return saysGoodbye(pending)
	}
	return sealedGoodbye(pending, o.record)
}

// comQuit is COM_QUIT as a packet; in the compressed protocol a frame goes before it.
var comQuit = []byte{1, 0, 0, 0, 1}

const frameHeader = 7

// saysGoodbye reports whether bytes that a client has sent behind its command are COM_QUIT alone.
func saysGoodbye(pending []byte) bool {
	if len(pending) == frameHeader+len(comQuit) {
		if pending[0] != byte(len(comQuit)) {
			return false
		}
		pending = pending[frameHeader:]
	}
	return bytes.Equal(pending, comQuit)
}

// Records of TLS: RFC 8446 5.1, 5.2; a close_notify is an alert of two bytes.
const (
	recordHeader = 5
	recordAlert  = 21
	alertContent = 2
)

// sealedGoodbye is saysGoodbye for what is encrypted, where only the lengths of records tell: nothing or a packet
// that is no longer than COM_QUIT, and an alert.
func sealedGoodbye(pending []byte, overhead int) bool {
	content := 0
	for len(pending) >= recordHeader {
		n := int(pending[3])<<8 | int(pending[4])
		kind := pending[0]
		if pending = pending[recordHeader:]; overhead < 0 || len(pending) < n {
			return false
		}
		pending = pending[n:]
		if kind == recordAlert || n-overhead == alertContent {
			return content <= len(comQuit)
		}
		content += n - overhead
	}
	return false
}

// recordOverhead is how much longer a record is than its content.
func recordOverhead(s tls.ConnectionState) int {
	suite := tls.CipherSuiteName(s.CipherSuite)
	switch {
	case s.Version == tls.VersionTLS13:
		return 17 // the content's type and the tag
	case strings.Contains(suite, "GCM"):
		return 24 // nonce and tag
	case strings.Contains(suite, "CHACHA20"):
		return 16
	}
	return -1
}
