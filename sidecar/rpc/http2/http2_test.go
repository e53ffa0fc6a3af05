package http2

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestACall(t *testing.T) {
	k := newTaken()
	p := client(t, testSettings, k.open)
	p.call(1, 0, "x-one", "1")
	p.send(dataFrame(1, 0, []byte("hel")))
	p.send(append(appendFrameHead(nil, 6, frameData, flagPadded, 1), 3, 'l', 'o', 0, 0, 0))
	p.send(headersFrame(1, flagEndHeaders|flagEnd, p.block("x-sum", "5")))
	k.until(func() bool { return k.ended })
	if string(k.body) != "hello" || len(k.trailers) != 1 || k.trailers[0].Value != "5" || len(k.fields[0]) != 5 {
		t.Errorf("came: %q with %v and %v", k.body, k.fields, k.trailers)
	}
	s := k.streams[0]
	s.SendHead([]Field{{Name: ":status", Value: "103"}}, false)
	s.SendHead([]Field{{Name: ":status", Value: "200"}}, false)
	s.SendData([]byte("answer"), false)
	s.SendHead([]Field{{Name: "x-behind", Value: "y"}}, true)
	p.tested.Flush()
	if early, head := p.fields(p.await(frameHeaders, 1)), p.fields(p.await(frameHeaders, 1)); early[":status"] != "103" || head[":status"] != "200" {
		t.Errorf("answered %v and %v", early, head)
	}
	if f := p.await(frameData, 1); string(f.payload) != "answer" {
		t.Errorf("answered %q", f.payload)
	}
	if f := p.await(frameHeaders, 1); !f.has(flagEnd) || p.fields(f)["x-behind"] != "y" {
		t.Errorf("ended with %v", f)
	}
	if !s.Over() {
		t.Error("the stream is not over")
	}
}

