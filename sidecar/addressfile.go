package sidecar

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/governance/durable"
)

// addressFile tells clients on the same machine where to take their calls: a line for each address, in the order in which they are to be tried.
// An empty path is nowhere.
type addressFile struct {
	path string
	pool []string // who takes calls while this process does not
}

// open tells that calls are taken at addresses.
func (f addressFile) open(addresses []string) error {
	var own []string
	for _, a := range addresses {
		own = append(own, fromHere(a))
	}
	return f.write(append(own, f.pool...))
}

// leave tells that none are taken here any more.
func (f addressFile) leave() error { return f.write(f.pool) }

// fromHere is an address as somebody on the same machine asks for it.
func fromHere(address string) string {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().IsUnspecified() {
		return address
	}
	host := "127.0.0.1"
	if at.Addr().Is6() {
		host = "::1"
	}
	return net.JoinHostPort(host, fmt.Sprint(at.Port()))
}

// write puts the addresses in the place of those before: whoever reads sees either.
func (f addressFile) write(addresses []string) error {
	if f.path == "" {
		return nil
	}
	if err := durable.Replace(f.path, []byte(strings.Join(append(slices.Clone(addresses), ""), "\n")), 0o644); err != nil {
		return fmt.Errorf("rpc.address_file: %w", err)
	}
	return nil
}
