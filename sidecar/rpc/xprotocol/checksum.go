package xprotocol

import (
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
)

// checksum is a Checksum that is ready.
type checksum struct {
	Checksum
	part     int // that it is of; or ofFrame, ofRest, ofHead
	verified bool
	changes  bool // it is of something that a proxy changes
}

const ofHead = -3

// sums are how checksums are made: of what stands in a frame's bytes, one behind the other.
var sums = map[string]struct {
	width int // that it has; 0: any
	first uint64
	add   func(sum uint64, b []byte) uint64
}{
	"crc32":   {4, 0, func(sum uint64, b []byte) uint64 { return uint64(crc32.Update(uint32(sum), crc32.IEEETable, b)) }},
	"crc32c":  {4, 0, func(sum uint64, b []byte) uint64 { return uint64(crc32.Update(uint32(sum), castagnoli, b)) }},
	"adler32": {4, 1, addAdler},
	"sum": {0, 0, func(sum uint64, b []byte) uint64 {
		for _, c := range b {
			sum += uint64(c)
		}
		return sum
	}},
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// addAdler is RFC 1950, section 8.2.
func addAdler(sum uint64, b []byte) uint64 {
	const modulus, most = 65521, 5552 // bytes that can be added up before either number has to be reduced
	low, high := uint32(sum)&0xffff, uint32(sum)>>16
	for len(b) > 0 {
		n := min(len(b), most)
		for _, c := range b[:n] {
			low += uint32(c)
			high += low
		}
		low, high, b = low%modulus, high%modulus, b[n:]
	}
	return uint64(high<<16 | low)
}

// checksums makes a layout's ready. mutable are the numbers in its heads that a proxy changes.
func (c *compiling) checksums(at string, l *layout, all []Checksum, mutable []Field) {
	var tail []placed
	for i, s := range all {
		at := fmt.Sprintf("%s.checksums[%d]", at, i)
		made := checksum{Checksum: s, part: slices.Index(c.rule.Parts, s.Of)}
		sum, ok := sums[s.Sum]
		switch {
		case !ok:
			c.problem(at+".sum", "%q is none of crc32, crc32c, adler32 and sum", s.Sum)
		case s.Width < 1 || s.Width > 8 || sum.width > 0 && s.Width != sum.width:
			c.problem(at+".width", "a checksum has 1 to 8 bytes, and crc32, crc32c and adler32 have 4")
		}
		switch s.Of {
		case "", frame:
			made.part = ofFrame
		case rest:
			made.part = ofRest
		case head:
			made.part = ofHead
		default:
			if made.part < 0 {
				c.problem(at+".of", "%q is none of frame, head, rest, and the parts %s", s.Of, strings.Join(c.rule.Parts, ", "))
			}
		}
		if s.From < 0 || s.To > 0 && s.To <= s.From {
			c.problem(at, "it is of nothing: from is bytes from the beginning of what it is of, to bytes from there, or, below 0, from its end")
		}
		if s.At < 0 {
			tail = append(tail, placed{at, Field{s.At + l.tail, s.Width}})
		}
		made.changes = c.touched(l, &made, mutable) || slices.ContainsFunc(l.checksums, func(o checksum) bool { return o.changes && made.covers(l, &o.Checksum) })
		if slices.ContainsFunc(all[i+1:], func(o Checksum) bool { return made.covers(l, &o) }) {
			c.problem(at, "it is of a checksum that is made behind it: they stand in the order in which they are made")
		}
		made.verified = s.Verify || made.changes // lest what is wrong is made right
		l.checksums = append(l.checksums, made)
	}
	c.apart(tail, l.tail, "bytes behind the parts")
}

// touched says whether a checksum is of something that a proxy may change: one of the numbers, or metadata.
func (c *compiling) touched(l *layout, s *checksum, mutable []Field) bool {
	switch {
	case s.part >= 0:
		return s.part == c.part
	case s.part == ofRest:
		return c.part >= 0 && l == &c.request
	}
	if (s.part == ofFrame || s.part == ofHead) && c.part >= 0 && l == &c.request && (s.To <= 0 || s.To > l.head) {
		return true
	}
	return slices.ContainsFunc(mutable, func(f Field) bool { return s.From < f.At+f.Width && (s.To <= 0 || s.To > f.At) })
}

// covers says whether a checksum is of another's bytes. Both stand where no part is.
func (s *checksum) covers(l *layout, o *Checksum) bool {
	const part = 1 << 20 // longer than any from and to that could matter
	m := measured{start: l.head, sizes: [maxParts]int{part, part, part, part}, size: l.head + maxParts*part + l.tail}
	from, to, _ := s.of(&m)
	at := o.At
	if at < 0 {
		at += m.size
	}
	return at < to && from < at+o.Width
}

// of are the bytes of a frame that a checksum is of, and where it stands itself. Where there are less than from and to say, it is of those that there are.
func (s *checksum) of(m *measured) (from, to, at int) {
	switch from, to = 0, m.size; {
	case s.part == ofHead:
		to = m.start
	case s.part == ofRest:
		from = m.start
	case s.part >= 0:
		from = m.start
		for _, n := range m.sizes[:s.part] {
			from += n
		}
		to = from + m.sizes[s.part]
	}
	if s.To > 0 {
		to = min(to, from+s.To)
	} else {
		to += s.To
	}
	if at = s.At; at < 0 {
		at += m.size
	}
	return min(from+s.From, max(to, 0)), max(to, 0), at
}

var zeros [8]byte

// made is a frame's checksum as it has to be. Its own bytes count as zeros.
func (s *checksum) made(f []byte, m *measured) uint64 {
	by := sums[s.Sum]
	from, to, at := s.of(m)
	sum := by.first
	if before, behind := max(from, at), min(to, at+s.Width); before < behind {
		sum = by.add(sum, f[from:before])
		sum = by.add(sum, zeros[:behind-before])
		from = behind
	}
	return by.add(sum, f[from:max(to, from)]) & most(s.Width)
}

func (s *checksum) field(m *measured) Field {
	at := s.At
	if at < 0 {
		at += m.size
	}
	return Field{at, s.Width}
}

// verify says whether the checksums of a frame are right that are looked at.
func (p *Protocol) verify(l *layout, f []byte, m *measured) error {
	for i := range l.checksums {
		if s := &l.checksums[i]; s.verified && p.get(f, s.field(m)) != s.made(f, m) {
			return bad("the %s of a frame is wrong", s.Sum)
		}
	}
	return nil
}

// Seal makes the checksums of a frame right that are of something that may have been changed: its number, its time, its metadata. It is to be called last.
func (p *Protocol) Seal(f []byte) {
	if len(p.request.checksums) == 0 && len(p.answer.checksums) == 0 {
		return
	}
	l, err := p.laid(f)
	if err != nil {
		return // Split has seen that it is a frame
	}
	m, _, err := p.measure(l, f, len(f))
	if err == nil {
		p.seal(l, f, &m, false)
	}
}

// seal makes checksums right, in their order: one may be of another. all: those too that nothing has been changed for.
func (p *Protocol) seal(l *layout, f []byte, m *measured, all bool) {
	for i := range l.checksums {
		if s := &l.checksums[i]; all || s.changes {
			p.put(f, s.field(m), s.made(f, m))
		}
	}
}
