package wire

import (
	"errors"
	"fmt"
	"io"
)

// ErrAnswered is what a Writer says to a packet behind the one that ended an answer: the peer would take it for the
// answer to its next command. The packet is not written.
var ErrAnswered = errors.New("wire: a packet behind the end of an answer")

// Writer writes packets to one peer. What is written collects in a borrowed buffer and leaves with Flush, or earlier
// when the buffer is full; after Flush it holds no buffer. The first error of the peer is kept and returned by every
// later call. A Writer belongs to one goroutine.
type Writer struct {
	dst  io.Writer
	pool *Pool
	seq  *byte // the id of the next packet; shared with the Reader

	lease *lease
	buf   []byte // packets that are complete, and the open one
	start int    // of the open packet's header in buf
	open  bool
	sent  int64
	err   error

	complete bool // the answer under way has ended
}

// NewWriter returns a Writer that is not paired with a Reader. Connections use a Stream.
func NewWriter(dst io.Writer, pool *Pool) *Writer {
	return &Writer{dst: dst, pool: pool, seq: new(byte)}
}

// Start opens a packet and returns a buffer to append its payload to, for Finish:
//
//	b := w.Start()
//	b = append(b, …)
//	err := w.Finish(b)
//
// Nothing else may be called in between, except Abandon.
func (w *Writer) Start() []byte {
	if w.open {
		panic("wire: Writer.Start while a packet is open")
	}
	if w.lease == nil {
		w.lease = w.pool.borrow()
		w.buf = w.lease.b[:0]
	}
	w.open, w.start = true, len(w.buf)
	return append(w.buf, 0, 0, 0, 0)
}

// Complete ends the answer: until NextAnswer nothing more is written, and every attempt is ErrAnswered.
func (w *Writer) Complete() { w.complete = true }

// Completed reports whether the answer has ended.
func (w *Writer) Completed() bool { return w.complete }

// NextAnswer begins another answer.
func (w *Writer) NextAnswer() { w.complete = false }

// refusal is why nothing may be written; nil: it may.
func (w *Writer) refusal() error {
	if w.err == nil && w.complete {
		return ErrAnswered
	}
	return w.err
}

// Abandon drops the packet that Start opened.
func (w *Writer) Abandon() { w.open = false }

// Finish closes the packet whose payload was appended to what Start returned.
func (w *Writer) Finish(b []byte) error {
	if !w.open {
		panic("wire: Writer.Finish without Start")
	}
	w.open = false
	if err := w.refusal(); err != nil {
		w.release()
		return err
	}
	n := len(b) - w.start - headerSize
	if n >= MaxFrame {
		return w.finishLong(b)
	}
	putU24(b[w.start:], n)
	b[w.start+3] = *w.seq
	*w.seq++
	w.buf = b
	if len(b) >= w.pool.size {
		return w.writeOut()
	}
	return nil
}

// finishLong sends a payload that needs several packets. Each further header overwrites the four bytes in front of
// its piece, which have been sent by then, so that nothing is moved.
func (w *Writer) finishLong(b []byte) error {
	w.buf = b[:w.start]
	if err := w.writeOut(); err != nil {
		return err
	}
	for p := b[w.start:]; ; {
		n := min(len(p)-headerSize, MaxFrame)
		putU24(p, n)
		p[3] = *w.seq
		*w.seq++
		if err := w.direct(p[:headerSize+n]); err != nil {
			return err
		}
		if n < MaxFrame {
			return nil
		}
		p = p[n:]
	}
}

// WritePacket writes one payload, split if it is longer than MaxFrame. A long one is not copied.
func (w *Writer) WritePacket(payload []byte) error {
	if len(payload)+headerSize <= w.pool.size {
		return w.Finish(append(w.Start(), payload...))
	}
	if w.complete {
		return ErrAnswered
	}
	for {
		n := min(len(payload), MaxFrame)
		b := w.Start()
		w.open = false
		putU24(b[w.start:], n)
		b[w.start+3] = *w.seq
		*w.seq++
		w.buf = b
		if err := w.writeOut(); err != nil {
			return err
		}
		if err := w.direct(payload[:n]); err != nil {
			return err
		}
		if payload = payload[n:]; n < MaxFrame {
			return nil
		}
	}
}

