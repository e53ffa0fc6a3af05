// Package mesh is what the process and the command line share about documents in the store: where the store is, what a
// stored document of rules or users means, when one is refused, and when it gives rows another place.
//
// It runs nothing and keeps nothing. Its level: sidecar, below the process and the command line.
package mesh
