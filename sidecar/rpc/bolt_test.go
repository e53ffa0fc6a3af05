package rpc

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/internal/certs"
	"github.com/heddle-mesh/heddle/internal/certs/certstest"
	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt"
	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt/bolttest"
	"github.com/heddle-mesh/heddle/sidecar/rpc/mux"
	"github.com/heddle-mesh/heddle/sidecar/rpc/secure"
	"github.com/heddle-mesh/heddle/sidecar/rpc/upstream"
)

// serving serves a protocol of frames, and counts its connections.
func serving[F ~[]byte](t *testing.T, serve func(net.Listener, func(out []byte, f F) []byte), answer func(out []byte, f F) []byte) (addr string, conns *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns = &atomic.Int64{}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		serve(counting{l, conns}, answer)
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return l.Addr().String(), conns
}

func boltServer(t *testing.T, answer func(out []byte, f bolt.Frame) []byte) (addr string, conns *atomic.Int64) {
	t.Helper()
	return serving(t, bolttest.Serve, answer)
}

type counting struct {
	net.Listener
	n *atomic.Int64
}

func (c counting) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.n.Add(1)
	}
	return conn, err
}

func toBolt(addrs ...string) string {
	return fmt.Sprintf("clusters: {stock: {protocol: bolt, connect_timeout: 60s, endpoints: [%s]}}\nroutes: [{path: {prefix: /stock}, to: stock, timeout: 1m}]\n", `"`+strings.Join(addrs, `", "`)+`"`)
}

// describedBolt is what version 1 of Bolt is in words that any protocol could be described by.
const describedBolt = `protocols:
  x-bolt:
    magic: "01"
    head: 22
    parts: [class, header, content]
    lengths: [{at: 14, width: 2, of: class}, {at: 16, width: 2, of: header}, {at: 18, width: 4, of: content}]
    answer: {head: 20, lengths: [{at: 12, width: 2, of: class}, {at: 14, width: 2, of: header}, {at: 16, width: 4, of: content}]}
    id: {at: 5, width: 4}
    kind: {at: 1, width: 3, request: [0x010001], oneway: [0x020001], answer: [0x000002], heartbeat: [0x010000], heartbeat_answer: [0x000000]}
    status:
      at: 10
      width: 2
      ok: [0]
      failed: 1
      tell: {404: 6, 400: 9, 429: 4, 502: 16, 503: 8, 504: 7}
      count: {6: 404, 9: 400, 18: 400, 4: 503, 8: 503, 5: 502, 16: 502, 7: 504}
      unexecuted: [4]
    deadline: {at: 10, width: 4}
    metadata: {part: header, key: 4, value: 4, service: sofa_head_target_service, method: sofa_head_method_name, traceparent: traceparent, caller: x-forwarded-client-cert}
    failure: "01 000002 01 00000000 01 0000 0000 0000 00000000"
    heartbeat: "01 010000 01 00000000 01 ffffffff 0000 0000 00000000"
    heartbeat_answer: "01 000000 01 00000000 01 0000 0000 0000 00000000"
`

// eachBolt has a test be one of Bolt as it is known, and as it is described.
func eachBolt(t *testing.T, test func(t *testing.T, toBolt func(addrs ...string) string)) {
	t.Run("known", func(t *testing.T) { test(t, toBolt) })
	t.Run("described", func(t *testing.T) {
		test(t, func(addrs ...string) string { return asDescribed(toBolt(addrs...)) })
	})
}

func asDescribed(document string) string {
	return strings.ReplaceAll(document, "protocol: bolt", "protocol: x-bolt") + describedBolt
}

// peer is the other end of a connection of a protocol of frames.
type peer[F ~[]byte] struct {
	net.Conn
	t *testing.T
	r *mux.Reader[F]
}

// next is the next frame, or an error.
func (a *peer[F]) next() (F, error) {
	for {
		f, err := a.r.Next()
		if f != nil || err != nil {
			return bytes.Clone(f), err
		}
		if err := a.r.More(); err != nil {
			return nil, err
		}
	}
}

func (a *peer[F]) answer() F {
	a.t.Helper()
	f, err := a.next()
	if err != nil {
		a.t.Fatal(err)
	}
	return f
}

func (a *peer[F]) write(p []byte) {
	a.t.Helper()
	if _, err := a.Write(p); err != nil {
		a.t.Fatal(err)
	}
}

// asking is a client.
type asking struct{ peer[bolt.Frame] }

func askingOn(t *testing.T, c net.Conn, limit int) *asking {
	return &asking{peer[bolt.Frame]{c, t, bolt.NewReader(c, limit, nil)}}
}

func askBolt(t *testing.T, addr string) *asking {
	t.Helper()
	return askingOn(t, dial(t, addr), 64<<20)
}

func (a *asking) send(all ...bolttest.Message) {
	a.t.Helper()
	var out []byte
	for _, m := range all {
		out = m.Append(out)
	}
	a.write(out)
}

