// Package server accepts clients: it owns their sockets, runs the handshake and the authentication, keeps the register
// of sessions for KILL and SHOW PROCESSLIST, and drains. What a client does after its login is proxy/session's.
//
// Level: the top of the data plane; only sidecar is above it.
package server
