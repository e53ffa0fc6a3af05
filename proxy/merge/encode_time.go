package merge

import "encoding/binary"

// encodeDatetime appends a date, with or without a time of day and a fraction. Zero dates and zero months are
// values like any other.
func encodeDatetime(dst, cell []byte) ([]byte, bool) {
	if len(cell) < 10 || cell[4] != '-' || cell[7] != '-' {
		return dst, false
	}
	year, ok1 := number(cell[:4])
	month, ok2 := number(cell[5:7])
	day, ok3 := number(cell[8:10])
	micros, ok4 := uint64(0), true
	if rest := cell[10:]; len(rest) > 0 {
		if rest[0] != ' ' && rest[0] != 'T' {
			return dst, false
		}
		micros, ok4 = clock(rest[1:])
	}
	// 37 bits hold the microseconds of a day.
	u := (year<<9|month<<5|day)<<37 | micros
	return binary.BigEndian.AppendUint64(dst, u), ok1 && ok2 && ok3 && ok4
}

// encodeTime appends a TIME: signed, beyond 99 hours, with or without a fraction. -00:00:00 equals 00:00:00.
func encodeTime(dst, cell []byte) ([]byte, bool) {
	negative := len(cell) > 0 && cell[0] == '-'
	if negative {
		cell = cell[1:]
	}
	u, ok := clock(cell)
	return appendSigned(dst, negative, u), ok
}

// clock reads h…h:mm:ss[.ffffff] as microseconds.
func clock(cell []byte) (uint64, bool) {
	colon := 0
	for colon < len(cell) && cell[colon] != ':' {
		colon++
	}
	if colon == 0 || colon > 4 || len(cell) < colon+6 || cell[colon+3] != ':' {
		return 0, false
	}
	hours, ok1 := number(cell[:colon])
	minutes, ok2 := number(cell[colon+1 : colon+3])
	seconds, ok3 := number(cell[colon+4 : colon+6])
	micros, ok4 := fraction(cell[colon+6:])
	return ((hours*60+minutes)*60+seconds)*1_000_000 + micros, ok1 && ok2 && ok3 && ok4
}

// fraction reads .f to .ffffff, or nothing, as microseconds.
func fraction(cell []byte) (uint64, bool) {
	if len(cell) == 0 {
		return 0, true
	}
	if cell[0] != '.' || len(cell) > 7 {
		return 0, false
	}
	u := uint64(0)
	for i := 1; i < 7; i++ {
		u *= 10
		if i < len(cell) {
			d := cell[i] - '0'
			if d > 9 {
				return 0, false
			}
			u += uint64(d)
		}
	}
	return u, true
}

// number reads a few digits.
func number(cell []byte) (uint64, bool) {
	u := uint64(0)
	for _, c := range cell {
		d := c - '0'
		if d > 9 {
			return 0, false
		}
		u = u*10 + uint64(d)
	}
	return u, true
}
