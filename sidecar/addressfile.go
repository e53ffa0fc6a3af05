package sidecar

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
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
func (f addressFile) open(addresses []string) error { return f.write(f.whole(addresses)) }

// leave tells that none are taken at addresses any more, unless another process has told since where they are taken.
func (f addressFile) leave(addresses []string) error {
	if f.path == "" {
		return nil
	}
	if now, err := os.ReadFile(f.path); err == nil && !bytes.Equal(now, lines(f.whole(addresses))) {
		return nil
	}
	return f.write(f.pool)
}

// whole are the lines of the file while calls are taken at addresses.
func (f addressFile) whole(addresses []string) []string {
	var own []string
	for _, a := range addresses {
		own = append(own, fromHere(a))
	}
	return append(own, f.pool...)
}

func lines(addresses []string) []byte {
	return []byte(strings.Join(append(slices.Clone(addresses), ""), "\n"))
}

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
	if err := durable.Replace(f.path, lines(addresses), 0o644); err != nil {
		return fmt.Errorf("rpc.address_file: %w", err)
	}
	return nil
}
