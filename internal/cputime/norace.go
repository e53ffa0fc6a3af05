//go:build !race

package cputime

// Slower is by how much what is held is slowed: there is no race detector.
const Slower = 1
