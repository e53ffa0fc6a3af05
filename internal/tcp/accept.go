package tcp

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"
)

// Accept gives each connection that comes in on l to serve, which must not wait. When done is closed and then l, it returns nil. What passes,
// as a lack of descriptors, is told to paused and waited for: those that are in go on meanwhile, and some come back.
func Accept(l net.Listener, done <-chan struct{}, paused func(why error, pause time.Duration), serve func(net.Conn)) error {
	pause := time.Duration(0)
	for {
		conn, err := l.Accept()
		if err == nil {
			pause = 0
			serve(conn)
			continue
		}
		select {
		case <-done:
			return nil
		default:
		}
		var temporary interface{ Temporary() bool }
		if !errors.As(err, &temporary) || !temporary.Temporary() {
			return err
		}
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		paused(err, pause)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-done:
		}
		timer.Stop()
	}
}

// PartTime is how long the other end may take to have the last words.
const PartTime = 500 * time.Millisecond

// Part ends a connection so that the last words reach the other end: a socket that is closed while unread bytes wait in it,
// or come in afterwards, is reset, and what was under way may be lost. Of those bytes it reads most at the most. One that has gone, or goes when
// it sees the end, is not waited for. speaks is the connection with its encryption, if it has one, raw the socket.
func Part(speaks, raw net.Conn, most int64) {
	defer func() { _ = raw.Close() }() // nothing is under way any more
	_ = raw.SetDeadline(time.Now().Add(PartTime))
	if secured, ok := speaks.(*tls.Conn); ok {
		_ = secured.CloseWrite() // a convenience: the end of the socket follows
	}
	half, ok := raw.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(raw, most)) // however it ends, the connection does
}
