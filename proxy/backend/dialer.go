package backend

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync/atomic"

	"github.com/heddle-mesh/heddle/proxy/wire"
)

// dialer is what connections have in common that does not depend on the data source.
type dialer struct {
	buffers *wire.Pool
	dial    func(ctx context.Context, network, addr string) (net.Conn, error)
	random  io.Reader // for encrypted passwords

	base    atomic.Pointer[Base] // what all sessions start with; nil: each server's own settings
	sources atomic.Int32         // how many data sources there are
	met     func(dataSource string, refused []Refusal)
	turned  func(dataSource string, why error)
}

func newDialer(buffers *wire.Pool, dial func(ctx context.Context, network, addr string) (net.Conn, error), random io.Reader) *dialer {
	if dial == nil {
		dial = (&net.Dialer{KeepAlive: -1}).DialContext // TCP_NODELAY is Go's default; for keep-alive see watchSilence
	}
	return &dialer{buffers: buffers, dial: dial, random: random}
}

// connect opens a connection to ds in schema and logs in, within ds.Limits.ConnectTimeout. An ERR of the server is a
// *sqlerr.Error inside the *Error that every failure is.
func (d *dialer) connect(ctx context.Context, ds *DataSource, flags Flags, schema string) (*Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, ds.Limits.ConnectTimeout,
		fmt.Errorf("no answer within %v", ds.Limits.ConnectTimeout))
	defer cancel()
	raw, err := d.dial(ctx, ds.network(), ds.Addr)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, &Error{DataSource: ds.Name, Op: "dial", Err: err}
	}
	c := &Conn{ds: ds, dialer: d, link: newLink(raw), lastKnown: true} // LAST_INSERT_ID() is 0
	c.net = c.link
	c.link.watchSilence(ds.Limits.SilenceTimeout)
	c.stream = wire.NewClientStream(c.link, wire.Config{Pool: d.buffers})
	c.stmts.init(ds.Limits.Statements, ds.Limits.StatementBytes)
	c.link.arm(ctx.Done())
	if err := c.login(ctx, flags, schema); err != nil {
		cause := err
		if ctx.Err() != nil {
			cause = context.Cause(ctx)
		}
		c.broken.Store(true)
		_ = c.Close() // the login's error is the one to report
		return nil, &Error{DataSource: ds.Name, Op: "login", Err: cause}
	}
	c.settled()
	return c, nil
}
