package http1

import (
	"net/http"
	"strconv"
)

// Kind is how a body's end is known.
type Kind uint8

const (
	Empty      Kind = iota // there is none
	Sized                  // so many bytes
	Chunked                // chunks, the last of which is empty
	UntilClose             // whatever comes before the connection's end: responses only
)

// Body follows a body, whose bytes it is shown in order. The zero value is no body.
type Body struct {
	Kind   Kind
	Forbid func(name []byte) bool // trailers that nobody may send; nil: none
	// Tap is shown the content once more, which is the caller's, and told its end; nil: nobody wants that.
	Tap func(content []byte, end bool)

	name  []byte // of the trailer, as far as it has come
	left  uint64 // of the body, or of the chunk
	state chunkState
	line  int // bytes of the line or of the trailers so far
}

// Body is how the request's body ends. The error is an *Error.
func (q *Request) Body() (Body, error) {
	b, err := q.framing()
	if err == nil && b.Kind == UntilClose {
		return Body{}, nil // a request without a length has no body
	}
	return b, err
}

// Body is how the response's body ends, which depends on the request's method. The error is an *Error.
func (r *Response) Body(method []byte) (Body, error) {
	if string(method) == http.MethodHead || r.Status < 200 || r.Status == http.StatusNoContent || r.Status == http.StatusNotModified {
		return Body{}, nil
	}
	return r.framing()
}

func (h *Head) framing() (Body, error) {
	length, sized, chunked := uint64(0), false, false
	for i := range h.Fields {
		f := &h.Fields[i]
		switch {
		case f.Is("content-length"):
			n, err := strconv.ParseUint(string(f.Value), 10, 63)
			if err != nil || !digit(f.Value[0]) {
				return Body{}, bad("the length %q is no number", f.Value)
			}
			if sized && n != length {
				return Body{}, bad("there are two lengths, %d and %d", length, n)
			}
			length, sized = n, true
		case f.Is("transfer-encoding"):
			if chunked || !equalFold(f.Value, "chunked") {
				return Body{}, &Error{http.StatusNotImplemented, "the only transfer coding spoken here is chunked, once"}
			}
			chunked = true
		}
	}
	switch {
	case chunked && sized:
		return Body{}, bad("there are a length and chunks")
	case chunked && h.Minor == 0:
		return Body{}, bad("HTTP/1.0 has no chunks")
	case chunked:
		return Body{Kind: Chunked}, nil
	case sized && length == 0:
		return Body{}, nil
	case sized:
		return Body{Kind: Sized, left: length}, nil
	default:
		return Body{Kind: UntilClose}, nil
	}
}

type chunkState uint8

const (
	size      chunkState = iota // the digits of a chunk's size; a line's first byte has to be one
	extension                   // what may follow it on its line
	sizeLF
	data
	dataCR
	dataLF
	trailer // at the start of a line behind the last chunk
	trailerLine
	trailerLF
	lastLF
	over
)

// maxLine is how long the line of a chunk's size, or all trailers together, may be.
const maxLine = 4096

// Next says how many of the bytes in p, at least one while the body goes on, are the body's: n of one sort, content or what
// is around chunks, and whether the body ends with them. What follows n in p is to be shown again.
func (b *Body) Next(p []byte) (n int, content, done bool, err error) {
	n, content, done, err = b.next(p)
	if b.Tap != nil && err == nil && (content || done) {
		if !content {
			p = nil
		} else {
			p = p[:n]
		}
		b.Tap(p, done)
	}
	return n, content, done, err
}

func (b *Body) next(p []byte) (n int, content, done bool, err error) {
	switch b.Kind {
	case Sized:
		n = int(min(uint64(len(p)), b.left))
		b.left -= uint64(n)
		return n, true, b.left == 0, nil
	case UntilClose:
		return len(p), true, false, nil
	case Chunked:
		if b.state == data {
			n = int(min(uint64(len(p)), b.left))
			if b.left -= uint64(n); b.left == 0 {
				b.state = dataCR
			}
			return n, true, false, nil
		}
		for n < len(p) && b.state != data && b.state != over {
			if err := b.frame(p[n]); err != nil {
				return n, false, false, err
			}
			n++
		}
		return n, false, b.state == over, nil
	default:
		return 0, false, true, nil
	}
}

// frame takes a byte that is around chunks.
func (b *Body) frame(c byte) error {
	if b.line++; b.line > maxLine {
		return &Error{http.StatusRequestHeaderFieldsTooLarge, "a chunk's line, or what follows the last, is too long"}
	}
	switch b.state {
	case size:
		return b.size(c)
	case extension:
		if c == '\r' {
			b.state = sizeLF
		} else if c < ' ' && c != '\t' || c == 0x7f {
			return bad("a chunk's extension has a control character")
		}
	case sizeLF:
		b.line = 0
		if b.left == 0 {
			return b.expect(c, '\n', trailer)
		}
		return b.expect(c, '\n', data)
	case dataCR:
		return b.expect(c, '\r', dataLF)
	case dataLF:
		b.line = 0
		return b.expect(c, '\n', size)
	case trailer:
		if c == '\r' {
			b.state = lastLF
		} else if !tokens[c] {
			return bad("what follows the last chunk is no field")
		} else {
			b.state, b.name = trailerLine, append(b.name[:0], c)
		}
	case trailerLine:
		if b.name != nil && c == ':' {
			if b.Forbid != nil && b.Forbid(b.name) {
				return bad("the field %s does not stand behind a body", b.name)
			}
			b.name = nil
		} else if b.name != nil {
			b.name = append(b.name, c)
		}
		if c == '\r' {
			b.state = trailerLF
		} else if c < ' ' && c != '\t' || c == 0x7f {
			return bad("a trailer has a control character")
		}
	case trailerLF:
		return b.expect(c, '\n', trailer)
	case lastLF:
		return b.expect(c, '\n', over)
	}
	return nil
}

// size takes a byte of the line that says how long the chunk is. b.line counts from 1 there.
func (b *Body) size(c byte) error {
	if v, ok := hex(c); ok {
		if b.line > 15 { // more than any body has
			return bad("a chunk's size is too large")
		}
		b.left = b.left<<4 | uint64(v)
		return nil
	}
	switch {
	case b.line == 1:
		return bad("a chunk has no size")
	case c == '\r':
		b.state = sizeLF
	case c == ';' || c == ' ' || c == '\t':
		b.state = extension
	default:
		return bad("a chunk's size is no number")
	}
	return nil
}

func (b *Body) expect(c, want byte, next chunkState) error {
	if c != want {
		return bad("a chunk does not end where it has to")
	}
	b.state = next
	return nil
}

func hex(c byte) (byte, bool) {
	switch {
	case digit(c):
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// UntilEnd is a body of whatever comes before the connection's end.
func UntilEnd() Body { return Body{Kind: UntilClose} }