// What a peer may not do on a connection ends it, and it is told why.
func TestFaults(t *testing.T) {
	settings := func(id setting, v uint32) []byte {
		return appendSetting(appendFrameHead(nil, 6, frameSettings, 0, 0), id, v)
	}
	good := func(p *peer) []byte {
		return p.block(":method", "GET", ":scheme", "http", ":path", "/", ":authority", "x")
	}
	for name, c := range map[string]struct {
		send func(p *peer) []byte
		want Code
	}{
		"a frame that is too long":    {func(*peer) []byte { return appendFrameHead(nil, frameSize+1, frameData, 0, 1) }, FrameSizeError},
		"a head on stream 0":          {func(p *peer) []byte { return headersFrame(0, flagEndHeaders, good(p)) }, ProtocolError},
		"a head on a server's stream": {func(p *peer) []byte { return headersFrame(2, flagEndHeaders, good(p)) }, ProtocolError},
		"body on an idle stream":      {func(*peer) []byte { return dataFrame(5, 0, []byte("x")) }, ProtocolError},
		"a reset of an idle stream":   {func(*peer) []byte { return appendReset(nil, 5, Cancel) }, ProtocolError},
		"a window of an idle stream":  {func(*peer) []byte { return appendWindow(nil, 5, 1) }, ProtocolError},
		"CONTINUATION of nothing":     {func(*peer) []byte { return appendFrameHead(nil, 0, frameContinuation, flagEndHeaders, 1) }, ProtocolError},
		"a head that is cut":          {func(p *peer) []byte { return append(headersFrame(1, 0, good(p)), appendPing(nil, 0, drainPing)...) }, ProtocolError},
		"a head that goes on elsewhere": {func(p *peer) []byte {
			return append(headersFrame(1, 0, good(p)), appendFrameHead(nil, 0, frameContinuation, 0, 3)...)
		}, ProtocolError},
		"a head of many frames": {func(p *peer) []byte {
			out := headersFrame(1, 0, good(p))
			for range maxBlocks {
				out = appendFrameHead(out, 0, frameContinuation, 0, 1)
			}
			return out
		}, EnhanceYourCalm},
		"a head of many bytes": {func(p *peer) []byte {
			out := headersFrame(1, 0, good(p))
			for range 3 {
				out = append(appendFrameHead(out, frameSize, frameContinuation, 0, 1), make([]byte, frameSize)...)
			}
			return out
		}, EnhanceYourCalm},
		"a head that cannot be decoded": {func(*peer) []byte { return headersFrame(1, flagEndHeaders, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}) }, CompressionError},
		"a stream that is its own parent": {func(p *peer) []byte {
			return headersFrame(1, flagEndHeaders|flagPriority, append([]byte{0, 0, 0, 1, 16}, good(p)...))
		}, ProtocolError},
		"more padding than bytes": {func(*peer) []byte { return append(appendFrameHead(nil, 2, frameData, flagPadded, 1), 9, 0) }, ProtocolError},
		"SETTINGS on a stream":    {func(*peer) []byte { return appendFrameHead(nil, 0, frameSettings, 0, 1) }, ProtocolError},
		"SETTINGS that are cut":   {func(*peer) []byte { return append(appendFrameHead(nil, 1, frameSettings, 0, 0), 0) }, FrameSizeError},
		"an ACK with parameters": {func(*peer) []byte {
			return appendSetting(appendFrameHead(nil, 6, frameSettings, flagAck, 0), setFrame, frameSize)
		}, FrameSizeError},
		"a window that is too wide":   {func(*peer) []byte { return settings(setWindow, 1<<31) }, FlowControlError},
		"frames that are too small":   {func(*peer) []byte { return settings(setFrame, 100) }, ProtocolError},
		"a push neither on nor off":   {func(*peer) []byte { return settings(setPush, 2) }, ProtocolError},
		"a push":                      {func(*peer) []byte { return append(appendFrameHead(nil, 4, framePush, flagEndHeaders, 1), 0, 0, 0, 2) }, ProtocolError},
		"a PING that is cut":          {func(*peer) []byte { return appendFrameHead(nil, 0, framePing, 0, 0) }, FrameSizeError},
		"a GOAWAY that is cut":        {func(*peer) []byte { return appendFrameHead(nil, 0, frameGoAway, 0, 0) }, FrameSizeError},
		"a window that grows by 0":    {func(*peer) []byte { return appendWindow(nil, 0, 0) }, ProtocolError},
		"a window that grows too far": {func(*peer) []byte { return appendWindow(nil, 0, maxWindow) }, FlowControlError},
		"PINGs":                       {func(*peer) []byte { return bytes.Repeat(appendPing(nil, 0, drainPing), 10_000) }, EnhanceYourCalm},
		"SETTINGS":                    {func(*peer) []byte { return bytes.Repeat(settings(setFrame, frameSize), 10_000) }, EnhanceYourCalm},
		"unknown":                     {func(*peer) []byte { return bytes.Repeat(appendFrameHead(nil, 0, 99, 0, 0), 10_000) }, EnhanceYourCalm},
		"empty bodies": {func(p *peer) []byte {
			return append(headersFrame(1, flagEndHeaders, good(p)), bytes.Repeat(dataFrame(1, 0, nil), 10_000)...)
		}, EnhanceYourCalm},
		"calls that are given up at once": {func(p *peer) []byte {
			var out []byte
			for i := range uint32(10_000) {
				out = appendReset(append(out, headersFrame(2*i+1, flagEndHeaders, good(p))...), 2*i+1, Cancel)
			}
			return out
		}, EnhanceYourCalm},
		"calls beyond the most": {func(p *peer) []byte {
			var out []byte
			for i := range uint32(10_000) {
				out = append(out, headersFrame(2*i+1, flagEndHeaders, good(p))...)
			}
			return out
		}, EnhanceYourCalm},
	} {
		t.Run(name, func(t *testing.T) {
			k := newTaken()
			p := client(t, testSettings, k.open)
			sent := make(chan struct{})
			go func() { p.send(c.send(p)); close(sent) }()
			f := p.await(frameGoAway, 0)
			if f.code() != c.want {
				t.Errorf("ended with %v: %s; want %v", f.code(), f.payload[8:], c.want)
			}
			_ = p.conn.Close() // it is not waited for any longer
			if fault := <-p.fault; fault == nil || fault.Code != c.want {
				t.Errorf("told %v", fault)
			}
			<-sent
		})
	}
}

