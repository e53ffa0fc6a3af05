package http2

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"

	"github.com/heddle-mesh/heddle/internal/tcp"
)

var testSettings = Settings{Streams: 10, HeadSize: 8 << 10, Idle: time.Minute, Head: time.Minute, Silence: time.Minute}

// peer is the other end of a connection, by hand.
type peer struct {
	t      *testing.T
	conn   net.Conn
	in     []byte
	enc    *hpack.Encoder
	buf    bytes.Buffer
	dec    *hpack.Decoder
	tested *Conn
	fault  chan *Fault
}

func pair(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		c, _ := l.Accept()
		accepted <- c
	}()
	if theirs, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	ours = <-accepted
	_ = theirs.SetDeadline(time.Now().Add(time.Minute))
	t.Cleanup(func() { _ = theirs.Close(); _ = ours.Close() })
	return tcp.Direct(ours), theirs
}

// client is a client of a server under test, which has sent its preface and SETTINGS.
func client(t *testing.T, s Settings, open Opener) *peer {
	t.Helper()
	ours, theirs := pair(t)
	p := newPeer(t, theirs)
	p.run(Accept(ours, nil, s, open))
	p.send(appendFrameHead([]byte(prefaceRest), 0, frameSettings, 0, 0))
	return p
}

// server is a server of a client under test.
func server(t *testing.T, s Settings) *peer {
	t.Helper()
	ours, theirs := pair(t)
	p := newPeer(t, theirs)
	p.run(Connect(ours, s))
	p.send(appendFrameHead(nil, 0, frameSettings, 0, 0))
	preface := make([]byte, len(PrefaceHead+prefaceRest))
	if _, err := io.ReadFull(theirs, preface); err != nil || string(preface) != PrefaceHead+prefaceRest {
		t.Fatalf("%q, %v", preface, err)
	}
	return p
}

func newPeer(t *testing.T, conn net.Conn) *peer {
	p := &peer{t: t, conn: conn, fault: make(chan *Fault, 1), dec: hpack.NewDecoder(4096, nil)}
	p.enc = hpack.NewEncoder(&p.buf)
	return p
}

func (p *peer) run(c *Conn) {
	p.tested = c
	go func() { p.fault <- c.Run() }()
}

func (p *peer) send(b []byte) {
	if _, err := p.conn.Write(b); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Logf("send: %v", err) // the other end may have closed; what it said is looked at
	}
}

// block encodes names and values.
func (p *peer) block(fields ...string) []byte {
	p.buf.Reset()
	for i := 0; i < len(fields); i += 2 {
		_ = p.enc.WriteField(Field{Name: fields[i], Value: fields[i+1]})
	}
	return bytes.Clone(p.buf.Bytes())
}

func headersFrame(stream uint32, flags uint8, block []byte) []byte {
	return append(appendFrameHead(nil, len(block), frameHeaders, flags, stream), block...)
}

func dataFrame(stream uint32, flags uint8, data []byte) []byte {
	return append(appendFrameHead(nil, len(data), frameData, flags, stream), data...)
}

// call opens a stream.
func (p *peer) call(stream uint32, flags uint8, more ...string) {
	p.send(headersFrame(stream, flags|flagEndHeaders, p.block(append([]string{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "x"}, more...)...)))
}

// next is the next frame; ok is false at the connection's end.
func (p *peer) next() (f frame, ok bool) {
	for {
		f, rest, whole, err := cutFrame(p.in)
		if err != nil {
			p.t.Fatal(err)
		}
		if whole {
			p.in = rest
			return f, true
		}
		more := make([]byte, 64<<10)
		n, err := p.conn.Read(more)
		if n == 0 {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				p.t.Fatal("nothing comes any more")
			}
			return frame{}, false
		}
		p.in = append(bytes.Clone(p.in), more[:n]...)
	}
}

// await passes over other frames.
func (p *peer) await(kind frameType, stream uint32) frame {
	p.t.Helper()
	for {
		f, ok := p.next()
		if !ok {
			p.t.Fatalf("the connection ended before a frame of kind %d on stream %d", kind, stream)
		}
		if f.kind == kind && f.stream == stream && !(kind == frameSettings && f.has(flagAck)) {
			return f
		}
	}
}

// code is what a RST_STREAM or a GOAWAY says.
func (f *frame) code() Code {
	if f.kind == frameGoAway {
		return Code(binary.BigEndian.Uint32(f.payload[4:]))
	}
	return Code(binary.BigEndian.Uint32(f.payload))
}

func (p *peer) fields(f frame) map[string]string {
	p.t.Helper()
	all, err := p.dec.DecodeFull(f.payload)
	if err != nil {
		p.t.Fatal(err)
	}
	m := map[string]string{}
	for _, f := range all {
		m[f.Name] = f.Value
	}
	return m
}

// taken keeps what came on streams.
type taken struct {
	mu       sync.Mutex
	streams  []*Stream
	fields   [][]Field
	body     []byte
	ended    bool
	long     bool
	status   int
	trailers []Field
	closed   *Error
	took     int
	changed  *sync.Cond
}

func newTaken() *taken {
	k := &taken{}
	k.changed = sync.NewCond(&k.mu)
	return k
}

func (k *taken) note(f func()) {
	k.mu.Lock()
	f()
	k.changed.Broadcast()
	k.mu.Unlock()
}

// until waits for a condition.
func (k *taken) until(ok func() bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for !ok() {
		k.changed.Wait()
	}
}

// opened is how many streams there have been.
func (k *taken) opened() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.streams)
}

func (k *taken) open(s *Stream, fields []Field, end, long bool) {
	s.SetReceiver(k)
	k.note(func() {
		k.streams, k.fields, k.ended, k.long = append(k.streams, s), append(k.fields, append([]Field(nil), fields...)), end, long
	})
}

func (k *taken) Head(_ *Stream, status int, fields []Field, end bool) {
	k.note(func() { k.status, k.ended, k.fields = status, end, append(k.fields, append([]Field(nil), fields...)) })
}
func (k *taken) Data(_ *Stream, p []byte, end bool) {
	k.note(func() { k.body, k.ended = append(k.body, p...), end })
}
func (k *taken) Trailers(_ *Stream, fields []Field) {
	k.note(func() { k.trailers, k.ended = append([]Field{}, fields...), true })
}
func (k *taken) Closed(_ *Stream, err *Error) { k.note(func() { k.closed = err }) }
func (k *taken) Took(_ *Stream, n int)        { k.note(func() { k.took += n }) }
