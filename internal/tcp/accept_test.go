package tcp

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"
)

// failing is a listener whose next accepts fail.
type failing struct {
	net.Listener
	errs []error
}

func (f *failing) Accept() (net.Conn, error) {
	if len(f.errs) > 0 {
		err := f.errs[0]
		f.errs = f.errs[1:]
		return nil, err
	}
	return f.Listener.Accept()
}

func TestAcceptWaitsForWhatPasses(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	full := &net.OpError{Op: "accept", Err: syscall.EMFILE}
	l := &failing{Listener: inner, errs: []error{full, full}}
	done, served, ended := make(chan struct{}), make(chan net.Conn, 1), make(chan error)
	var pauses []time.Duration
	go func() {
		ended <- Accept(l, done, func(_ error, pause time.Duration) { pauses = append(pauses, pause) }, func(c net.Conn) { served <- c })
	}()
	c, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = (<-served).Close()
	close(done)
	_ = inner.Close()
	if err := <-ended; err != nil {
		t.Errorf("the orderly end: %v", err)
	}
	if len(pauses) != 2 || pauses[1] != 2*pauses[0] {
		t.Errorf("paused for %v", pauses)
	}
}

func TestAcceptEndsWithItsListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	err = Accept(l, make(chan struct{}), func(why error, _ time.Duration) { t.Errorf("paused for %v", why) }, nil)
	if !errors.Is(err, net.ErrClosed) {
		t.Errorf("a listener that was closed by accident: %v", err)
	}
}
