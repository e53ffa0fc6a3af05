package bolt

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/heddle-mesh/heddle/sidecar/rpc/mux"
)

// Frame is one, whole. Its bytes are the reader's.
type Frame []byte

// The places of a head's fields, of version 1; those of version 2 are one byte behind up to the codec, and two from there on.
const (
	atType    = 1
	atCommand = 2
	atVersion = 4
	atID      = 5
	atCodec   = 9
	atTimeout = 10 // of a request; an answer has its status there
	headV1    = 20 // of an answer; a request's timeout is two bytes longer than a status
	headV2    = 22

	crcSize     = 4
	crcSwitch   = 1
	shortest    = headV1
	atSwitch    = 11 // of version 2
	atVersionV2 = 1  // which version of version 2 it is
)

// longestPart is of a class and of a header. The Java library takes their lengths for signed ones: a longer frame would end elsewhere for it, and what
// stands within be the next one, of whoever wrote it.
const longestPart = 1<<15 - 1

// Error is what is wrong with a frame: nothing behind it can be read either.
type Error struct{ Why string }

func (e *Error) Error() string { return e.Why }

func bad(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// Split takes a frame of at most limit bytes from the front of b, and says how long it is, as far as that is known; it is nil while it is not whole. The
// error is an *Error. Checksums are not looked at.
func Split(b []byte, limit int) (f Frame, size int, err error) {
	if len(b) == 0 {
		return nil, shortest, nil
	}
	if b[0] != V1 && b[0] != V2 {
		return nil, 0, bad("a frame of protocol %d is none of Bolt", b[0])
	}
	if len(b) < shortest {
		return nil, shortest, nil
	}
	h := Frame(b)
	if v := b[atVersionV2]; b[0] == V2 && v != 1 && v != 2 {
		return nil, 0, bad("a frame of version 2.%d is none of Bolt", v)
	}
	if t := h.Type(); t > Oneway {
		return nil, 0, bad("a frame of type %d is none of Bolt", t)
	}
	if c := h.command(); c > answer {
		return nil, 0, bad("a frame of command %d is none of Bolt", c)
	}
	head := h.head()
	if len(b) < head {
		return nil, head, nil
	}
	if n := h.classLength(); n > longestPart {
		return nil, 0, bad("a class of %d bytes is longer than a frame can have", n)
	}
	if n := h.headerLength(); n > longestPart {
		return nil, 0, bad("a header of %d bytes is longer than a frame can have", n)
	}
	size = head + h.classLength() + h.headerLength()
	if content := h.contentLength(); content < 0 || content > limit {
		return nil, 0, bad("a frame of %d bytes is longer than may be", uint32(content))
	} else {
		size += content
	}
	if h.Checked() {
		size += crcSize
	}
	if size > limit {
		return nil, 0, bad("a frame of %d bytes is longer than may be", size)
	}
	if len(b) < size {
		return nil, size, nil
	}
	return h[:size:size], size, nil
}

// NewReader returns a reader of frames of at most limit bytes, whose errors are *Errors. waiting has been read already.
func NewReader(from io.Reader, limit int, waiting []byte) *mux.Reader[Frame] {
	return mux.NewReader(from, Split, limit, waiting)
}

// shift is how much further back fields stand than in version 1, from the second byte on.
func (f Frame) shift() int { return int(f[0]) - V1 }

// Type is Answer, Request or Oneway.
func (f Frame) Type() byte { return f[atType+f.shift()] }

func (f Frame) command() uint16 { return binary.BigEndian.Uint16(f[atCommand+f.shift():]) }

// Heartbeat says whether it only asks whether the other end is there, or says that it is.
func (f Frame) Heartbeat() bool { return f.command() == heartbeat }

// ID tells requests of a connection apart that are under way; an answer has its request's.
func (f Frame) ID() uint32 { return binary.BigEndian.Uint32(f[atID+f.shift():]) }

// SetID gives it another. A frame with a checksum is to be sealed.
func (f Frame) SetID(id uint32) { binary.BigEndian.PutUint32(f[atID+f.shift():], id) }

// Kind is what has to be alike for frames to share a connection: a server speaks on it as its first frame did.
func (f Frame) Kind() uint16 {
	if f[0] == V2 {
		return V2<<8 | uint16(f[atVersionV2])
	}
	return V1 << 8
}

// Checked says whether it ends with a checksum.
func (f Frame) Checked() bool {
	return f[0] == V2 && f[atVersionV2] == V2 && f[atSwitch]&crcSwitch != 0
}

func (f Frame) timeoutAt() int { return atTimeout + 2*f.shift() }

// Timeout is how long, in milliseconds, the caller of a request waits; below 1 it has not said.
func (f Frame) Timeout() int32 { return int32(binary.BigEndian.Uint32(f[f.timeoutAt():])) }

// SetTimeout has a request say so. A frame with a checksum is to be sealed.
func (f Frame) SetTimeout(ms int32) { binary.BigEndian.PutUint32(f[f.timeoutAt():], uint32(ms)) }

// Status is an answer's.
func (f Frame) Status() Status { return Status(binary.BigEndian.Uint16(f[f.timeoutAt():])) }

func (f Frame) head() int {
	n := headV1
	if f[0] == V2 {
		n = headV2
	}
	if f.Type() != Answer {
		n += 2
	}
	return n
}

// lengths is where those of the class, the header and the content stand.
func (f Frame) lengths() []byte { h := f.head(); return f[h-8 : h] }

func (f Frame) classLength() int   { return int(binary.BigEndian.Uint16(f.lengths())) }
func (f Frame) headerLength() int  { return int(binary.BigEndian.Uint16(f.lengths()[2:])) }
func (f Frame) contentLength() int { return int(int32(binary.BigEndian.Uint32(f.lengths()[4:]))) }

// Class is the name of the content's class.
func (f Frame) Class() []byte { h := f.head(); return f[h : h+f.classLength()] }

// Header is what stands between the class and the content: a map, of clients of SOFA.
func (f Frame) Header() []byte {
	from := f.head() + f.classLength()
	return f[from : from+f.headerLength()]
}

// Content is what is asked or answered.
func (f Frame) Content() []byte {
	from := f.head() + f.classLength() + f.headerLength()
	return f[from : from+f.contentLength()]
}

// Intact says whether the checksum, if there is one, is right.
func (f Frame) Intact() bool {
	if !f.Checked() {
		return true
	}
	end := len(f) - crcSize
	return binary.BigEndian.Uint32(f[end:]) == crc32.ChecksumIEEE(f[:end])
}

// Seal makes the checksum right, if there is one.
func (f Frame) Seal() {
	if f.Checked() {
		end := len(f) - crcSize
		binary.BigEndian.PutUint32(f[end:], crc32.ChecksumIEEE(f[:end]))
	}
}

// AppendHeader writes the frame with another header in place of its own, sealed. The error is that it is longer than can be.
func (f Frame) AppendHeader(out, header []byte) ([]byte, error) {
	if len(header) > longestPart {
		return out, bad("a header of %d bytes is longer than a frame can have", len(header))
	}
	from := len(out)
	out = append(out, f[:f.head()+f.classLength()]...)
	out = append(append(out, header...), f.Content()...)
	if f.Checked() {
		out = append(out, 0, 0, 0, 0)
	}
	made := Frame(out[from:])
	binary.BigEndian.PutUint16(made.lengths()[2:], uint16(len(header)))
	made.Seal()
	return out, nil
}

// AppendAnswer writes an answer without content to a request whose head is like this frame's.
func (f Frame) AppendAnswer(out []byte, s Status) []byte {
	from, shift := len(out), f.shift()
	size := headV1
	if f[0] == V2 {
		size = headV2
	}
	out = append(out, make([]byte, size)...)
	a := Frame(out[from:])
	copy(a, f[:atType+shift])
	a[atType+shift] = Answer
	command := uint16(answer)
	if f.Heartbeat() {
		command = heartbeat
	}
	binary.BigEndian.PutUint16(a[atCommand+shift:], command)
	a[atVersion+shift] = f[atVersion+shift]
	a.SetID(f.ID())
	a[atCodec+shift] = f[atCodec+shift]
	if f[0] == V2 {
		a[atSwitch] = f[atSwitch]
	}
	binary.BigEndian.PutUint16(a[a.timeoutAt():], uint16(s))
	if a.Checked() {
		out = append(out, 0, 0, 0, 0)
		Frame(out[from:]).Seal()
	}
	return out
}

// MaxHead is the longest head, with the checksum.
const MaxHead = headV2 + 2 + crcSize

// Head is a copy of a head, for an answer that may be to be given later.
type Head [headV2 + 2]byte

// Keep copies the head of f.
func (h *Head) Keep(f Frame) { copy(h[:], f) }

// AppendAnswer writes an answer without content to the request of this head.
func (h *Head) AppendAnswer(out []byte, s Status) []byte { return Frame(h[:]).AppendAnswer(out, s) }

// AppendHeartbeat writes a question of whether the other end is there, of version 1.
func AppendHeartbeat(out []byte, id uint32) []byte {
	const codec = 1 // Hessian: there is no content to be told by it
	out = append(out, V1, Request, 0, heartbeat, 1)
	out = binary.BigEndian.AppendUint32(out, id)
	out = append(out, codec)
	out = binary.BigEndian.AppendUint32(out, 0xffffffff) // no timeout
	return append(out, make([]byte, 8)...)
}
