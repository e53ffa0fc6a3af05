package dubbo

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// Tags of Hessian 2 (the Java library's Hessian2Input is the specification). Some values have their length, or a part of themselves, in the tag.
const (
	binaryChunk = 'A'
	binaryLast  = 'B'
	class       = 'C'
	double      = 'D'
	isFalse     = 'F'
	mapUntyped  = 'H'
	int32Tag    = 'I'
	dateMillis  = 'J'
	dateMinutes = 'K'
	int64Tag    = 'L'
	mapTyped    = 'M'
	null        = 'N'
	object      = 'O'
	reference   = 'Q'
	textChunk   = 'R'
	textLast    = 'S'
	isTrue      = 'T'
	listTyped   = 'U' // to its end
	arrayTyped  = 'V' // of a length
	listUntyped = 'W'
	array       = 'X'
	long32      = 'Y'
	end         = 'Z'
	double0     = 0x5b
	double1     = 0x5c
	double8     = 0x5d
	double16    = 0x5e
	doubleMill  = 0x5f
)

const (
	maxDepth  = 512     // of values in one another
	maxValues = 1 << 20 // in the arguments and the attachments of a request
	maxClass  = 1 << 12 // that are defined there
)

// reader goes through values. Each of its methods returns false where what stands there is not what it is for; then nothing more can be read.
type reader struct {
	b      []byte
	at     int
	fields []int // how many each class has that has been defined
	values int   // that have been passed over
}

func (r *reader) reset(b []byte) { *r = reader{b: b, fields: r.fields[:0]} }

func (r *reader) next() (tag byte, ok bool) {
	if r.at == len(r.b) {
		return 0, false
	}
	r.at++
	return r.b[r.at-1], true
}

func (r *reader) skip(n int) bool {
	if n < 0 || n > len(r.b)-r.at {
		return false
	}
	r.at += n
	return true
}

// isText says whether a string begins with a tag, and with which length its first part; a longer head than the tag is read.
func (r *reader) isText(tag byte) (units int, last, ok bool) {
	switch {
	case tag <= 0x1f:
		return int(tag), true, true
	case tag >= 0x30 && tag <= 0x33:
		low, ok := r.next()
		return int(tag-0x30)<<8 | int(low), true, ok
	case (tag == textChunk || tag == textLast) && r.skip(2):
		return int(binary.BigEndian.Uint16(r.b[r.at-2:])), tag == textLast, true
	}
	return 0, false, false
}

// characters passes over so many units of UTF-16, of which each is written by itself as in UTF-8. plain says whether all were of ASCII.
func (r *reader) characters(units int) (plain, ok bool) {
	plain = true
	for range units {
		if r.at == len(r.b) {
			return false, false
		}
		size := 1
		switch c := r.b[r.at]; {
		case c < 0x80:
		case c&0xe0 == 0xc0:
			size, plain = 2, false
		case c&0xf0 == 0xe0:
			size, plain = 3, false
		default:
			return false, false
		}
		if !r.skip(size) {
			return false, false
		}
	}
	return plain, true
}

// skipText passes over a string behind its tag.
func (r *reader) skipText(tag byte) bool {
	for {
		units, last, ok := r.isText(tag)
		if !ok {
			return false
		}
		if _, ok := r.characters(units); !ok || last {
			return ok
		}
		if tag, ok = r.next(); !ok {
			return false
		}
	}
}

// text reads a string behind its tag: as it stands there, or, in parts or with other characters than ASCII, anew.
func (r *reader) text(tag byte) (s []byte, ok bool) {
	first := r.at
	units, last, ok := r.isText(tag)
	if !ok {
		return nil, false
	}
	from := r.at
	plain, ok := r.characters(units)
	switch {
	case !ok:
		return nil, false
	case plain && last:
		return r.b[from:r.at:r.at], true
	}
	r.at = first
	return r.spelled(tag)
}

