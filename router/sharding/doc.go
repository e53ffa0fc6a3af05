// Package sharding says on which node of a sharded table a row lives. It has two halves: a Keyer turns SQL values
// into keys in canonical form, by the server's own rules of comparison and storage, and an Algorithm turns keys into
// node indexes.
//
// It knows nothing of documents, data sources or statements, and it does no I/O: what it cannot weigh itself it
// asks of a Weigher that it is given. When in doubt it answers "every node", or refuses; never a wrong subset.
//
// Level: router's lowest floor beside keygen; pure.
package sharding
