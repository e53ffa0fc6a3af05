//go:build race

package cputime

// Slower is by how much the race detector slows what is held, at most.
const Slower = 15
