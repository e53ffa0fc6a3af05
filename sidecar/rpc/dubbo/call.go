package dubbo

import (
	"strconv"

	"github.com/heddle-mesh/heddle/sidecar/rpc/mux"
)

// Call is what a request says of itself. Its slices are the frame's, or its own until the next Read.
type Call struct {
	Path, Version, Method []byte // nil: null. Attachments come before the first two: see Target

	Known bool       // the arguments could be passed over, and Pairs are the attachments
	Pairs []mux.Pair // nil is a null, or something that is neither text, nor a whole number, nor a truth

	entries []entry // of Pairs
	digits  []byte  // of attachments that are numbers
	r       reader
	open    int // where entries begin in the body; where the null is
	none    bool
}

// entry is where an attachment stands in the body.
type entry struct {
	from, to int
	kind     kind
	dropped  bool
}

type kind byte

const (
	isOther kind = iota // something that others may refer to: it stays where it is
	isNull
	isString
	isInt
	isPlain // of one value that is nothing of these
)

// Read reads a request. The error is an *Error: it cannot be told what is called. Where Known is false afterwards the attachments cannot.
func (c *Call) Read(f Frame) error {
	c.Pairs, c.entries, c.digits, c.Known, c.none = c.Pairs[:0], c.entries[:0], c.digits[:0], false, false
	if s := f.Serialization(); s != Hessian2 {
		return bad("a request by serialization %d cannot be read: Hessian 2 is %d", s, Hessian2)
	}
	r := &c.r
	r.reset(f.Body())
	var version, types []byte
	for _, field := range []struct {
		name string
		to   *[]byte
	}{{"version of Dubbo", &version}, {"path", &c.Path}, {"version", &c.Version}, {"method", &c.Method}, {"types of the parameters", &types}} {
		*field.to = nil
		tag, ok := r.next()
		if ok && tag == null {
			continue
		}
		if ok {
			*field.to, ok = r.text(tag)
		}
		if !ok {
			return bad("the %s of a request cannot be read", field.name)
		}
	}
	c.Known = c.arguments(types) && c.attachments()
	if !c.Known {
		c.Pairs, c.entries = c.Pairs[:0], c.entries[:0]
	}
	return nil
}

// arguments passes over one for each of the types: of [ as many as there are dimensions, then a letter, or L to a semicolon.
func (c *Call) arguments(types []byte) bool {
	for len(types) > 0 {
		for len(types) > 1 && types[0] == '[' {
			types = types[1:]
		}
		switch types[0] {
		case 'V', 'Z', 'B', 'C', 'D', 'F', 'I', 'J', 'S':
			types = types[1:]
		case 'L':
			n := 1
			for n < len(types) && isName(types[n]) {
				n++
			}
			if n == 1 || n == len(types) || types[n] != ';' {
				return false
			}
			types = types[n+1:]
		default:
			return false
		}
		if !c.r.value(maxDepth) {
			return false
		}
	}
	return true
}

func isName(c byte) bool {
	return c == '/' || c == '$' || c == '_' || c == '-' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80
}

// attachments reads the map to its end, which is the body's.
func (c *Call) attachments() bool {
	r := &c.r
	tag, ok := r.next()
	switch {
	case !ok:
		return false
	case tag == null:
		c.none, c.open = true, r.at-1
		return r.at == len(r.b)
	case tag != mapUntyped && (tag != mapTyped || !r.kind()):
		return false
	}
	c.open = r.at
	for !r.isEnd() {
		e, p := entry{from: r.at}, mux.Pair{}
		tag, ok := r.next()
		if !ok {
			return false
		}
		text := false
		if p.Key, text = r.text(tag); !text {
			if r.at = e.from; !r.value(maxDepth) {
				return false
			}
		}
		if p.Value, e.kind, ok = c.attached(); !ok {
			return false
		}
		if !text {
			p.Key, p.Value, e.kind = nil, nil, isOther
		}
		e.to = r.at
		c.Pairs, c.entries = append(c.Pairs, p), append(c.entries, e)
	}
	return r.skip(1) && r.at == len(r.b)
}

