package sharding

import (
	"hash/crc32"
	"strconv"
)

// SlotCount is the number of hash slots; it is part of the storage format.
const SlotCount = 16384

// SlotTable maps each slot to a node index.
type SlotTable [SlotCount]uint16

// Slot is the hash slot of a row with these key columns:
//
//	slot = CRC32(bytes) mod 16384, CRC32 being the IEEE one, SQL's own CRC32()
//
// where bytes are, for one column, its canonical bytes, and slot is 0 when the column is NULL; for several columns,
// one after the other in the declared order, the number of its canonical bytes in decimal, ':' and the bytes, or
// '-' alone when it is NULL. The canonical bytes of each type, and the SQL expressions that compute the same on a
// server, are in SlotExpression.
func Slot(key []Key) int {
	if len(key) == 1 {
		if key[0].Null {
			return 0
		}
		return int(crc32.ChecksumIEEE(key[0].Canon) % SlotCount)
	}
	return int(crc32.ChecksumIEEE(joinKey(nil, key)) % SlotCount)
}

// joinKey appends the joined form of several columns.
func joinKey(b []byte, key []Key) []byte {
	for _, k := range key {
		if k.Null {
			b = append(b, '-')
			continue
		}
		b = strconv.AppendInt(b, int64(len(k.Canon)), 10)
		b = append(append(b, ':'), k.Canon...)
	}
	return b
}

// hashOf is the hash behind hash_mod, the same bytes as Slot's.
func hashOf(key []Key) uint32 {
	if len(key) == 1 {
		if key[0].Null {
			return 0
		}
		return crc32.ChecksumIEEE(key[0].Canon)
	}
	return crc32.ChecksumIEEE(joinKey(nil, key))
}