// spelled is text of what does not stand there as it is. Java takes no note of a character that has more bytes than it needs.
func (r *reader) spelled(tag byte) (s []byte, ok bool) {
	var all []uint16
	for {
		units, last, ok := r.isText(tag)
		if !ok {
			return nil, false
		}
		from := r.at
		if _, ok := r.characters(units); !ok {
			return nil, false
		}
		for p := r.b[from:r.at]; len(p) > 0; {
			switch c := uint16(p[0]); {
			case c < 0x80:
				all, p = append(all, c), p[1:]
			case c < 0xe0:
				all, p = append(all, c&0x1f<<6|uint16(p[1]&0x3f)), p[2:]
			default:
				all, p = append(all, c<<12|uint16(p[1]&0x3f)<<6|uint16(p[2]&0x3f)), p[3:]
			}
		}
		if last {
			break
		}
		if tag, ok = r.next(); !ok {
			return nil, false
		}
	}
	s = []byte{}
	for _, c := range utf16.Decode(all) {
		s = utf8.AppendRune(s, c)
	}
	return s, true
}

// number reads what may be an int or a long, behind its tag.
func (r *reader) number(tag byte) (n int64, isInt, ok bool) {
	from := r.at
	switch {
	case tag >= 0x80 && tag <= 0xbf:
		return int64(tag) - 0x90, true, true
	case tag >= 0xc0 && tag <= 0xcf:
		ok = r.skip(1)
		n = int64(tag) - 0xc8
	case tag >= 0xd0 && tag <= 0xd7:
		ok = r.skip(2)
		n = int64(tag) - 0xd4
	case tag >= 0xd8 && tag <= 0xef:
		return int64(tag) - 0xe0, false, true
	case tag >= 0xf0:
		ok = r.skip(1)
		n = int64(tag) - 0xf8
	case tag >= 0x38 && tag <= 0x3f:
		ok = r.skip(2)
		n = int64(tag) - 0x3c
	case tag == int32Tag, tag == long32:
		if ok = r.skip(4); ok {
			return int64(int32(binary.BigEndian.Uint32(r.b[from:]))), tag == int32Tag, true
		}
	case tag == int64Tag:
		if ok = r.skip(8); ok {
			return int64(binary.BigEndian.Uint64(r.b[from:])), false, true
		}
	}
	if !ok {
		return 0, false, false
	}
	for _, c := range r.b[from:r.at] {
		n = n<<8 | int64(c)
	}
	return n, tag >= 0xc0 && tag <= 0xd7, true
}

// count reads an int that is a length, or which of what came before.
func (r *reader) count() (n int, ok bool) {
	tag, ok := r.next()
	if !ok {
		return 0, false
	}
	v, isInt, ok := r.number(tag)
	return int(v), ok && isInt && v >= 0
}

// kind passes over the name of a list's or a map's class, or which of those before it is.
func (r *reader) kind() bool {
	tag, ok := r.next()
	if !ok {
		return false
	}
	if _, isInt, ok := r.number(tag); ok {
		return isInt
	}
	return r.skipText(tag)
}

// define reads what a class has.
func (r *reader) define() bool {
	tag, ok := r.next()
	if !ok || !r.skipText(tag) {
		return false
	}
	n, ok := r.count()
	if !ok || len(r.fields) == maxClass {
		return false
	}
	for range n {
		if tag, ok := r.next(); !ok || !r.skipText(tag) {
			return false
		}
	}
	r.fields = append(r.fields, n)
	return true
}

// value passes over one, which may have depth levels of others within.
func (r *reader) value(depth int) bool {
	tag, ok := r.next()
	for ok && tag == class {
		if !r.define() {
			return false
		}
		tag, ok = r.next()
	}
	if !ok || depth == 0 || r.values >= maxValues {
		return false
	}
	r.values++
	switch {
	case tag <= 0x1f, tag >= 0x30 && tag <= 0x33, tag == textChunk, tag == textLast:
		return r.skipText(tag)
	case tag >= 0x20 && tag <= 0x2f, tag >= 0x34 && tag <= 0x37, tag == binaryChunk, tag == binaryLast:
		return r.skipBinary(tag)
	case tag >= 0x60 && tag <= 0x6f:
		return r.object(int(tag-0x60), depth)
	case tag >= 0x70 && tag <= 0x77:
		return r.kind() && r.several(int(tag-0x70), depth)
	case tag >= 0x78 && tag <= 0x7f:
		return r.several(int(tag-0x78), depth)
	}
	switch tag {
	case null, isTrue, isFalse, double0, double1:
		return true
	case double8:
		return r.skip(1)
	case double16:
		return r.skip(2)
	case doubleMill, dateMinutes:
		return r.skip(4)
	case double, dateMillis:
		return r.skip(8)
	case reference:
		_, ok := r.count()
		return ok
	case object:
		n, ok := r.count()
		return ok && r.object(n, depth)
	case arrayTyped, array:
		if tag == arrayTyped && !r.kind() {
			return false
		}
		n, ok := r.count()
		return ok && r.several(n, depth)
	case listTyped, mapTyped:
		return r.kind() && r.toEnd(depth)
	case listUntyped, mapUntyped:
		return r.toEnd(depth)
	}
	_, _, ok = r.number(tag)
	return ok
}

