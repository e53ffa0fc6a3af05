package wire

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
)

// duplex is a connection whose two directions are buffers.
type duplex struct {
	in  io.Reader
	out bytes.Buffer
}

func (d *duplex) Read(p []byte) (int, error)  { return d.in.Read(p) }
func (d *duplex) Write(p []byte) (int, error) { return d.out.Write(p) }

// packet frames one payload.
func packet(seq byte, payload string) string {
	n := len(payload)
	return string([]byte{byte(n), byte(n >> 8), byte(n >> 16), seq}) + payload
}

func newTestReader(in io.Reader, limit int, check bool) *Reader {
	return NewReader(in, NewPool(1<<10), limit, check)
}

func errCode(err error) uint16 {
	if e := sqlerr.As(err); e != nil {
		return e.Code
	}
	return 0
}

func TestReadPacket(t *testing.T) {
	long := strings.Repeat("0123456789", 1000) // longer than the buffer
	payloads := []string{"a", "", "hello", long, "x", strings.Repeat("y", 1020), strings.Repeat("z", 1021)}
	var in string
	for i, p := range payloads {
		in += packet(byte(i), p)
	}
	readers := map[string]io.Reader{
		"whole":   strings.NewReader(in),
		"one":     iotest.OneByteReader(strings.NewReader(in)),
		"half":    iotest.HalfReader(strings.NewReader(in)),
		"dataErr": iotest.DataErrReader(strings.NewReader(in)),
	}
	for name, src := range readers {
		t.Run(name, func(t *testing.T) {
			r := newTestReader(src, 1<<20, true)
			for i, want := range payloads {
				got, err := r.ReadPacket()
				if err != nil || string(got) != want {
					t.Fatalf("packet %d: %.20q (%d bytes), %v", i, got, len(got), err)
				}
			}
			if _, err := r.ReadPacket(); err != io.EOF {
				t.Fatalf("at the end: %v", err)
			}
		})
	}
}

