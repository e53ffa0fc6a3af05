//go:build !race

package session

const poolsForget = 0