func (r *reader) object(class, depth int) bool {
	return class < len(r.fields) && r.several(r.fields[class], depth)
}

func (r *reader) several(n, depth int) bool {
	for range n {
		if !r.value(depth - 1) {
			return false
		}
	}
	return true
}

func (r *reader) isEnd() bool { return r.at < len(r.b) && r.b[r.at] == end }

func (r *reader) toEnd(depth int) bool {
	for !r.isEnd() {
		if !r.value(depth - 1) {
			return false
		}
	}
	return r.skip(1)
}

func (r *reader) skipBinary(tag byte) bool {
	for {
		switch {
		case tag >= 0x20 && tag <= 0x2f:
			return r.skip(int(tag - 0x20))
		case tag >= 0x34 && tag <= 0x37:
			low, ok := r.next()
			return ok && r.skip(int(tag-0x34)<<8|int(low))
		case tag != binaryChunk && tag != binaryLast || !r.skip(2):
			return false
		}
		if !r.skip(int(binary.BigEndian.Uint16(r.b[r.at-2:]))) {
			return false
		}
		if tag == binaryLast {
			return true
		}
		var ok bool
		if tag, ok = r.next(); !ok {
			return false
		}
	}
}

// longestPart is how many units of a string Java writes in one part.
const longestPart = 0x8000

// appendString writes a string.
func appendString(out []byte, s string) []byte {
	if len(s) <= longestPart && isASCII(s) {
		return append(appendLength(out, len(s)), s...)
	}
	units := utf16.Encode([]rune(s))
	for len(units) > longestPart {
		part := longestPart
		if utf16.IsSurrogate(rune(units[part-1])) && units[part-1] < 0xdc00 { // the other half is behind it
			part--
		}
		out = appendUnits(append(out, textChunk, byte(part>>8), byte(part)), units[:part])
		units = units[part:]
	}
	return appendUnits(appendLength(out, len(units)), units)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// appendLength begins the last part of a string.
func appendLength(out []byte, n int) []byte {
	switch {
	case n <= 0x1f:
		return append(out, byte(n))
	case n <= 0x3ff:
		return append(out, 0x30+byte(n>>8), byte(n))
	}
	return append(out, textLast, byte(n>>8), byte(n))
}

func appendUnits(out []byte, units []uint16) []byte {
	for _, c := range units {
		switch {
		case c < 0x80:
			out = append(out, byte(c))
		case c < 0x800:
			out = append(out, 0xc0|byte(c>>6), 0x80|byte(c&0x3f))
		default:
			out = append(out, 0xe0|byte(c>>12), 0x80|byte(c>>6&0x3f), 0x80|byte(c&0x3f))
		}
	}
	return out
}

// appendInt writes an int, as short as it can be.
func appendInt(out []byte, v int32) []byte {
	switch {
	case v >= -0x10 && v <= 0x2f:
		return append(out, byte(0x90+v))
	case v >= -0x800 && v <= 0x7ff:
		return append(out, byte(0xc8+v>>8), byte(v))
	case v >= -0x40000 && v <= 0x3ffff:
		return append(out, byte(0xd4+v>>16), byte(v>>8), byte(v))
	}
	return binary.BigEndian.AppendUint32(append(out, int32Tag), uint32(v))
}