// attached reads an attachment's value.
func (c *Call) attached() (v []byte, k kind, ok bool) {
	r := &c.r
	from := r.at
	tag, ok := r.next()
	if !ok {
		return nil, isOther, false
	}
	switch tag {
	case null:
		return nil, isNull, true
	case isTrue:
		return []byte("true"), isPlain, true
	case isFalse:
		return []byte("false"), isPlain, true
	}
	if _, _, ok := r.isText(tag); ok {
		r.at = from + 1
		v, ok := r.text(tag)
		return v, isString, ok
	}
	r.at = from + 1
	if n, whole, ok := r.number(tag); ok {
		k := isPlain
		if whole {
			k = isInt
		}
		at := len(c.digits)
		c.digits = strconv.AppendInt(c.digits, n, 10)
		return c.digits[at:len(c.digits):len(c.digits)], k, true
	}
	r.at = from
	return nil, isOther, r.value(maxDepth)
}

// The attachments by which a server finds a service.
const (
	PathKey    = "path"
	VersionKey = "version"
	GroupKey   = "group"
)

// Target is what a server of Dubbo finds a service by: attachments of these names, or what the request itself has. A version 0.0.0 is none.
// The error is an *Error: it is not text.
func (c *Call) Target() (path, version, group []byte, err error) {
	if path, err = c.or(PathKey, c.Path); err != nil {
		return nil, nil, nil, err
	}
	if version, err = c.or(VersionKey, c.Version); err != nil {
		return nil, nil, nil, err
	}
	if group, err = c.or(GroupKey, nil); err != nil {
		return nil, nil, nil, err
	}
	if string(version) == "0.0.0" {
		version = nil
	}
	return path, version, group, nil
}

// or is the attachment of that name, or v where there is none. Of a key that is there twice a map has the last.
func (c *Call) or(key string, v []byte) ([]byte, error) {
	for i := len(c.Pairs) - 1; i >= 0; i-- {
		if string(c.Pairs[i].Key) != key {
			continue
		}
		switch c.entries[i].kind {
		case isNull:
			return nil, nil
		case isString:
			return c.Pairs[i].Value, nil
		}
		return nil, bad("the attachment %s is no text", key)
	}
	return v, nil
}

// Int says whether the attachment of that number is an int, and no text.
func (c *Call) Int(i int) bool { return c.entries[i].kind == isInt }

// Drop has an attachment be left out by AppendWith. The error is an *Error: others may refer to it.
func (c *Call) Drop(i int) error {
	if c.entries[i].kind == isOther {
		return bad("the attachment %s cannot be taken away: it is neither text nor a number", c.Pairs[i].Key)
	}
	c.entries[i].dropped = true
	return nil
}

// AppendPair writes an attachment, for AppendWith.
func AppendPair(out []byte, key, value string) []byte {
	return appendString(appendString(out, key), value)
}

// AppendIntPair writes an attachment that is an int.
func AppendIntPair(out []byte, key string, value int32) []byte {
	return appendInt(appendString(out, key), value)
}

// AppendWith writes the frame that was read, whose attachments are Known, without those that are to be dropped and with those in more, in AppendPair's form.
func (c *Call) AppendWith(out []byte, f Frame, more []byte) []byte {
	from, body, at := len(out), f.Body(), 0
	out = append(out, f[:headSize]...)
	if c.none {
		out = append(append(out, body[:c.open]...), mapUntyped)
		return measure(append(append(out, more...), end), from)
	}
	for i := range c.entries {
		if e := &c.entries[i]; e.dropped {
			out = append(out, body[at:e.from]...)
			at = e.to
			e.dropped = false
		}
	}
	out = append(out, body[at:len(body)-1]...)
	return measure(append(append(out, more...), end), from)
}
