package rpc

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// serverByHand is a server of HTTP/2 that answers as a function says, for each connection.
func serverByHand(t *testing.T, serve func(f *http2.Framer)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if _, err := io.ReadFull(c, make([]byte, len(http2.ClientPreface))); err != nil {
					return
				}
				f := http2.NewFramer(c, c)
				f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
				if f.WriteSettings() == nil {
					serve(f)
				}
			}()
		}
	}()
	return l.Addr().String()
}

// post is the head of a call with a body.
func post(path string) []string {
	return []string{":method", "POST", ":scheme", "http", ":path", path, ":authority", "x"}
}

// frameOf is the next frame of a kind on a stream; the zero T: the connection has ended.
func frameOf[T http2.Frame](f *http2.Framer, stream uint32) (found T) {
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return found
		}
		if is, ok := frame.(T); ok && is.Header().StreamID == stream {
			return is
		}
	}
}

// Trailers that waited for a connection are sent once: the call is not sent again without them.
func TestTrailersThatWaitedAreNotLost(t *testing.T) {
	release, seen := make(chan struct{}), make(chan string, 10)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hold" {
			_ = http.NewResponseController(w).Flush()
			<-release
			return
		}
		body, _ := io.ReadAll(r.Body)
		seen <- string(body) + " " + r.Trailer.Get("X-Sum")
		w.WriteHeader(503)
	}))
	s.Config.Protocols = &http.Protocols{}
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 1}
	s.Start()
	t.Cleanup(s.Close)
	addr, _, w := proxy(t, testSettings, strings.Replace(retrying("methods: [POST]", s.Listener.Addr().String()), "web: {", "web: {protocol: http2, max_connections: 1, ", 1))
	f, _, block := rawClient(t, addr)
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, EndStream: true, BlockFragment: block(post("/hold")...)})
	if head := frameOf[*http2.MetaHeadersFrame](f, 1); head == nil || head.PseudoValue("status") != "200" {
		t.Fatalf("the first call is answered %v", head)
	}
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, EndHeaders: true, BlockFragment: block(append(post("/"), "trailer", "x-sum")...)})
	_ = f.WriteData(3, false, []byte("body"))
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, EndHeaders: true, EndStream: true, BlockFragment: block("x-sum", "17")})
	_ = f.WritePing(false, [8]byte{})
	frameOf[*http2.PingFrame](f, 0) // all has been read, and waits
	close(release)
	if head := frameOf[*http2.MetaHeadersFrame](f, 3); head == nil || head.PseudoValue("status") != "503" {
		t.Errorf("the second call is answered %v", head)
	}
	if got := <-seen; got != "body 17" {
		t.Errorf("the server got %q", got)
	}
	eventually(t, "both calls are told of", func() bool { return w.count() == 2 })
	if d := w.last(t); d.Retries != 0 || len(seen) > 0 {
		t.Errorf("the call was sent again: %+v", d)
	}
}

// A server that refuses a call whose trailers it has been sent is not sent it without them: the client is told.
func TestTrailersOfARefusedCall(t *testing.T) {
	server := serverByHand(t, func(f *http2.Framer) {
		for {
			frame, err := f.ReadFrame()
			if err != nil {
				return
			}
			switch h := frame.Header(); {
			case h.Type == http2.FrameHeaders && !h.Flags.Has(http2.FlagHeadersEndStream):
				_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: h.StreamID, EndHeaders: true, BlockFragment: interim})
			case h.Type == http2.FrameHeaders:
				_ = f.WriteRSTStream(h.StreamID, http2.ErrCodeRefusedStream)
			case h.Type == http2.FrameData:
				_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: h.StreamID, EndHeaders: true, EndStream: true, BlockFragment: []byte{0x88}})
			}
		}
	})
	addr, _, _ := proxy(t, testSettings, to2(server))
	f, _, block := rawClient(t, addr)
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: block(post("/")...)})
	if head := frameOf[*http2.MetaHeadersFrame](f, 1); head == nil || head.PseudoValue("status") != "103" { // it has come to its server
		t.Fatalf("the call is answered %v", head)
	}
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, EndStream: true, BlockFragment: block("x-sum", "17")})
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if reset, ok := frame.(*http2.RSTStreamFrame); ok {
			if reset.ErrCode != http2.ErrCodeRefusedStream {
				t.Errorf("the call ended with %v", reset.ErrCode)
			}
			return
		}
		if head, ok := frame.(*http2.MetaHeadersFrame); ok {
			t.Fatalf("the call is answered %v", head.Fields)
		}
	}
}

// interim is the head of an answer that is not the last, by no table's entry.
var interim = []byte("\x08\x03103")

