// Package ops is what an operator does with several floors at once: the journal of governance, the servers of the data
// plane, the rules of the router. It is no command line, which is sidecar/cli, and it serves no client. Level: sidecar,
// below cli.
package ops
