package wire

import (
	"bytes"
	"encoding/binary"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
)

// malformed is what a decoder returns: to a client it reads as MySQL's 1835.
func malformed(what string) error { return sqlerr.Malformed(what) }

// cursor reads fields off the front of a payload. The first read beyond the end sets bad and every later read gives
// zero, so that a decoder checks once at its end. Nothing it returns is a copy.
type cursor struct {
	p   []byte
	bad bool
}

func (c *cursor) fail() { c.p, c.bad = nil, true }

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.p) {
		c.fail()
		return nil
	}
	b := c.p[:n:n]
	c.p = c.p[n:]
	return b
}

func (c *cursor) u8() byte {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) u16() uint16 {
	if b := c.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) u24() uint32 {
	if b := c.take(3); b != nil {
		return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if b := c.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if b := c.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// lenenc reads a length-encoded integer. 0xfb (NULL) and 0xff are no integers here.
func (c *cursor) lenenc() uint64 {
	switch first := c.u8(); first {
	case 0xfb, 0xff:
		c.fail()
		return 0
	case 0xfc:
		return uint64(c.u16())
	case 0xfd:
		return uint64(c.u24())
	case 0xfe:
		return c.u64()
	default:
		return uint64(first)
	}
}

// lenencBytes reads a length-encoded string. It is never nil on success.
func (c *cursor) lenencBytes() []byte {
	n := c.lenenc()
	if c.bad || n > uint64(len(c.p)) {
		c.fail()
		return nil
	}
	return c.take(int(n))
}

// cstring reads up to a NUL, which is required.
func (c *cursor) cstring() []byte {
	i := bytes.IndexByte(c.p, 0)
	if i < 0 {
		c.fail()
		return nil
	}
	b := c.p[:i:i]
	c.p = c.p[i+1:]
	return b
}

// cstringOrRest reads up to a NUL or, as some clients leave it off the last field, up to the end.
func (c *cursor) cstringOrRest() []byte {
	if bytes.IndexByte(c.p, 0) < 0 {
		return c.rest()
	}
	return c.cstring()
}

func (c *cursor) rest() []byte {
	b := c.p
	c.p = nil
	return b
}

func (c *cursor) empty() bool { return len(c.p) == 0 }

// err is nil if every read so far found its bytes.
func (c *cursor) err(what string) error {
	if c.bad {
		return malformed(what)
	}
	return nil
}

func appendU16(b []byte, v uint16) []byte { return binary.LittleEndian.AppendUint16(b, v) }
func appendU32(b []byte, v uint32) []byte { return binary.LittleEndian.AppendUint32(b, v) }
func appendU64(b []byte, v uint64) []byte { return binary.LittleEndian.AppendUint64(b, v) }

// AppendLenenc appends v as a length-encoded integer.
func AppendLenenc(b []byte, v uint64) []byte {
	switch {
	case v < 0xfb:
		return append(b, byte(v))
	case v < 1<<16:
		return append(b, 0xfc, byte(v), byte(v>>8))
	case v < 1<<24:
		return append(b, 0xfd, byte(v), byte(v>>8), byte(v>>16))
	}
	return appendU64(append(b, 0xfe), v)
}

// AppendLenencString appends s with its length in front.
func AppendLenencString[S ~string | ~[]byte](b []byte, s S) []byte {
	return append(AppendLenenc(b, uint64(len(s))), s...)
}

func appendCString[S ~string | ~[]byte](b []byte, s S) []byte {
	return append(append(b, s...), 0)
}

func getU24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

func putU24(b []byte, n int) { b[0], b[1], b[2] = byte(n), byte(n>>8), byte(n>>16) }
