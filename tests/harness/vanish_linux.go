package harness

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// Vanish is what clients see of a machine that has lost its power: nothing is acknowledged any more, neither bytes nor
// probes nor attempts to connect. (In the black hole of Hold the kernel goes on acknowledging.)
func (r *Relay) Vanish() error {
	r.Hold()
	return r.filter(func(fd int) error {
		return syscall.AttachLsf(fd, []syscall.SockFilter{{Code: syscall.BPF_RET | syscall.BPF_K}}) // no byte of any packet gets in
	})
}

// Return ends Vanish: the machine is there again and knows of no connection.
func (r *Relay) Return() error {
	err := r.filter(syscall.DetachLsf)
	r.Reset()
	r.Release()
	return err
}

// filter changes the sockets of all connections to clients, and the one that listens, which gives later ones its own.
func (r *Relay) filter(change func(fd int) error) error {
	errs := []error{onSocket(r.listener.(*net.TCPListener), change)}
	r.each(func(p *pair) { errs = append(errs, onSocket(p.client, change)) })
	return errors.Join(errs...)
}

func onSocket(c syscall.Conn, change func(fd int) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return fmt.Errorf("filter a socket: %w", err)
	}
	var changed error
	if err := raw.Control(func(fd uintptr) { changed = change(int(fd)) }); err != nil {
		return nil // it is closed
	}
	if changed != nil {
		return fmt.Errorf("filter a socket: %w", changed)
	}
	return nil
}
