package xprotocol

import (
	"bytes"
	"net/http"
	"slices"
	"time"
)

// FrameKind is what a frame is.
type FrameKind int

// The kinds.
const (
	Request FrameKind = iota
	Oneway
	Answer
	Heartbeat
	HeartbeatAnswer
	Parting
)

// Begins says whether a frame begins with b, or could, once more of it has come.
func (p *Protocol) Begins(b []byte) (is, may bool) {
	m := p.starts
	if len(b) >= len(m) {
		is = bytes.HasPrefix(b, m)
		return is, is
	}
	return false, bytes.HasPrefix(m, b)
}

// MayCollide says whether what begins a frame of one may begin a frame of the other.
func (p *Protocol) MayCollide(magic []byte) bool {
	return bytes.HasPrefix(p.starts, magic) || bytes.HasPrefix(magic, p.starts)
}

// Magic is what frames begin with.
func (p *Protocol) Magic() []byte { return p.starts }

func (p *Protocol) get(b []byte, f Field) (v uint64) {
	for i := range f.Width {
		at := i
		if p.little {
			at = f.Width - 1 - i
		}
		v = v<<8 | uint64(b[f.At+at])
	}
	return v
}

func (p *Protocol) put(b []byte, f Field, v uint64) {
	for i := range f.Width {
		at := f.Width - 1 - i
		if p.little {
			at = i
		}
		b[f.At+at] = byte(v)
		v >>= 8
	}
}

// Split takes a frame of at most limit bytes from the front of b, and says how long it is, as far as that is known; it is nil while it is not whole. The
// error is an *Error: nothing behind it can be read either.
func (p *Protocol) Split(b []byte, limit int) (f []byte, size int, err error) {
	f, m, l, err := p.cut(b, limit)
	if f != nil {
		if err := p.verify(l, f, &m); err != nil {
			return nil, 0, err
		}
	}
	return f, m.size, err
}

// cut is Split that looks at no checksums. m is what is known.
func (p *Protocol) cut(b []byte, limit int) (f []byte, m measured, l *layout, err error) {
	s := p.starts
	if n := min(len(b), len(s)); !bytes.Equal(b[:n], s[:n]) {
		return nil, m, nil, bad("what begins with % x is no frame of %s", b[:n], p.Name)
	}
	if m.size = p.decisive; len(b) < m.size {
		return nil, m, nil, nil
	}
	if l, err = p.laid(b); err != nil {
		return nil, measured{}, nil, err
	}
	if m.size = l.head; len(b) < m.size {
		return nil, m, l, nil
	}
	m, whole, err := p.measure(l, b, limit)
	if err != nil || !whole || len(b) < m.size {
		return nil, m, l, err
	}
	return b[:m.size:m.size], m, l, nil
}

// laid is the layout of a frame whose kind has come.
func (p *Protocol) laid(b []byte) (*layout, error) {
	kind, ok := p.kindOf(b)
	switch {
	case !ok:
		return nil, bad("a frame of kind %#x is none of %s", p.get(b, Field{p.rule.Kind.At, p.rule.Kind.Width})&p.kindMask, p.Name)
	case kind == Answer || kind == HeartbeatAnswer:
		return &p.answer, nil
	}
	return &p.request, nil
}

func (p *Protocol) kindOf(b []byte) (FrameKind, bool) {
	v := p.get(b, Field{p.rule.Kind.At, p.rule.Kind.Width}) & p.kindMask
	for i := range p.kinds {
		if p.kinds[i].value == v {
			return p.kinds[i].kind, true
		}
	}
	return 0, false
}

// Kind is a frame's.
func (p *Protocol) Kind(f []byte) FrameKind {
	kind, _ := p.kindOf(f) // Split has seen that it is one
	return kind
}

// measured is how long a frame is.
type measured struct {
	start int // of its parts
	sizes [maxParts]int
	size  int
}

