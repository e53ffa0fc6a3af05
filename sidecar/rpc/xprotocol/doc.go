// Package xprotocol reads and writes the frames of protocols that a Rule describes: a head of a fixed length with numbers at fixed places, numbers of variable
// length behind it, and parts whose lengths these tell, one of which may say something under names; and checksums of any of that. Whatever else stands in a frame it leaves as it is. It opens no connection
// and keeps no state. Level: sidecar/rpc.
package xprotocol

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Rule describes a protocol.
type Rule struct {
	Magic   Hex      `yaml:"magic"` // by which each frame begins, and by which clients are known
	Order   string   `yaml:"order"` // of the bytes of numbers: big, little; empty: big
	Head    int      `yaml:"head"`  // bytes
	Parts   []string `yaml:"parts"` // that stand behind the head, in their order; none: body
	Lengths []Length `yaml:"lengths"`
	Tail    int      `yaml:"tail"`   // bytes behind the parts that are of none
	Answer  Layout   `yaml:"answer"` // where heads of answers are others

	Checksums []Checksum `yaml:"checksums"`

	ID       Field    `yaml:"id"` // of a request, which its answer has too
	Kind     Kind     `yaml:"kind"`
	Status   Status   `yaml:"status"`   // of an answer; its width is 0: there is none, and each answer is good
	Deadline Deadline `yaml:"deadline"` // of a request; its width is 0: there is none
	Metadata Metadata `yaml:"metadata"` // of a request; its part is empty: there is none
	Service  string   `yaml:"service"`  // what is called, where no metadata says it; empty: the protocol's name

	// Whole frames that are sent, but for their number and status; none: a head and no parts.
	Failure         Hex `yaml:"failure"` // the answer to a request that has none
	Heartbeat       Hex `yaml:"heartbeat"`
	HeartbeatAnswer Hex `yaml:"heartbeat_answer"`
	Parting         Hex `yaml:"parting"` // that clients are told at the drain; none: they are not
}

// Field is where a number stands in a head.
type Field struct {
	At    int `yaml:"at"`    // bytes from the frame's beginning
	Width int `yaml:"width"` // bytes
}

// Length is a number that says how long something is. One of variable length has no place: they stand behind the head, in their order.
type Length struct {
	At     int    `yaml:"at"`
	Width  int    `yaml:"width"`
	Varint string `yaml:"varint"` // leb128, base128; empty: its length is Width
	Of     string `yaml:"of"`     // frame, rest (all behind the head and the numbers of variable length), or one of the parts
	Adds   int    `yaml:"adds"`   // what the number is more than that has bytes
}

// Checksum is a number that is made of bytes of the frame, in which its own count as zeros. Those that are of what a proxy changes are made anew.
type Checksum struct {
	At     int    `yaml:"at"`     // bytes from the frame's beginning, within its head; below 0: from its end, within Tail
	Width  int    `yaml:"width"`  // bytes
	Sum    string `yaml:"sum"`    // crc32 (IEEE), crc32c, adler32, or sum (of the bytes, as far as it fits)
	Of     string `yaml:"of"`     // frame, head (all before the parts), rest (all behind that), or one of the parts; empty: frame
	From   int    `yaml:"from"`   // bytes of that which are passed over
	To     int    `yaml:"to"`     // bytes of that from its beginning, where it ends; 0, and below: from its end
	Verify bool   `yaml:"verify"` // a frame in which it is wrong is none. Those that are made anew are verified in any case
}

// Layout is of a kind of heads.
type Layout struct {
	Head      int        `yaml:"head"` // 0: they are as requests'
	Lengths   []Length   `yaml:"lengths"`
	Tail      int        `yaml:"tail"`
	Checksums []Checksum `yaml:"checksums"`
}

// Kind is the number that says what a frame is. The first of several values is the one that is sent.
type Kind struct {
	At              int      `yaml:"at"`
	Width           int      `yaml:"width"`
	Mask            uint64   `yaml:"mask"` // the bits that count; 0: all
	Request         []uint64 `yaml:"request"`
	Oneway          []uint64 `yaml:"oneway"` // a request that nobody answers
	Answer          []uint64 `yaml:"answer"`
	Heartbeat       []uint64 `yaml:"heartbeat"`
	HeartbeatAnswer []uint64 `yaml:"heartbeat_answer"` // none: Answer's
	Parting         []uint64 `yaml:"parting"`          // by which a server says that it takes no more calls on the connection
}

// Status is the number by which an answer says how its request has ended.
type Status struct {
	At         int            `yaml:"at"`
	Width      int            `yaml:"width"`
	OK         []uint64       `yaml:"ok"`         // the first is a heartbeat's answer's; none: 0
	Failed     uint64         `yaml:"failed"`     // what a client is told, where Tell has nothing
	Tell       map[int]uint64 `yaml:"tell"`       // what it is told for a status of HTTP, which says what has happened
	Count      map[uint64]int `yaml:"count"`      // the status of HTTP as which a server's is counted; those that are neither here nor OK: 500
	Unexecuted []uint64       `yaml:"unexecuted"` // by which a server says that nothing of the request has been done
}

// Deadline is how long a request's caller waits. 0, and the highest number of its width, say that it does not tell.
type Deadline struct {
	At    int    `yaml:"at"`
	Width int    `yaml:"width"`
	Unit  string `yaml:"unit"` // us, ms, s; empty: ms
}

// Metadata is what a request says under names: keys and values, one behind the other, each behind its length.
type Metadata struct {
	Part  string `yaml:"part"`
	Count int    `yaml:"count"` // bytes of the number of pairs in front of them; 0: they go to the part's end
	Key   int    `yaml:"key"`   // bytes of a key's length
	Value int    `yaml:"value"` // and of a value's
	// Varint is how all these numbers are written, in place of Key and Value, and of Count where that is not 0: leb128, base128; empty: as these say.
	Varint string `yaml:"varint"`

	// The keys that stand for what a proxy has to know or tell; empty: none does.
	Service     string `yaml:"service"`
	Method      string `yaml:"method"`
	Traceparent string `yaml:"traceparent"`
	Deadline    string `yaml:"deadline"` // milliseconds, in figures
	Caller      string `yaml:"caller"`   // who the caller is, as in x-forwarded-client-cert
}

// Hex are bytes as people write them: as hexadecimal figures, with spaces where one likes.
type Hex string

// UnmarshalYAML keeps what is no text, for Compile to find.
func (h *Hex) UnmarshalYAML(decode func(any) error) error {
	var v any
	if err := decode(&v); err != nil {
		return err
	}
	text, is := v.(string)
	if !is {
		text = "the number " + fmt.Sprint(v)
	}
	*h = Hex(text)
	return nil
}

// bytes are those, or none and false.
func (h Hex) bytes() ([]byte, bool) {
	if h == "" {
		return nil, true
	}
	b, err := hex.DecodeString(strings.Join(strings.Fields(string(h)), ""))
	return b, err == nil
}

var units = map[string]time.Duration{"": time.Millisecond, "us": time.Microsecond, "ms": time.Millisecond, "s": time.Second}

// What lengths are of, beside parts.
const (
	frame = "frame"
	rest  = "rest"
	head  = "head" // of checksums alone
)

// Error is what is wrong with a frame, or with what it asks.
type Error struct{ Why string }

func (e *Error) Error() string { return e.Why }

func bad(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }
