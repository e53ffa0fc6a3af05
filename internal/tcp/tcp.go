// Package tcp is what Heddle asks of TCP beyond package net: how connections are accepted and ended, reads and writes that cost less, and a bound of how long the other
// end of a connection may stay silent, by the kernel, without a timer or a system call per read or write. Of connections that are
// no TCP the other end is a process of this machine, whose end the kernel tells at once.
package tcp

import (
	"net"
	"syscall"
	"time"
)

// Bound has a Write to c, or to what is below it, fail when the other end has had no room for more for so long: a process that takes nothing, be
// it of this machine. The kernel watches over TCP, where it can (GiveUpAfter), a connection of Direct over itself.
func Bound(c net.Conn, takes time.Duration) {
	if raw := Raw(c); raw != nil && kernelBounds {
		GiveUpAfter(raw, takes)
		return
	}
	for c != nil {
		if l, ok := c.(interface{ bound(time.Duration) }); ok {
			l.bound(takes)
			return
		}
		under, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return
		}
		c = under.NetConn()
	}
}

// Plain is the socket of a connection that is written as it is; nil: there is something between, as TLS, or no socket.
func Plain(c net.Conn) syscall.RawConn {
	switch c.(type) {
	case *net.TCPConn, interface{ plain() }:
		return Raw(c)
	}
	return nil
}

// Raw is a connection's socket, below TLS too; nil: there is none that options can be set of.
func Raw(c net.Conn) syscall.RawConn {
	if under, ok := c.(interface{ NetConn() net.Conn }); ok {
		return Raw(under.NetConn())
	}
	t, ok := c.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return nil // closed already
	}
	return raw
}
