// Package mux has many messages share a connection: a Reader, which takes as many as have come by one system call, a Writer, which any goroutine gives
// messages without waiting and which writes many by one, and a Table of those that wait for their answers by the number that each was sent with. It knows
// nothing of what the messages are, but where they end and that they may say something under names. Level: sidecar/rpc.
package mux
