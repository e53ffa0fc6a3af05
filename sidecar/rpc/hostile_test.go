package rpc

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// rawClient begins a connection of HTTP/2 by hand.
func rawClient(t *testing.T, addr string) (*http2.Framer, net.Conn, func(fields ...string) []byte) {
	t.Helper()
	c := dial(t, addr)
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	f := http2.NewFramer(c, c)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if err := f.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	return f, c, func(fields ...string) []byte {
		block.Reset()
		for i := 0; i < len(fields); i += 2 {
			_ = enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
		}
		return block.Bytes()
	}
}

// A client that opens calls and gives them up at once is sent away, whatever its calls' server speaks; what it began ends, and others go on.
func TestRapidReset(t *testing.T) {
	var running atomic.Int64
	pairs(t, "2", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			running.Add(1)
			defer running.Add(-1)
			<-r.Context().Done()
		}
	}, func(t *testing.T, client *http.Client, addr string, w *watched) {
		f, _, block := rawClient(t, addr)
		go func() {
			for id := uint32(1); ; id += 2 {
				if f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, EndStream: true, EndHeaders: true,
					BlockFragment: block(":method", "GET", ":scheme", "http", ":path", "/wait", ":authority", "x")}) != nil || f.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
					return // it is sent away
				}
			}
		}()
		for ended := false; !ended; {
			frame, err := f.ReadFrame()
			if err != nil {
				break // the last words may be lost to one who goes on speaking
			}
			if away, ok := frame.(*http2.GoAwayFrame); ok {
				if ended = true; away.ErrCode != http2.ErrCodeEnhanceYourCalm {
					t.Errorf("sent away with %v", away.ErrCode)
				}
			}
		}
		for w.conns.Load() > 0 {
			runtime.Gosched()
		}
		w.mu.Lock()
		if len(w.faults) != 1 || !strings.HasPrefix(w.faults[0], "ENHANCE_YOUR_CALM") {
			t.Errorf("told of %q", w.faults)
		}
		w.mu.Unlock()
		for running.Load() > 0 {
			runtime.Gosched()
		}
		res, err := client.Get("http://" + addr + "/")
		if err != nil || res.StatusCode != 200 {
			t.Fatal(res, err)
		}
		_ = res.Body.Close()
	})
}

// A head that is too long has an answer, and so has what HTTP/2 lets through and no server is asked: the connection goes on.
func TestHeadsThatAreRefused(t *testing.T) {
	server, _ := backend2(t, func(http.ResponseWriter, *http.Request) {})
	settings := testSettings
	settings.HeadSize = 2000
	addr, _, w := proxy(t, settings, to2(server))
	f, _, block := rawClient(t, addr)
	id := uint32(1)
	for _, c := range []struct {
		status string
		path   string
		fields []string
	}{
		{"431", "/", []string{"long", strings.Repeat("x", 2500)}},
		{"400", "/a/../b", nil},
		{"400", "/a/%2E%2e/b", nil},
		{"400", "/a#b", nil},
		{"200", "/", nil},
	} {
		fragment := block(append([]string{":method", "GET", ":scheme", "http", ":path", c.path, ":authority", "x"}, c.fields...)...)
		if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, EndStream: true, EndHeaders: true, BlockFragment: fragment}); err != nil {
			t.Fatal(err)
		}
		for {
			frame, err := f.ReadFrame()
			if err != nil {
				t.Fatal(err)
			}
			if head, ok := frame.(*http2.MetaHeadersFrame); ok && head.StreamID == id {
				if got := head.PseudoValue("status"); got != c.status {
					t.Errorf("%s was answered %s, want %s", c.path, got, c.status)
				}
				break
			}
		}
		id += 2
	}
	for w.count() < 5 {
		runtime.Gosched()
	}
}

// An upgrade to h2c would be a tunnel past the routes: it is not passed on.
func TestNoUpgradeToHTTP2(t *testing.T) {
	seen := make(chan http.Header, 1)
	server := backend(t, func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header.Clone() })
	addr, _, _ := proxy(t, testSettings, to(server))
	answer := say(t, addr, "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade, http2-settings, close\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n")
	if h := <-seen; h.Get("Upgrade") != "" || h.Get("Http2-Settings") != "" || !strings.HasPrefix(answer, "HTTP/1.1 200 ") {
		t.Errorf("the server got %v; answered %q", h, answer)
	}
}

// A server that overruns what it may is cut off, and its calls fail; the next goes by a new connection.
func TestAServerThatBreaksTheRules(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var calls atomic.Int64
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go rude(c, &calls)
		}
	}()
	addr, _, _ := proxy(t, testSettings, to2(l.Addr().String()))
	client := client2(t)
	for i, want := range []int{502, 502, 200} {
		res, err := client.Post("http://"+addr+"/", "text/plain", strings.NewReader("x"))
		if err != nil || res.StatusCode != want {
			t.Fatalf("call %d: %v, %v; want %d", i, res, err, want)
		}
		_ = res.Body.Close()
	}
}

// rude answers the first call with a frame that is too long, the second with a push, and the third.
func rude(c net.Conn, calls *atomic.Int64) {
	defer c.Close()
	if _, err := io.ReadFull(c, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	f := http2.NewFramer(c, c)
	if f.WriteSettings() != nil {
		return
	}
	for {
		frame, err := f.ReadFrame()
		var too http2.ConnectionError
		if errors.As(err, &too) || err != nil {
			return
		}
		if _, ok := frame.(*http2.HeadersFrame); !ok {
			continue
		}
		switch calls.Add(1) {
		case 1:
			err = f.WriteData(frame.Header().StreamID, false, make([]byte, 1<<20))
		case 2:
			err = f.WritePushPromise(http2.PushPromiseParam{StreamID: frame.Header().StreamID, PromiseID: 2, EndHeaders: true})
		default:
			err = f.WriteHeaders(http2.HeadersFrameParam{StreamID: frame.Header().StreamID, EndHeaders: true, EndStream: true, BlockFragment: []byte{0x88}})
		}
		if err != nil {
			return
		}
	}
}
