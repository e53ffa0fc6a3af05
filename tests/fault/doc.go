// Package fault takes parts away from a running heddle: shards that are killed, links that are cut. After each, the client
// has an error that says why or its answer, nothing is half done, and service comes back with the part.
// README.md has the figures of the long runs.
package fault
