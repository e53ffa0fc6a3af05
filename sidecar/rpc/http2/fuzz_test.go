package http2

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// FuzzFrame: what is a frame here is the same to the library.
func FuzzFrame(f *testing.F) {
	f.Add(appendReset(nil, 1, Cancel))
	f.Add(dataFrame(1, flagEnd, []byte("body")))
	f.Add(append(appendFrameHead(nil, 4, frameData, flagPadded, 1), 2, 'x', 0, 0))
	f.Add(appendSetting(appendFrameHead(nil, 6, frameSettings, 0, 0), setWindow, 10))
	f.Add(appendPing(nil, flagAck, drainPing))
	f.Add(appendGoAway(nil, 3, NoError, "why"))
	f.Add(headersFrame(1, flagEndHeaders|flagPriority, []byte{0, 0, 0, 3, 1, 0x82}))
	f.Add(appendFrameHead(nil, frameSize+1, frameData, 0, 1))
	f.Fuzz(func(t *testing.T, text []byte) {
		theirs := http2.NewFramer(io.Discard, bytes.NewReader(text))
		theirs.SetMaxReadFrameSize(frameSize)
		for rest := text; ; {
			got, next, ok, err := cutFrame(rest)
			if !ok || err != nil {
				if _, failed := theirs.ReadFrame(); failed == nil {
					t.Fatalf("%x is no frame here: %v", rest, err)
				}
				return
			}
			rest = next
			want, failed := theirs.ReadFrame()
			if failed != nil {
				return // it checks more than where a frame ends
			}
			if h := want.Header(); h.Length != uint32(len(got.payload)) || uint8(h.Type) != uint8(got.kind) || uint8(h.Flags) != got.flags || h.StreamID != got.stream {
				t.Fatalf("%v, and %+v by the library", got, h)
			}
			if d, ok := want.(*http2.DataFrame); ok {
				if p, err := got.unpad(); err != nil || !bytes.Equal(p, d.Data()) {
					t.Fatalf("the body is %q, %v; by the library %q", p, err, d.Data())
				}
			}
		}
	})
}

// FuzzHead: whatever a block holds, what is kept of it is bounded, and what is taken for a request has what one needs.
func FuzzHead(f *testing.F) {
	p := newPeer(nil, nil)
	f.Add(p.block(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "x"))
	f.Add(p.block(":method", "POST", ":scheme", "http", ":path", "/", ":authority", "x", "content-length", "5", "te", "trailers"))
	f.Add(p.block(":status", "200", "a", "b"))
	f.Add([]byte{0x3f, 0xe1, 0x1f, 0x82, 0xbe, 0xbe, 0xbe})
	f.Add(append([]byte{0x40, 1, 'a', 0x7f, 0xff, 0x10}, bytes.Repeat([]byte{0xbe}, 500)...))
	f.Fuzz(func(t *testing.T, block []byte) {
		d := newDecoder(1000)
		fields, long, err := d.read(block)
		size := 0
		for _, f := range fields {
			size += int(f.Size())
		}
		if size > 1000 || len(fields) > MaxFields {
			t.Fatalf("%d fields of %d bytes are kept", len(fields), size)
		}
		if err != nil || long || checkRequest(fields) != "" {
			return
		}
		for i, name := range []string{":method", ":scheme", ":path"} {
			n := 0
			for _, f := range fields {
				if f.Name == name && f.Value != "" {
					n++
				}
			}
			if n != 1 {
				t.Fatalf("a request with %d of field %d: %q", n, i, fields)
			}
		}
	})
}

// FuzzConn: whatever a client says, its connection does not panic, and ends.
func FuzzConn(f *testing.F) {
	p := newPeer(nil, nil)
	begin := appendFrameHead([]byte(prefaceRest), 0, frameSettings, 0, 0)
	call := headersFrame(1, flagEndHeaders, p.block(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "x"))
	f.Add(append(bytes.Clone(begin), call...))
	f.Add(append(append(bytes.Clone(begin), call...), dataFrame(1, flagEnd, []byte("body"))...))
	f.Add(append(append(bytes.Clone(begin), call...), appendReset(appendWindow(nil, 1, 5), 1, Cancel)...))
	f.Add(append(bytes.Clone(begin), appendGoAway(appendPing(nil, 0, drainPing), 0, NoError, "")...))
	f.Fuzz(func(t *testing.T, text []byte) {
		ours, theirs := net.Pipe()
		c := Accept(ours, nil, testSettings, func(s *Stream, _ []Field, end, long bool) {
			s.SetReceiver(ignored{})
			s.SendHead([]Field{{Name: ":status", Value: "200"}}, false)
			s.SendData(make([]byte, 1000), end)
			if long {
				s.Reset(NoError)
			}
		})
		go func() {
			_ = theirs.SetDeadline(time.Now().Add(5 * time.Second))
			_, _ = theirs.Write(text)
			_ = theirs.Close()
		}()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		c.Run()
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.streams) != 0 || c.active != 0 {
			t.Fatalf("%d streams, %d active", len(c.streams), c.active)
		}
	})
}
