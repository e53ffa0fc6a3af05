package rule

import (
	"fmt"
	"strconv"
	"strings"
)

// maxNodes bounds the nodes of a table, so that a typing mistake in a pattern does not fill the memory.
const maxNodes = 1 << 15

// expandPattern writes out a pattern of actual tables. ${0..3} counts, ${00..11} counts with leading zeros, ${a,b}
// lists; of several, the leftmost changes slowest. Text without them stands for itself.
func expandPattern(pattern string) ([]string, error) {
	head, rest, ok := strings.Cut(pattern, "${")
	if !ok {
		return []string{pattern}, nil
	}
	body, tail, ok := strings.Cut(rest, "}")
	if !ok {
		return nil, fmt.Errorf("%q has ${ without }", pattern)
	}
	choices, err := expandBody(body)
	if err != nil {
		return nil, err
	}
	tails, err := expandPattern(tail)
	if err != nil {
		return nil, err
	}
	if len(choices)*len(tails) > maxNodes {
		return nil, fmt.Errorf("%q stands for more than %d tables", pattern, maxNodes)
	}
	out := make([]string, 0, len(choices)*len(tails))
	for _, c := range choices {
		for _, t := range tails {
			out = append(out, head+c+t)
		}
	}
	return out, nil
}

func expandBody(body string) ([]string, error) {
	first, last, ranged := strings.Cut(body, "..")
	if !ranged {
		parts := strings.Split(body, ",")
		for i, p := range parts {
			if parts[i] = strings.TrimSpace(p); parts[i] == "" {
				return nil, fmt.Errorf("${%s} has an empty choice", body)
			}
		}
		return parts, nil
	}
	a, errA := strconv.ParseUint(first, 10, 31)
	b, errB := strconv.ParseUint(last, 10, 31)
	if errA != nil || errB != nil || a > b || b-a >= maxNodes {
		return nil, fmt.Errorf("${%s} is no range", body)
	}
	width := 0
	if len(first) > 1 && first[0] == '0' {
		width = len(first)
	}
	out := make([]string, 0, b-a+1)
	for i := a; i <= b; i++ {
		out = append(out, fmt.Sprintf("%0*d", width, i))
	}
	return out, nil
}

// ExpandNodes writes out the patterns of a table's nodes, in their order.
func ExpandNodes(patterns []string) ([]string, error) {
	var out []string
	for _, p := range patterns {
		names, err := expandPattern(p)
		if err != nil {
			return nil, err
		}
		out = append(out, names...)
	}
	return out, nil
}
