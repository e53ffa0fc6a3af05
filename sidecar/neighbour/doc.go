// Package neighbour is the channel between the instances of a mesh: one asks all others for their clients, or one of them
// to end one of its.
//
// Each instance listens on an address of its own and speaks HTTP over TLS 1.3. It makes a key at its start that never
// leaves the process, and writes the fingerprint of the certificate, with its address, into the store, under the lease of its registration. Both sides
// of a connection show certificates, and each takes the other's only if the store has its fingerprint: who may write to the
// store's instances is in, nobody else. So there is no secret to distribute or to rotate, and statements' texts pass neither through
// the store nor in clear. Rejected: a mailbox in the store, whose history would keep the texts, and which every look at the
// process list would write to once for each instance.
//
// It does not decide who may see or end what: the instance that is asked does, by the account that the asking one has logged in.
// Every wait is bounded; who has not answered is named. Level: sidecar, below the process.
package neighbour
