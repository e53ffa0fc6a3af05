package wire

import (
	"bytes"
	"compress/zlib"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

const (
	zlibLevels = 10
	zstdLevels = 23

	// zstdWindow bounds what a peer can make a decoder allocate: no frame inflates to more than MaxFrame.
	zstdWindow = 16 << 20

	// keepFrame is the largest frame buffer that goes back to the pool.
	keepFrame = 256 << 10
)

// codecPool lends (de)compressors, which weigh hundreds of kilobytes each, for the time of one frame.
type codecPool struct {
	frames      sync.Pool             // *bytes.Buffer
	zlibReaders sync.Pool             // *zlibReader
	zlibWriters [zlibLevels]sync.Pool // *zlib.Writer
	zstdReaders sync.Pool             // *zstd.Decoder
	zstdWriters [zstdLevels]sync.Pool // *zstd.Encoder
}

// zlibReader is what zlib.NewReader returns.
type zlibReader interface {
	io.ReadCloser
	zlib.Resetter
}

func (p *Pool) frameBuffer() *bytes.Buffer {
	if b, ok := p.codecs.frames.Get().(*bytes.Buffer); ok {
		b.Reset()
		return b
	}
	return &bytes.Buffer{}
}

func (p *Pool) giveBackFrameBuffer(b *bytes.Buffer) {
	if b.Cap() <= keepFrame {
		p.codecs.frames.Put(b)
	}
}

func (p *Pool) zlibReader(src io.Reader) (zlibReader, error) {
	if z, ok := p.codecs.zlibReaders.Get().(zlibReader); ok {
		if err := z.Reset(src, nil); err != nil {
			return nil, err
		}
		return z, nil
	}
	z, err := zlib.NewReader(src)
	if err != nil {
		return nil, err
	}
	return z.(zlibReader), nil
}

func (p *Pool) giveBackZlibReader(z zlibReader) { p.codecs.zlibReaders.Put(z) }

func (p *Pool) zlibWriter(level int, dst io.Writer) (*zlib.Writer, error) {
	if level < 1 || level >= zlibLevels {
		level = 6
	}
	if z, ok := p.codecs.zlibWriters[level].Get().(*zlib.Writer); ok {
		z.Reset(dst)
		return z, nil
	}
	return zlib.NewWriterLevel(dst, level)
}

func (p *Pool) giveBackZlibWriter(level int, z *zlib.Writer) {
	if level < 1 || level >= zlibLevels {
		level = 6
	}
	p.codecs.zlibWriters[level].Put(z)
}

func (p *Pool) zstdReader(src io.Reader) (*zstd.Decoder, error) {
	if d, ok := p.codecs.zstdReaders.Get().(*zstd.Decoder); ok {
		if err := d.Reset(src); err != nil {
			return nil, err
		}
		return d, nil
	}
	return zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderMaxMemory(zstdWindow))
}

// giveBackZstdReader cuts d off from its source first, so that a pooled decoder keeps no connection alive.
func (p *Pool) giveBackZstdReader(d *zstd.Decoder) {
	if d.Reset(nil) == nil {
		p.codecs.zstdReaders.Put(d)
	}
}

func (p *Pool) zstdWriter(level int) (*zstd.Encoder, error) {
	level = zstdLevel(level)
	if e, ok := p.codecs.zstdWriters[level].Get().(*zstd.Encoder); ok {
		return e, nil
	}
	return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)))
}

func (p *Pool) giveBackZstdWriter(level int, e *zstd.Encoder) {
	p.codecs.zstdWriters[zstdLevel(level)].Put(e)
}

// zstdLevel maps 0 and nonsense to zstd's default.
func zstdLevel(level int) int {
	if level < 1 || level >= zstdLevels {
		return 3
	}
	return level
}
