package wire

import (
	"math"
	"strconv"
)

// moment is a DATE, DATETIME, TIMESTAMP or TIME as the binary protocol carries it. Nothing says that it exists: MySQL
// has month 0 and day 0.
// Source: MySQL "Binary Protocol Value".
type moment struct {
	year             uint64
	month, day       uint64
	hours            uint64 // of TIME: with the days
	minutes, seconds uint64
	micros           uint64
	negative         bool // TIME only
}

const (
	maxMicros = 999_999
	maxHours  = math.MaxUint32*24 + 23 // of TIME: what the protocol's days can say
)

// readDatetime reads a DATE, DATETIME or TIMESTAMP: 0, 4, 7 or 11 bytes.
func readDatetime(c *cursor) moment {
	var t moment
	n := c.u8()
	if n != 0 && n != 4 && n != 7 && n != 11 {
		c.fail()
		return t
	}
	if n >= 4 {
		t.year, t.month, t.day = uint64(c.u16()), uint64(c.u8()), uint64(c.u8())
	}
	if n >= 7 {
		t.hours, t.minutes, t.seconds = uint64(c.u8()), uint64(c.u8()), uint64(c.u8())
	}
	if n == 11 {
		t.readMicros(c)
	}
	return t
}

// readTime reads a TIME: 0, 8 or 12 bytes.
func readTime(c *cursor) moment {
	var t moment
	n := c.u8()
	if n != 0 && n != 8 && n != 12 {
		c.fail()
		return t
	}
	if n >= 8 {
		t.negative = c.u8() != 0
		t.hours = uint64(c.u32()) * 24
		if t.hours += uint64(c.u8()); t.hours > maxHours {
			c.fail()
		}
		t.minutes, t.seconds = uint64(c.u8()), uint64(c.u8())
	}
	if n == 12 {
		t.readMicros(c)
	}
	return t
}

func (t *moment) readMicros(c *cursor) {
	if t.micros = uint64(c.u32()); t.micros > maxMicros {
		c.fail()
	}
}

// appendDate appends a DATE. If a part of the day was sent with it, that is not lost.
func (t *moment) appendDate(b []byte) []byte {
	b = appendPadded(b, t.year, 4)
	b = appendPadded(append(b, '-'), t.month, 2)
	b = appendPadded(append(b, '-'), t.day, 2)
	if t.hours|t.minutes|t.seconds|t.micros != 0 {
		return t.appendClock(append(b, ' '), notFixed)
	}
	return b
}

func (t *moment) appendDatetime(b []byte, decimals byte) []byte {
	b = appendPadded(b, t.year, 4)
	b = appendPadded(append(b, '-'), t.month, 2)
	b = appendPadded(append(b, '-'), t.day, 2)
	return t.appendClock(append(b, ' '), decimals)
}

func (t *moment) appendTime(b []byte, decimals byte) []byte {
	if t.negative {
		b = append(b, '-')
	}
	return t.appendClock(b, decimals)
}

// appendClock appends hh:mm:ss and the fraction that a column of so many decimals shows: six digits if they are not
// known or if fewer would lose something.
func (t *moment) appendClock(b []byte, decimals byte) []byte {
	b = appendPadded(b, t.hours, 2)
	b = appendPadded(append(b, ':'), t.minutes, 2)
	b = appendPadded(append(b, ':'), t.seconds, 2)
	digits := int(decimals)
	if digits > 6 {
		digits = 0
	}
	scale := uint64(1_000_000)
	for range digits {
		scale /= 10
	}
	if t.micros%scale != 0 {
		digits, scale = 6, 1
	}
	if digits == 0 {
		return b
	}
	return appendPadded(append(b, '.'), t.micros/scale, digits)
}

func appendPadded(b []byte, v uint64, width int) []byte {
	start := len(b)
	return padZero(strconv.AppendUint(b, v, 10), start, width)
}

// parseDatetimeText reads YYYY-MM-DD, alone or with hh:mm:ss[.ffffff] behind a space or T.
func parseDatetimeText(s []byte) (t moment, ok bool) {
	if t.year, s, ok = number(s, math.MaxUint16, '-'); !ok {
		return t, false
	}
	if t.month, s, ok = number(s, math.MaxUint8, '-'); !ok {
		return t, false
	}
	if t.day, s, ok = number(s, math.MaxUint8, 0); !ok || len(s) == 0 {
		return t, ok
	}
	if s[0] != ' ' && s[0] != 'T' {
		return t, false
	}
	return t, t.parseClock(s[1:], math.MaxUint8)
}

// parseTimeText reads [-]hh:mm:ss[.ffffff], the hours up to maxHours.
func parseTimeText(s []byte) (t moment, ok bool) {
	if len(s) > 0 && s[0] == '-' {
		t.negative, s = true, s[1:]
	}
	return t, t.parseClock(s, maxHours)
}

func (t *moment) parseClock(s []byte, limit uint64) (ok bool) {
	if t.hours, s, ok = number(s, limit, ':'); !ok {
		return false
	}
	if t.minutes, s, ok = number(s, math.MaxUint8, ':'); !ok {
		return false
	}
	if t.seconds, s, ok = number(s, math.MaxUint8, 0); !ok || len(s) == 0 {
		return ok
	}
	if s[0] != '.' || len(s) > 7 || len(s) == 1 {
		return false
	}
	width := len(s) - 1
	if t.micros, s, ok = number(s[1:], maxMicros, 0); !ok || len(s) > 0 {
		return false
	}
	for ; width < 6; width++ {
		t.micros *= 10
	}
	return true
}

// number reads digits up to sep, which it eats, or, if sep is 0, up to the first byte that is none.
func number(s []byte, limit uint64, sep byte) (v uint64, rest []byte, ok bool) {
	i := 0
	for ; i < len(s) && s[i]-'0' <= 9; i++ {
		if v = v*10 + uint64(s[i]-'0'); v > limit {
			return 0, s, false
		}
	}
	if i == 0 {
		return 0, s, false
	}
	if sep == 0 {
		return v, s[i:], true
	}
	if i == len(s) || s[i] != sep {
		return 0, s, false
	}
	return v, s[i+1:], true
}

// appendBinaryDatetime appends the shortest form that says all.
func (t *moment) appendBinaryDatetime(b []byte) []byte {
	clock := t.hours | t.minutes | t.seconds
	switch {
	case t.micros != 0:
		b = append(b, 11)
	case clock != 0:
		b = append(b, 7)
	case t.year|t.month|t.day != 0:
		b = append(b, 4)
	default:
		return append(b, 0)
	}
	b = append(appendU16(b, uint16(t.year)), byte(t.month), byte(t.day))
	if t.micros|clock != 0 {
		b = append(b, byte(t.hours), byte(t.minutes), byte(t.seconds))
	}
	if t.micros != 0 {
		b = appendU32(b, uint32(t.micros))
	}
	return b
}

func (t *moment) appendBinaryTime(b []byte) []byte {
	switch {
	case t.micros != 0:
		b = append(b, 12)
	case t.hours|t.minutes|t.seconds != 0 || t.negative:
		b = append(b, 8)
	default:
		return append(b, 0)
	}
	sign := byte(0)
	if t.negative {
		sign = 1
	}
	b = appendU32(append(b, sign), uint32(t.hours/24))
	b = append(b, byte(t.hours%24), byte(t.minutes), byte(t.seconds))
	if t.micros != 0 {
		b = appendU32(b, uint32(t.micros))
	}
	return b
}
