package wire

import (
	"bytes"
	"fmt"
	"io"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
)

// Algorithm is one of the compressed protocol's.
type Algorithm uint8

// The algorithms that servers know.
const (
	Zlib Algorithm = iota + 1
	Zstd
)

const (
	compressedHeader = 7
	// minCompress is the length under which servers do not try, bytes.
	// Source: MySQL "Compression", MIN_COMPRESS_LENGTH.
	minCompress = 50
)

// compression is the compressed protocol as a layer below the packets: frames with a 7-byte header (compressed length,
// sequence id, length before compression) that cut the stream of packets wherever they like. Read gives the packets'
// bytes back, Write collects them, flush sends them.
//
// What a frame inflates to is read straight into the caller's buffer and can never exceed the length its header says,
// which is under 16 MiB: a bomb costs its sender as many frames as it costs the reader reads.
type compression struct {
	src   io.Reader
	dst   io.Writer
	pool  *Pool
	algo  Algorithm
	level int
	check bool // of the frames' sequence ids
	seq   byte // of the next frame, of either side

	head     [compressedHeader]byte
	headRead int
	frame    frameReader // what is left of the current frame on the wire
	plain    int         // bytes of the current frame that are still to be given out
	inflate  io.Reader   // nil: the frame is not compressed
	release  func()
	err      error // of a frame that lied: every later read fails
}

func newCompression(src io.Reader, dst io.Writer, p *Pool, a Algorithm, level int, check bool) *compression {
	return &compression{src: src, dst: dst, pool: p, algo: a, level: level, check: check}
}

// Read implements io.Reader.
func (c *compression) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if c.err != nil {
		return 0, c.err
	}
	for c.plain == 0 {
		if err := c.nextFrame(); err != nil {
			return 0, err
		}
	}
	if len(p) > c.plain {
		p = p[:c.plain]
	}
	if c.inflate == nil {
		n, err := c.frame.Read(p)
		if c.plain -= n; n > 0 {
			return n, nil
		}
		return 0, unexpected(err)
	}
	n, err := c.inflate.Read(p)
	c.plain -= n
	switch {
	case c.plain == 0:
		c.err = c.endFrame()
	case err != nil:
		c.err = c.inflateError(err)
	}
	if n == 0 {
		return 0, c.err
	}
	return n, nil
}

// nextFrame reads a frame's header. A time-out in it may be followed by another Read.
func (c *compression) nextFrame() error {
	for c.headRead < compressedHeader {
		n, err := c.src.Read(c.head[c.headRead:])
		c.headRead += n
		if err != nil && c.headRead < compressedHeader {
			if c.headRead > 0 {
				err = unexpected(err)
			}
			return err
		}
	}
	c.headRead = 0
	length, plain := getU24(c.head[:]), getU24(c.head[4:])
	if c.check && c.head[3] != c.seq {
		return sqlerr.PacketsOutOfOrder()
	}
	c.seq = c.head[3] + 1
	c.frame = frameReader{src: c.src, left: length}
	if plain == 0 {
		c.plain = length
		return nil
	}
	c.plain = plain
	return c.startInflate()
}

func (c *compression) startInflate() error {
	if c.algo == Zstd {
		d, err := c.pool.zstdReader(&c.frame)
		if err != nil {
			return c.inflateError(err)
		}
		c.inflate, c.release = d, func() { c.pool.giveBackZstdReader(d) }
		return nil
	}
	z, err := c.pool.zlibReader(&c.frame)
	if err != nil {
		return c.inflateError(err)
	}
	c.inflate, c.release = z, func() { c.pool.giveBackZlibReader(z) }
	return nil
}

// endFrame checks that the frame holds no more than its header said, on either side of the compression.
func (c *compression) endFrame() error {
	var one [1]byte
	n, err := c.inflate.Read(one[:])
	for n == 0 && err == nil {
		n, err = c.inflate.Read(one[:])
	}
	if n > 0 || err != io.EOF {
		if n > 0 {
			err = nil
		}
		return c.inflateError(err)
	}
	if c.frame.left > 0 {
		return c.inflateError(nil)
	}
	c.done()
	return nil
}

func (c *compression) done() {
	if c.release != nil {
		c.release()
	}
	c.inflate, c.release = nil, nil
}

// inflateError tells a connection that failed in the middle of a frame from a frame that lies.
func (c *compression) inflateError(err error) error {
	c.done()
	switch {
	case c.frame.err != nil:
		return unexpected(c.frame.err)
	case err == nil:
		return sqlerr.Uncompress()
	}
	return fmt.Errorf("%w: %w", sqlerr.Uncompress(), err)
}

// frameReader reads what is left of one frame, and remembers how the connection failed if it did: decoders replace
// the errors of their sources.
type frameReader struct {
	src  io.Reader
	left int
	err  error
}

// Read implements io.Reader.
func (f *frameReader) Read(p []byte) (int, error) {
	if f.left == 0 {
		return 0, io.EOF
	}
	n, err := f.src.Read(p[:min(len(p), f.left)])
	f.left -= n
	if f.left > 0 {
		f.err = err
	}
	if n > 0 {
		err = nil
	}
	return n, err
}

// Write implements io.Writer: it sends p at once, as frames.
func (c *compression) Write(p []byte) (int, error) {
	sent := 0
	for len(p) > 0 {
		n := min(len(p), MaxFrame)
		if err := c.writeFrame(p[:n]); err != nil {
			return sent, err
		}
		sent += n
		p = p[n:]
	}
	return sent, nil
}

// writeFrame sends one frame, compressed if that makes it shorter.
func (c *compression) writeFrame(p []byte) error {
	var head [compressedHeader]byte
	out := c.pool.frameBuffer()
	defer c.pool.giveBackFrameBuffer(out)
	out.Write(head[:])
	plain := 0
	if len(p) >= minCompress {
		if err := c.deflate(out, p); err != nil {
			return fmt.Errorf("wire: compress: %w", err)
		}
		plain = len(p)
	}
	if plain == 0 || out.Len()-compressedHeader >= len(p) {
		plain = 0
		out.Truncate(compressedHeader)
		out.Write(p)
	}
	b := out.Bytes()
	putU24(b, len(b)-compressedHeader)
	b[3] = c.seq
	c.seq++
	putU24(b[4:], plain)
	_, err := c.dst.Write(b)
	return err
}

func (c *compression) deflate(out *bytes.Buffer, p []byte) error {
	if c.algo == Zstd {
		e, err := c.pool.zstdWriter(c.level)
		if err != nil {
			return err
		}
		b := e.EncodeAll(p, out.AvailableBuffer())
		c.pool.giveBackZstdWriter(c.level, e)
		out.Write(b)
		return nil
	}
	z, err := c.pool.zlibWriter(c.level, out)
	if err != nil {
		return err
	}
	if _, err := z.Write(p); err != nil {
		return err
	}
	err = z.Close()
	c.pool.giveBackZlibWriter(c.level, z)
	return err
}
