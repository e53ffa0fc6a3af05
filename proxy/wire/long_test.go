package wire

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
)

// purse is a Budget that remembers the most it has lent.
type purse struct{ limit, used, most int64 }

func (p *purse) Reserve(what string, n int64) error {
	if p.used+n > p.limit {
		return sqlerr.MemoryExceeded(what, "memory.test")
	}
	p.used += n
	p.most = max(p.most, p.used)
	return nil
}

func (p *purse) Release(n int64) { p.used -= n }

func bounded(in io.Reader, limit int, memory int64) (*Reader, *purse) {
	r, p := newTestReader(in, limit, true), &purse{limit: memory}
	r.BoundLong(&Long{Budget: p, Wait: func() error { return nil }})
	return r, p
}

// frames cuts a payload into packets.
func frames(payload []byte) []byte {
	var out []byte
	for seq := byte(0); ; seq++ {
		n := min(len(payload), MaxFrame)
		out = append(out, byte(n), byte(n>>8), byte(n>>16), seq)
		out = append(out, payload[:n]...)
		if payload = payload[n:]; n < MaxFrame {
			return out
		}
	}
}

// A long payload takes from the budget what it weighs and little more, and gives it back before the next command.
func TestLongPayloadIsCharged(t *testing.T) {
	for _, c := range []struct{ size, most int }{
		{1000, 0}, {5000, 5000}, {earnest, earnest}, {1 << 20, 1<<20 + earnest}, {MaxFrame - 1, MaxFrame + earnest},
		{MaxFrame, MaxFrame + earnest}, {20 << 20, 37 << 20}, {40 << 20, 81 << 20}, {64<<20 - 1, 81 << 20},
	} {
		payload := bytes.Repeat([]byte{0x03, 1, 2, 3, 5, 7, 11}, c.size/7+1)[:c.size]
		in := append(frames(payload), packet(0, "\x0e")...)
		r, p := bounded(bytes.NewReader(in), 64<<20, 128<<20)
		_, got, err := r.ReadCommand()
		if err != nil || !bytes.Equal(got, payload[1:]) {
			t.Fatalf("%d bytes: %d, %v", c.size, len(got), err)
		}
		if p.most > int64(c.most) || c.most > 0 && p.used < int64(c.size) {
			t.Errorf("%d bytes: charged with %d, at most %d, want no more than %d", c.size, p.used, p.most, c.most)
		}
		if cmd, _, err := r.ReadCommand(); err != nil || cmd != ComPing || p.used != 0 {
			t.Errorf("%d bytes: then %v, %v; still charged with %d", c.size, cmd, err, p.used)
		}
	}
}

// What is refused is read to its end without being kept, and the stream goes on.
func TestRefusedPayload(t *testing.T) {
	huge := append([]byte{0x03}, bytes.Repeat([]byte("0123456789"), 5<<20)...)
	for name, c := range map[string]struct {
		payload []byte
		limit   int
		memory  int64
		code    uint16
	}{
		"over the limit, small":     {huge[:9], 8, 1 << 30, sqlerr.CodeNetPacketTooLarge},
		"over the limit, at once":   {huge[:5000], 1000, 1 << 30, sqlerr.CodeNetPacketTooLarge},
		"over the limit, joined":    {huge, 40 << 20, 1 << 30, sqlerr.CodeNetPacketTooLarge},
		"over the limit, one frame": {huge[:MaxFrame], MaxFrame - 1, 1 << 30, sqlerr.CodeNetPacketTooLarge},
		"over the budget at once":   {huge[:5000], 1 << 30, 4999, sqlerr.CodeOutOfSortMemory},
		"over the budget later":     {huge[:1<<20], 1 << 30, 1 << 20, sqlerr.CodeOutOfSortMemory},
		"over the budget, joined":   {huge, 1 << 30, 60 << 20, sqlerr.CodeOutOfSortMemory},
		"a whole frame":             {huge[:MaxFrame], 1 << 30, 1 << 20, sqlerr.CodeOutOfSortMemory},
	} {
		in := append(frames(c.payload), packet(0, "\x0e")...)
		r, p := bounded(bytes.NewReader(in), c.limit, c.memory)
		_, _, err := r.ReadCommand()
		var refused *Refused
		if !errors.As(err, &refused) || refused.Err.Code != c.code || !bytes.HasPrefix(c.payload, refused.Head) || len(refused.Head) != 8 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if want := byte(len(c.payload)/MaxFrame + 1); *r.seq != want {
			t.Errorf("%s: the answer has id %d, want %d", name, *r.seq, want)
		}
		if p.used != 0 || r.joined != nil {
			t.Errorf("%s: still charged with %d", name, p.used)
		}
		if cmd, _, err := r.ReadCommand(); err != nil || cmd != ComPing {
			t.Errorf("%s: then %v, %v", name, cmd, err)
		}
	}
}

// A frame of the compressed protocol that inflates to much is charged like the bytes that it stands for.
func TestCompressedBombIsCharged(t *testing.T) {
	var wire bytes.Buffer
	w := newCompression(nil, &wire, NewPool(0), Zlib, 0, false)
	if _, err := w.Write(frames(append([]byte{0x03}, make([]byte, 40<<20)...))); err != nil {
		t.Fatal(err)
	}
	if wire.Len() > 1<<20 {
		t.Fatalf("%d bytes are no bomb", wire.Len())
	}
	r, p := bounded(newCompression(&wire, nil, NewPool(0), Zlib, 0, false), 64<<20, 30<<20)
	r.checkSeq = false
	var refused *Refused
	if _, _, err := r.ReadCommand(); !errors.As(err, &refused) || refused.Err.Code != sqlerr.CodeOutOfSortMemory {
		t.Fatal(err)
	}
	if p.most > 30<<20 || p.used != 0 {
		t.Errorf("charged with %d, at most %d", p.used, p.most)
	}
}

// The wait for the rest of a long payload is announced, and may be refused.
func TestLongPayloadWaits(t *testing.T) {
	in := packet(0, "\x03"+strings.Repeat("x", 3<<20))
	r, p := bounded(strings.NewReader(in), 64<<20, 128<<20)
	waits := 0
	r.long.Wait = func() error { waits++; return nil }
	if _, _, err := r.ReadCommand(); err != nil || waits < 4 {
		t.Fatalf("%d waits, %v", waits, err)
	}
	gone := errors.New("gone")
	r, p = bounded(iotest.OneByteReader(strings.NewReader(in)), 64<<20, 128<<20)
	r.long.Wait = func() error { return gone }
	if _, _, err := r.ReadCommand(); !errors.Is(err, gone) {
		t.Fatal(err)
	}
	if r.Release(); p.used != 0 {
		t.Errorf("still charged with %d", p.used)
	}
}