// What a peer may not do on a stream ends that alone.
func TestFaultsOfStreams(t *testing.T) {
	long := strings.Repeat("x", frameSize)
	for name, c := range map[string]struct {
		fields []string
		then   func(p *peer) []byte
		want   Code
	}{
		"no path":                 {[]string{":method", "GET", ":scheme", "http", ":authority", "x"}, nil, ProtocolError},
		"an empty path":           {[]string{":method", "GET", ":scheme", "http", ":path", "", ":authority", "x"}, nil, ProtocolError},
		"two paths":               {[]string{":method", "GET", ":scheme", "http", ":path", "/", ":path", "/", ":authority", "x"}, nil, ProtocolError},
		"a status":                {[]string{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "x", ":status", "200"}, nil, ProtocolError},
		"a field before":          {[]string{"a", "b", ":method", "GET", ":scheme", "http", ":path", "/", ":authority", "x"}, nil, ProtocolError},
		"two hosts":               {[]string{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "x", "host", "y"}, nil, ProtocolError},
		"no host":                 {[]string{":method", "GET", ":scheme", "http", ":path", "/"}, nil, ProtocolError},
		"capitals":                {[]string{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "x", "A", "b"}, nil, ProtocolError},
		"a line's end":            {[]string{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "x", "a", "b\r\nc: d"}, nil, ProtocolError},
		"a space at the end":      {[]string{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "x", "a", "b "}, nil, ProtocolError},
		"a space in the path":     {[]string{":method", "GET", ":scheme", "http", ":path", "/ HTTP/1.1", ":authority", "x"}, nil, ProtocolError},
		"connection":              {[]string{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "x", "connection", "close"}, nil, ProtocolError},
		"transfer-encoding":       {[]string{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "x", "transfer-encoding", "chunked"}, nil, ProtocolError},
		"te":                      {[]string{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "x", "te", "gzip"}, nil, ProtocolError},
		"a tunnel":                {[]string{":method", "CONNECT", ":authority", "x"}, nil, ProtocolError},
		"two lengths":             {[]string{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "x", "content-length", "1", "content-length", "2"}, nil, ProtocolError},
		"a length that is none":   {[]string{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "x", "content-length", "+1"}, nil, ProtocolError},
		"a body longer than said": {nil, func(*peer) []byte { return dataFrame(1, 0, []byte("123456")) }, ProtocolError},
		"a body shorter":          {nil, func(*peer) []byte { return dataFrame(1, flagEnd, []byte("1234")) }, ProtocolError},
		"a body behind the end": {nil, func(*peer) []byte {
			return append(dataFrame(1, flagEnd, []byte("12345")), dataFrame(1, 0, []byte("1"))...)
		}, StreamClosed},
		"trailers that are not the end": {nil, func(p *peer) []byte { return headersFrame(1, flagEndHeaders, p.block("a", "b")) }, ProtocolError},
		"a status behind the body": {nil, func(p *peer) []byte {
			return append(dataFrame(1, 0, []byte("12345")), headersFrame(1, flagEndHeaders|flagEnd, p.block(":status", "200"))...)
		}, ProtocolError},
		"trailers that are too long":  {nil, func(p *peer) []byte { return headersFrame(1, flagEndHeaders|flagEnd, p.block("a", long)) }, EnhanceYourCalm},
		"a window that grows by 0":    {nil, func(*peer) []byte { return appendWindow(nil, 1, 0) }, ProtocolError},
		"a window that grows too far": {nil, func(*peer) []byte { return appendWindow(nil, 1, maxWindow) }, FlowControlError},
	} {
		t.Run(name, func(t *testing.T) {
			k := newTaken()
			p := client(t, testSettings, k.open)
			if c.fields != nil {
				p.send(headersFrame(1, flagEndHeaders, p.block(c.fields...)))
			} else {
				p.call(1, 0, "content-length", "5")
				p.send(c.then(p))
			}
			if f := p.await(frameReset, 1); f.code() != c.want {
				t.Errorf("reset with %v, want %v", f.code(), c.want)
			}
			if c.fields == nil {
				k.until(func() bool { return k.closed != nil })
			} else if n := k.opened(); n > 0 {
				t.Errorf("%d calls were told of", n)
			}
			p.call(3, flagEnd) // the connection goes on
			k.until(func() bool { return len(k.streams) > 0 && k.streams[len(k.streams)-1].id == 3 })
		})
	}
}

// More than a stream's window is its fault alone.
func TestAStreamsWindow(t *testing.T) {
	k := newTaken()
	p := client(t, testSettings, k.open)
	p.call(1, 0)
	for range StreamWindow / frameSize {
		p.send(dataFrame(1, 0, make([]byte, frameSize)))
	}
	k.until(func() bool { return len(k.body) == StreamWindow })
	k.streams[0].Consumed(StreamWindow/2 - 1)
	k.streams[0].Consumed(1)
	p.tested.Flush()
	if f := p.await(frameWindow, 1); f.payload[2] != byte(StreamWindow/2>>8) {
		t.Errorf("the window grows by %x", f.payload)
	}
	for range StreamWindow/frameSize/2 + 1 {
		p.send(dataFrame(1, 0, make([]byte, frameSize)))
	}
	if f := p.await(frameReset, 1); f.code() != FlowControlError {
		t.Errorf("reset with %v", f.code())
	}
}