// What may not stand behind a body is not passed on there.
func TestTrailersAreFiltered(t *testing.T) {
	for _, c := range []struct{ fields, want []string }{
		{[]string{"x-sum", "17", "content-length", "5", TimeoutHeader, "99", "authorization", "me"}, []string{"x-sum", "17"}},
		{[]string{"authorization", "me"}, nil},
	} {
		got := make(chan []string, 1)
		server := serverByHand(t, func(f *http2.Framer) {
			var all []string
			for first := true; ; {
				frame, err := f.ReadFrame()
				if err != nil {
					return
				}
				h := frame.Header()
				if head, ok := frame.(*http2.MetaHeadersFrame); ok && !first {
					for _, field := range head.Fields {
						all = append(all, field.Name, field.Value)
					}
				}
				if first = first && h.Type != http2.FrameHeaders; !first && h.StreamID > 0 && h.Flags.Has(http2.FlagDataEndStream) {
					got <- all
					_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: h.StreamID, EndHeaders: true, EndStream: true, BlockFragment: []byte{0x88}})
				}
			}
		})
		addr, _, _ := proxy(t, testSettings, to2(server))
		f, _, block := rawClient(t, addr)
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: block(post("/")...)})
		_ = f.WriteData(1, false, []byte("hello"))
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, EndStream: true, BlockFragment: block(c.fields...)})
		if head := frameOf[*http2.MetaHeadersFrame](f, 1); head == nil || head.PseudoValue("status") != "200" {
			t.Errorf("answered %v", head)
		}
		if all := <-got; strings.Join(all, "|") != strings.Join(c.want, "|") {
			t.Errorf("behind the body the server got %q, want %q", all, c.want)
		}
	}
}

// A code of gRPC is told of as the number that it is, not as a server has written it.
func TestCodesThatAreWrittenOddly(t *testing.T) {
	for written, want := range map[string]string{"005": "5", "+5": "5", "16": "16", "17": "2", "x": "2"} {
		server := serverByHand(t, func(f *http2.Framer) {
			for {
				frame, err := f.ReadFrame()
				if err != nil {
					return
				}
				if frame.Header().Type == http2.FrameHeaders {
					fragment := append([]byte{0x88, 0, 11}, "grpc-status"...)
					fragment = append(append(fragment, byte(len(written))), written...)
					_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: frame.Header().StreamID, EndHeaders: true, EndStream: true, BlockFragment: fragment})
				}
			}
		})
		addr, _, w := proxy(t, testSettings, to2(server))
		f, _, block := rawClient(t, addr)
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, EndStream: true, BlockFragment: block(append(post("/"), "content-type", "application/grpc")...)})
		frameOf[*http2.MetaHeadersFrame](f, 1)
		eventually(t, "the call is told of", func() bool { return w.count() == 1 })
		if d := w.last(t); d.Code != want {
			t.Errorf("%q is told of as %q, want %q", written, d.Code, want)
		}
	}
}

// interimServers answer a call with so many interim answers, and one, by either protocol.
func interimServers(t *testing.T, n int) (one, two string) {
	t.Helper()
	two = serverByHand(t, func(f *http2.Framer) {
		for {
			frame, err := f.ReadFrame()
			if err != nil {
				return
			}
			if h := frame.Header(); h.Type == http2.FrameHeaders {
				for range n {
					_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: h.StreamID, EndHeaders: true, BlockFragment: interim})
				}
				_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: h.StreamID, EndHeaders: true, EndStream: true, BlockFragment: []byte{0x88}})
			}
		}
	})
	one = backend(t, func(w http.ResponseWriter, _ *http.Request) {
		for range n {
			w.WriteHeader(103)
		}
	})
	return one, two
}

// A server may say so often that an answer comes; one that goes on with that fails its call.
func TestInterimAnswersAreBounded(t *testing.T) {
	for n, want := range map[int]string{16: "200", 17: "502"} {
		one, two := interimServers(t, n)
		for name, document := range map[string]string{"to HTTP/1": to(one), "to HTTP/2": to2(two)} {
			addr, _, w := proxy(t, testSettings, document)
			f, _, block := rawClient(t, addr)
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, EndStream: true, BlockFragment: block(post("/")...)})
			interims := 0
			for {
				head := frameOf[*http2.MetaHeadersFrame](f, 1)
				if head == nil {
					t.Fatalf("%d %s: the connection has ended", n, name)
				}
				if status := head.PseudoValue("status"); status == "103" {
					interims++
				} else if status != want || interims != 16 {
					t.Errorf("%d %s: answered %s behind %d", n, name, status, interims)
				}
				if head.PseudoValue("status") >= "200" {
					break
				}
			}
			eventually(t, "the call is told of", func() bool { return w.count() == 1 })
			if d := w.last(t); (d.Why == "") != (want == "200") {
				t.Errorf("%d %s: told %+v", n, name, d)
			}
		}
		addr, _, _ := proxy(t, testSettings, to2(two))
		answer := say(t, addr, "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
		if strings.Count(answer, "HTTP/1.1 103 ") != 16 || strings.Contains(answer, "HTTP/1.1 200 ") != (want == "200") {
			t.Errorf("%d to HTTP/2, by HTTP/1: answered %q", n, answer)
		}
	}
}
