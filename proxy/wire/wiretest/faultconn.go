package wiretest

import (
	"net"
	"sync"
	"syscall"
)

// Faults says what a FaultConn does wrong. The zero value does nothing.
type Faults struct {
	// CutReadAfter and CutWriteAfter end the connection once so many bytes have passed in that direction; 0: never.
	// The call in which it happens returns the bytes up to there, the next one ECONNRESET.
	CutReadAfter  int64
	CutWriteAfter int64
	// CutNow ends it before the first byte of either direction.
	CutNow bool
	// ReadChunk and WriteChunk are the most bytes that one call moves; 0: no limit. 1 splits every packet at every
	// byte.
	ReadChunk  int
	WriteChunk int
	// ReadGate and WriteGate hold back each call until one value is received, or the channel is closed.
	ReadGate  <-chan struct{}
	WriteGate <-chan struct{}
}

// FaultConn is a net.Conn with faults.
type FaultConn struct {
	net.Conn
	faults Faults

	mu      sync.Mutex // guards read, written
	read    int64
	written int64
}

// NewFaultConn puts faults on top of c.
func NewFaultConn(c net.Conn, f Faults) *FaultConn { return &FaultConn{Conn: c, faults: f} }

// Read implements net.Conn.
func (c *FaultConn) Read(p []byte) (int, error) {
	if c.faults.ReadGate != nil {
		<-c.faults.ReadGate
	}
	n, err := c.allow(len(p), c.faults.ReadChunk, c.faults.CutReadAfter, &c.read)
	if err != nil {
		return 0, err
	}
	n, err = c.Conn.Read(p[:n])
	c.count(&c.read, n)
	return n, err
}

// Write implements net.Conn.
func (c *FaultConn) Write(p []byte) (int, error) {
	if c.faults.WriteGate != nil {
		<-c.faults.WriteGate
	}
	sent := 0
	for sent < len(p) {
		n, err := c.allow(len(p)-sent, c.faults.WriteChunk, c.faults.CutWriteAfter, &c.written)
		if err != nil {
			return sent, err
		}
		n, err = c.Conn.Write(p[sent : sent+n])
		c.count(&c.written, n)
		if sent += n; err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// Moved is the number of bytes that were read and written.
func (c *FaultConn) Moved() (read, written int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read, c.written
}

// allow tells how many of want bytes may pass, or ends the connection.
func (c *FaultConn) allow(want, chunk int, cut int64, moved *int64) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.faults.CutNow || cut > 0 && *moved >= cut {
		c.Conn.Close()
		return 0, &net.OpError{Op: "fault", Err: syscall.ECONNRESET}
	}
	if chunk > 0 {
		want = min(want, chunk)
	}
	if cut > 0 {
		want = int(min(int64(want), cut-*moved))
	}
	return want, nil
}

func (c *FaultConn) count(moved *int64, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*moved += int64(n)
}