// A head with more than it may have is answered by who is asked, and the next is decoded right.
func TestALongHead(t *testing.T) {
	k := newTaken()
	p := client(t, testSettings, k.open)
	p.call(1, flagEnd, "a", strings.Repeat("x", 7000), "b", strings.Repeat("y", 7000))
	k.until(func() bool { return k.long })
	p.call(3, flagEnd, "a", "b")
	k.until(func() bool { return len(k.streams) == 2 })
	if k.long || len(k.fields[1]) != 5 {
		t.Errorf("the next head is %v", k.fields[1])
	}
}

func TestAWindowThatIsShutMakesBodiesWait(t *testing.T) {
	k := newTaken()
	p := client(t, testSettings, k.open)
	p.send(appendSetting(appendFrameHead(nil, 6, frameSettings, 0, 0), setWindow, 10))
	p.call(1, flagEnd)
	k.until(func() bool { return len(k.streams) == 1 })
	s := k.streams[0]
	s.SendHead([]Field{{Name: ":status", Value: "200"}}, false)
	if n := s.SendData([]byte("0123456789abcdef"), false); n != 10 {
		t.Fatalf("%d bytes went out", n)
	}
	s.SendHead([]Field{{Name: "x-behind", Value: "y"}}, true)
	p.tested.Flush()
	if f := p.await(frameData, 1); string(f.payload) != "0123456789" {
		t.Errorf("came %q", f.payload)
	}
	p.send(appendWindow(nil, 1, 2))
	if f := p.await(frameData, 1); string(f.payload) != "ab" || f.has(flagEnd) {
		t.Errorf("came %q", f.payload)
	}
	p.send(appendSetting(appendFrameHead(nil, 6, frameSettings, 0, 0), setWindow, 100))
	if f := p.await(frameData, 1); string(f.payload) != "cdef" || f.has(flagEnd) {
		t.Errorf("came %q", f.payload)
	}
	if f := p.await(frameHeaders, 1); !f.has(flagEnd) {
		t.Error("the trailers are not the end")
	}
	k.until(func() bool { return k.took == 6 })
}

// Streams that wait for the connection's window take turns.
func TestStreamsTakeTurns(t *testing.T) {
	k := newTaken()
	p := client(t, testSettings, k.open)
	p.send(appendSetting(appendFrameHead(nil, 6, frameSettings, 0, 0), setWindow, maxWindow))
	p.call(1, flagEnd)
	p.call(3, flagEnd)
	k.until(func() bool { return len(k.streams) == 2 })
	for _, s := range k.streams {
		s.SendHead([]Field{{Name: ":status", Value: "200"}}, false)
	}
	k.streams[0].SendData(make([]byte, 200_000), true)
	k.streams[1].SendData(make([]byte, 200_000), true)
	p.tested.Flush()
	got := map[uint32]int{}
	for got[1]+got[3] < firstWindow {
		if f, ok := p.next(); ok && f.kind == frameData {
			got[f.stream] += len(f.payload)
		}
	}
	p.send(appendWindow(nil, 0, 200_000))
	for got[1]+got[3] < firstWindow+200_000 {
		if f, ok := p.next(); ok && f.kind == frameData {
			got[f.stream] += len(f.payload)
		}
	}
	if got[3] < 80_000 {
		t.Errorf("the streams have sent %v", got)
	}
}

// A call counts until its work is over.
func TestAsManyCallsAsMayBe(t *testing.T) {
	k := newTaken()
	s := testSettings
	s.Streams = 2
	p := client(t, s, func(s *Stream, fields []Field, end, long bool) {
		s.Hold()
		k.open(s, fields, end, long)
	})
	p.call(1, flagEnd)
	p.call(3, flagEnd)
	p.send(appendReset(nil, 1, Cancel))
	p.call(5, flagEnd)
	if f := p.await(frameReset, 5); f.code() != RefusedStream {
		t.Errorf("reset with %v", f.code())
	}
	k.until(func() bool { return len(k.streams) == 2 && k.closed != nil })
	k.streams[0].Release()
	p.call(7, flagEnd)
	k.until(func() bool { return len(k.streams) == 3 })
}

