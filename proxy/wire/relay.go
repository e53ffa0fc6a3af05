package wire

import (
	"fmt"
	"io"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
)

// RelayEnd says which packet ends a Relay.
type RelayEnd uint8

const (
	// EndOfRows stops in front of the EOF, the OK with header 0xfe, or the ERR that ends rows of either protocol. It
	// stays unread in the source: its status flags and texts are the session's business.
	EndOfRows RelayEnd = iota
	// EndOfFile stops after the empty packet that ends a LOCAL INFILE, which is relayed too.
	EndOfFile
)

// RelayError is a failure of one side of a Relay.
type RelayError struct {
	FromSource bool // reading failed; else writing did
	Err        error
}

// Error implements error.
func (e *RelayError) Error() string {
	if e.FromSource {
		return fmt.Sprintf("relay: read: %v", e.Err)
	}
	return fmt.Sprintf("relay: write: %v", e.Err)
}

// Unwrap gives the cause.
func (e *RelayError) Unwrap() error { return e.Err }

// Relay copies packets from one connection to another without decoding them: the packets that are whole in the
// source's buffer go out as one piece, with their sequence ids rewritten in place; of each packet only length and
// first byte are looked at. A packet longer than the buffer goes out in pieces. It allocates nothing and never holds
// more than the source's buffer and the destination's.
//
// The zero Relay relays rows. It is used for one sequence of packets.
type Relay struct {
	End RelayEnd
	// Wait, if there is one, is called before each wait for more from the source; its error ends the Relay as the source's.
	Wait func() error

	Packets int64 // payloads relayed so far: rows
	Bytes   int64 // bytes relayed so far, headers included

	left int  // bytes of a long packet that are still to come
	cont bool // the next packet continues the payload of the one before
}

// Run relays until the end. The destination is not flushed, so that what the session adds leaves with the last rows.
func (x *Relay) Run(dst *Writer, src *Reader) error {
	for {
		done, err := x.Step(dst, src)
		if done || err != nil {
			return err
		}
	}
}

// Drop reads on to the end without relaying: after a failure of the destination, so that the source can be told of it.
func (x *Relay) Drop(src *Reader) error { return x.Run(NewWriter(io.Discard, src.pool), src) }

// Step relays what the source has in its buffer; if that is not one whole packet, it first reads once or more until
// it is. It reports whether the end was reached. Between two Steps the caller may look at a limit or a KILL.
func (x *Relay) Step(dst *Writer, src *Reader) (done bool, err error) {
	if x.left > 0 {
		return false, x.piece(dst, src)
	}
	end, done := x.whole(dst, src)
	if n := end - src.rd; n > 0 {
		chunk := src.buf[src.rd:end]
		src.rd = end
		x.Bytes += int64(n)
		if err := dst.raw(chunk); err != nil {
			return false, &RelayError{Err: err}
		}
		return done, nil
	}
	if done {
		return true, nil
	}
	return false, x.more(dst, src)
}

// whole passes over the packets that are complete in src's buffer, gives them dst's sequence ids, and returns where
// they end.
func (x *Relay) whole(dst *Writer, src *Reader) (end int, done bool) {
	buf := src.buf[:src.wr]
	for end = src.rd; len(buf)-end >= headerSize; {
		if src.checkSeq && buf[end+3] != *src.seq {
			return end, false // more says so
		}
		n := getU24(buf[end:])
		next := end + headerSize + n
		if !x.cont && x.End == EndOfRows {
			if n > 0 && len(buf)-end == headerSize {
				return end, false
			}
			if n > 0 && endsRows(buf[end+headerSize], n) {
				return end, true
			}
		}
		if next > len(buf) {
			return end, false
		}
		x.stamp(dst, src, buf[end:], n)
		end = next
		if n == 0 && x.End == EndOfFile {
			return end, true
		}
	}
	return end, false
}

// endsRows tells the packet after the last row from a row. A row may begin with 0xfe too, but only if its first value
// is 16 MiB or longer, and then the packet is as long as packets get.
// Source: MySQL "EOF_Packet", "OK_Packet"; both say to look at the length.
func endsRows(first byte, length int) bool {
	return first == 0xff || first == 0xfe && length < MaxFrame
}

// stamp gives the packet at h dst's next sequence id and counts it. What is said to the source next follows on the packet
// as it came.
func (x *Relay) stamp(dst *Writer, src *Reader, h []byte, n int) {
	*src.seq = h[3] + 1
	h[3] = *dst.seq
	*dst.seq++
	x.cont = n == MaxFrame
	if !x.cont {
		x.Packets++
	}
}

// more is called with less than one packet in the buffer. It waits for the rest, or starts to relay in pieces if that
// can never be there at once.
func (x *Relay) more(dst *Writer, src *Reader) error {
	if err := x.wait(); err != nil {
		return err
	}
	if err := src.fill(headerSize); err != nil {
		return &RelayError{FromSource: true, Err: err}
	}
	if src.checkSeq && src.buf[src.rd+3] != *src.seq {
		return &RelayError{FromSource: true, Err: sqlerr.PacketsOutOfOrder()}
	}
	n := getU24(src.buf[src.rd:])
	if headerSize+n <= src.pool.size {
		if err := src.fill(headerSize + n); err != nil {
			return &RelayError{FromSource: true, Err: err}
		}
		return nil
	}
	// The first byte decides whether this is a row: it must have been seen by whole before the packet is begun.
	if src.wr-src.rd == headerSize {
		if err := src.fill(headerSize + 1); err != nil {
			return &RelayError{FromSource: true, Err: err}
		}
		return nil
	}
	x.stamp(dst, src, src.buf[src.rd:], n)
	x.left = headerSize + n
	return x.piece(dst, src)
}

func (x *Relay) wait() error {
	if x.Wait == nil {
		return nil
	}
	if err := x.Wait(); err != nil {
		return &RelayError{FromSource: true, Err: err}
	}
	return nil
}

// piece relays as much of a long packet as the buffer holds.
func (x *Relay) piece(dst *Writer, src *Reader) error {
	if err := x.wait(); err != nil {
		return err
	}
	if err := src.fill(1); err != nil {
		return &RelayError{FromSource: true, Err: unexpected(err)}
	}
	n := min(x.left, src.wr-src.rd)
	chunk := src.buf[src.rd : src.rd+n]
	src.rd += n
	x.left -= n
	x.Bytes += int64(n)
	if err := dst.raw(chunk); err != nil {
		return &RelayError{Err: err}
	}
	return nil
}
