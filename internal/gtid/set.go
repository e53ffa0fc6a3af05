package gtid

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// UUID is @@server_uuid.
type UUID [16]byte

// Interval are transactions by their numbers, both ends included.
type Interval struct{ From, To uint64 }

// Numbered are the transactions that one server has numbered, under a tag ("" for most).
type Numbered struct {
	UUID      UUID
	Tag       string     // in lower case
	Intervals []Interval // ascending, never touching each other, never none
}

// Set is a set of MySQL's transactions, ordered by UUID and tag. Transactions of one server may be applied out of order: a
// server that has one may lack one before it.
type Set []Numbered

// maxNumber is the greatest that MySQL gives. Source: sql/rpl_gtid.h, GNO_END.
const maxNumber = 1<<63 - 2

// maxTag is the length that a tag may have. Source: MySQL manual, "GTID Format and Storage".
const maxTag = 32

// ParseSet reads what @@gtid_executed and its kin say: uuid[:tag]:interval[:interval …], …
func ParseSet(text string) (Set, error) {
	s, ok := Set(nil).note([]byte(text))
	if !ok {
		return nil, fmt.Errorf("%q is no set of GTIDs", text)
	}
	return s, nil
}

// ParseUUID reads @@server_uuid.
func ParseUUID(text string) (UUID, error) {
	u, ok := parseUUID([]byte(text))
	if !ok {
		return u, fmt.Errorf("%q is no server's UUID", text)
	}
	return u, nil
}

// uuidLen is the length of a UUID's text.
const uuidLen = 36

func parseUUID(text []byte) (u UUID, ok bool) {
	if len(text) != uuidLen || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return u, false
	}
	at := 0
	for i := 0; i < uuidLen; i += 2 {
		if text[i] == '-' {
			i++
		}
		if _, err := hex.Decode(u[at:at+1], text[i:i+2]); err != nil {
			return u, false
		}
		at++
	}
	return u, true
}

// note is s with what text tells; s is changed in place. Of a text that is wrong some may be in it.
func (s Set) note(text []byte) (Set, bool) {
	for len(text) > 0 {
		item, rest, _ := bytes.Cut(text, []byte{','})
		text = rest
		if item = bytes.TrimSpace(item); len(item) == 0 {
			continue
		}
		var ok bool
		if s, ok = s.noteItem(item); !ok {
			return s, false
		}
	}
	return s, true
}

// noteItem reads the transactions of one server.
func (s Set) noteItem(item []byte) (Set, bool) {
	if len(item) <= uuidLen || item[uuidLen] != ':' {
		return s, false
	}
	uuid, ok := parseUUID(item[:uuidLen])
	if !ok {
		return s, false
	}
	var tag []byte
	told := false
	for rest := item[uuidLen+1:]; ; {
		part, after, more := bytes.Cut(rest, []byte{':'})
		if isTag(part) {
			if tag != nil && !told {
				return s, false // a tag without transactions
			}
			tag, told = part, false
		} else {
			i, ok := parseInterval(part)
			if !ok {
				return s, false
			}
			s, told = s.add(uuid, tag, i), true
		}
		if rest = after; !more {
			return s, told
		}
	}
}

func isTag(text []byte) bool {
	if len(text) == 0 || len(text) > maxTag {
		return false
	}
	for i, c := range text {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || i > 0 && c >= '0' && c <= '9') {
			return false
		}
	}
	return true
}

func parseInterval(text []byte) (i Interval, ok bool) {
	from, to, span := bytes.Cut(text, []byte{'-'})
	if i.From, ok = parseNumber(from); !ok {
		return i, false
	}
	if i.To = i.From; span {
		i.To, ok = parseNumber(to)
	}
	return i, ok && i.From <= i.To
}

