package mux

import "strings"

// Pair is what a message says under a name. A value that is nil is a null.
type Pair struct{ Key, Value []byte }

// Is says whether the key is that name, in whatever case.
func (p *Pair) Is(name string) bool {
	return len(p.Key) == len(name) && strings.EqualFold(string(p.Key), name)
}
