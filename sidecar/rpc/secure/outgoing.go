package secure

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// Outgoing is a cluster's TLS, which follows its files.
type Outgoing struct {
	files  Files
	config atomic.Pointer[tls.Config]
	wrong  atomic.Pointer[error] // with the files as they are now; nil: nothing
	looks  string                // of the files, when they were read last
}

// NewOutgoing reads the files.
func NewOutgoing(f Files) (*Outgoing, error) {
	o := &Outgoing{files: f}
	_, err := o.Refresh()
	return o, err
}

// Refresh reads the files again if one of them has changed. On error what was read before stays; the next call does not try
// again until a file changes once more. One goroutine may call it at a time.
func (o *Outgoing) Refresh() (changed bool, err error) {
	looks := o.files.appearance()
	if looks == o.looks {
		return false, nil
	}
	o.looks = looks
	c, err := o.files.Cluster()
	if err != nil {
		o.wrong.Store(&err)
		return false, err
	}
	o.wrong.Store(nil)
	o.config.Store(c)
	return true, nil
}

// Wrong is why the files as they are now are not used, and those of before are; nil: they are. Any goroutine may ask.
func (o *Outgoing) Wrong() error {
	if err := o.wrong.Load(); err != nil {
		return *err
	}
	return nil
}

// appearance is what a change of a file's content changes.
func (f *Files) appearance() string {
	var b strings.Builder
	for _, path := range []string{f.Authorities, f.Chain, f.Key} {
		if path == "" {
			continue
		}
		if info, err := os.Stat(path); err != nil {
			fmt.Fprintf(&b, "%v\n", err)
		} else {
			fmt.Fprintf(&b, "%s: %d bytes of %v\n", path, info.Size(), info.ModTime())
		}
	}
	if b.Len() == 0 {
		return "no files"
	}
	return b.String()
}

// Handshake encrypts a connection to a server at address (host:port), until the deadline.
func (o *Outgoing) Handshake(raw net.Conn, address string, deadline time.Time) (*tls.Conn, error) {
	c := o.config.Load()
	if c.ServerName == "" && len(o.files.Identities) == 0 {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, fmt.Errorf("the address of a server: %w", err)
		}
		c = c.Clone()
		c.ServerName = host
	}
	secured := tls.Client(raw, c)
	if err := raw.SetDeadline(deadline); err != nil {
		return nil, err
	}
	if err := secured.Handshake(); err != nil {
		return nil, fmt.Errorf("TLS: %w", err)
	}
	if got := secured.ConnectionState().NegotiatedProtocol; o.files.HTTP2 && got != "h2" {
		return nil, fmt.Errorf("TLS: the server speaks no HTTP/2 (ALPN %q)", got)
	}
	return secured, raw.SetDeadline(time.Time{})
}
