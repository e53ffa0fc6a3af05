package admin

import (
	"fmt"
	"strings"
)

// diffContext is how many equal lines surround a change.
const diffContext = 3

// edit is one line of a difference: ' ', '-' or '+', and the line without its end.
type edit struct {
	op   byte
	line string
}

// unified is the difference in the format of `diff -u`, or "" if there is none.
func unified(fromName, toName, from, to string) string {
	if from == to {
		return ""
	}
	edits := compareLines(lines(from), lines(to))
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s\n+++ %s\n", fromName, toName)
	for start := 0; start < len(edits); {
		for start < len(edits) && edits[start].op == ' ' {
			start++
		}
		if start == len(edits) {
			break
		}
		end := hunkEnd(edits, start)
		writeHunk(&b, edits, max(0, start-diffContext), min(len(edits), end+diffContext))
		start = end
	}
	return b.String()
}

// hunkEnd is behind the last change of a hunk: changes with up to twice the context between them are one hunk.
func hunkEnd(edits []edit, start int) int {
	end, equal := start, 0
	for i := start; i < len(edits) && equal <= 2*diffContext; i++ {
		if edits[i].op == ' ' {
			equal++
		} else {
			end, equal = i+1, 0
		}
	}
	return end
}

func writeHunk(b *strings.Builder, edits []edit, lo, hi int) {
	fromLine, toLine := 0, 0
	for _, e := range edits[:lo] {
		if e.op != '+' {
			fromLine++
		}
		if e.op != '-' {
			toLine++
		}
	}
	fromLen, toLen := 0, 0
	for _, e := range edits[lo:hi] {
		if e.op != '+' {
			fromLen++
		}
		if e.op != '-' {
			toLen++
		}
	}
	fmt.Fprintf(b, "@@ -%s +%s @@\n", span(fromLine, fromLen), span(toLine, toLen))
	for _, e := range edits[lo:hi] {
		b.WriteByte(e.op)
		b.WriteString(e.line)
		if !strings.HasSuffix(e.line, "\n") {
			b.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

// span is start,length with lines counted from 1; an empty span names the line before it.
func span(before, n int) string {
	switch n {
	case 0:
		return fmt.Sprintf("%d,0", before)
	case 1:
		return fmt.Sprint(before + 1)
	}
	return fmt.Sprintf("%d,%d", before+1, n)
}

// lines keeps the line ends, so that a missing last one is a difference.
func lines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.SplitAfter(strings.TrimSuffix(s, "\n"), "\n")[:strings.Count(strings.TrimSuffix(s, "\n"), "\n")+1 : strings.Count(strings.TrimSuffix(s, "\n"), "\n")+1]
}
