package xprotocol

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"
)

// Numbers of variable length are read as they are written, LEB128 as encoding/binary has it, and wait for their last byte.
func TestVarints(t *testing.T) {
	for _, n := range []uint64{0, 1, 0x7f, 0x80, 300, 0x3fff, 0x4000, 1 << 56, 1<<57 - 1, 1 << 63, math.MaxUint64} {
		low, high := leb128.append(nil, n), base128.append(nil, n)
		if want := binary.AppendUvarint(nil, n); !bytes.Equal(low, want) {
			t.Errorf("%d is % x, not % x", n, low, want)
		}
		for v, b := range map[varint][]byte{leb128: low, base128: high} {
			if got, size, err := v.take(append(bytes.Clone(b), 0xff)); got != n || size != len(b) || size != v.size(n) || err != nil {
				t.Errorf("%d is read as %d of %d bytes, %v", n, got, size, err)
			}
			for i := range b {
				if _, size, err := v.take(b[:i]); size != 0 || err != nil {
					t.Errorf("%d of % x: %d, %v", i, b, size, err)
				}
			}
		}
	}
	if got := base128.append(nil, 300); !bytes.Equal(got, []byte{0x82, 0x2c}) { // as in a MIDI file
		t.Errorf("300 is % x", got)
	}
	for v, long := range map[varint][]string{leb128: {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"}, base128: {"\x82\x80\x80\x80\x80\x80\x80\x80\x80\x00", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"}} {
		for _, b := range long {
			if n, _, err := v.take([]byte(b)); err == nil {
				t.Errorf("% x is %d", b, n)
			}
		}
	}
	for v, padded := range map[varint]string{leb128: "\x85\x80\x00", base128: "\x80\x80\x05"} { // longer than it needs to be
		if n, size, err := v.take([]byte(padded)); n != 5 || size != 3 || err != nil {
			t.Errorf("% x is %d, %v", padded, n, err)
		}
	}
}
