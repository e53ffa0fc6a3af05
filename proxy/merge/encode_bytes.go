package merge

import "bytes"

// groupSize is the length of the groups in which byte strings are encoded.
const groupSize = 8

// encodeBytes appends a byte string so that a shorter one sorts before its extensions and what follows it in the key
// does not matter: groups of eight bytes, the last filled with zeros, each followed by how many of its bytes count,
// or nine when another group follows.
func encodeBytes(dst, cell []byte) []byte {
	for len(cell) > groupSize {
		dst = append(append(dst, cell[:groupSize]...), groupSize+1)
		cell = cell[groupSize:]
	}
	var last [groupSize + 1]byte
	copy(last[:], cell)
	last[groupSize] = byte(len(cell))
	return append(dst, last[:]...)
}

// What follows a group of an encoded padded string: how the rest compares with an endless pad.
const (
	restBelowPad = 1
	restIsPad    = 2 // the string ends here
	restAbovePad = 3
)

// encodePadded appends a weight as if it went on with pad for ever, so that 'a' and 'a ' encode alike and 'a\t' sorts
// before both. It fails when pad's length does not divide the weight's.
func encodePadded(dst, cell, pad []byte) ([]byte, bool) {
	if len(cell)%len(pad) != 0 {
		return dst, false
	}
	for len(cell) > 0 && bytes.HasSuffix(cell, pad) {
		cell = cell[:len(cell)-len(pad)]
	}
	size := max(1, groupSize/len(pad)) * len(pad)
	differs := -1 // index of a unit, at or behind the current group's end, that is not pad
	for at := 0; ; at += size {
		end := min(at+size, len(cell))
		dst = append(dst, cell[min(at, end):end]...)
		for filled := end - min(at, end); filled < size; filled += len(pad) {
			dst = append(dst, pad...)
		}
		if end == len(cell) {
			return append(dst, restIsPad), true
		}
		if differs < end {
			differs = end
			for bytes.Equal(cell[differs:differs+len(pad)], pad) {
				differs += len(pad) // ends before the string does: its last unit is not pad
			}
		}
		mark := byte(restBelowPad)
		if bytes.Compare(cell[differs:differs+len(pad)], pad) > 0 {
			mark = restAbovePad
		}
		dst = append(dst, mark)
	}
}
