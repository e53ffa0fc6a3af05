//go:build race

package session

// poolsForget: under the race detector a sync.Pool drops what it is given now and then, so that more is allocated.
const poolsForget = 2
