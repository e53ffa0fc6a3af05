package http1

import (
	"bytes"
	"net/http"
)

// Request is the head of a request.
type Request struct {
	Method, Target []byte
	Head
}

// Response is the head of a response.
type Response struct {
	Status int
	Reason []byte
	Head
}

// MaxFields is how many lines a head may have.
const MaxFields = 200

// Parse reads a head, to the empty line at its end. The error is an *Error.
func (q *Request) Parse(head []byte) error {
	q.Fields = q.Fields[:0]
	line, rest, ok := cutLine(head)
	if !ok {
		return bad("the request line has no end")
	}
	method, line, ok := bytes.Cut(line, space)
	if !ok || !isToken(method) {
		return bad("the request line has no method")
	}
	target, version, ok := bytes.Cut(line, space)
	if !ok || len(target) == 0 {
		return bad("the request line has no target")
	}
	for _, c := range target {
		if c <= ' ' || c >= 0x7f {
			return bad("the target has a byte that is none of a URL's")
		}
	}
	q.Method, q.Target = method, target
	var err error
	if q.Minor, err = minor(version); err != nil {
		return err
	}
	return q.fields(rest)
}

// Parse reads a head, to the empty line at its end. The error is an *Error.
func (r *Response) Parse(head []byte) error {
	r.Fields = r.Fields[:0]
	line, rest, ok := cutLine(head)
	if !ok {
		return bad("the status line has no end")
	}
	version, line, _ := bytes.Cut(line, space)
	status, reason, _ := bytes.Cut(line, space)
	if len(status) != 3 || status[0] < '1' || status[0] > '9' || !digit(status[1]) || !digit(status[2]) {
		return bad("the status %q is no number of three digits", status)
	}
	for _, c := range reason {
		if c < ' ' && c != '\t' || c == 0x7f {
			return bad("the reason has a control character")
		}
	}
	r.Status = int(status[0]-'0')*100 + int(status[1]-'0')*10 + int(status[2]-'0')
	r.Reason = reason
	var err error
	if r.Minor, err = minor(version); err != nil {
		return err
	}
	return r.fields(rest)
}

// minor reads "HTTP/1.x". A later minor version is spoken as 1.1.
func minor(version []byte) (int, error) {
	const name = "HTTP/"
	if len(version) != len(name)+3 || string(version[:len(name)]) != name || version[len(name)+1] != '.' ||
		!digit(version[len(name)]) || !digit(version[len(name)+2]) {
		return 0, bad("the version is not HTTP's")
	}
	if version[len(name)] != '1' {
		return 0, &Error{http.StatusHTTPVersionNotSupported, "spoken here are HTTP/1.0 and HTTP/1.1"}
	}
	return min(int(version[len(name)+2]-'0'), 1), nil
}

// ParseFields reads the lines of trailers, to the empty one at their end. The error is an *Error.
func ParseFields(lines []byte) ([]Field, error) {
	var h Head
	err := h.fields(lines)
	return h.Fields, err
}

func (h *Head) fields(rest []byte) error {
	for {
		var line []byte
		var ok bool
		if line, rest, ok = cutLine(rest); !ok {
			return bad("the head has no end")
		}
		if len(line) == 0 {
			return nil
		}
		if len(h.Fields) == MaxFields {
			return &Error{http.StatusRequestHeaderFieldsTooLarge, "the head has too many fields"}
		}
		name, value, ok := bytes.Cut(line, colon)
		if !ok || !isToken(name) { // a space before the colon, or a line that goes on with the one before, is none
			return bad("a field's name is none")
		}
		value = trim(value)
		for _, c := range value {
			if c < ' ' && c != '\t' || c == 0x7f {
				return bad("the field %s has a control character", name)
			}
		}
		h.Fields = append(h.Fields, Field{name, value})
	}
}

var (
	space = []byte{' '}
	colon = []byte{':'}
)

// cutLine takes a line that ends with CR LF off. A CR or LF alone is part of it, and no part of a head may have one.
func cutLine(p []byte) (line, rest []byte, ok bool) {
	i := bytes.IndexByte(p, '\n')
	if i < 1 || p[i-1] != '\r' {
		return nil, p, false
	}
	return p[:i-1], p[i+1:], true
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

func isToken(p []byte) bool {
	for _, c := range p {
		if !tokens[c] {
			return false
		}
	}
	return len(p) > 0
}

// tokens are the characters of names (RFC 9110, section 5.6.2).
var tokens = func() (t [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		t[c] = true
	}
	return t
}()
