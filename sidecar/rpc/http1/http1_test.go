package http1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestRequestHeads(t *testing.T) {
	for _, c := range []struct {
		head   string
		status int // 0: it is one
	}{
		{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0},
		{"GET / HTTP/1.0\r\n\r\n", 0},
		{"M-SEARCH * HTTP/1.1\r\nA:\r\nB:  b \t\r\n\r\n", 0},
		{"GET / HTTP/1.7\r\n\r\n", 0},
		{"GET / HTTP/2.0\r\n\r\n", 505},
		{"GET / HTTP/11\r\n\r\n", 400},
		{"GET / http/1.1\r\n\r\n", 400},
		{"GET /\r\n\r\n", 400},
		{"GET  / HTTP/1.1\r\n\r\n", 400},
		{"GET /a b HTTP/1.1\r\n\r\n", 400},
		{"GET /\xc3\xa4 HTTP/1.1\r\n\r\n", 400},
		{"G(T / HTTP/1.1\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nA : b\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nA: b\x00\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\n: b\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\n" + strings.Repeat("a: b\r\n", MaxFields+1) + "\r\n", 431},
	} {
		var q Request
		err := q.Parse([]byte(c.head))
		var e *Error
		if errors.As(err, &e) != (c.status != 0) || e != nil && e.Status != c.status {
			t.Errorf("%.60q: %v, want %d", c.head, err, c.status)
		}
	}
}

func TestBodies(t *testing.T) {
	for _, c := range []struct {
		fields string
		minor  int
		kind   Kind
		status int
	}{
		{"", 1, Empty, 0},
		{"Content-Length: 0\r\n", 1, Empty, 0},
		{"Content-Length: 12\r\ncontent-length: 12\r\n", 1, Sized, 0},
		{"Transfer-Encoding: Chunked\r\n", 1, Chunked, 0},
		{"Content-Length: 12\r\ncontent-length: 13\r\n", 1, 0, 400},
		{"Content-Length: 12, 12\r\n", 1, 0, 400},
		{"Content-Length: +12\r\n", 1, 0, 400},
		{"Content-Length:\r\n", 1, 0, 400},
		{"Content-Length: 9223372036854775808\r\n", 1, 0, 400},
		{"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", 1, 0, 400},
		{"Transfer-Encoding: gzip, chunked\r\n", 1, 0, 501},
		{"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 1, 0, 501},
		{"Transfer-Encoding: \x0bchunked\r\n", 1, 0, 400},
		{"Transfer-Encoding: chunked\r\n", 0, 0, 400},
	} {
		var q Request
		err := q.Parse([]byte("POST / HTTP/1." + string('0'+byte(c.minor)) + "\r\n" + c.fields + "\r\n"))
		var b Body
		if err == nil {
			b, err = q.Body()
		}
		var e *Error
		if errors.As(err, &e) != (c.status != 0) || e != nil && e.Status != c.status || b.Kind != c.kind {
			t.Errorf("%q: %d, %v, want %d, %d", c.fields, b.Kind, err, c.kind, c.status)
		}
	}
	for _, c := range []struct {
		answer, method string
		kind           Kind
	}{
		{"200 OK\r\n", "GET", UntilClose},
		{"200 OK\r\nContent-Length: 5\r\n", "GET", Sized},
		{"200 OK\r\nContent-Length: 5\r\n", "HEAD", Empty},
		{"304 Not Modified\r\nContent-Length: 5\r\n", "GET", Empty},
		{"204 \r\n", "GET", Empty},
		{"100 Continue\r\n", "POST", Empty},
	} {
		var r Response
		if err := r.Parse([]byte("HTTP/1.1 " + c.answer + "\r\n")); err != nil {
			t.Fatal(err)
		}
		if b, err := r.Body([]byte(c.method)); err != nil || b.Kind != c.kind {
			t.Errorf("%q for %s: %d, %v", c.answer, c.method, b.Kind, err)
		}
	}
}

// pass shows a body to Body in pieces and returns its content and what follows it.
func pass(b Body, p []byte, piece int) (content, rest []byte, done bool, err error) {
	for len(p) > 0 && !done {
		n, is, ended, err := b.Next(p[:min(piece, len(p))])
		if err != nil {
			return content, p, false, err
		}
		if is {
			content = append(content, p[:n]...)
		}
		p, done = p[n:], ended
	}
	return content, p, done, nil
}

func TestChunks(t *testing.T) {
	for _, c := range []struct {
		body, content, rest string
		bad                 bool
	}{
		{"3\r\nabc\r\n0\r\n\r\nnext", "abc", "next", false},
		{"003;x=y\r\nabc\r\nA \r\n0123456789\r\n0\r\nT: v\r\nU: w\r\n\r\nnext", "abc0123456789", "next", false},
		{"0\r\n\r\n", "", "", false},
		{"\r\n\r\n", "", "", true},
		{"x\r\n", "", "", true},
		{"3\nabc\r\n0\r\n\r\n", "", "", true},
		{"3\r\nabcd\r\n", "", "", true},
		{"3\r\nabc\n0\r\n\r\n", "", "", true},
		{"1234567890123456\r\n", "", "", true},
		{"-1\r\n", "", "", true},
		{"0\r\n: v\r\n\r\n", "", "", true},
		{"0\r\nT: v\n\r\n", "", "", true},
		{"1;" + strings.Repeat("x", maxLine) + "\r\n", "", "", true},
		{"0\r\n" + strings.Repeat("t: v\r\n", maxLine/6+1), "", "", true},
	} {
		for _, piece := range []int{1, 2, 3, 1000} {
			content, rest, done, err := pass(Body{Kind: Chunked}, []byte(c.body), piece)
			if (err != nil) != c.bad {
				t.Errorf("%.40q by %d: %v", c.body, piece, err)
			} else if err == nil && (string(content) != c.content || string(rest) != c.rest || !done) {
				t.Errorf("%.40q by %d: %q, then %q, over: %v", c.body, piece, content, rest, done)
			}
		}
	}
}

func TestReadHeadTakesWhatComesInPieces(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	text := "\r\nGET /one HTTP/1.1\r\nHost: x\r\n\r\nGET /two HTTP/1.1\r\n\r\n"
	go func() {
		for i := range len(text) {
			_, _ = theirs.Write([]byte{text[i]})
		}
		_ = theirs.Close()
	}()
	c := NewConn(ours)
	for _, want := range []string{"GET /one HTTP/1.1\r\nHost: x\r\n\r\n", "GET /two HTTP/1.1\r\n\r\n"} {
		begun := 0
		head, err := c.ReadHead(1000, func() error { begun++; return nil })
		if string(head) != want || err != nil || begun != 1 {
			t.Fatalf("%q, %v, begun %d times; want %q", head, err, begun, want)
		}
		c.Take(len(head))
	}
	if _, err := c.ReadHead(1000, func() error { return nil }); !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the end: %v", err)
	}
}

