package etcdstore

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"sync/atomic"

	"google.golang.org/grpc/credentials"
)

// handshakes are TLS credentials that remember why the last connection could not be made. The etcd client tries on until
// the operation's time is up and then tells of that alone. An etcd that rejects our certificate says so after the
// handshake (TLS 1.3), to the first read.
type handshakes struct {
	credentials.TransportCredentials
	failure *atomic.Pointer[error]
}

func newHandshakes(config *tls.Config, failure *atomic.Pointer[error]) *handshakes {
	return &handshakes{credentials.NewTLS(config), failure}
}

// ClientHandshake implements credentials.TransportCredentials.
func (h *handshakes) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := h.TransportCredentials.ClientHandshake(ctx, authority, raw)
	if err != nil {
		if ctx.Err() == nil {
			h.failure.Store(&err)
		}
		return nil, nil, err
	}
	return &judged{Conn: conn, failure: h.failure}, info, nil
}

// Clone implements credentials.TransportCredentials.
func (h *handshakes) Clone() credentials.TransportCredentials {
	return &handshakes{h.TransportCredentials.Clone(), h.failure}
}

// judged is a connection whose first read brings the etcd's judgement of our certificate.
type judged struct {
	net.Conn
	failure *atomic.Pointer[error]
	known   bool
}

// Read implements net.Conn.
func (j *judged) Read(p []byte) (int, error) {
	n, err := j.Conn.Read(p)
	if !j.known {
		j.known = true
		if err == nil {
			j.failure.Store(nil)
		} else if strings.Contains(err.Error(), "remote error: tls:") { // the type of alerts is not exported
			j.failure.Store(&err)
		}
	}
	return n, err
}