func stock(id uint32) bolttest.Message {
	return bolttest.Message{Type: bolt.Request, ID: id, Timeout: 60_000, Class: "com.shop.Ask", Header: bolttest.Map("sofa_head_target_service", "stock", "sofa_head_method_name", "ask"),
		Content: fmt.Appendf(nil, "content of %d", id)}
}

// expect sees that the next answer has that status.
func (a *asking) expect(id uint32, s bolt.Status) {
	a.t.Helper()
	if f := a.answer(); f.ID() != id || f.Status() != s || f.Type() != bolt.Answer {
		a.t.Errorf("the answer to %d has status %d; want status %d to %d", f.ID(), f.Status(), s, id)
	}
}

// Calls of many clients share a connection to the server, under the numbers that each client gave them, whatever they are, and nothing
// but number and time is another.
func TestBoltCallsShareAConnection(t *testing.T) { eachBolt(t, testBoltCallsShareAConnection) }

func testBoltCallsShareAConnection(t *testing.T, toBolt func(addrs ...string) string) {
	server, conns := boltServer(t, bolttest.Echo)
	addr, _, w := proxy(t, testSettings, toBolt(server))
	const clients, calls = 8, 50
	var all sync.WaitGroup
	for range clients {
		a := askBolt(t, addr)
		all.Go(func() {
			var out []byte
			for i := range uint32(calls) {
				out = stock(i / 2).Append(out) // each number twice at a time
			}
			if _, err := a.Write(out); err != nil {
				t.Error(err)
			}
			seen := map[uint32]int{}
			for range calls {
				f, err := a.next()
				if err != nil {
					t.Error(err)
					return
				}
				want := stock(f.ID())
				want.Type, want.Status = bolt.Answer, bolt.Success
				if !bytes.Equal(f, want.Append(nil)) {
					t.Errorf("% x\nis not\n% x", f, want.Append(nil))
				}
				seen[f.ID()]++
			}
			for id, n := range seen {
				if n != 2 {
					t.Errorf("%d was answered %d times", id, n)
				}
			}
		})
	}
	all.Wait()
	if n := conns.Load(); n > maxLinks {
		t.Errorf("%d connections to the server", n)
	}
	d := w.nth(t, clients*calls)
	if d.Status != 200 || d.Path != "/stock/ask" || !strings.HasSuffix(d.Method, "BOLT") || d.Cluster != "stock" || d.Endpoint != server {
		t.Errorf("%+v", d)
	}
}

// Frames of the versions go apart: a server answers a connection in the version of its first frame.
func TestBoltVersions(t *testing.T) {
	server, conns := boltServer(t, bolttest.Echo)
	addr, _, _ := proxy(t, testSettings, toBolt(server))
	a := askBolt(t, addr)
	for i, m := range []bolttest.Message{{}, {Two: true}, {Two: true, Checked: true}} {
		q := stock(uint32(i))
		q.Two, q.Checked = m.Two, m.Checked
		a.send(q)
		q.Type = bolt.Answer
		if f := a.answer(); !bytes.Equal(f, q.Append(nil)) {
			t.Errorf("% x\nis not\n% x", f, q.Append(nil))
		}
		beat := bolttest.Message{Two: m.Two, Checked: m.Checked, Type: bolt.Request, Heartbeat: true, ID: 99}
		a.send(beat)
		beat.Type = bolt.Answer
		if f := a.answer(); !bytes.Equal(f, beat.Append(nil)) {
			t.Errorf("% x\nanswers a heartbeat, not\n% x", f, beat.Append(nil))
		}
	}
	if n := conns.Load(); n != 3 {
		t.Errorf("%d connections", n)
	}
}

