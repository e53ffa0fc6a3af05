//go:build !race

package explain

const slower = 1