// measure finds how long the parts behind a head are, and the frame. known is false while not all numbers of variable length have come: size is what has to,
// at least.
func (p *Protocol) measure(l *layout, b []byte, limit int) (m measured, known bool, err error) {
	var values [maxParts + 1]uint64
	m.start = l.head
	for i := range l.lengths {
		n := &l.lengths[i]
		if n.varint == fixed {
			values[i] = p.get(b, n.field)
		} else {
			v, size, err := n.varint.take(b[m.start:])
			if err != nil {
				return measured{}, false, err
			}
			if size == 0 {
				return measured{size: len(b) + 1}, false, nil
			}
			values[i] = v
			m.start += size
		}
		if values[i] > uint64(limit)+maxHead {
			return measured{}, false, bad("a length of %d bytes is longer than may be", values[i])
		}
	}
	if err := m.parts(l, values[:len(l.lengths)], len(p.rule.Parts)); err != nil {
		return measured{}, false, err
	}
	if m.size > limit {
		return measured{}, false, bad("a frame of %d bytes is longer than may be", m.size)
	}
	return m, true, nil
}

// parts finds how long each of so many parts is, by what the lengths say.
func (m *measured) parts(l *layout, values []uint64, parts int) error {
	all, known, told := int64(-1), int64(0), 0
	for i := range m.sizes {
		m.sizes[i] = -1
	}
	for i, v := range values {
		n := &l.lengths[i]
		bytes := int64(v) - n.adds
		switch n.of {
		case ofFrame:
			bytes -= int64(m.start + l.tail)
		case ofRest:
			bytes -= int64(l.tail)
		}
		switch {
		case bytes < 0:
			return bad("a length of %d is less than what it is of has at least", v)
		case n.of >= 0:
			m.sizes[n.of] = int(bytes)
			known += bytes
			told++
		default:
			all = bytes
		}
	}
	if all < 0 {
		all = known
	}
	if all < known || told == parts && all != known {
		return bad("a frame's parts are not as long as it is")
	}
	for i := range parts {
		if m.sizes[i] < 0 {
			m.sizes[i] = int(all - known)
		}
	}
	m.size = m.start + int(all) + l.tail
	return nil
}

// tell has the head with which a frame ends, at from, say how long the parts behind it are, and writes the numbers of variable length behind it. The error is
// that it cannot.
func (p *Protocol) tell(l *layout, out []byte, from int, sizes [maxParts]int) ([]byte, error) {
	all := l.tail
	for _, n := range sizes {
		all += n
	}
	var values [maxParts + 1]uint64
	least := l.head
	for i := range l.lengths {
		if l.lengths[i].varint != fixed {
			least++ // it has a byte at least
		}
	}
	for start, before := least, -1; start != before; { // the length of a frame may be of variable length too
		before = start
		start = l.head
		for i := range l.lengths {
			n := &l.lengths[i]
			v := int64(all)
			switch n.of {
			case ofFrame:
				v += int64(before)
			case ofRest:
			default:
				v = int64(sizes[n.of])
			}
			if v += n.adds; v < 0 || n.varint == fixed && uint64(v) > most(n.field.Width) {
				return out, bad("%d bytes do not fit into a length of %d", v, n.field.Width)
			}
			if values[i] = uint64(v); n.varint != fixed {
				start += n.varint.size(values[i])
			}
		}
	}
	for i := range l.lengths {
		if n := &l.lengths[i]; n.varint == fixed {
			p.put(out[from:], n.field, values[i])
		} else {
			out = n.varint.append(out, values[i])
		}
	}
	return out, nil
}

// ID tells requests of a connection apart that are under way; an answer has its request's.
func (p *Protocol) ID(f []byte) uint64 { return p.get(f, p.rule.ID) }

// SetID gives a frame another. Its checksums are right when Seal has made them so, as after every change.
func (p *Protocol) SetID(f []byte, id uint64) { p.put(f, p.rule.ID, id) }

