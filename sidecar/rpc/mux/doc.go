// Package mux has many messages share a connection: a Writer, which any goroutine gives messages without waiting and which writes many by
// one system call, and a Table of those that wait for their answers by the number that each was sent with. It knows nothing of
// what the messages are. Level: sidecar/rpc.
package mux
