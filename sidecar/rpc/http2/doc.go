// Package http2 is what HTTP/2 puts on a connection (RFC 9113): frames, heads, streams and both levels of flow control, for
// either end. It waits for nobody: what comes on a stream is told to the stream's Receiver by the goroutine that reads the
// connection, and what cannot be sent yet waits in the stream, as much as the Receiver's own source was allowed to send.
// Priorities are read and ignored, nothing is pushed. It knows of no route and no server. Level: sidecar/rpc.
package http2

import (
	"fmt"
	"time"

	"golang.org/x/net/http2/hpack"
)

// Field is a line of a head. Sensitive says that nobody on the way is to remember it.
type Field = hpack.HeaderField

// Code is why a stream or a connection ends.
type Code uint32

// The codes of RFC 9113, section 7.
const (
	NoError Code = iota
	ProtocolError
	InternalError
	FlowControlError
	SettingsTimeout
	StreamClosed
	FrameSizeError
	RefusedStream
	Cancel
	CompressionError
	ConnectError
	EnhanceYourCalm
	InadequateSecurity
	HTTP11Required
)

var codes = [...]string{"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR",
	"REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"}

func (c Code) String() string {
	if int(c) < len(codes) {
		return codes[c]
	}
	return fmt.Sprintf("code %d", uint32(c))
}

// Error is why a stream has ended before its time.
type Error struct {
	Code   Code
	Why    string
	Lost   bool // the connection is gone, with all that it carried
	Unsent bool // the other end has done nothing of the call: it may be sent again
}

func (e *Error) Error() string { return e.Code.String() + ": " + e.Why }

// Fault is what the other end has done that ends the connection.
type Fault struct {
	Code Code
	Why  string
}

func (e *Fault) Error() string { return e.Code.String() + ": " + e.Why }

func wrong(code Code, format string, args ...any) error {
	return &Fault{code, fmt.Sprintf(format, args...)}
}

// Settings bound what the other end may do.
type Settings struct {
	Streams  uint32        // that it may have open at once, on an end that it calls
	HeadSize int           // of the fields of a head, as SETTINGS_MAX_HEADER_LIST_SIZE counts them
	Idle     time.Duration // without a stream; 0: for ever
	Head     time.Duration // from a frame's or a head's first byte to its last
	Silence  time.Duration // how long it may take nothing of what is there for it
	Vacant   func()        // is told when a stream has ended, and does not wait; nil: nobody is
}

// Receiver is told what comes on a stream. Its methods are called by the goroutine that reads the connection, Took by others too, and do not wait.
type Receiver interface {
	// Head is an answer's, interim ones (1xx) included. Fields are valid until it returns.
	Head(s *Stream, status int, fields []Field, end bool)
	// Data is part of the body, valid until it returns. The other end may send as much again when Consumed says so.
	Data(s *Stream, p []byte, end bool)
	// Trailers are the end.
	Trailers(s *Stream, fields []Field)
	// Closed says that nothing comes any more and nothing is sent, though the stream was not over.
	Closed(s *Stream, err *Error)
	// Took says that so many bytes that SendData left are sent.
	Took(s *Stream, n int)
}
