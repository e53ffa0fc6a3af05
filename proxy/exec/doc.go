// Package exec runs a plan's units on leased connections: it sends each shard its text and gives back what the shard
// answers, as packets to relay or as a stream of rows. It keeps no state between statements, chooses no shard, merges
// nothing and does not know the client.
//
// Level: the proxy's, between proxy/backend, whose connections it reads, and proxy/session, which owns the leases.
package exec