func parseNumber(text []byte) (n uint64, ok bool) {
	if len(text) == 0 || len(text) > 19 {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, n > 0 && n <= maxNumber
}

// add is s with an interval in it, in place.
func (s Set) add(uuid UUID, tag []byte, i Interval) Set {
	at, ok := slices.BinarySearchFunc(s, uuid, func(have Numbered, u UUID) int {
		return cmp.Or(bytes.Compare(have.UUID[:], u[:]), compareTag(have.Tag, tag))
	})
	if !ok {
		return slices.Insert(s, at, Numbered{uuid, strings.ToLower(string(tag)), []Interval{i}})
	}
	s[at].Intervals = insert(s[at].Intervals, i)
	return s
}

// compareTag compares with a tag in any case, without allocating.
func compareTag(have string, tag []byte) int {
	for i := range min(len(have), len(tag)) {
		c := tag[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if d := cmp.Compare(have[i], c); d != 0 {
			return d
		}
	}
	return cmp.Compare(len(have), len(tag))
}

// insert is list with i in it, joined with those that it meets; most come at the end.
func insert(list []Interval, i Interval) []Interval {
	if n := len(list); n > 0 && list[n-1].To+1 < i.From {
		return append(list, i)
	}
	first, _ := slices.BinarySearchFunc(list, i.From, func(have Interval, from uint64) int { return cmp.Compare(have.To+1, from) })
	last := first
	for last < len(list) && list[last].From <= i.To+1 {
		i.From, i.To = min(i.From, list[last].From), max(i.To, list[last].To)
		last++
	}
	if last == first {
		return slices.Insert(list, first, i)
	}
	list[first] = i
	return slices.Delete(list, first+1, last)
}

// order compares whose transactions two are.
func order(a, b Numbered) int {
	return cmp.Or(bytes.Compare(a.UUID[:], b.UUID[:]), cmp.Compare(a.Tag, b.Tag))
}

// Merge is s with all of q in it; s may be changed in place.
func (s Set) Merge(q Set) Set {
	for _, n := range q {
		at, ok := slices.BinarySearchFunc(s, n, order)
		if !ok {
			n.Intervals = slices.Clone(n.Intervals)
			s = slices.Insert(s, at, n)
			continue
		}
		for _, i := range n.Intervals {
			s[at].Intervals = insert(s[at].Intervals, i)
		}
	}
	return s
}

// Covers reports whether all of q is in s.
func (s Set) Covers(q Set) bool {
	k := 0
	for _, want := range q {
		for k < len(s) && order(s[k], want) < 0 {
			k++
		}
		if k == len(s) || order(s[k], want) != 0 || !within(want.Intervals, s[k].Intervals) {
			return false
		}
	}
	return true
}

// within reports whether each of list is within one of others.
func within(list, others []Interval) bool {
	k := 0
	for _, i := range list {
		for k < len(others) && others[k].To < i.From {
			k++
		}
		if k == len(others) || others[k].From > i.From || others[k].To < i.To {
			return false
		}
	}
	return true
}

// Minus is what is in s and not in q. It shares nothing with either that may be changed.
func (s Set) Minus(q Set) (out Set) {
	for _, n := range s {
		left := slices.Clone(n.Intervals)
		if at, ok := slices.BinarySearchFunc(q, n, order); ok {
			left = without(n.Intervals, q[at].Intervals)
		}
		if len(left) > 0 {
			out = append(out, Numbered{n.UUID, n.Tag, left})
		}
	}
	return out
}

// without is what of list is in none of others.
func without(list, others []Interval) (out []Interval) {
	k := 0
	for _, i := range list {
		for k < len(others) && others[k].To < i.From {
			k++
		}
		for at := k; at < len(others) && others[at].From <= i.To; at++ {
			if others[at].From > i.From {
				out = append(out, Interval{i.From, others[at].From - 1})
			}
			i.From = others[at].To + 1
		}
		if i.From <= i.To {
			out = append(out, i)
		}
	}
	return out
}

// Of is what of s one server has numbered, whatever the tag. It shares its intervals with s.
func (s Set) Of(uuid UUID) (out Set) {
	for _, n := range s {
		if n.UUID == uuid {
			out = append(out, n)
		}
	}
	return out
}

// Pieces is of how many intervals s consists.
func (s Set) Pieces() (n int) {
	for i := range s {
		n += len(s[i].Intervals)
	}
	return n
}

// Clone is a copy.
func (s Set) Clone() Set {
	out := slices.Clone(s)
	for i := range out {
		out[i].Intervals = slices.Clone(out[i].Intervals)
	}
	return out
}

// String is s as servers write it, without spaces.
func (s Set) String() string {
	var b []byte
	for k, n := range s {
		if k == 0 || n.UUID != s[k-1].UUID {
			if k > 0 {
				b = append(b, ',')
			}
			b = n.UUID.append(b)
		}
		if n.Tag != "" {
			b = append(append(b, ':'), n.Tag...)
		}
		for _, i := range n.Intervals {
			b = strconv.AppendUint(append(b, ':'), i.From, 10)
			if i.To != i.From {
				b = strconv.AppendUint(append(b, '-'), i.To, 10)
			}
		}
	}
	return string(b)
}

// String is u as servers write it.
func (u UUID) String() string { return string(u.append(nil)) }

func (u UUID) append(b []byte) []byte {
	for i, end := range []int{4, 6, 8, 10, 16} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, u[[]int{0, 4, 6, 8, 10}[i]:end])
	}
	return b
}
