package sharding

import (
	"bytes"
	"math"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// moment is a date and time of day as written, read from the full ISO form only.
type moment struct {
	time.Time // in UTC, whatever zone it was written for
	hasTime   bool
	utc       bool // it was written for UTC
}

// readMoment reads "2006-01-02" and "2006-01-02 15:04:05[.ffffff]", years 0001 … 9999.
func readMoment(s []byte) (moment, bool) {
	if len(s) == len("2006-01-02") {
		t, err := time.Parse("2006-01-02", string(s))
		return moment{Time: t}, err == nil && t.Year() > 0
	}
	if len(s) < len("2006-01-02 15:04:05") || len(s) > len("2006-01-02 15:04:05.999999") {
		return moment{}, false
	}
	if len(s) > 19 && (s[19] != '.' || len(s) == 20 || !digits(s[20:])) {
		return moment{}, false
	}
	t, err := time.Parse("2006-01-02 15:04:05.999999", string(s))
	return moment{Time: t, hasTime: true}, err == nil && t.Year() > 0
}

// momentOf reads the values that stand for a date or a date and time.
func momentOf(v sqltypes.Value) (moment, bool) {
	switch v.Kind {
	case sqltypes.KindDatetime:
		text, utc := bytes.CutSuffix(v.Bytes, []byte(UTC))
		m, ok := readMoment(text)
		m.utc = utc
		return m, ok
	case sqltypes.KindDate, sqltypes.KindString:
		return readMoment(v.Bytes)
	}
	return moment{}, false
}

// UTC ends the text of a KindDatetime that tells the moment a TIMESTAMP has stored, whatever the session's zone.
const UTC = "+00:00"

func (m moment) midnight() bool { return m.Equal(m.Truncate(24 * time.Hour)) }

func isoDate(t time.Time) []byte { return t.AppendFormat(nil, "2006-01-02") }

// isoDatetime drops trailing zeros of the fraction, and the point before nothing.
func isoDatetime(t time.Time) []byte { return t.AppendFormat(nil, "2006-01-02 15:04:05.999999") }

// fraction counts the significant digits of the fractional seconds.
func fraction(t time.Time) int {
	us, n := t.Nanosecond()/1000, 6
	for ; n > 0 && us%10 == 0; n-- {
		us /= 10
	}
	return n
}

func (k Keyer) compareDate(v sqltypes.Value, t KeyType) (Key, Verdict) {
	m, ok := momentOf(v)
	if !ok || m.utc && t.Family != FamilyTimestamp {
		return Key{}, Unknown
	}
	if t.Family == FamilyDate {
		switch {
		case v.Kind == sqltypes.KindString && m.hasTime:
			return Key{}, Unknown
		case !m.midnight():
			return Key{}, None
		}
		return timeKey(FamilyDate, isoDate(m.Time)), Exact
	}
	if t.Family == FamilyTimestamp {
		if m, ok = k.toUTC(m); !ok {
			return Key{}, Unknown
		}
	}
	if fraction(m.Time) > t.Scale {
		return Key{}, None
	}
	return timeKey(t.Family, isoDatetime(m.Time)), Exact
}

// toUTC reads m as local time of the session. It reports false without a zone, and for an hour that the zone skips
// or has twice.
func (k Keyer) toUTC(m moment) (moment, bool) {
	if m.utc || k.Zone == nil {
		return m, m.utc
	}
	y, mo, d := m.Date()
	local := time.Date(y, mo, d, m.Hour(), m.Minute(), m.Second(), m.Nanosecond(), k.Zone)
	if local.Hour() != m.Hour() || local.Minute() != m.Minute() || local.Day() != d {
		return m, false
	}
	for _, shift := range []time.Duration{-time.Hour, time.Hour, -30 * time.Minute, 30 * time.Minute} {
		twin := local.Add(shift)
		_, before := local.Zone()
		_, after := twin.Zone()
		if time.Duration(after-before)*time.Second == -shift {
			return m, false
		}
	}
	return moment{Time: local.UTC(), hasTime: true, utc: true}, true
}

func (k Keyer) storeDate(v sqltypes.Value, t KeyType) (Key, error) {
	m, ok := momentOf(v)
	if !ok || m.utc && t.Family != FamilyTimestamp {
		return Key{}, doubtful("it is not a full ISO date, as '2006-01-02' or '2006-01-02 15:04:05'")
	}
	if t.Family == FamilyDate {
		if fraction(m.Time) > 0 {
			return Key{}, doubtful("it has fractions of a second, which may round to the next day")
		}
		return timeKey(FamilyDate, isoDate(m.Time)), nil
	}
	if fraction(m.Time) > t.Scale {
		return Key{}, doubtful("it has more fractional digits than the column: servers round or cut them")
	}
	if t.Family == FamilyTimestamp {
		if m, ok = k.toUTC(m); !ok {
			return Key{}, doubtful("its moment in UTC is not known")
		}
		if m.Unix() < 1 || m.Unix() > math.MaxInt32 {
			return Key{}, doubtful("it is outside the years of every server's TIMESTAMP")
		}
	}
	return timeKey(t.Family, isoDatetime(m.Time)), nil
}

func timeKey(f Family, text []byte) Key { return Key{Family: f, Canon: text, Text: text} }

// readClock reads "[-]hh:mm:ss[.ffffff]", two or three digits of hours up to 838, into canonical text without
// trailing zeros, and the number of significant fractional digits.
func readClock(s []byte) (canon []byte, frac int, ok bool) {
	rest, neg := bytes.CutPrefix(s, []byte("-"))
	hour, rest, ok := bytes.Cut(rest, []byte(":"))
	if !ok || len(hour) < 2 || len(hour) > 3 || !digits(hour) || len(hour) == 3 && (hour[0] == '0' || string(hour) > "838") {
		return nil, 0, false
	}
	if len(rest) < 5 || rest[2] != ':' || !sixty(rest[:2]) || !sixty(rest[3:5]) {
		return nil, 0, false
	}
	tail := rest[5:]
	if len(tail) > 0 && (tail[0] != '.' || len(tail) == 1 || len(tail) > 7 || !digits(tail[1:])) {
		return nil, 0, false
	}
	if string(hour) == "838" && string(rest[:5]) == "59:59" && bytes.Trim(tail, ".0") != nil && len(bytes.Trim(tail, ".0")) > 0 {
		return nil, 0, false
	}
	tail = bytes.TrimSuffix(bytes.TrimRight(tail, "0"), []byte("."))
	canon = append(append(append([]byte{}, hour...), ':'), rest[:5]...)
	canon = append(canon, tail...)
	if neg && strings.Trim(string(canon), "0:") != "" {
		canon = append([]byte("-"), canon...)
	}
	return canon, max(len(tail)-1, 0), true
}

func sixty(s []byte) bool { return digits(s) && s[0] < '6' }

func clockOf(v sqltypes.Value) ([]byte, int, bool) {
	if v.Kind != sqltypes.KindTime && v.Kind != sqltypes.KindString {
		return nil, 0, false
	}
	return readClock(v.Bytes)
}

func compareClock(v sqltypes.Value, t KeyType) (Key, Verdict) {
	canon, frac, ok := clockOf(v)
	switch {
	case !ok:
		return Key{}, Unknown
	case frac > t.Scale:
		return Key{}, None
	}
	return timeKey(FamilyTime, canon), Exact
}

func storeClock(v sqltypes.Value, t KeyType) (Key, error) {
	canon, frac, ok := clockOf(v)
	switch {
	case !ok:
		return Key{}, doubtful("it is not a full time, as '15:04:05'")
	case frac > t.Scale:
		return Key{}, doubtful("it has more fractional digits than the column: servers round or cut them")
	}
	return timeKey(FamilyTime, canon), nil
}

// compareTime orders canonical times of day and spans.
func compareTime(a, b []byte) int {
	an, bn := a[0] == '-', b[0] == '-'
	switch {
	case an && bn:
		return compareSpan(b[1:], a[1:])
	case an:
		return -1
	case bn:
		return 1
	}
	return compareSpan(a, b)
}

func compareSpan(a, b []byte) int {
	if d := bytes.IndexByte(a, ':') - bytes.IndexByte(b, ':'); d != 0 {
		return d
	}
	return bytes.Compare(a, b)
}

// yearOf reads a year of four digits from 1901; 0 and the two-digit forms are left alone.
func yearOf(v sqltypes.Value) ([]byte, bool) {
	switch v.Kind {
	case sqltypes.KindInt, sqltypes.KindUint:
		if v.Int >= 1901 && v.Int <= 2155 {
			return v.AppendText(nil), true
		}
	case sqltypes.KindString:
		if len(v.Bytes) == 4 && digits(v.Bytes) && string(v.Bytes) >= "1901" && string(v.Bytes) <= "2155" {
			return v.Bytes, true
		}
	}
	return nil, false
}

func compareYear(v sqltypes.Value) (Key, Verdict) {
	if canon, ok := yearOf(v); ok {
		return numberKey(FamilyYear, canon), Exact
	}
	return Key{}, Unknown
}

func storeYear(v sqltypes.Value) (Key, error) {
	if canon, ok := yearOf(v); ok {
		return numberKey(FamilyYear, canon), nil
	}
	return Key{}, doubtful("it is not a year of four digits, 1901 to 2155")
}