// What the proxy itself answers.
func TestBoltStatuses(t *testing.T) {
	server, _ := boltServer(t, bolttest.Echo)
	web := backend(t, func(http.ResponseWriter, *http.Request) {})
	addr, _, w := proxy(t, testSettings, fmt.Sprintf(`clusters:
  stock: {protocol: bolt, endpoints: [%q]}
  nobody: {protocol: bolt, endpoints: ["127.0.0.1:1"]}
  web: {endpoints: [%q]}
routes:
  - {path: {prefix: /bank}, allow: {networks: [10.0.0.0/8]}, to: stock}
  - {path: {exact: /teapot}, respond: {status: 418}}
  - {path: {prefix: /nobody}, to: nobody}
  - {path: {prefix: /web}, to: web}
  - {path: {exact: /com.shop.Ask}, to: stock}
  - {path: {prefix: /stock}, headers: {Colour: red}, request_headers: {set: {x-team: "1"}, remove: [x-debug]}, to: stock}
`, server, web))
	a := askBolt(t, addr)
	for i, c := range []struct {
		m    bolttest.Message
		want bolt.Status
		why  string
	}{
		{bolttest.Message{Class: "com.shop.Other"}, bolt.NoProcessor, "no route"},
		{bolttest.Message{Class: "com.shop.Ask"}, bolt.Success, ""},
		{bolttest.Message{Class: "com.shop.Ask", Header: []byte("no map")}, bolt.Success, ""},
		{bolttest.Message{Class: "com.shop.Ask", Header: append(bolttest.Map("X-Forwarded-Client-Cert", "me"), 0)}, bolt.CodecException, "says who the client is"},
		{bolttest.Message{Header: bolttest.Map("service", "bank")}, bolt.Failed, "not for this client"},
		{bolttest.Message{Header: bolttest.Map("service", "teapot")}, bolt.NoProcessor, "one of HTTP"},
		{bolttest.Message{Header: bolttest.Map("service", "nobody")}, bolt.SendFailed, "connect to 127.0.0.1:1"},
		{bolttest.Message{Header: bolttest.Map("service", "web")}, bolt.SendFailed, "another protocol"},
		{bolttest.Message{Header: bolttest.Map("service", "web/../bank")}, bolt.CodecException, "has a /"},
		{bolttest.Message{Header: bolttest.Map("service", "bank", "sofa_head_method_name", "..")}, bolt.CodecException, "is . or .."},
		{bolttest.Message{Header: bolttest.Map("service", "stock")}, bolt.NoProcessor, "no route"},
		{bolttest.Message{Header: bolttest.Map("service", "stock", "colour", "red", "X-Debug", "1")}, bolt.Success, ""},
	} {
		c.m.Type, c.m.ID, c.m.Timeout = bolt.Request, uint32(i), 60_000
		a.send(c.m)
		f := a.answer()
		if f.ID() != uint32(i) || f.Status() != c.want {
			t.Errorf("%d: status %d of %d, want %d", i, f.Status(), f.ID(), c.want)
		}
		if d := w.nth(t, i+1); c.why != "" && (!strings.Contains(d.Why, c.why) || boltStatuses.told(d.Status) != c.want) || c.why == "" && d.Why != "" {
			t.Errorf("%d: %+v", i, d)
		}
		if i == 11 && !bytes.Equal(f.Header(), bolttest.Map("service", "stock", "colour", "red", "x-team", "1")) {
			t.Errorf("the server had the header %q", f.Header())
		}
	}
	if status, body := get(t, "http://"+addr+"/com.shop.Ask"); status != 503 || !strings.Contains(body, "another protocol") {
		t.Errorf("HTTP to servers of Bolt: %d %q", status, body)
	}
	if status, _ := get(t, "http://"+addr+"/web"); status != 200 {
		t.Errorf("HTTP beside Bolt: %d", status)
	}
}

// holding answers nothing until it is let, and keeps what it was asked.
type holding[F ~[]byte] struct {
	echo  func(out []byte, f F) []byte
	mu    sync.Mutex
	asked []F
	got   chan struct{} // one for each
	let   chan struct{}
}

func newHolding[F ~[]byte](echo func(out []byte, f F) []byte) *holding[F] {
	return &holding[F]{echo: echo, got: make(chan struct{}, 1000), let: make(chan struct{})}
}

func (h *holding[F]) answer(out []byte, f F) []byte {
	h.mu.Lock()
	h.asked = append(h.asked, bytes.Clone(f))
	h.mu.Unlock()
	h.got <- struct{}{}
	<-h.let
	return h.echo(out, f)
}

// A call's time is its caller's or the route's, is sent on less what was used, and when it is over its caller is told; the answer that
// comes later is nobody's.
func TestBoltTimeout(t *testing.T) { eachBolt(t, testBoltTimeout) }

func testBoltTimeout(t *testing.T, toBolt func(addrs ...string) string) {
	h := newHolding(bolttest.Echo)
	server, _ := boltServer(t, func(out []byte, f bolt.Frame) []byte {
		if f.Timeout() > 50 {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.asked = append(h.asked, bytes.Clone(f))
			return bolttest.Echo(out, f)
		}
		return h.answer(out, f)
	})
	addr, _, w := proxy(t, testSettings, strings.Replace(toBolt(server), "1m", "30s", 1))
	a := askBolt(t, addr)
	short, long, none := stock(1), stock(2), stock(3)
	short.Timeout, long.Timeout, none.Timeout = 50, 60_000, -1
	a.send(stock(0)) // there is a connection then
	a.expect(0, bolt.Success)
	a.send(short)
	a.expect(1, bolt.Timeout)
	if d := w.nth(t, 2); d.Status != 504 || !strings.Contains(d.Why, "did not answer in time") && !strings.Contains(d.Why, "time is over") {
		t.Errorf("%+v", d)
	}
	close(h.let)
	a.send(long, none)
	a.expect(2, bolt.Success)
	a.expect(3, bolt.Success)
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range h.asked {
		most := int32(30_000)
		if bytes.Equal(f.Content(), short.Content) {
			most = 50
		}
		if ms := f.Timeout(); ms < 1 || ms > most {
			t.Errorf("the server was told %d ms, of at most %d", ms, most)
		}
	}
}

// Oneway calls reach the server, and nothing answers them, whatever becomes of them.
func TestBoltOneway(t *testing.T) { eachBolt(t, testBoltOneway) }

