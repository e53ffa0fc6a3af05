// Package rpc tests the half of heddle that carries calls, in real processes: clients, servers and signals that it knows nothing
// of. What needs no process is tested beside the code. Level: tests.
package rpc
