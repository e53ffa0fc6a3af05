package keygen

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
)

// uuid gives UUIDs of version 7 (RFC 9562): 48 bits of Unix milliseconds, 12 bits of a counter within the
// millisecond, 62 random bits. The keys of one generator only ever grow: a clock that steps back leaves the
// millisecond where it was, and a counter that overflows borrows the next one. Properties:
//
//	format  text (36 characters, the default) or binary (16 bytes, for BINARY(16))
type uuid struct {
	clock  Clock
	rand   io.Reader
	binary bool

	mu    sync.Mutex // guards what follows, and rand
	milli uint64
	count uint16
}

func newUUID(cfg Config) (Generator, error) {
	if err := known(cfg.Properties, "format"); err != nil {
		return nil, err
	}
	format, err := word(cfg.Properties, "format", "text", "text", "binary")
	if err != nil {
		return nil, err
	}
	g := &uuid{clock: cfg.Clock, rand: cfg.Rand, binary: format == "binary"}
	if g.clock == nil {
		g.clock = SystemClock{}
	}
	if g.rand == nil {
		g.rand = rand.Reader
	}
	return g, nil
}

// Next implements Generator.
func (g *uuid) Next(_ context.Context, n int) (Batch, error) {
	if n < 1 || n > math.MaxInt32 {
		return Batch{}, sqlerr.KeygenUnavailable(fmt.Sprintf("uuid gives 1 to %d ids to one statement, not %d", math.MaxInt32, n))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	b := Batch{Texts: make([][]byte, n), Binary: g.binary}
	for i := range b.Texts {
		id, err := g.one()
		if err != nil {
			return Batch{}, err
		}
		if g.binary {
			b.Texts[i] = id[:]
		} else {
			b.Texts[i] = uuidText(id)
		}
	}
	return b, nil
}

// one makes the next UUID; mu is held.
func (g *uuid) one() (id [16]byte, err error) {
	if now := uint64(max(g.clock.Now().UnixMilli(), 0)); now > g.milli {
		g.milli, g.count = now, 0
	} else if g.count++; g.count == 1<<12 {
		g.milli, g.count = g.milli+1, 0
	}
	if _, err := io.ReadFull(g.rand, id[8:]); err != nil {
		return id, sqlerr.KeygenUnavailable("no random bytes: " + err.Error())
	}
	binary.BigEndian.PutUint64(id[:8], g.milli<<16|7<<12|uint64(g.count))
	id[8] = id[8]&0x3f | 0x80
	return id, nil
}

// uuidText is the form 8-4-4-4-12.
func uuidText(id [16]byte) []byte {
	t := make([]byte, 36)
	hex.Encode(t, id[:4])
	hex.Encode(t[9:], id[4:6])
	hex.Encode(t[14:], id[6:8])
	hex.Encode(t[19:], id[8:10])
	hex.Encode(t[24:], id[10:])
	t[8], t[13], t[18], t[23] = '-', '-', '-', '-'
	return t
}
