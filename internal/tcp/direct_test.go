package tcp

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// joined returns the two ends of a connection of TCP; ours is direct.
func joined(t *testing.T) (ours net.Conn, theirs *net.TCPConn) {
	t.Helper()
	ours, other := joinedBy(t, "tcp", "127.0.0.1:0")
	return ours, other.(*net.TCPConn)
}

func joinedBy(t *testing.T, network, address string) (ours, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn)
	go func() {
		c, _ := l.Accept()
		accepted <- c
	}()
	dialed, err := net.Dial(network, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	other := <-accepted
	if other == nil {
		t.Fatal("nothing was accepted")
	}
	ours = Direct(dialed)
	if ours == dialed {
		t.Fatal("the connection is left as it is")
	}
	t.Cleanup(func() { ours.Close(); other.Close() })
	return ours, other
}

func TestDirectCarriesBytes(t *testing.T) {
	ours, theirs := joined(t)
	if n, err := ours.Read(nil); n != 0 || err != nil {
		t.Errorf("nothing read of nothing: %d, %v", n, err)
	}
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // more than any socket's buffers take
	go func() {
		if n, err := ours.Write(sent); n != len(sent) || err != nil {
			t.Errorf("write: %d of %d bytes, %v", n, len(sent), err)
		}
		_ = ours.(interface{ CloseWrite() error }).CloseWrite()
	}()
	late := make(chan struct{})
	time.AfterFunc(10*time.Millisecond, func() { _, _ = theirs.Write([]byte("late")); close(late) })
	got, err := io.ReadAll(theirs)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes of %d arrived: %v", len(got), len(sent), err)
	}
	<-late
	_ = theirs.Close()
	if got, err := io.ReadAll(ours); string(got) != "late" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestDirectObeysDeadlines(t *testing.T) {
	ours, theirs := joined(t)
	_ = ours.SetReadDeadline(time.Now().Add(time.Millisecond))
	if n, err := ours.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read past its deadline: %d, %v", n, err)
	}
	_ = ours.SetReadDeadline(time.Time{})
	if _, err := theirs.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if n, err := ours.Read(make([]byte, 8)); n != 1 || err != nil {
		t.Errorf("read after a deadline: %d, %v", n, err)
	}
	full := make([]byte, 64<<20)
	_ = ours.SetWriteDeadline(time.Now().Add(5 * time.Millisecond))
	if n, err := ours.Write(full); n == len(full) || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("write past its deadline: %d, %v", n, err)
	}
}

func TestDirectEndsWithItsConnection(t *testing.T) {
	ours, _ := joined(t)
	ended := make(chan error)
	go func() {
		_, err := ours.Read(make([]byte, 1))
		ended <- err
	}()
	_ = ours.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("read of a closed connection: %v", err)
	}
	if _, err := ours.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write to a closed connection: %v", err)
	}

	ours, theirs := joined(t)
	_ = theirs.SetLinger(0)
	_ = theirs.Close()
	if n, err := ours.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, io.EOF) {
		t.Errorf("read of a reset connection: %d, %v", n, err)
	}
	if _, err := ours.Write([]byte("x")); err == nil {
		t.Error("a reset connection is written to")
	}
}

func TestDirectLeavesOthersAlone(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if Direct(a) != a {
		t.Error("a pipe is taken for TCP")
	}
}

// Where the kernel keeps no bound the connection does: a Write fails when nothing is taken for so long, not when it takes long.
func TestDirectIsBounded(t *testing.T) {
	const takes = 400 * time.Millisecond
	sent, room := make([]byte, 16<<20), make([]byte, 1<<20)
	for end := time.Now().Add(30 * time.Second); ; {
		ours, theirs := joinedBy(t, "unix", filepath.Join(t.TempDir(), "s"))
		Bound(tls.Client(ours, nil), takes) // below encryption too
		wrote := make(chan error, 1)
		go func() {
			_, err := ours.Write(sent)
			wrote <- err
		}()
		var longest time.Duration
		tick, last := time.NewTicker(takes/10), time.Now()
		for range 16 { // longer than the bound in all
			<-tick.C
			_, err := io.ReadFull(theirs, room)
			longest, last = max(longest, time.Since(last)), time.Now()
			if err != nil {
				break // the Write says why
			}
		}
		tick.Stop()
		_ = theirs.Close()
		err := <-wrote
		if err == nil {
			break
		}
		if longest < takes || time.Now().After(end) { // else the test had no processor for so long, and the Write is right
			t.Fatalf("a Write of which something was taken every %v at the longest: %v", longest, err)
		}
	}
	ours, _ := joinedBy(t, "unix", filepath.Join(t.TempDir(), "s"))
	Bound(ours, takes/10)
	if n, err := ours.Write(sent); n == len(sent) || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a Write of which nothing is taken: %d bytes, %v", n, err)
	}
}

// The bound gives the deadlines back that it has taken the place of.
func TestBoundLeavesDeadlines(t *testing.T) {
	ours, theirs := joinedBy(t, "unix", filepath.Join(t.TempDir(), "s"))
	Bound(ours, time.Hour)
	if err := ours.SetDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	sent := make([]byte, 16<<20)
	if n, err := ours.Write(sent); n == len(sent) || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a Write past its own deadline: %d bytes, %v", n, err)
	}
	Bound(ours, 20*time.Millisecond)
	if err := ours.SetWriteDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if n, err := ours.Write(sent); n == len(sent) || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a Write past the bound: %d bytes, %v", n, err)
	}
	go func() { _, _ = io.Copy(io.Discard, theirs) }()
	Bound(ours, 0)
	if n, err := ours.Write(sent); n != len(sent) || err != nil {
		t.Errorf("a Write after the bound: %d bytes, %v", n, err)
	}
}