// WriteParts writes one payload that begins with a byte and goes on with parts. A long part is not copied.
func (w *Writer) WriteParts(first byte, parts [][]byte) error {
	n := 1
	for _, p := range parts {
		n += len(p)
	}
	if w.complete {
		return ErrAnswered
	}
	b := append(w.Start(), first)
	if n+headerSize <= w.pool.size {
		for _, p := range parts {
			b = append(b, p...)
		}
		return w.Finish(b)
	}
	w.open = false
	w.buf = w.frame(b[:w.start], n)
	w.buf = append(w.buf, first)
	room := min(n, MaxFrame) - 1 // of the packet under way
	for i := 0; ; {
		if room == 0 && n >= MaxFrame {
			n -= MaxFrame
			if err := w.raw(w.frame(nil, n)); err != nil {
				return err
			}
			if room = min(n, MaxFrame); room == 0 {
				return nil
			}
		}
		if i == len(parts) {
			return w.err
		}
		k := min(room, len(parts[i]))
		if err := w.raw(parts[i][:k]); err != nil {
			return err
		}
		room -= k
		if parts[i] = parts[i][k:]; len(parts[i]) == 0 {
			i++
		}
	}
}

// frame appends the header of the next packet of a payload of which n bytes are left.
func (w *Writer) frame(b []byte, n int) []byte {
	n = min(n, MaxFrame)
	b = append(b, byte(n), byte(n>>8), byte(n>>16), *w.seq)
	*w.seq++
	return b
}

// raw sends bytes that already are packets, or pieces of one: into the buffer if they fit, else straight through.
func (w *Writer) raw(p []byte) error {
	if err := w.refusal(); err != nil {
		return err
	}
	if len(w.buf)+len(p) <= w.pool.size {
		if w.lease == nil {
			w.lease = w.pool.borrow()
			w.buf = w.lease.b[:0]
		}
		w.buf = append(w.buf, p...)
		return nil
	}
	if err := w.writeOut(); err != nil {
		return err
	}
	return w.direct(p)
}

// Flush sends what is buffered and gives the buffer back to the pool.
func (w *Writer) Flush() error {
	err := w.writeOut()
	w.release()
	if f, ok := w.dst.(*compression); ok && err == nil {
		// Servers let the packets' ids follow those of the frames.
		*w.seq = f.seq
	}
	return err
}

// release gives the buffer back unless something is in it.
func (w *Writer) release() {
	if w.lease != nil && !w.open && (len(w.buf) == 0 || w.err != nil) {
		w.pool.giveBack(w.lease)
		w.lease, w.buf = nil, nil
	}
}

// Buffered is the number of bytes that wait for Flush.
func (w *Writer) Buffered() int { return len(w.buf) }

// Discard drops what waits for Flush. The sequence is not rewound: it is for a connection that is given up.
func (w *Writer) Discard() {
	w.buf = w.buf[:0]
	w.open = false
}

// Sent is the number of bytes handed to the peer's connection so far: if it has not moved, the peer cannot have seen
// anything.
func (w *Writer) Sent() int64 { return w.sent }

// writeOut sends the buffer and keeps it, empty; a buffer that has outgrown the pool's size is dropped.
func (w *Writer) writeOut() error {
	if w.err != nil {
		w.buf = w.buf[:0]
		return w.err
	}
	if len(w.buf) == 0 {
		return nil
	}
	err := w.direct(w.buf)
	if w.lease != nil {
		w.buf = w.lease.b[:0]
	}
	return err
}

func (w *Writer) direct(p []byte) error {
	if w.err != nil {
		return w.err
	}
	n, err := w.dst.Write(p)
	w.sent += int64(n)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		w.err = fmt.Errorf("wire: write packets: %w", err)
	}
	return w.err
}
