package rpc

import (
	"bytes"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/internal/tcp"
	"github.com/heddle-mesh/heddle/sidecar/rpc/http2"
	"github.com/heddle-mesh/heddle/sidecar/rpc/upstream"
)

// maxStreams is how many calls a client may have under way on a connection.
const maxStreams = 100

// serve2 goes on with a connection of HTTP/2.
func (c *conn) serve2() {
	s := c.server.settings.Load()
	waiting := bytes.Clone(c.client.Waiting())
	c.client.Release()
	two := http2.Accept(c.client.Conn, waiting, http2.Settings{
		Streams: maxStreams, HeadSize: s.HeadSize, Idle: s.IdleTimeout, Head: s.HeadTimeout, Silence: s.Silence,
	}, c.open)
	c.mu.Lock()
	c.two = two
	draining := c.draining
	c.mu.Unlock()
	if draining {
		two.Drain()
	}
	if err := two.Run(); err != nil {
		c.server.observer.Fault(err.Code.String(), err.Why, c.addr)
	}
	c.calls.Wait()
}

// unanswered is how long a server's host may acknowledge nothing: calls that share a connection with it would all be late.
const unanswered = 10 * time.Second

// connect2 has a connection to an endpoint speak HTTP/2.
func (s *Server) connect2(e *upstream.Endpoint) func(*upstream.Conn) upstream.Shared {
	return func(up *upstream.Conn) upstream.Shared {
		settings := s.settings.Load()
		tcp.GiveUpAfter(tcp.Raw(up.Conn), unanswered)
		two := http2.Connect(up.Conn, http2.Settings{HeadSize: maxAnswerHead, Head: settings.HeadTimeout, Silence: settings.Silence, Vacant: e.Vacant})
		s.reaping.Go(func() {
			if err := two.Run(); err != nil {
				s.log.Warn("a server's connection was ended", zap.String("endpoint", e.Address), zap.Error(err))
			}
			_ = up.Close() // it is closed already, and counted now
			e.Left(two)
		})
		return two
	}
}
