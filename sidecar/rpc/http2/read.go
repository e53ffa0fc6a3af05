package http2

import (
	"bytes"
	"encoding/binary"
	"time"

	"golang.org/x/net/http2/hpack"
)

// maxBlocks is in how many frames a head may come.
const maxBlocks = 32

// frame does what one frame says. The error ends the connection.
func (c *Conn) frame(f *frame) error {
	if c.blockFrames > 0 && (f.kind != frameContinuation || f.stream != c.blockOf.stream) {
		return wrong(ProtocolError, "a head is cut by another frame")
	}
	if !c.agreed && f.kind != frameSettings {
		return wrong(ProtocolError, "the first frame is not SETTINGS")
	}
	onStream := f.kind == frameData || f.kind == frameHeaders || f.kind == framePriority || f.kind == frameReset || f.kind == frameContinuation
	onConn := f.kind == frameSettings || f.kind == framePing || f.kind == frameGoAway
	if onStream && f.stream == 0 || onConn && f.stream != 0 {
		return wrong(ProtocolError, "a frame is on the wrong stream")
	}
	switch f.kind {
	case frameData:
		return c.data(f)
	case frameHeaders:
		return c.headers(f)
	case frameContinuation:
		return c.continuation(f)
	case frameReset:
		return c.reset(f)
	case frameSettings:
		return c.settle(f)
	case framePing:
		return c.ping(f)
	case frameGoAway:
		return c.goAway(f)
	case frameWindow:
		return c.widen(f)
	case framePush:
		return wrong(ProtocolError, "a push that nobody wants")
	case framePriority:
		if len(f.payload) != 5 {
			return wrong(FrameSizeError, "a priority is cut")
		}
	}
	return c.idleFrame()
}

// idleFrame counts a frame that brings nothing. Those beside frames that do are not counted: a gRPC peer measures, by a PING,
// each time that it is sent something.
func (c *Conn) idleFrame() error {
	c.mu.Lock()
	useful := c.useful
	c.useful = 0
	c.mu.Unlock()
	if !c.idle.one(useful) {
		return wrong(EnhanceYourCalm, "too many frames that bring nothing")
	}
	return nil
}

// stray is a frame on a stream that is not open: one that is over, which may be news to the other end, or none.
func (c *Conn) stray(f *frame) error {
	c.mu.Lock()
	never := f.stream > c.last
	if c.client == (f.stream&1 == 1) {
		never = f.stream >= c.next
	}
	if !never && !c.client && (f.kind == frameData || f.kind == frameHeaders) {
		c.out = appendReset(c.out, f.stream, StreamClosed)
	}
	c.mu.Unlock()
	switch {
	case never:
		return wrong(ProtocolError, "a frame on a stream that nobody has opened")
	case f.kind == frameWindow, c.client: // its server may not know yet that a call was given up
		return nil
	case f.kind == frameData:
		return c.idleFrame() // which knows of those with something in them
	}
	return c.givenUp()
}

func (c *Conn) data(f *frame) error {
	p, err := f.unpad()
	if err != nil {
		return err
	}
	size, end := len(f.payload), f.has(flagEnd)
	c.mu.Lock()
	if c.recv -= int64(size); c.recv < 0 {
		c.mu.Unlock()
		return wrong(FlowControlError, "more came than the connection's window has")
	}
	if c.owed += size; c.owed >= connWindow/2 {
		c.out = appendWindow(c.out, 0, c.owed)
		c.recv, c.owed = c.recv+int64(c.owed), 0
	}
	if len(p) > 0 {
		c.useful++
	}
	s := c.streams[f.stream]
	if s == nil {
		c.mu.Unlock()
		return c.stray(f)
	}
	code, why := s.receive(size, len(p), end)
	if code == NoError && end {
		c.gotEnd(s)
	}
	c.mu.Unlock()
	if why != "" {
		c.refuse(s, code, why)
		return nil
	}
	if len(p) == 0 && !end {
		return c.idleFrame()
	}
	s.receiver.Data(s, p, end)
	return nil
}

// receive notes that body has come. conn.mu is held.
func (s *Stream) receive(size, content int, end bool) (code Code, why string) {
	s.recv -= int64(size)
	s.owed += size - content // nobody waits for padding
	s.got += int64(content)
	switch {
	case s.ended:
		return StreamClosed, "a body goes on behind its end"
	case s.recv < 0:
		return FlowControlError, "more came than the stream's window has"
	case s.conn.client && !s.headed:
		return ProtocolError, "a body before its head"
	case s.expect >= 0 && (s.got > s.expect || end && s.got != s.expect):
		return ProtocolError, "the body is not as long as its head says"
	}
	return NoError, ""
}

// refuse ends a stream for what the other end has done on it.
func (c *Conn) refuse(s *Stream, code Code, why string) {
	c.mu.Lock()
	if !s.over {
		c.out = appendReset(c.out, s.id, code)
		c.drop(s)
	}
	c.mu.Unlock()
	s.receiver.Closed(s, &Error{Code: code, Why: why})
}

