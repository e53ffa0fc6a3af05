package wire

// Attr is a connection attribute: what a client tells of itself.
type Attr struct{ Name, Value string }

// maxAttrs is how many bytes of connection attributes are taken from a client; servers cut them at this length too.
// Source: MySQL "Connection Attributes": the aggregate size limit is 64 KB.
const maxAttrs = 64 << 10

func appendAttrs(b []byte, attrs []Attr) []byte {
	n := 0
	for _, a := range attrs {
		n += lenencSize(len(a.Name)) + len(a.Name) + lenencSize(len(a.Value)) + len(a.Value)
	}
	b = AppendLenenc(b, uint64(n))
	for _, a := range attrs {
		b = AppendLenencString(AppendLenencString(b, a.Name), a.Value)
	}
	return b
}

func parseAttrs(c *cursor) []Attr {
	block := c.lenencBytes()
	if c.bad || len(block) > maxAttrs {
		return nil // too much of it is dropped, as servers do, not refused
	}
	in := cursor{p: block}
	var attrs []Attr
	for !in.empty() {
		a := Attr{Name: string(in.lenencBytes()), Value: string(in.lenencBytes())}
		if in.bad {
			c.fail()
			return nil
		}
		attrs = append(attrs, a)
	}
	return attrs
}

func lenencSize(n int) int {
	switch {
	case n < 0xfb:
		return 1
	case n < 1<<16:
		return 3
	case n < 1<<24:
		return 4
	}
	return 9
}