// What the library of the standard takes for a request and this package too, they take for the same one.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n\r\n",
		"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: a, close\r\n\r\n3;x\r\nabc\r\n0\r\nT: v\r\n\r\nrest",
		"GET / HTTP/1.0\r\nConnection: keep-alive\r\nA:\tb \r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		end := bytes.Index(text, headEnd)
		if end < 0 {
			return
		}
		head, rest := text[:end+len(headEnd)], text[end+len(headEnd):]
		var q Request
		if q.Parse(head) != nil {
			return
		}
		b, err := q.Body()
		if err != nil {
			return
		}
		content, after, done, err := pass(b, rest, 7)
		if err != nil || b.Kind != Empty && !done {
			return
		}
		theirs := bytes.NewReader(text)
		buffered := bufio.NewReaderSize(theirs, 1<<16)
		r, err := http.ReadRequest(buffered)
		if err != nil {
			return // it is stricter in what it takes for a target or a host
		}
		got, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		left, _ := io.ReadAll(buffered)
		if r.Method != string(q.Method) || r.RequestURI != string(q.Target) || !bytes.Equal(got, content) || !bytes.Equal(left, after) {
			t.Errorf("%q: %s %s with %q, then %q; the library: %s %s with %q, then %q", text, q.Method, q.Target, content, after, r.Method, r.RequestURI, got, left)
		}
	})
}

func FuzzResponse(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
		"HTTP/1.0 404 \r\n\r\nall of it", "HTTP/1.1 204\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		end := bytes.Index(text, headEnd)
		if end < 0 {
			return
		}
		var r Response
		if r.Parse(text[:end+len(headEnd)]) != nil {
			return
		}
		b, err := r.Body([]byte("GET"))
		if err != nil {
			return
		}
		content, _, done, err := pass(b, text[end+len(headEnd):], 5)
		if err != nil || b.Kind != Empty && b.Kind != UntilClose && !done {
			return
		}
		theirs, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), nil)
		if err != nil {
			return
		}
		got, err := io.ReadAll(theirs.Body)
		if err == nil && (theirs.StatusCode != r.Status || !bytes.Equal(got, content)) {
			t.Errorf("%q: %d with %q; the library: %d with %q", text, r.Status, content, theirs.StatusCode, got)
		}
	})
}