func (c *Conn) headers(f *frame) error {
	if f.stream&1 == 0 {
		return wrong(ProtocolError, "a head on a stream that no client can open")
	}
	p, err := f.unpad()
	if err != nil {
		return err
	}
	if f.has(flagEndHeaders) {
		return c.head(f, p)
	}
	c.block = append(c.block[:0], p...)
	c.blockOf, c.blockFrames, c.blockSince = *f, 1, time.Now()
	c.blockOf.payload = nil
	return c.blockBound()
}

func (c *Conn) blockBound() error {
	if len(c.block) > 2*c.settings.HeadSize+4096 || c.blockFrames > maxBlocks {
		return wrong(EnhanceYourCalm, "a head without end")
	}
	return nil
}

func (c *Conn) continuation(f *frame) error {
	if c.blockFrames == 0 {
		return wrong(ProtocolError, "a head goes on that has not begun")
	}
	c.block = append(c.block, f.payload...)
	c.blockFrames++
	if err := c.blockBound(); err != nil {
		return err
	}
	if !f.has(flagEndHeaders) {
		return nil
	}
	c.blockFrames, c.blockSince = 0, time.Time{}
	err := c.head(&c.blockOf, c.block)
	if cap(c.block) > frameSize {
		c.block = nil
	}
	return err
}

// head is told of a head as a whole, f being its first frame.
func (c *Conn) head(f *frame, block []byte) error {
	fields, long, err := c.decoder.read(block)
	if err != nil {
		return err
	}
	end := f.has(flagEnd)
	c.mu.Lock()
	s := c.streams[f.stream]
	if s == nil && (c.client || f.stream <= c.last) {
		c.mu.Unlock()
		return c.stray(f)
	}
	if s == nil {
		return c.opened(f.stream, fields, end, long)
	}
	headed, ended := s.headed, s.ended
	c.mu.Unlock()
	switch {
	case ended:
		c.refuse(s, StreamClosed, "a head behind the end")
	case long:
		c.refuse(s, EnhanceYourCalm, "the head is too long")
	case c.client && !headed:
		c.answer(s, fields, end)
	default:
		c.trailers(s, fields, end)
	}
	return nil
}

// opened begins a stream of the other end's. mu is held, and let go.
func (c *Conn) opened(id uint32, fields []Field, end, long bool) error {
	c.last = id
	why, expect := "", int64(-1)
	if !long {
		why, expect = checkRequest(fields), length(fields)
		if why == "" && (expect == -2 || end && expect > 0) {
			why = "the body is not as long as its head says"
		}
	}
	code := NoError
	switch {
	case uint32(c.active) >= c.settings.Streams || c.leaving == last:
		code = RefusedStream
	case why != "":
		code = ProtocolError
	}
	if code != NoError {
		c.out = appendReset(c.out, id, code)
		c.mu.Unlock()
		return c.givenUp()
	}
	s := &Stream{id: id, conn: c, receiver: ignored{}, window: c.peerWindow, recv: StreamWindow, expect: expect, headed: true, ended: end, held: 1}
	c.streams[id] = s
	c.active++
	c.mu.Unlock()
	c.open(s, fields, end, long)
	return nil
}

// givenUp counts a stream that the other end has opened for nothing.
func (c *Conn) givenUp() error {
	if !c.given.one(0) {
		return wrong(EnhanceYourCalm, "too many calls that are given up or refused")
	}
	return nil
}

// answer is the head of an answer.
func (c *Conn) answer(s *Stream, fields []Field, end bool) {
	status, why := checkAnswer(fields)
	if status < 200 && end && why == "" {
		why = "an interim answer is the end"
	}
	expect := length(fields)
	if why == "" && (expect == -2 || end && expect > 0 && !s.head && status != 304) {
		why = "the body is not as long as its head says"
	}
	if why != "" {
		c.refuse(s, ProtocolError, why)
		return
	}
	c.mu.Lock()
	if status >= 200 {
		s.headed = true
		if s.expect = expect; s.head || status == 304 || status == 204 {
			s.expect = 0
		}
	}
	if end {
		c.gotEnd(s)
	}
	c.mu.Unlock()
	s.receiver.Head(s, status, fields, end)
}

func (c *Conn) trailers(s *Stream, fields []Field, end bool) {
	why := checkFields(fields)
	switch {
	case !end:
		why = "there are two heads"
	case why == "" && s.expect >= 0 && s.got != s.expect:
		why = "the body is not as long as its head says"
	}
	if why != "" {
		c.refuse(s, ProtocolError, why)
		return
	}
	c.mu.Lock()
	c.gotEnd(s)
	c.mu.Unlock()
	s.receiver.Trailers(s, fields)
}

func (c *Conn) reset(f *frame) error {
	if len(f.payload) != 4 {
		return wrong(FrameSizeError, "RST_STREAM of %d bytes", len(f.payload))
	}
	code := Code(binary.BigEndian.Uint32(f.payload))
	c.mu.Lock()
	s := c.streams[f.stream]
	early := false
	if s != nil {
		early = !c.client && !s.answered
		c.drop(s)
	}
	c.mu.Unlock()
	if s == nil {
		return c.stray(f)
	}
	s.receiver.Closed(s, &Error{Code: code, Why: "the other end gave up", Unsent: code == RefusedStream})
	if early {
		return c.givenUp()
	}
	return nil
}

