package main

import (
	"errors"
	"fmt"
	"io"
	"net"
)

// relayCommand is the first argument of the process that is the relay.
const relayCommand = "relay"

// relayBuffer is as large as the buffers of a server's connection: what a server sends in one piece arrives in one.
const relayBuffer = 16 << 10

// serveRelay passes bytes between clients and target: the floor of a hop that is written in Go. It knows nothing of
// what it passes but that the two ends speak in turns, the server first; so one goroutine serves a connection, as it
// does in Heddle, and there is nothing to hand over. A message that fills the buffer is taken to go on.
func serveRelay(listen, target string) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("relay: %w", err)
	}
	for {
		client, err := l.Accept()
		if err != nil {
			return fmt.Errorf("relay: %w", err)
		}
		go func() {
			defer client.Close()
			server, err := net.Dial("tcp", target)
			if err != nil {
				return // the client sees the end of its connection
			}
			defer server.Close()
			_ = takeTurns(client, server) // likewise
		}()
	}
}

// takeTurns relays a message of the server, one of the client, and so on, until one of them ends.
func takeTurns(client, server io.ReadWriter) error {
	buf := make([]byte, relayBuffer)
	for {
		if err := pass(client, server, buf); err != nil {
			return err
		}
		if err := pass(server, client, buf); err != nil {
			return err
		}
	}
}

func pass(dst io.Writer, src io.Reader, buf []byte) error {
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if _, err := dst.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				return io.EOF
			}
			return err
		}
		if n < len(buf) {
			return nil
		}
	}
}