func testBoltOneway(t *testing.T, toBolt func(addrs ...string) string) {
	h := newHolding(bolttest.Echo)
	close(h.let)
	server, _ := boltServer(t, h.answer)
	addr, _, w := proxy(t, testSettings, toBolt(server))
	a := askBolt(t, addr)
	m, lost := stock(1), bolttest.Message{Type: bolt.Oneway, ID: 2, Class: "com.shop.Other", Header: bolttest.Map("sofa_head_target_service", "other")}
	m.Type, m.Timeout = bolt.Oneway, -1
	a.send(m, lost)
	<-h.got
	a.send(stock(3))
	a.expect(3, bolt.Success)
	if got := h.asked[0]; got.Type() != bolt.Oneway || got.Timeout() != -1 || !bytes.Equal(got.Content(), m.Content) {
		t.Errorf("the server got % x", got)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.calls[0].Status+w.calls[1].Status != 202+404 {
		t.Errorf("%+v", w.calls)
	}
}

// A server that ends its connection with calls under way has their clients be told that they may have been done, and the next call gets a new one.
func TestBoltServerLeaves(t *testing.T) { eachBolt(t, testBoltServerLeaves) }

func testBoltServerLeaves(t *testing.T, toBolt func(addrs ...string) string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addr, _, w := proxy(t, testSettings, toBolt(l.Addr().String()))
	a := askBolt(t, addr)
	a.send(stock(1), stock(2))
	for i, rest := range [][]byte{nil, []byte("HTTP"), bolttest.Message{ID: 1, Content: make([]byte, 2<<20)}.Append(nil)} {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		server := askingOn(t, c, 1<<20)
		server.answer()
		if i == 0 {
			server.answer()
		}
		server.send(bolttest.Message{ID: 12345}) // nobody's
		_, _ = c.Write(rest)                     // may be refused before its end
		if rest == nil {
			_ = c.Close()
			seen := []uint32{a.answer().ID(), a.answer().ID()}
			if slices.Sort(seen); !slices.Equal(seen, []uint32{1, 2}) {
				t.Errorf("answered %v", seen)
			}
		} else {
			a.expect(3, bolt.ConnectionClosed)
			_ = c.Close()
		}
		if d := w.nth(t, i+2); d.Status != 502 {
			t.Errorf("%+v", d)
		}
		if i < 2 {
			a.send(stock(3))
		}
	}
}

// A call that comes just when an idle connection ends gets another one.
func TestBoltLinkEndsAsACallComes(t *testing.T) { eachBolt(t, testBoltLinkEndsAsACallComes) }

func testBoltLinkEndsAsACallComes(t *testing.T, toBolt func(addrs ...string) string) {
	server, conns := boltServer(t, bolttest.Echo)
	addr, s, w := proxy(t, testSettings, toBolt(server))
	a := askBolt(t, addr)
	a.send(stock(1))
	a.expect(1, bolt.Success)
	var ending *framedLink
	s.links.mu.Lock()
	for _, set := range s.links.all {
		ending = set.links[0]
	}
	s.links.mu.Unlock()
	if !ending.table.CloseIdle(time.Now()) { // as it does just before it says that it ends
		t.Fatal("the connection is in use")
	}
	a.send(stock(2))
	a.expect(2, bolt.Success)
	if d := w.nth(t, 2); d.Retries != 1 || conns.Load() != 2 {
		t.Errorf("%d connections, %+v", conns.Load(), d)
	}
	ending.end(errEnding)
}

// A client that takes nothing of what the proxy itself answers is cut, rather than left to wait.
func TestBoltClientTakesNoRefusals(t *testing.T) { eachBolt(t, testBoltClientTakesNoRefusals) }

func testBoltClientTakesNoRefusals(t *testing.T, toBolt func(addrs ...string) string) {
	server, _ := boltServer(t, bolttest.Echo)
	lost := stock(1)
	lost.Header = bolttest.Map("service", "nowhere")
	for _, m := range []bolttest.Message{lost, {Type: bolt.Request, Heartbeat: true, ID: 2}} {
		addr, s, _ := proxy(t, testSettings, toBolt(server))
		a := askBolt(t, addr)
		a.send(stock(1))
		a.expect(1, bolt.Success)
		var held *framedConn
		s.mu.Lock()
		for c := range s.conns {
			c.mu.Lock()
			held = c.upstream.(*framedConn)
			c.mu.Unlock()
		}
		s.mu.Unlock()
		held.writer.Finish()                                                 // the answer has come, and who wrote it may still be looking for more to write
		if err := held.writer.Append(make([]byte, maxUntaken)); err != nil { // it is not written before the next Flush
			t.Fatal(err)
		}
		a.send(m)
		if n, err := a.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d bytes, %v: it is not cut", n, err)
		}
	}
}

// A client that takes nothing is cut, and others of the same server's connection are not late for it.
func TestBoltSlowClient(t *testing.T) { eachBolt(t, testBoltSlowClient) }

