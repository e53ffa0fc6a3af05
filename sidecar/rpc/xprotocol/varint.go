package xprotocol

import "math/bits"

// varint is how a number is written whose bytes are as many as it needs: seven bits in each, of which all but the last have the eighth set.
type varint int

const (
	fixed   varint = iota // it is none
	leb128                // the lowest bits first, as Protocol Buffers write them
	base128               // the highest bits first
)

var varints = map[string]varint{"": fixed, "leb128": leb128, "base128": base128}

// longestVarint is how many bytes one has at most: those of 64 bits.
const longestVarint = 10

// take reads one from the front of b, of so many bytes; 0: more of it has to come. The error is that it is too long. One may be longer than its number needs.
func (v varint) take(b []byte) (n uint64, size int, err error) {
	for i, c := range b {
		group := uint64(c & 0x7f)
		shift := 7 * i
		switch {
		case i == longestVarint:
			return 0, 0, bad("a number has more than %d bytes", longestVarint)
		case v == base128 && bits.Len64(n) > 57, v == leb128 && bits.Len64(group)+shift > 64 && group != 0:
			return 0, 0, bad("a number has more than 64 bits")
		case v == base128:
			n = n<<7 | group
		default:
			n |= group << shift
		}
		if c < 0x80 {
			return n, i + 1, nil
		}
	}
	return 0, 0, nil
}

// size is how many bytes a number has.
func (v varint) size(n uint64) int { return (max(bits.Len64(n), 1) + 6) / 7 }

// append writes one.
func (v varint) append(out []byte, n uint64) []byte {
	size := v.size(n)
	for i := range size {
		shift := 7 * i
		if v == base128 {
			shift = 7 * (size - 1 - i)
		}
		c := byte(n>>shift) & 0x7f
		if i < size-1 {
			c |= 0x80
		}
		out = append(out, c)
	}
	return out
}
