package bolt

import (
	"encoding/binary"
	"math"

	"github.com/heddle-mesh/heddle/sidecar/rpc/mux"
)

// none is the length of a key or a value that is null.
const none = 0xffffffff

// AppendPairs appends the entries of a header's map: of each the length of the key, the key, the length of the value, the value
// (SOFARPC's SimpleMapSerializer). ok is false where the header is no such map.
func AppendPairs(pairs []mux.Pair, header []byte) (all []mux.Pair, ok bool) {
	all = pairs
	for len(header) > 0 {
		var p mux.Pair
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

// AppendAgain writes an entry as it was read. A null stays one.
func AppendAgain(out []byte, p *mux.Pair) []byte {
	for _, s := range [][]byte{p.Key, p.Value} {
		if s == nil {
			out = binary.BigEndian.AppendUint32(out, none)
			continue
		}
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(s))), s...)
	}
	return out
}
