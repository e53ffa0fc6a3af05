// Package http1 reads what HTTP/1.0 and HTTP/1.1 put on a connection: heads, and where a body ends. It is strict where
// leniency lets one message be taken for two (RFC 9112, sections 2.2, 5.1, 6.3 and 11.2), and decodes no body: what is between
// two heads is passed on as it came. It knows of no route and no server. Level: sidecar/rpc.
package http1

import (
	"bytes"
	"fmt"
	"net/http"
)

// Error is what is wrong with a message, and the status by which a client is told.
type Error struct {
	Status int
	Why    string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%d %s: %s", e.Status, http.StatusText(e.Status), e.Why)
}

func bad(format string, args ...any) error {
	return &Error{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// Field is a line of a head. Both parts are slices of the head's own bytes.
type Field struct{ Name, Value []byte }

// Is says whether that is the field's name, which is given in lower case.
func (f *Field) Is(name string) bool { return len(f.Name) == len(name) && equalFold(f.Name, name) }

// Head is what requests and responses have in common. It is valid as long as the bytes it was parsed of.
type Head struct {
	Minor  int // of HTTP/1.x: 0 or 1
	Fields []Field
}

// fewFields are as many as a head keeps room for that nothing is read into for a while.
const fewFields = 32

// Forget has the head hold nothing of the bytes that it was parsed of.
func (h *Head) Forget() {
	if cap(h.Fields) > fewFields {
		h.Fields = nil
	}
	h.Fields = h.Fields[:cap(h.Fields)]
	clear(h.Fields)
	h.Fields = h.Fields[:0]
}

// Get is the first value of a field, whose name is given in lower case; nil where there is none.
func (h *Head) Get(name string) []byte {
	for i := range h.Fields {
		if h.Fields[i].Is(name) {
			return h.Fields[i].Value
		}
	}
	return nil
}

// Has says whether a field of a list (Connection, say) has a token, which is given in lower case.
func (h *Head) Has(name, token string) bool {
	for i := range h.Fields {
		if !h.Fields[i].Is(name) {
			continue
		}
		for rest, more := h.Fields[i].Value, true; more; {
			var item []byte
			item, rest, more = bytes.Cut(rest, comma)
			if equalFold(trim(item), token) {
				return true
			}
		}
	}
	return false
}

// KeepsAlive says whether the sender goes on with the connection after this message.
func (h *Head) KeepsAlive() bool {
	if h.Has("connection", "close") {
		return false
	}
	return h.Minor == 1 || h.Has("connection", "keep-alive")
}

var comma = []byte{','}

func trim(p []byte) []byte {
	for len(p) > 0 && (p[0] == ' ' || p[0] == '\t') {
		p = p[1:]
	}
	for len(p) > 0 && (p[len(p)-1] == ' ' || p[len(p)-1] == '\t') {
		p = p[:len(p)-1]
	}
	return p
}

// equalFold compares with a text in lower case, without an eye on other letters than ASCII's.
func equalFold(p []byte, lower string) bool {
	if len(p) != len(lower) {
		return false
	}
	for i, c := range p {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
