package merge

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
)

// jsonMember is one name and value of an object, both as the server printed them.
type jsonMember struct {
	text []byte // name, colon, value
	name string // unescaped
}

// jsonMembers splits what stands between an object's braces. The text is a server's, so its nesting is trusted.
func jsonMembers(text []byte) ([]jsonMember, error) {
	var members []jsonMember
	for rest := bytes.TrimSpace(text); len(rest) > 0; {
		var m jsonMember
		end := jsonStringEnd(rest)
		if end < 0 || json.Unmarshal(rest[:end], &m.name) != nil {
			return nil, sqlerr.Internal(fmt.Sprintf("a JSON object's member reads %.40q", rest))
		}
		end += jsonValueEnd(rest[end:])
		m.text = bytes.TrimSpace(rest[:end])
		members = append(members, m)
		if end < len(rest) {
			end++ // the comma
		}
		rest = bytes.TrimSpace(rest[end:])
	}
	return members, nil
}

// jsonStringEnd returns the length of the string that p begins with, -1 if it does not.
func jsonStringEnd(p []byte) int {
	if len(p) == 0 || p[0] != '"' {
		return -1
	}
	for i := 1; i < len(p); i++ {
		switch p[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// jsonValueEnd returns where the comma is that ends the value p begins with, or p's length.
func jsonValueEnd(p []byte) int {
	depth := 0
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '"':
			n := jsonStringEnd(p[i:])
			if n < 0 {
				return len(p)
			}
			i += n - 1
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return len(p)
}

// normalize keeps the last member of each name, in MySQL's order: shorter names first, then by bytes.
func normalize(members []jsonMember) []jsonMember {
	at := make(map[string]int, len(members))
	kept := members[:0]
	for _, m := range members {
		if i, ok := at[m.name]; ok {
			kept[i] = m
			continue
		}
		at[m.name] = len(kept)
		kept = append(kept, m)
	}
	slices.SortFunc(kept, func(a, b jsonMember) int {
		return cmp.Or(cmp.Compare(len(a.name), len(b.name)), cmp.Compare(a.name, b.name))
	})
	return kept
}

// appendMembers writes members with the separator between them.
func appendMembers(dst []byte, members []jsonMember, separator []byte) []byte {
	for i, m := range members {
		if i > 0 {
			dst = append(dst, separator...)
		}
		dst = append(dst, m.text...)
	}
	return dst
}