func TestReadJoined(t *testing.T) {
	big := bytes.Repeat([]byte("abcdefg"), MaxFrame/7+5)
	for _, n := range []int{MaxFrame - 1, MaxFrame, MaxFrame + 1, len(big)} {
		d := &duplex{}
		w := NewWriter(&d.out, NewPool(0))
		if err := w.WritePacket(big[:n]); err != nil {
			t.Fatal(err)
		}
		if err := w.WritePacket([]byte("next")); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		appended := NewWriter(&duplex{}, NewPool(0))
		second := &bytes.Buffer{}
		appended.dst = second
		if err := appended.Finish(append(appended.Start(), big[:n]...)); err != nil {
			t.Fatal(err)
		}
		if err := appended.Finish(append(appended.Start(), "next"...)); err != nil {
			t.Fatal(err)
		}
		if err := appended.Flush(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(second.Bytes(), d.out.Bytes()) {
			t.Fatalf("%d: WritePacket and Finish write differently", n)
		}
		r := newTestReader(&d.out, 1<<26, true)
		got, err := r.ReadPacket()
		if err != nil || !bytes.Equal(got, big[:n]) {
			t.Fatalf("%d: got %d bytes, %v", n, len(got), err)
		}
		if got, err := r.ReadPacket(); err != nil || string(got) != "next" {
			t.Fatalf("%d: then %q, %v", n, got, err)
		}
	}
}

func TestPacketTooLarge(t *testing.T) {
	for name, in := range map[string]string{
		"small":  packet(0, "123456789"),
		"long":   packet(0, strings.Repeat("x", 5000)),
		"joined": "\xff\xff\xff\x00",
	} {
		r := newTestReader(strings.NewReader(in), 8, true)
		if _, err := r.ReadPacket(); errCode(err) != sqlerr.CodeNetPacketTooLarge {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The limit holds for the sum of the pieces.
	first := make([]byte, headerSize+MaxFrame)
	copy(first, "\xff\xff\xff\x00")
	r := newTestReader(io.MultiReader(bytes.NewReader(first), strings.NewReader(packet(1, "12345"))), MaxFrame+4, true)
	if _, err := r.ReadPacket(); errCode(err) != sqlerr.CodeNetPacketTooLarge {
		t.Errorf("sum: %v", err)
	}
}

// A header may promise anything: memory grows with what arrives.
func TestPromisedLengthIsNotAllocated(t *testing.T) {
	in := "\xfe\xff\xff\x00" + strings.Repeat("x", 5000)
	r := newTestReader(strings.NewReader(in), 1<<30, true)
	_, err := r.ReadPacket()
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("err = %v", err)
	}
	if cap(r.joined) > earnest {
		t.Errorf("%d bytes were allocated for 5000", cap(r.joined))
	}
}

func TestSequence(t *testing.T) {
	r := newTestReader(strings.NewReader(packet(0, "a")+packet(2, "b")), 100, true)
	if _, err := r.ReadPacket(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadPacket(); errCode(err) != sqlerr.CodeNetPacketsOutOfOrder {
		t.Fatalf("checked: %v", err)
	}
	d := &duplex{in: strings.NewReader(packet(7, "a"))}
	s := NewClientStream(d, Config{Pool: NewPool(0)})
	if p, err := s.ReadPacket(); err != nil || string(p) != "a" || s.Sequence() != 8 {
		t.Fatalf("a server's ids are followed: %q, %v, next %d", p, err, s.Sequence())
	}
}

func TestCommandStartsSequence(t *testing.T) {
	d := &duplex{in: strings.NewReader(packet(0, "\x03select 1") + packet(0, "\x0e") + packet(0, ""))}
	s := NewServerStream(d, Config{Pool: NewPool(0)})
	for _, want := range []Command{ComQuery, ComPing} {
		c, _, err := s.ReadCommand()
		if err != nil || c != want {
			t.Fatalf("%v, %v", c, err)
		}
		if err := s.Send(&OK{Status: StatusAutocommit}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	s.Caps = CapProtocol41
	want := packet(1, "\x00\x00\x00") + packet(1, "\x00\x00\x00") // without 4.1 an OK has no status
	if got := d.out.String(); got != want {
		t.Errorf("answers %q", got)
	}
	if _, _, err := s.ReadCommand(); errCode(err) != sqlerr.CodeMalformedPacket {
		t.Errorf("empty command: %v", err)
	}
}

func TestIdleHoldsNoBuffer(t *testing.T) {
	pr, pw := io.Pipe()
	r := newTestReader(pr, 1<<20, true)
	go func() {
		pw.Write([]byte(packet(0, "\x03"+strings.Repeat("s", 900))))
		pw.Write([]byte(packet(0, "\x0e")))
		pw.Close()
	}()
	if _, p, err := r.ReadCommand(); err != nil || len(p) != 900 {
		t.Fatal(len(p), err)
	}
	if r.lease == nil {
		t.Error("a long command was read without a buffer")
	}
	if err := r.Await(); err != nil {
		t.Fatal(err)
	}
	if r.lease != nil || r.joined != nil {
		t.Error("a buffer was held while waiting")
	}
	if c, _, err := r.ReadCommand(); err != nil || c != ComPing || r.lease != nil {
		t.Errorf("%v, %v; a short command needs no buffer", c, err)
	}
	if err := r.Await(); err != io.EOF {
		t.Errorf("closed: %v", err)
	}
}

// timeouts fails every second read with a time-out.
type timeouts struct {
	src io.Reader
	odd bool
}

func (r *timeouts) Read(p []byte) (int, error) {
	if r.odd = !r.odd; r.odd {
		return 0, os.ErrDeadlineExceeded
	}
	return r.src.Read(p[:1])
}

func TestTimeoutMayBeRetried(t *testing.T) {
	r := newTestReader(&timeouts{src: strings.NewReader(packet(0, "hello") + packet(1, "you"))}, 100, true)
	for _, want := range []string{"hello", "you"} {
		for tries := 0; ; tries++ {
			p, err := r.ReadPacket()
			if err == nil {
				if string(p) != want {
					t.Fatalf("got %q", p)
				}
				break
			}
			if !errors.Is(err, os.ErrDeadlineExceeded) || tries > 50 {
				t.Fatal(err)
			}
		}
	}
}

func TestUpgradeRefusesInjectedBytes(t *testing.T) {
	d := &duplex{in: strings.NewReader(packet(0, "ssl request") + packet(0, "injected"))}
	s := NewServerStream(d, Config{Pool: NewPool(0)})
	if _, err := s.ReadPacket(); err != nil {
		t.Fatal(err)
	}
	if err := s.Upgrade(&duplex{}); !errors.Is(err, ErrBufferedBytes) {
		t.Errorf("TLS: %v", err)
	}
	if err := s.Compress(Zlib, 0); !errors.Is(err, ErrBufferedBytes) {
		t.Errorf("compression: %v", err)
	}
}

type failingWriter struct{ left int }

func (w *failingWriter) Write(p []byte) (int, error) {
	n := min(w.left, len(p))
	if w.left -= n; n < len(p) {
		return n, io.ErrClosedPipe
	}
	return n, nil
}

func TestWriterKeepsItsError(t *testing.T) {
	w := NewWriter(&failingWriter{left: 3}, NewPool(0))
	if err := w.WritePacket([]byte("abc")); err != nil || w.Sent() != 0 || w.Buffered() != 7 {
		t.Fatalf("buffered: %v, sent %d", err, w.Sent())
	}
	if err := w.Flush(); !errors.Is(err, io.ErrClosedPipe) || w.Sent() != 3 {
		t.Fatalf("flush: %v, sent %d", err, w.Sent())
	}
	if err := w.WritePacket([]byte("abc")); !errors.Is(err, io.ErrClosedPipe) {
		t.Fatalf("later: %v", err)
	}
	if w.lease != nil {
		t.Error("a failed flush keeps its buffer")
	}
}

func TestAbandonedPacketIsNotSent(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out, NewPool(0))
	_ = append(w.Start(), "half"...)
	w.Abandon()
	if err := w.WritePacket([]byte("ok")); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil || out.String() != packet(0, "ok") {
		t.Errorf("%q, %v", out.String(), err)
	}
}

// Behind the end of an answer nothing is written, by whatever way, until the next one begins.
func TestWriterIsCompleteBehindAnAnswer(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out, NewPool(1<<10))
	if err := w.WritePacket([]byte("ok")); err != nil {
		t.Fatal(err)
	}
	w.Complete()
	long := make([]byte, 5000)
	for name, write := range map[string]func() error{
		"packet":     func() error { return w.WritePacket([]byte("more")) },
		"long":       func() error { return w.WritePacket(long) },
		"parts":      func() error { return w.WriteParts(3, [][]byte{[]byte("more")}) },
		"long parts": func() error { return w.WriteParts(3, [][]byte{long}) },
		"raw":        func() error { return w.raw([]byte("\x01\x00\x00\x02m")) },
	} {
		if err := write(); !errors.Is(err, ErrAnswered) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.NextAnswer()
	if err := errors.Join(w.WritePacket([]byte("next")), w.Flush()); err != nil || out.String() != packet(0, "ok")+packet(1, "next") {
		t.Errorf("%q, %v", out.String(), err)
	}
}

// A payload in parts arrives as the same payload in one piece does.
func TestWriteParts(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 3<<20)
	for _, sizes := range [][]int{{}, {0}, {10}, {500, 600}, {2000}, {100, 5000, 3}, {MaxFrame - 2}, {MaxFrame - 1}, {MaxFrame}, {MaxFrame - 2, 1}, {9, 2*MaxFrame - 10}, {20 << 20, 0, 20 << 20}} {
		var want []byte
		var parts [][]byte
		for _, n := range sizes {
			parts = append(parts, big[:n])
			want = append(want, big[:n]...)
		}
		var one, many bytes.Buffer
		w := NewWriter(&one, NewPool(1<<10))
		if err := errors.Join(w.Finish(append(append(w.Start(), 3), want...)), w.WritePacket([]byte("next")), w.Flush()); err != nil {
			t.Fatal(err)
		}
		w = NewWriter(&many, NewPool(1<<10))
		if err := errors.Join(w.WriteParts(3, parts), w.WritePacket([]byte("next")), w.Flush()); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(one.Bytes(), many.Bytes()) {
			t.Errorf("%v: %d bytes, want %d", sizes, many.Len(), one.Len())
		}
	}
}