func TestDrain(t *testing.T) {
	k := newTaken()
	p := client(t, testSettings, k.open)
	p.call(1, flagEnd)
	k.until(func() bool { return len(k.streams) == 1 })
	p.tested.mu.Lock()
	p.tested.announce = time.Hour // a busy machine may be slow to read it
	p.tested.mu.Unlock()
	p.tested.Drain()
	if f := p.await(frameGoAway, 0); f.code() != NoError || f.payload[0] != 0x7f {
		t.Errorf("the first GOAWAY is %x", f.payload)
	}
	p.call(3, flagEnd) // sent before that was read
	k.until(func() bool { return len(k.streams) == 2 })
	p.send(appendPing(nil, flagAck, p.await(framePing, 0).payload))
	if f := p.await(frameGoAway, 0); f.code() != NoError || f.payload[3] != 3 {
		t.Errorf("the second GOAWAY is %x", f.payload)
	}
	p.call(5, flagEnd)
	if f := p.await(frameReset, 5); f.code() != RefusedStream {
		t.Errorf("reset with %v", f.code())
	}
	for _, s := range k.streams {
		s.SendHead([]Field{{Name: ":status", Value: "200"}}, true)
		p.tested.Flush()
		p.await(frameHeaders, s.id)
	}
	for ok := true; ok; _, ok = p.next() {
	}
	if fault := <-p.fault; fault != nil {
		t.Error(fault)
	}
}

// What is waited for too long ends: an idle connection in order, a frame that does not come to its end as a fault, a stream
// whose client takes nothing alone.
func TestWaits(t *testing.T) {
	s := testSettings
	s.Idle = 20 * time.Millisecond
	p := client(t, s, newTaken().open)
	if f := p.await(frameGoAway, 0); f.code() != NoError {
		t.Errorf("an idle connection ended with %v", f.code())
	}
	s = testSettings
	s.Head = 20 * time.Millisecond
	p = client(t, s, newTaken().open)
	p.send(appendPing(nil, 0, drainPing)[:12])
	if f := p.await(frameGoAway, 0); f.code() != EnhanceYourCalm {
		t.Errorf("half a frame ended with %v", f.code())
	}
	p = client(t, s, newTaken().open)
	p.send(headersFrame(1, 0, p.block(":method", "GET")))
	if f := p.await(frameGoAway, 0); f.code() != EnhanceYourCalm {
		t.Errorf("half a head ended with %v", f.code())
	}
	s = testSettings
	s.Silence = 20 * time.Millisecond
	k := newTaken()
	p = client(t, s, k.open)
	p.send(appendSetting(appendFrameHead(nil, 6, frameSettings, 0, 0), setWindow, 0))
	p.call(1, flagEnd)
	k.until(func() bool { return len(k.streams) == 1 })
	k.streams[0].SendData([]byte("x"), true)
	if f := p.await(frameReset, 1); f.code() != Cancel {
		t.Errorf("reset with %v", f.code())
	}
	k.until(func() bool { return k.closed != nil })
}

func TestTheClientsEnd(t *testing.T) {
	p := server(t, testSettings)
	request := []Field{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "http"}, {Name: ":path", Value: "/"}, {Name: ":authority", Value: "x"}}
	k, other := newTaken(), newTaken()
	first, ok := p.tested.Open(request, true, k)
	if _, second := p.tested.Open(request, false, other); !ok || !second {
		t.Fatal("no stream is opened")
	}
	p.tested.Flush()
	if f := p.await(frameHeaders, first.id); !f.has(flagEnd) || p.fields(f)[":path"] != "/" {
		t.Errorf("came %v", f)
	}
	p.await(frameHeaders, 3)
	p.send(headersFrame(1, flagEndHeaders, p.block(":status", "100")))
	p.send(headersFrame(1, flagEndHeaders, p.block(":status", "200", "content-length", "2")))
	p.send(appendGoAway(nil, 1, NoError, "bye"))
	other.until(func() bool { return other.closed != nil })
	if !other.closed.Unsent {
		t.Errorf("the second call ended with %v", other.closed)
	}
	if _, ok := p.tested.Open(request, true, k); ok || p.tested.Alive() {
		t.Error("a stream was opened behind a GOAWAY")
	}
	p.send(dataFrame(1, flagEnd, []byte("ok")))
	k.until(func() bool { return k.ended })
	if k.status != 200 || string(k.body) != "ok" {
		t.Errorf("answered %d %q", k.status, k.body)
	}
	for ok := true; ok; _, ok = p.next() {
	}
	if fault := <-p.fault; fault != nil {
		t.Error(fault)
	}
}

