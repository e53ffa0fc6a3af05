package bolt

import (
	"encoding/binary"
	"math"
	"strings"
)

// Pair is an entry of a header's map.
type Pair struct{ Key, Value []byte }

// Is says whether the key is that name, in whatever case.
func (p *Pair) Is(name string) bool {
	return len(p.Key) == len(name) && strings.EqualFold(string(p.Key), name)
}

// none is the length of a key or a value that is null.
const none = 0xffffffff

// AppendPairs appends the entries of a header's map: of each the length of the key, the key, the length of the value, the value
// (SOFARPC's SimpleMapSerializer). ok is false where the header is no such map.
func AppendPairs(pairs []Pair, header []byte) (all []Pair, ok bool) {
	all = pairs
	for len(header) > 0 {
		var p Pair
		if p.Key, header, ok = text(header); !ok {
			return pairs, false
		}
		if p.Value, header, ok = text(header); !ok {
			return pairs, false
		}
		all = append(all, p)
	}
	return all, true
}

// CutMap says whether a reader that takes what it can may find entries in a header that is no map, or not know that it is none, as
// SOFARPC's: it pads a length that goes too far, and takes each below 0 for a null. It finds none where the first key's goes too far.
func CutMap(header []byte) bool {
	if len(header) < 4 {
		return false
	}
	n := binary.BigEndian.Uint32(header)
	return n > math.MaxInt32 || int(n) <= len(header)-4
}

func text(b []byte) (s, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(b)
	if n == none {
		return nil, b[4:], true
	}
	if uint64(n) > uint64(len(b)-4) {
		return nil, nil, false
	}
	return b[4 : 4+n], b[4+n:], true
}

// AppendPair writes an entry.
func AppendPair(out []byte, key, value string) []byte {
	out = append(binary.BigEndian.AppendUint32(out, uint32(len(key))), key...)
	return append(binary.BigEndian.AppendUint32(out, uint32(len(value))), value...)
}

// AppendPair writes the entry again. A null stays one.
func (p *Pair) AppendPair(out []byte) []byte {
	for _, s := range [][]byte{p.Key, p.Value} {
		if s == nil {
			out = binary.BigEndian.AppendUint32(out, none)
			continue
		}
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(s))), s...)
	}
	return out
}
