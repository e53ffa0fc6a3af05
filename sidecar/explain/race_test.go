//go:build race

package explain

// slower is by how much the race detector slows planning, at most.
const slower = 15