// A server that says what nobody may ends its call, or its connection with all of them.
func TestFaultsOfServers(t *testing.T) {
	request := []Field{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "http"}, {Name: ":path", Value: "/"}, {Name: ":authority", Value: "x"}}
	for name, c := range map[string]struct {
		send func(p *peer) []byte
		lost bool
	}{
		"no status":         {func(p *peer) []byte { return headersFrame(1, flagEndHeaders|flagEnd, p.block("a", "b")) }, false},
		"switches":          {func(p *peer) []byte { return headersFrame(1, flagEndHeaders, p.block(":status", "101")) }, false},
		"body first":        {func(*peer) []byte { return dataFrame(1, flagEnd, []byte("x")) }, false},
		"ends with interim": {func(p *peer) []byte { return headersFrame(1, flagEndHeaders|flagEnd, p.block(":status", "100")) }, false},
		"a short body": {func(p *peer) []byte {
			return append(headersFrame(1, flagEndHeaders, p.block(":status", "200", "content-length", "2")), dataFrame(1, flagEnd, []byte("x"))...)
		}, false},
		"a stream of its own": {func(p *peer) []byte { return headersFrame(7, flagEndHeaders|flagEnd, p.block(":status", "200")) }, true},
		"a push":              {func(*peer) []byte { return append(appendFrameHead(nil, 4, framePush, flagEndHeaders, 1), 0, 0, 0, 2) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := server(t, testSettings)
			k := newTaken()
			if _, ok := p.tested.Open(request, true, k); !ok {
				t.Fatal("no stream is opened")
			}
			p.tested.Flush()
			p.await(frameHeaders, 1)
			p.send(c.send(p))
			k.until(func() bool { return k.closed != nil })
			if k.closed.Lost != c.lost || k.closed.Unsent {
				t.Errorf("ended with %+v", k.closed)
			}
		})
	}
}

// A body whose window opens by odd bits goes out as it was, and what is added to it meanwhile behind it.
func TestABodyThatGoesOutByBits(t *testing.T) {
	k := newTaken()
	p := client(t, testSettings, k.open)
	p.send(appendSetting(appendFrameHead(appendWindow(nil, 0, 1<<20), 6, frameSettings, 0, 0), setWindow, 0))
	p.call(1, flagEnd)
	k.until(func() bool { return len(k.streams) == 1 })
	s, want, got := k.streams[0], []byte(nil), []byte(nil)
	add := func(n int, end bool) {
		part := make([]byte, n)
		for i := range part {
			part[i] = byte((len(want) + i) % 251)
		}
		want = append(want, part...)
		s.SendData(part, end)
	}
	s.SendHead([]Field{{Name: ":status", Value: "200"}}, false)
	add(40_000, false)
	p.tested.Flush()
	for i, ended := 0, false; !ended; i++ {
		p.send(appendWindow(nil, 1, 1031))
		f := p.await(frameData, 1)
		got = append(got, f.payload...)
		if ended = f.has(flagEnd); i%10 == 9 && i < 100 {
			add(7001, i == 99)
		}
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes came of %d, or others", len(got), len(want))
	}
}

// A peer that has a body go out byte by byte is sent away: each costs it thirteen, and here a frame.
func TestWindowsThatGrowByBytes(t *testing.T) {
	for name, stream := range map[string]uint32{"of a stream": 1, "of a connection": 0} {
		t.Run(name, func(t *testing.T) {
			k := newTaken()
			p := client(t, testSettings, k.open)
			if stream == 1 {
				p.send(appendSetting(appendFrameHead(nil, 6, frameSettings, 0, 0), setWindow, 0))
			} else {
				p.send(appendSetting(appendFrameHead(nil, 6, frameSettings, 0, 0), setWindow, 1<<20))
			}
			p.call(1, flagEnd)
			k.until(func() bool { return len(k.streams) == 1 })
			s := k.streams[0]
			s.SendHead([]Field{{Name: ":status", Value: "200"}}, false)
			s.SendData(make([]byte, firstWindow+StreamWindow), true)
			p.tested.Flush()
			sent := make(chan struct{})
			go func() { p.send(bytes.Repeat(appendWindow(nil, stream, 1), 10_000)); close(sent) }()
			if f := p.await(frameGoAway, 0); f.code() != EnhanceYourCalm {
				t.Errorf("ended with %v", f.code())
			}
			_ = p.conn.Close() // it is not waited for any longer
			<-sent
		})
	}
}
