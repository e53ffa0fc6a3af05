package backend

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// linked is a link over loopback and the other end of it.
func linked(t *testing.T) (*link, net.Conn) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ours, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = ours.Close(), theirs.Close() })
	return newLink(ours), theirs
}

// ask writes a command with the expectation of an answer and reads that.
func ask(l *link, command []byte) ([]byte, error) {
	l.arm(nil)
	l.expects = true
	if _, err := l.Write(command); err != nil {
		return nil, err
	}
	buf := make([]byte, 64)
	n, err := l.Read(buf)
	return buf[:n], err
}

func TestExpectedAnswers(t *testing.T) {
	l, server := linked(t)
	go func() {
		buf := make([]byte, 64)
		for {
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			if _, err := server.Write(buf[:n]); err != nil {
				return
			}
		}
	}()
	for i := range 500 {
		command := []byte{byte(i), 1, 2, 3}
		if got, err := ask(l, command); err != nil || !bytes.Equal(got, command) {
			t.Fatalf("%v, %v is answered to %v", got, err, command)
		}
	}
	if l.sent != 2000 {
		t.Errorf("%d bytes counted", l.sent)
	}
}

// A server that has gone away, or goes while its answer is waited for, is an error and no hang.
func TestExpectationOfTheDead(t *testing.T) {
	t.Run("before", func(t *testing.T) {
		l, server := linked(t)
		_ = server.Close()
		for range 3 { // the first write may still get out
			if _, err := ask(l, []byte("hello")); err != nil {
				return
			}
		}
		t.Error("a closed connection answers")
	})
	t.Run("meanwhile", func(t *testing.T) {
		l, server := linked(t)
		go func() {
			_, _ = server.Read(make([]byte, 8))
			_ = server.Close()
		}()
		if _, err := ask(l, []byte("hello")); !errors.Is(err, io.EOF) {
			t.Errorf("%v in place of an end of file", err)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		l, server := linked(t)
		go func() {
			_, _ = server.Read(make([]byte, 8))
			l.interrupt()
		}()
		if _, err := ask(l, []byte("hello")); !errors.Is(err, ErrInterrupted) {
			t.Errorf("%v in place of the interruption", err)
		}
		if n, err := l.Write([]byte("more")); n > 0 || !errors.Is(err, ErrInterrupted) {
			t.Errorf("an interrupted link writes %d bytes, %v", n, err)
		}
	})
}

// The deadline of an operation that could be cancelled is none of the next one's.
func TestExpectationAfterADeadline(t *testing.T) {
	l, server := linked(t)
	l.arm(make(chan struct{}))
	l.deadline = true
	if err := l.setReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(server, server) }()
	if got, err := ask(l, []byte("hello")); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
}

// What the socket's buffer does not take at once is written by and by.
func TestExpectationOfALargeCommand(t *testing.T) {
	l, server := linked(t)
	if err := l.Conn.(*net.TCPConn).SetWriteBuffer(4096); err != nil {
		t.Fatal(err)
	}
	command := bytes.Repeat([]byte("x"), unwatchedBytes)
	go func() {
		if _, err := io.ReadFull(server, make([]byte, len(command))); err == nil {
			_, _ = server.Write([]byte("done"))
		}
	}()
	if got, err := ask(l, command); err != nil || string(got) != "done" {
		t.Errorf("%q, %v", got, err)
	}
}