func testBoltSlowClient(t *testing.T, toBolt func(addrs ...string) string) {
	big := bytes.Repeat([]byte("x"), 256<<10)
	server, _ := boltServer(t, func(out []byte, f bolt.Frame) []byte {
		m := bolttest.Message{ID: f.ID(), Content: big}
		if string(f.Content()) == "little" {
			m.Content = nil
		}
		return m.Append(out)
	})
	addr, _, w := proxy(t, testSettings, toBolt(server))
	slow, quick := askBolt(t, addr), askBolt(t, addr)
	quickly := stock(1)
	quickly.Content = []byte("little")
	for range 10 {
		for i := range uint32(10) {
			if _, err := slow.Write(stock(i).Append(nil)); err != nil {
				break // it is cut
			}
		}
		quick.send(quickly)
		quick.expect(1, bolt.Success)
	}
	eventually(t, "the slow client is cut", func() bool { return w.conns.Load() == 1 })
	quick.send(quickly)
	quick.expect(1, bolt.Success)
}

// At the drain what is under way is answered, and the connection ends then.
func TestBoltDrain(t *testing.T) { eachBolt(t, testBoltDrain) }

func testBoltDrain(t *testing.T, toBolt func(addrs ...string) string) {
	h := newHolding(bolttest.Echo)
	server, _ := boltServer(t, h.answer)
	addr, s, _ := proxy(t, testSettings, toBolt(server))
	busy, idle := askBolt(t, addr), askBolt(t, addr)
	idle.send(bolttest.Message{Type: bolt.Request, Heartbeat: true, ID: 7})
	idle.expect(7, bolt.Success)
	busy.send(stock(1))
	<-h.got
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(t.Context()) }()
	if _, err := idle.next(); err != io.EOF {
		t.Errorf("an idle client: %v", err)
	}
	close(h.let)
	busy.expect(1, bolt.Success)
	if _, err := busy.next(); err != io.EOF {
		t.Errorf("a client that has been answered: %v", err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// What is no frame, or too long, or cut, ends its connection alone, and is noted.
func TestBoltHostileClients(t *testing.T) {
	server, _ := boltServer(t, bolttest.Echo)
	addr, _, w := proxy(t, testSettings, toBolt(server))
	good := stock(1).Append(nil)
	long := bytes.Clone(good)
	binary.BigEndian.PutUint32(long[18:], 1<<30)
	negative := bytes.Clone(good)
	binary.BigEndian.PutUint32(negative[18:], 1<<31)
	broken := stock(2)
	broken.Two, broken.Checked = true, true
	checked := broken.Append(nil)
	checked[len(checked)-5] ^= 1
	for name, text := range map[string][]byte{"long": long, "negative": negative, "a wrong checksum": checked, "another protocol": []byte("\x01GET / HTTP/1.1\r\n\r\n....")} {
		a := askBolt(t, addr)
		if _, err := a.Write(append(bytes.Clone(good), text...)); err != nil {
			t.Fatal(err)
		}
		a.expect(1, bolt.Success)
		if _, err := a.next(); err == nil {
			t.Errorf("%s: answered", name)
		}
	}
	noted := 0
	w.mu.Lock()
	for _, d := range w.calls {
		if d.Status == 400 && d.Why != "" {
			noted++
		}
	}
	w.mu.Unlock()
	if noted != 4 {
		t.Errorf("%d were noted", noted)
	}
	for n := 1; n < len(good); n += 5 { // cut
		a := askBolt(t, addr)
		_, _ = a.Write(good[:n])
		_ = a.Conn.(*net.TCPConn).CloseWrite()
		if f, err := a.next(); err != io.EOF {
			t.Errorf("after %d bytes: % x, %v", n, f, err)
		}
	}
	a := askBolt(t, addr) // answers that nobody asked for
	a.send(bolttest.Message{ID: 1}, bolttest.Message{ID: 1, Heartbeat: true}, stock(5))
	a.expect(5, bolt.Success)
}

// Who a client is, and the trace that its call is of, stand in the map of its frame, and nobody says so for another. All of it by TLS, both ways.
func TestBoltIdentityAndTrace(t *testing.T) {
	a := certstest.New(t)
	cert, key := a.Issue(t, "server", certstest.Leaf{Name: "127.0.0.1"})
	serving, err := secure.Listener([]string{cert}, []string{key}, "", false, &secure.Tickets{})
	if err != nil {
		t.Fatal(err)
	}
	serving.NextProtos = []string{"bolt-of-its-own"} // whoever asks for HTTP is turned away
	l, err := tls.Listen("tcp", "127.0.0.1:0", serving)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); bolttest.Serve(l, bolttest.Echo) }()
	t.Cleanup(func() { l.Close(); <-ended })
	settings := testSettings
	settings.TLS = listening(t, a, false)
	addr, _, w := proxyTraced(t, settings, fmt.Sprintf("clusters: {stock: {protocol: bolt, connect_timeout: 60s, endpoints: [%q], tls: {ca: %s}}}\nroutes: [{path: {prefix: /stock}, to: stock}]\n", l.Addr(), a.File), parents{})
	roots, err := certs.Authorities(a.File)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = a.Issue(t, "caller", certstest.Leaf{URI: "spiffe://mesh/shop"})
	pairs, err := certs.Pairs([]string{cert}, []string{key})
	if err != nil {
		t.Fatal(err)
	}
	raw := dial(t, addr)
	known := tls.Client(raw, &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", Certificates: pairs})
	service := []string{"sofa_head_target_service", "stock"}
	for _, c := range []struct {
		conn net.Conn
		sent []string
		got  []string
	}{
		{known, service, append(slices.Clone(service), identityHeader, "URI=spiffe://mesh/shop")},
		{known, append(slices.Clone(service), "X-Forwarded-Client-Cert", "URI=spiffe://mesh/bank"), append(slices.Clone(service), identityHeader, "URI=spiffe://mesh/shop")},
		{dial(t, addr), append(slices.Clone(service), identityHeader, "URI=spiffe://mesh/bank"), service},
		{known, append(slices.Clone(service), parentHeader, "of the caller"), append(slices.Clone(service), identityHeader, "URI=spiffe://mesh/shop", parentHeader, "below of the caller")},
	} {
		q := stock(1)
		q.Two, q.Checked, q.Header = true, true, bolttest.Map(c.sent...)
		client := askingOn(t, c.conn, 1<<20)
		client.send(q)
		f := client.answer()
		if f.Status() != bolt.Success || !f.Intact() || !bytes.Equal(f.Header(), bolttest.Map(c.got...)) || !bytes.Equal(f.Content(), q.Content) {
			t.Errorf("sent %q, the server got %q, status %d", c.sent, f.Header(), f.Status())
		}
	}
	if d := w.nth(t, 4); d.Identity != "spiffe://mesh/shop" {
		t.Errorf("%+v", d)
	}
	client := askingOn(t, known, 1<<20)
	q := stock(2)
	q.Class, q.Header = "stock", []byte(`{"of": "its own"}`)
	client.send(q)
	client.expect(2, bolt.CodecException)
	if d := w.nth(t, 5); !strings.Contains(d.Why, "cannot be told") {
		t.Errorf("%+v", d)
	}
}

// No key of a client's that a server may read as the one that tells who the client is passes, whatever its value and however often it is there.
func TestBoltForgedIdentities(t *testing.T) {
	server, _ := boltServer(t, bolttest.Echo)
	addr, _, _ := proxy(t, testSettings, toBolt(server))
	a := askBolt(t, addr)
	forged := func(key string) []byte { return bolttest.Map(key, "URI=spiffe://mesh/bank") }
	null := func(key string) []byte { return bolt.AppendAgain(nil, &mux.Pair{Key: []byte(key)}) }
	service := bolttest.Map("sofa_head_target_service", "stock")
	for i, header := range [][]byte{
		forged(identityHeader),
		append(forged(identityHeader), null(identityHeader)...),
		append(null(identityHeader), forged("X-FORWARDED-CLIENT-CERT")...),
		null(identityHeader),
		forged("x_forwarded_client_cert"),
		append(forged("X_Forwarded-client_cert"), null("x_forwarded_client_cert")...),
	} {
		q := stock(uint32(i))
		q.Header = append(header, service...)
		a.send(q)
		if f := a.answer(); f.Status() != bolt.Success || !bytes.Equal(f.Header(), service) {
			t.Errorf("sent %q, the server got %q, status %d", q.Header, f.Header(), f.Status())
		}
	}
}

// Routes, what they allow and what they limit go by the service that SOFARPC's server calls; where that cannot be known, the call is refused.
func TestBoltServiceIsTheServersOwn(t *testing.T) {
	server, _ := boltServer(t, bolttest.Echo)
	addr, _, w := proxy(t, testSettings, fmt.Sprintf(`clusters: {stock: {protocol: bolt, endpoints: [%q]}}
routes:
  - {path: {prefix: /bank}, allow: {networks: [10.0.0.0/8]}, to: stock}
  - {path: {exact: /com.allowed.Ask}, allow: {networks: [127.0.0.0/8]}, to: stock}
  - {path: {exact: /com.limited.Ask}, limits: [{by: "header:tenant", rate: 1000}], to: stock}
  - {headers: {colour: red}, to: stock, path: {exact: /red/}}
  - {path: {prefix: /}, to: stock}
`, server))
	null := func(key string) []byte { return bolt.AppendAgain(nil, &mux.Pair{Key: []byte(key)}) }
	const target, service, method = "sofa_head_target_service", "service", "sofa_head_method_name"
	bank := bolttest.Map(service, "bank")
	a := askBolt(t, addr)
	for i, c := range []struct {
		class  string
		header []byte
		want   bolt.Status
		path   string // or why
	}{
		{"", bolttest.Map(service, "bank"), bolt.Failed, "/bank"},
		{"", bolttest.Map(target, "bank"), bolt.Failed, "/bank"},
		{"", bolttest.Map(target, "bank", service, "bank", method, "pay"), bolt.Failed, "/bank/pay"},
		{"", bolttest.Map(target, "stock", service, "bank"), bolt.CodecException, "two services"},
		{"", bolttest.Map(service, "stock", target, "bank"), bolt.CodecException, "two services"},
		{"", bolttest.Map(service, "stock", service, "bank"), bolt.Failed, "/bank"},
		{"", bolttest.Map(service, "bank", "Service", "stock", "SERVICE", "stock"), bolt.Failed, "/bank"},
		{"", bolttest.Map(target, "bank", "Sofa_Head_Target_Service", "stock"), bolt.Failed, "/bank"},
		{"com.shop.Ask", bolttest.Map("Service", "bank"), bolt.Success, "/com.shop.Ask"},
		{"com.shop.Ask", append(bolttest.Map(service, "bank"), null(service)...), bolt.Failed, "/bank"},
		{"com.shop.Ask", append(null(service), bolttest.Map(target, "bank")...), bolt.Failed, "/bank"},
		{"com.shop.Ask", append(bolttest.Map(service, "stock", method, "ask", "Sofa_head_method_name", "tell"), null(method)...), bolt.Success, "/stock/ask"},
		{"com.shop.Ask", append(bolttest.Map("colour", "red", service, "red", method, ""), null("colour")...), bolt.Success, "/red/"},
		{"com.shop.Ask", bolttest.Map(service, ""), bolt.CodecException, "is blank"},
		{"com.shop.Ask", bolttest.Map(service, "\x1f "), bolt.CodecException, "is blank"},
		{sofaRequest, bolttest.Map("colour", "red"), bolt.CodecException, "no service"},
		{sofaRequest, nil, bolt.CodecException, "no service"},
		{sofaRequest, bolttest.Map(service, "stock"), bolt.Success, "/stock"},
		{"com.shop.Ask", append(slices.Clone(bank), 0), bolt.CodecException, "no whole map"},
		{"com.shop.Ask", bank[:len(bank)-1], bolt.CodecException, "no whole map"},
		{"com.shop.Ask", append([]byte{0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, bank...), bolt.CodecException, "no whole map"},
		{"com.shop.Ask", []byte(`{"service":"stock"}`), bolt.Success, "/com.shop.Ask"},
		{"com.shop.Ask", []byte(`{"X_Forwarded_Client_Cert":"me"}`), bolt.CodecException, "says who the client is"},
		{"com.shop.Ask", []byte("no"), bolt.Success, "/com.shop.Ask"},
		{"com.allowed.Ask", []byte(`{"service":"stock"}`), bolt.CodecException, "is no map, and the route"},
		{"com.limited.Ask", []byte(`{"tenant":"me"}`), bolt.CodecException, "is no map, and the route"},
		{"com.limited.Ask", nil, bolt.Success, "/com.limited.Ask"},
	} {
		a.send(bolttest.Message{Type: bolt.Request, ID: uint32(i), Timeout: 60_000, Class: c.class, Header: c.header})
		f := a.answer()
		d := w.nth(t, i+1)
		if f.ID() != uint32(i) || f.Status() != c.want || c.want == bolt.CodecException && !strings.Contains(d.Why, c.path) || c.want != bolt.CodecException && d.Path != c.path {
			t.Errorf("%d: %s with %q: status %d, %s, %q", i, c.class, c.header, f.Status(), d.Path, d.Why)
		}
	}
}

// parents traces calls that come with a parent.
type parents struct{}

func (parents) Call(parent string, _ time.Time) Trace {
	if parent == "" {
		return nil
	}
	return below("below " + parent)
}

type below string

func (b below) Parent() string { return string(b) }
func (below) End(*Done)        {}

// Servers that no cluster has any more get no calls, and answer those that they have.
func TestBoltServersAreReplaced(t *testing.T) { eachBolt(t, testBoltServersAreReplaced) }

func testBoltServersAreReplaced(t *testing.T, toBolt func(addrs ...string) string) {
	h := newHolding(bolttest.Echo)
	old, _ := boltServer(t, h.answer)
	next, conns := boltServer(t, bolttest.Echo)
	addr, s, _ := proxy(t, testSettings, toBolt(old))
	a := askBolt(t, addr)
	a.send(stock(1))
	<-h.got
	if err := s.Adopt(table(t, toBolt(next))); err != nil {
		t.Fatal(err)
	}
	a.send(stock(2))
	a.expect(2, bolt.Success)
	var left *upstream.Endpoint
	s.links.mu.Lock()
	for k := range s.links.all {
		if k.endpoint.Address == old {
			left = k.endpoint
		}
	}
	s.links.mu.Unlock()
	if left != nil {
		t.Error("a server that is no more is kept")
	}
	close(h.let)
	a.expect(1, bolt.Success)
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// A client that stops within a frame is not waited for; one that waits for its answer is.
func TestBoltSilence(t *testing.T) { eachBolt(t, testBoltSilence) }

func testBoltSilence(t *testing.T, toBolt func(addrs ...string) string) {
	h := newHolding(bolttest.Echo)
	server, _ := boltServer(t, h.answer)
	settings := testSettings
	settings.Silence = 30 * time.Millisecond
	addr, _, _ := proxy(t, settings, toBolt(server))
	waits := askBolt(t, addr)
	m := stock(1)
	m.Timeout = 60_000
	waits.send(m)
	<-h.got
	for range 3 {
		stops := askBolt(t, addr)
		if _, err := stops.Write(m.Append(nil)[:30]); err != nil {
			t.Fatal(err)
		}
		if _, err := stops.next(); err != io.EOF {
			t.Errorf("a client that stopped: %v", err)
		}
	}
	close(h.let)
	waits.expect(1, bolt.Success)
}

// A flood of calls that are not answered is refused beyond a bound, and each has one answer.
func TestBoltFlood(t *testing.T) { eachBolt(t, testBoltFlood) }

func testBoltFlood(t *testing.T, toBolt func(addrs ...string) string) {
	h := newHolding(bolttest.Echo)
	h.got = make(chan struct{}, 1<<20)
	server, _ := boltServer(t, h.answer)
	addr, _, _ := proxy(t, testSettings, strings.Replace(toBolt(server), "bolt,", "bolt, max_pending: 10, max_connections: 1,", 1))
	a := askBolt(t, addr)
	a.send(stock(0))
	<-h.got
	const calls = 200
	var out []byte
	for i := range uint32(calls) {
		out = stock(i + 1).Append(out)
	}
	if _, err := a.Write(out); err != nil {
		t.Fatal(err)
	}
	statuses, seen := map[bolt.Status]int{}, map[uint32]bool{}
	for i := range calls + 1 {
		if i == calls-9 { // nine wait beside the first
			close(h.let)
		}
		f := a.answer()
		if seen[f.ID()] {
			t.Errorf("%d is answered twice", f.ID())
		}
		statuses[f.Status()]++
		seen[f.ID()] = true
	}
	if statuses[bolt.Success] != 10 || statuses[bolt.Busy] != calls-9 {
		t.Errorf("%v", statuses)
	}
}

// A call costs the allocations that its log line needs, and few beside.
func TestBoltAllocations(t *testing.T) { eachBolt(t, testBoltAllocations) }

func testBoltAllocations(t *testing.T, toBolt func(addrs ...string) string) {
	server, _ := boltServer(t, func(out []byte, f bolt.Frame) []byte { return f.AppendAnswer(out, bolt.Success) })
	s, err := New(table(t, toBolt(server)), testSettings, nobody{}, nil, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- s.Serve(l, testListener) }()
	t.Cleanup(func() {
		if err := errors.Join(s.Shutdown(context.Background()), <-served); err != nil {
			t.Error(err)
		}
	})
	c := dial(t, l.Addr().String())
	question, answer := stock(1).Append(nil), make([]byte, 4096)
	ask := func() {
		if _, err := c.Write(question); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(answer); err != nil {
			t.Fatal(err)
		}
	}
	ask()
	if n := testing.AllocsPerRun(500, ask); n > 4 {
		t.Errorf("%v allocations a call", n)
	}
}

// A call that waits to be tried again ends with the proxy.
func TestBoltRetriesEndWithTheProxy(t *testing.T) {
	came := make(chan struct{}, 10)
	server, _ := boltServer(t, func(out []byte, f bolt.Frame) []byte {
		came <- struct{}{}
		return f.AppendAnswer(out, bolt.Busy)
	})
	addr, s, w := proxy(t, testSettings, fmt.Sprintf("clusters: {stock: {protocol: bolt, connect_timeout: 60s, endpoints: [%q]}}\nroutes: [{to: stock, timeout: 3h, retry: {backoff: 1h, longest_backoff: 1h}}]\n", server))
	a := askBolt(t, addr)
	q := stock(1)
	q.Timeout = -1
	a.send(q)
	<-came
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); err == nil || !strings.Contains(err.Error(), "1 calls were cut") {
		t.Errorf("the drain ended with %v", err)
	}
	if d := w.last(t); d.Path != "/stock/ask" || d.Status == 200 {
		t.Errorf("%+v", d)
	}
}

// A try whose time is over while it is being sent leaves its frame to the next alone: what a server gets is what the client has asked.
func TestBoltTriesAreOverAtOnce(t *testing.T) {
	var wrong atomic.Int64
	server, _ := serving(t, bolttest.Serve, func(out []byte, f bolt.Frame) []byte {
		if string(f.Content()) != "all of it" {
			wrong.Add(1)
		}
		return out
	})
	addr, _, _ := proxy(t, testSettings, fmt.Sprintf(`
clusters: {stock: {protocol: bolt, endpoints: [%q], max_connections: 1, retry_budget: {percent: 100}}}
routes: [{to: stock, timeout: 5ms, retry: {methods: [BOLT], when: [timeout], per_try_timeout: 1ns, attempts: 20, backoff: 1ns}}]`, server))
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			r := bolt.NewReader(c, 1<<20, nil)
			for id := range uint32(300) {
				if _, err := c.Write(bolttest.Message{Type: bolt.Request, ID: id, Timeout: 30_000, Class: "com.shop.Ask", Content: []byte("all of it")}.Append(nil)); err != nil {
					t.Error(err)
					return
				}
				f, err := r.Next()
				for err == nil && f == nil {
					if err = r.More(); err == nil {
						f, err = r.Next()
					}
				}
				if err != nil || f.ID() != id {
					t.Errorf("%d is answered % x, %v", id, f, err)
					return
				}
			}
		})
	}
	clients.Wait()
	if n := wrong.Load(); n > 0 {
		t.Errorf("%d requests are not what was asked", n)
	}
}
