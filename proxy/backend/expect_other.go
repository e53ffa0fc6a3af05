//go:build !unix

package backend

// expectation is only known where the runtime's poller can be asked before a write.
type expectation struct{}

func (e *expectation) init() {}

func (l *link) writeExpecting(p []byte) (int, error) { return l.Conn.Write(p) }
