package sysview

import (
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/parser"
)

// edits are replacements of parts of a text.
type edits []edit

type edit struct {
	parser.Span
	with string
}

// replace notes a replacement; an empty span is an insertion.
func (e *edits) replace(span parser.Span, with string) { *e = append(*e, edit{span, with}) }

// apply makes the replacements. Of two that overlap the first noted counts.
func (e edits) apply(text string) string {
	slices.SortStableFunc(e, func(a, b edit) int { return a.Start - b.Start })
	var b strings.Builder
	at := 0
	for _, x := range e {
		if x.Start < at {
			continue
		}
		b.WriteString(text[at:x.Start])
		b.WriteString(x.with)
		at = x.End
	}
	b.WriteString(text[at:])
	return b.String()
}
