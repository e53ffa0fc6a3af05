package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
)

// roles are what this program is when it is started again, with where it listens and where it sends.
var roles = map[string]func(listen, to string) error{
	"origin": serveOrigin, "relay": serveRelay, "reverseproxy": serveReverseProxy, "grpc": serveGRPC,
	"boltorigin": listening(serveBoltOrigin), "dubboorigin": listening(serveDubboOrigin), "stockorigin": listening(serveStockOrigin),
}

// serveOrigin answers whatever ends with an empty line, without a look at it: as little as a server can do.
func serveOrigin(listen, _ string) error {
	answer := []byte(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", answerBytes, strings.Repeat("x", answerBytes)))
	return accept(listen, func(c net.Conn) {
		buf := make([]byte, 16<<10)
		for have := 0; ; {
			n, err := c.Read(buf[have:])
			if err != nil || have+n == len(buf) {
				return
			}
			if have += n; !bytes.HasSuffix(buf[:have], []byte("\r\n\r\n")) {
				continue
			}
			have = 0
			if _, err := c.Write(answer); err != nil {
				return
			}
		}
	})
}

// serveRelay passes bytes, by one goroutine for each direction, as who knows nothing of the protocol has to.
func serveRelay(listen, to string) error {
	return accept(listen, func(c net.Conn) {
		up, err := net.Dial("tcp", to)
		if err != nil {
			return // the client sees the end of its connection
		}
		defer up.Close()
		go func() {
			pass(up, c)
			_ = up.Close() // ends the other direction
		}()
		pass(c, up)
	})
}

// pass copies by a buffer of its own: io.Copy would have the kernel splice, which is slower for small messages.
func pass(to io.Writer, from io.Reader) {
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// serveReverseProxy is what the standard library has.
func serveReverseProxy(listen, to string) error {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = maxConnections
	p := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: to})
	p.Transport = t
	if err := http.ListenAndServe(listen, p); err != nil {
		return fmt.Errorf("the reverse proxy: %w", err)
	}
	return nil
}

func accept(listen string, serve func(net.Conn)) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		go func() {
			defer c.Close()
			serve(c)
		}()
	}
}
