package xprotocol

import "github.com/heddle-mesh/heddle/sidecar/rpc/mux"

// Keys are the names of Metadata.
func (p *Protocol) Keys() *Metadata { return &p.rule.Metadata }

// Service is what is called where no metadata says it.
func (p *Protocol) Service() string {
	if p.rule.Service != "" {
		return p.rule.Service
	}
	return p.Name
}

// Tells says whether requests say something under names.
func (p *Protocol) Tells() bool { return p.part >= 0 }

// AppendPairs appends what a request says under names. The error is that this cannot be read.
func (p *Protocol) AppendPairs(pairs []mux.Pair, f []byte) ([]mux.Pair, error) {
	if !p.Tells() {
		return pairs, nil
	}
	l, _, err := p.measure(&p.request, f, len(f))
	if err != nil {
		return pairs, err
	}
	from := l.start
	for _, n := range l.sizes[:p.part] {
		from += n
	}
	text := f[from : from+l.sizes[p.part]]
	m := &p.rule.Metadata
	count := uint64(len(text)) // more than there can be
	if m.Count > 0 && len(text) > 0 {
		var ok bool
		if count, text, ok = p.number(text, m.Count); !ok {
			return pairs, bad("the metadata is cut")
		}
	}
	for n := uint64(0); n < count; n++ {
		if len(text) == 0 && m.Count == 0 {
			break
		}
		var pair mux.Pair
		var ok bool
		if pair.Key, text, ok = p.text(text, m.Key); !ok {
			return pairs, bad("the metadata is cut")
		}
		if pair.Value, text, ok = p.text(text, m.Value); !ok {
			return pairs, bad("the metadata is cut")
		}
		pairs = append(pairs, pair)
	}
	if len(text) > 0 {
		return pairs, bad("the metadata goes on behind its end")
	}
	return pairs, nil
}

// number takes one from the front, of so many bytes, or of variable length.
func (p *Protocol) number(b []byte, width int) (n uint64, rest []byte, ok bool) {
	if p.pairs != fixed {
		n, size, err := p.pairs.take(b)
		return n, b[size:], err == nil && size > 0
	}
	if len(b) < width {
		return 0, nil, false
	}
	return p.get(b, Field{0, width}), b[width:], true
}

// text takes one from the front, which is behind its length.
func (p *Protocol) text(b []byte, width int) (s, rest []byte, ok bool) {
	n, b, ok := p.number(b, width)
	if !ok || n > uint64(len(b)) {
		return nil, nil, false
	}
	return b[:n:n], b[n:], true
}

// Writing is metadata that is being written.
type Writing struct {
	p     *Protocol
	out   []byte // behind the number of pairs
	pairs uint64
	err   error
}

// Write begins metadata, in room.
func (p *Protocol) Write(room []byte) Writing { return Writing{p: p, out: room[:0]} }

// Add writes a pair.
func (w *Writing) Add(key, value []byte) {
	m := &w.p.rule.Metadata
	w.pairs++
	w.text(key, m.Key)
	w.text(value, m.Value)
}

func (w *Writing) text(s []byte, width int) {
	if w.p.pairs == fixed && uint64(len(s)) > most(width) {
		w.err = bad("%d bytes are longer than metadata can have", len(s))
	}
	w.out = append(w.p.appendNumber(w.out, uint64(len(s)), width), s...)
}

// appendNumber writes one, of so many bytes, or of variable length.
func (p *Protocol) appendNumber(out []byte, n uint64, width int) []byte {
	if p.pairs != fixed {
		return p.pairs.append(out, n)
	}
	at := len(out)
	out = append(out, zeros[:width]...)
	p.put(out[at:], Field{0, width}, n)
	return out
}

// Room is what has been written, to be used again.
func (w *Writing) Room() []byte { return w.out }

// AppendTo writes a request's frame with this metadata in place of its own. The error is that it is longer than can be told.
func (w *Writing) AppendTo(out, f []byte) ([]byte, error) {
	p, m := w.p, &w.p.rule.Metadata
	var room [longestVarint]byte
	count := room[:0]
	switch {
	case w.err != nil:
		return out, w.err
	case m.Count == 0:
	case p.pairs == fixed && w.pairs > most(m.Count):
		return out, bad("there are more pairs than metadata can have")
	default:
		count = p.appendNumber(count, w.pairs, m.Count)
	}
	l, _, err := p.measure(&p.request, f, len(f))
	if err != nil {
		return out, err
	}
	at := l.start
	for _, n := range l.sizes[:p.part] {
		at += n
	}
	behind := f[at+l.sizes[p.part]:]
	for i := len(p.rule.Parts); i < maxParts; i++ {
		l.sizes[i] = 0
	}
	l.sizes[p.part] = len(count) + len(w.out)
	from := len(out)
	if out, err = p.tell(&p.request, append(out, f[:p.request.head]...), from, l.sizes); err != nil {
		return out, err
	}
	out = append(append(append(out, f[l.start:at]...), count...), w.out...)
	return append(out, behind...), nil
}
