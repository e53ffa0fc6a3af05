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
	sizes, _, err := p.measure(&p.request, f, len(f))
	if err != nil {
		return pairs, err
	}
	from := p.request.head
	for _, n := range sizes[:p.part] {
		from += n
	}
	text := f[from : from+sizes[p.part]]
	m := &p.rule.Metadata
	count := uint64(len(text)) // more than there can be
	if m.Count > 0 && len(text) > 0 {
		if len(text) < m.Count {
			return pairs, bad("the metadata is cut")
		}
		count, text = p.get(text, Field{0, m.Count}), text[m.Count:]
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

// text takes one from the front, which is behind its length.
func (p *Protocol) text(b []byte, width int) (s, rest []byte, ok bool) {
	if len(b) < width {
		return nil, nil, false
	}
	n := p.get(b, Field{0, width})
	if b = b[width:]; n > uint64(len(b)) {
		return nil, nil, false
	}
	return b[:n:n], b[n:], true
}

// Writing is metadata that is being written.
type Writing struct {
	p     *Protocol
	out   []byte
	pairs uint64
	err   error
}

// Write begins metadata, in room.
func (p *Protocol) Write(room []byte) Writing {
	return Writing{p: p, out: append(room[:0], make([]byte, p.rule.Metadata.Count)...)}
}

// Add writes a pair.
func (w *Writing) Add(key, value []byte) {
	m := &w.p.rule.Metadata
	w.pairs++
	w.text(key, m.Key)
	w.text(value, m.Value)
}

func (w *Writing) text(s []byte, width int) {
	if uint64(len(s)) > most(width) {
		w.err = bad("%d bytes are longer than metadata can have", len(s))
	}
	at := len(w.out)
	w.out = append(append(w.out, make([]byte, width)...), s...)
	w.p.put(w.out[at:], Field{0, width}, uint64(len(s)))
}

// Room is what has been written, to be used again.
func (w *Writing) Room() []byte { return w.out }

// AppendTo writes a request's frame with this metadata in place of its own. The error is that it is longer than can be told.
func (w *Writing) AppendTo(out, f []byte) ([]byte, error) {
	p, m := w.p, &w.p.rule.Metadata
	if w.pairs > most(m.Count) && m.Count > 0 {
		return out, bad("there are more pairs than metadata can have")
	}
	if w.err != nil {
		return out, w.err
	}
	p.put(w.out, Field{0, m.Count}, w.pairs)
	sizes, _, err := p.measure(&p.request, f, len(f))
	if err != nil {
		return out, err
	}
	from, at := len(out), p.request.head
	for _, n := range sizes[:p.part] {
		at += n
	}
	behind := f[at+sizes[p.part]:]
	out = append(append(append(out, f[:at]...), w.out...), behind...)
	for i := len(p.rule.Parts); i < maxParts; i++ {
		sizes[i] = 0
	}
	sizes[p.part] = len(w.out)
	return out, p.tell(&p.request, out[from:], sizes)
}
