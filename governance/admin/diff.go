package admin

import (
	"fmt"
	"slices"
	"strings"
)

// diffContext is how many equal lines surround a change.
const diffContext = 3

// edit is one line of a difference: ' ', '-' or '+', and the line without its end.
type edit struct {
	op   byte
	line string
}

// Unified is the difference of two texts in the format of `diff -u`, or "" if there is none.
func Unified(fromName, toName, from, to string) string {
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
	out := strings.SplitAfter(s, "\n")
	if out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return out
}

// maxTable bounds the table of common subsequences; documents that differ more are shown as replaced.
const maxTable = 4 << 20

// compareLines is a shortest edit, by the longest common subsequence of what lies between the equal ends.
func compareLines(from, to []string) []edit {
	var head, tail []edit
	for len(from) > 0 && len(to) > 0 && from[0] == to[0] {
		head = append(head, edit{' ', from[0]})
		from, to = from[1:], to[1:]
	}
	for len(from) > 0 && len(to) > 0 && from[len(from)-1] == to[len(to)-1] {
		tail = append(tail, edit{' ', from[len(from)-1]})
		from, to = from[:len(from)-1], to[:len(to)-1]
	}
	slices.Reverse(tail)
	return append(append(head, middle(from, to)...), tail...)
}

func middle(from, to []string) []edit {
	width := len(to) + 1
	var common []int32 // common[i*width+j]: the length for from[i:] and to[j:]
	if len(from)*len(to) <= maxTable {
		common = make([]int32, (len(from)+1)*width)
		for i := len(from) - 1; i >= 0; i-- {
			for j := len(to) - 1; j >= 0; j-- {
				if from[i] == to[j] {
					common[i*width+j] = common[(i+1)*width+j+1] + 1
				} else {
					common[i*width+j] = max(common[(i+1)*width+j], common[i*width+j+1])
				}
			}
		}
	}
	var out []edit
	i, j := 0, 0
	for i < len(from) || j < len(to) {
		switch {
		case common != nil && i < len(from) && j < len(to) && from[i] == to[j]:
			out = append(out, edit{' ', from[i]})
			i, j = i+1, j+1
		case i < len(from) && (j == len(to) || common == nil || common[(i+1)*width+j] >= common[i*width+j+1]):
			out = append(out, edit{'-', from[i]})
			i++
		default:
			out = append(out, edit{'+', to[j]})
			j++
		}
	}
	return out
}