func (c *Conn) settle(f *frame) error {
	if f.has(flagAck) {
		if len(f.payload) > 0 {
			return wrong(FrameSizeError, "an acknowledgement has parameters")
		}
		return c.idleFrame()
	}
	c.mu.Lock()
	err := eachSetting(f.payload, c.set)
	c.out = appendFrameHead(c.out, 0, frameSettings, flagAck, 0)
	grants := c.resume()
	c.mu.Unlock()
	c.agreed = true
	deliver(grants)
	if err != nil {
		return err
	}
	return c.idleFrame()
}

// set notes one parameter of the other end. mu is held.
func (c *Conn) set(id setting, v uint32) error {
	switch id {
	case setTable:
		c.encoder.SetMaxDynamicTableSizeLimit(min(v, 4096))
		c.encoder.SetMaxDynamicTableSize(min(v, 4096))
	case setPush:
		if v > 1 || c.client && v == 1 {
			return wrong(ProtocolError, "ENABLE_PUSH is %d", v)
		}
	case setStreams:
		c.peerStreams = v
	case setWindow:
		if v > maxWindow {
			return wrong(FlowControlError, "a window of %d", v)
		}
		for _, s := range c.streams {
			if s.window += int64(v) - c.peerWindow; s.window > maxWindow {
				return wrong(FlowControlError, "a window of %d", s.window)
			}
		}
		c.peerWindow = int64(v)
	case setFrame:
		if v < frameSize || v >= 1<<24 {
			return wrong(ProtocolError, "frames of %d bytes", v)
		}
	}
	return nil
}

func (c *Conn) ping(f *frame) error {
	if len(f.payload) != 8 {
		return wrong(FrameSizeError, "a PING of %d bytes", len(f.payload))
	}
	c.mu.Lock()
	switch {
	case !f.has(flagAck):
		c.out = appendPing(c.out, flagAck, f.payload)
	case c.leaving == announced && bytes.Equal(f.payload, drainPing):
		c.lastCall()
	}
	c.mu.Unlock()
	return c.idleFrame()
}

func (c *Conn) goAway(f *frame) error {
	if len(f.payload) < 8 {
		return wrong(FrameSizeError, "a GOAWAY of %d bytes", len(f.payload))
	}
	final := binary.BigEndian.Uint32(f.payload) &^ (1 << 31)
	c.mu.Lock()
	var undone []*Stream
	if c.client {
		c.leaving = last
		for id, s := range c.streams {
			if id > final {
				c.drop(s)
				undone = append(undone, s)
			}
		}
		if len(c.streams) == 0 {
			c.look()
		}
	}
	c.mu.Unlock()
	for _, s := range undone {
		s.receiver.Closed(s, &Error{Code: RefusedStream, Why: "the other end goes away", Unsent: true})
	}
	return c.idleFrame()
}

func (c *Conn) widen(f *frame) error {
	if len(f.payload) != 4 {
		return wrong(FrameSizeError, "a WINDOW_UPDATE of %d bytes", len(f.payload))
	}
	n := int64(binary.BigEndian.Uint32(f.payload) &^ (1 << 31))
	c.mu.Lock()
	if f.stream == 0 {
		c.window += n
		grants := c.resume()
		over := c.window > maxWindow
		c.mu.Unlock()
		deliver(grants)
		switch {
		case n == 0:
			return wrong(ProtocolError, "a window grows by nothing")
		case over:
			return wrong(FlowControlError, "the connection's window is too wide")
		}
		return c.widened(n, grants)
	}
	s := c.streams[f.stream]
	if s == nil {
		c.mu.Unlock()
		return c.stray(f)
	}
	s.window += n
	over := s.window > maxWindow
	grants := c.resume()
	c.mu.Unlock()
	deliver(grants)
	switch {
	case n == 0:
		c.refuse(s, ProtocolError, "a window grows by nothing")
	case over:
		c.refuse(s, FlowControlError, "the stream's window is too wide")
	}
	return c.widened(n, grants)
}

// widened counts a window that grows by next to nothing where more waits for it.
func (c *Conn) widened(n int64, grants []grant) error {
	if n < smallBit && len(grants) > 0 {
		return c.idleFrame()
	}
	return nil
}

// appendHead writes a head. mu is held.
func (c *Conn) appendHead(id uint32, fields []Field, end bool) {
	c.useful++
	c.encoded.Reset()
	for i := range fields {
		_ = c.encoder.WriteField(hpack.HeaderField(fields[i])) // a bytes.Buffer takes all
	}
	kind, flags := frameHeaders, uint8(0)
	if end {
		flags = flagEnd
	}
	for block := c.encoded.Bytes(); ; kind, flags = frameContinuation, 0 {
		n := min(len(block), c.peerFrame)
		if n == len(block) {
			flags |= flagEndHeaders
		}
		c.out = append(appendFrameHead(c.out, n, kind, flags, id), block[:n]...)
		if block = block[n:]; len(block) == 0 {
			return
		}
	}
}
