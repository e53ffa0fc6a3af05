package dubbo

import (
	"encoding/binary"
	"fmt"
)

// Frame is one, whole. Its bytes are the reader's.
type Frame []byte

// The places of a head's fields.
const (
	atFlags  = 2
	atStatus = 3
	atID     = 4
	atLength = 12
	headSize = 16
)

// Error is what is wrong with a frame, or with what it asks.
type Error struct{ Why string }

func (e *Error) Error() string { return e.Why }

func bad(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// Split takes a frame of at most limit bytes from the front of b, and says how long it is, as far as that is known; it is nil while it is not whole. The
// error is an *Error: nothing behind it can be read either.
func Split(b []byte, limit int) (f Frame, size int, err error) {
	if len(b) > 0 && b[0] != Magic0 || len(b) > 1 && b[1] != magic1 {
		return nil, 0, bad("what begins with % x is no frame of Dubbo", b[:min(len(b), 2)])
	}
	if len(b) < headSize {
		return nil, headSize, nil
	}
	body := binary.BigEndian.Uint32(b[atLength:])
	if int64(headSize)+int64(body) > int64(limit) {
		return nil, 0, bad("a frame with %d bytes behind its head is longer than may be", body)
	}
	size = headSize + int(body)
	if len(b) < size {
		return nil, size, nil
	}
	return Frame(b[:size:size]), size, nil
}

func (f Frame) is(flag byte) bool { return f[atFlags]&flag != 0 }

// Request says whether something is asked, or told; otherwise it is an answer.
func (f Frame) Request() bool { return f.is(isRequest) }

// TwoWay says whether a request wants an answer.
func (f Frame) TwoWay() bool { return f.is(wantsAnswer) }

// Event says whether it is about the connection, and no call: a heartbeat, or ReadOnly.
func (f Frame) Event() bool { return f.is(isEvent) }

// readOnly is the body of an event by which a server says that it takes no more calls on a connection, and goes on to answer those it has.
const readOnly = "\x01R"

// ReadOnly says whether it is that.
func (f Frame) ReadOnly() bool { return f.Request() && f.Event() && string(f.Body()) == readOnly }

// Serialization is what the body is written by.
func (f Frame) Serialization() byte { return f[atFlags] & serialization }

// Status is an answer's.
func (f Frame) Status() Status { return Status(f[atStatus]) }

// ID tells requests of a connection apart that are under way; an answer has its request's.
func (f Frame) ID() uint64 { return binary.BigEndian.Uint64(f[atID:]) }

// SetID gives it another.
func (f Frame) SetID(id uint64) { binary.BigEndian.PutUint64(f[atID:], id) }

// Body is what stands behind the head.
func (f Frame) Body() []byte { return f[headSize:] }

func appendHead(out []byte, flags byte, s Status, id uint64) []byte {
	out = append(out, Magic0, magic1, flags, byte(s))
	out = binary.BigEndian.AppendUint64(out, id)
	return append(out, 0, 0, 0, 0)
}

// measure has the head of the frame that begins at from, and ends where out does, tell its length.
func measure(out []byte, from int) []byte {
	binary.BigEndian.PutUint32(out[from+atLength:], uint32(len(out)-from-headSize))
	return out
}

// longestWhy bounds the characters of an answer's message.
const longestWhy = 4096

// AppendFailure writes the answer to the request of that number that says why there is none.
func AppendFailure(out []byte, id uint64, s Status, why string) []byte {
	from := len(out)
	out = appendHead(out, Hessian2, s, id)
	if len(why) > longestWhy {
		why = why[:longestWhy]
	}
	return measure(appendString(out, why), from)
}

// AppendHeartbeat writes a question of whether the other end is there.
func AppendHeartbeat(out []byte, id uint64) []byte {
	from := len(out)
	return measure(append(appendHead(out, isRequest|wantsAnswer|isEvent|Hessian2, 0, id), null), from)
}

// longestEvent is of those that are answered: a heartbeat is one null.
const longestEvent = 64

// AppendBeat writes the answer to a heartbeat, which has the body of the question, in whatever serialization; nothing where that is no heartbeat's.
func (f Frame) AppendBeat(out []byte) []byte {
	if len(f.Body()) > longestEvent || f.ReadOnly() {
		return out
	}
	from := len(out)
	return measure(append(appendHead(out, isEvent|f.Serialization(), OK, f.ID()), f.Body()...), from)
}

// AppendReadOnly writes the event that no more calls are taken.
func AppendReadOnly(out []byte) []byte {
	from := len(out)
	return measure(append(appendHead(out, isRequest|isEvent|Hessian2, 0, 0), readOnly...), from)
}