// longest is as long as any caller waits.
const longest = 365 * 24 * time.Hour

// Deadline is how long the caller of a request waits; 0: its head does not say.
func (p *Protocol) Deadline(f []byte) time.Duration {
	d := &p.rule.Deadline
	if d.Width == 0 {
		return 0
	}
	v := p.get(f, Field{d.At, d.Width})
	if v == most(d.Width) {
		return 0
	}
	unit := units[d.Unit]
	return time.Duration(min(v, uint64(longest/unit))) * unit
}

// SetDeadline has a request's head say so, if it can: at least one unit, and no more than there is.
func (p *Protocol) SetDeadline(f []byte, left time.Duration) {
	d := &p.rule.Deadline
	if d.Width == 0 {
		return
	}
	v := uint64(max(left/units[d.Unit], 1))
	p.put(f, Field{d.At, d.Width}, min(v, most(d.Width)-1))
}

// Counts is the status of HTTP as which an answer is counted.
func (p *Protocol) Counts(f []byte) int {
	s := &p.rule.Status
	if s.Width == 0 {
		return http.StatusOK
	}
	v := p.get(f, Field{s.At, s.Width})
	if slices.Contains(s.OK, v) {
		return http.StatusOK
	}
	if status := s.Count[v]; status != 0 {
		return status
	}
	return http.StatusInternalServerError
}

// Unexecuted says whether an answer is that nothing of its request has been done.
func (p *Protocol) Unexecuted(f []byte) bool {
	s := &p.rule.Status
	return s.Width > 0 && slices.Contains(s.Unexecuted, p.get(f, Field{s.At, s.Width}))
}

// AppendFailure answers the request of that number that there is no answer, for what is a status of HTTP.
func (p *Protocol) AppendFailure(out []byte, id uint64, status int) []byte {
	from, s := len(out), &p.rule.Status
	out = append(out, p.fails...)
	p.SetID(out[from:], id)
	if s.Width > 0 {
		v, ok := s.Tell[status]
		if !ok {
			v = s.Failed
		}
		p.put(out[from:], Field{s.At, s.Width}, v)
	}
	p.Seal(out[from:])
	return out
}

// Beats says whether there are heartbeats.
func (p *Protocol) Beats() bool { return p.asks != nil }

// AppendHeartbeat writes a question of whether the other end is there; nothing where the protocol has none.
func (p *Protocol) AppendHeartbeat(out []byte, id uint64) []byte { return p.numbered(out, p.asks, id) }

// AppendBeat writes the answer to a heartbeat of that number.
func (p *Protocol) AppendBeat(out []byte, id uint64) []byte { return p.numbered(out, p.is, id) }

// AppendParting tells the other end that no more calls are taken; nothing where that is not said how.
func (p *Protocol) AppendParting(out []byte) []byte { return append(out, p.parting...) }

func (p *Protocol) numbered(out, f []byte, id uint64) []byte {
	if f == nil {
		return out
	}
	from := len(out)
	out = append(out, f...)
	p.SetID(out[from:], id)
	p.Seal(out[from:])
	return out
}

// IsBeat says whether a frame answers the heartbeat of that number; the error is that it answers it with a failure, or is no answer.
func (p *Protocol) IsBeat(f []byte, id uint64) (bool, error) {
	switch kind := p.Kind(f); {
	case kind == Parting:
		return false, bad("the server takes no more calls")
	case kind == Request || kind == Oneway || kind == Heartbeat: // the server has something to say of its own
		return false, nil
	case len(p.rule.Kind.HeartbeatAnswer) > 0 && kind != HeartbeatAnswer, p.ID(f) != id:
		return false, bad("what answers a heartbeat is none")
	}
	if status := p.Counts(f); status != http.StatusOK {
		return false, bad("a heartbeat is answered with a status that counts as %d", status)
	}
	return true, nil
}
