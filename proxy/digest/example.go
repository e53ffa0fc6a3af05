package digest

import "strings"

// Example makes of a shape's text one that can be planned: lists that were shortened get placeholders again, as many as the list of columns
// before them has, or two. It is false for what was cut, and for rows of which nobody can tell how long they were.
func Example(text string) (string, bool) {
	var b strings.Builder
	for rest := text; ; {
		before, after, found := strings.Cut(rest, "(...)")
		b.WriteString(before)
		if !found {
			break
		}
		n := 2
		if words := strings.TrimRight(before, " "); hasSuffixFold(words, "VALUES") || hasSuffixFold(words, "VALUE") {
			head := strings.TrimRight(words[:strings.LastIndexByte(words, ' ')+1], " ")
			if n = columns(head); n == 0 {
				return "", false
			}
		}
		b.WriteString("(?" + strings.Repeat(", ?", n-1) + ")")
		rest = after
	}
	return b.String(), !strings.HasSuffix(text, "…")
}

func hasSuffixFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}

// columns counts the names of a list at the end of a text; 0: there is none.
func columns(text string) int {
	open := strings.LastIndexByte(text, '(')
	if open < 0 || !strings.HasSuffix(text, ")") {
		return 0
	}
	return strings.Count(text[open:], ",") + 1
}
