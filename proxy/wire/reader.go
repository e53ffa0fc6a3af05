package wire

import (
	"errors"
	"fmt"
	"io"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
)

const (
	headerSize = 4

	// MaxFrame is the largest payload of one packet, bytes. A payload of this length or more goes on in the
	// next packet.
	// Source: MySQL "MySQL Packets".
	MaxFrame = 1<<24 - 1

	// inlineSize is what a Reader holds while it waits for a command: enough that an ordinary short statement comes
	// with the read that ends the wait, little enough for 10,000 idle connections.
	inlineSize = 256

	// earnest is how much of a payload longer than a buffer has to arrive before memory is taken for all of its packet.
	earnest = 256 << 10
)

// ErrBufferedBytes is returned when a stream is to be switched to TLS or to compression while bytes of the old layer
// have already been read: in front of TLS they would be an injection.
var ErrBufferedBytes = errors.New("wire: bytes were sent ahead of a change of layer")

// Reader reads packets from one peer. While it waits for a command it holds inlineSize bytes; for anything else it
// borrows a buffer from its pool, which it gives back on Release, and at the next wait.
//
// Every error but a timeout of a read ends the use of the Reader; after a timeout the call may be repeated, except
// in the middle of a payload longer than a buffer. A Reader belongs to one goroutine.
type Reader struct {
	src      io.Reader
	pool     *Pool
	seq      *byte // the id that the next packet must have; shared with the Writer
	checkSeq bool
	max      int // of a joined payload

	inline [inlineSize]byte
	lease  *lease
	buf    []byte // inline[:], or the lease's bytes
	rd, wr int    // unread bytes are buf[rd:wr]
	joined []byte // the last payload that did not fit into buf

	long    *Long
	charged int64 // of long's budget, for joined

	received int64
}

// NewReader returns a Reader that is not paired with a Writer. maxPacket limits a payload, bytes; checkSequence makes
// a wrong sequence id an error, as a server does with its clients. Connections use a Stream.
func NewReader(src io.Reader, pool *Pool, maxPacket int, checkSequence bool) *Reader {
	r := &Reader{}
	r.init(src, pool, new(byte), maxPacket, checkSequence)
	return r
}

func (r *Reader) init(src io.Reader, pool *Pool, seq *byte, maxPacket int, check bool) {
	*r = Reader{src: src, pool: pool, seq: seq, max: maxPacket, checkSeq: check}
	r.buf = r.inline[:]
}

// SetMaxPacket changes the limit of a payload, bytes: small before a login, max_allowed_packet after it.
func (r *Reader) SetMaxPacket(n int) { r.max = n }

// Buffered is the number of bytes that were received and not yet read.
func (r *Reader) Buffered() int { return r.wr - r.rd }

// Received is the number of bytes received so far, of the layer that the Reader reads (after decompression).
func (r *Reader) Received() int64 { return r.received }

// TakeBuffered removes what was received and not yet read, and returns a copy: for a server that hands its client's
// first TLS bytes, which may come with the request for TLS, to the TLS layer. They are never read as packets.
func (r *Reader) TakeBuffered() []byte {
	p := append([]byte(nil), r.buf[r.rd:r.wr]...)
	r.rd, r.wr = 0, 0
	return p
}

// Release gives the buffer back to the pool if nothing unread is in it. Payloads that were returned become invalid.
func (r *Reader) Release() {
	r.drop()
	if r.rd != r.wr || r.lease == nil {
		return
	}
	r.pool.giveBack(r.lease)
	r.lease, r.buf, r.rd, r.wr = nil, r.inline[:], 0, 0
}

// Await blocks until at least one byte of the next packet is there, holding no pooled buffer meanwhile. io.EOF means
// that the peer closed the connection between packets.
func (r *Reader) Await() error {
	if r.rd != r.wr {
		r.drop()
		return nil
	}
	r.Release()
	r.rd, r.wr = 0, 0
	return r.readSome()
}

// ReadCommand waits for a client's next command, which starts a new sequence. The payload is what follows the command
// byte, valid until the next call. An empty packet is malformed.
func (r *Reader) ReadCommand() (Command, []byte, error) {
	*r.seq = 0
	if c, ok := r.src.(*compression); ok && r.rd == r.wr {
		c.seq = 0
	}
	if err := r.Await(); err != nil {
		return 0, nil, err
	}
	p, err := r.ReadPacket()
	if err != nil {
		return 0, nil, err
	}
	if len(p) == 0 {
		return 0, nil, malformed("empty command")
	}
	return Command(p[0]), p[1:], nil
}

// ReadPacket reads one payload, joined if it came in several packets. It is valid until the next call. A payload over
// the limit is sqlerr.PacketTooLarge, and the stream is then of no further use; but see Refused.
func (r *Reader) ReadPacket() ([]byte, error) {
	n, err := r.peekHeader()
	if err != nil {
		return nil, err
	}
	if n == MaxFrame || n > r.max || headerSize+n > r.pool.size {
		return r.readJoined()
	}
	if err := r.fill(headerSize + n); err != nil {
		return nil, err
	}
	p := r.buf[r.rd+headerSize : r.rd+headerSize+n : r.rd+headerSize+n]
	r.rd += headerSize + n
	*r.seq++
	return p, nil
}

// Peek looks at the next packet without reading it: its first byte (0 if it is empty) and its length on the wire.
func (r *Reader) Peek() (first byte, length int, err error) {
	n, err := r.peekHeader()
	if err != nil || n == 0 {
		return 0, n, err
	}
	if err := r.fill(headerSize + 1); err != nil {
		return 0, 0, err
	}
	return r.buf[r.rd+headerSize], n, nil
}

// peekHeader makes the next packet's header available at buf[rd:] and checks it.
func (r *Reader) peekHeader() (length int, err error) {
	if err := r.fill(headerSize); err != nil {
		return 0, err
	}
	h := r.buf[r.rd:]
	if r.checkSeq && h[3] != *r.seq {
		return 0, sqlerr.PacketsOutOfOrder()
	}
	if !r.checkSeq {
		*r.seq = h[3]
	}
	return getU24(h), nil
}

// fill makes at least n unread bytes available at buf[rd:]; n is at most the pool's buffer size.
func (r *Reader) fill(n int) error {
	if r.wr-r.rd >= n {
		return nil
	}
	r.makeRoom(n)
	for r.wr-r.rd < n {
		if err := r.readSome(); err != nil {
			if r.wr != r.rd {
				err = unexpected(err)
			}
			return err
		}
	}
	return nil
}

// makeRoom arranges buf so that n bytes fit from rd on, moving from the inline bytes to a borrowed buffer if needed.
func (r *Reader) makeRoom(n int) {
	if r.rd == r.wr {
		r.rd, r.wr = 0, 0
	}
	if r.lease == nil && (r.rd == r.wr || n > inlineSize) {
		r.lease = r.pool.borrow()
		r.wr = copy(r.lease.b, r.buf[r.rd:r.wr])
		r.rd, r.buf = 0, r.lease.b
		return
	}
	if len(r.buf)-r.rd < n {
		r.wr = copy(r.buf, r.buf[r.rd:r.wr])
		r.rd = 0
	}
}

// readSome does one read into the free end of buf, repeated only if it brings nothing.
func (r *Reader) readSome() error {
	for range 100 {
		k, err := r.src.Read(r.buf[r.wr:])
		r.wr += k
		r.received += int64(k)
		if k > 0 {
			return nil // an error that came with bytes comes again with the next read
		}
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("wire: read packet: %w", io.ErrNoProgress)
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
