package session

import (
	"fmt"
	"strings"
)

// infoSum adds up the texts that servers put into the OK of a write: "Rows matched: 2  Changed: 1  Warnings: 0",
// "Records: 3  Duplicates: 0  Warnings: 0".
type infoSum struct {
	names  []string
	values []uint64
}

// add takes one server's text.
func (i *infoSum) add(text []byte) {
	if len(text) == 0 {
		return
	}
	for n, part := range strings.Split(string(text), "  ") {
		name, number, ok := strings.Cut(part, ": ")
		var v uint64
		if _, err := fmt.Sscanf(number, "%d", &v); !ok || err != nil {
			return
		}
		if n == len(i.names) {
			i.names, i.values = append(i.names, name), append(i.values, 0)
		}
		if i.names[n] == name {
			i.values[n] += v
		}
	}
}

// divide makes the sum of n copies that of one.
func (i *infoSum) divide(n int) {
	for k := range i.values {
		i.values[k] /= uint64(n)
	}
}

// matched reports whether a row met the conditions of an UPDATE.
func (i *infoSum) matched() bool {
	return len(i.names) > 0 && i.names[0] == "Rows matched" && i.values[0] > 0
}

// text is the sum, with the statement's own number of warnings.
func (i *infoSum) text(warnings uint16) []byte {
	if len(i.names) == 0 {
		return nil
	}
	parts := make([]string, len(i.names))
	for k, name := range i.names {
		v := i.values[k]
		if name == "Warnings" {
			v = uint64(warnings)
		}
		parts[k] = fmt.Sprintf("%s: %d", name, v)
	}
	return []byte(strings.Join(parts, "  "))
}
